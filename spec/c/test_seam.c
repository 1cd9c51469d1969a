/* test_seam.c: whether a page joins the one before it. Pages are texts here, a letter for a record; four are asked for.
 * Must not know: calls, the network. */
#include "seam.h"

#include "test.h"

static void check(const char *seen_text, const char *before_text, int64_t before_offset, const char *page_text,
                  int64_t page_offset, size_t overlap, bool whole, enum fu_seam expected, bool expected_moved) {
    uint64_t before_prints[40];
    uint64_t page_prints[40];
    size_t before_count = strlen(before_text);
    size_t page_count = strlen(page_text);
    struct fu_seen seen = {0};
    bool added;
    bool moved = !expected_moved;
    int64_t shift;
    for (size_t i = 0; seen_text[i] != '\0'; i++) {
        assert_true(fu_seen_add(&seen, (uint64_t)seen_text[i], &added));
    }
    for (size_t i = 0; i < before_count; i++) {
        before_prints[i] = (uint64_t)before_text[i];
        assert_true(fu_seen_add(&seen, before_prints[i], &added));
    }
    for (size_t i = 0; i < page_count; i++) {
        page_prints[i] = (uint64_t)page_text[i];
    }
    struct fu_seam_page before = {before_prints, before_count, before_offset, true};
    struct fu_seam_page page = {page_prints, page_count, page_offset, page_count >= 4};
    enum fu_seam seam = fu_seam_check(&before, &page, overlap, whole, &seen, &moved, &shift);
    if (seam != expected || moved != expected_moved) {
        fail_msg("'%s' at %d, then '%s' at %d (overlap %zu): %d, moved %d; not %d, moved %d", before_text,
                 (int)before_offset, page_text, (int)page_offset, overlap, (int)seam, moved, (int)expected,
                 expected_moved);
    }
    fu_seen_free(&seen);
}

/* After "abcd", read at 0. */
static void after_abcd(const char *page, int64_t offset, size_t overlap, enum fu_seam expected, bool moved) {
    check("", "abcd", 0, page, offset, overlap, false, expected, moved);
}

static void a_page_that_begins_with_the_last_record_joins(void **state) {
    (void)state;
    after_abcd("defg", 3, 1, FU_SEAM_JOINS, false);
    after_abcd("d", 3, 1, FU_SEAM_JOINS, false);
    after_abcd("defg", 2, 2, FU_SEAM_JOINS, true); /* one went before it */
    after_abcd("dxyz", 5, 1, FU_SEAM_JOINS, true); /* two came before it, and it was asked for further on */
    check("xyz", "abcd", 100, "defg", 103, 1, false, FU_SEAM_JOINS, false);
}

static void a_page_that_begins_with_a_known_record_and_holds_the_last_joins(void **state) {
    (void)state;
    after_abcd("cdef", 3, 1, FU_SEAM_JOINS, true); /* one came before */
    after_abcd("cdef", 2, 2, FU_SEAM_JOINS, false);
    after_abcd("cxde", 3, 1, FU_SEAM_JOINS, true);
    check("z", "abcd", 0, "zabcd", 3, 1, false, FU_SEAM_JOINS, true);
}

static void a_page_that_begins_with_something_new_does_not(void **state) {
    (void)state;
    after_abcd("xdef", 3, 1, FU_SEAM_GAP, true); /* what stands before x? */
    after_abcd("efgh", 3, 1, FU_SEAM_GAP, true); /* one went, and perhaps more than that */
    after_abcd("xyza", 3, 1, FU_SEAM_GAP, true); /* a known record somewhere is no proof */
    after_abcd("xycd", 2, 2, FU_SEAM_GAP, true);
    after_abcd("", 3, 1, FU_SEAM_GAP, true);
    after_abcd("", 2, 2, FU_SEAM_GAP, true);
}

static void a_wider_overlap_shows_that_the_last_record_went(void **state) {
    (void)state;
    after_abcd("cefg", 2, 2, FU_SEAM_JOINS, true); /* begins just where it should */
    after_abcd("befg", 1, 3, FU_SEAM_JOINS, true);
    after_abcd("bcef", 2, 2, FU_SEAM_JOINS, true); /* further back, with its neighbour */
    after_abcd("bxyz", 2, 2, FU_SEAM_GAP, true);   /* alone: it may have been moved there */
    after_abcd("cefg", 3, 1, FU_SEAM_GAP, true);
    after_abcd("aefg", 0, 9, FU_SEAM_JOINS, true); /* all of it was repeated, and more was asked for */
}

static void a_page_of_old_records_brings_nothing(void **state) {
    (void)state;
    check("x", "abcd", 3, "xabc", 6, 1, false, FU_SEAM_JOINS, true); /* more came in before than it holds */
    after_abcd("ab", 0, 1, FU_SEAM_BEHIND, true);                    /* asked for before others went further */
    after_abcd("c", 2, 2, FU_SEAM_JOINS, true);
    after_abcd("abc", 0, 4, FU_SEAM_JOINS, true);
    check("xyz", "abcd", 3, "xyz", 0, 1, false, FU_SEAM_BEHIND, true);
}

/* Two that were edited, and moved to the end of a list by date, must not pass for the whole rest of it. */
static void a_few_records_that_were_moved_prove_nothing(void **state) {
    (void)state;
    after_abcd("ab", 3, 1, FU_SEAM_GAP, true);
    after_abcd("c", 3, 1, FU_SEAM_GAP, true);
    check("", "abcdefgh", 0, "bcxy", 6, 2, false, FU_SEAM_GAP, true);
    check("", "abcdefgh", 0, "fgxy", 6, 2, false, FU_SEAM_JOINS, true);
}

static void where_all_was_repeated_a_known_record_must_do(void **state) {
    (void)state;
    check("", "abcd", 0, "xdef", 0, 4, true, FU_SEAM_JOINS, true);
    check("z", "abcd", 0, "zxyw", 0, 4, true, FU_SEAM_JOINS, true);
    check("", "abcd", 0, "xyzw", 0, 4, true, FU_SEAM_GAP, true);
    check("", "abcd", 0, "", 0, 4, true, FU_SEAM_GAP, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_begins_with_the_last_record_joins),
        cmocka_unit_test(a_page_that_begins_with_a_known_record_and_holds_the_last_joins),
        cmocka_unit_test(a_page_that_begins_with_something_new_does_not),
        cmocka_unit_test(a_wider_overlap_shows_that_the_last_record_went),
        cmocka_unit_test(a_page_of_old_records_brings_nothing),
        cmocka_unit_test(a_few_records_that_were_moved_prove_nothing),
        cmocka_unit_test(where_all_was_repeated_a_known_record_must_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
