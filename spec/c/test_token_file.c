/* test_token_file.c: who may see the file of a token, and that it is there whole. */
#include "token_file.h"

#include "alloc.h"

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static fusioo_error error;
static struct fu_buffer text;

static int begin(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/token.XXXXXX", base != NULL && strlen(base) < 40 ? base : "/tmp");
    text = (struct fu_buffer){.secret = true};
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/sub/token", folder);
    return 0;
}

/* Removes what is in the folder `sub`. Returns how many files it had. */
static int empty_sub(void) {
    char sub[128];
    char one[512];
    int count = 0;
    snprintf(sub, sizeof sub, "%s/sub", folder);
    DIR *listing = opendir(sub);
    if (listing == NULL) {
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(one, sizeof one, "%s/%s", sub, entry->d_name);
            unlink(one);
            count++;
        }
    }
    closedir(listing);
    rmdir(sub);
    return count;
}

static int end(void **state) {
    (void)state;
    empty_sub();
    fu_buffer_free(&text);
    return rmdir(folder);
}

static void write_it(const char *words) {
    if (!fu_token_file_write(path, words, strlen(words), &error)) {
        fail_msg("%s", error.message);
    }
}

static const char *read_it(void) {
    fu_buffer_clear(&text);
    if (!fu_token_file_read(path, &text, &error)) {
        fail_msg("%s", error.message);
    }
    return text.size > 0 ? text.data : "";
}

static mode_t mode_of(const char *name) {
    struct stat found;
    assert_int_equal(stat(name, &found), 0);
    return found.st_mode & 07777;
}

static void no_file_is_no_token(void **state) {
    (void)state;
    assert_string_equal(read_it(), "");
}

static void is_for_its_owner_alone_whatever_the_umask(void **state) {
    (void)state;
    char sub[128];
    snprintf(sub, sizeof sub, "%s/sub", folder);
    static const mode_t masks[] = {0, 0277, 0177, 077};
    for (size_t i = 0; i < COUNT(masks); i++) {
        mode_t old = umask(masks[i]);
        bool good = mkdir(sub, 0700) == 0 && chmod(sub, 0700) == 0;
        good = (i == 0 ? rmdir(sub) == 0 : true) && good && fu_token_file_write(path, "first", 5, &error);
        umask(old);
        assert_true(good);
        assert_string_equal(read_it(), "first");
        assert_int_equal(mode_of(path), 0600);
        assert_int_equal(mode_of(sub), 0700);
        empty_sub();
    }
}

static void a_new_token_takes_no_mode_from_the_old_file(void **state) {
    (void)state;
    write_it("a longer one than the next");
    assert_int_equal(chmod(path, 0644), 0);
    write_it("next");
    assert_int_equal(mode_of(path), 0600);
    assert_string_equal(read_it(), "next");
    assert_int_equal(empty_sub(), 1);
}

static void what_others_can_see_is_refused(void **state) {
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0666};
    write_it("token");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_false(fu_token_file_read(path, &text, &error));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_non_null(strstr(error.message, "chmod 600"));
        assert_int_equal(text.size, 0);
    }
}

