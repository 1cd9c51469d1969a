/* test_json_number.c: the JSON floor's numbers, both ways. Must not know: Lua, the network. */
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static double read_double(const char *text) {
    const char *end;
    int64_t integer;
    double number;
    if (fu_json_read_number(text, &end, &integer, &number) != FU_JSON_DOUBLE) {
        fail_msg("not a double: %s", text);
    }
    assert_ptr_equal(end, text + strlen(text));
    return number;
}

static int64_t read_integer(const char *text) {
    const char *end;
    int64_t integer;
    double number;
    if (fu_json_read_number(text, &end, &integer, &number) != FU_JSON_INTEGER) {
        fail_msg("not an integer: %s", text);
    }
    assert_ptr_equal(end, text + strlen(text));
    return integer;
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Bit for bit: -0.0 is not 0.0. */
static void assert_same_double(double left, double right) {
    if (bits_of(left) != bits_of(right)) {
        fail_msg("%a is not %a", left, right);
    }
}

static const char *written(double number, bool mark) {
    static char text[64];
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    assert_true(fu_json_write_double(&buffer, number, mark));
    assert_true(buffer.size < sizeof text);
    memcpy(text, buffer.data, buffer.size + 1);
    fu_buffer_free(&buffer);
    return text;
}

static uint64_t random_state = 88172645463325252U;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double random_double(void) {
    double number;
    do {
        uint64_t bits = next_random();
        memcpy(&number, &bits, sizeof number);
    } while (!isfinite(number));
    return number;
}

/* ---- Numbers ---- */

static void reads_integers(void **state) {
    (void)state;
    assert_int_equal(read_integer("0"), 0);
    assert_int_equal(read_integer("-1"), -1);
    assert_int_equal(read_integer("9007199254740993"), INT64_C(9007199254740993));
    assert_true(read_integer("9223372036854775807") == INT64_MAX);
    assert_true(read_integer("-9223372036854775808") == INT64_MIN);
    assert_same_double(read_double("9223372036854775808"), 9223372036854775808.0);
    assert_same_double(read_double("-9223372036854775809"), -9223372036854775808.0);
    assert_same_double(read_double("18446744073709551616"), 18446744073709551616.0);
    assert_same_double(read_double("18446744073709551617000"), 18446744073709551617000.0);
    assert_same_double(read_double("-0"), -0.0);
}

static void reads_doubles(void **state) {
    (void)state;
    assert_same_double(read_double("0.1"), 0.1);
    assert_same_double(read_double("-0.0"), -0.0);
    assert_same_double(read_double("0.0"), 0.0);
    assert_same_double(read_double("1e0"), 1.0);
    assert_same_double(read_double("1E+2"), 100.0);
    assert_same_double(read_double("25.0"), 25.0);
    assert_same_double(read_double("123456.789e-3"), 123.456789);
    assert_same_double(read_double("9007199254740993.0"), 9007199254740992.0);
    assert_same_double(read_double("1e22"), 1e22);
    assert_same_double(read_double("1e23"), 1e23);
    assert_same_double(read_double("4.9406564584124654e-324"), 4.9406564584124654e-324);
    assert_same_double(read_double("2e-324"), 0.0);
    assert_same_double(read_double("-1e-400"), -0.0);
    assert_same_double(read_double("1e-99999999999999999999"), 0.0);
    assert_same_double(read_double("2.2250738585072011e-308"), 2.2250738585072011e-308);
    assert_same_double(read_double("1.7976931348623157e308"), DBL_MAX);
    assert_same_double(read_double("17976931348623157e292"), DBL_MAX);
}

/* 1 + 2^-53 lies between two doubles: one digit far behind decides. */
static void reads_ties_to_the_last_digit(void **state) {
    (void)state;
    static const char tie[] = "1.00000000000000011102230246251565404236316680908203125";
    assert_same_double(read_double(tie), 1.0);
    char text[2000];
    memset(text, '0', sizeof text);
    memcpy(text, tie, sizeof tie - 1);
    text[sizeof text - 1] = '\0';
    assert_same_double(read_double(text), 1.0);
    text[sizeof text - 2] = '1';
    assert_same_double(read_double(text), 1.0 + DBL_EPSILON);
}

/* Many digits that the exponent takes back. */
static void reads_long_numbers(void **state) {
    (void)state;
    struct fu_json reader;
    struct fu_buffer text = FU_BUFFER_EMPTY;
    fu_buffer_putc(&text, '1');
    for (int i = 0; i < 5000; i++) {
        fu_buffer_putc(&text, '0');
    }
    assert_false(fu_json_check(&reader, text.data, text.size));
    fu_buffer_puts(&text, "e-5000");
    assert_true(fu_json_check(&reader, text.data, text.size));
    assert_same_double(read_double(text.data), 1.0);
    fu_buffer_clear(&text);
    fu_buffer_puts(&text, "0.");
    for (int i = 0; i < 200000; i++) {
        fu_buffer_putc(&text, '0');
    }
    fu_buffer_puts(&text, "15e200001");
    assert_true(fu_json_check(&reader, text.data, text.size));
    assert_same_double(read_double(text.data), 1.5);
    fu_buffer_free(&text);
}

static void reads_what_printf_writes(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        double number = random_double();
        snprintf(text, sizeof text, "%.17e", number);
        assert_same_double(read_double(text), number);
        snprintf(text, sizeof text, "%.3f", (double)(int64_t)(next_random() >> 24) / 1000);
        assert_same_double(read_double(text), strtod(text, NULL));
    }
}

