/* test_error.c: error values, and the line that a log gets of them. Must not know: the network. */
#include "error.h"

#include "test.h"

static void assert_line(const fusioo_error *error, const char *expected) {
    char text[4000];
    size_t size = fusioo_error_text(error, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
    /* Cut anywhere it is the beginning of the same line, and tells how long the whole is. */
    for (size_t room = 1; room <= size + 2; room++) {
        char part[4000];
        memset(part, '#', sizeof part);
        assert_int_equal(fusioo_error_text(error, part, room), size);
        size_t fits = room <= size ? room - 1 : size;
        assert_memory_equal(part, expected, fits);
        assert_int_equal(part[fits], '\0');
        assert_int_equal(part[fits + 1], '#');
    }
    assert_int_equal(fusioo_error_text(error, NULL, 0), size);
}

/* ---- The line ---- */

static void says_what_was_tried_and_what_came_back(void **state) {
    (void)state;
    fusioo_error error;
    fu_error_set(&error, FUSIOO_NOT_FOUND, "%s", "App not found");
    snprintf(error.method, sizeof error.method, "GET");
    snprintf(error.path, sizeof error.path, "/v3/apps/i1");
    error.status = 404;
    error.has_code = true;
    error.code = 30000;
    error.attempts = 1;
    assert_line(&error,
                "fusioo: GET /v3/apps/i1: HTTP 404, code 30000: App not found [not_found]; check the id, and that "
                "the token's user may see it");
    error.attempts = 3;
    error.has_code = false;
    assert_line(&error,
                "fusioo: GET /v3/apps/i1: HTTP 404: App not found (after 3 attempts) [not_found]; check the id, "
                "and that the token's user may see it");
    error.message[0] = '\0';
    error.attempts = 0;
    assert_line(&error,
                "fusioo: GET /v3/apps/i1: HTTP 404 [not_found]; check the id, and that the token's user may see "
                "it");
}

static void set_tried(fusioo_error *error, fusioo_kind kind, const char *message) {
    fu_error_set(error, kind, "%s", message);
    snprintf(error->method, sizeof error->method, "PUT");
    snprintf(error->path, sizeof error->path, "/v3/x");
}

static void says_what_to_do(void **state) {
    (void)state;
    fusioo_error error;
    set_tried(&error, FUSIOO_RATE_LIMIT, "500 calls are used up");
    error.retry_after = 12.4;
    assert_line(&error,
                "fusioo: PUT /v3/x: 500 calls are used up [rate_limit]; free again in 13 s; wait, or spend fewer "
                "calls");
    set_tried(&error, FUSIOO_NETWORK, "Connection reset");
    error.maybe_done = true;
    assert_line(&error,
                "fusioo: PUT /v3/x: Connection reset [network]; the service may have carried it out: look before "
                "you send it again");
    set_tried(&error, FUSIOO_TIMEOUT, "too long");
    error.resume = 1234567890123;
    assert_line(&error, "fusioo: PUT /v3/x: too long [timeout]; try again, or allow more in the option timeout; go on "
                        "with offset = 1234567890123");
    set_tried(&error, FUSIOO_AUTH, "no");
    error.status = 401;
    assert_line(&error, "fusioo: PUT /v3/x: HTTP 401: no [auth]; check the access token: it may be wrong, expired or "
                        "revoked");
}

static void tells_nobody_to_try_again_who_must_look_before(void **state) {
    (void)state;
    static const struct {
        fusioo_kind kind;
        int status;
    } cases[] = {{FUSIOO_API, 500}, {FUSIOO_API, 503}, {FUSIOO_TIMEOUT, 0}, {FUSIOO_DECODE, 200}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        fusioo_error error;
        char text[400];
        set_tried(&error, cases[i].kind, "no");
        error.status = cases[i].status;
        fusioo_error_text(&error, text, sizeof text);
        assert_non_null(strstr(text, "try again"));
        error.maybe_done = true;
        fusioo_error_text(&error, text, sizeof text);
        assert_non_null(strstr(text, "look before you send it again"));
        assert_null(strstr(text, "try again"));
    }
}

static void what_the_service_refuses_is_not_worth_another_try(void **state) {
    (void)state;
    static const int statuses[] = {0, 200, 302, 400, 403, 409, 501};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        fusioo_error error;
        char text[400];
        set_tried(&error, FUSIOO_API, "no");
        error.status = statuses[i];
        fusioo_error_text(&error, text, sizeof text);
        assert_null(strstr(text, "again"));
    }
}

