/* test_budget.c: the line before the company's window, by a clock of its own. Must not know: the network, calls. */
#include "senders.h"

/* ---- The line ---- */

static void first_come_first_served(void **state) {
    (void)state;
    assert_true(try(10) && try(11) && try(12));
    assert_false(try(13));
    for (int i = 0; i < 5; i++) {
        join(i);
    }
    run();
    assert_granted("");
    pass(10);
    end(10, true, true); /* leaves at 170 */
    pass(5);
    end(11, true, true);   /* leaves at 175 */
    end(12, false, false); /* was not counted: its place is free at once */
    assert_granted("");    /* but nobody is granted inside of somebody's end */
    run();
    assert_granted("0");
    assert_seconds(next_timer(), 170);
    pass(54.75);
    assert_granted("0");
    pass(0.25);
    assert_granted("0 1");
    assert_seconds(next_timer(), 175);
    pass(5);
    assert_granted("0 1 2");
    pass(1000); /* three are under way: no time helps */
    assert_granted("0 1 2");
    end(1, true, true);
    pass(59);
    assert_granted("0 1 2");
    pass(1);
    assert_granted("0 1 2 3");
    end(0, true, true);
    end(2, true, true);
    pass(60);
    assert_granted("0 1 2 3 4");
    assert_true(next_timer() < 0);
}

static void nobody_overtakes_the_line(void **state) {
    (void)state;
    use_up(3);
    join(0);
    now += 60; /* there is room, but the line has not been looked at */
    assert_false(try(1));
    join(1);
    run();
    assert_granted("0 1");
    assert_true(try(2)); /* the line is empty and a place is left */
    assert_false(try(3));
}

static void who_leaves_more_to_others_lets_them_pass(void **state) {
    (void)state;
    senders[0].waiter.limit.calls = 1; /* two of three are for others */
    senders[1].waiter.limit.calls = 1;
    use_up(1);
    assert_false(try(0));
    join(0);
    assert_true(try(2));
    end(2, true, true);
    assert_false(try(1)); /* the same reserve: after the one before it */
    join(1);
    assert_true(try(3));
    end(3, true, true);
    join(4);
    run();
    assert_granted("");
    pass(60);
    assert_granted("0 4"); /* 4 fits beside 0, 1 does not */
    end(0, true, true);
    end(4, true, true);
    pass(60);
    assert_granted("0 4 1");
}

static void a_line_can_be_left_anywhere(void **state) {
    (void)state;
    use_up(3);
    for (int i = 0; i < 6; i++) {
        join(i);
    }
    fu_budget_leave(budget, &senders[9].waiter); /* was not in it */
    fu_budget_leave(budget, &senders[0].waiter); /* front */
    fu_budget_leave(budget, &senders[3].waiter); /* middle */
    fu_budget_leave(budget, &senders[5].waiter); /* end */
    fu_budget_leave(budget, &senders[5].waiter);
    join(6);
    join(0);
    pass(60);
    assert_granted("1 2 4");
    end(1, false, false);
    end(2, false, false);
    run();
    assert_granted("1 2 4 6 0");
}

static void an_empty_line_keeps_no_timer(void **state) {
    (void)state;
    use_up(3);
    join(0);
    join(1);
    run();
    assert_true(next_timer() > now);
    fu_budget_leave(budget, &senders[0].waiter);
    fu_budget_leave(budget, &senders[1].waiter);
    assert_true(next_timer() < 0); /* an idle client never keeps a loop alive */
    join(2);
    pass(60);
    assert_granted("2");
}

static void the_front_is_the_front(void **state) {
    (void)state;
    use_up(3);
    fu_budget_join(budget, &senders[0].waiter, true);
    join(1);
    fu_budget_join(budget, &senders[2].waiter, true);
    join(3);
    pass(60);
    assert_granted("0 2 1");
    end(2, false, false);
    run();
    assert_granted("0 2 1 3");
}

