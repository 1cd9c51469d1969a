/* test_redirect.c: the way to the authorize page and back: states, addresses, what a redirect may bring. */
#include "redirect.h"

#include "alloc.h"

#include "test.h"

#define HOME "http://127.0.0.1:8080/callback"
#define STATE "0123456789abcdef0123456789abcdef"

static fusioo_error error;
static struct fu_redirect redirect;

static bool come_back(const char *url, bool implicit) {
    redirect = (struct fu_redirect){.life = -1};
    return fu_redirect_read(&redirect, url, HOME, STATE, implicit, &error);
}

static void test_states_are_fresh(void **state) {
    (void)state;
    char seen[64][FUSIOO_STATE_SIZE];
    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_true(fu_state_make(seen[i], &error));
        assert_int_equal(strlen(seen[i]), 32); /* 128 bits */
        assert_int_equal(strspn(seen[i], "0123456789abcdef"), 32);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(seen[i], seen[k]);
        }
    }
}

static void test_code_comes_back(void **state) {
    (void)state;
    static const char *const urls[] = {
        HOME "?code=a%2Fb&state=" STATE,
        HOME "?state=" STATE "&code=a/b&more=1",
        "HTTP://127.0.0.1:8080/callback?code=a%2fb&state=" STATE "#_",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_true(come_back(urls[i], false));
        assert_string_equal(redirect.code, "a/b");
        assert_null(redirect.token.access);
        fu_redirect_free(&redirect);
    }
}

static void test_token_comes_back(void **state) {
    (void)state;
    assert_true(come_back(HOME "#access_token=abc&token_type=Bearer&expires_in=60&state=" STATE, true));
    assert_null(redirect.code);
    assert_string_equal(redirect.token.access, "abc");
    assert_seconds(redirect.life, 60);
    fu_redirect_free(&redirect);
    assert_true(come_back(HOME "#access_token=abc&state=" STATE, true));
    assert_true(redirect.life < 0);
    fu_redirect_free(&redirect);
}

static void test_another_place_is_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "http://127.0.0.1:8080/other?code=c0de&state=" STATE,
        "http://127.0.0.1:8080/callback/?code=c0de&state=" STATE,
        "http://127.0.0.1:8080/Callback?code=c0de&state=" STATE,
        "http://127.0.0.1:8081/callback?code=c0de&state=" STATE,
        "http://127.0.0.1/callback?code=c0de&state=" STATE,
        "https://127.0.0.1:8080/callback?code=c0de&state=" STATE,
        "http://evil.example/callback?code=c0de&state=" STATE,
        "http://127.0.0.1:8080@evil.example/callback?code=c0de&state=" STATE,
        "http://user@127.0.0.1:8080/callback?code=c0de&state=" STATE,
        "/callback?code=c0de&state=" STATE,
        "?code=c0de&state=" STATE,
        "",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_false(come_back(urls[i], false));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_null(strstr(error.message, "c0de"));
        assert_null(strstr(error.message, STATE));
        assert_null(redirect.code);
    }
}

static void test_another_state_is_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        HOME "?code=c0de",
        HOME "?code=c0de&state=",
        HOME "?code=c0de&state=0123456789abcdef0123456789abcdee",
        HOME "?code=c0de&state=0123456789abcdef0123456789abcde",
        HOME "?code=c0de&state=" STATE "0",
        HOME "?error=access_denied&state=wrong",
        HOME "?code=c0de#state=" STATE,
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_false(come_back(urls[i], false));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_non_null(strstr(error.message, "state"));
        assert_null(strstr(error.message, "c0de"));
    }
}

/* A program that has forgotten its state has none to compare with. */
static void test_no_state_is_right_where_none_was_given(void **state) {
    (void)state;
    static const char *const urls[] = {HOME "?code=c0de&state=", HOME "?code=c0de", HOME "?code=c0de&state"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_false(fu_redirect_read(&redirect, urls[i], HOME, "", false, &error));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_non_null(strstr(error.message, "keep the one of authorize_url"));
    }
}

