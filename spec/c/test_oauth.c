/* test_oauth.c: a sign-in over a real connection: one renewal however many wait, stores that processes share, forks,
 * memory that ends. Must not know: how the work of a sign-in goes on. */
#include "oauth_program.h"

#include <sys/resource.h>

static void first_token_is_got_kept_and_used(void **state) {
    (void)state;
    struct program program;
    struct stat found;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    assert_int_equal(kept(), 1);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_true(ping(&program));
    end(&program);
    assert_true(begin(&program, FUSIOO_PASSWORD)); /* the next run finds it */
    assert_true(ping(&program));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    end(&program);
    assert_int_equal(tokens(), 1);
}

static void fifty_calls_wait_for_one_renewal(void **state) {
    (void)state;
    enum { CALLS = 50 };
    struct program program;
    fusioo_call *calls[CALLS];
    assert_true(begin(&program, FUSIOO_CLIENT_CREDENTIALS));
    assert_true(ping(&program));
    refuse_all();
    for (int i = 0; i < CALLS; i++) {
        calls[i] = fusioo_call_start(program.client, FUSIOO_GET_APPS, NULL, 0, NULL, &error);
        assert_non_null(calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        fusioo_result result;
        assert_true(fusioo_call_wait(calls[i]));
        assert_true(fusioo_call_result(calls[i], &result, &error));
        fusioo_call_free(calls[i]);
    }
    assert_int_equal(tokens(), 2);
    assert_int_equal(kept(), 2);
    end(&program);
}

static void asked_for_renewals_renew(void **state) {
    (void)state;
    struct program program;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_refresh(program.oauth, &error)), 1);
    assert_int_equal(await(fusioo_oauth_refresh(program.oauth, &error)), 2);
    fusioo_ask *one = fusioo_oauth_refresh(program.oauth, &error);
    fusioo_ask *other = fusioo_oauth_refresh(program.oauth, &error);
    assert_int_equal(await(one), 3);
    assert_int_equal(await(other), 3);
    end(&program);
}

static void another_process_has_renewed(void **state) {
    (void)state;
    struct program one;
    struct program other;
    assert_true(begin(&one, FUSIOO_PASSWORD));
    assert_true(begin(&other, FUSIOO_PASSWORD));
    assert_true(ping(&one));
    assert_true(ping(&other));
    assert_int_equal(tokens(), 1);
    refuse_all();
    assert_true(ping(&one));
    assert_true(ping(&other)); /* finds the token that the first one has brought */
    assert_int_equal(tokens(), 2);
    end(&one);
    end(&other);
}

static void a_dead_refresh_token_says_sign_in(void **state) {
    (void)state;
    struct program program;
    int requests;
    FILE *file = fopen(path, "wb");
    fputs("{\"access_token\":\"at-1-x\",\"refresh_token\":\"rt-1-old\",\"expires_at\":1}", file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    atomic_store(&server.counts->tokens, 5);
    assert_true(begin(&program, FUSIOO_AUTHORIZATION_CODE));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 0);
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_non_null(strstr(error.message, "sign in"));
    requests = atomic_load(&server.counts->requests);
    assert_false(ping(&program)); /* and is not asked with again */
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_non_null(strstr(error.message, "sign in"));
    assert_int_equal(atomic_load(&server.counts->requests), requests);
    end(&program);
}

static void who_knows_the_password_signs_in_again(void **state) {
    (void)state;
    struct program program;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    atomic_store(&server.counts->tokens, 5); /* the refresh token is dead */
    refuse_all();
    assert_true(ping(&program));
    assert_int_equal(tokens(), 6);
    assert_int_equal(kept(), 6);
    end(&program);
}

static void a_code_is_exchanged(void **state) {
    (void)state;
    struct program program;
    char text[FUSIOO_STATE_SIZE];
    char url[128];
    assert_true(begin(&program, FUSIOO_AUTHORIZATION_CODE));
    assert_false(ping(&program));
    assert_int_equal(error.kind, FUSIOO_AUTH);
    assert_non_null(strstr(error.message, "nobody has signed in"));
    assert_non_null(fusioo_oauth_authorize_url(program.oauth, text, &error));
    snprintf(url, sizeof url, "http://127.0.0.1:9/back?code=c&state=%s", text);
    fusioo_ask *ask = fusioo_oauth_finish(program.oauth, url, text, &error);
    assert_int_equal(await(ask), 1);
    assert_true(ping(&program));
    assert_int_equal(kept(), 1);
    end(&program);
}

static void a_question_that_is_cancelled_loses_no_token(void **state) {
    (void)state;
    struct program program;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    fusioo_ask *ask = begin_refresh(&program);
    fusioo_ask_cancel(ask);
    fusioo_token token;
    assert_false(fusioo_ask_result(ask, &token, &error));
    assert_int_equal(error.kind, FUSIOO_CANCELLED);
    fusioo_ask_free(ask);
    while (fusioo_engine_step(program.engine, -1) > 0) {
        fusioo_engine_poll(program.engine, -1);
    }
    assert_int_equal(kept(), tokens());
    end(&program);
}

static void an_engine_that_is_closed_waits_for_the_token(void **state) {
    (void)state;
    struct program program;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    fusioo_ask *ask = begin_refresh(&program);
    fusioo_ask_cancel(ask);
    fusioo_ask_free(ask);
    end(&program);
    assert_int_equal(kept(), tokens());
}

