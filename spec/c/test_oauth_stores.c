/* test_oauth_stores.c: stores that the engine's owner keeps: what is asked of them, and what they may fail in. Must not
 * know: libcurl, sockets. */
#include "token_service.h"

/* ---- Stores of the engine's owner ---- */

static void take_store_need(fusioo_store_need wanted) {
    fusioo_need need;
    do {
        assert_true(fu_need_take(context, &need));
    } while (need.kind != FUSIOO_NEED_STORE);
    assert_int_equal(need.client, fusioo_oauth_id(oauth));
    assert_int_equal(need.store, wanted);
}

static void stores_are_locked_asked_saved_and_unlocked(void **state) {
    (void)state;
    fusioo_token token;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, FUSIOO_STORE_BUSY, NULL);
    pass(0.05);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, FUSIOO_STORED, NULL);
    take_store_need(FUSIOO_STORE_LOAD);
    assert_null(under_way);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    assert_false(fusioo_oauth_to_save(oauth, &token));
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    assert_true(fusioo_oauth_to_save(oauth, &token));
    assert_string_equal(token.access_token, "access-1");
    assert_string_equal(token.refresh_token, "refresh-1");
    assert_seconds(token.expires_at, floor(wall) + 3600);
    assert_int_equal(number_of(ask), -1);
    fusioo_oauth_stored(oauth, FUSIOO_STORED, NULL);
    take_store_need(FUSIOO_STORE_UNLOCK);
    assert_int_equal(number_of(ask), 1);
}

static void a_token_that_cannot_be_kept_is_used_and_kept_later(void **state) {
    (void)state;
    fusioo_error full = {.kind = FUSIOO_INVALID, .message = "full of access-1", .retry_after = -1};
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, FUSIOO_STORE_FAILED, &full);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "full of ***");
    ask = ask_token(); /* who asks again lets it be tried again; the service is not asked */
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
    assert_true(is_good(1));
    assert_int_equal(requests, 1);
}

static void a_store_that_fails_fails_the_question_before_a_request(void **state) {
    (void)state;
    fusioo_error trouble = {.kind = FUSIOO_INVALID, .message = "no store", .retry_after = -1};
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "no store");
    ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, FUSIOO_STORE_FAILED, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(requests, 0);
}

/* A sign-in that was brought ends, too, and is not tried for ever. */
static void a_store_that_cannot_be_locked_ends_a_sign_in(void **state) {
    (void)state;
    char text[FUSIOO_STATE_SIZE];
    char url[128];
    fusioo_error trouble = {.kind = FUSIOO_INVALID, .message = "no lock", .retry_after = -1};
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, true);
    assert_non_null(fusioo_oauth_authorize_url(oauth, text, &why));
    snprintf(url, sizeof url, "http://127.0.0.1:9/back?code=c&state=%s", text);
    fusioo_ask *ask = fusioo_oauth_finish(oauth, url, text, &why);
    assert_non_null(ask);
    move();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, FUSIOO_STORE_FAILED, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "no lock");
    fusioo_need need;
    assert_false(fu_need_take(context, &need));
    assert_int_equal(requests, 0);
}

/* The store does not say whether it has kept the token: it counts as not kept, and is used. */
static void a_store_that_saves_for_ever_ends_the_patience(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    pass(301);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
    assert_int_equal(requests, 1);
}

static void who_holds_the_lock_for_ever_ends_the_patience(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, NULL, NULL);
    while (!fusioo_ask_done(ask)) {
        take_store_need(FUSIOO_STORE_LOCK);
        fusioo_oauth_stored(oauth, FUSIOO_STORE_BUSY, NULL);
        double next = fu_timers_next(&context->http.timers);
        pass(next - now + 0.001);
    }
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    assert_true(now >= 5300 && now < 5301);
    assert_int_equal(requests, 0);
}

static void a_refresh_that_is_refused_is_not_asked_for_again(void **state) {
    (void)state;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    fusioo_need need;
    fusioo_token token = {"access-1", NULL, "refresh-1", wall + 3600};
    fusioo_ask *ask = ask_token();
    assert_true(fu_need_take(context, &need));
    assert_int_equal(need.kind, FUSIOO_NEED_STORE);
    assert_int_equal(need.store, FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, &token, NULL);
    assert_int_equal(number_of(ask), 1);
    ask = fusioo_oauth_refresh(oauth, &why);
    move();
    assert_true(fu_need_take(context, &need)); /* it looks whether somebody else has renewed it */
    fusioo_oauth_loaded(oauth, &token, NULL);
    refuse("invalid_grant");
    assert_true(fu_need_take(context, &need)); /* and once more */
    fusioo_oauth_loaded(oauth, &token, NULL);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_AUTH);
    assert_non_null(strstr(why.message, "sign in"));
    assert_true(is_good(1)); /* the access token lives on */
    ask = fusioo_oauth_refresh(oauth, &why);
    move();
    assert_true(fu_need_take(context, &need));
    fusioo_oauth_loaded(oauth, &token, NULL);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(requests, 1);
}

static void a_store_without_a_lock_may_have_got_another_token(void **state) {
    (void)state;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    fusioo_need need;
    fusioo_token old = {"access-1", NULL, "refresh-1", wall - 1};
    fusioo_token other = {"access-2", NULL, "refresh-2", wall + 3600};
    fusioo_ask *ask = ask_token();
    for (int i = 0; i < 2; i++) {
        assert_true(fu_need_take(context, &need));
        fusioo_oauth_loaded(oauth, &old, NULL);
    }
    refuse("invalid_grant"); /* another process was quicker */
    assert_true(fu_need_take(context, &need));
    assert_int_equal(need.store, FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, &other, NULL);
    assert_int_equal(number_of(ask), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_refresh_that_is_refused_is_not_asked_for_again),
        TEST(a_store_without_a_lock_may_have_got_another_token),
        TEST(stores_are_locked_asked_saved_and_unlocked),
        TEST(a_token_that_cannot_be_kept_is_used_and_kept_later),
        TEST(a_store_that_fails_fails_the_question_before_a_request),
        TEST(a_store_that_cannot_be_locked_ends_a_sign_in),
        TEST(a_store_that_saves_for_ever_ends_the_patience),
        TEST(who_holds_the_lock_for_ever_ends_the_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
