/* test_headers.c: what header lines say of an answer that brings a file. Retry-After has its tests in test_http.c. */
#include "headers.h"

#include "buffer.h"

#include "test.h"

static struct fu_http_head head;

/* Each line in a block of its own size: no NUL follows. */
static void read_lines(const char *const *lines) {
    for (; *lines != NULL; lines++) {
        size_t size = strlen(*lines);
        char *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, *lines, size);
        fu_head_read(&head, copy, size);
        free(copy);
    }
}

#define LINES(...) read_lines((const char *const[]){__VA_ARGS__, "\r\n", NULL})

static void the_status_line_begins_anew(void **state) {
    (void)state;
    LINES("HTTP/1.1 200 OK\r\n", "Content-Length: 12\r\n", "ETag: \"a\"\r\n");
    assert_int_equal(head.status, 200);
    assert_int_equal(head.length, 12);
    assert_true(head.framed);
    assert_string_equal(head.validator, "\"a\"");
    LINES("HTTP/1.1 404 Not Found\r\n");
    assert_int_equal(head.status, 404);
    assert_int_equal(head.length, -1);
    assert_false(head.framed);
    assert_string_equal(head.validator, "");
    LINES("HTTP/2 206\r\n");
    assert_int_equal(head.status, 206);
    assert_true(head.framed); /* it says where a body ends */
    LINES("HTTP/1.1\r\n");
    assert_true(head.status <= 0);
    LINES("HTTP/1.1 99999999999999999999 x\r\n");
    assert_true(head.status != 200);
}

static void lengths_that_are_none(void **state) {
    (void)state;
    static const char *const values[] = {"", "-1", "x", "99999999999999999999999"};
    for (size_t i = 0; i < COUNT(values); i++) {
        char line[80];
        snprintf(line, sizeof line, "Content-Length: %s\r\n", values[i]);
        LINES("HTTP/1.1 200 OK\r\n", line);
        assert_int_equal(head.length, -1);
        assert_false(head.framed);
    }
    LINES("HTTP/1.1 200 OK\r\n", "content-length:7\r\n");
    assert_int_equal(head.length, 7);
    LINES("HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n");
    assert_true(head.framed);
    assert_int_equal(head.length, -1);
    LINES("HTTP/1.1 200 OK\r\n", "Transfer-Encoding: identity\r\n"); /* it ends where the connection does */
    assert_false(head.framed);
}

static void parts(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int64_t start, total;
    } table[] = {
        {"Content-Range: bytes 5-9/10\r\n", 5, 10},
        {"content-range:bytes 0-0/1\r\n", 0, 1},
        {"Content-Range: bytes 5-9/*\r\n", 5, -1},
        {"Content-Range: bytes */10\r\n", -1, 10},
        {"Content-Range: items 5-9/10\r\n", -1, -1},
        {"Content-Range: bytes\r\n", -1, -1},
        {"Content-Range:\r\n", -1, -1},
        {"Content-Range: bytes 99999999999999999999-9/10\r\n", -1, 10},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        LINES("HTTP/1.1 206 Partial Content\r\n", table[i].line);
        assert_int_equal(head.range_start, table[i].start);
        assert_int_equal(head.range_total, table[i].total);
    }
}

static void strong_validators_alone(void **state) {
    (void)state;
    static const char date[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    LINES("HTTP/1.1 200 OK\r\n", "ETag: W/\"a\"\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", "ETag: a\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", date, "Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n");
    assert_string_equal(head.validator, "Sun, 06 Nov 1994 08:49:36 GMT");
    /* Changed in the second of the answer: it may change once more in it. */
    LINES("HTTP/1.1 200 OK\r\n", date, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", "Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", date, "ETag: \"b\"\r\n", "Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n");
    assert_string_equal(head.validator, "\"b\"");
}

static void a_validator_that_is_too_long_is_none(void **state) {
    (void)state;
    char line[400];
    snprintf(line, sizeof line, "ETag: \"%0300d\"\r\n", 0);
    LINES("HTTP/1.1 200 OK\r\n", line);
    assert_string_equal(head.validator, "");
}

/* It goes out in the next request's If-Range, maybe to another host than it came from. */
static void a_validator_that_would_break_a_header_is_none(void **state) {
    (void)state;
    static const char date[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    LINES("HTTP/1.1 200 OK\r\n", "ETag: \"a\rAuthorization: b\"\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", "ETag: \"a\r\n");
    assert_string_equal(head.validator, "");
    LINES("HTTP/1.1 200 OK\r\n", date, "Last-Modified: Sun, 06 Nov 1994\r08:49:36 GMT\r\n");
    assert_string_equal(head.validator, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_line_begins_anew),
        cmocka_unit_test(lengths_that_are_none),
        cmocka_unit_test(parts),
        cmocka_unit_test(strong_validators_alone),
        cmocka_unit_test(a_validator_that_is_too_long_is_none),
        cmocka_unit_test(a_validator_that_would_break_a_header_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
