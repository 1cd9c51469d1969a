/* state.c: the folder in which this library keeps what outlives a process (see state.h).
 * Owns: where it is. Must not know: what is kept there. */
#include "state.h"

#include "alloc.h"
#include "buffer.h"
#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* An absolute path from the environment, as the rule for XDG folders has it; NULL: there is none. */
static const char *folder_of(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

static const char *home(void) {
    const char *folder = folder_of("HOME");
    if (folder != NULL) {
        return folder;
    }
    const struct passwd *user = getpwuid(geteuid()); /* under cron and in services HOME may be missing */
    return user != NULL && user->pw_dir != NULL && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static bool put_folder(struct fu_buffer *path, fusioo_error *error) {
    const char *folder = folder_of("XDG_STATE_HOME");
    if (folder != NULL) {
        fu_buffer_puts(path, folder);
    } else if ((folder = home()) != NULL) {
        fu_buffer_puts(path, folder);
        fu_buffer_puts(path, "/.local/state");
    } else {
        return fu_error_set(error, FUSIOO_INVALID, "there is no state folder: set XDG_STATE_HOME or HOME");
    }
    fu_buffer_puts(path, "/fusioo");
    return !path->failed || fu_error_memory(error);
}

bool fu_state_make_folders(char *path, fusioo_error *error) {
    struct stat found;
    for (char *at = path + 1;; at++) {
        char byte = *at;
        if (byte != '/' && byte != '\0') {
            continue;
        }
        *at = '\0';
        int result = mkdir(path, 0700);
        int number = errno;
        if (result != 0 && !(stat(path, &found) == 0 && S_ISDIR(found.st_mode))) {
            return fu_error_set(error, FUSIOO_INVALID, "cannot make the folder '%.200s': %s", path, strerror(number));
        }
        *at = byte;
        if (byte == '\0') {
            return true;
        }
    }
}

bool fu_state_path(const char *name, char **path, fusioo_error *error) {
    struct fu_buffer text = FU_BUFFER_EMPTY;
    struct stat found;
    bool good = put_folder(&text, error) && text.data != NULL;
    good =
        good && ((stat(text.data, &found) == 0 && S_ISDIR(found.st_mode)) || fu_state_make_folders(text.data, error));
    if (good) {
        fu_buffer_putc(&text, '/');
        fu_buffer_puts(&text, name);
        good = !text.failed || fu_error_memory(error);
    }
    if (!good) {
        fu_buffer_free(&text);
        return false;
    }
    *path = text.data;
    return true;
}

/* Whoever is at work with a file has it locked, however long ago it was made: the machine may have slept. */
static bool is_left_behind(int folder, const char *name, double age) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode) ||
        found.st_uid != geteuid() || difftime(time(NULL), found.st_mtime) <= age) {
        return false;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    /* EBADF: of NFS, which locks what can be written alone, so that nothing is known of it. */
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EBADF);
    if (fd >= 0) {
        close(fd);
    }
    return !locked;
}

/* Opens the folder in which `path` is; NULL: it cannot be had. */
static DIR *open_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = fu_strdup(slash != NULL ? path : "./");
    if (name == NULL) {
        return NULL;
    }
    if (slash != NULL) {
        name[slash - path + 1] = '\0';
    }
    DIR *folder = opendir(name);
    fu_free(name);
    return folder;
}

void fu_state_tidy(const char *path, const char *pattern, double age) {
    DIR *folder = open_folder_of(path);
    if (folder == NULL) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (fnmatch(pattern, entry->d_name, 0) == 0 && is_left_behind(dirfd(folder), entry->d_name, age)) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}
