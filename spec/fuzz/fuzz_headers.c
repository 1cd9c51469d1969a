/* fuzz_headers.c: the value of a Retry-After header. Owns: nothing. Must not know: transfers.
 *
 * Input: eight bytes for the time of day, then the value.
 * Promises: seconds are read as they stand, up to what no wait can be; anything else is a wait that is a number, or
 * nothing; the value needs no NUL behind it. */
#include "fuzz.h"
#include "headers.h"
#include "http.h"

#include <math.h>

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The digits alone, or NULL. */
static const char *plain_seconds(char *text, size_t size) {
    while (size > 0 && is_blank(text[size - 1])) {
        text[--size] = '\0';
    }
    text += strspn(text, " \t");
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0' ? text : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    double wall = (double)(fuzz_word(&input) % 4102444800); /* up to the year 2100 */
    size = fuzz_left(&input);
    char *exact = malloc(size > 0 ? size : 1); /* no NUL */
    FUZZ_CHECK(exact != NULL);
    if (size > 0) {
        memcpy(exact, input.at, size);
    }
    double wait = fu_retry_after_read(exact, size, wall);
    FUZZ_CHECK(isfinite(wait));
    FUZZ_CHECK(wait >= 0 || wait == -1);
    char *text = fuzz_copy(input.at, size);
    if (strlen(text) == size && size < 64) {
        const char *seconds = plain_seconds(text, size);
        if (seconds != NULL) {
            double expected = strtod(seconds, NULL);
            FUZZ_CHECK(expected < 1e9 ? wait == expected : wait >= 1e9);
        }
    }
    free(text);
    free(exact);
    return 0;
}
