/* fuzz.h: what the fuzz targets share.
 *
 * Owns: cutting an input into pieces, stopping where a promise is broken. Must not know: what is tested. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls with each input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program where `condition` does not hold; libFuzzer then keeps the input. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))

static inline _Noreturn void fuzz_broken(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, condition);
    abort();
}

struct fuzz_input {
    const uint8_t *at, *end;
};

static inline size_t fuzz_left(const struct fuzz_input *input) {
    return (size_t)(input->end - input->at);
}

/* The next byte; 0 behind the last. */
static inline unsigned fuzz_byte(struct fuzz_input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

/* Up to eight bytes as a number. */
static inline uint64_t fuzz_word(struct fuzz_input *input) {
    uint64_t word = 0;
    size_t size = fuzz_left(input) < sizeof word ? fuzz_left(input) : sizeof word;
    memcpy(&word, input->at, size);
    input->at += size;
    return word;
}

/* A block of exactly `size` bytes and a NUL, so that the sanitizer sees every step beyond. The caller frees it. */
static inline char *fuzz_copy(const void *bytes, size_t size) {
    char *copy = malloc(size + 1);
    FUZZ_CHECK(copy != NULL);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    return copy;
}

/* The bytes up to the next newline, or all, as fuzz_copy; the newline is passed over. */
static inline char *fuzz_line(struct fuzz_input *input, size_t *size) {
    const uint8_t *newline = fuzz_left(input) > 0 ? memchr(input->at, '\n', fuzz_left(input)) : NULL;
    *size = newline != NULL ? (size_t)(newline - input->at) : fuzz_left(input);
    char *copy = fuzz_copy(input->at, *size);
    input->at += *size + (newline != NULL);
    return copy;
}

#endif