/* ---- Writing numbers ---- */

static void writes_numbers(void **state) {
    (void)state;
    assert_string_equal(written(0.1, true), "0.1");
    assert_string_equal(written(0.1, false), "0.1");
    assert_string_equal(written(25, true), "25.0");
    assert_string_equal(written(25, false), "25");
    assert_string_equal(written(-25, true), "-25.0");
    assert_string_equal(written(0.0, true), "0.0");
    assert_string_equal(written(-0.0, true), "-0.0");
    assert_string_equal(written(-0.0, false), "-0");
    assert_string_equal(written(1e15, false), "1000000000000000");
    assert_string_equal(written(9007199254740992.0, false), "9007199254740992");
    assert_string_equal(written(-9007199254740992.0, false), "-9007199254740992");
    assert_string_equal(written(9007199254740994.0, true), "9007199254740994.0");
    assert_string_equal(written(1e22, true), "1e22");
    assert_string_equal(written(1e22, false), "1e22");
    assert_string_equal(written(1.5e300, true), "1.5e300");
    assert_string_equal(written(123456.789, true), "123456.789");
    assert_string_equal(written(0.00001, true), "0.00001");
    assert_string_equal(written(-1.5e-7, true), "-1.5e-7");
    assert_string_equal(written(5e-324, true), "5e-324");
    assert_string_equal(written(DBL_MIN, true), "2.2250738585072014e-308");
    assert_string_equal(written(DBL_MAX, true), "1.7976931348623157e308");
    assert_string_equal(written(9007199254740993.0 * 4, true), "3.602879701896397e16");
}

static void writes_no_number_that_json_lacks(void **state) {
    (void)state;
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    assert_false(fu_json_write_double(&buffer, NAN, true));
    assert_false(fu_json_write_double(&buffer, INFINITY, true));
    assert_false(fu_json_write_double(&buffer, -INFINITY, false));
    assert_int_equal(buffer.size, 0);
    assert_false(buffer.failed);
}

static void writes_integers(void **state) {
    (void)state;
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    assert_true(fu_json_write_integer(&buffer, INT64_MIN));
    assert_true(fu_buffer_putc(&buffer, ' '));
    assert_true(fu_json_write_integer(&buffer, INT64_MAX));
    assert_string_equal(buffer.data, "-9223372036854775808 9223372036854775807");
    fu_buffer_free(&buffer);
}

