/* test_oauth_kept.c: a token that the service has given gets into its file, whatever happens between: signals, forks, a
 * file that cannot be replaced, the end of the program; and a token that the service has refused is used no more. Must
 * not know: how the work of a sign-in goes on. */
#include "oauth_program.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/time.h>

static void go_on(struct program *program, int steps) {
    for (int i = 0; i < steps; i++) {
        fusioo_engine_step(program->engine, -1);
        fusioo_engine_poll(program->engine, 0.01);
    }
}

/* ---- The end of a program ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    if (++alarms == 10) {
        kill(server.process, SIGCONT);
    }
}

/* The service is slow; the program gets a signal now and then, and closes its engine. */
static void signals_do_not_end_the_wait_for_a_token(void **state) {
    (void)state;
    struct program program;
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval every = {{0, 20000}, {0, 20000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 1);
    assert_int_equal(kill(server.process, SIGSTOP), 0);
    fusioo_ask *ask = fusioo_oauth_refresh(program.oauth, &error);
    go_on(&program, 10);
    fusioo_ask_free(ask);
    alarms = 0;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    end(&program);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    kill(server.process, SIGCONT);
    server_settle(&server);
    assert_int_equal(tokens(), 2);
    assert_int_equal(kept(), 2);
}

/* A renewal whose token cannot be put into the file, since a folder stands there; the old file is aside. */
static void fail_to_keep(struct program *program, char away[128]) {
    assert_true(begin(program, FUSIOO_AUTHORIZATION_CODE));
    fusioo_ask *ask = begin_refresh(program);
    snprintf(away, 128, "%s.away", path);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(await(ask), 0);
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_int_equal(rmdir(path), 0);
}

static void put_token(int number) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "{\"access_token\":\"at-%d-x\",\"refresh_token\":\"rt-%d-x\",\"expires_at\":99999999999}\n", number,
            number);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    atomic_store(&server.counts->tokens, number);
}

/* It had no more time to try again. */
static void a_token_that_was_not_kept_is_so_at_the_end(void **state) {
    (void)state;
    struct program program;
    char away[128];
    for (int i = 0; i < 3; i++) {
        put_token(1);
        fail_to_keep(&program, away);
        assert_int_equal(rename(away, path), 0);
        int given = tokens();
        if (i == 0) {
            fusioo_engine_free(program.engine); /* before who uses it */
            program.engine = NULL;
        } else if (i == 1) {
            put_token(given + 70); /* another process's, since */
        }
        end(&program);
        assert_int_equal(kept(), i == 1 ? given + 70 : given);
    }
}

/* Another program has the lock, renews in vain, and gives it back: the one that ends waits for that. */
static void a_token_that_was_not_kept_waits_at_the_end_for_the_lock(void **state) {
    (void)state;
    struct program program;
    char away[128];
    put_token(1);
    fail_to_keep(&program, away);
    assert_int_equal(rename(away, path), 0);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        bool good = fd >= 0 && flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1;
        usleep(200000); /* the other one finds it locked meanwhile */
        _exit(good ? 0 : 1);
    }
    char byte;
    int status;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    end(&program);
    assert_int_equal(kept(), tokens());
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ready[0]);
    close(ready[1]);
}

/* Somebody has taken the file away. */
static void a_token_that_was_not_kept_gets_a_file_at_the_end(void **state) {
    (void)state;
    struct program program;
    char away[128];
    put_token(1);
    fail_to_keep(&program, away);
    assert_int_equal(unlink(away), 0);
    end(&program);
    assert_int_equal(kept(), tokens());
}

static void a_token_that_was_not_kept_outlives_want_of_memory_at_the_end(void **state) {
    (void)state;
    struct program program;
    char away[128];
    for (long n = 1;; n++) {
        put_token(1);
        fail_to_keep(&program, away);
        assert_int_equal(rename(away, path), 0);
        heap_fail_at(&core_heap, n);
        fusioo_client_free(program.client);
        fusioo_oauth_free(program.oauth);
        bool failed = core_heap.failed;
        heap_fail_at(&core_heap, 0);
        fusioo_engine_free(program.engine);
        assert_int_equal(kept(), tokens());
        assert_int_equal(core_heap.live, 0);
        if (!failed) {
            assert_true(n > 5);
            return;
        }
    }
}

/* ---- While it goes on ---- */

