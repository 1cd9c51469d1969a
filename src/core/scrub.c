/* scrub.c: taking secrets out of texts that people will read (see scrub.h).
 * Owns: what is put in a secret's place. Must not know: whose secret it is. */
#include "scrub.h"

#include <stddef.h>
#include <string.h>

/* LEAST bytes of a secret that was cut off are a secret still. */
enum { SHORTEST = 4, LEAST = 8 };

/* How many bytes at `at` are the secret, or as much of it as there was room for; 0: they are not. */
static size_t match(const char *at, const char *secret, size_t size) {
    size_t same = 0;
    while (same < size && at[same] == secret[same]) {
        same++;
    }
    return same == size || (at[same] == '\0' && same >= LEAST) ? same : 0;
}

void fu_scrub(char *text, const char *secret) {
    static const char mark[] = "***";
    size_t size = secret != NULL ? strlen(secret) : 0;
    if (size < SHORTEST) {
        return;
    }
    for (char *at = text; *at != '\0'; at++) {
        size_t found = match(at, secret, size);
        if (found > 0) {
            memcpy(at, mark, sizeof mark - 1); /* no longer than what it takes the place of */
            memmove(at + sizeof mark - 1, at + found, strlen(at + found) + 1);
            at += sizeof mark - 2;
        }
    }
}
