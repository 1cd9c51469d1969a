/* test_ledger.c: the ledger in a real file: locks, trouble with files, processes that are killed, forks. By a clock of
 * its own. Must not know: who waits for a call. */
#include "ledger.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[200];
static char path[240];
static double now;
static struct fu_ledger *ledger, *other;

static double read_now(void *data) {
    (void)data;
    return now;
}

static double read_wall(void *data) {
    (void)data;
    return 1e9 + now;
}

static struct fu_ledger *open_ledger(void) {
    struct fu_clock clock = {.now = read_now, .wall = read_wall};
    struct fu_ledger *opened = fu_ledger_open(path, 0600, clock, NULL);
    assert_non_null(opened);
    return opened;
}

static int set_up(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/ledger.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.ledger", folder);
    now = 1000;
    ledger = open_ledger();
    other = open_ledger();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fu_ledger_close(ledger);
    fu_ledger_close(other);
    unlink(path);
    return rmdir(folder);
}

static enum fu_access take(struct fu_ledger *taken) {
    return fu_ledger_take(taken, 500, 3600, now);
}

/* Enters a call that has ended; true: the file was had. */
static bool note(struct fu_ledger *noted) {
    enum fu_access access = take(noted);
    fu_book_note(&noted->book, NULL, now);
    bool held = noted->held;
    fu_ledger_drop(noted);
    return held && access != FU_ACCESS_BUSY && access != FU_ACCESS_ALONE;
}

static size_t used(struct fu_ledger *asked) {
    struct fu_window window = {0};
    unsigned trying;
    take(asked);
    assert_true(fu_book_fill(&asked->book, &window, now, &trying));
    fu_ledger_drop(asked);
    size_t count = fu_window_used(&window, 3600, now);
    fu_window_free(&window);
    return count;
}

static void assert_news(struct fu_ledger *told, const char *part) {
    if (strstr(told->news, part) == NULL) {
        fail_msg("the news is '%s', without '%s'", told->news, part);
    }
    told->news[0] = '\0';
}

/* ---- Sharing ---- */

static void the_file_is_made_and_shared(void **state) {
    (void)state;
    struct stat found;
    assert_true(note(ledger));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(found.st_size, fu_book_size(&ledger->book));
    assert_int_equal(used(other), 1);
    assert_true(note(other));
    assert_int_equal(used(ledger), 2);
    assert_int_equal(take(ledger), FU_ACCESS_SAME);
    fu_ledger_drop(ledger);
    assert_string_equal(ledger->news, "");
    assert_string_equal(other->news, "");
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, fu_book_size(&ledger->book)); /* it never grows */
}