static void what_is_no_file_or_too_large_is_refused(void **state) {
    (void)state;
    write_it("token");
    assert_int_equal(truncate(path, 2000000), 0);
    assert_false(fu_token_file_read(path, &text, &error));
    assert_non_null(strstr(error.message, "too large"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(fu_token_file_read(path, &text, &error));
    assert_non_null(strstr(error.message, "no regular file"));
    assert_false(fu_token_file_write(path, "x", 1, &error));
}

static void a_full_disk_leaves_the_old_token(void **state) {
    (void)state;
    write_it("old");
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {100, 100};
        char words[200] = {0};
        sigaction(SIGXFSZ, &ignored, NULL);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(fu_token_file_write(path, words, sizeof words, &error) ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(read_it(), "old");
    assert_int_equal(empty_sub(), 1);
}

/* Saves tokens of different lengths until it is killed. */
static void save_for_ever(void) {
    char words[6000];
    for (int i = 0;; i = (i + 1) % 26) {
        size_t size = 1000 + (size_t)i * 190;
        memset(words, 'a' + i, size);
        fu_token_file_write(path, words, size, &error);
    }
}

static void a_killed_process_leaves_a_whole_token(void **state) {
    (void)state;
    write_it("a");
    for (int round = 0; round < 40; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            save_for_ever();
        }
        for (int seen = 0; seen < 3 + round; seen++) { /* and whoever reads meanwhile sees whole ones */
            const char *token = read_it();
            size_t size = strlen(token);
            assert_true(size == 1 || size == 1000 + (size_t)(token[0] - 'a') * 190);
            assert_int_equal(strspn(token, (const char[]){token[0], '\0'}), size);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        const char *token = read_it();
        assert_int_equal(strspn(token, (const char[]){token[0], '\0'}), strlen(token));
    }
}

static void what_killed_processes_left_goes_with_the_next_saving(void **state) {
    (void)state;
    static const struct timespec old[] = {{1000000, 0}, {1000000, 0}};
    static const char *const names[] = {".fusioo.part-0000000000000001.secret",
                                        ".fusioo.part-0000000000000002.secret",
                                        ".fusioo.part-0000000000000003",
                                        ".fusioo.part-0000000000000004.secret",
                                        "database.secret",
                                        ".fusioo.part-0000000000000005.secret"};
    enum { LEFT = sizeof names / sizeof names[0] };
    char left[LEFT][200];
    write_it("token");
    for (int i = 0; i < LEFT; i++) {
        snprintf(left[i], sizeof left[i], "%s/sub/%s", folder, names[i]);
        int fd = open(left[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(utimensat(AT_FDCWD, left[0], old, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, left[2], old, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, left[3], old, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, left[4], old, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, left[5], old, 0), 0);
    bool is_another_users = geteuid() == 0 && chown(left[5], 65534, 65534) == 0;
    int at_work = open(left[3], O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(at_work, LOCK_EX), 0);
    write_it("next");
    assert_int_equal(access(left[3], F_OK), 0); /* somebody is: the machine has slept */
    close(at_work);
    assert_int_equal(access(left[0], F_OK), -1);
    assert_int_equal(access(left[1], F_OK), 0); /* may be another process's that is at work */
    assert_int_equal(access(left[2], F_OK), 0); /* a download's: none of the store's business */
    assert_int_equal(access(left[4], F_OK), 0); /* somebody's own */
    assert_int_equal(access(left[5], F_OK), is_another_users ? 0 : -1);
    assert_string_equal(read_it(), "next");
}

/* Another process may know the file by its own name. */
static void a_link_stays_one(void **state) {
    (void)state;
    char link[160];
    struct stat found;
    write_it("first");
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("sub/token", link), 0);
    assert_true(fu_token_file_write(link, "second", 6, &error));
    assert_int_equal(lstat(link, &found), 0);
    assert_true(S_ISLNK(found.st_mode));
    assert_string_equal(read_it(), "second");
    assert_int_equal(unlink(path), 0);
    assert_false(fu_token_file_write(link, "third", 5, &error));
    assert_non_null(strstr(error.message, "a link to a file that is not there"));
    int fd = creat(path, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_true(fu_token_file_write(link, "third", 5, &error));
    assert_string_equal(read_it(), "third");
    unlink(link);
}

static void a_path_stays_where_it_is(void **state) {
    (void)state;
    char *place;
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(folder), 0);
    assert_true(fu_token_file_place("sub/token", &place, &error));
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_string_equal(place, path);
    fu_free(place);
    assert_true(fu_token_file_place("/a/b", &place, &error));
    assert_string_equal(place, "/a/b");
    fu_free(place);
}

static void root_leaves_the_file_to_its_owner_where_root_runs_this(void **state) {
    (void)state;
    struct stat found;
    if (geteuid() != 0) {
        skip();
    }
    write_it("first");
    assert_int_equal(chown(path, 65534, 65533), 0);
    write_it("second");
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_uid, 65534);
    assert_int_equal(found.st_gid, 65533);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_string_equal(read_it(), "second");
}

/* In a folder like /tmp anybody can leave an empty file, and wait for root's token. */
static void root_takes_no_file_that_another_user_can_have_planted_where_root_runs_this(void **state) {
    (void)state;
    char sub[160];
    if (geteuid() != 0) {
        skip();
    }
    write_it("first");
    snprintf(sub, sizeof sub, "%s/sub", folder);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(chmod(sub, 01777), 0);
    assert_false(fu_token_file_read(path, &text, &error));
    assert_non_null(strstr(error.message, "belongs to another user"));
    assert_false(fu_token_file_write(path, "second", 6, &error));
    assert_non_null(strstr(error.message, "belongs to another user"));
    assert_int_equal(chmod(sub, 0755), 0);
    assert_string_equal(read_it(), "first");
    assert_int_equal(chown(sub, 65533, 65533), 0); /* of a third one, who can put files there */
    assert_false(fu_token_file_read(path, &text, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_file_is_no_token, begin, end),
        cmocka_unit_test_setup_teardown(is_for_its_owner_alone_whatever_the_umask, begin, end),
        cmocka_unit_test_setup_teardown(a_new_token_takes_no_mode_from_the_old_file, begin, end),
        cmocka_unit_test_setup_teardown(what_others_can_see_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_file_or_too_large_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_token, begin, end),
        cmocka_unit_test_setup_teardown(a_killed_process_leaves_a_whole_token, begin, end),
        cmocka_unit_test_setup_teardown(a_link_stays_one, begin, end),
        cmocka_unit_test_setup_teardown(a_path_stays_where_it_is, begin, end),
        cmocka_unit_test_setup_teardown(root_leaves_the_file_to_its_owner_where_root_runs_this, begin, end),
        cmocka_unit_test_setup_teardown(root_takes_no_file_that_another_user_can_have_planted_where_root_runs_this,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_killed_processes_left_goes_with_the_next_saving, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
