/* test_oauth_stores.c: stores that the engine's owner keeps: what is asked of them, and what they may fail in. Must not
 * know: libcurl, sockets. */
#include "token_service.h"

/* ---- Stores of the engine's owner ---- */

/* Brings a sign-in to where its first token is to be kept; the store is empty, and locked if it can be. */
static fusioo_ask *get_first(void) {
    fusioo_ask *ask = ask_token();
    load(NULL);
    if (oauth->store_locks) {
        take_store_need(FUSIOO_STORE_LOCK);
        fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    }
    load(NULL);
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    return ask;
}

static void stores_are_locked_asked_saved_and_unlocked(void **state) {
    (void)state;
    fusioo_token token;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_BUSY, NULL);
    pass(0.05);
    take_store_need(FUSIOO_STORE_LOCK);
    const uint64_t lock = asked;
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    take_store_need(FUSIOO_STORE_LOAD);
    assert_null(under_way);
    fusioo_oauth_loaded(oauth, asked, NULL, NULL);
    assert_false(fusioo_oauth_to_save(oauth, &token));
    give(1, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    assert_true(fusioo_oauth_to_save(oauth, &token));
    assert_string_equal(token.access_token, "access-1");
    assert_string_equal(token.refresh_token, "refresh-1");
    assert_seconds(token.expires_at, floor(wall) + 3600);
    assert_int_equal(number_of(ask), -1);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    take_store_need(FUSIOO_STORE_END);
    assert_int_equal(asked, lock);
    assert_int_equal(number_of(ask), 1);
}

static void a_token_that_cannot_be_kept_is_used_and_kept_later(void **state) {
    (void)state;
    fusioo_error full = {.kind = FUSIOO_INVALID, .message = "full of access-1", .retry_after = -1};
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = get_first();
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_FAILED, &full);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "full of ***");
    ask = ask_token(); /* who asks again lets it be tried again; the service is not asked */
    load(NULL);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
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
    fusioo_oauth_loaded(oauth, asked, NULL, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "no store");
    ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_FAILED, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(requests, 0);
}

/* A sign-in that was brought ends, too, and is not tried for ever. */
static void a_store_that_cannot_be_locked_ends_a_sign_in(void **state) {
    (void)state;
    fusioo_error trouble = {.kind = FUSIOO_INVALID, .message = "no lock", .retry_after = -1};
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = finish_sign_in();
    assert_non_null(ask);
    move();
    load(NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_FAILED, &trouble);
    assert_int_equal(number_of(ask), 0);
    assert_string_equal(why.message, "no lock");
    fusioo_need need;
    take_store_need(FUSIOO_STORE_END);
    assert_false(fu_need_take(context, &need));
    assert_int_equal(requests, 0);
}

/* The store does not say whether it has kept the token: it counts as not kept. */
static void a_store_that_saves_for_ever_ends_the_patience(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = get_first();
    pass(301);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    ask = ask_token();
    pass(301);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    take_store_need(FUSIOO_STORE_END);
    ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
    assert_int_equal(requests, 1);
}

/* It may still put this token over one that another process gets meanwhile: so nobody else gets the lock. */
static void a_save_that_outlasts_the_patience_keeps_the_lock(void **state) {
    (void)state;
    fusioo_need need;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    oauth->manners.total_timeout = 10;
    fusioo_ask *ask = get_first();
    pass(11);
    assert_int_equal(number_of(ask), 0);
    ask = ask_token();
    pass(9); /* each of those who ask has patience for so long */
    assert_int_equal(number_of(ask), -1);
    pass(2);
    assert_int_equal(number_of(ask), 0);
    ask = ask_token();
    while (fu_need_take(context, &need)) {
        assert_int_equal(need.kind, FUSIOO_NEED_EVENT);
    }
    assert_true(fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL));
    take_store_need(FUSIOO_STORE_END);
    assert_int_equal(number_of(ask), 1);
    assert_true(is_good(1));
    assert_int_equal(requests, 1);
}

