/* test_pager.c: whole readings of a list whose rows come and go, thousands of them by chance. The HTTP floor is
 * replaced by a service in this file, so answers come in any order and at any moment. Must not know: libcurl, sockets.
 */
#include "pager.h"

#include "service.h"

/* ---- One reading ---- */

struct reading {
    int stable;   /* rows that stay */
    int moves;    /* rows that come or go, in a hundred moments */
    int64_t most; /* rows moved at most */
    fusioo_query query;
    fusioo_plan plan;
};

static struct fu_context *context;
static fusioo_client *client;
static double now;
static int handed_out[MOST_ROWS];
static int out_count;
static int place_out;       /* where in the list the last row handed out stands, about */
static bool ended_by_count; /* the last page was full, and the count said that nothing is behind it */

static double read_now(void *data) {
    (void)data;
    return now;
}

static int set_up(void **state) {
    (void)state;
    fusioo_options options;
    fusioo_options_init(&options);
    options.token = "token";
    options.rate_calls = 1000000000;
    options.rate_window = 0.001;
    options.retry_attempts = 50;
    options.total_timeout = 1e9;
    context = fu_context_new((struct fu_clock){.now = read_now}, NULL);
    client = fu_client_make(context, &options, NULL);
    return client != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    fusioo_client_free(client);
    fu_context_drop(context);
    return 0;
}

static void fill_list(const struct reading *reading) {
    row_count = 0;
    next_odd = -1;
    calls_made = 0;
    for (int i = 0; i < reading->stable; i++) {
        rows[row_count++] = 2 * i;
        while (reading->moves > 0 && test_below(3) == 0) {
            next_odd += 2;
            rows[row_count++] = next_odd;
        }
    }
}

static void take_items(struct fusioo_pager *pager, fusioo_pager_state *state, fusioo_error *error) {
    fusioo_item item;
    for (unsigned i = test_below(12); i > 0; i--) {
        *state = fusioo_pager_next(pager, &item, error);
        if (*state != FUSIOO_PAGER_ITEM) {
            return;
        }
        assert_true(out_count < MOST_ROWS);
        assert_int_equal(item.fields, 1);
        assert_memory_equal(item.text, "{\"id\":\"", 7);
        int row = (int)strtol(item.text + 7, NULL, 10);
        handed_out[out_count++] = row;
        place_out = row % 2 == 0 ? row / 2 * row_count / (row_count + 1) : place_out;
    }
}

/* Lets one thing happen somewhere. */
static void live_a_moment(struct reading *reading) {
    struct fu_transfer *transfer = any_transfer();
    now += 0.01;
    if (reading->most > 0 && test_below(100) < (unsigned)reading->moves) {
        reading->most--;
        move_rows(place_out);
    } else if (transfer == NULL) {
        double due = fu_timers_next(&context->http.timers);
        now = due > now ? due : now;
        fu_timers_run(&context->http.timers, now);
    } else if (!transfer->worked_out) {
        work_out(transfer);
    } else {
        answer(transfer);
    }
    if (test_below(2) == 0) {
        fu_timers_run(&context->http.timers, now);
    }
}

static fusioo_pager_state read_all(struct reading reading, fusioo_error *error) {
    enum { MOST_MOMENTS = 200000 };
    fusioo_pager_state state = FUSIOO_PAGER_WAIT;
    struct fusioo_pager *pager =
        fusioo_pager_start(client, FUSIOO_GET_RECORDS, "i1", 2, &reading.query, &reading.plan, error);
    assert_non_null(pager);
    for (int i = 0; state != FUSIOO_PAGER_END && state != FUSIOO_PAGER_FAILED; i++) {
        assert_true(i < MOST_MOMENTS);
        live_a_moment(&reading);
        take_items(pager, &state, error);
    }
    ended_by_count = pager->tail_count == (size_t)pager->page_size && pager->count_state == FU_COUNT_KNOWN &&
                     pager->tail_offset + (int64_t)pager->tail_count == pager->count;
    fusioo_pager_free(pager);
    assert_null(under_way); /* nothing is left behind */
    assert_int_equal(context->under_way, 0);
    return state;
}

static void assert_once(void) {
    static unsigned char times[2 * MOST_ROWS];
    memset(times, 0, sizeof times);
    int last = -1;
    for (int i = 0; i < out_count; i++) {
        int row = handed_out[i];
        assert_true(row >= 0 && row < 2 * MOST_ROWS);
        assert_int_equal(times[row]++, 0);
        if (row % 2 == 0) {
            assert_true(row > last);
            last = row;
        }
    }
}

