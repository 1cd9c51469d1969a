/* test_oauth_times.c: when a token is due, and what is tried where none comes. Must not know: libcurl, sockets. */
#include "token_service.h"

/* ---- When it is due ---- */

static void it_is_renewed_before_its_end(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    assert_non_null(
        strstr(under_way->form, "grant_type=password&username=me&password=password%20of%20mine&client_id=id"));
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
    pass(3600 - 91);
    assert_true(is_good(1));
    pass(32); /* 59 s before the end */
    assert_false(is_good(1));
    assert_non_null(strstr(under_way->form, "grant_type=refresh_token&refresh_token=refresh-1&client_id=id"));
    give(2, 3600);
    assert_true(is_good(2));
    assert_int_equal(requests, 2);
}

static void short_lives_have_short_margins(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    give(1, 10);
    assert_int_equal(number_of(ask), 1);
    pass(8.4);
    assert_true(is_good(1));
    pass(0.7);
    assert_false(is_good(1));
    give(2, 10);
}

/* Processes that share a store do not come all at once. */
static void the_margin_is_chance(void **state) {
    (void)state;
    double least = 1e9;
    double most = 0;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    for (int i = 1; i <= 200; i++) {
        fusioo_ask *ask = fusioo_oauth_refresh(oauth, &why);
        move();
        give(i, 3600);
        assert_int_equal(number_of(ask), i);
        double margin = oauth->ends - oauth->due;
        least = margin < least ? margin : least;
        most = margin > most ? margin : most;
    }
    assert_true(least >= 60 && least < 65);
    assert_true(most <= 90 && most > 85);
}

static void no_setting_of_the_date_moves_it(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
    wall += 1e6;
    assert_true(is_good(1));
    wall -= 3e6;
    assert_true(is_good(1));
    now += 3600; /* the machine slept: the engine's clock went on */
    assert_false(is_good(1));
    give(2, 3600);
}

static void a_life_that_is_not_said_has_no_end(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    end_transfer(FUSIOO_OK, 200, "{\"access_token\":\"access-1\"}");
    fusioo_token token;
    assert_true(fusioo_ask_result(ask, &token, &why));
    assert_true(token.expires_at < 0);
    assert_null(token.refresh_token);
    fusioo_ask_free(ask);
    pass(1e6);
    assert_true(is_good(1));
}

/* ---- What goes wrong ---- */

static void a_token_with_time_left_serves_while_it_cannot_be_renewed(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
    pass(3600 - 50);
    ask = ask_token();
    assert_int_equal(number_of(ask), -1);
    for (int i = 0; i < 4; i++) {
        assert_non_null(under_way);
        end_transfer(FUSIOO_NETWORK, 0, "");
        if (i < 3) {
            pass(4);
        }
    }
    assert_int_equal(number_of(ask), 1);
    assert_true(is_good(1)); /* and it is not tried again at once */
    pass(11);
    ask = ask_token();
    assert_int_equal(number_of(ask), -1);
    give(2, 3600);
    assert_int_equal(number_of(ask), 2);
}

static void network_faults_are_told_when_there_is_nothing_else(void **state) {
    (void)state;
    make(FUSIOO_CLIENT_CREDENTIALS, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    for (int i = 0; i < 4; i++) {
        end_transfer(FUSIOO_NETWORK, 0, "");
        pass(4);
    }
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_NETWORK);
    assert_int_equal(why.attempts, 4);
    assert_string_equal(why.path, "/oauth/token");
    assert_int_equal(requests, 4);
}

static void answers_that_are_none(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *text;
        fusioo_kind kind;
        int requests;
    } cases[] = {
        {200, "<html>", FUSIOO_DECODE, 4},
        {200, "", FUSIOO_DECODE, 4},
        {200, "{\"token_type\":\"bearer\"}", FUSIOO_DECODE, 4},
        {503, "<html>", FUSIOO_API, 4},
        {500, "{\"error\":\"server_error\"}", FUSIOO_API, 4},
        {429, "", FUSIOO_RATE_LIMIT, 4},
        {404, "", FUSIOO_API, 1},
        {302, "", FUSIOO_API, 1},
        {401, "{\"error\":\"invalid_client\"}", FUSIOO_AUTH, 1},
        {401, "", FUSIOO_AUTH, 1},
        {401, "<html>", FUSIOO_AUTH, 1},
        {200, "{\"access_token\":\"access-1\",\"token_type\":\"mac\"}", FUSIOO_DECODE, 4},
        {200, "{\"error\":\"\",\"token_type\":\"bearer\"}", FUSIOO_DECODE, 4},
        {200, "{\"error\":\"\\u0000\"}", FUSIOO_DECODE, 4},
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"password of mine is wrong\"}", FUSIOO_AUTH, 1},
    };
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    for (size_t i = 0; i < COUNT(cases); i++) {
        requests = 0;
        fusioo_ask *ask = ask_token();
        while (under_way != NULL) {
            end_transfer(FUSIOO_OK, cases[i].status, cases[i].text);
            pass(10);
        }
        assert_int_equal(number_of(ask), 0);
        assert_int_equal(why.kind, cases[i].kind);
        assert_int_equal(why.status, cases[i].status);
        assert_int_equal(requests, cases[i].requests);
        assert_null(strstr(why.message, "of mine")); /* what the service repeats is not told on */
    }
}

