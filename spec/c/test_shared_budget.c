/* test_shared_budget.c: the lines of several processes before one window, through a ledger file, by one clock of the
 * test's own. Each context stands for a process. Must not know: the network, calls. */
#include "budget.h"

#include "test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { PROCESSES = 3, SENDERS = 8 };

struct sender {
    struct fu_waiter waiter; /* first: a waiter is its sender */
    int process;
    bool going, told;
    double wait; /* what it was told */
};

static char folder[200];
static char path[240];
static double now;
static struct fu_context *contexts[PROCESSES];
static struct fu_budget *budgets[PROCESSES];
static struct sender senders[PROCESSES][SENDERS];
static char order[2000]; /* of the grants: a letter for each process */

static double read_now(void *data) {
    (void)data;
    return now;
}

static void on_granted(struct fu_waiter *waiter) {
    struct sender *sender = (struct sender *)(void *)waiter;
    assert_null(waiter->place);
    assert_false(sender->going);
    sender->going = true;
    size_t size = strlen(order);
    if (size + 1 < sizeof order) {
        order[size] = (char)('a' + sender->process);
        order[size + 1] = '\0';
    }
}

static void on_must_wait(struct fu_waiter *waiter, double wait) {
    struct sender *sender = (struct sender *)(void *)waiter;
    sender->told = true;
    sender->wait = wait;
}

static void open_process(int i, struct fu_limit limit) {
    bool made;
    fusioo_error error;
    contexts[i] = fu_context_new((struct fu_clock){.now = read_now}, NULL);
    assert_non_null(contexts[i]);
    budgets[i] = fu_budget_take(contexts[i], 1, &made);
    assert_non_null(budgets[i]);
    assert_true(fu_budget_share(budgets[i], path, 0600, limit, &error));
    for (int k = 0; k < SENDERS; k++) {
        senders[i][k] = (struct sender){.process = i};
        senders[i][k].waiter.granted = on_granted;
        senders[i][k].waiter.must_wait = on_must_wait;
        senders[i][k].waiter.limit = limit;
    }
}

static void close_process(int i) {
    fu_budget_drop(budgets[i]);
    fu_context_drop(contexts[i]);
    budgets[i] = NULL;
    contexts[i] = NULL;
}

static int set_up(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/shared.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.ledger", folder);
    now = 1000;
    order[0] = '\0';
    for (int i = 0; i < PROCESSES; i++) {
        open_process(i, (struct fu_limit){3, 60});
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        if (contexts[i] != NULL) {
            close_process(i);
        }
    }
    unlink(path);
    return rmdir(folder);
}

static struct fu_timers *timers_of(int i) {
    return &contexts[i]->http.timers;
}

/* Lets time pass, and each process wake up when it wants to. */
static void pass(double seconds) {
    double until = now + seconds;
    for (;;) {
        double next = until;
        for (int i = 0; i < PROCESSES; i++) {
            double due = contexts[i] != NULL ? fu_timers_next(timers_of(i)) : -1;
            next = due >= 0 && due < next ? due : next;
        }
        now = next > now ? next : now;
        for (int i = 0; i < PROCESSES; i++) {
            if (contexts[i] != NULL) {
                fu_timers_run(timers_of(i), now);
            }
        }
        if (now >= until) {
            return;
        }
    }
}

static enum fu_turn try(int i, int k) {
    struct sender *sender = &senders[i][k];
    enum fu_turn turn = fu_budget_try(budgets[i], &sender->waiter, &sender->wait);
    sender->going = turn == FU_TURN_GO;
    return turn;
}

static void join(int i, int k) {
    fu_budget_join(budgets[i], &senders[i][k].waiter, false);
}

static void end(int i, int k, bool counted) {
    assert_true(senders[i][k].going);
    senders[i][k].going = false;
    fu_budget_end(budgets[i], &senders[i][k].waiter, counted, counted);
}

static double refuse(int i, int k, double retry_after) {
    assert_true(senders[i][k].going);
    senders[i][k].going = false;
    double pause = fu_budget_refused(budgets[i], &senders[i][k].waiter, retry_after);
    fu_budget_join(budgets[i], &senders[i][k].waiter, true);
    return pause;
}

/* Sends and ends, in a process that plays no other part. */
static void use_up(int calls) {
    for (int k = 0; k < calls; k++) {
        assert_int_equal(try(2, SENDERS - 1), FU_TURN_GO);
        end(2, SENDERS - 1, true);
    }
}

static void end_all(void) {
    for (int i = 0; i < PROCESSES; i++) {
        for (int k = 0; k < SENDERS; k++) {
            if (contexts[i] != NULL && senders[i][k].going) {
                end(i, k, true);
            }
        }
    }
}

/* ---- The line ---- */

static void the_window_is_one(void **state) {
    (void)state;
    assert_int_equal(try(0, 0), FU_TURN_GO);
    assert_int_equal(try(1, 0), FU_TURN_GO);
    assert_int_equal(try(2, 0), FU_TURN_GO);
    assert_int_equal(try(1, 1), FU_TURN_WAIT);
    end(2, 0, false);
    assert_int_equal(try(1, 1), FU_TURN_GO);
}

