/* test_token.c: tokens as they come and are kept, forms, and secrets that are taken out of texts. */
#include "token.h"

#include "alloc.h"
#include "form.h"
#include "scrub.h"

#include "test.h"

static fusioo_error error;
static const char owner_url[] = "https://api.example/\"token\"";
static const struct fu_token_owner owner = {"reports", owner_url};

static bool read_kept(struct fu_token *token, const char *text) {
    return fu_token_read(token, text, strlen(text), &error);
}

static void test_kept_token_comes_back(void **state) {
    (void)state;
    struct fu_token token = FU_TOKEN_NONE;
    struct fu_token again = FU_TOKEN_NONE;
    struct fu_buffer text = {.secret = true};
    const fusioo_token given = {"a-1\"\\", "bearer", "r\xc3\xa4", 1234567890};
    assert_true(fu_token_set(&token, &given, &error));
    assert_true(fu_token_write(&token, &owner, &text));
    assert_true(fu_token_read(&again, text.data, text.size, &error));
    assert_string_equal(again.access, "a-1\"\\");
    assert_string_equal(again.type, "bearer");
    assert_string_equal(again.refresh, "r\xc3\xa4");
    assert_seconds(again.expires_at, 1234567890);
    fu_buffer_free(&text);
    fu_token_free(&token);
    fu_token_free(&again);
    assert_null(again.access);
}

static void test_a_kept_token_says_whose_it_is(void **state) {
    (void)state;
    static const struct fu_token_owner others[] = {
        {"report", owner_url}, {"reports2", owner_url}, {"reports", "https://api.example/token"}, {"", ""}};
    struct fu_token token = {.access = "a", .expires_at = -1};
    struct fu_buffer text = {.secret = true};
    assert_true(fu_token_write(&token, &owner, &text));
    assert_true(fu_token_is_of(text.data, text.size, &owner));
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(fu_token_is_of(text.data, text.size, &others[i]));
    }
    fu_buffer_free(&text);
    static const char *const anybodys[] = {"", "{\"access_token\":\"a\"}", "{\"kept_for\":null}", "[]",
                                           "{\"kept_for\""};
    for (size_t i = 0; i < COUNT(anybodys); i++) {
        assert_true(fu_token_is_of(anybodys[i], strlen(anybodys[i]), &owner));
    }
}

static void test_what_is_missing_stays_missing(void **state) {
    (void)state;
    struct fu_token token = FU_TOKEN_NONE;
    assert_true(
        read_kept(&token, "{\"access_token\":\"a\",\"refresh_token\":null,\"x\":[1,{\"access_token\":\"b\"}]}"));
    assert_string_equal(token.access, "a");
    assert_null(token.refresh);
    assert_true(token.expires_at < 0);
    assert_true(read_kept(&token, " \n"));
    assert_null(token.access);
    assert_true(read_kept(&token, "{\"access_token\":\"a\",\"refresh_token\":\"\",\"token_type\":\"\"}"));
    assert_string_equal(token.access, "a");
    assert_null(token.refresh);
    fu_token_free(&token);
}

static void test_no_tokens(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"access_token\":\"secret1",
        "{\"access_token\":\"secret1\"} secret1",
        "{\"access_token\":\"secret1 secret1\"}",
        "{\"access_token\":\"secret1\\u0000\"}",
        "{\"access_token\":\"secret1\",\"token_type\":\"mac\"}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":17}",
    };
    struct fu_token token = FU_TOKEN_NONE;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_false(read_kept(&token, texts[i]));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_null(strstr(error.message, "secret1"));
        assert_null(token.access);
    }
}

static void test_answers(void **state) {
    (void)state;
    struct fu_token_answer answer = {.token = FU_TOKEN_NONE};
    const char *text = "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"refresh_token\":\"r\"}";
    assert_true(fu_token_read_answer(&answer, text, strlen(text), &error));
    assert_string_equal(answer.token.access, "a");
    assert_string_equal(answer.token.refresh, "r");
    assert_seconds(answer.life, 3600);
    assert_string_equal(answer.error, "");
    fu_token_free(&answer.token);

    static const struct {
        const char *text;
        double life;
    } lives[] = {
        {"{\"access_token\":\"a\",\"expires_in\":\"1800\"}", 1800}, /* as some services write it */
        {"{\"access_token\":\"a\",\"expires_in\":2.5}", 2.5},
        {"{\"access_token\":\"a\",\"expires_in\":\"1e400\"}", -1},
        {"{\"access_token\":\"a\",\"expires_in\":1e300}", -1}, /* no number of seconds */
        {"{\"access_token\":\"a\",\"expires_in\":0}", -1},
        {"{\"access_token\":\"a\",\"expires_in\":-5}", -1},
        {"{\"access_token\":\"a\",\"expires_in\":\"soon\"}", -1},
        {"{\"access_token\":\"a\"}", -1},
    };
    for (size_t i = 0; i < COUNT(lives); i++) {
        answer = (struct fu_token_answer){.token = FU_TOKEN_NONE};
        assert_true(fu_token_read_answer(&answer, lives[i].text, strlen(lives[i].text), &error));
        assert_seconds(answer.life, lives[i].life);
        fu_token_free(&answer.token);
    }
}

