/* test_address.c: which base addresses are taken. Must not know: the network. */
#include "address.h"

#include "alloc.h"
#include "error.h"

#include "test.h"

static fusioo_error error;

static void accept(const char *url, const char *expected, bool expected_plain) {
    char *base = NULL;
    bool plain = !expected_plain;
    fu_error_clear(&error, FUSIOO_OK);
    if (!fu_address_read("base_url", FU_ADDRESS_BASE, url, &base, &plain, &error)) {
        fail_msg("refused: %s (%s)", url, error.message);
    }
    assert_string_equal(base, expected);
    assert_int_equal(plain, expected_plain);
    fu_free(base);
}

static void refuse(const char *url, const char *words) {
    char *base = (char *)1;
    bool plain = false;
    fu_error_clear(&error, FUSIOO_OK);
    if (fu_address_read("base_url", FU_ADDRESS_BASE, url, &base, &plain, &error)) {
        fail_msg("accepted: %s as %s", url, base);
    }
    assert_null(base);
    assert_int_equal(error.kind, FUSIOO_INVALID);
    if (strstr(error.message, words) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", url, error.message, words);
    }
    assert_false(fu_address_read("base_url", FU_ADDRESS_BASE, url, &base, &plain, NULL));
}

static void takes_https_anywhere(void **state) {
    (void)state;
    accept("https://api.fusioo.com", "https://api.fusioo.com", false);
    accept("https://api.fusioo.com/", "https://api.fusioo.com", false);
    accept("https://api.fusioo.com///", "https://api.fusioo.com", false);
    accept("https://api.fusioo.com:8443/", "https://api.fusioo.com:8443", false);
    accept("https://proxy.example.com/fusioo/api/", "https://proxy.example.com/fusioo/api", false);
    accept("https://10.1.2.3", "https://10.1.2.3", false);
    accept("https://[2001:db8::1]:444/x", "https://[2001:db8::1]:444/x", false);
    accept("https://localhost", "https://localhost", false);
    accept("HTTPS://api.fusioo.com", "https://api.fusioo.com", false);
    accept("https://example.com/v10", "https://example.com/v10", false);
    accept("https://example.com/av1", "https://example.com/av1", false);
    accept("https://v1.example.com", "https://v1.example.com", false);
}

static void what_is_asked_for_as_it_is_stays_so(void **state) {
    (void)state;
    static const char *const urls[] = {"https://x.example/oauth/token", "https://x.example/oauth2/v2",
                                       "https://x.example/token/"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        char *address = NULL;
        bool plain = true;
        assert_true(fu_address_read("token_url", FU_ADDRESS_WHOLE, urls[i], &address, &plain, &error));
        assert_string_equal(address, urls[i]);
        assert_false(plain);
        fu_free(address);
    }
}

static void takes_http_on_this_machine(void **state) {
    (void)state;
    accept("http://localhost", "http://localhost", true);
    accept("http://LocalHost:8080/", "http://LocalHost:8080", true);
    accept("http://127.0.0.1:1", "http://127.0.0.1:1", true);
    accept("http://127.0.0.1:65535/emulator/", "http://127.0.0.1:65535/emulator", true);
    accept("http://127.255.255.254", "http://127.255.255.254", true);
    accept("http://[::1]:8080", "http://[::1]:8080", true);
}

static void refuses_http_elsewhere(void **state) {
    (void)state;
    static const char *const urls[] = {
        "http://api.fusioo.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://localhost.",
        "http://mylocalhost",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://128.0.0.1",
        "http://126.255.255.255",
        "http://192.168.0.1",
        "http://[::2]",
        "http://[::]",
        "http://[2001:db8::1]",
        "http://[fe80::1]",
        "http://127.0.0.1%2eexample.com",
        "http://localhost%2eexample.com",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        refuse(urls[i], "https://");
    }
}

static void refuses_what_is_more_than_an_address(void **state) {
    (void)state;
    refuse("https://user@api.fusioo.com", "user");
    refuse("https://user:secret@api.fusioo.com", "user");
    refuse("http://127.0.0.1@example.com", "user");
    refuse("http://localhost:80@example.com/", "user");
    refuse("https://api.fusioo.com?a=b", "?");
    refuse("https://api.fusioo.com/#top", "#");
    refuse("https://api.fusioo.com/v3", "version");
    refuse("https://api.fusioo.com/v1/", "version");
    refuse("https://proxy.example.com/fusioo/v2", "version");
    refuse("http://127.0.0.1:8080/v3", "version");
}

static void refuses_what_is_no_address(void **state) {
    (void)state;
    static const char *const urls[] = {
        "",
        " ",
        "api.fusioo.com",
        "//api.fusioo.com",
        "/v3/apps",
        "https://",
        "https:api.fusioo.com",
        "https://api.fusioo.com:65536",
        "https://api.fusioo.com:99999999999",
        "https://api.fusioo.com:port",
        "https://api.fusioo.com:-1",
        "https://api fusioo.com",
        "https://api.fusioo.com/a b",
        "https://api.fusioo.com\r\nHost: x",
        "https://[::1",
        "https://[::g]",
        "https://[]",
        "https://%2544.example.com", /* decoded once it reads %44, which the next reader takes for D */
        "https://%%%443/",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        refuse(urls[i], "base_url");
    }
    refuse("ftp://api.fusioo.com", "base_url");
    refuse("file:///etc/passwd", "base_url");
    refuse("ws://127.0.0.1", "base_url");
    refuse("javascript://127.0.0.1", "base_url");
}

static void the_error_shows_no_password(void **state) {
    (void)state;
    refuse("https://user:hunter2@api.fusioo.com", "user");
    assert_null(strstr(error.message, "hunter2"));
    refuse("https://user:hunter2@api fusioo.com", "base_url");
    assert_null(strstr(error.message, "hunter2"));
}

static void a_long_address_is_cut_in_the_error_alone(void **state) {
    (void)state;
    char url[3000];
    memset(url, 'a', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    memcpy(url, "https://example.com/", 20); /* the letters go on behind it */
    accept(url, url, false);
    memcpy(url, "http://x.example.com", 20);
    refuse(url, "https://");
}

static void what_one_host_may_know(void **state) {
    (void)state;
    static const struct {
        const char *one, *other;
        bool same;
    } table[] = {
        {"https://api.fusioo.com", "https://API.fusioo.com:443/files?x#y", true},
        {"https://api.fusioo.com", "https://api.fusioo.com:444/", false},
        {"https://api.fusioo.com", "https://api.fusioo.com@evil.example/", false},
        {"http://127.0.0.1:80", "http://2130706433/", true},
        {"http://127.0.0.1:80", "https://127.0.0.1:80/", false},
        {"http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/x", true},
        {"http://[fe80::1%25eth0]/", "http://[fe80::1%25eth1]/", false}, /* another network, another host */
        {"http://[fe80::1%25eth0]/", "http://[fe80::1]/", false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(fu_address_same_origin(table[i].one, table[i].other), table[i].same);
        assert_int_equal(fu_address_same_origin(table[i].other, table[i].one), table[i].same);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_https_anywhere),
        cmocka_unit_test(what_is_asked_for_as_it_is_stays_so),
        cmocka_unit_test(takes_http_on_this_machine),
        cmocka_unit_test(refuses_http_elsewhere),
        cmocka_unit_test(refuses_what_is_more_than_an_address),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(the_error_shows_no_password),
        cmocka_unit_test(a_long_address_is_cut_in_the_error_alone),
        cmocka_unit_test(what_one_host_may_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
