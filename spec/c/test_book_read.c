/* test_book_read.c: what is believed of a ledger file: damage, other starts of the machine, clocks, and a model of many
 * processes by chance. Must not know: files, locks. */
#include "books.h"

/* Three calls in the file: two that have ended, the second by another process, and one that is under way. */
static void fill_file(void) {
    end(0, begin(0), true);
    moment.now += 1;
    end(1, begin(1), true);
    moment.now += 1;
    begin(0);
    read_book(0);
    assert_int_equal(used(0), 3);
}

/* ---- Damage ---- */

static void an_empty_file_is_a_new_one(void **state) {
    (void)state;
    assert_int_equal(read_book(0), FU_BOOK_MADE);
    write_book(0);
    assert_int_equal(read_book(0), FU_BOOK_SAME);
    assert_int_equal(read_book(1), FU_BOOK_NEWS);
    assert_int_equal(read_book(1), FU_BOOK_SAME);
}

static void any_byte_may_be_wrong(void **state) {
    (void)state;
    fill_file();
    unsigned char *good = malloc(file_size);
    assert_non_null(good);
    memcpy(good, file, file_size);
    /* All of the head and of the first entries, and some of the rest. */
    for (size_t at = 0; at < file_size; at += at < 400 ? 1 : 1 + test_below(997)) {
        memcpy(file, good, file_size);
        file[at] ^= (unsigned char)(1 + test_below(255));
        bool in_head = at < sizeof(struct fu_book_head);
        struct fu_book_head head;
        memcpy(&head, file, sizeof head);
        if (in_head) {
            assert_false(fu_book_is_current(&books[0], &head));
            assert_int_equal(read_book(0), FU_BOOK_MENDED); /* who knew it has lost nothing */
            assert_int_equal(used(0), 3);
        }
        enum fu_book_found found = read_book(2); /* who did not */
        assert_int_equal(found, FU_BOOK_MENDED);
        assert_true(used(2) >= (in_head ? 3 : 2));
        write_book(2);
        assert_int_equal(used_by_file(3), used(2));
        for (int i = 0; i < BOOKS; i++) {
            if (i != 1 && (i != 0 || in_head)) {
                fu_book_close(&books[i]);
                open_book(i);
            }
        }
        memcpy(file, good, file_size);
        read_book(0);
    }
    free(good);
}

static void it_may_be_cut_anywhere(void **state) {
    (void)state;
    fill_file();
    size_t whole = file_size;
    unsigned char *good = malloc(whole);
    assert_non_null(good);
    memcpy(good, file, whole);
    for (size_t size = 1; size < whole; size += size < 400 ? 1 : 1 + test_below(1997)) {
        memcpy(file, good, whole);
        file_size = size;
        assert_int_equal(read_book(2), FU_BOOK_MENDED);
        size_t entries = size < sizeof(struct fu_book_head)
                             ? 0
                             : (size - sizeof(struct fu_book_head)) / sizeof(struct fu_book_entry);
        assert_true(used(2) >= (entries < 3 ? entries : 3));
        assert_int_equal(read_book(0), FU_BOOK_MENDED);
        assert_int_equal(used(0), 3);
        write_book(0);
        assert_int_equal(used_by_file(1), 3);
        for (int i = 0; i < BOOKS; i += 2) {
            fu_book_close(&books[i]);
            open_book(i);
        }
        memcpy(file, good, whole);
        file_size = whole;
        read_book(0);
        /* The calls of the book that was closed are nobody's own any more. */
        assert_int_equal(used(0), 3);
    }
    free(good);
}

static void what_a_crash_has_left_is_rebuilt_from_what_is_known(void **state) {
    (void)state;
    fill_file();
    memset(file, 0, file_size);
    assert_int_equal(read_book(0), FU_BOOK_MENDED);
    assert_int_equal(used(0), 3);
    memset(file, 0, file_size);
    assert_int_equal(read_book(2), FU_BOOK_MENDED);
    assert_int_equal(used(2), 0);
    write_book(2);
    write_book(0);
    assert_int_equal(used_by_file(2), 3);
    file_size = 0;
    assert_int_equal(read_book(1), FU_BOOK_MENDED);
    write_book(1);
    assert_true(used_by_file(3) >= 2);
}