static void test_answers_that_say_no(void **state) {
    (void)state;
    struct fu_token_answer answer = {.token = FU_TOKEN_NONE};
    const char *text = "{\"error\":\"invalid_grant\",\"error_description\":\"two\\nlines\"}";
    assert_true(fu_token_read_answer(&answer, text, strlen(text), &error));
    assert_string_equal(answer.error, "invalid_grant");
    assert_string_equal(answer.description, "two lines");
    assert_null(answer.token.access);
    text = "{\"token_type\":\"Bearer\"}";
    answer = (struct fu_token_answer){.token = FU_TOKEN_NONE};
    assert_false(fu_token_read_answer(&answer, text, strlen(text), &error));
    assert_int_equal(error.kind, FUSIOO_DECODE);
    text = "{\"access_token\":\"a\",\"error\":\"\"}"; /* no error at all */
    answer = (struct fu_token_answer){.token = FU_TOKEN_NONE};
    assert_true(fu_token_read_answer(&answer, text, strlen(text), &error));
    assert_string_equal(answer.token.access, "a");
    fu_token_free(&answer.token);
}

static void test_forms(void **state) {
    (void)state;
    struct fu_buffer form = {.secret = true};
    char *value;
    assert_true(fu_form_put(&form, "a b", "1&2=3"));
    assert_true(fu_form_put(&form, "left_out", NULL));
    assert_true(fu_form_put(&form, "c", ""));
    assert_true(fu_form_put(&form, "d", "\xc3\xa4+"));
    assert_string_equal(form.data, "a%20b=1%262%3D3&c=&d=%C3%A4%2B");
    assert_int_equal(fu_form_find(form.data, form.size, "d", &value), 1);
    assert_string_equal(value, "\xc3\xa4+");
    fu_free_secret(value);
    fu_buffer_free(&form);

    const char *text = "x&a=1+2%2&&b=%41%zz&a=3&b";
    assert_int_equal(fu_form_find(text, strlen(text), "a", &value), 2);
    assert_string_equal(value, "1 2%2");
    fu_free_secret(value);
    assert_int_equal(fu_form_find(text, strlen(text), "b", &value), 2);
    assert_string_equal(value, "A%zz");
    fu_free_secret(value);
    assert_int_equal(fu_form_find(text, strlen(text), "x", &value), 1);
    assert_string_equal(value, "");
    fu_free_secret(value);
    assert_int_equal(fu_form_find(text, strlen(text), "z", &value), 0);
    assert_null(value);
}

static void test_scrubbing(void **state) {
    (void)state;
    static const struct {
        const char *text, *secret, *clean;
    } cases[] = {
        {"token abcdef is bad, abcdef!", "abcdef", "token *** is bad, ***!"},
        {"abcdefabcdef", "abcdef", "******"},
        {"cut off: abcdefgh", "abcdefghijkl", "cut off: ***"},
        {"cut off: abcdefg", "abcdefghijkl", "cut off: abcdefg"}, /* too little to be of use */
        {"nothing here", "abcdef", "nothing here"},
        {"a b c", "b", "a b c"},
        {"as it is", NULL, "as it is"},
        {"aaaab", "aaab", "a***"},
        {"says x=ab%2Fcd%2b%20e+f%25!", "ab/cd+ e f%", "says x=***!"},
        {"ab/cd%2B and ab%2Fcd+", "ab/cd+", "*** and ***"},
        {"is 100%25 and 100%2525", "100%25", "is *** and ***"},
        {"%61%62%63d is abcd", "abcd", "*** is ***"},
        {"cut off: ab%2Fcd%2Fef%2", "ab/cd/ef/gh", "cut off: ***"},
        {"cut off: ab%2Fcd%2Fef%", "ab/cd/ef/gh", "cut off: ***"},
        {"cut off: ab%2Fcd%2", "ab/cd/ef/gh", "cut off: ab%2Fcd%2"},
        {"100% as it %2 is", "abcd/efgh", "100% as it %2 is"},
        {"says ab cd e!",
         "ab\tcd\x7f"
         "e",
         "says ***!"},
        {"says ab cd", "abxcd", "says ab cd"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i].text);
        fu_scrub(text, cases[i].secret);
        assert_string_equal(text, cases[i].clean);
    }
}

static void test_scrubbing_secrets_that_begin_with_others(void **state) {
    (void)state;
    static const char *const secrets[] = {"abcd", NULL, "abcd.efgh", "xyz", "abcd.e"};
    char text[] = "abcd, abcd.efgh, abcd.ex and abcd.ef";
    fu_scrub_all(text, secrets, COUNT(secrets));
    assert_string_equal(text, "***, ***, ***x and ***f");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_token_comes_back),
        cmocka_unit_test(test_a_kept_token_says_whose_it_is),
        cmocka_unit_test(test_what_is_missing_stays_missing),
        cmocka_unit_test(test_no_tokens),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_that_say_no),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_scrubbing),
        cmocka_unit_test(test_scrubbing_secrets_that_begin_with_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