/* Who waits for the lock must not find the refresh token that is used up. */
static void a_file_that_cannot_be_replaced_once_is_so_the_next_time(void **state) {
    (void)state;
    struct program one;
    struct program other;
    put_token(1);
    assert_true(begin(&one, FUSIOO_AUTHORIZATION_CODE));
    assert_true(begin(&other, FUSIOO_AUTHORIZATION_CODE));
    fusioo_ask *ask = begin_refresh(&one);
    fusioo_ask *waits = fusioo_oauth_refresh(other.oauth, &error);
    go_on(&other, 2);
    int removed = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strncmp(entry->d_name, ".fusioo.part-", 13) == 0) {
            removed += unlinkat(dirfd(listing), entry->d_name, 0) == 0;
        }
    }
    closedir(listing);
    assert_int_equal(removed, 1);
    int given = tokens();
    assert_int_equal(await(ask), given);
    assert_int_equal(await(waits), given + 1);
    assert_int_equal(kept(), given + 1);
    end(&one);
    end(&other);
}

/* It does nothing with the library, and lives long. */
static void a_forked_child_keeps_no_lock(void **state) {
    (void)state;
    struct program program;
    put_token(1);
    assert_true(begin(&program, FUSIOO_AUTHORIZATION_CODE));
    fusioo_ask *ask = begin_refresh(&program);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        for (;;) {
            pause();
        }
    }
    int given = tokens();
    assert_int_equal(await(ask), given);
    assert_int_equal(await(fusioo_oauth_refresh(program.oauth, &error)), given + 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    end(&program);
}

/* ---- A refused token ---- */

/* Calls that begin while the service makes another one wait for that. */
static void a_token_that_was_refused_is_sent_no_more(void **state) {
    (void)state;
    enum { LATE = 8 };
    struct program program;
    fusioo_call *calls[LATE + 1];
    assert_true(begin(&program, FUSIOO_PASSWORD));
    assert_true(ping(&program));
    refuse_all();
    int before = atomic_load(&server.counts->requests);
    calls[LATE] = fusioo_call_start(program.client, FUSIOO_GET_APPS, NULL, 0, NULL, &error);
    while (atomic_load(&server.counts->requests) == before) {
        fusioo_engine_step(program.engine, 0);
    }
    server_settle(&server); /* it has sent the 401, and counts this question, too */
    assert_int_equal(kill(server.process, SIGSTOP), 0);
    go_on(&program, 20); /* reads the 401, and asks for a token */
    for (int i = 0; i < LATE; i++) {
        calls[i] = fusioo_call_start(program.client, FUSIOO_GET_APPS, NULL, 0, NULL, &error);
    }
    go_on(&program, 2);
    assert_int_equal(kill(server.process, SIGCONT), 0);
    for (int i = 0; i <= LATE; i++) {
        fusioo_result result;
        assert_true(fusioo_call_wait(calls[i]));
        assert_true(fusioo_call_result(calls[i], &result, &error));
        fusioo_call_free(calls[i]);
    }
    assert_int_equal(tokens(), 2);
    assert_int_equal(atomic_load(&server.counts->requests) - before, 1 + 1 + 1 + 1 + LATE);
    end(&program);
}

/* Nobody can renew it: then no call is spent on finding that out again. */
static void a_dead_sign_in_spends_no_calls(void **state) {
    (void)state;
    struct program program;
    put_token(1);
    atomic_store(&server.counts->tokens, 5); /* the refresh token is used up */
    assert_true(begin(&program, FUSIOO_AUTHORIZATION_CODE));
    atomic_store(&server.counts->revoked, 5);
    int before = atomic_load(&server.counts->requests);
    for (int i = 0; i < 3; i++) {
        assert_false(ping(&program));
        assert_int_equal(error.kind, FUSIOO_AUTH);
        assert_non_null(strstr(error.message, "sign-in has ended"));
        assert_int_equal(await(fusioo_oauth_token(program.oauth, &error)), 0);
        assert_int_equal(error.kind, FUSIOO_AUTH);
    }
    assert_int_equal(atomic_load(&server.counts->requests) - before, 2); /* the call, and the renewal */
    put_token(6); /* somebody has signed in, in another process */
    assert_true(ping(&program));
    end(&program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(signals_do_not_end_the_wait_for_a_token, prepare),
        cmocka_unit_test_setup(a_token_that_was_not_kept_is_so_at_the_end, prepare),
        cmocka_unit_test_setup(a_token_that_was_not_kept_waits_at_the_end_for_the_lock, prepare),
        cmocka_unit_test_setup(a_token_that_was_not_kept_gets_a_file_at_the_end, prepare),
        cmocka_unit_test_setup(a_token_that_was_not_kept_outlives_want_of_memory_at_the_end, prepare),
        cmocka_unit_test_setup(a_file_that_cannot_be_replaced_once_is_so_the_next_time, prepare),
        cmocka_unit_test_setup(a_forked_child_keeps_no_lock, prepare),
        cmocka_unit_test_setup(a_token_that_was_refused_is_sent_no_more, prepare),
        cmocka_unit_test_setup(a_dead_sign_in_spends_no_calls, prepare),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