static void gives_no_advice_on_what_was_not_tried(void **state) {
    (void)state;
    fusioo_error error;
    fu_error_set(&error, FUSIOO_INVALID, "limit is 1 to 200, not %d", 201);
    assert_line(&error, "fusioo: limit is 1 to 200, not 201 [invalid]");
    fu_error_set(&error, FUSIOO_AUTH, "there is no access token");
    assert_line(&error, "fusioo: there is no access token [auth]");
    set_tried(&error, FUSIOO_AUTH, "there is no access token"); /* a call that was never sent */
    assert_line(&error, "fusioo: PUT /v3/x: there is no access token [auth]");
    fu_error_set(&error, FUSIOO_NETWORK, "the system gave no random bytes");
    assert_line(&error, "fusioo: the system gave no random bytes [network]");
}

static void the_longest_error_fits_its_text(void **state) {
    (void)state;
    fusioo_error error;
    char text[4000];
    fu_error_clear(&error, FUSIOO_MOVED);
    memset(error.method, 'M', sizeof error.method - 1);
    memset(error.path, 'p', sizeof error.path - 1);
    memset(error.message, 'm', sizeof error.message - 1);
    error.status = INT32_MIN;
    error.has_code = true;
    error.code = INT64_MIN;
    error.attempts = INT32_MAX;
    error.retry_after = 1e15;
    error.resume = INT64_MAX;
    error.maybe_done = true;
    size_t size = fusioo_error_text(&error, text, sizeof text);
    assert_true(size < sizeof text);
    assert_int_equal(strlen(text), size);
}

static void kinds_have_the_names_of_the_lua_interface(void **state) {
    (void)state;
    static const char *const names[] = {
        [FUSIOO_OK] = "ok",
        [FUSIOO_API] = "api",
        [FUSIOO_AUTH] = "auth",
        [FUSIOO_RATE_LIMIT] = "rate_limit",
        [FUSIOO_NOT_FOUND] = "not_found",
        [FUSIOO_NETWORK] = "network",
        [FUSIOO_TIMEOUT] = "timeout",
        [FUSIOO_DECODE] = "decode",
        [FUSIOO_TOO_LARGE] = "too_large",
        [FUSIOO_MOVED] = "moved",
        [FUSIOO_INVALID] = "invalid",
        [FUSIOO_UNSUPPORTED] = "unsupported",
        [FUSIOO_CANCELLED] = "cancelled",
        [FUSIOO_CLOSED] = "closed",
        [FUSIOO_MEMORY] = "memory",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        fusioo_error error;
        char text[400];
        assert_string_equal(fusioo_kind_name((fusioo_kind)i), names[i]);
        fu_error_clear(&error, (fusioo_kind)i);
        fusioo_error_text(&error, text, sizeof text);
        assert_non_null(strstr(text, names[i]));
    }
    assert_string_equal(fusioo_kind_name((fusioo_kind)COUNT(names)), "unknown");
    assert_string_equal(fusioo_kind_name((fusioo_kind)1000), "unknown");
}

/* ---- Filling in ---- */

static void a_cleared_error_knows_nothing(void **state) {
    (void)state;
    fusioo_error error;
    memset(&error, 0x55, sizeof error);
    fu_error_clear(&error, FUSIOO_API);
    assert_int_equal(error.kind, FUSIOO_API);
    assert_int_equal(error.status, 0);
    assert_false(error.has_code);
    assert_int_equal(error.attempts, 0);
    assert_false(error.maybe_done);
    assert_true(error.retry_after < 0);
    assert_true(error.resume < 0);
    assert_string_equal(error.method, "");
    assert_string_equal(error.path, "");
    assert_string_equal(error.message, "");
    fu_error_clear(NULL, FUSIOO_API);
    assert_false(fu_error_set(NULL, FUSIOO_API, "%d", 1));
    assert_false(fu_error_memory(NULL));
    assert_false(fu_error_memory(&error));
    assert_int_equal(error.kind, FUSIOO_MEMORY);
}

