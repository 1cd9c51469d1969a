/* test.h: what every C test begins with: cmocka after the headers that it wants before it, and chance that is the same
 * in every run. Must not know: any floor. */
#ifndef FU_TEST_H
#define FU_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Times in the tests are multiples of 1/1024 s where they are compared: sums of such are exact. */
#define assert_seconds(value, expected)                                                                                \
    do {                                                                                                               \
        double test_value = (value);                                                                                   \
        double test_expected = (expected);                                                                             \
        if (!(fabs(test_value - test_expected) <= 1e-9)) {                                                             \
            fail_msg("%s is %.12g, not %.12g", #value, test_value, test_expected);                                     \
        }                                                                                                              \
    } while (0)

static inline uint64_t test_random(void) {
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* 0 to `end` - 1. */
static inline unsigned test_below(unsigned end) {
    return (unsigned)(test_random() >> 32) % end;
}

#endif