/* The child takes nothing from its parent: neither the request that is under way nor the lock. */
static void a_child_leaves_the_renewal_to_its_parent(void **state) {
    (void)state;
    struct program program;
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    fusioo_ask *ask = begin_refresh(&program);
    int before = tokens();
    pid_t child = fork();
    if (child == 0) {
        /* Its copy of the question is for a token other than the first: it finds the parent's, or gets the next. */
        long number = await(ask);
        atomic_store(&server.counts->created, number >= before && kept() == number ? 1 : 2);
        kill(getpid(), SIGKILL); /* who looks for leaks finds what a forked child abandons of libcurl's */
    }
    int status;
    long number = await(ask);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(atomic_load(&server.counts->created), 1);
    assert_int_equal(number, before);
    assert_int_equal(kept(), tokens());
    end(&program);
}

/* It cannot open a poller of its own: who asks is told so, and does not wait for it. */
static void a_child_that_may_open_nothing_is_told_where_limits_hold(void **state) {
    (void)state;
    struct program program;
    const struct rlimit none = {0, 0};
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    fusioo_ask *ask = begin_refresh(&program);
    atomic_store(&server.counts->created, 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        setrlimit(RLIMIT_NOFILE, &none);
        bool holds = open("/dev/null", O_RDONLY | O_CLOEXEC) < 0; /* valgrind has a limit of its own */
        bool told = await(ask) == 0 && error.kind == FUSIOO_NETWORK;
        atomic_store(&server.counts->created, !holds ? 3 : told ? 1 : 2);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_true(await(ask) > 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    end(&program);
    if (atomic_load(&server.counts->created) == 3) {
        skip();
    }
    assert_int_equal(atomic_load(&server.counts->created), 1);
}

/* ---- Memory ---- */

/* Signs in, renews, is refused once, starts again. */
static bool live(struct program *program) {
    if (await(fusioo_oauth_token(program->oauth, &error)) == 0 ||
        await(fusioo_oauth_refresh(program->oauth, &error)) == 0) {
        return false;
    }
    refuse_all();
    return ping(program);
}

static bool run_short(fusioo_grant grant, long n) {
    struct program program = {.engine = NULL};
    long live_before = core_heap.live;
    heap_fail_at(&core_heap, n);
    bool good = begin(&program, grant) && live(&program);
    bool failed = core_heap.failed;
    heap_fail_at(&core_heap, 0);
    if (!good && (!failed || error.kind != FUSIOO_MEMORY)) {
        char text[1024];
        fusioo_error_text(&error, text, sizeof text);
        fail_msg("allocation %ld: %s", n, text);
    }
    if (program.client != NULL && !live(&program)) {
        fail_msg("after allocation %ld it does not go on: %s", n, error.message);
    }
    if (program.client != NULL) {
        assert_int_equal(kept(), tokens());
    }
    end(&program);
    if (core_heap.live != live_before) {
        fail_msg("allocation %ld: %ld blocks are left", n, core_heap.live - live_before);
    }
    return failed;
}

/* A sign-in with a code: where memory ends after the service has given another refresh token, that is not lost. */
static void a_renewal_runs_out_of_memory(void **state) {
    (void)state;
    long runs = 0;
    for (long n = 1;; n++) {
        prepare(NULL);
        FILE *file = fopen(path, "wb");
        fputs("{\"access_token\":\"at-1-x\",\"refresh_token\":\"rt-1-x\",\"expires_at\":99999999999}\n", file);
        fclose(file);
        assert_int_equal(chmod(path, 0600), 0);
        atomic_store(&server.counts->tokens, 1);
        if (!run_short(FUSIOO_AUTHORIZATION_CODE, n)) {
            break;
        }
        runs++;
    }
    print_message("%ld allocations failed, one in each run\n", runs);
    assert_true(runs > 50);
}

static void a_first_token_runs_out_of_memory(void **state) {
    (void)state;
    long runs = 0;
    for (long n = 1;; n++) {
        prepare(NULL);
        if (!run_short(FUSIOO_PASSWORD, n)) {
            break;
        }
        runs++;
    }
    print_message("%ld allocations failed, one in each run\n", runs);
    assert_true(runs > 50);
}

/* Of all the tests before this one. */
static void no_block_was_given_back_with_a_secret_in_it(void **state) {
    (void)state;
    assert_non_null(core_secret);
    assert_int_equal(core_leaks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_token_is_got_kept_and_used, prepare),
        cmocka_unit_test_setup(fifty_calls_wait_for_one_renewal, prepare),
        cmocka_unit_test_setup(asked_for_renewals_renew, prepare),
        cmocka_unit_test_setup(another_process_has_renewed, prepare),
        cmocka_unit_test_setup(a_dead_refresh_token_says_sign_in, prepare),
        cmocka_unit_test_setup(who_knows_the_password_signs_in_again, prepare),
        cmocka_unit_test_setup(a_code_is_exchanged, prepare),
        cmocka_unit_test_setup(a_question_that_is_cancelled_loses_no_token, prepare),
        cmocka_unit_test_setup(an_engine_that_is_closed_waits_for_the_token, prepare),
        cmocka_unit_test_setup(a_child_leaves_the_renewal_to_its_parent, prepare),
        cmocka_unit_test_setup(a_child_that_may_open_nothing_is_told_where_limits_hold, prepare),
        cmocka_unit_test_setup(a_renewal_runs_out_of_memory, prepare),
        cmocka_unit_test_setup(a_first_token_runs_out_of_memory, prepare),
        cmocka_unit_test(no_block_was_given_back_with_a_secret_in_it),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