static void a_file_that_was_made_anew_looks_like_no_older_one(void **state) {
    (void)state;
    fill_file();
    read_book(3);
    file_size = 0; /* removed */
    read_book(2);
    write_book(2);
    for (int i = 0; i < 20; i++) {
        assert_int_not_equal(read_book(3), FU_BOOK_SAME);
        begin(2);
    }
}

static void what_is_no_ledger_is_left_alone(void **state) {
    (void)state;
    for (size_t size = 1; size < 4000; size += 1 + test_below(97)) {
        file_size = size;
        for (size_t i = 0; i < size; i++) {
            file[i] = (unsigned char)(' ' + test_below(90));
        }
        assert_int_equal(read_book(0), FU_BOOK_OTHER);
        assert_false(books[0].known);
    }
}

/* ---- Clocks ---- */

static void start_again(double now, double wall) {
    moment.now = now;
    moment.wall = wall;
    moment.boot[0]++;
    for (int i = 0; i < BOOKS; i++) {
        fu_book_close(&books[i]);
        open_book(i);
    }
}

static void calls_outlive_a_restart_of_the_machine(void **state) {
    (void)state;
    fill_file(); /* ended 2 s and 1 s before the last change; one under way, begun at that moment */
    start_again(7, moment.wall + 20);
    assert_int_equal(read_book(0), FU_BOOK_NEWS);
    assert_int_equal(used(0), 3);
    assert_int_equal(under_way(0), 0); /* nobody of that time lives; it counts from now at the latest */
    assert_seconds(wait_of(0, 3), SPAN - 22);
    assert_seconds(wait_of(0, 2), SPAN - 21);
    assert_seconds(wait_of(0, 1), SPAN);
    write_book(0);
    assert_int_equal(read_book(1), FU_BOOK_NEWS);
    assert_seconds(wait_of(1, 3), SPAN - 22);
}

static void a_wall_clock_that_went_back_says_nothing(void **state) {
    (void)state;
    fill_file();
    start_again(7, moment.wall - 1e6);
    read_book(0);
    assert_seconds(wait_of(0, 3), SPAN - 2);
}

static void after_a_long_time_off_nothing_counts(void **state) {
    (void)state;
    fill_file();
    start_again(7, moment.wall + 1e6);
    assert_int_equal(used_by_file(0), 0);
}

static void the_wall_clock_may_be_set_at_any_time(void **state) {
    (void)state;
    fill_file();
    moment.wall -= 1e8;
    assert_int_equal(used_by_file(2), 3);
    moment.wall += 1e9;
    assert_int_equal(used_by_file(3), 3);
}

static void a_clock_that_began_anew_without_a_name_is_noticed(void **state) {
    (void)state;
    fill_file();
    moment.now = 5; /* less than what the file says: a system without names for its starts */
    moment.wall += 10;
    assert_int_equal(used_by_file(2), 3);
    assert_seconds(wait_of(2, 3), SPAN - 12);
}

static void what_lies_ahead_counts_from_now(void **state) {
    (void)state;
    fill_file();
    books[0].entries[0].time = moment.now + 1e6;
    books[0].head.refusal = (struct fu_refusal){moment.now, moment.now + 1e9, 1, 1};
    books[0].changed[0] = 1;
    books[0].low = 0;
    books[0].high = 1;
    write_book(0);
    assert_int_equal(used_by_file(2), 3);
    moment.now += SPAN;
    assert_int_equal(used_by_file(2), 1); /* the one under way */
    assert_seconds(books[2].head.refusal.closed_until, 0);
}

static void what_429s_taught_outlives_a_restart(void **state) {
    (void)state;
    read_book(0);
    books[0].head.refusal = (struct fu_refusal){moment.now, moment.now + 100, 2, 1};
    books[0].head_changed = true;
    write_book(0);
    start_again(7, moment.wall + 20);
    read_book(1);
    assert_seconds(books[1].head.refusal.closed_until, 7 + 80);
}