static int stable_out(void) {
    int count = 0;
    for (int i = 0; i < out_count; i++) {
        count += handed_out[i] % 2 == 0;
    }
    return count;
}

static struct reading any_reading(void) {
    struct reading reading = {.stable = (int)test_below(test_below(4) == 0 ? 300 : 60)};
    fusioo_plan_init(&reading.plan);
    reading.plan.page_size = 2 + (int)test_below(test_below(2) == 0 ? 6 : 40);
    reading.plan.concurrency = 1 + (int)test_below(8);
    if (test_below(3) == 0) {
        reading.plan.expect = test_below(100);
    }
    return reading;
}

static void describe(const struct reading *reading) {
    print_message("%d rows stay, %d%% moves, pages of %d, %d at once, expect %d\n", reading->stable, reading->moves,
                  reading->plan.page_size, reading->plan.concurrency, (int)reading->plan.expect);
}

/* ---- Lists that keep still ---- */

static void a_still_list_comes_whole_and_costs_what_was_promised(void **state) {
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct reading reading = any_reading();
        fusioo_error error;
        int size = reading.plan.page_size;
        reading.plan.no_seams = test_below(3) == 0;
        reading.query.offset = test_below(4) == 0 ? (int64_t)test_below((unsigned)reading.stable + 20) : 0;
        reading.plan.limit = test_below(4) == 0 ? (int64_t)test_below((unsigned)reading.stable + 20) : -1;
        int64_t there = reading.stable - reading.query.offset;
        there = there < 0 ? 0 : there;
        int64_t wanted = reading.plan.limit >= 0 && reading.plan.limit < there ? reading.plan.limit : there;
        out_count = 0;
        fill_list(&reading);
        assert_int_equal(read_all(reading, &error), FUSIOO_PAGER_END);
        if (out_count != wanted) {
            describe(&reading);
            fail_msg("%d records came, not %d", out_count, (int)wanted);
        }
        for (int i = 0; i < out_count; i++) {
            assert_int_equal(handed_out[i], 2 * (reading.query.offset + i));
        }
        int64_t promised = fusioo_pager_cost(there, size, !reading.plan.no_seams);
        if (reading.plan.expect < 0 && calls_made > promised) {
            describe(&reading);
            fail_msg("%d calls for %d records, not %d (seams %d, offset %d, limit %d)", calls_made, (int)there,
                     (int)promised, !reading.plan.no_seams, (int)reading.query.offset, (int)reading.plan.limit);
        }
    }
}

static void the_cost_that_is_told_is_enough(void **state) {
    (void)state;
    for (int rows_there = 0; rows_there < 900; rows_there++) {
        static const int sizes[] = {1, 2, 3, 10, 199, 200};
        for (size_t i = 0; i < COUNT(sizes); i++) {
            int64_t size = sizes[i];
            int64_t with_seams = rows_there < size ? 1 : (rows_there - 1 + size - 2) / (size > 1 ? size - 1 : 1) + 1;
            int64_t without = rows_there < size ? 1 : (rows_there + size - 1) / size + 1;
            assert_int_equal(fusioo_pager_cost(rows_there, sizes[i], false), without);
            with_seams = size == 1 ? without : rows_there == size ? 3 : with_seams;
            assert_int_equal(fusioo_pager_cost(rows_there, sizes[i], true), with_seams);
        }
    }
    assert_int_equal(fusioo_pager_cost(-5, 200, true), 1);
    assert_int_equal(fusioo_pager_cost(105000, 200, true), 529);
    assert_true(fusioo_pager_cost(INT64_MAX / 4, 200, true) > 0);
}

/* ---- Lists that move ---- */

/* Where the last page is full and ends where the count says, there is no call left that could look behind it: a row
 * that came in between unseen then hides the last one. That is the price of the promised number of calls, and rare. */
static void nothing_that_stays_is_missed(int moves, int64_t most, int percent_moved) {
    int rounds = getenv("FUSIOO_LONG") != NULL ? 200000 : 1200;
    int moved = 0;
    int hidden = 0;
    for (int round = 0; round < rounds; round++) {
        struct reading reading = any_reading();
        fusioo_error error;
        reading.moves = moves;
        reading.most = most;
        out_count = 0;
        place_out = 0;
        fill_list(&reading);
        fusioo_pager_state end = read_all(reading, &error);
        assert_once();
        if (end == FUSIOO_PAGER_FAILED) {
            assert_int_equal(error.kind, FUSIOO_MOVED);
            assert_true(error.resume < 0);
            moved++;
        } else if (ended_by_count) {
            hidden += stable_out() != reading.stable;
        } else if (stable_out() != reading.stable) {
            describe(&reading);
            fail_msg("round %d: %d of the rows that stay came", round, stable_out());
        }
    }
    if (moved * 100 > rounds * percent_moved || hidden * 100 > rounds) {
        fail_msg("of %d readings %d were given up and %d ended too early", rounds, moved, hidden);
    }
}

