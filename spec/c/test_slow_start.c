/* test_slow_start.c: what 429s teach, as a pure function of times. Must not know: who waits, files. */
#include "refusal.h"

#include "test.h"

static void the_service_says_how_long(void **state) {
    (void)state;
    struct fu_refusal refusal = {0};
    assert_seconds(fu_refusal_wait(&refusal, 1000, 10), 0);
    assert_seconds(fu_refusal_note(&refusal, 5, 10, 30, 0.5), 30);
    assert_seconds(fu_refusal_wait(&refusal, 0, 10), 30);
    assert_seconds(fu_refusal_wait(&refusal, 0, 39), 1);
    assert_seconds(fu_refusal_wait(&refusal, 0, 40), 0);
    assert_true(fu_refusal_wait(&refusal, 1, 40) < 0);              /* one tries alone */
    assert_seconds(fu_refusal_note(&refusal, -1, 40, 0, 0.5), 0.1); /* "at once" is not taken by its word */
}

static void without_a_word_waits_grow_up_to_a_minute(void **state) {
    (void)state;
    static const double waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct fu_refusal refusal = {0};
    double now = 1000;
    for (size_t i = 0; i < COUNT(waits); i++) {
        double pause = fu_refusal_note(&refusal, now, now, -1, 1);
        assert_seconds(pause, waits[i]);
        now += pause + 1;
    }
    struct fu_refusal lucky = {0};
    assert_seconds(fu_refusal_note(&lucky, 1, 1, -1, 0), 0.75);
}

static void those_refused_together_count_as_one(void **state) {
    (void)state;
    struct fu_refusal refusal = {0};
    fu_refusal_note(&refusal, 5, 10, -1, 1);
    fu_refusal_note(&refusal, 6, 10.5, -1, 1);
    fu_refusal_note(&refusal, 9, 10.75, -1, 1);
    assert_int_equal(refusal.refusals, 1);
    assert_seconds(refusal.closed_until, 11.75); /* the longest of their waits */
    fu_refusal_note(&refusal, 12, 12.5, -1, 1);
    assert_int_equal(refusal.refusals, 2);
}

static void each_success_lets_one_more_go_until_all_may(void **state) {
    (void)state;
    struct fu_refusal refusal = {0};
    fu_refusal_note(&refusal, 5, 10, 1, 0);
    fu_refusal_answered(&refusal, 9); /* sent before the 429: no word on what came after */
    assert_int_equal(refusal.allowed, 1);
    for (unsigned allowed = 1; allowed <= 64; allowed++) {
        assert_seconds(fu_refusal_wait(&refusal, allowed - 1, 12), 0);
        assert_true(fu_refusal_wait(&refusal, allowed, 12) < 0);
        assert_true(fu_refusal_is_trial(&refusal, 12));
        fu_refusal_answered(&refusal, 12);
    }
    assert_int_equal(refusal.allowed, 0);
    assert_seconds(fu_refusal_wait(&refusal, 1000, 12), 0);
    assert_false(fu_refusal_is_trial(&refusal, 12));
    fu_refusal_note(&refusal, 13, 14, 1, 0); /* and again from the beginning */
    assert_int_equal(refusal.allowed, 1);
    assert_int_equal(refusal.refusals, 1);
}

/* Two processes were refused, and neither knew of the other. */
static void of_two_429s_neither_is_forgotten(void **state) {
    (void)state;
    struct fu_refusal early = {0};
    struct fu_refusal late = {0};
    fu_refusal_note(&early, 5, 10, 30, 0);
    fu_refusal_note(&late, 5, 20, 5, 0);
    for (int i = 0; i < 2; i++) {
        struct fu_refusal merged = i == 0 ? early : late;
        fu_refusal_merge(&merged, i == 0 ? &late : &early);
        assert_seconds(merged.refused_at, 20);
        assert_seconds(merged.closed_until, 40); /* the longer wait, whoever was told it */
        assert_int_equal(merged.allowed, 1);
    }
    assert_false(fu_refusal_is_same(&early, &late));
    struct fu_refusal same = early;
    fu_refusal_merge(&same, &early);
    assert_true(fu_refusal_is_same(&same, &early));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_says_how_long),
        cmocka_unit_test(without_a_word_waits_grow_up_to_a_minute),
        cmocka_unit_test(those_refused_together_count_as_one),
        cmocka_unit_test(each_success_lets_one_more_go_until_all_may),
        cmocka_unit_test(of_two_429s_neither_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