/* ---- By chance ---- */

enum { MOST_CALLS = 4000 };

struct made_call {
    int book;
    uint32_t number;
    double began, ended; /* `ended` negative: under way */
    bool counted;
};

static struct made_call made[MOST_CALLS];
static size_t made_count;

/* How many calls the book must hold: the service may have counted them within the window. An end that is not written
 * yet may make it more. Others believe of no call that it is under way for more than 300 s. */
static size_t least_of(int book) {
    size_t count = 0;
    for (size_t i = 0; i < made_count; i++) {
        const struct made_call *call = &made[i];
        double lasted = (call->ended < 0 ? moment.now : call->ended) - call->began;
        bool is_held = call->ended < 0 || (call->counted && call->ended + SPAN > moment.now);
        count += is_held && (call->book == book || lasted < 300);
    }
    return count;
}

static void begin_or_end(int i, bool has_file) {
    struct made_call *call = made_count > 0 ? &made[test_below((unsigned)made_count)] : NULL;
    if (test_below(2) == 0 && has_file && made_count < MOST_CALLS && under_way(i) < 200) {
        uint32_t number = fu_book_begin(&books[i], NULL, moment.now);
        assert_int_not_equal(number, 0);
        made[made_count++] = (struct made_call){.book = i, .number = number, .began = moment.now, .ended = -1};
    } else if (call != NULL && call->book == i && call->ended < 0) {
        call->ended = moment.now;
        call->counted = test_below(5) > 0;
        fu_book_end(&books[i], call->number, moment.now, call->counted);
    }
}

static void step_by_chance(int i) {
    bool has_file = test_below(4) > 0; /* else another process has it */
    if (!has_file) {
        begin_or_end(i, false);
        return;
    }
    read_book(i);
    begin_or_end(i, true);
    if (test_below(40) == 0 && file_size > 0) {
        file[test_below((unsigned)sizeof(struct fu_book_head))] ^= 0x55; /* damage that whoever comes next finds */
        read_book(i);
    }
    assert_true(used(i) >= least_of(i));
    write_book(i);
}

static void no_book_forgets_a_call(void **state) {
    (void)state;
    made_count = 0;
    for (int round = 0; round < 6000 && made_count < MOST_CALLS; round++) {
        moment.now += test_below(1024) / 2048.0;
        step_by_chance((int)test_below(BOOKS));
    }
    size_t expected = 0;
    for (size_t k = 0; k < made_count; k++) {
        if (made[k].ended < 0) {
            made[k].ended = moment.now;
            made[k].counted = test_below(2) == 0;
            fu_book_end(&books[made[k].book], made[k].number, moment.now, made[k].counted);
        }
        expected += made[k].counted && made[k].ended + SPAN > moment.now;
    }
    for (int i = 0; i < BOOKS; i++) { /* all that was held back comes into the file */
        read_book(i);
        write_book(i);
    }
    for (int i = 0; i < BOOKS; i++) {
        assert_int_equal(used_by_file(i), expected);
        assert_int_equal(under_way(i), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_is_a_new_one),
        TEST(any_byte_may_be_wrong),
        TEST(it_may_be_cut_anywhere),
        TEST(what_a_crash_has_left_is_rebuilt_from_what_is_known),
        TEST(a_file_that_was_made_anew_looks_like_no_older_one),
        TEST(what_is_no_ledger_is_left_alone),
        TEST(calls_outlive_a_restart_of_the_machine),
        TEST(a_wall_clock_that_went_back_says_nothing),
        TEST(after_a_long_time_off_nothing_counts),
        TEST(the_wall_clock_may_be_set_at_any_time),
        TEST(a_clock_that_began_anew_without_a_name_is_noticed),
        TEST(what_lies_ahead_counts_from_now),
        TEST(what_429s_taught_outlives_a_restart),
        TEST(no_book_forgets_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
