/* test_oauth_memory.c: a sign-in whose memory ends: what its store holds, and answers that are read later. Must not
 * know: libcurl's part of the core, sockets. */
#include "token_service.h"

#include "failing_heap.h"

static uint64_t locked; /* the number of the lock that is held; 0: none is */
static int stored;      /* the number of the token that the store holds; 0: none */

static void answer_need(const fusioo_need *need) {
    const fusioo_token held = {"access-1", NULL, "refresh-1", wall + 3600};
    switch (need->store) {
    case FUSIOO_STORE_LOAD:
        fusioo_oauth_loaded(oauth, need->id, stored != 0 ? &held : NULL, NULL);
        break;
    case FUSIOO_STORE_LOCK:
        assert_int_equal(locked, 0);
        locked = need->id;
        assert_true(fusioo_oauth_stored(oauth, need->id, FUSIOO_STORED, NULL));
        break;
    case FUSIOO_STORE_SAVE:
        assert_int_not_equal(locked, 0);
        stored = 1;
        assert_true(fusioo_oauth_stored(oauth, need->id, FUSIOO_STORED, NULL));
        break;
    default:
        assert_int_equal(need->id, locked);
        locked = 0;
    }
}

/* Moves everything until nothing is left to do; the service gives token 1. */
static void let_everything_happen(void) {
    fusioo_need need;
    do {
        move();
        if (under_way != NULL) {
            give(1, 3600);
        }
        while (fu_need_take(context, &need)) {
            if (need.kind == FUSIOO_NEED_STORE) {
                answer_need(&need);
            }
        }
    } while (context->under_way > 0);
}

/* Gets a token. False: there was no memory. */
static bool get_token(void) {
    fusioo_ask *ask = fusioo_oauth_token(oauth, &why);
    if (ask != NULL) {
        let_everything_happen();
    }
    bool good = ask != NULL && number_of(ask) == 1;
    if (!good) {
        assert_int_equal(why.kind, FUSIOO_MEMORY);
    }
    return good;
}

/* Each allocation fails once: no lock stays held, and the next question is answered without another request. */
static void what_a_store_holds_is_given_back_where_memory_ends(void **state) {
    (void)state;
    long runs = 0;
    for (bool failed = true; failed; runs++) {
        assert_int_equal(set_up(NULL), 0);
        make(FUSIOO_PASSWORD, FUSIOO_STORE_ON_NEED, true);
        stored = 0;
        heap_fail_at(&core_heap, runs + 1);
        bool good = get_token();
        failed = core_heap.failed;
        heap_fail_at(&core_heap, 0);
        assert_int_equal(locked, 0);
        assert_true(good || failed);
        assert_true(get_token());
        assert_int_equal(locked, 0);
        assert_int_equal(stored, 1);
        assert_int_equal(requests, 1);
        tear_down(NULL);
    }
    print_message("%ld allocations failed, one in each run\n", runs - 1);
    assert_true(runs > 10);
}

/* Brings a sign-in with a code to where its answer could not be read for want of memory; the store has `old`. */
static void fail_to_read(const fusioo_token *old, const char *answer) {
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = finish_sign_in();
    assert_non_null(ask);
    move();
    load(old);
    load(old);
    heap_fail_at(&core_heap, 1);
    end_transfer(FUSIOO_OK, strstr(answer, "error") != NULL ? 400 : 200, answer);
    heap_fail_at(&core_heap, 0);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_MEMORY);
}

/* The answer to a code has no refresh token: the one of before belongs to another sign-in. Its time has gone on. */
static void an_answer_that_is_read_later_is_read_as_what_it_is(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    fusioo_token token;
    fail_to_read(&old, "{\"access_token\":\"access-2\",\"expires_in\":3600}");
    pass(600);
    fusioo_ask *ask = ask_other();
    load(&old);
    take_store_need(FUSIOO_STORE_SAVE);
    assert_true(fusioo_oauth_to_save(oauth, &token));
    assert_string_equal(token.access_token, "access-2");
    assert_null(token.refresh_token);
    assert_seconds(token.expires_at, floor(wall) + 3000);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 2);
    assert_int_equal(requests, 1);
}

/* A refusal that could not be read is none of the next question's. */
static void what_was_refused_is_asked_for_anew(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    fail_to_read(&old, "{\"error\":\"invalid_grant\"}");
    fusioo_ask *ask = ask_other();
    load(&old);
    assert_non_null(under_way);
    assert_non_null(strstr(under_way->form, "refresh_token=refresh-1"));
    give(2, 3600);
    take_store_need(FUSIOO_STORE_SAVE);
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    assert_int_equal(number_of(ask), 2);
}

/* Where memory stays away everybody is told, and nothing turns in circles. */
static void who_asks_is_told_that_there_is_no_memory(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    fail_to_read(&old, "{\"access_token\":\"access-2\",\"expires_in\":3600}");
    fusioo_ask *other = ask_other();
    fusioo_ask *ask = finish_sign_in();
    take_store_need(FUSIOO_STORE_LOAD);
    heap_fail_at(&core_heap, 3); /* after those of the token that is read */
    fusioo_oauth_loaded(oauth, asked, &old, NULL);
    heap_fail_at(&core_heap, 0);
    assert_int_equal(number_of(other), 0);
    assert_int_equal(why.kind, FUSIOO_MEMORY);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(context->under_way, 0);
}

/* The token that a refresh has brought is there, too, where a sign-in that comes in between fails. */
static void a_sign_in_throws_no_answer_away(void **state) {
    (void)state;
    const fusioo_token old = {"access-1", NULL, "refresh-1", wall + 3600};
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    fusioo_ask *ask = ask_other();
    load(&old);
    load(&old);
    heap_fail_at(&core_heap, 1);
    give(2, 3600);
    heap_fail_at(&core_heap, 0);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_MEMORY);
    ask = finish_sign_in();
    assert_non_null(ask);
    move();
    load(&old);
    take_store_need(FUSIOO_STORE_SAVE); /* of what the refresh has brought */
    fusioo_oauth_stored(oauth, asked, FUSIOO_STORED, NULL);
    move();
    const fusioo_token kept = {"access-2", NULL, "refresh-2", wall + 3600};
    load(&kept);
    refuse("invalid_grant");
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_AUTH);
    assert_true(is_good(2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_store_holds_is_given_back_where_memory_ends),
        TEST(an_answer_that_is_read_later_is_read_as_what_it_is),
        TEST(what_was_refused_is_asked_for_anew),
        TEST(who_asks_is_told_that_there_is_no_memory),
        TEST(a_sign_in_throws_no_answer_away),
    };
    return cmocka_run_group_tests(tests, heaps_set_up, NULL);
}
