/* test_book.c: entering calls, standing in line, burying the dead, in books that share a file in memory. Must not know:
 * files, locks, how bytes are checked (test_book_read.c). */
#include "books.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- Calls ---- */

static void what_one_enters_the_others_see(void **state) {
    (void)state;
    uint32_t number = begin(0);
    assert_int_equal(used_by_file(1), 1);
    assert_int_equal(under_way(1), 1);
    moment.now += 5;
    end(0, number, true);
    assert_int_equal(used_by_file(1), 1);
    assert_int_equal(under_way(1), 0);
    assert_seconds(wait_of(1, 1), SPAN); /* it counts from its end */
    moment.now += SPAN - 1;
    assert_int_equal(used_by_file(2), 1);
    moment.now += 1;
    assert_int_equal(used_by_file(2), 0);
}

static void what_was_not_counted_leaves_nothing(void **state) {
    (void)state;
    end(0, begin(0), false);
    assert_int_equal(used_by_file(1), 0);
    assert_int_equal(used(0), 0);
}

static void a_call_without_asking_is_entered_when_it_has_ended(void **state) {
    (void)state;
    read_book(0);
    fu_book_note(&books[0], NULL, moment.now);
    write_book(0);
    assert_int_equal(used_by_file(1), 1);
    assert_int_equal(under_way(1), 0);
}

static void an_entry_bears_its_tag_cut_to_fit(void **state) {
    (void)state;
    read_book(0);
    assert_int_not_equal(fu_book_begin(&books[0], "a tag that is longer than its place", moment.now), 0);
    assert_int_not_equal(fu_book_begin(&books[0], "eighteen bytes, \xc3\xa4\xc3\xa4", moment.now), 0);
    write_book(0);
    read_book(1);
    assert_string_equal(books[1].entries[0].tag, "a tag that is longe");
    assert_string_equal(books[1].entries[1].tag, "eighteen bytes, \xc3\xa4");
}

static void an_end_that_could_not_be_written_is_kept(void **state) {
    (void)state;
    uint32_t number = begin(0);
    fu_book_end(&books[0], number, moment.now, true); /* somebody else has the file */
    moment.now += 1;
    begin(1);
    begin(2);
    read_book(0);
    assert_int_equal(used(0), 3);
    assert_int_equal(under_way(0), 2);
    write_book(0);
    read_book(3);
    assert_int_equal(under_way(3), 2);
    assert_int_equal(used(3), 3);
}

static void calls_that_were_entered_without_the_file_come_into_it_later(void **state) {
    (void)state;
    read_book(0);
    write_book(0);
    for (int i = 0; i < 5; i++) {
        fu_book_note(&books[0], NULL, moment.now); /* the disk is full, say */
    }
    for (int i = 0; i < 7; i++) {
        end(1, begin(1), true); /* the same places, as far as the file knows */
    }
    assert_int_equal(used_by_file(0), 12);
    assert_int_equal(used_by_file(2), 12);
}

static void a_call_that_outlasts_its_entry_is_entered_anew(void **state) {
    (void)state;
    uint32_t number = begin(0);
    moment.now += 400;
    read_book(1);
    assert_int_equal(used(1), 0); /* nobody believes that it is under way still, and it has left the window */
    for (uint32_t i = 0; i < FU_BOOK_LEAST; i++) {
        books[1].entries[i].state = FU_ENTRY_COUNTED; /* its place is used again */
        books[1].entries[i].time = moment.now;
        books[1].entries[i].owner = books[1].owner;
        books[1].changed[i] = i < 8;
    }
    books[1].low = 0;
    books[1].high = 8;
    write_book(1);
    end(0, number, true);
    assert_int_equal(used_by_file(2), 9);
}

static void own_calls_stay_under_way_however_long(void **state) {
    (void)state;
    begin(0);
    moment.now += 4000;
    assert_int_equal(used_by_file(0), 1);
    assert_int_equal(under_way(0), 1);
    assert_int_equal(used_by_file(1), 0);
}