static void test_redirects_that_bring_nothing(void **state) {
    (void)state;
    static const char *const urls[] = {
        HOME "?state=" STATE,
        HOME "?code=&state=" STATE,
        HOME "?code=1&code=2&state=" STATE,
        HOME "#code=1&state=" STATE,
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_false(come_back(urls[i], false));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_null(redirect.code);
    }
    assert_false(come_back(HOME "?access_token_=abc&state=" STATE, true));
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_non_null(strstr(error.message, "#"));
}

static void test_the_page_says_no(void **state) {
    (void)state;
    assert_false(come_back(HOME "?error=access_denied&error_description=Access+denied", false));
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_non_null(strstr(error.message, "access_denied; who signs in has to allow the access"));
    assert_null(strstr(error.message, "Access denied")); /* anybody may have said that */
    assert_false(come_back(HOME "?error=access_denied&error_description=Not+today&state=" STATE, false));
    assert_non_null(strstr(error.message, "access_denied; who signs in has to allow the access: Not today"));
    assert_false(come_back(HOME "?error=Run+this:+rm&error_description=x", false));
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_null(strstr(error.message, "rm"));
    assert_false(come_back(HOME "?error=server_error&state=" STATE, false));
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_non_null(strstr(error.message, "server_error"));
    assert_false(come_back(HOME "#error=access_denied&state=" STATE, true));
    assert_int_equal(error.kind, FUSIOO_AUTH);
}

static void test_default_port_and_own_schemes(void **state) {
    (void)state;
    redirect = (struct fu_redirect){.life = -1};
    assert_true(fu_redirect_read(&redirect, "https://app.example:443/cb?code=c&state=" STATE, "https://App.example/cb",
                                 STATE, false, &error));
    fu_redirect_free(&redirect);
    assert_true(fu_redirect_check("myapp://signed-in", &error));
    assert_true(fu_redirect_read(&redirect, "myapp://signed-in?code=c&state=" STATE, "myapp://signed-in", STATE, false,
                                 &error));
    fu_redirect_free(&redirect);
    assert_false(
        fu_redirect_read(&redirect, "myapp://other?code=c&state=" STATE, "myapp://signed-in", STATE, false, &error));
}

static void test_redirect_uris(void **state) {
    (void)state;
    static const char *const wrong[] = {"",        "callback",    "/callback", "http:// x/", "http://x/#f",
                                        "http://", "127.0.0.1:80"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(fu_redirect_check(wrong[i], &error));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_non_null(strstr(error.message, "redirect_uri"));
    }
}

static void test_where_a_server_waits(void **state) {
    (void)state;
    static const struct {
        const char *uri, *target;
        int port;
    } cases[] = {
        {"http://127.0.0.1:8080/a/b?c", "/a/b", 8080},
        {"http://localhost/cb", "/cb", 80},
        {"http://[::1]:9", "/", 0},
        {"http://127.1:9/x", "/x", 9},
        {"http://127.0.0.2:9", "/", 0},
        {"https://127.0.0.1:8080/cb", "/cb", 0},
        {"http://app.example/cb", "/cb", 0},
        {"myapp://x", "/", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *target;
        int port;
        assert_true(fu_redirect_target(cases[i].uri, &target, &port, &error));
        assert_string_equal(target, cases[i].target);
        assert_int_equal(port, cases[i].port);
        fu_free(target);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_are_fresh),
        cmocka_unit_test(test_code_comes_back),
        cmocka_unit_test(test_token_comes_back),
        cmocka_unit_test(test_another_place_is_refused),
        cmocka_unit_test(test_another_state_is_refused),
        cmocka_unit_test(test_no_state_is_right_where_none_was_given),
        cmocka_unit_test(test_redirects_that_bring_nothing),
        cmocka_unit_test(test_the_page_says_no),
        cmocka_unit_test(test_default_port_and_own_schemes),
        cmocka_unit_test(test_redirect_uris),
        cmocka_unit_test(test_where_a_server_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
