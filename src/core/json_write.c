/* json_write.c: from the number to the digits (see json.h). Owns: shortest and exact writing. Must not know: who reads.
 *
 * printf's digits are taken, its decimal point is not, so that no locale has a say. */
#include "json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DIGITS = DBL_DECIMAL_DIG, /* as many always read back the same */
    PLAIN_BELOW = 16,             /* exponents from here on are written, not spelled out in zeros */
    PLAIN_ABOVE = -6,
};

/* d.ddd times 10^exponent. */
struct decimal {
    char digits[MAX_DIGITS + 1]; /* NUL-terminated */
    int count;
    int exponent;
};

/* The nearest decimal with `count` digits. */
static void round_to(struct decimal *decimal, double number, int count) {
    char text[48];
    snprintf(text, sizeof text, "%.*e", count - 1, number);
    const char *at = text;
    decimal->count = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            decimal->digits[decimal->count++] = *at;
        }
    }
    decimal->digits[decimal->count] = '\0';
    decimal->exponent = (int)strtol(at + 1, NULL, 10);
}

/* One unit up in the last digit. */
static void step_up(struct decimal *decimal) {
    int last = decimal->count - 1;
    while (last >= 0 && decimal->digits[last] == '9') {
        decimal->digits[last--] = '0';
    }
    if (last >= 0) {
        decimal->digits[last]++;
    } else {
        decimal->digits[0] = '1';
        decimal->exponent++;
    }
}

static bool reads_back(const struct decimal *decimal, double number) {
    char text[48];
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->exponent - (decimal->count - 1));
    const char *end;
    int64_t integer;
    double back;
    fu_json_read_number(text, &end, &integer, &back);
    return back == number;
}

/* The shortest decimal that reads back as `number`, which is positive and finite. */
static void shorten(struct decimal *decimal, double number) {
    /* A normal double keeps any DBL_DIG digits, so what is shorter shows as zeros at their end. */
    int count = number >= DBL_MIN ? DBL_DIG : 1;
    int exponent;
    bool power_of_two = frexp(number, &exponent) == 0.5;
    for (;; count++) {
        round_to(decimal, number, count);
        if (count == MAX_DIGITS || reads_back(decimal, number)) {
            break;
        }
        /* Below a power of two the doubles stand closer: the nearest decimal may lie below and miss, while its
         * neighbour above, though farther off, reads back. */
        if (power_of_two) {
            step_up(decimal);
            if (reads_back(decimal, number)) {
                break;
            }
        }
    }
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
        decimal->digits[--decimal->count] = '\0';
    }
}

static void write_plain(struct fu_buffer *buffer, const struct decimal *decimal, bool mark) {
    int whole = decimal->exponent + 1; /* digits before the point */
    if (whole <= 0) {
        fu_buffer_puts(buffer, "0.");
        for (int i = whole; i < 0; i++) {
            fu_buffer_putc(buffer, '0');
        }
        fu_buffer_puts(buffer, decimal->digits);
    } else if (whole < decimal->count) {
        fu_buffer_append(buffer, decimal->digits, (size_t)whole);
        fu_buffer_putc(buffer, '.');
        fu_buffer_puts(buffer, decimal->digits + whole);
    } else {
        fu_buffer_puts(buffer, decimal->digits);
        for (int i = decimal->count; i < whole; i++) {
            fu_buffer_putc(buffer, '0');
        }
        fu_buffer_puts(buffer, mark ? ".0" : "");
    }
}

static void write_scientific(struct fu_buffer *buffer, const struct decimal *decimal) {
    fu_buffer_append(buffer, decimal->digits, 1);
    if (decimal->count > 1) {
        fu_buffer_putc(buffer, '.');
        fu_buffer_puts(buffer, decimal->digits + 1);
    }
    fu_buffer_putc(buffer, 'e');
    fu_buffer_put_integer(buffer, decimal->exponent);
}

bool fu_json_write_integer(struct fu_buffer *buffer, int64_t integer) {
    return fu_buffer_put_integer(buffer, integer);
}

bool fu_json_write_double(struct fu_buffer *buffer, double number, bool mark) {
    if (!isfinite(number)) {
        return false;
    }
    if (signbit(number)) {
        fu_buffer_putc(buffer, '-');
        number = -number;
    }
    /* Every whole number up to 2^53 is a double of its own: its digits are exact. */
    if (number <= (double)(INT64_C(1) << DBL_MANT_DIG) && number == floor(number)) {
        fu_buffer_put_integer(buffer, (long long)number);
        return fu_buffer_puts(buffer, mark ? ".0" : "");
    }
    struct decimal decimal;
    shorten(&decimal, number);
    if (decimal.exponent > PLAIN_ABOVE && decimal.exponent < PLAIN_BELOW) {
        write_plain(buffer, &decimal, mark);
    } else {
        write_scientific(buffer, &decimal);
    }
    return !buffer->failed;
}
