/* test_timer.c: the heap of timers. Must not know: the network, real clocks. */
#include "timer.h"

#include "test.h"

enum { TIMERS = 40 };

static struct fu_timers timers;
static struct fu_timer all[TIMERS];
static int fired[1000];
static size_t fired_count;

static int number_of(const struct fu_timer *timer) {
    return (int)(timer - all);
}

static void note(struct fu_timer *timer) {
    assert_false(fu_timer_is_set(timer));
    assert_true(fired_count < COUNT(fired));
    fired[fired_count++] = number_of(timer);
}

static void begin(void (*fire)(struct fu_timer *timer)) {
    timers = (struct fu_timers){NULL};
    fired_count = 0;
    for (int i = 0; i < TIMERS; i++) {
        fu_timer_init(&all[i], fire);
    }
}

static void fires_in_order(void **state) {
    (void)state;
    static const double dues[] = {5, 3, 8, 1, 4, 7, 2, 6};
    begin(note);
    assert_true(fu_timers_next(&timers) < 0);
    assert_int_equal(fu_timers_run(&timers, 100), 0);
    for (size_t i = 0; i < COUNT(dues); i++) {
        assert_false(fu_timer_is_set(&all[i]));
        fu_timers_set(&timers, &all[i], dues[i]);
        assert_true(fu_timer_is_set(&all[i]));
    }
    assert_seconds(fu_timers_next(&timers), 1);
    assert_int_equal(fu_timers_run(&timers, 0.5), 0);
    assert_int_equal(fu_timers_run(&timers, 4), 4); /* due at that very moment is due */
    assert_int_equal(fu_timers_run(&timers, 4), 0);
    assert_seconds(fu_timers_next(&timers), 5);
    assert_int_equal(fu_timers_run(&timers, 1e9), 4);
    assert_true(fu_timers_next(&timers) < 0);
    for (size_t i = 0; i < COUNT(dues); i++) {
        assert_seconds(dues[fired[i]], (double)i + 1);
    }
}

static void a_stopped_timer_does_not_fire(void **state) {
    (void)state;
    begin(note);
    fu_timers_stop(&timers, &all[0]); /* was not set: nothing happens */
    for (int i = 0; i < 5; i++) {
        fu_timers_set(&timers, &all[i], i + 1);
    }
    fu_timers_stop(&timers, &all[0]); /* the first */
    fu_timers_stop(&timers, &all[3]); /* one inside */
    fu_timers_stop(&timers, &all[3]);
    fu_timers_stop(&timers, &all[4]); /* the last */
    assert_int_equal(fu_timers_run(&timers, 10), 2);
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 2);
    fu_timers_set(&timers, &all[3], 11);
    assert_int_equal(fu_timers_run(&timers, 11), 1);
    assert_int_equal(fired[2], 3);
}

static void a_timer_that_is_set_again_fires_once(void **state) {
    (void)state;
    begin(note);
    fu_timers_set(&timers, &all[0], 1);
    fu_timers_set(&timers, &all[1], 2);
    fu_timers_set(&timers, &all[0], 3);
    assert_seconds(fu_timers_next(&timers), 2);
    fu_timers_set(&timers, &all[1], 2);
    assert_int_equal(fu_timers_run(&timers, 9), 2);
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 0);
}

/* ---- Timers that change timers while they fire ---- */

static void meddle(struct fu_timer *timer) {
    note(timer);
    if (fired_count > 2) {
        return;
    }
    switch (number_of(timer)) {
    case 0:
        fu_timers_stop(&timers, &all[1]);      /* due too, and gone */
        fu_timers_set(&timers, &all[2], 1);    /* comes forward */
        fu_timers_set(&timers, &all[3], 1000); /* due too, and put off */
        fu_timers_stop(&timers, timer);
        break;
    case 2:
        fu_timers_set(&timers, timer, 2); /* itself, for a time that has come */
        break;
    default:
        break;
    }
}

static void timers_change_timers_while_they_fire(void **state) {
    (void)state;
    begin(meddle);
    fu_timers_set(&timers, &all[0], 0.5);
    fu_timers_set(&timers, &all[1], 1);
    fu_timers_set(&timers, &all[2], 50);
    fu_timers_set(&timers, &all[3], 2);
    fu_timers_set(&timers, &all[4], 5);
    assert_int_equal(fu_timers_run(&timers, 5), 4);
    static const int order[] = {0, 2, 2, 4};
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_int_equal(fired[i], order[i]);
    }
    assert_seconds(fu_timers_next(&timers), 1000);
}

/* ---- Against a plain list ---- */

static double model[TIMERS]; /* due; negative: not set */
static double now;
static unsigned model_fired;

static int earliest(void) {
    int first = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (model[i] >= 0 && (first < 0 || model[i] < model[first])) {
            first = i;
        }
    }
    return first;
}

static void change_one(double soonest) {
    unsigned i = test_below(TIMERS);
    if (test_below(3) == 0) {
        fu_timers_stop(&timers, &all[i]);
        model[i] = -1;
    } else {
        model[i] = soonest + test_below(16); /* few values, so that many are due at once */
        fu_timers_set(&timers, &all[i], model[i]);
    }
}

static void fire_as_the_model(struct fu_timer *timer) {
    int i = number_of(timer);
    int first = earliest();
    assert_true(model[i] >= 0 && model[i] <= now);
    assert_true(model[i] <= model[first]);
    model[i] = -1;
    model_fired++;
    if (test_below(2) == 0) {
        change_one(now + test_below(2));
    }
}

static void agrees_with_a_list(void **state) {
    (void)state;
    begin(fire_as_the_model);
    for (int i = 0; i < TIMERS; i++) {
        model[i] = -1;
    }
    now = 0;
    for (int round = 0; round < 200000; round++) {
        if (test_below(4) > 0) {
            change_one(now);
        } else {
            now += test_below(6);
            model_fired = 0;
            unsigned count = fu_timers_run(&timers, now);
            assert_int_equal(count, model_fired);
            assert_true(earliest() < 0 || model[earliest()] > now);
        }
        int first = earliest();
        if (first < 0) {
            assert_true(fu_timers_next(&timers) < 0);
        } else {
            assert_seconds(fu_timers_next(&timers), model[first]);
        }
        unsigned i = test_below(TIMERS);
        assert_int_equal(fu_timer_is_set(&all[i]), model[i] >= 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_order),
        cmocka_unit_test(a_stopped_timer_does_not_fire),
        cmocka_unit_test(a_timer_that_is_set_again_fires_once),
        cmocka_unit_test(timers_change_timers_while_they_fire),
        cmocka_unit_test(agrees_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