static void nothing_is_written_where_nothing_was_changed(void **state) {
    (void)state;
    struct stat before;
    struct stat after;
    note(ledger);
    used(other);
    assert_int_equal(stat(path, &before), 0);
    for (int i = 0; i < 5; i++) {
        used(ledger);
        used(other);
    }
    assert_int_equal(stat(path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
}

static void a_lock_is_never_waited_for(void **state) {
    (void)state;
    note(ledger);
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(take(ledger), FU_ACCESS_BUSY);
    fu_ledger_drop(ledger); /* holds nothing */
    fu_book_note(&ledger->book, NULL, now);
    now += 1.9;
    assert_int_equal(take(ledger), FU_ACCESS_BUSY);
    assert_string_equal(ledger->news, "");
    now += 0.2; /* whoever has it was stopped */
    assert_int_equal(take(ledger), FU_ACCESS_ALONE);
    assert_news(ledger, "another process holds");
    fu_book_note(&ledger->book, NULL, now);
    assert_int_equal(take(ledger), FU_ACCESS_ALONE);
    assert_string_equal(ledger->news, "");
    close(fd);
    now += 11;
    assert_int_equal(used(ledger), 3);
    assert_int_equal(used(other), 3);
    assert_string_equal(ledger->news, "");
}

static void a_short_lock_leaves_no_trace(void **state) {
    (void)state;
    note(ledger);
    for (int i = 0; i < 5; i++) {
        int fd = open(path, O_RDWR);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(take(ledger), FU_ACCESS_BUSY);
        close(fd);
        now += 1.5;
        assert_true(note(ledger));
    }
    assert_string_equal(ledger->news, "");
}

/* ---- Trouble ---- */

static void a_file_that_goes_is_made_again(void **state) {
    (void)state;
    for (int i = 1; i < 4; i++) {
        note(ledger);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(used(ledger), i);
        assert_news(ledger, "emptied or removed");
        assert_int_equal(used(other), i);
        assert_string_equal(other->news, "");
    }
}

static void a_file_that_is_replaced_while_it_is_open_is_let_go_of(void **state) {
    (void)state;
    note(ledger);
    char beside[260];
    snprintf(beside, sizeof beside, "%s.new", path);
    assert_int_equal(take(ledger), FU_ACCESS_SAME); /* held while somebody puts another file in its place */
    FILE *made = fopen(beside, "w");
    assert_non_null(made);
    fclose(made);
    assert_int_equal(rename(beside, path), 0);
    assert_int_equal(take(other), FU_ACCESS_NEWS); /* the new file, which nobody holds */
    fu_book_note(&other->book, NULL, now);
    fu_ledger_drop(other);
    fu_ledger_drop(ledger);
    assert_int_equal(used(ledger), 1);
    note(ledger);
    assert_int_equal(used(other), 2);
}

static void a_folder_in_its_place_leaves_the_book_in_memory(void **state) {
    (void)state;
    note(ledger);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(note(ledger));
    assert_news(ledger, "Is a directory; until that is mended calls are counted in memory");
    assert_false(note(ledger));
    assert_string_equal(ledger->news, "");
    assert_int_equal(used(ledger), 3);
    assert_int_equal(rmdir(path), 0);
    assert_false(note(ledger)); /* not looked at again yet */
    now += 10;
    assert_int_equal(used(ledger), 4);
    assert_int_equal(used(other), 4);
}

static void a_pipe_in_its_place_blocks_nobody(void **state) {
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(take(ledger), FU_ACCESS_ALONE);
    assert_news(ledger, "no regular file");
}

static void another_kind_of_file_is_left_as_it_is(void **state) {
    (void)state;
    char text[8] = {0};
    FILE *made = fopen(path, "w");
    assert_non_null(made);
    fputs("my own", made);
    fclose(made);
    assert_false(note(ledger));
    assert_news(ledger, "is no ledger");
    made = fopen(path, "r");
    assert_non_null(made);
    assert_non_null(fgets(text, sizeof text, made));
    fclose(made);
    assert_string_equal(text, "my own");
}

static void a_full_disk_leaves_the_book_in_memory(void **state) {
    (void)state;
    struct rlimit before;
    struct rlimit small = {0, 0};
    note(ledger);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    note(ledger);
    note(ledger);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_news(ledger, "File too large; until that is mended");
    assert_int_equal(used(other), 1);
    now += 10;
    assert_int_equal(used(ledger), 3);
    assert_int_equal(used(other), 3);
}

static void a_file_of_another_user_is_not_used_without_leave(void **state) {
    (void)state;
    note(ledger);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        if (getuid() != 65534) {
            chmod(path, 0444); /* not root: a file that oneself may only read comes to the same */
        }
        bool good = take(other) == FU_ACCESS_ALONE && strstr(other->news, "Permission denied") != NULL &&
                    strstr(other->news, "leave to read and write") != NULL;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- Processes ---- */

static void a_forked_child_enters_its_own_calls(void **state) {
    (void)state;
    take(ledger);
    uint32_t number = fu_book_begin(&ledger->book, NULL, now);
    fu_ledger_drop(ledger);
    pid_t pid = fork();
    if (pid == 0) {
        bool good = used(ledger) == 1 && note(ledger) && used(ledger) == 2;
        fu_book_end(&ledger->book, number + 50, now, false); /* a number that is none of its own */
        _exit(good && used(ledger) == 2 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    take(ledger);
    fu_book_end(&ledger->book, number, now, false);
    fu_ledger_drop(ledger);
    assert_int_equal(used(other), 1);
}

/* Enters a few calls as fast as it can and tells of each, once it stands in the file; it waits to be killed. */
static void enter_calls(int end) {
    for (uint32_t i = 0; i < 12;) {
        now += 0.001;
        enum fu_access access = take(ledger);
        if (access == FU_ACCESS_BUSY) {
            continue;
        }
        uint32_t number = fu_book_begin(&ledger->book, NULL, now);
        fu_ledger_drop(ledger);
        if (number == 0 || access == FU_ACCESS_ALONE || write(end, &i, sizeof i) != sizeof i) {
            _exit(1);
        }
        i++;
    }
    for (;;) {
        pause();
    }
}

static void who_is_killed_forgets_no_call(void **state) {
    (void)state;
    size_t told = 0;
    for (int i = 0; i < 60; i++) {
        int ends[2];
        uint32_t number;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            enter_calls(ends[1]);
        }
        close(ends[1]);
        unsigned wanted = 1 + test_below(10);
        for (unsigned k = 0; k < wanted; k++) {
            assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
        }
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        told += wanted;
        while (read(ends[0], &number, sizeof number) == sizeof number) {
            told++; /* it was faster than the signal */
        }
        close(ends[0]);
        now += 1;
        assert_int_equal(take(other), FU_ACCESS_NEWS); /* no lock is left, and the file can be read */
        fu_ledger_drop(other);
        assert_string_equal(other->news, "");
    }
    take(other);
    fu_book_bury(&other->book, now);
    fu_ledger_drop(other);
    assert_in_range(used(other), told, told + 60); /* each may have died between writing and telling */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_file_is_made_and_shared),
        TEST(nothing_is_written_where_nothing_was_changed),
        TEST(a_lock_is_never_waited_for),
        TEST(a_short_lock_leaves_no_trace),
        TEST(a_file_that_goes_is_made_again),
        TEST(a_file_that_is_replaced_while_it_is_open_is_let_go_of),
        TEST(a_folder_in_its_place_leaves_the_book_in_memory),
        TEST(a_pipe_in_its_place_blocks_nobody),
        TEST(another_kind_of_file_is_left_as_it_is),
        TEST(a_full_disk_leaves_the_book_in_memory),
        TEST(a_file_of_another_user_is_not_used_without_leave),
        TEST(a_forked_child_enters_its_own_calls),
        TEST(who_is_killed_forgets_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
