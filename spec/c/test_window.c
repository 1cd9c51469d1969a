/* test_window.c: the moving window, against a plain list and against a strict service. Must not know: the network, real
 * clocks. */
#include "window.h"

#include "test.h"

/* ---- A plain list of the calls ---- */

enum { MOST_CALLS = 20000 };

struct entry {
    double start, end; /* end negative: under way */
    double counted_at; /* when a strict service counts it */
    bool counted;
};

static struct entry calls[MOST_CALLS];
static size_t call_count;

static bool holds(const struct entry *call, double span, double now) {
    return call->end < 0 || (call->counted && call->end + span > now);
}

static size_t used(double span, double now) {
    size_t count = 0;
    for (size_t i = 0; i < call_count; i++) {
        count += holds(&calls[i], span, now);
    }
    return count;
}

/* Tries every moment at which something leaves the window. */
static double wait_by_list(struct fu_limit limit, double now) {
    size_t under_way = 0;
    double best = -1;
    if (used(limit.span, now) < (size_t)limit.calls) {
        return 0;
    }
    for (size_t i = 0; i < call_count; i++) {
        double moment = calls[i].end + limit.span;
        under_way += calls[i].end < 0;
        if (calls[i].end >= 0 && calls[i].counted && moment > now && (best < 0 || moment < best) &&
            used(limit.span, moment) < (size_t)limit.calls) {
            best = moment;
        }
    }
    return under_way >= (size_t)limit.calls ? -1 : best - now;
}

static void forget_list(double older_than) {
    size_t kept = 0;
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].end < 0 || calls[i].end > older_than) {
            calls[kept++] = calls[i];
        }
    }
    call_count = kept;
}

static double some_seconds(unsigned most) {
    return test_below(most * 1024) / 1024.0;
}

/* ---- Single steps ---- */

