/* test_json.c: the JSON floor's reader. Must not know: Lua, the network. */
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Helpers ---- */

/* Checks a text in a block of its own size, so that a sanitizer sees any look beyond the NUL. */
static bool check(const char *text, size_t size, struct fu_json *reader, size_t *at) {
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    copy[size] = '\0';
    bool good = fu_json_check(reader, copy, size);
    *at = (size_t)(reader->at - copy);
    free(copy);
    return good;
}

static void accept(const char *text, size_t size) {
    struct fu_json reader;
    size_t at;
    if (!check(text, size, &reader, &at)) {
        fail_msg("refused: %.80s (%s at %zu)", text, reader.reason, at);
    }
}

static void refuse(const char *text, size_t size, size_t place) {
    struct fu_json reader;
    size_t at;
    if (check(text, size, &reader, &at)) {
        fail_msg("accepted: %.80s", text);
    }
    assert_non_null(reader.reason);
    if (at != place) {
        fail_msg("refused at %zu, not at %zu: %.80s (%s)", at, place, text, reader.reason);
    }
}

/* The literal's bytes, NUL bytes inside of it too. */
#define ACCEPT(literal) accept(literal, sizeof(literal) - 1)
#define REFUSE(literal, place) refuse(literal, sizeof(literal) - 1, place)

/* ---- The checking reader ---- */

static void accepts_json(void **state) {
    (void)state;
    ACCEPT("null");
    ACCEPT(" \t\r\n true \t\r\n ");
    ACCEPT("false");
    ACCEPT("0");
    ACCEPT("-0");
    ACCEPT("-0.0e-0");
    ACCEPT("1E+2");
    ACCEPT("\"\"");
    ACCEPT("[]");
    ACCEPT("{}");
    ACCEPT("[ ]");
    ACCEPT("{ }");
    ACCEPT("[[],{},[{}],{\"a\":[]}]");
    ACCEPT("{\"a\":1,\"a\":2,\"\":3}");
    ACCEPT("{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }");
    ACCEPT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABCD\"");
    ACCEPT("\"\x7f\"");
    ACCEPT("1e-400");
    ACCEPT("0e999999999999999999999");
    ACCEPT("1.7976931348623157e308");
}

static void refuses_what_is_not_json(void **state) {
    (void)state;
    REFUSE("", 0);
    REFUSE("  ", 2);
    REFUSE("\xEF\xBB\xBF{}", 0);
    REFUSE("nul", 3);
    REFUSE("nulL", 0);
    REFUSE("[tru]", 1);
    REFUSE("True", 0);
    REFUSE("'a'", 0);
    REFUSE("[1,]", 3);
    REFUSE("[,1]", 1);
    REFUSE("[1 2]", 3);
    REFUSE("[1}", 2);
    REFUSE("[1", 2);
    REFUSE("{\"a\":1]", 6);
    REFUSE("{\"a\":1,}", 7);
    REFUSE("{\"a\" 1}", 5);
    REFUSE("{\"a\":}", 5);
    REFUSE("{a:1}", 1);
    REFUSE("{1:1}", 1);
    REFUSE("{\"a\"", 4);
    REFUSE("1 2", 2);
    REFUSE("[]]", 2);
    REFUSE("]", 0);
    REFUSE("[1]/**/", 3);
    REFUSE("\f1", 0);
}

static void refuses_bad_numbers(void **state) {
    (void)state;
    REFUSE("-", 1);
    REFUSE("+1", 0);
    REFUSE("01", 1);
    REFUSE("-01", 2);
    REFUSE("1.", 2);
    REFUSE(".5", 0);
    REFUSE("1e", 2);
    REFUSE("1e+", 3);
    REFUSE("1.e1", 2);
    REFUSE("0x10", 1);
    REFUSE("NaN", 0);
    REFUSE("-Infinity", 1);
    REFUSE("[1e400]", 1);
    REFUSE("[1,-1e309]", 3);
    REFUSE("1.7976931348623159e308", 0);
    REFUSE("1e99999999999999999999999", 0);
}

static void refuses_bad_strings(void **state) {
    (void)state;
    REFUSE("\"", 1);
    REFUSE("\"abc", 4);
    REFUSE("\"a\nb\"", 2);
    REFUSE("\"a\x1f\"", 2);
    REFUSE("\"a\0b\"", 2);
    REFUSE("\"\\x\"", 1);
    REFUSE("\"\\u12g4\"", 1);
    REFUSE("\"\\u12", 1);
    REFUSE("\"\\", 1);
    REFUSE("\"0123456789abcdef0123456789abcdef\t\"", 33);
    REFUSE("{\"0123456789abcdef0123456789abcdef\t\":1}", 34);
}

