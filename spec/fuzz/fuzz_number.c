/* fuzz_number.c: decimal texts against the C library's reading, doubles through the writer and back. Owns: nothing.
 * Must not know: values that hold numbers (fuzz_json_read).
 *
 * Input: eight bytes are a double, then come the characters of a number, 16 kinds of them.
 * Promises: the reader takes what RFC 8259 allows and no double overflows with, and reads it as strtoll and strtod do;
 * what the writer wrote reads back bit by bit, and has no more digits than are needed. */
#include "fuzz.h"
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static bool take_digits(const char **at) {
    size_t count = strspn(*at, "0123456789");
    *at += count;
    return count > 0;
}

/* RFC 8259, section 6, by itself. */
static bool is_number(const char *at) {
    at += *at == '-';
    if (*at == '0') {
        at++;
    } else if (!take_digits(&at)) {
        return false;
    }
    if (*at == '.') {
        at++;
        if (!take_digits(&at)) {
            return false;
        }
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (!take_digits(&at)) {
            return false;
        }
    }
    return *at == '\0';
}

/* Of numbers that are not NaN: 0 and -0 are two. */
static bool same_number(double a, double b) {
    return a == b && signbit(a) == signbit(b);
}

static void check_text(const char *text, size_t size) {
    struct fu_json reader;
    bool good = fu_json_check(&reader, text, size);
    double number = strtod(text, NULL);
    FUZZ_CHECK(good == (is_number(text) && isfinite(number)));
    if (!good) {
        return;
    }
    const char *end;
    int64_t integer = 0;
    double read = 0;
    enum fu_json_number type = fu_json_read_number(text, &end, &integer, &read);
    FUZZ_CHECK(end == text + size);
    errno = 0;
    long long expected = strtoll(text, NULL, 10);
    bool fits = errno == 0 && text[strcspn(text, ".eE")] == '\0' && strcmp(text, "-0") != 0;
    FUZZ_CHECK(fits == (type == FU_JSON_INTEGER));
    FUZZ_CHECK(fits ? integer == expected : same_number(read, number));
}

/* The fewest digits with which printf writes a number that reads back the same. */
static int digits_needed(double number) {
    char text[64];
    int digits = 1;
    do {
        snprintf(text, sizeof text, "%.*e", digits - 1, number);
    } while (!same_number(strtod(text, NULL), number) && ++digits <= 17);
    return digits;
}

/* Digits of the number as it is written, without zeros at its ends. */
static int digits_of(const char *text) {
    int digits = 0;
    int zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '1' && *text <= '9') {
            digits += zeros + 1;
            zeros = 0;
        } else if (*text == '0' && digits > 0) {
            zeros++;
        }
    }
    return digits;
}

static void check_double(double number, bool mark) {
    struct fu_buffer out = FU_BUFFER_EMPTY;
    struct fu_json reader;
    if (!fu_json_write_double(&out, number, mark)) {
        FUZZ_CHECK(!isfinite(number) && out.size == 0);
        return;
    }
    FUZZ_CHECK(isfinite(number) && fu_json_check(&reader, out.data, out.size));
    const char *end;
    int64_t integer;
    double read;
    if (fu_json_read_number(out.data, &end, &integer, &read) == FU_JSON_INTEGER) {
        FUZZ_CHECK(!mark);
        read = (double)integer;
    }
    FUZZ_CHECK(end == out.data + out.size && same_number(read, number));
    /* Whole numbers that a double holds exactly are spelled out. */
    bool whole = fabs(number) <= 9007199254740992.0 && number == floor(number);
    FUZZ_CHECK(whole || digits_of(out.data) <= digits_needed(number));
    fu_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char kinds[] = "0123456789.eE+-0";
    struct fuzz_input input = {data, data + size};
    uint64_t bits = fuzz_word(&input);
    double number;
    memcpy(&number, &bits, sizeof number);
    check_double(number, true);
    check_double(number, false);
    size = fuzz_left(&input);
    char *text = fuzz_copy(input.at, size);
    for (size_t i = 0; i < size; i++) {
        if (strchr(kinds, text[i]) == NULL || text[i] == '\0') {
            text[i] = kinds[(unsigned char)text[i] % 16];
        }
    }
    check_text(text, size);
    free(text);
    return 0;
}