static void waits_until_the_oldest_leaves(void **state) {
    (void)state;
    struct fu_window window = {0};
    struct fu_limit limit = {3, 60};
    assert_seconds(fu_window_wait(&window, limit, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(fu_window_start(&window));
    }
    assert_int_equal(fu_window_used(&window, 60, 0), 3);
    assert_true(fu_window_wait(&window, limit, 0) < 0); /* all are under way: nobody knows how long */
    assert_true(fu_window_wait(&window, limit, 1000) < 0);
    fu_window_end(&window, 10, true);
    assert_seconds(fu_window_wait(&window, limit, 10), 60);
    fu_window_end(&window, 12, true);
    fu_window_end(&window, 13, true);
    assert_seconds(fu_window_wait(&window, limit, 20), 50);
    assert_seconds(fu_window_wait(&window, limit, 69.5), 0.5);
    assert_int_equal(fu_window_used(&window, 60, 69.5), 3);
    assert_seconds(fu_window_wait(&window, limit, 70), 0);
    assert_int_equal(fu_window_used(&window, 60, 70), 2);
    assert_int_equal(fu_window_used(&window, 60, 73), 0);
    fu_window_free(&window);
    assert_int_equal(fu_window_used(&window, 60, 73), 0);
}

static void a_call_that_was_not_counted_takes_no_place(void **state) {
    (void)state;
    struct fu_window window = {0};
    struct fu_limit limit = {1, 60};
    assert_true(fu_window_start(&window));
    assert_true(fu_window_wait(&window, limit, 0) < 0);
    fu_window_end(&window, 1, false);
    assert_seconds(fu_window_wait(&window, limit, 1), 0);
    assert_int_equal(fu_window_used(&window, 60, 1), 0);
    fu_window_free(&window);
}

static void nothing_may_go_where_no_calls_are_left(void **state) {
    (void)state;
    struct fu_window window = {0};
    assert_true(fu_window_wait(&window, (struct fu_limit){0, 60}, 0) < 0);
    assert_true(fu_window_wait(&window, (struct fu_limit){-3, 60}, 0) < 0);
    assert_seconds(fu_window_forecast(&window, (struct fu_limit){0, 60}, 0, 5), 0);
    fu_window_free(&window);
}

/* The wait of a limit of k calls tells the k-th newest entry. */
static void assert_entries(struct fu_window *window, const double *ends, size_t count, double now) {
    enum { FAR = 100000 };
    for (size_t k = 1; k <= count; k++) {
        struct fu_limit limit = {(int)(window->under_way + k), FAR};
        assert_seconds(fu_window_wait(window, limit, now), ends[count - k] + FAR - now);
    }
    assert_seconds(fu_window_wait(window, (struct fu_limit){(int)(window->under_way + count + 1), FAR}, now), 0);
}

static void the_ring_keeps_its_order_where_it_grows(void **state) {
    (void)state;
    /* From every length and place of the first entry, so that it grows wrapped and unwrapped. */
    for (int first = 1; first <= 12; first++) {
        for (int dropped = 0; dropped <= first; dropped++) {
            struct fu_window window = {0};
            double ends[100];
            size_t count = 0;
            fu_window_used(&window, 50, 0);
            for (int i = 0; i < first; i++) {
                assert_true(fu_window_start(&window));
                fu_window_end(&window, i, true);
            }
            fu_window_used(&window, 50, 50 + dropped - 1); /* those from 0 to dropped - 1 are forgotten */
            for (int i = dropped; i < first; i++) {
                ends[count++] = i;
            }
            for (int i = 0; i < 20; i++) { /* two are always under way while it grows */
                assert_true(fu_window_start(&window));
                if (i >= 2) {
                    ends[count] = 49 + i;
                    fu_window_end(&window, ends[count++], true);
                }
            }
            assert_int_equal(fu_window_used(&window, 1000, 70), count + 2);
            assert_entries(&window, ends, count, 70);
            fu_window_free(&window);
        }
    }
}

static void a_longer_window_keeps_more_from_then_on(void **state) {
    (void)state;
    struct fu_window window = {0};
    assert_true(fu_window_start(&window));
    fu_window_end(&window, 0, true);
    assert_int_equal(fu_window_used(&window, 10, 5), 1);
    assert_int_equal(fu_window_used(&window, 100, 5), 1); /* another client: its window is longer */
    assert_int_equal(fu_window_used(&window, 10, 50), 0); /* too old for this one, and yet kept */
    assert_seconds(fu_window_wait(&window, (struct fu_limit){1, 10}, 50), 0);
    assert_int_equal(fu_window_used(&window, 100, 50), 1);
    assert_seconds(fu_window_wait(&window, (struct fu_limit){1, 100}, 50), 50);
    assert_int_equal(fu_window_used(&window, 100, 100), 0);
    fu_window_free(&window);
}

/* ---- Against the list, and against a service that counts strictly ---- */

static void end_call(struct fu_window *window, struct entry *call, double now) {
    call->end = now;
    call->counted = test_below(8) > 0;
    call->counted_at = call->start + (now - call->start) * (test_below(1025) / 1024.0);
    fu_window_end(window, now, call->counted);
}

static void start_call(struct fu_window *window, double now) {
    assert_true(call_count < MOST_CALLS);
    assert_true(fu_window_start(window));
    calls[call_count++] = (struct entry){.start = now, .end = -1};
}

/* Whenever the service counts a call, it must find at most `most` of them in the span up to then. */
static void assert_strict(double span, size_t most) {
    for (size_t i = 0; i < call_count; i++) {
        size_t count = 0;
        double moment = calls[i].counted_at;
        for (size_t k = 0; k < call_count; k++) {
            count += calls[k].counted && calls[k].counted_at <= moment && calls[k].counted_at > moment - span;
        }
        assert_true(count <= most);
    }
}

static void end_some(struct fu_window *window, double now, unsigned chance) {
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].end < 0 && test_below(chance) == 0) {
            end_call(window, &calls[i], now);
        }
    }
}

static void a_strict_service_never_sees_too_many(void **state) {
    (void)state;
    size_t full = 0;
    for (int round = 0; round < 60; round++) {
        struct fu_window window = {0};
        struct fu_limit limit = {1 + (int)test_below(12), 1 + some_seconds(20)};
        unsigned chance = 1 + test_below(20);
        double now = 1;
        call_count = 0;
        for (int i = 0; i < 600; i++) {
            double wait = fu_window_wait(&window, limit, now);
            if (wait == 0) {
                start_call(&window, now); /* as greedy as it is allowed to be */
            } else {
                full++;
                now += wait > 0 && test_below(2) == 0 ? wait : some_seconds(2);
            }
            end_some(&window, now, chance);
        }
        end_some(&window, now, 1);
        assert_strict(limit.span, (size_t)limit.calls);
        fu_window_free(&window);
    }
    assert_true(full > 1000); /* the limit was felt */
}

