/* test_seen.c: the set of ids that were handed out. Must not know: pages, the network. */
#include "seen.h"

#include "test.h"

/* ---- Every block of the heap door is counted: this program brings its own door ---- */

static size_t bytes_held;
static int64_t blocks_left = -1; /* negative: as many as wanted */

void *fu_calloc(size_t count, size_t size);
void fu_free(void *block);

void *fu_calloc(size_t count, size_t size) {
    if (blocks_left == 0) {
        return NULL;
    }
    blocks_left -= blocks_left > 0;
    size_t *block = calloc(1, count * size + sizeof(max_align_t));
    assert_non_null(block);
    *block = count * size;
    bytes_held += *block;
    return (char *)block + sizeof(max_align_t);
}

void fu_free(void *block) {
    if (block != NULL) {
        size_t *start = (size_t *)(void *)((char *)block - sizeof(max_align_t));
        bytes_held -= *start;
        free(start);
    }
}

static bool add(struct fu_seen *seen, uint64_t print) {
    bool added = false;
    assert_true(fu_seen_add(seen, print, &added));
    return added;
}

/* As good as random, and the same for the same `i`. */
static uint64_t print_of(uint64_t i) {
    uint64_t mix = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    mix = (mix ^ (mix >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mix = (mix ^ (mix >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mix ^ (mix >> 31);
}

static void knows_what_it_was_given(void **state) {
    (void)state;
    struct fu_seen seen = {0};
    assert_false(fu_seen_has(&seen, 7));
    assert_true(add(&seen, 7));
    assert_false(add(&seen, 7));
    assert_true(fu_seen_has(&seen, 7));
    assert_false(fu_seen_has(&seen, 8));
    assert_int_equal(seen.count, 1);
    fu_seen_free(&seen);
    assert_int_equal(seen.count, 0);
    assert_false(fu_seen_has(&seen, 7));
    assert_true(add(&seen, 7)); /* may be used again */
    fu_seen_free(&seen);
    assert_int_equal(bytes_held, 0);
}

static void the_ends_of_the_range_are_prints_too(void **state) {
    (void)state;
    struct fu_seen seen = {0};
    assert_false(fu_seen_has(&seen, 0));
    assert_true(add(&seen, 2));
    assert_false(fu_seen_has(&seen, 0)); /* an empty place is not taken for it */
    assert_true(add(&seen, 0));
    assert_true(fu_seen_has(&seen, 0));
    assert_false(add(&seen, 0));
    /* Neighbours at the end of the table, which goes on at its beginning. */
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(add(&seen, UINT64_MAX - i));
    }
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(fu_seen_has(&seen, UINT64_MAX - i));
    }
    assert_false(fu_seen_has(&seen, UINT64_MAX - 200));
    assert_int_equal(seen.count, 202);
    fu_seen_free(&seen);
}

static void check_members(const struct fu_seen *seen, uint64_t count) {
    assert_int_equal(seen->count, count);
    for (uint64_t i = 0; i < count; i += 1 + count / 5000) {
        assert_true(fu_seen_has(seen, print_of(i)));
        assert_false(fu_seen_has(seen, print_of(count + i)));
    }
}

static void stays_small(uint64_t reserve, uint64_t before, uint64_t count) {
    struct fu_seen seen = {0};
    for (uint64_t i = 0; i < count; i++) {
        if (i == before && reserve > 0) {
            assert_true(fu_seen_reserve(&seen, (size_t)reserve));
        }
        assert_true(add(&seen, print_of(i)));
        if (i + 1 >= 100000 && i + 1 >= before + reserve && bytes_held > (i + 1) * 12) {
            fail_msg("%zu bytes for %llu ids, %llu reserved", bytes_held, (unsigned long long)i + 1,
                     (unsigned long long)reserve);
        }
    }
    check_members(&seen, count);
    assert_false(add(&seen, print_of(count / 2)));
    fu_seen_free(&seen);
    assert_int_equal(bytes_held, 0);
}

static void twelve_bytes_an_id_do_without_a_reserve(void **state) {
    (void)state;
    stays_small(0, 0, 400000);
}

static void twelve_bytes_an_id_do_with_a_reserve(void **state) {
    (void)state;
    stays_small(100000, 0, 100000);
    stays_small(105000 - 200, 200, 105000); /* the count came beside page two */
    stays_small(1000000, 0, 1000000);
}

static void twelve_bytes_an_id_do_where_more_come_than_were_reserved(void **state) {
    (void)state;
    stays_small(100000, 400, 130000);
    stays_small(100000, 99000, 300000);
}

static void a_reserve_is_one_block(void **state) {
    (void)state;
    struct fu_seen seen = {0};
    blocks_left = 1;
    assert_true(fu_seen_reserve(&seen, 50000));
    for (uint64_t i = 0; i < 50000; i++) {
        assert_true(add(&seen, print_of(i)));
    }
    check_members(&seen, 50000);
    bool added = true;
    assert_false(fu_seen_add(&seen, print_of(50000), &added)); /* no memory: said, and nothing is lost */
    check_members(&seen, 50000);
    blocks_left = -1;
    assert_true(add(&seen, print_of(50000)));
    fu_seen_free(&seen);
}

static void a_reserve_that_is_there_already_costs_nothing(void **state) {
    (void)state;
    struct fu_seen seen = {0};
    assert_true(fu_seen_reserve(&seen, 10000));
    size_t held = bytes_held;
    for (uint64_t i = 0; i < 4000; i++) {
        add(&seen, print_of(i));
    }
    assert_true(fu_seen_reserve(&seen, 6000));
    assert_int_equal(bytes_held, held);
    assert_true(fu_seen_reserve(&seen, 6001));
    assert_true(bytes_held > held);
    fu_seen_free(&seen);
    assert_int_equal(bytes_held, 0);
}

static void a_foolish_reserve_takes_no_foolish_memory(void **state) {
    (void)state;
    struct fu_seen seen = {0};
    /* What a service or a user may claim. */
    assert_true(fu_seen_reserve(&seen, 1000000000000));
    assert_true(bytes_held <= (size_t)64 << 20);
    assert_true(fu_seen_reserve(&seen, SIZE_MAX));
    assert_true(bytes_held <= (size_t)128 << 20);
    assert_true(add(&seen, 5));
    assert_true(fu_seen_has(&seen, 5));
    fu_seen_free(&seen);
    assert_int_equal(bytes_held, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_it_was_given),
        cmocka_unit_test(the_ends_of_the_range_are_prints_too),
        cmocka_unit_test(twelve_bytes_an_id_do_without_a_reserve),
        cmocka_unit_test(twelve_bytes_an_id_do_with_a_reserve),
        cmocka_unit_test(twelve_bytes_an_id_do_where_more_come_than_were_reserved),
        cmocka_unit_test(a_reserve_is_one_block),
        cmocka_unit_test(a_reserve_that_is_there_already_costs_nothing),
        cmocka_unit_test(a_foolish_reserve_takes_no_foolish_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