static void a_full_book_takes_no_more(void **state) {
    (void)state;
    read_book(0);
    for (int i = 0; i < FU_BOOK_LEAST; i++) {
        assert_int_not_equal(fu_book_begin(&books[0], NULL, moment.now), 0);
    }
    assert_int_equal(fu_book_begin(&books[0], NULL, moment.now), 0);
    fu_book_wait(&books[0], 5, moment.now, moment.now); /* nor a place in line */
    fu_book_end(&books[0], 17, moment.now, false);
    assert_int_not_equal(fu_book_begin(&books[0], NULL, moment.now), 0);
    for (uint32_t number = 1; number <= FU_BOOK_LEAST; number++) {
        fu_book_end(&books[0], number, moment.now, true);
    }
    moment.now += SPAN;
    for (int i = 0; i < FU_BOOK_LEAST - 1; i++) { /* all but the one that is under way are used again */
        assert_int_not_equal(fu_book_begin(&books[0], NULL, moment.now), 0);
    }
    assert_int_equal(fu_book_begin(&books[0], NULL, moment.now), 0);
}

static void a_higher_limit_makes_the_file_longer(void **state) {
    (void)state;
    end(0, begin(0), true);
    read_book(1);
    assert_true(fu_book_fit(&books[1], 3000, 10 * SPAN));
    write_book(1);
    assert_int_equal(file_size, sizeof(struct fu_book_head) + 8192 * sizeof(struct fu_book_entry));
    assert_int_equal(read_book(0), FU_BOOK_NEWS);
    assert_int_equal(books[0].head.places, 8192);
    assert_seconds(books[0].head.span, 10 * SPAN);
    assert_int_equal(used(0), 1);
    assert_int_equal(used_by_file(2), 1); /* who asks for less leaves it as it is */
    assert_int_equal(books[2].head.places, 8192);
    assert_true(fu_book_fit(&books[2], FU_BOOK_CALLS, SPAN));
    assert_int_equal(books[2].head.places, FU_BOOK_MOST);
}

static void numbers_go_round(void **state) {
    (void)state;
    books[0].last_number = UINT32_MAX - 1;
    uint32_t first = begin(0);
    uint32_t second = begin(0);
    assert_true(first != 0 && second != 0 && first != second);
    end(0, first, true);
    end(0, second, false);
    assert_int_equal(used_by_file(1), 1);
}

/* ---- The line of processes ---- */

static void join(int i, int calls, double due) {
    read_book(i);
    fu_book_wait(&books[i], calls, due, moment.now);
    write_book(i);
}

static int ahead(int i, int calls) {
    read_book(i);
    return fu_book_ahead(&books[i], calls, moment.now);
}

static void first_come_first_served(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        join(i, 10, moment.now + 5);
    }
    assert_int_equal(ahead(0, 10), 0);
    assert_int_equal(ahead(1, 10), 1);
    assert_int_equal(ahead(2, 10), 2);
    assert_int_equal(ahead(3, 10), 3); /* a newcomer */
    join(0, 10, moment.now + 6);       /* who looks again keeps its place */
    assert_int_equal(ahead(1, 10), 1);
    read_book(0);
    fu_book_unwait(&books[0]);
    write_book(0);
    assert_int_equal(ahead(1, 10), 0);
    assert_int_equal(ahead(2, 10), 1);
    join(0, 10, moment.now + 5); /* behind all others now */
    assert_int_equal(ahead(0, 10), 2);
    assert_int_equal(ahead(2, 10), 1);
}

static void who_leaves_more_to_others_holds_up_nobody(void **state) {
    (void)state;
    join(0, 3, moment.now + 5);
    join(1, 10, moment.now + 5);
    assert_int_equal(ahead(1, 10), 0);
    assert_int_equal(ahead(2, 10), 1);
    assert_int_equal(ahead(2, 3), 2);
    assert_int_equal(ahead(0, 3), 0);
}

static void who_does_not_look_when_it_said_is_passed_over(void **state) {
    (void)state;
    join(0, 10, moment.now + 1);
    assert_int_equal(ahead(1, 10), 1);
    moment.now += 1.5;
    assert_int_equal(ahead(1, 10), 1);
    moment.now += 0.01;
    assert_int_equal(ahead(1, 10), 0);
    join(0, 10, moment.now + 1); /* it was away, and has not lost its place */
    assert_int_equal(ahead(1, 10), 1);
    moment.now += 100;
    for (int i = 0; i < FU_BOOK_LEAST; i++) { /* after a minute its place in the file may be used */
        begin(1);
    }
    join(0, 10, moment.now + 1);
    assert_int_equal(ahead(0, 10), 0);
}

static void the_numbers_of_the_line_go_round(void **state) {
    (void)state;
    read_book(0);
    books[0].head.next_number = UINT32_MAX;
    write_book(0);
    join(0, 10, moment.now + 5);
    join(1, 10, moment.now + 5);
    join(2, 10, moment.now + 5);
    assert_int_equal(ahead(0, 10), 0);
    assert_int_equal(ahead(1, 10), 1);
    assert_int_equal(ahead(2, 10), 2);
}

