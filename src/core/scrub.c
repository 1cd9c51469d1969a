/* scrub.c: taking secrets out of texts that people will read (see scrub.h).
 * Owns: what is put in a secret's place. Must not know: whose secret it is. */
#include "scrub.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* LEAST bytes of a secret that was cut off are a secret still. */
enum { SHORTEST = 4, LEAST = 8 };

/* Are they the same, in a text in which control characters may have become spaces? */
static bool is_same_byte(char found, char byte) {
    return found == byte || (found == ' ' && ((unsigned char)byte < ' ' || byte == 0x7f));
}

/* How many bytes at `at` are `byte`, as forms and addresses write it; 0: they are not. */
static size_t match_code(const char *at, char byte) {
    static const char digits[] = "0123456789ABCDEF";
    const char code[] = {'%', digits[(unsigned char)byte >> 4], digits[(unsigned char)byte & 15], '\0'};
    if (strncasecmp(at, code, 3) == 0) {
        return 3;
    }
    return is_same_byte(*at, byte) || (*at == '+' && byte == ' ') ? 1 : 0;
}

/* How many bytes at `at` are the secret, or as much of it as there was room for; 0: they are not. */
static size_t match(const char *at, const char *secret, size_t size, bool encoded) {
    size_t read = 0;
    size_t same = 0;
    for (size_t step = 1; same < size && step > 0; same += step > 0) {
        step = encoded ? match_code(at + read, secret[same]) : is_same_byte(at[read], secret[same]);
        read += step;
    }
    if (same == size) {
        return read;
    }
    size_t rest = strlen(at + read);
    bool is_cut = rest == 0 || (encoded && at[read] == '%' && rest < 3);
    return is_cut && same >= LEAST ? read + rest : 0;
}

/* How many bytes at `at` are one of the secrets: the most, since one secret may begin with another. */
static size_t find(const char *at, const char *const secrets[], size_t count) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = secrets[i] != NULL ? strlen(secrets[i]) : 0;
        for (int encoded = 0; size >= SHORTEST && encoded < 2; encoded++) {
            size_t found = match(at, secrets[i], size, encoded != 0);
            most = found > most ? found : most;
        }
    }
    return most;
}

void fu_scrub_all(char *text, const char *const secrets[], size_t count) {
    static const char mark[] = "***";
    for (char *at = text; *at != '\0'; at++) {
        size_t found = find(at, secrets, count);
        if (found > 0) {
            memcpy(at, mark, sizeof mark - 1); /* no longer than what it takes the place of */
            memmove(at + sizeof mark - 1, at + found, strlen(at + found) + 1);
            at += sizeof mark - 2;
        }
    }
}

void fu_scrub(char *text, const char *secret) {
    fu_scrub_all(text, &secret, 1);
}
