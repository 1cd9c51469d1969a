/* test_retry.c: whether a call that failed is sent again, and when. Must not know: the network, clocks. */
#include "retry.h"

#include "test.h"

static const struct fu_retry_policy usual = {.attempts = 4, .base = 0.5, .cap = 30};

static struct fu_outcome outcome(fusioo_kind kind, int status) {
    return (struct fu_outcome){.kind = kind, .status = status, .retry_after = -1, .sent = true, .repeatable = true};
}

static void repeats_what_may_pass_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        fusioo_kind kind;
        int status;
        bool again;
    } table[] = {
        {FUSIOO_NETWORK, 0, true},       {FUSIOO_TIMEOUT, 0, true},      {FUSIOO_DECODE, 200, true},
        {FUSIOO_API, 500, true},         {FUSIOO_API, 502, true},        {FUSIOO_API, 503, true},
        {FUSIOO_API, 504, true},         {FUSIOO_API, 599, true},        {FUSIOO_API, 200, false},
        {FUSIOO_API, 302, false},        {FUSIOO_API, 400, false},       {FUSIOO_API, 403, false},
        {FUSIOO_API, 499, false},        {FUSIOO_AUTH, 401, false},      {FUSIOO_AUTH, 200, false},
        {FUSIOO_RATE_LIMIT, 429, false}, {FUSIOO_NOT_FOUND, 404, false}, {FUSIOO_NOT_FOUND, 200, false},
        {FUSIOO_TOO_LARGE, 200, false},  {FUSIOO_MOVED, 0, false},       {FUSIOO_INVALID, 0, false},
        {FUSIOO_UNSUPPORTED, 0, false},  {FUSIOO_CANCELLED, 0, false},   {FUSIOO_CLOSED, 0, false},
        {FUSIOO_MEMORY, 0, false},       {FUSIOO_OK, 200, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fu_outcome fate = outcome(table[i].kind, table[i].status);
        for (int attempt = 1; attempt <= 6; attempt++) {
            bool again = fu_retry_after(&usual, &fate, attempt, 0.5) >= 0;
            if (again != (table[i].again && attempt < usual.attempts)) {
                fail_msg("kind %d, status %d, attempt %d: %s", (int)fate.kind, fate.status, attempt,
                         again ? "repeated" : "given up");
            }
        }
    }
}

static void what_may_have_been_done_is_not_sent_again(void **state) {
    (void)state;
    static const fusioo_kind kinds[] = {FUSIOO_NETWORK, FUSIOO_TIMEOUT, FUSIOO_DECODE, FUSIOO_API};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct fu_outcome fate = outcome(kinds[i], 503);
        fate.repeatable = false;
        fate.retry_after = 5;
        assert_true(fu_retry_after(&usual, &fate, 1, 0.5) < 0);
        fate.sent = false; /* no byte left: whatever it is, it was not done */
        assert_true(fu_retry_after(&usual, &fate, 1, 0.5) >= 0);
    }
}

static void what_is_hopeless_is_not_sent_again(void **state) {
    (void)state;
    struct fu_outcome fate = outcome(FUSIOO_NETWORK, 0);
    fate.sent = false;
    fate.hopeless = true;
    assert_true(fu_retry_after(&usual, &fate, 1, 0.5) < 0);
}

static void waits_double_up_to_the_cap(void **state) {
    (void)state;
    static const double longest[] = {0.5, 1, 2, 4, 8, 16, 30, 30, 30};
    struct fu_retry_policy policy = {.attempts = 100, .base = 0.5, .cap = 30};
    struct fu_outcome fate = outcome(FUSIOO_NETWORK, 0);
    for (size_t i = 0; i < COUNT(longest); i++) {
        int attempt = (int)i + 1;
        assert_seconds(fu_retry_after(&policy, &fate, attempt, 0), longest[i] / 2);
        assert_seconds(fu_retry_after(&policy, &fate, attempt, 0.5), longest[i] * 0.75);
        for (int k = 0; k < 100; k++) {
            double wait = fu_retry_after(&policy, &fate, attempt, (double)(test_random() >> 11) * 0x1p-53);
            assert_true(wait >= longest[i] / 2 && wait < longest[i]);
        }
    }
    assert_seconds(fu_retry_after(&policy, &fate, 99, 0), 15);
    assert_true(fu_retry_after(&policy, &fate, 100, 0) < 0);
}

static void odd_policies_hold_too(void **state) {
    (void)state;
    struct fu_outcome fate = outcome(FUSIOO_NETWORK, 0);
    struct fu_retry_policy once = {.attempts = 1, .base = 0.5, .cap = 30};
    assert_true(fu_retry_after(&once, &fate, 1, 0) < 0);
    struct fu_retry_policy at_once = {.attempts = 1000, .base = 0, .cap = 0};
    assert_seconds(fu_retry_after(&at_once, &fate, 1, 0.9), 0);
    assert_seconds(fu_retry_after(&at_once, &fate, 999, 0.9), 0);
    struct fu_retry_policy capped = {.attempts = 3, .base = 100, .cap = 2};
    assert_seconds(fu_retry_after(&capped, &fate, 1, 0), 1);
    struct fu_retry_policy steep = {.attempts = INT32_MAX, .base = 1e300, .cap = 1e308};
    assert_true(isfinite(fu_retry_after(&steep, &fate, INT32_MAX - 1, 0.5)));
}

static void the_service_may_ask_for_longer_but_not_for_less(void **state) {
    (void)state;
    struct fu_outcome fate = outcome(FUSIOO_API, 503);
    fate.retry_after = 120; /* past the cap: the service knows better */
    assert_seconds(fu_retry_after(&usual, &fate, 1, 0.5), 120);
    fate.retry_after = 0.3;
    assert_seconds(fu_retry_after(&usual, &fate, 1, 0.5), 0.375);
    fate.retry_after = 0;
    assert_seconds(fu_retry_after(&usual, &fate, 1, 0.5), 0.375);
    fate.retry_after = 120;
    assert_true(fu_retry_after(&usual, &fate, 4, 0.5) < 0);
    fate.status = 400;
    assert_true(fu_retry_after(&usual, &fate, 1, 0.5) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_what_may_pass_and_nothing_else),
        cmocka_unit_test(what_may_have_been_done_is_not_sent_again),
        cmocka_unit_test(what_is_hopeless_is_not_sent_again),
        cmocka_unit_test(waits_double_up_to_the_cap),
        cmocka_unit_test(odd_policies_hold_too),
        cmocka_unit_test(the_service_may_ask_for_longer_but_not_for_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