static void agrees_with_a_list(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct fu_window window = {0};
        /* Two clients of one company: another limit, another span. */
        struct fu_limit limits[2] = {{1 + (int)test_below(20), 1 + some_seconds(20)},
                                     {1 + (int)test_below(20), 1 + some_seconds(20)}};
        double longest = limits[0].span > limits[1].span ? limits[0].span : limits[1].span;
        unsigned chance = 1 + test_below(10);
        double now = 0;
        call_count = 0;
        fu_window_used(&window, longest, now);
        for (int i = 0; i < 1500; i++) {
            struct fu_limit limit = limits[test_below(2)];
            double wait = fu_window_wait(&window, limit, now);
            assert_seconds(wait, wait_by_list(limit, now));
            assert_int_equal(fu_window_used(&window, limit.span, now), used(limit.span, now));
            if (wait == 0) {
                start_call(&window, now);
            }
            if (wait != 0 || test_below(3) == 0) {
                now += wait > 0 && test_below(2) == 0 ? wait : some_seconds(3);
            }
            end_some(&window, now, chance);
            forget_list(now - longest);
        }
        fu_window_free(&window);
    }
}

/* Sends `wanted` calls one by one as soon as each may go, each ending at once; those under way end now. */
static double forecast_by_trial(struct fu_limit limit, double now, int wanted) {
    static struct entry kept[MOST_CALLS];
    size_t kept_count = call_count;
    memcpy(kept, calls, call_count * sizeof kept[0]);
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].end < 0) {
            calls[i].end = now;
            calls[i].counted = true;
        }
    }
    double moment = now;
    for (int i = 0; i < wanted; i++) {
        moment += wait_by_list(limit, moment);
        calls[call_count++] = (struct entry){.start = moment, .end = moment, .counted = true};
    }
    memcpy(calls, kept, kept_count * sizeof kept[0]);
    call_count = kept_count;
    return moment - now;
}

static void the_forecast_is_what_a_trial_shows(void **state) {
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct fu_window window = {0};
        struct fu_limit limit = {1 + (int)test_below(12), 1 + some_seconds(20)};
        double now = 1;
        call_count = 0;
        for (unsigned i = test_below(30); i > 0; i--) { /* also more than the limit: another client's */
            start_call(&window, now);
            now += some_seconds(2);
            end_some(&window, now, 1 + test_below(3));
        }
        int wanted = 1 + (int)test_below(60);
        assert_seconds(fu_window_forecast(&window, limit, now, wanted), forecast_by_trial(limit, now, wanted));
        assert_seconds(fu_window_forecast(&window, limit, now, 0), 0);
        assert_seconds(fu_window_forecast(&window, limit, now, -1), 0);
        fu_window_free(&window);
    }
}

static void the_forecast_of_very_many_calls_is_finite(void **state) {
    (void)state;
    struct fu_window window = {0};
    double wait = fu_window_forecast(&window, (struct fu_limit){500, 3600}, 0, INT64_MAX);
    assert_true(isfinite(wait) && wait > 6e19);
    assert_seconds(fu_window_forecast(&window, (struct fu_limit){500, 3600}, 0, 500), 0);
    assert_seconds(fu_window_forecast(&window, (struct fu_limit){500, 3600}, 0, 501), 3600);
    assert_seconds(fu_window_forecast(&window, (struct fu_limit){INT32_MAX, 3600}, 0, 501), 0);
    fu_window_free(&window);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_until_the_oldest_leaves),
        cmocka_unit_test(a_call_that_was_not_counted_takes_no_place),
        cmocka_unit_test(nothing_may_go_where_no_calls_are_left),
        cmocka_unit_test(the_ring_keeps_its_order_where_it_grows),
        cmocka_unit_test(a_longer_window_keeps_more_from_then_on),
        cmocka_unit_test(a_strict_service_never_sees_too_many),
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(the_forecast_is_what_a_trial_shows),
        cmocka_unit_test(the_forecast_of_very_many_calls_is_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
