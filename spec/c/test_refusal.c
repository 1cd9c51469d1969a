/* test_refusal.c: what the line does after a 429, by a clock of its own. Must not know: the network, calls. */
#include "senders.h"

static void a_refused_call_waits_and_tries_alone(void **state) {
    (void)state;
    assert_true(try(0));
    assert_seconds(refuse(0, 30), 30);
    assert_int_equal(fu_window_used(&budget->window, 60, now), 0); /* a 429 is no call */
    assert_false(try(1));
    assert_seconds(fu_budget_wait(budget, senders[1].waiter.limit), 30);
    join(1);
    join(2);
    pass(29.75);
    assert_granted("");
    assert_seconds(next_timer(), 130);
    pass(0.25);
    assert_granted("0"); /* the window has room for three, but one tries first */
    assert_false(try(3));
    pass(100);
    assert_granted("0");
    end(0, true, true);
    run();
    assert_granted("0 1 2");
}

static void pauses_grow_with_refusals_in_a_row(void **state) {
    (void)state;
    static const double longest[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    for (int round = 0; round < 2; round++) {
        assert_true(try(0));
        for (size_t i = 0; i < COUNT(longest); i++) {
            double pause = refuse(0, -1);
            if (!(pause >= longest[i] * 0.75 && pause <= longest[i])) {
                fail_msg("pause %zu is %g, not about %g", i, pause, longest[i]);
            }
            now += pause;
            run();
            assert_true(senders[0].going);
        }
        end(0, true, true); /* an answer: from the beginning again */
    }
}

static void the_service_says_how_long(void **state) {
    (void)state;
    assert_true(try(0));
    double pause = refuse(0, 0);
    assert_true(pause > 0 && pause <= 1); /* "at once" again and again must not become a storm */
    pass(pause);
    assert_seconds(refuse(0, 1800), 1800);
    pass(1800);
    assert_seconds(refuse(0, 5), 5);
    assert_granted("0 0");
}

static void calls_refused_together_are_one_refusal(void **state) {
    (void)state;
    assert_true(try(0) && try(1) && try(2));
    double pause = refuse(0, -1);
    assert_true(pause <= 1);
    now += 0.25;
    assert_true(refuse(1, -1) <= 1 && refuse(2, -1) <= 1);
    pass(1.25);
    assert_int_equal(granted_count, 1);
    int probe = granted[0];
    pass(5);
    assert_int_equal(granted_count, 1);
    pause = refuse(probe, -1);
    assert_true(pause > 1 && pause <= 2);
}

static void the_longest_pause_asked_for_counts(void **state) {
    (void)state;
    assert_true(try(0) && try(1));
    assert_seconds(refuse(0, 50), 50);
    now += 10;
    assert_seconds(refuse(1, 5), 40);
    pass(39);
    assert_granted("");
    pass(1);
    assert_int_equal(granted_count, 1);
}

static void an_answer_to_an_earlier_call_opens_nothing(void **state) {
    (void)state;
    assert_true(try(0) && try(1));
    now += 1;
    assert_seconds(refuse(0, 30), 30);
    now += 1;
    end(1, true, true); /* it was sent before the service said no */
    run();
    assert_granted("");
    pass(29);
    assert_granted("0");
}

static void a_call_outside_of_the_window_is_refused_too(void **state) {
    (void)state;
    /* A ping: it is not counted, and yet the service may say 429 to it. */
    fu_budget_end(budget, &senders[0].waiter, true, true);
    assert_int_equal(fu_window_used(&budget->window, 60, now), 0);
    assert_seconds(fu_budget_refused(budget, &senders[0].waiter, 30), 30);
    assert_int_equal(fu_window_used(&budget->window, 60, now), 0);
    fu_budget_end(budget, &senders[0].waiter, false, true); /* nor does its end open anything */
    assert_false(try(1));
    join(1);
    pass(29);
    assert_granted("");
    pass(1);
    assert_granted("1");
}

static void a_lost_trial_is_followed_by_another(void **state) {
    (void)state;
    assert_true(try(0));
    refuse(0, 10);
    join(1);
    join(2);
    pass(10);
    assert_granted("0");
    end(0, true, false); /* no answer came: nobody knows */
    run();
    assert_granted("0 1");
    pass(5);
    assert_granted("0 1");
    end(1, true, true);
    pass(1000);
    assert_granted("0 1 2");
}

static void a_waiter_refused_may_give_up(void **state) {
    (void)state;
    assert_true(try(0));
    refuse(0, 10);
    join(1);
    fu_budget_leave(budget, &senders[0].waiter);
    pass(9);
    assert_granted("");
    pass(1);
    assert_granted("1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_refused_call_waits_and_tries_alone),
        TEST(pauses_grow_with_refusals_in_a_row),
        TEST(the_service_says_how_long),
        TEST(calls_refused_together_are_one_refusal),
        TEST(the_longest_pause_asked_for_counts),
        TEST(an_answer_to_an_earlier_call_opens_nothing),
        TEST(a_call_outside_of_the_window_is_refused_too),
        TEST(a_lost_trial_is_followed_by_another),
        TEST(a_waiter_refused_may_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