/* How many digits a decimal has that matter. */
static int digits_of(const char *text) {
    int digits = 0;
    int zeros = 0; /* at the end, so far */
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (digits == 0 && *text == '0')) {
            continue;
        }
        zeros = *text == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

/* Does a decimal with so few digits read back as `number`? The nearest one and its neighbours are tried. */
static bool fits(double number, int digits) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits - 1, number);
    char *exponent = strchr(text, 'e');
    long power = strtol(exponent + 1, NULL, 10) - (digits - 1);
    long long whole = 0;
    for (const char *at = text; at < exponent; at++) {
        whole = *at >= '0' && *at <= '9' ? whole * 10 + (*at - '0') : whole;
    }
    for (int step = -1; step <= 1; step++) {
        snprintf(text, sizeof text, "%llde%ld", whole + step, power);
        if (strtod(text, NULL) == number) {
            return true;
        }
    }
    return false;
}

static void assert_shortest(double number) {
    const char *text = written(number, true);
    struct fu_json reader;
    assert_true(fu_json_check(&reader, text, strlen(text)));
    assert_same_double(read_double(text), number);
    int digits = digits_of(text);
    if (digits > 1 && fits(fabs(number), digits - 1)) {
        fail_msg("%s could be shorter", text);
    }
}

static void writes_random_doubles_shortest(void **state) {
    (void)state;
    for (int i = 0; i < 50000; i++) {
        assert_shortest(random_double());
        assert_shortest((double)(next_random() >> 34) / 100);
        assert_shortest((double)(next_random() >> 11) * 0x1p-53 + 0x1p-54);
    }
}

static void writes_powers_of_two_shortest(void **state) {
    (void)state;
    for (int power = -1074; power <= 1023; power++) {
        double number = ldexp(1, power);
        assert_shortest(number);
        assert_shortest(nextafter(number, 0) == 0 ? number : nextafter(number, 0));
        assert_shortest(nextafter(number, INFINITY));
    }
    for (int power = -323; power <= 308; power++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", power);
        assert_shortest(strtod(text, NULL));
    }
}

static void writes_subnormals_shortest(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random() >> (12 + i % 52);
        double number;
        memcpy(&number, &bits, sizeof number);
        assert_shortest(number == 0 ? 5e-324 : number);
    }
}

/* Without `mark` too, a double comes back as it was: what reads as an integer is that very number. */
static void writes_unmarked_doubles_exactly(void **state) {
    (void)state;
    for (int i = 0; i < 50000; i++) {
        double number = ldexp((double)(next_random() >> 11), (int)(next_random() % 24) - 8);
        const char *text = written(number, false);
        const char *end;
        int64_t integer;
        double back;
        if (fu_json_read_number(text, &end, &integer, &back) == FU_JSON_INTEGER) {
            assert_true((int64_t)number == integer);
            back = (double)integer;
        }
        assert_same_double(back, number);
    }
}

static void has_no_ear_for_the_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; i < COUNT(names) && found == NULL; i++) {
        found = setlocale(LC_NUMERIC, names[i]);
    }
    if (found == NULL) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", 1.5);
    const char *text = written(0.1, true);
    double number = read_double("1.25e30");
    double many = read_double("0.30000000000000000000004");
    setlocale(LC_NUMERIC, "C");
    assert_string_not_equal(comma, "1.5");
    assert_string_equal(text, "0.1");
    assert_same_double(number, 1.25e30);
    assert_same_double(many, 0.3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_doubles),
        cmocka_unit_test(reads_ties_to_the_last_digit),
        cmocka_unit_test(reads_long_numbers),
        cmocka_unit_test(reads_what_printf_writes),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(writes_no_number_that_json_lacks),
        cmocka_unit_test(writes_integers),
        cmocka_unit_test(writes_random_doubles_shortest),
        cmocka_unit_test(writes_powers_of_two_shortest),
        cmocka_unit_test(writes_subnormals_shortest),
        cmocka_unit_test(writes_unmarked_doubles_exactly),
        cmocka_unit_test(has_no_ear_for_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