/* Takes a sender that was refused out of the next grants: it alone tries, and is answered well. */
static void let_one_through(int i) {
    run();
    assert_true(senders[i].going);
    end(i, false, true);
}

static void the_refused_keep_their_order(void **state) {
    (void)state;
    static const int answers[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < COUNT(answers); i++) {
        granted_count = 0;
        assert_true(try(0) && try(1) && try(2));
        join(3); /* was never sent */
        for (int k = 0; k < 3; k++) {
            refuse(answers[i][k], 5);
        }
        run();
        assert_granted("");
        pass(5);
        assert_granted("0"); /* one tries alone */
        refuse(0, 5);
        run();
        pass(5);
        assert_granted("0 0"); /* and is still the first when it is refused again */
        let_one_through(0);
        run();
        assert_granted("0 0 1 2"); /* twice as many */
        end(1, false, true);
        run();
        assert_granted("0 0 1 2 3");
        end(2, false, true);
        end(3, false, true);
        assert_null(budget->waiting);
    }
}

static void who_is_sent_anew_stands_at_the_end(void **state) {
    (void)state;
    assert_true(try(0) && try(1) && try(2));
    end(0, true, false); /* no answer: the call is sent again, which is another request */
    join(0);
    refuse(2, 5);
    refuse(1, 5);
    join(3);
    pass(5);
    assert_granted("1");
    let_one_through(1);
    pass(0);
    assert_granted("1 2 0"); /* 0's first request still counts */
    end(0, true, true);
    pass(60);
    assert_granted("1 2 0 3");
}

static void who_is_sent_anew_at_once_comes_after_those_under_way(void **state) {
    (void)state;
    assert_true(try(0) && try(1));
    end(0, false, false);
    assert_true(try(0));
    refuse(0, 5);
    refuse(1, 5);
    pass(5);
    assert_granted("1");
    let_one_through(1);
    run();
    assert_granted("1 0");
}

static void a_refused_call_that_asked_nobody_stands_with_the_others(void **state) {
    (void)state;
    assert_true(try(0) && try(1));
    join(3);
    senders[2].going = true; /* a call that the service does not count */
    refuse(2, 5);
    refuse(1, 5);
    refuse(0, 5);
    pass(5);
    assert_granted("0");
    let_one_through(0);
    run();
    assert_granted("0 1 2");
    end(1, false, true);
    run();
    assert_granted("0 1 2 3");
}

/* ---- Whoever is granted may do anything to the line ---- */

static void meddle(struct fu_waiter *waiter) {
    on_granted(waiter);
    if (waiter == &senders[0].waiter) {
        fu_budget_leave(budget, &senders[1].waiter);
        join(4);
    } else if (waiter == &senders[2].waiter && granted_count < 4) {
        end(2, false, false);
        join(2); /* at once again, behind the others */
    }
}

static void the_granted_may_change_the_line(void **state) {
    (void)state;
    use_up(3);
    for (int i = 0; i < 4; i++) {
        senders[i].waiter.granted = meddle;
        join(i);
    }
    pass(60);
    assert_granted("0 2 3 4");
    end(3, false, false);
    run();
    assert_granted("0 2 3 4 2");
    assert_true(next_timer() < 0);
}

/* ---- What is known beforehand ---- */

static void a_newcomer_waits_behind_the_line(void **state) {
    (void)state;
    struct fu_limit limit = senders[0].waiter.limit;
    assert_seconds(fu_budget_wait(budget, limit), 0);
    use_up(3);
    now += 10;
    assert_seconds(fu_budget_wait(budget, limit), 50);
    for (int i = 0; i < 3; i++) {
        join(i);
    }
    assert_seconds(fu_budget_wait(budget, limit), 110);
    for (int i = 0; i < 3; i++) {
        fu_budget_leave(budget, &senders[i].waiter);
    }
    assert_seconds(fu_budget_wait(budget, limit), 50);
}