static void who_holds_the_lock_for_ever_ends_the_patience(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    load(NULL);
    while (!fusioo_ask_done(ask)) {
        take_store_need(FUSIOO_STORE_LOCK);
        fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_BUSY, NULL);
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
    const fusioo_token token = {"access-1", NULL, "refresh-1", wall + 3600};
    fusioo_ask *ask = ask_token();
    load(&token);
    assert_int_equal(number_of(ask), 1);
    ask = ask_other();
    load(&token); /* it looks whether somebody else has renewed it */
    refuse("invalid_grant");
    load(&token); /* and once more */
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_AUTH);
    assert_non_null(strstr(why.message, "sign in"));
    assert_true(is_good(1)); /* the access token lives on */
    ask = ask_other();
    load(&token);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(requests, 1);
}

static void a_store_without_a_lock_may_have_got_another_token(void **state) {
    (void)state;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall - 1};
    const fusioo_token other = {"access-2", NULL, "refresh-2", wall + 3600};
    fusioo_ask *ask = ask_token();
    load(&old);
    load(&old);
    refuse("invalid_grant"); /* another process was quicker */
    load(&other);
    assert_int_equal(number_of(ask), 2);
}

/* Brings a sign-in to where the service has given token 2 and the store, which holds `held`, could not take it. */
static void fail_to_keep(const fusioo_token *held) {
    fusioo_error full = {.kind = FUSIOO_INVALID, .message = "full", .retry_after = -1};
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = ask_other();
    load(held);
    load(held);
    give(2, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_FAILED, &full);
    assert_int_equal(number_of(ask), 0);
}

static void what_could_not_be_kept_outlives_what_the_store_held_before(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    fusioo_token token;
    fail_to_keep(&old);
    fusioo_ask *ask = ask_token();
    load(&old);
    take_store_need(FUSIOO_STORE_SAVE);
    assert_true(fusioo_oauth_to_save(oauth, &token));
    assert_string_equal(token.access_token, "access-2");
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 2);
    assert_int_equal(requests, 1);
}

/* Somebody has signed in anew, or another process has renewed what this one could not keep. */
static void another_token_in_the_store_is_not_overwritten(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    const fusioo_token other = {"access-3", NULL, "refresh-3", wall + 3600};
    fusioo_need need;
    fail_to_keep(&old);
    fusioo_ask *ask = ask_token();
    load(&other);
    assert_int_equal(number_of(ask), 3);
    assert_true(is_good(3));
    while (fu_need_take(context, &need)) {
        assert_false(need.kind == FUSIOO_NEED_STORE && need.store == FUSIOO_STORE_SAVE);
    }
    assert_int_equal(requests, 1);
}

/* The store said no and has kept it all the same. */
static void a_token_that_is_found_kept_is_not_kept_again(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    const fusioo_token same = {"access-2", NULL, "refresh-2", wall + 3600};
    fail_to_keep(&old);
    fusioo_ask *ask = ask_token();
    load(&same);
    assert_int_equal(number_of(ask), 2);
    take_store_need(FUSIOO_STORE_END);
}

/* A refresh token that the service refuses is asked for in the store, though that could not take the last one. */
static void a_dead_token_that_could_not_be_kept_gives_way(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    const fusioo_token other = {"access-3", NULL, "refresh-3", wall + 9000};
    fail_to_keep(&old);
    pass(4000);
    fusioo_ask *ask = ask_token();
    load(&old);
    refuse("invalid_grant");
    load(&other);
    assert_int_equal(number_of(ask), 3);
    assert_int_equal(requests, 2);
}

/* Another token than the one that was only kept at last. */
static void who_wants_another_token_is_not_served_with_the_one_that_is_kept_again(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    fail_to_keep(&old);
    fusioo_ask *ask = ask_token();
    load(&old);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_ask *other = ask_other();
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 2);
    assert_int_equal(number_of(other), -1);
    move();
    const fusioo_token kept = {"access-2", NULL, "refresh-2", wall + 3600};
    load(&kept);
    give(3, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(other), 3);
}

static void who_asks_while_it_is_kept_hears_whether_it_was(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = get_first();
    fusioo_ask *other = ask_token();
    assert_int_equal(number_of(other), -1);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_FAILED, NULL);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(number_of(other), 0);
}

static void a_lock_that_nobody_wants_is_not_tried_for(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    fusioo_ask_cancel(ask);
    fusioo_ask_free(ask);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_BUSY, NULL);
    pass(0.05);
    take_store_need(FUSIOO_STORE_END);
    assert_int_equal(context->under_way, 0);
}

