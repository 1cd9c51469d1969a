/* scrub.c: taking secrets out of texts that people will read (see scrub.h).
 * Owns: what is put in a secret's place. Must not know: whose secret it is. */
#include "scrub.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* LEAST bytes of a secret that was cut off are a secret still. */
enum { SHORTEST = 4, LEAST = 8 };

/* How many bytes at `at` are `byte`, as forms and addresses write it; 0: they are not. */
static size_t match_code(const char *at, char byte) {
    static const char digits[] = "0123456789ABCDEF";
    const char code[] = {'%', digits[(unsigned char)byte >> 4], digits[(unsigned char)byte & 15], '\0'};
    if (strncasecmp(at, code, 3) == 0) {
        return 3;
    }
    return *at == byte || (*at == '+' && byte == ' ') ? 1 : 0;
}

/* How many bytes at `at` are the secret, or as much of it as there was room for; 0: they are not. */
static size_t match(const char *at, const char *secret, size_t size, bool encoded) {
    size_t read = 0;
    size_t same = 0;
    for (size_t step = 1; same < size && step > 0; same += step > 0) {
        step = encoded ? match_code(at + read, secret[same]) : at[read] == secret[same];
        read += step;
    }
    if (same == size) {
        return read;
    }
    size_t rest = strlen(at + read);
    bool is_cut = rest == 0 || (encoded && at[read] == '%' && rest < 3);
    return is_cut && same >= LEAST ? read + rest : 0;
}

void fu_scrub(char *text, const char *secret) {
    static const char mark[] = "***";
    size_t size = secret != NULL ? strlen(secret) : 0;
    if (size < SHORTEST) {
        return;
    }
    for (char *at = text; *at != '\0'; at++) {
        size_t found = match(at, secret, size, false);
        found = found > 0 ? found : match(at, secret, size, true);
        if (found > 0) {
            memcpy(at, mark, sizeof mark - 1); /* no longer than what it takes the place of */
            memmove(at + sizeof mark - 1, at + found, strlen(at + found) + 1);
            at += sizeof mark - 2;
        }
    }
}