static void processes_are_served_by_turns(void **state) {
    (void)state;
    use_up(3);
    for (int k = 0; k < 4; k++) {
        join(0, k);
    }
    pass(1);
    for (int k = 0; k < 4; k++) {
        join(1, k);
    }
    pass(58);
    assert_string_equal(order, "");
    for (int round = 0; round < 3; round++) {
        pass(60.1);
        end_all();
    }
    assert_int_equal(strlen(order), 8);
    for (size_t k = 0; k < 6; k += 3) { /* neither waits for the other's whole line */
        assert_non_null(memchr(order + k, 'a', 3));
        assert_non_null(memchr(order + k, 'b', 3));
    }
    for (int i = 0; i < 2; i++) {
        assert_null(budgets[i]->waiting);
        assert_false(budgets[i]->stands);
    }
}

static void a_newcomer_waits_behind_other_processes(void **state) {
    (void)state;
    use_up(2);
    assert_int_equal(try(2, 0), FU_TURN_GO); /* under way */
    join(0, 0);
    pass(1);
    end(2, 0, false);
    assert_int_equal(try(1, 0), FU_TURN_WAIT); /* there is a place, but it is the other's */
    pass(1);
    assert_string_equal(order, "a");
}

static void who_leaves_lets_the_next_one_go(void **state) {
    (void)state;
    use_up(3);
    join(0, 0);
    join(1, 0);
    pass(10);
    fu_budget_leave(budgets[0], &senders[0][0].waiter);
    pass(50.5);
    assert_string_equal(order, "b");
    assert_true(fu_timers_next(timers_of(0)) < 0); /* an idle process wakes no more */
    assert_true(fu_timers_next(timers_of(1)) < 0);
}

static void who_ends_while_it_waits_lets_the_next_one_go(void **state) {
    (void)state;
    use_up(3);
    join(0, 0);
    pass(1);
    join(1, 0);
    pass(9);
    fu_budget_leave(budgets[0], &senders[0][0].waiter);
    close_process(0);
    pass(50.5);
    assert_string_equal(order, "b");
}

static void who_does_not_come_when_it_is_its_turn_holds_up_nobody(void **state) {
    (void)state;
    use_up(3);
    join(0, 0);
    pass(1);
    join(1, 0);
    pass(1);
    struct fu_context *stopped = contexts[0];
    contexts[0] = NULL; /* its loop is busy with something else, or it was stopped */
    pass(58.6);
    assert_string_equal(order, "b");
    contexts[0] = stopped;
    pass(1);
    assert_string_equal(order, "ba"); /* and has not lost its own */
}

static void a_reserve_holds_up_no_other_process(void **state) {
    (void)state;
    senders[0][0].waiter.limit.calls = 1;
    use_up(1);
    join(0, 0);
    pass(1);
    assert_int_equal(try(1, 0), FU_TURN_GO);
    assert_int_equal(try(1, 1), FU_TURN_GO);
    assert_int_equal(try(1, 2), FU_TURN_WAIT);
    end_all();
    pass(61);
    assert_string_equal(order, "a");
}

/* ---- The ledger is busy ---- */

static void who_cannot_look_asks_and_is_told(void **state) {
    (void)state;
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(try(0, 0), FU_TURN_ASK);
    senders[0][0].waiter.asking = true;
    join(0, 0);
    pass(0.1);
    assert_false(senders[0][0].going);
    close(fd);
    pass(0.01);
    assert_true(senders[0][0].going); /* there was a place all the time */
    assert_false(senders[0][0].told);
    use_up(2);
    fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(try(1, 0), FU_TURN_ASK);
    senders[1][0].waiter.asking = true;
    join(1, 0);
    close(fd);
    pass(0.01);
    assert_false(senders[1][0].going);
    assert_true(senders[1][0].told);
    assert_in_range((int)(senders[1][0].wait * 10), 590, 600);
    end(0, 0, true);
    pass(61);
    assert_string_equal(order, "ab");
}

static void an_end_that_cannot_be_written_is_written_later(void **state) {
    (void)state;
    assert_int_equal(try(0, 0), FU_TURN_GO);
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    end(0, 0, false);
    assert_true(fu_timers_next(timers_of(0)) >= 0);
    close(fd);
    pass(0.01);
    assert_true(fu_timers_next(timers_of(0)) < 0);
    fu_budget_refresh(budgets[1], (struct fu_limit){3, 60});
    assert_int_equal(fu_window_used(&budgets[1]->window, 60, now), 0);
}

static void a_ledger_that_nobody_lets_go_of_stops_nobody(void **state) {
    (void)state;
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(try(0, 0), FU_TURN_ASK);
    senders[0][0].waiter.asking = true;
    join(0, 0);
    pass(2.1);
    assert_true(senders[0][0].going);
    assert_non_null(strstr(budgets[0]->news, "does not let go"));
    end(0, 0, true);
    close(fd);
    pass(11);
    assert_int_equal(try(0, 1), FU_TURN_GO);
    fu_budget_refresh(budgets[1], (struct fu_limit){3, 60});
    assert_int_equal(fu_window_used(&budgets[1]->window, 60, now), 2);
}

