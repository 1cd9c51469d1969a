/* test_state.c: the folder for what outlives a process, locked files in it, and who processes are. Must not know: what
 * stands in such files. */
#include "alloc.h"
#include "locked.h"
#include "process.h"
#include "state.h"

#include "test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[200];
static fusioo_error error;

static int set_up(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/state.XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(folder) != NULL ? setenv("XDG_STATE_HOME", folder, 1) : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command); /* NOLINT(cert-env33-c): a folder of the test's own */
}

static const char *at(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void assert_state_path(const char *expected) {
    char *path = NULL;
    struct stat found;
    assert_true(fu_state_path("x", &path, &error));
    assert_string_equal(path, expected);
    path[strlen(path) - 2] = '\0';
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    fu_free(path);
}

/* ---- The folder ---- */

static void the_folder_is_made_for_the_user_alone(void **state) {
    (void)state;
    assert_state_path(at("fusioo/x"));
    assert_state_path(at("fusioo/x")); /* it is there */
    setenv("XDG_STATE_HOME", at("not/there/yet"), 1);
    assert_state_path(at("not/there/yet/fusioo/x"));
}

static void a_relative_folder_is_none(void **state) {
    (void)state;
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", folder, 1);
    assert_state_path(at(".local/state/fusioo/x"));
    unsetenv("XDG_STATE_HOME");
    assert_state_path(at(".local/state/fusioo/x"));
}

static void a_file_in_its_place_is_said(void **state) {
    (void)state;
    char *path = NULL;
    write_file(at("fusioo"));
    assert_false(fu_state_path("x", &path, &error));
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_non_null(strstr(error.message, at("fusioo")));
    assert_null(path);
}

static void only_old_files_of_the_kind_go(void **state) {
    (void)state;
    struct timespec times[2] = {{.tv_sec = time(NULL) - 1000}, {.tv_sec = time(NULL) - 1000}};
    const char *const names[] = {"old.ledger", "young.ledger", "old.json", ".ledger"};
    for (size_t i = 0; i < COUNT(names); i++) {
        write_file(at(names[i]));
        if (i != 1) {
            assert_int_equal(utimensat(AT_FDCWD, at(names[i]), times, 0), 0);
        }
    }
    assert_int_equal(mkdir(at("a.ledger"), 0700), 0);
    fu_state_tidy(at("new.ledger"), "?*.ledger", 500);
    assert_int_not_equal(access(at("old.ledger"), F_OK), 0);
    assert_int_equal(access(at("young.ledger"), F_OK), 0);
    assert_int_equal(access(at("old.json"), F_OK), 0);
    assert_int_equal(access(at(".ledger"), F_OK), 0);
    assert_int_equal(access(at("a.ledger"), F_OK), 0);
    fu_state_tidy(at("nowhere/x"), "?*.ledger", 0);
}

/* ---- Locked files ---- */

static void is_its_owners_to_read_and_write_whatever_the_umask(void **state) {
    (void)state;
    struct fu_locked file;
    struct stat found;
    mode_t old = umask(0777);
    enum fu_lock result = fu_locked_take(&file, at("new"), 0600, &error);
    umask(old);
    assert_int_equal(result, FU_LOCK_HELD);
    fu_locked_drop(&file);
    assert_int_equal(stat(at("new"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
}

static void one_at_a_time_has_the_file(void **state) {
    (void)state;
    char bytes[4];
    struct fu_locked one;
    struct fu_locked other;
    char *path = fu_strdup(at("file"));
    assert_int_equal(fu_locked_take(&one, path, 0600, &error), FU_LOCK_HELD);
    assert_int_equal(one.size, 0);
    assert_int_equal(fu_locked_take(&other, path, 0600, &error), FU_LOCK_BUSY);
    assert_true(fu_locked_write(&one, 2, "ab", 2, &error));
    assert_int_equal(one.size, 4);
    fu_locked_drop(&one);
    fu_locked_drop(&one);
    assert_int_equal(fu_locked_take(&other, path, 0600, &error), FU_LOCK_HELD);
    assert_int_equal(other.size, 4);
    assert_true(fu_locked_read(&other, 0, bytes, 4, &error));
    assert_memory_equal(bytes, "\0\0ab", 4);
    assert_false(fu_locked_read(&other, 3, bytes, 2, &error));
    assert_non_null(strstr(error.message, "cut off"));
    fu_locked_drop(&other);
    fu_free(path);
}

static void what_cannot_be_opened_is_said(void **state) {
    (void)state;
    struct fu_locked file;
    assert_int_equal(fu_locked_take(&file, at("nowhere/file"), 0600, &error), FU_LOCK_FAILED);
    assert_non_null(strstr(error.message, "nowhere/file"));
    assert_int_equal(fu_locked_take(&file, folder, 0600, &error), FU_LOCK_FAILED);
    assert_int_equal(file.fd, -1);
}

static void a_lock_falls_with_its_process(void **state) {
    (void)state;
    struct fu_locked file;
    char *path = fu_strdup(at("file"));
    pid_t pid = fork();
    if (pid == 0) {
        _exit(fu_locked_take(&file, path, 0600, NULL) == FU_LOCK_HELD ? 0 : 1); /* and never lets go of it */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fu_locked_take(&file, path, 0600, &error), FU_LOCK_HELD);
    fu_locked_drop(&file);
    fu_free(path);
}

/* ---- Processes ---- */

static void a_process_knows_itself_and_its_child(void **state) {
    (void)state;
    struct fu_process self = fu_process_self();
    assert_int_equal(self.pid, getpid());
    assert_true(fu_process_lives(self));
    assert_false(fu_process_lives((struct fu_process){0, 0}));
    assert_false(fu_process_lives((struct fu_process){UINT32_MAX, 0}));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        _exit((int)read(ends[0], &byte, 1)); /* until the parent closes its end */
    }
    struct fu_process child = {(uint32_t)pid, 0};
    assert_true(fu_process_lives(child));
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(fu_process_lives(child));
}

static void a_start_of_the_machine_has_one_name(void **state) {
    (void)state;
    unsigned char one[FU_BOOT_SIZE];
    unsigned char other[FU_BOOT_SIZE];
    memset(one, 1, sizeof one);
    memset(other, 2, sizeof other);
    fu_process_boot(one);
    fu_process_boot(other);
    assert_memory_equal(one, other, sizeof one);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_folder_is_made_for_the_user_alone),
        TEST(a_relative_folder_is_none),
        TEST(a_file_in_its_place_is_said),
        TEST(only_old_files_of_the_kind_go),
        TEST(is_its_owners_to_read_and_write_whatever_the_umask),
        TEST(one_at_a_time_has_the_file),
        TEST(what_cannot_be_opened_is_said),
        TEST(a_lock_falls_with_its_process),
        TEST(a_process_knows_itself_and_its_child),
        TEST(a_start_of_the_machine_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