/* ---- Taking and dropping ---- */

static void one_key_is_one_window(void **state) {
    (void)state;
    bool made = true;
    double wait;
    struct fu_budget *same = fu_budget_take(context, 1, &made);
    assert_false(made);
    struct fu_budget *other = fu_budget_take(context, 2, &made);
    assert_true(made);
    struct fu_budget *third = fu_budget_take(context, 3, &made);
    assert_ptr_equal(same, budget);
    assert_ptr_not_equal(other, budget);
    use_up(3);
    assert_false(try(0));
    assert_int_equal(fu_budget_try(other, &senders[1].waiter, &wait), FU_TURN_GO);
    fu_budget_end(other, &senders[1].waiter, true, true);
    fu_budget_drop(same);
    assert_false(try(0)); /* still there */
    fu_budget_drop(other);
    assert_ptr_equal(fu_budget_take(context, 3, &made), third);
    fu_budget_drop(third);
    fu_budget_drop(third);
    fu_budget_drop(NULL);
    other = fu_budget_take(context, 2, &made);
    assert_int_equal(fu_window_used(&other->window, 60, now), 0);
    fu_budget_drop(other);
}

/* ---- By chance ---- */

static int64_t counted_within(const double *counted, size_t count, double span) {
    int64_t within = 0;
    for (size_t i = 0; i < count; i++) {
        within += counted[i] > now - span;
    }
    return within;
}

static void nobody_starves_and_the_limit_holds(void **state) {
    (void)state;
    static double counted[100000]; /* when the service counted a call: at its end, the latest moment there is */
    size_t count = 0;
    size_t served = 0;
    for (int i = 0; i < WAITERS; i++) {
        senders[i].waiter.limit = (struct fu_limit){5, 8};
    }
    for (int round = 0; round < 40000; round++) {
        unsigned i = test_below(WAITERS);
        struct sender *sender = &senders[i];
        if (sender->going && test_below(3) == 0) {
            if (test_below(20) == 0) {
                refuse((int)i, test_below(2) == 0 ? -1 : (double)test_below(4));
            } else {
                bool is_counted = test_below(6) > 0;
                end((int)i, is_counted, is_counted);
                assert_true(count < COUNT(counted));
                if (is_counted) {
                    counted[count++] = now;
                }
            }
        } else if (!sender->going && sender->waiter.place == NULL) {
            if (!try((int)i)) {
                join((int)i);
            }
        } else if (sender->waiter.place != NULL && test_below(200) == 0) {
            fu_budget_leave(budget, &sender->waiter);
        }
        assert_true(counted_within(counted, count, 8) <= 5);
        if (test_below(3) == 0) {
            granted_count = 0;
            pass(test_below(1024) / 1024.0);
            served += granted_count;
        }
    }
    assert_true(served > 400);
    /* Whoever still waits is served in the end, one window after the other. */
    for (int round = 0; round < 200 && budget->waiting != NULL; round++) {
        for (int i = 0; i < WAITERS; i++) {
            if (senders[i].going) {
                end(i, true, true);
            }
        }
        granted_count = 0;
        pass(60);
    }
    assert_null(budget->waiting);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(first_come_first_served),
        TEST(nobody_overtakes_the_line),
        TEST(who_leaves_more_to_others_lets_them_pass),
        TEST(a_line_can_be_left_anywhere),
        TEST(an_empty_line_keeps_no_timer),
        TEST(the_front_is_the_front),
        TEST(the_refused_keep_their_order),
        TEST(who_is_sent_anew_stands_at_the_end),
        TEST(who_is_sent_anew_at_once_comes_after_those_under_way),
        TEST(a_refused_call_that_asked_nobody_stands_with_the_others),
        TEST(the_granted_may_change_the_line),
        TEST(a_newcomer_waits_behind_the_line),
        TEST(one_key_is_one_window),
        TEST(nobody_starves_and_the_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