static void refuses_nul_bytes(void **state) {
    (void)state;
    REFUSE("\0", 0);
    REFUSE("1\0", 1);
    REFUSE("[1,\0]", 3);
    REFUSE("[1\0]", 2);
    REFUSE("{\0}", 1);
    REFUSE("{\"a\"\0:1}", 4);
    REFUSE("[1]\0", 3);
    REFUSE("tr\0e", 0);
}

static void checks_utf8(void **state) {
    (void)state;
    ACCEPT("\"\xC2\x80\xDF\xBF\"");
    ACCEPT("\"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"");
    ACCEPT("\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"");
    REFUSE("\"\x80\"", 1);
    REFUSE("\"a\xC0\x80\"", 2);
    REFUSE("\"a\xC1\xBF\"", 2);
    REFUSE("\"\xC2\"", 1);
    REFUSE("\"\xE0\x9F\xBF\"", 1);
    REFUSE("\"\xED\xA0\x80\"", 1);
    REFUSE("\"\xED\xBF\xBF\"", 1);
    REFUSE("\"\xE2\x82\"", 1);
    REFUSE("\"\xE2\x82", 1);
    REFUSE("\"\xF0\x8F\xBF\xBF\"", 1);
    REFUSE("\"\xF4\x90\x80\x80\"", 1);
    REFUSE("\"\xF5\x80\x80\x80\"", 1);
    REFUSE("\"\xF0\x9F\x98\"", 1);
    REFUSE("\"\xFF\"", 1);
    REFUSE("[\xC3\xA9]", 1);
}

/* A special byte at every place of strings of every short length, before and behind the end of a block of 16. */
static void finds_special_bytes_at_every_place(void **state) {
    (void)state;
    for (size_t size = 0; size < 70; size++) {
        char text[96];
        memset(text, 'x', sizeof text);
        text[0] = '"';
        text[size + 1] = '"';
        accept(text, size + 2);
        for (size_t place = 1; place <= size; place++) {
            text[place] = '\x1f';
            refuse(text, size + 2, place);
            text[place] = '\xff';
            refuse(text, size + 2, place);
            text[place] = '"';
            refuse(text, size + 2, place + 1);
            text[place] = 'x'; // cppcheck-suppress unreadVariable ; refuse() reads all of it
        }
    }
}

static void nest(char bracket, char closing, size_t depth, bool good) {
    char *text = malloc(2 * depth);
    assert_non_null(text);
    memset(text, bracket, depth);
    memset(text + depth, closing, depth);
    struct fu_json reader;
    size_t at;
    assert_int_equal(check(text, 2 * depth, &reader, &at), good);
    if (!good) {
        assert_int_equal(at, FU_JSON_MAX_DEPTH);
        assert_non_null(strstr(reader.reason, "deep"));
    }
    free(text);
}

static void bounds_the_depth(void **state) {
    (void)state;
    nest('[', ']', FU_JSON_MAX_DEPTH, true);
    nest('[', ']', FU_JSON_MAX_DEPTH + 1, false);
    nest('[', ']', 100000, false);
}

/* Arrays that the caller entered count too. */
static void bounds_the_depth_below_an_open_array(void **state) {
    (void)state;
    char text[2 * FU_JSON_MAX_DEPTH + 3] = "";
    for (unsigned open = 1; open <= 3; open++) {
        for (unsigned more = 0; more <= 1; more++) {
            size_t depth = FU_JSON_MAX_DEPTH + more;
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            struct fu_json reader;
            fu_json_start(&reader, text, 2 * depth);
            for (unsigned i = 0; i < open; i++) {
                assert_true(fu_json_open_array(&reader));
                assert_true(fu_json_next_element(&reader));
            }
            assert_int_equal(fu_json_value(&reader, NULL), more == 0);
        }
    }
}

static void alternates_arrays_and_objects(void **state) {
    (void)state;
    struct fu_buffer text = FU_BUFFER_EMPTY;
    for (int i = 0; i < FU_JSON_MAX_DEPTH / 2; i++) {
        fu_buffer_puts(&text, "[0,{\"k\":");
    }
    fu_buffer_puts(&text, "1");
    for (int i = 0; i < FU_JSON_MAX_DEPTH / 2; i++) {
        fu_buffer_puts(&text, ",\"l\":0},null]");
    }
    accept(text.data, text.size);
    text.data[text.size - 1] = '}';
    refuse(text.data, text.size, text.size - 1);
    fu_buffer_free(&text);
}

/* ---- Pulling ---- */

static void pulls_members(void **state) {
    (void)state;
    static const char text[] = " { \"a\" : 1 , \"b\\n\":[2,\"x\"],\"a long key of more than 16 bytes\":\"y\"} ";
    struct fu_json reader;
    struct fu_slice key;
    struct fu_slice value;
    bool escaped;
    fu_json_start(&reader, text, sizeof text - 1);
    assert_int_equal(fu_json_peek(&reader), '{');
    assert_true(fu_json_open_object(&reader));
    assert_true(fu_json_next_member(&reader, &key, &escaped));
    assert_true(fu_json_raw_equals(key, "a"));
    assert_false(escaped);
    assert_int_equal(fu_json_peek(&reader), '1');
    assert_true(fu_json_value(&reader, &value));
    assert_memory_equal(value.data, "1", 1);
    assert_int_equal(value.size, 1);
    assert_true(fu_json_next_member(&reader, &key, &escaped));
    assert_int_equal(key.size, 3);
    assert_true(escaped);
    assert_true(fu_json_value(&reader, &value));
    assert_int_equal(value.size, 7);
    assert_memory_equal(value.data, "[2,\"x\"]", 7);
    assert_true(fu_json_next_member(&reader, &key, NULL));
    assert_true(fu_json_raw_equals(key, "a long key of more than 16 bytes"));
    assert_true(fu_json_value(&reader, &value));
    assert_memory_equal(value.data, "\"y\"", 3);
    assert_false(fu_json_next_member(&reader, &key, NULL));
    assert_null(reader.reason);
    assert_int_equal(reader.depth, 0);
    assert_true(fu_json_finish(&reader));
}

static void pulls_elements(void **state) {
    (void)state;
    static const char text[] = "[1, [ ],{\"a\":2} , []]";
    struct fu_json reader;
    struct fu_slice value;
    fu_json_start(&reader, text, sizeof text - 1);
    assert_true(fu_json_open_array(&reader));
    assert_true(fu_json_next_element(&reader));
    assert_true(fu_json_value(&reader, NULL));
    assert_true(fu_json_next_element(&reader));
    assert_true(fu_json_open_array(&reader));
    assert_false(fu_json_next_element(&reader));
    assert_null(reader.reason);
    assert_true(fu_json_next_element(&reader));
    assert_true(fu_json_value(&reader, &value));
    assert_int_equal(value.size, 7);
    assert_true(fu_json_next_element(&reader));
    assert_int_equal(fu_json_peek(&reader), '[');
    assert_true(fu_json_value(&reader, NULL));
    assert_false(fu_json_next_element(&reader));
    assert_null(reader.reason);
    assert_true(fu_json_finish(&reader));
}

static size_t pull_all_members(const char *text, const char **reason, size_t *members) {
    struct fu_json reader;
    struct fu_slice key;
    fu_json_start(&reader, text, strlen(text));
    *members = 0;
    if (fu_json_open_object(&reader)) {
        while (fu_json_next_member(&reader, &key, NULL) && fu_json_value(&reader, NULL)) {
            ++*members;
        }
    }
    *reason = reader.reason;
    return (size_t)(reader.at - text);
}

static void says_where_pulling_failed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        size_t members;
    } cases[] = {
        {"[1]", 0, 0},           {"{,\"a\":1}", 1, 0},        {"{\"a\":1,}", 7, 1},       {"{\"a\":1 \"b\":2}", 7, 1},
        {"{\"a\":1,b:2}", 7, 1}, {"{\"a\":1,\"b\"2}", 10, 1}, {"{\"a\":1,\"b\":", 11, 1}, {"{\"a\":1]", 6, 1},
        {"{\"a\":tru}", 5, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *reason;
        size_t members;
        assert_int_equal(pull_all_members(cases[i].text, &reason, &members), cases[i].at);
        assert_non_null(reason);
        assert_int_equal(members, cases[i].members);
    }
}

static void finish_refuses_more_text(void **state) {
    (void)state;
    static const char text[] = "[] x";
    struct fu_json reader;
    fu_json_start(&reader, text, sizeof text - 1);
    assert_true(fu_json_value(&reader, NULL));
    assert_false(fu_json_finish(&reader));
    assert_ptr_equal(reader.at, text + 3);
    assert_non_null(reader.reason);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_json),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(refuses_bad_strings),
        cmocka_unit_test(refuses_nul_bytes),
        cmocka_unit_test(checks_utf8),
        cmocka_unit_test(finds_special_bytes_at_every_place),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(bounds_the_depth_below_an_open_array),
        cmocka_unit_test(alternates_arrays_and_objects),
        cmocka_unit_test(pulls_members),
        cmocka_unit_test(pulls_elements),
        cmocka_unit_test(says_where_pulling_failed),
        cmocka_unit_test(finish_refuses_more_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