static void a_message_is_one_line(void **state) {
    (void)state;
    fusioo_error error;
    char text[400];
    fu_error_set(&error, FUSIOO_API, "%s",
                 "a\nb\r\nc\td\x1b[31m\x7f"
                 "e\x01");
    assert_string_equal(error.message, "a b  c d [31m e ");
    fu_error_copy(error.path, sizeof error.path, "/a\nb\0c", 6);
    assert_string_equal(error.path, "/a b c");
    snprintf(error.method, sizeof error.method, "GET");
    fusioo_error_text(&error, text, sizeof text);
    for (const char *at = text; *at != '\0'; at++) {
        assert_true((unsigned char)*at >= ' ');
    }
}

static void texts_are_cut_at_a_whole_character(void **state) {
    (void)state;
    /* One, two, three and four bytes. */
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t room = 1; room <= COUNT(whole); room++) {
        char target[32];
        memset(target, '#', sizeof target);
        fu_error_copy(target, room, text, sizeof text - 1);
        assert_int_equal(strlen(target), whole[room - 1]);
        assert_memory_equal(target, text, whole[room - 1]);
        assert_int_equal(target[room], '#');
    }
}

static void what_is_no_utf8_is_cut_all_the_same(void **state) {
    (void)state;
    char target[8];
    fu_error_copy(target, sizeof target, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 10);
    assert_string_equal(target, "");
    fu_error_copy(target, sizeof target, "", 0);
    assert_string_equal(target, "");
    fu_error_copy(target, 1, "abc", 3);
    assert_string_equal(target, "");
}

static void a_long_message_is_cut_at_a_whole_character(void **state) {
    (void)state;
    fusioo_error error;
    char text[5000];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 4);
        }
        fu_error_set(&error, FUSIOO_API, "%s", text);
        size_t size = strlen(error.message);
        assert_true(size < sizeof error.message && size > sizeof error.message - 4);
        assert_int_equal((size - shift) % 3, 0);
        assert_memory_equal(error.message, text, size);
    }
}

static void a_quoted_text_may_be_cut_anywhere(void **state) {
    (void)state;
    fusioo_error error;
    fu_error_set(&error, FUSIOO_INVALID, "'%.3s' is no name", "\xc3\xa4\xc3\xb6\xc3\xbc");
    assert_string_equal(error.message, "'\xc3\xa4?' is no name");
    fu_error_set(&error, FUSIOO_INVALID, "'%.4s' is no name", "\xc3\xa4\xc3\xb6\xc3\xbc");
    assert_string_equal(error.message, "'\xc3\xa4\xc3\xb6' is no name");
    for (int size = 1; size < 4; size++) { /* one mark, however much of the character is there */
        fu_error_set(&error, FUSIOO_INVALID, "a%.*sb", size, "\xf0\x9f\x98\x80");
        assert_string_equal(error.message, "a?b");
        fu_error_set(&error, FUSIOO_INVALID, "a%.*s", size, "\xf0\x9f\x98\x80");
        assert_string_equal(error.message, "a?");
    }
    fu_error_set(&error, FUSIOO_INVALID, "a%.4sb", "\xf0\x9f\x98\x80");
    assert_string_equal(error.message, "a\xf0\x9f\x98\x80"
                                       "b");
}

static void what_is_no_utf8_gets_a_mark(void **state) {
    (void)state;
    fusioo_error error;
    fu_error_set(&error, FUSIOO_INVALID, "%s", "\xe4.txt \xff\xfe \xc0\xaf \xed\xa0\x80 \x80\x80 ok");
    assert_string_equal(error.message, "?.txt ?? ? ? ? ok");
    char text[3000];
    memset(text, 0xe4, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fu_error_set(&error, FUSIOO_INVALID, "%s", text);
    assert_int_equal(strspn(error.message, "?"), sizeof error.message - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_tried_and_what_came_back),
        cmocka_unit_test(says_what_to_do),
        cmocka_unit_test(tells_nobody_to_try_again_who_must_look_before),
        cmocka_unit_test(what_the_service_refuses_is_not_worth_another_try),
        cmocka_unit_test(gives_no_advice_on_what_was_not_tried),
        cmocka_unit_test(the_longest_error_fits_its_text),
        cmocka_unit_test(kinds_have_the_names_of_the_lua_interface),
        cmocka_unit_test(a_cleared_error_knows_nothing),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(texts_are_cut_at_a_whole_character),
        cmocka_unit_test(what_is_no_utf8_is_cut_all_the_same),
        cmocka_unit_test(a_long_message_is_cut_at_a_whole_character),
        cmocka_unit_test(a_quoted_text_may_be_cut_anywhere),
        cmocka_unit_test(what_is_no_utf8_gets_a_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
