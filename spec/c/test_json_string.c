/* test_json_string.c: the JSON floor's strings, both ways. Must not know: Lua, the network. */
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t random_state = 88172645463325252U;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void assert_unescaped(const char *raw, const char *bytes, size_t size) {
    char out[64];
    assert_true(strlen(raw) <= sizeof out);
    assert_int_equal(fu_json_unescape(raw, strlen(raw), out), size);
    assert_memory_equal(out, bytes, size);
}

static void unescapes(void **state) {
    (void)state;
    assert_unescaped("", "", 0);
    assert_unescaped("plain", "plain", 5);
    assert_unescaped("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
    assert_unescaped("a\\u0041z", "aAz", 3);
    assert_unescaped("\\u0000", "\0", 1);
    assert_unescaped("\\u00e9\\u20AC", "\xC3\xA9\xE2\x82\xAC", 5);
    assert_unescaped("\\ud83d\\ude00!", "\xF0\x9F\x98\x80!", 5);
    assert_unescaped("\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF", 4);
}

static void keeps_lone_surrogates(void **state) {
    (void)state;
    assert_unescaped("\\ud800", "\xED\xA0\x80", 3);
    assert_unescaped("\\udfff", "\xED\xBF\xBF", 3);
    assert_unescaped("\\ud800x", "\xED\xA0\x80x", 4);
    assert_unescaped("\\ud800\\n", "\xED\xA0\x80\n", 4);
    assert_unescaped("\\ud800\\u0041",
                     "\xED\xA0\x80"
                     "A",
                     4);
    assert_unescaped("\\ude00\\ud83d", "\xED\xB8\x80\xED\xA0\xBD", 6);
    assert_unescaped("\\ud83d\\ud83d\\ude00", "\xED\xA0\xBD\xF0\x9F\x98\x80", 7);
}

static bool raw_equals(const char *raw, const char *text) {
    return fu_json_raw_equals((struct fu_slice){raw, strlen(raw)}, text);
}

static void compares_raw_text(void **state) {
    (void)state;
    assert_true(raw_equals("", ""));
    assert_true(raw_equals("data", "data"));
    assert_true(raw_equals("d\\u0061ta", "data"));
    assert_true(raw_equals("\\u00e9", "\xC3\xA9"));
    assert_false(raw_equals("data", "dat"));
    assert_false(raw_equals("dat", "data"));
    assert_false(raw_equals("", "data"));
    assert_false(raw_equals("data", ""));
    assert_false(raw_equals("Data", "data"));
    assert_false(raw_equals("a\\u0000", "a"));
    assert_false(raw_equals("a\\u0000b", "a"));
}

static void assert_string_written(const char *bytes, size_t size, const char *json) {
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    assert_true(fu_json_write_string(&buffer, bytes, size));
    assert_string_equal(buffer.data, json);
    fu_buffer_free(&buffer);
}

static void writes_strings(void **state) {
    (void)state;
    assert_string_written("", 0, "\"\"");
    assert_string_written("plain text of more than sixteen bytes", 37, "\"plain text of more than sixteen bytes\"");
    assert_string_written("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    assert_string_written("\0\x1f\x7f", 3, "\"\\u0000\\u001f\x7f\"");
    assert_string_written("\xC3\xA9\xF0\x9F\x98\x80", 6, "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    assert_string_written("\xED\xA0\x80", 3, "\"\\ud800\"");
    assert_string_written("x\xED\xBF\xBF", 4, "\"x\\udfff\"");
    assert_string_written("\xED\xB8\x80\xED\xA0\xBD", 6, "\"\\ude00\\ud83d\"");
}

static void writes_no_bytes_that_are_not_utf8(void **state) {
    (void)state;
    static const char *const bad[] = {"\xFF",
                                      "a\x80",
                                      "\xC3",
                                      "\xC0\x80",
                                      "\xE2\x82",
                                      "\xED\xA0",
                                      "\xF4\x90\x80\x80",
                                      "0123456789abcdef\xF0\x9F\x98",
                                      "\xED\xA0\xBD\xED\xB8\x80"}; /* a pair that should be one character */
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    fu_buffer_puts(&buffer, "[1,");
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(fu_json_write_string(&buffer, bad[i], strlen(bad[i])));
        assert_false(buffer.failed);
        assert_int_equal(buffer.size, 3);
        assert_string_equal(buffer.data, "[1,");
    }
    /* A sequence that only the bytes behind the given ones would complete. */
    assert_false(fu_json_write_string(&buffer, "\xC3\xA9", 1));
    fu_buffer_free(&buffer);
}

/* Any text of any code points, surrogates that are alone too, comes back from the writer as it went in. */
static void strings_come_back(void **state) {
    (void)state;
    struct fu_json reader;
    for (int i = 0; i < 20000; i++) {
        char raw[256];
        size_t size = 0;
        for (uint64_t n = next_random() % 30; n > 0; n--) {
            unsigned code = (unsigned)(next_random() % (n % 3 == 0 ? 0x10000 : 0x80));
            size += (size_t)snprintf(raw + size, sizeof raw - size, "\\u%04x", code);
        }
        char bytes[256];
        size_t length = fu_json_unescape(raw, size, bytes);
        struct fu_buffer buffer = FU_BUFFER_EMPTY;
        assert_true(fu_json_write_string(&buffer, bytes, length));
        assert_true(fu_json_check(&reader, buffer.data, buffer.size));
        char back[256];
        assert_int_equal(fu_json_unescape(buffer.data + 1, buffer.size - 2, back), length);
        assert_memory_equal(back, bytes, length);
        fu_buffer_free(&buffer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unescapes),
        cmocka_unit_test(keeps_lone_surrogates),
        cmocka_unit_test(compares_raw_text),
        cmocka_unit_test(writes_strings),
        cmocka_unit_test(writes_no_bytes_that_are_not_utf8),
        cmocka_unit_test(strings_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
