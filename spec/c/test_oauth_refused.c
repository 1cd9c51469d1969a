/* test_oauth_refused.c: what becomes of a token that the API has refused. Must not know: libcurl, sockets. */
#include "token_service.h"

/* A token without a refresh token, from the page. */
static void sign_in_for(int life) {
    char text[96];
    fusioo_ask *ask = finish_sign_in();
    assert_non_null(ask);
    move();
    snprintf(text, sizeof text, "{\"access_token\":\"access-1\",\"expires_in\":%d}", life);
    end_transfer(FUSIOO_OK, 200, text);
    assert_int_equal(number_of(ask), 1);
}

/* A token that can be renewed, and calls one of which the API has refused with it. */
static void refuse_one_of_two(struct api_call *first, struct api_call *late) {
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
    call_again(first, 60, "access-1");
    call_api(late, 60);
}

static void who_comes_while_it_is_renewed_waits(void **state) {
    (void)state;
    struct api_call first;
    struct api_call late;
    refuse_one_of_two(&first, &late);
    assert_false(late.told);
    assert_false(fu_oauth_is_current(oauth, "access-1"));
    give(2, 3600);
    assert_int_equal(first.number, 2);
    assert_int_equal(late.number, 2);
    assert_true(is_good(2));
    assert_int_equal(requests, 2);
}

/* It may be good: the API was mistaken, or something between. */
static void it_is_used_again_where_no_other_comes(void **state) {
    (void)state;
    struct api_call first;
    struct api_call late;
    refuse_one_of_two(&first, &late);
    end_transfer(FUSIOO_OK, 404, "");
    assert_true(first.told);
    assert_int_equal(first.error.kind, FUSIOO_API);
    assert_int_equal(late.number, 1);
    assert_true(is_good(1));
    assert_int_equal(requests, 2);
}

static void without_a_refresh_token_it_is_tried_once_a_minute(void **state) {
    (void)state;
    struct api_call caller;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_MEMORY, false);
    sign_in_for(36000);
    for (int i = 0; i < 3; i++) {
        call_again(&caller, 60, "access-1");
        assert_true(caller.told);
        assert_int_equal(caller.error.kind, FUSIOO_AUTH);
        assert_non_null(strstr(caller.error.message, "the service has refused its token"));
        pass(50);
        call_api(&caller, 60);
        assert_true(caller.told);
        assert_int_equal(caller.error.kind, FUSIOO_AUTH);
        pass(11);
        call_api(&caller, 60);
        assert_int_equal(caller.number, 1);
    }
    assert_int_equal(requests, 1);
}

static void with_a_dead_refresh_token_it_is_tried_no_more(void **state) {
    (void)state;
    struct api_call caller;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = finish_sign_in();
    move();
    give(1, 36000);
    assert_int_equal(number_of(ask), 1);
    call_again(&caller, 60, "access-1");
    refuse("invalid_grant");
    assert_non_null(strstr(caller.error.message, "does not accept its refresh token"));
    pass(3600);
    call_api(&caller, 60);
    assert_int_equal(caller.error.kind, FUSIOO_AUTH);
    assert_int_equal(requests, 2);
    ask = finish_sign_in();
    move();
    give(3, 36000);
    assert_int_equal(number_of(ask), 3);
    call_api(&caller, 60);
    assert_int_equal(caller.number, 3);
}

/* A store that keeps the access token alone brings it back, and it is refused all the same. */
static void the_store_makes_it_no_better(void **state) {
    (void)state;
    struct api_call caller;
    const fusioo_token bare = {"access-1", NULL, NULL, wall + 3600};
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = ask_token();
    load(NULL);
    load(NULL);
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
    call_again(&caller, 60, "access-1");
    load(&bare);
    assert_false(caller.told);
    assert_non_null(strstr(under_way->form, "grant_type=password"));
    give(2, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(caller.number, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(who_comes_while_it_is_renewed_waits),
        TEST(it_is_used_again_where_no_other_comes),
        TEST(without_a_refresh_token_it_is_tried_once_a_minute),
        TEST(with_a_dead_refresh_token_it_is_tried_no_more),
        TEST(the_store_makes_it_no_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
