/* json_number.c: from the digits to the number (see json.h). Owns: exact reading. Must not know: who reads.
 *
 * Whole numbers of 64 bits are read as they are. Doubles with few digits come from one exact multiplication or
 * division; the rest goes to strtod as digits and an exponent, without a decimal point, so that no locale has a say. */
#include "json.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EXACT_DIGITS = 19,       /* as many always fit 64 bits */
    EXACT_POWER = 22,        /* 10^22 is the last power of ten that a double holds exactly */
    ENOUGH_DIGITS = 800,     /* 767 decide how a double is rounded; all behind them only as "more" or "no more" */
    EXPONENT_LIMIT = 100000, /* beyond this all is zero or infinite, with ENOUGH_DIGITS in front too */
};

#define EXACT_INTEGER (UINT64_C(1) << DBL_MANT_DIG)

/* What the exponent's digits are clamped to: no text has as many digits, so that none can make up for it. */
#define EXPONENT_HUGE (INT64_MAX / 16)

static inline bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Reads `at` up to `end`, digits with maybe a point in between, times 10^exponent. */
static double convert(const char *at, const char *end, int64_t exponent) {
    char text[ENOUGH_DIGITS + 32];
    size_t count = 0;
    bool fraction = false;
    bool more = false; /* a digit that is not zero was dropped */
    for (; at < end; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        bool kept = count < ENOUGH_DIGITS;
        if (kept && (count > 0 || *at != '0')) {
            text[count++] = *at;
        }
        more = more || (!kept && *at != '0');
        exponent += (kept ? 0 : 1) - (fraction ? 1 : 0);
    }
    if (count == 0) {
        return 0.0;
    }
    if (more) {
        text[count++] = '1';
        exponent--;
    }
    if (exponent > EXPONENT_LIMIT) {
        exponent = EXPONENT_LIMIT;
    } else if (exponent < -EXPONENT_LIMIT) {
        exponent = -EXPONENT_LIMIT;
    }
    snprintf(text + count, sizeof text - count, "e%d", (int)exponent);
    return strtod(text, NULL);
}

/* m * 10^exponent, where both are exact and one operation rounds once. */
static bool convert_exactly(uint64_t mantissa, int64_t exponent, double *number) {
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* FLT_EVAL_METHOD 2 (x87) rounds twice. */
    if (FLT_EVAL_METHOD == 2 || mantissa > EXACT_INTEGER || exponent > EXACT_POWER || exponent < -EXACT_POWER) {
        return false;
    }
    double whole = (double)mantissa;
    *number = exponent < 0 ? whole / powers[-exponent] : whole * powers[exponent];
    return true;
}

/* `at` stands behind the e. */
static int64_t read_exponent(const char *at, const char **end) {
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    int64_t exponent = 0;
    for (; is_digit(*at); at++) {
        exponent = exponent < EXPONENT_HUGE / 10 ? exponent * 10 + (*at - '0') : EXPONENT_HUGE;
    }
    *end = at;
    return negative ? -exponent : exponent;
}

/* A whole number as 64 bits. False: it does not fit, or is -0. */
static bool as_integer(uint64_t magnitude, size_t digits, bool negative, int64_t *integer) {
    if (digits > EXACT_DIGITS || magnitude > (uint64_t)INT64_MAX + negative || (negative && magnitude == 0)) {
        return false;
    }
    *integer = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}

enum fu_json_number fu_json_read_number(const char *at, const char **end, int64_t *integer, double *number) {
    bool negative = *at == '-';
    at += negative;
    const char *start = at;
    uint64_t mantissa = 0; /* wraps around behind EXACT_DIGITS, where it is not used */
    for (; is_digit(*at); at++) {
        mantissa = mantissa * 10 + (uint64_t)(*at - '0');
    }
    size_t digits = (size_t)(at - start);
    int64_t exponent = 0;
    if (*at == '.') {
        const char *point = at++;
        for (; is_digit(*at); at++) {
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        }
        exponent = point + 1 - at;
        digits += (size_t)(at - point - 1);
    }
    const char *behind = at; /* behind the digits */
    if (exponent == 0 && *at != 'e' && *at != 'E') {
        *end = at;
        if (as_integer(mantissa, digits, negative, integer)) {
            return FU_JSON_INTEGER;
        }
    }
    int64_t power = 0;
    if (*at == 'e' || *at == 'E') {
        power = read_exponent(at + 1, &at);
    }
    *end = at;
    if (digits > EXACT_DIGITS || !convert_exactly(mantissa, exponent + power, number)) {
        *number = convert(start, behind, power);
    }
    if (negative) {
        *number = -*number;
    }
    return FU_JSON_DOUBLE;
}