/* ---- 429 ---- */

static void what_one_is_refused_the_others_do_not_try(void **state) {
    (void)state;
    assert_int_equal(try(0, 0), FU_TURN_GO);
    assert_seconds(refuse(0, 0, 30), 30);
    assert_int_equal(try(1, 0), FU_TURN_WAIT);
    assert_true(senders[1][0].wait >= 29.9);
    join(1, 0);
    pass(29);
    assert_string_equal(order, "");
    pass(1.3);
    assert_string_equal(order, "a"); /* it alone tries */
    assert_int_equal(try(2, 0), FU_TURN_WAIT);
    end(0, 0, true);
    pass(1);
    assert_string_equal(order, "ab"); /* and when it was answered, another one goes */
}

static void a_trial_whose_process_is_silent_stops_nobody(void **state) {
    (void)state;
    assert_int_equal(try(0, 0), FU_TURN_GO);
    refuse(0, 0, 5);
    join(1, 0);
    pass(5.3);
    assert_string_equal(order, "a");
    struct fu_context *stopped = contexts[0];
    contexts[0] = NULL;
    pass(290);
    assert_string_equal(order, "a");
    pass(11); /* a request lasts no longer */
    assert_string_equal(order, "ab");
    contexts[0] = stopped;
    end(0, 0, true);
}

/* ---- By chance ---- */

static double counted[100000];
static size_t count;

static size_t counted_within(double span) {
    size_t within = 0;
    for (size_t i = count; i > 0 && counted[i - 1] > now - span; i--) {
        within++;
    }
    return within;
}

static void step_by_chance(int i, int k, const struct fu_limit *limit) {
    struct sender *sender = &senders[i][k];
    if (sender->going && test_below(3) == 0) {
        if (test_below(30) == 0) {
            refuse(i, k, test_below(2) == 0 ? -1 : (double)test_below(3));
        } else {
            bool is_counted = test_below(8) > 0;
            end(i, k, is_counted);
            counted[count] = now;
            count += is_counted; /* when the service counted it: at its end, the latest moment there is */
        }
    } else if (!sender->going && sender->waiter.place == NULL) {
        enum fu_turn turn = try(i, k);
        sender->waiter.asking = turn == FU_TURN_ASK;
        if (turn != FU_TURN_GO) {
            join(i, k);
        }
    } else if (sender->waiter.place != NULL && test_below(300) == 0) {
        fu_budget_leave(budgets[i], &sender->waiter);
    }
    assert_true(counted_within(limit->span) <= (size_t)limit->calls);
}

static void nobody_starves_and_the_limit_holds(void **state) {
    (void)state;
    struct fu_limit limit = {5, 8};
    size_t served[PROCESSES] = {0};
    count = 0;
    for (int i = 0; i < PROCESSES; i++) {
        close_process(i);
    }
    unlink(path);
    for (int i = 0; i < PROCESSES; i++) {
        open_process(i, limit);
    }
    for (int round = 0; round < 12000; round++) {
        int busy = test_below(50) == 0 ? open(path, O_RDWR) : -1;
        if (busy >= 0) {
            flock(busy, LOCK_EX);
        }
        step_by_chance((int)test_below(PROCESSES), (int)test_below(SENDERS), &limit);
        order[0] = '\0';
        if (test_below(3) == 0) {
            pass(test_below(1024) / 1024.0);
        }
        if (busy >= 0) {
            close(busy);
        }
        for (const char *at = order; *at != '\0'; at++) {
            served[*at - 'a']++;
        }
        assert_true(counted_within(limit.span) <= (size_t)limit.calls);
    }
    size_t all = served[0] + served[1] + served[2];
    assert_true(all > 300);
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(served[i] > all / 6); /* each gets its share */
    }
    for (int round = 0; round < 100; round++) {
        end_all();
        pass(60);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_null(budgets[i]->waiting);
        assert_true(fu_timers_next(timers_of(i)) < 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_window_is_one),
        TEST(processes_are_served_by_turns),
        TEST(a_newcomer_waits_behind_other_processes),
        TEST(who_leaves_lets_the_next_one_go),
        TEST(who_ends_while_it_waits_lets_the_next_one_go),
        TEST(who_does_not_come_when_it_is_its_turn_holds_up_nobody),
        TEST(a_reserve_holds_up_no_other_process),
        TEST(who_cannot_look_asks_and_is_told),
        TEST(an_end_that_cannot_be_written_is_written_later),
        TEST(a_ledger_that_nobody_lets_go_of_stops_nobody),
        TEST(what_one_is_refused_the_others_do_not_try),
        TEST(a_trial_whose_process_is_silent_stops_nobody),
        TEST(nobody_starves_and_the_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