static void a_forked_child_keeps_what_its_parent_was_keeping(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = get_first();
    fu_oauths_forked(context);
    move();
    load(NULL);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
    assert_int_equal(requests, 1);
}

/* ---- Answers that come late or to another question ---- */

static void a_store_that_is_busy_when_it_is_to_keep_has_failed(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = get_first();
    assert_true(fusioo_oauth_stored(oauth, asked, FUSIOO_STORE_BUSY, NULL));
    assert_int_equal(number_of(ask), 0);
    ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_SAVE); /* so it is tried again */
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 1);
}

static void an_answer_that_comes_too_late_is_not_taken_for_anothers(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = ask_token();
    load(NULL);
    take_store_need(FUSIOO_STORE_LOCK);
    const uint64_t first = asked;
    pass(301);
    assert_int_equal(number_of(ask), 0);
    take_store_need(FUSIOO_STORE_END);
    assert_int_equal(asked, 0);
    assert_false(fusioo_oauth_stored(oauth, first, FUSIOO_STORED, NULL)); /* nothing is at work */

    ask = ask_token();
    take_store_need(FUSIOO_STORE_LOCK);
    assert_int_not_equal(asked, first);
    assert_false(fusioo_oauth_stored(oauth, first, FUSIOO_STORED, NULL));
    fusioo_oauth_loaded(oauth, asked, &old, NULL); /* a lock was asked for */
    assert_int_equal(number_of(ask), -1);
    assert_true(fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL));
    assert_false(fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL)); /* the same once more */
    fusioo_oauth_loaded(oauth, first, &old, NULL);
    assert_int_equal(number_of(ask), -1);
    load(&old);
    assert_int_equal(number_of(ask), 1);
}

static void the_end_of_work_is_told_though_the_sign_in_has_gone(void **state) {
    (void)state;
    fusioo_need need;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    const uint64_t id = fusioo_oauth_id(oauth);
    fusioo_ask *ask = get_first();
    fusioo_ask_cancel(ask);
    fusioo_ask_free(ask);
    fusioo_oauth_free(oauth); /* the work keeps it until the token is kept */
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    oauth = NULL;
    do {
        assert_true(fu_need_take(context, &need));
    } while (need.kind != FUSIOO_NEED_STORE);
    assert_int_equal(need.store, FUSIOO_STORE_END);
    assert_int_equal(need.client, id);
}

static void a_forked_child_gives_no_lock_of_its_parent_back(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
    fusioo_ask *ask = get_first();
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    fu_oauths_forked(context); /* before the end of the work is told */
    take_store_need(FUSIOO_STORE_END);
    assert_int_equal(asked, 0);
    assert_int_equal(number_of(ask), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(stores_are_locked_asked_saved_and_unlocked),
        TEST(a_token_that_cannot_be_kept_is_used_and_kept_later),
        TEST(a_store_that_fails_fails_the_question_before_a_request),
        TEST(a_store_that_cannot_be_locked_ends_a_sign_in),
        TEST(a_store_that_saves_for_ever_ends_the_patience),
        TEST(a_save_that_outlasts_the_patience_keeps_the_lock),
        TEST(who_holds_the_lock_for_ever_ends_the_patience),
        TEST(a_refresh_that_is_refused_is_not_asked_for_again),
        TEST(a_store_without_a_lock_may_have_got_another_token),
        TEST(what_could_not_be_kept_outlives_what_the_store_held_before),
        TEST(another_token_in_the_store_is_not_overwritten),
        TEST(a_token_that_is_found_kept_is_not_kept_again),
        TEST(a_dead_token_that_could_not_be_kept_gives_way),
        TEST(who_wants_another_token_is_not_served_with_the_one_that_is_kept_again),
        TEST(who_asks_while_it_is_kept_hears_whether_it_was),
        TEST(a_lock_that_nobody_wants_is_not_tried_for),
        TEST(a_forked_child_keeps_what_its_parent_was_keeping),
        TEST(a_store_that_is_busy_when_it_is_to_keep_has_failed),
        TEST(an_answer_that_comes_too_late_is_not_taken_for_anothers),
        TEST(the_end_of_work_is_told_though_the_sign_in_has_gone),
        TEST(a_forked_child_gives_no_lock_of_its_parent_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
