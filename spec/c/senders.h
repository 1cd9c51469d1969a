/* senders.h: a budget with a clock of its own and a few who want to send, for the tests of the line. Must not know: the
 * network, calls. */
#ifndef FU_SENDERS_H
#define FU_SENDERS_H

#include "budget.h"

#include "test.h"

enum { WAITERS = 60 };

/* Someone who wants to send. */
struct sender {
    struct fu_waiter waiter; /* first: a waiter is its sender */
    bool going;
};

static double now;
static struct fu_context *context;
static struct fu_budget *budget;
static struct sender senders[WAITERS];
static int granted[1000]; /* in the order of the grants */
static size_t granted_count;

static inline double read_now(void *data) {
    (void)data;
    return now;
}

static inline void on_granted(struct fu_waiter *waiter) {
    struct sender *sender = (struct sender *)(void *)waiter;
    assert_null(waiter->place); /* it has left the line */
    assert_false(sender->going);
    sender->going = true;
    assert_true(granted_count < COUNT(granted));
    granted[granted_count++] = (int)(sender - senders);
}

static inline int set_up(void **state) {
    (void)state;
    now = 100;
    granted_count = 0;
    context = fu_context_new((struct fu_clock){.now = read_now}, NULL);
    bool made;
    budget = fu_budget_take(context, 1, &made);
    memset(senders, 0, sizeof senders);
    for (size_t i = 0; i < WAITERS; i++) {
        senders[i].waiter.granted = on_granted;
        senders[i].waiter.limit = (struct fu_limit){3, 60};
    }
    return context != NULL && budget != NULL ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    fu_budget_drop(budget);
    fu_context_drop(context);
    return 0;
}

static inline void run(void) {
    fu_timers_run(&context->http.timers, now);
}

static inline double next_timer(void) {
    return fu_timers_next(&context->http.timers);
}

static inline void pass(double seconds) {
    now += seconds;
    run();
}

static inline bool try(int i) {
    double wait;
    senders[i].going = fu_budget_try(budget, &senders[i].waiter, &wait) == FU_TURN_GO;
    return senders[i].going;
}

static inline void join(int i) {
    fu_budget_join(budget, &senders[i].waiter, false);
}

static inline void end(int i, bool counted, bool answered) {
    assert_true(senders[i].going);
    senders[i].going = false;
    fu_budget_end(budget, &senders[i].waiter, counted, answered);
}

/* Sends and ends as many as the window takes. */
static inline void use_up(int calls) {
    for (int i = 0; i < calls; i++) {
        assert_true(try(WAITERS - 1 - i));
        end(WAITERS - 1 - i, true, true);
    }
}

static inline void assert_granted(const char *order) {
    char numbers[4000] = "";
    size_t size = 0;
    for (size_t i = 0; i < granted_count; i++) {
        size += (size_t)snprintf(numbers + size, sizeof numbers - size, i > 0 ? " %d" : "%d", granted[i]);
    }
    assert_string_equal(numbers, order);
}

/* 429: it goes to the front of the line. Returns the pause. */
static inline double refuse(int i, double retry_after) {
    assert_true(senders[i].going);
    senders[i].going = false;
    double pause = fu_budget_refused(budget, &senders[i].waiter, retry_after);
    fu_budget_join(budget, &senders[i].waiter, true);
    return pause;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