/* Where an answer came whole the service may have used the refresh token up: it is not sent again. */
static void a_refresh_that_was_answered_is_not_repeated(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *text;
        int requests;
    } cases[] = {
        {200, "{\"access_token\":\"access-9\",\"token_type\":\"mac\"}", 1},
        {200, "<html>", 1},
        {503, "{\"error\":\"invalid_grant\"}", 4}, /* and is not dead for that */
        {429, "{\"error\":\"invalid_grant\"}", 4},
    };
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    give(1, 1000000);
    assert_int_equal(number_of(ask), 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        requests = 0;
        ask = fusioo_oauth_refresh(oauth, &why);
        move();
        while (under_way != NULL) {
            assert_non_null(strstr(under_way->form, "refresh_token=refresh-1"));
            end_transfer(FUSIOO_OK, cases[i].status, cases[i].text);
            pass(10);
        }
        assert_int_equal(number_of(ask), 0);
        assert_int_equal(requests, cases[i].requests);
    }
}

/* Nor a piece of one, whatever the words around it are cut to. */
static void what_is_repeated_at_length_is_not_told_on(void **state) {
    (void)state;
    char text[2048];
    char secret[600];
    memset(secret, 's', sizeof secret);
    memcpy(secret, "SECRET", 6);
    secret[sizeof secret - 1] = '\0';
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_ON_NEED, false);
    for (int i = 0; i < 2; i++) {
        const fusioo_token old = {"access-1", NULL, secret, wall + 3600};
        fusioo_ask *ask = fusioo_oauth_refresh(oauth, &why);
        move();
        while (under_way == NULL) {
            load(&old);
        }
        snprintf(text, sizeof text,
                 i == 0 ? "{\"error\":\"wrong %s\",\"error_description\":\"sorry\"}"
                        : "{\"error\":\"invalid_client\",\"error_description\":\"wrong %s\"}",
                 secret);
        end_transfer(FUSIOO_OK, 400, text);
        assert_int_equal(number_of(ask), 0);
        assert_non_null(strstr(why.message, "wrong ***"));
        assert_null(strstr(why.message, "SECRET"));
    }
}

/* Who asks has patience for so long; the token that comes later is kept all the same, and not asked for again. */
static void an_answer_that_comes_after_the_patience_is_kept(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    pass(299);
    assert_int_equal(number_of(ask), -1);
    pass(2);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    assert_non_null(strstr(why.message, "timeout.total"));
    assert_non_null(under_way);
    fusioo_ask *late = ask_token();
    give(1, 3600);
    assert_int_equal(number_of(late), 1);
    assert_true(is_good(1));
    assert_int_equal(requests, 1);
}

/* It does not hold the store's lock for ever. */
static void a_request_without_an_end_ends(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    pass(301);
    assert_int_equal(number_of(ask), 0);
    pass(58);
    assert_non_null(under_way);
    pass(2);
    assert_null(under_way);
    ask = ask_token();
    assert_int_equal(requests, 2);
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
}

/* However long the service wants to be left alone, who asks later asks it. */
/* A service that gives another refresh token each time has used the one up which was sent: a silence is waited out.
 * What can be asked for again is. */
