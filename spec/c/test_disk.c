/* test_disk.c: files that appear whole or not at all. */
#include "fusioo.h"

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static fusioo_error error;

static int begin(void **state) {
    (void)state;
    strcpy(folder, "/tmp/fusioo-disk.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

/* How many files the folder has. */
static int count_files(void) {
    int count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(listing);
    return count;
}

static int end(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder); /* nothing but the file may be left */
}

static void assert_content(const char *text) {
    char content[100] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(content, 1, sizeof content - 1, file);
    fclose(file);
    assert_int_equal(size, strlen(text));
    assert_string_equal(content, text);
}

static fusioo_file *create(void) {
    fusioo_file *file = fusioo_file_create(path, &error);
    if (file == NULL) {
        fail_msg("%s", error.message);
    }
    return file;
}

static void it_has_its_name_at_the_end_alone(void **state) {
    (void)state;
    fusioo_file *file = create();
    assert_true(fusioo_file_write(file, "abc", 3, &error));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(fusioo_file_write(file, "de", 2, &error));
    assert_true(fusioo_file_commit(file, &error));
    assert_content("abcde");
    assert_int_equal(count_files(), 1);
}

static void what_is_given_up_leaves_nothing(void **state) {
    (void)state;
    fusioo_file *file = create();
    assert_true(fusioo_file_write(file, "abc", 3, &error));
    assert_int_equal(count_files(), 1);
    fusioo_file_discard(file);
    assert_int_equal(count_files(), 0);
    fusioo_file_discard(NULL);
}

static void it_can_begin_again(void **state) {
    (void)state;
    fusioo_file *file = create();
    assert_true(fusioo_file_write(file, "abcdef", 6, &error));
    assert_true(fusioo_file_restart(file, &error));
    assert_true(fusioo_file_write(file, "xy", 2, &error));
    assert_true(fusioo_file_commit(file, &error));
    assert_content("xy");
}

static void the_old_file_stays_until_then_and_lends_its_mode(void **state) {
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "old", 3), 3);
    close(fd);
    assert_int_equal(chmod(path, 0640), 0);
    fusioo_file *file = create();
    assert_true(fusioo_file_write(file, "new", 3, &error));
    assert_content("old");
    assert_true(fusioo_file_commit(file, &error));
    assert_content("new");
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0640);
}

static void a_folder_is_refused(void **state) {
    (void)state;
    assert_null(fusioo_file_create(folder, &error));
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_non_null(strstr(error.message, folder));
    assert_null(fusioo_file_create("/nowhere/at/all", &error));
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_int_equal(count_files(), 0);
}

static void the_longest_name_will_do(void **state) {
    (void)state;
    char name[255 + 1];
    char whole[sizeof folder + sizeof name + 1];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    fusioo_file *file = fusioo_file_create(whole, &error);
    assert_non_null(file);
    assert_true(fusioo_file_commit(file, &error));
    assert_int_equal(access(whole, F_OK), 0);
    unlink(whole);
}

static void a_forked_child_does_not_take_it_away(void **state) {
    (void)state;
    fusioo_file *file = create();
    assert_true(fusioo_file_write(file, "abc", 3, &error));
    pid_t child = fork();
    if (child == 0) {
        _exit(fusioo_file_commit(file, &error) ? 1 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(fusioo_file_commit(file, &error));
    assert_content("abc");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_has_its_name_at_the_end_alone),
        TEST(what_is_given_up_leaves_nothing),
        TEST(it_can_begin_again),
        TEST(the_old_file_stays_until_then_and_lends_its_mode),
        TEST(a_folder_is_refused),
        TEST(the_longest_name_will_do),
        TEST(a_forked_child_does_not_take_it_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