static void nothing_is_missed_while_few_rows_move(void **state) {
    (void)state;
    nothing_that_stays_is_missed(2, 3, 1);
}

static void nothing_is_missed_while_some_rows_move(void **state) {
    (void)state;
    nothing_that_stays_is_missed(15, 1000, 15);
}

static void nothing_is_missed_while_many_rows_move(void **state) {
    (void)state;
    nothing_that_stays_is_missed(50, 1000, 35);
}

static void nothing_is_missed_where_calls_fail_and_are_sent_again(void **state) {
    (void)state;
    status_wanted = 503;
    nothing_that_stays_is_missed(5, 20, 6);
    status_wanted = 0;
}

/* ---- Going on after a failure ---- */

static void a_reading_that_failed_can_go_on(void **state) {
    (void)state;
    int failures = 0;
    for (int round = 0; round < 1000; round++) {
        struct reading reading = any_reading();
        fusioo_error error;
        out_count = 0;
        fill_list(&reading);
        status_wanted = 400;
        fusioo_pager_state end = read_all(reading, &error);
        status_wanted = 0;
        if (end == FUSIOO_PAGER_FAILED) {
            assert_int_equal(error.kind, FUSIOO_API);
            failures++;
            int first = out_count;
            reading.query.offset = error.resume;
            assert_int_equal(read_all(reading, &error), FUSIOO_PAGER_END);
            if (first > 0) {
                /* The last one before comes again, as the proof that nothing is missed, and nothing else does. */
                assert_true(out_count > first);
                assert_int_equal(handed_out[first], handed_out[first - 1]);
                memmove(handed_out + first, handed_out + first + 1, (size_t)(out_count - first - 1) * sizeof(int));
                out_count--;
            }
        }
        assert_once();
        assert_int_equal(stable_out(), reading.stable);
    }
    assert_true(failures > 125);
}

static void a_service_that_is_deaf_to_the_offset_is_noticed(void **state) {
    (void)state;
    struct reading reading = {.stable = 100};
    fusioo_error error;
    fusioo_plan_init(&reading.plan);
    reading.plan.page_size = 10;
    reading.plan.concurrency = 4;
    out_count = 0;
    fill_list(&reading);
    deaf = true;
    fusioo_pager_state end = read_all(reading, &error);
    deaf = false;
    assert_int_equal(end, FUSIOO_PAGER_FAILED);
    assert_int_equal(error.kind, FUSIOO_MOVED);
    assert_int_equal(out_count, 10);
    assert_true(calls_made < 20);
}

static void a_reading_can_be_left_at_any_moment(void **state) {
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct reading reading = any_reading();
        fusioo_error error;
        fusioo_item item;
        fusioo_pager_state last = FUSIOO_PAGER_WAIT;
        out_count = 0;
        fill_list(&reading);
        struct fusioo_pager *pager =
            fusioo_pager_start(client, FUSIOO_GET_RECORDS, "i1", 2, NULL, &reading.plan, &error);
        for (unsigned i = test_below(60); i > 0; i--) {
            live_a_moment(&reading);
            take_items(pager, &last, &error);
        }
        if (test_below(2) == 0) {
            fusioo_pager_cancel(pager);
            assert_null(under_way);
            fusioo_pager_state state_now = fusioo_pager_next(pager, &item, &error);
            assert_true(state_now == FUSIOO_PAGER_FAILED || state_now == FUSIOO_PAGER_END);
            assert_true(last != FUSIOO_PAGER_END || state_now == FUSIOO_PAGER_END);
        }
        fusioo_pager_free(pager);
        assert_null(under_way);
        assert_int_equal(context->under_way, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_still_list_comes_whole_and_costs_what_was_promised),
        TEST(the_cost_that_is_told_is_enough),
        TEST(nothing_is_missed_while_few_rows_move),
        TEST(nothing_is_missed_while_some_rows_move),
        TEST(nothing_is_missed_while_many_rows_move),
        TEST(nothing_is_missed_where_calls_fail_and_are_sent_again),
        TEST(a_reading_that_failed_can_go_on),
        TEST(a_service_that_is_deaf_to_the_offset_is_noticed),
        TEST(a_reading_can_be_left_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