static void a_silence_is_waited_out_where_the_answer_comes_once(void **state) {
    (void)state;
    make(FUSIOO_AUTHORIZATION_CODE, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = finish_sign_in();
    move();
    assert_seconds(under_way->idle_timeout, 120);
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
    ask = ask_other();
    assert_seconds(under_way->idle_timeout, 120);
    give(2, 3600);
    assert_int_equal(number_of(ask), 2);
    fusioo_oauth_free(oauth);
    make(FUSIOO_CLIENT_CREDENTIALS, FUSIOO_STORE_MEMORY, false);
    ask = ask_token();
    assert_seconds(under_way->idle_timeout, 60);
    give(3, 3600);
    assert_int_equal(number_of(ask), 3);
}

static void nobody_waits_for_a_repeat_that_nobody_wants(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    for (int i = 0; i < 2; i++) {
        fusioo_ask *ask = ask_token();
        if (i == 0) {
            fusioo_ask_cancel(ask);
            fusioo_ask_free(ask);
            end_transfer(FUSIOO_OK, 503, "");
        } else {
            end_transfer(FUSIOO_OK, 503, "");
            fusioo_ask_cancel(ask);
            fusioo_ask_free(ask);
            pass(301);
        }
        assert_int_equal(context->under_way, 0);
        assert_int_equal(requests, i + 1);
    }
    fusioo_ask *ask = ask_token();
    give(1, 3600);
    assert_int_equal(number_of(ask), 1);
}

/* ---- Calls of clients that have different patience ---- */

static void who_asks_waits_as_long_as_they_say(void **state) {
    (void)state;
    struct api_call quick;
    struct api_call patient;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    call_api(&quick, 1);
    call_api(&patient, 60);
    pass(1.5);
    assert_true(quick.told);
    assert_int_equal(quick.error.kind, FUSIOO_TIMEOUT);
    assert_non_null(strstr(quick.error.message, "in 1 seconds"));
    pass(50);
    assert_false(patient.told);
    end_transfer(FUSIOO_NETWORK, 0, ""); /* there is time left to try again */
    pass(0.9);
    assert_false(patient.told);
    give(1, 3600);
    assert_true(patient.told);
    assert_int_equal(patient.error.kind, FUSIOO_OK);
    assert_int_equal(requests, 2);
}

static void who_has_gone_leaves_no_limit_behind(void **state) {
    (void)state;
    struct api_call quick;
    struct api_call patient;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    call_api(&quick, 2);
    fu_oauth_take_back(&quick.ask);
    pass(1.8);
    call_api(&patient, 60);
    pass(50);
    assert_false(patient.told);
    pass(12);
    assert_true(patient.told);
    assert_non_null(strstr(patient.error.message, "in 60 seconds"));
    assert_false(quick.told);
    give(1, 3600);
}

/* A program that does not move the engine (a blocking step of a loop, a sleeping machine) has not waited. */
static void time_in_which_nobody_moves_the_engine_is_no_patience(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    pass(10);
    context->http.absent += 700; /* as the HTTP floor counts it: so much later than the engine had announced */
    now += 990;
    move();
    pass(699);
    assert_int_equal(number_of(ask), -1);
    pass(2);
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
}

/* Whoever moves the engine once a frame is always a little late. */
static void a_frame_loop_does_not_wait_for_ever(void **state) {
    (void)state;
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    fusioo_ask *ask = ask_token();
    int frames = 0;
    while (!fusioo_ask_done(ask)) {
        double due = fu_timers_next(&context->http.timers);
        now += 0.9;
        context->http.absent += due >= 0 && now > due ? now - due : 0;
        move();
        assert_true(++frames < 340);
    }
    assert_int_equal(number_of(ask), 0);
    assert_int_equal(why.kind, FUSIOO_TIMEOUT);
    give(1, 3600);
}

/* ---- Events ---- */

static void what_happens_to_the_token_is_told(void **state) {
    (void)state;
    fusioo_need need;
    const char *const whys[] = {"missing", "expiry", "asked for"};
    make(FUSIOO_PASSWORD, FUSIOO_STORE_MEMORY, false);
    for (size_t i = 0; i < COUNT(whys); i++) {
        fusioo_ask *ask = i < 2 ? fusioo_oauth_token(oauth, &why) : fusioo_oauth_refresh(oauth, &why);
        move();
        give((int)i + 1, 3600);
        assert_int_equal(number_of(ask), i + 1);
        assert_true(fu_need_take(context, &need));
        assert_int_equal(need.kind, FUSIOO_NEED_EVENT);
        assert_int_equal(need.event.type, FUSIOO_EVENT_TOKEN);
        assert_string_equal(need.event.why, whys[i]);
        assert_seconds(need.event.expires_at, wall + 3600);
        assert_false(fu_need_take(context, &need));
        pass(i == 0 ? 3600 : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_renewed_before_its_end),
        TEST(short_lives_have_short_margins),
        TEST(the_margin_is_chance),
        TEST(no_setting_of_the_date_moves_it),
        TEST(a_life_that_is_not_said_has_no_end),
        TEST(a_token_with_time_left_serves_while_it_cannot_be_renewed),
        TEST(network_faults_are_told_when_there_is_nothing_else),
        TEST(answers_that_are_none),
        TEST(a_refresh_that_was_answered_is_not_repeated),
        TEST(what_is_repeated_at_length_is_not_told_on),
        TEST(an_answer_that_comes_after_the_patience_is_kept),
        TEST(a_request_without_an_end_ends),
        TEST(a_silence_is_waited_out_where_the_answer_comes_once),
        TEST(nobody_waits_for_a_repeat_that_nobody_wants),
        TEST(who_asks_waits_as_long_as_they_say),
        TEST(who_has_gone_leaves_no_limit_behind),
        TEST(time_in_which_nobody_moves_the_engine_is_no_patience),
        TEST(a_frame_loop_does_not_wait_for_ever),
        TEST(what_happens_to_the_token_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
