/* books.h: a few books that share one file in memory, by a clock of the test's own. Must not know: files, locks. */
#ifndef FU_BOOKS_H
#define FU_BOOKS_H

#include "book.h"

#include "test.h"

enum { BOOKS = 4, MOST_SIZE = sizeof(struct fu_book_head) + FU_BOOK_MOST * sizeof(struct fu_book_entry) };

static unsigned char *file;
static size_t file_size;
static struct fu_moment moment;
static struct fu_book books[BOOKS];
static uint64_t next_owner;
static const char *why;
static const double SPAN = 60;

static inline struct fu_book *open_book(int i) {
    assert_true(fu_book_open(&books[i], ++next_owner * 1000003, fu_process_self(), 0));
    return &books[i];
}

static inline int set_up(void **state) {
    (void)state;
    file = calloc(1, MOST_SIZE);
    file_size = 0;
    moment = (struct fu_moment){.now = 1000, .wall = 1e9, .boot = {1, 2, 3}};
    for (int i = 0; i < BOOKS; i++) {
        open_book(i);
    }
    return file != NULL ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < BOOKS; i++) {
        fu_book_close(&books[i]);
    }
    free(file);
    return 0;
}

static inline enum fu_book_found read_book(int i) {
    unsigned char *exact = malloc(file_size > 0 ? file_size : 1); /* so that the sanitizer sees a step beyond */
    assert_non_null(exact);
    memcpy(exact, file, file_size);
    enum fu_book_found found = fu_book_read(&books[i], exact, file_size, &moment, &why);
    free(exact);
    if (found != FU_BOOK_OTHER) {
        assert_int_not_equal(found, FU_BOOK_FAILED);
        assert_true(fu_book_fit(&books[i], 0, SPAN));
    }
    return found;
}

static inline void write_book(int i) {
    struct fu_book *book = &books[i];
    if (!fu_book_is_changed(book)) {
        return;
    }
    fu_book_seal(book, &moment);
    for (uint32_t k = 0; k < book->head.places; k++) {
        if (book->changed[k]) {
            memcpy(file + sizeof book->head + k * sizeof *book->entries, &book->entries[k], sizeof *book->entries);
        }
    }
    memcpy(file, &book->head, sizeof book->head);
    file_size = fu_book_size(book) > file_size ? fu_book_size(book) : file_size;
    fu_book_written(book);
}

static inline uint32_t begin(int i) {
    read_book(i);
    uint32_t number = fu_book_begin(&books[i], "tag", moment.now);
    assert_int_not_equal(number, 0);
    write_book(i);
    return number;
}

static inline void end(int i, uint32_t number, bool counted) {
    read_book(i);
    fu_book_end(&books[i], number, moment.now, counted);
    write_book(i);
}

/* What the book shows of the window now, without reading. */
static inline struct fu_window window_of(int i) {
    struct fu_window window = {0};
    unsigned trying;
    assert_true(fu_book_fill(&books[i], &window, moment.now, &trying));
    return window;
}

static inline size_t used(int i) {
    struct fu_window window = window_of(i);
    size_t count = fu_window_used(&window, SPAN, moment.now);
    fu_window_free(&window);
    return count;
}

/* The same after a look into the file. */
static inline size_t used_by_file(int i) {
    read_book(i);
    size_t count = used(i);
    write_book(i);
    return count;
}

static inline size_t under_way(int i) {
    struct fu_window window = window_of(i);
    size_t count = window.under_way;
    fu_window_free(&window);
    return count;
}

/* Seconds until a call of `calls` in a window may go, as the book shows it. */
static inline double wait_of(int i, int calls) {
    struct fu_window window = window_of(i);
    double wait = fu_window_wait(&window, (struct fu_limit){calls, SPAN}, moment.now);
    fu_window_free(&window);
    return wait;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