/* ---- The dead and the forked ---- */

/* A process that has ended; with `zombie` nobody has asked how. */
static struct fu_process dead_process(bool zombie) {
    int ends[2];
    struct fu_process process;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        process = fu_process_self();
        _exit(write(ends[1], &process, sizeof process) == sizeof process ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &process, sizeof process), sizeof process);
    assert_int_equal(read(ends[0], &ends[1], sizeof ends[1]), 0); /* its end closes the pipe */
    close(ends[0]);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | (zombie ? WNOWAIT : 0)), 0);
    return process;
}

static void bury_the_dead(bool zombie) {
    books[0].self = dead_process(zombie);
    begin(0);
    join(0, 10, moment.now + 50);
    moment.now += 10;
    uint32_t number = begin(1);
    read_book(2);
    assert_true(fu_book_bury(&books[2], moment.now));
    write_book(2);
    assert_int_equal(ahead(3, 10), 0);
    assert_int_equal(used_by_file(3), 2);
    assert_int_equal(under_way(3), 1); /* the living are left alone */
    assert_false(fu_book_bury(&books[3], moment.now));
    end(1, number, false);
    moment.now += SPAN - 1; /* the service counted it as late as when it was found dead */
    assert_int_equal(used_by_file(3), 1);
    moment.now += 1;
    assert_int_equal(used_by_file(3), 0);
}

static void the_dead_are_buried(void **state) {
    (void)state;
    bury_the_dead(false);
}

static void who_is_killed_and_not_yet_waited_for_is_dead(void **state) {
    (void)state;
    bury_the_dead(true);
}

static void the_dead_are_counted_no_later_than_their_request_can_have_lasted(void **state) {
    (void)state;
    books[0].self = dead_process(false);
    begin(0);
    moment.now += 310;
    read_book(1);
    assert_true(fu_book_bury(&books[1], moment.now));
    assert_int_equal(used(1), 1);
    assert_seconds(wait_of(1, 1), SPAN - 10);
}

static void a_number_that_was_given_out_again_is_another_process(void **state) {
    (void)state;
    struct fu_process self = fu_process_self();
    assert_true(fu_process_lives(self));
    if (self.born == 0) {
        skip(); /* this system does not tell when a process was born */
    }
    books[0].self.born++;
    begin(0);
    read_book(1);
    assert_true(fu_book_bury(&books[1], moment.now));
}

static void a_forked_child_leaves_the_parents_calls_alone(void **state) {
    (void)state;
    uint32_t number = begin(0);
    join(0, 10, moment.now + 5);
    fu_book_end(&books[0], number, moment.now, true); /* the parent is about to write that */
    fu_book_forked(&books[0], 77, fu_process_self());
    assert_false(fu_book_is_changed(&books[0]));
    assert_int_equal(read_book(0), FU_BOOK_NEWS);
    assert_int_equal(under_way(0), 1);
    assert_int_equal(ahead(0, 10), 1);
    fu_book_unwait(&books[0]);
    assert_int_equal(ahead(0, 10), 1);
    end(0, begin(0), true);
    assert_int_equal(used_by_file(1), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_one_enters_the_others_see),
        TEST(what_was_not_counted_leaves_nothing),
        TEST(a_call_without_asking_is_entered_when_it_has_ended),
        TEST(an_entry_bears_its_tag_cut_to_fit),
        TEST(an_end_that_could_not_be_written_is_kept),
        TEST(calls_that_were_entered_without_the_file_come_into_it_later),
        TEST(a_call_that_outlasts_its_entry_is_entered_anew),
        TEST(own_calls_stay_under_way_however_long),
        TEST(a_full_book_takes_no_more),
        TEST(a_higher_limit_makes_the_file_longer),
        TEST(numbers_go_round),
        TEST(first_come_first_served),
        TEST(who_leaves_more_to_others_holds_up_nobody),
        TEST(who_does_not_look_when_it_said_is_passed_over),
        TEST(the_numbers_of_the_line_go_round),
        TEST(the_dead_are_buried),
        TEST(who_is_killed_and_not_yet_waited_for_is_dead),
        TEST(the_dead_are_counted_no_later_than_their_request_can_have_lasted),
        TEST(a_number_that_was_given_out_again_is_another_process),
        TEST(a_forked_child_leaves_the_parents_calls_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
