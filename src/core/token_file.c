/* token_file.c: the file in which a token is kept (see token_file.h).
 * Owns: the look at who may see it. Must not know: what a token looks like. */
#include "token_file.h"

#include "alloc.h"
#include "disk.h"
#include "error.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tokens are a few thousand bytes: what is larger is some other file. */
enum { MOST_BYTES = 1024 * 1024, MOST_LIKELY = 16 * 1024 };

/* Seconds after which a file beside the token's is no longer one that is being written: its process was killed. */
#define LEFT_BEHIND 600.0

static bool fail(fusioo_error *error, const char *what, const char *path, int number) {
    return fu_error_set(error, FUSIOO_INVALID, "cannot %s the token file '%.200s': %s", what, path, strerror(number));
}

static bool fail_owner(const char *path, fusioo_error *error) {
    return fu_error_set(error, FUSIOO_INVALID,
                        "the token file '%.200s' belongs to another user%s: each user needs a file of their own", path,
                        geteuid() == 0 ? ", in a folder where others can put files" : "");
}

/* Whose file may it be? The user's own; root also works for those who have a file in a folder of their own, where
 * nobody else can have put it. */
static bool is_owned_well(const struct stat *found, const char *path) {
    struct stat folder;
    if (found->st_uid == geteuid()) {
        return true;
    }
    char *end = geteuid() == 0 ? realpath(path, NULL) : NULL;
    char *slash = end != NULL ? strrchr(end, '/') : NULL;
    if (slash != NULL) {
        slash[slash == end ? 1 : 0] = '\0';
    }
    bool good = slash != NULL && stat(end, &folder) == 0 && (folder.st_mode & 022) == 0 &&
                (folder.st_uid == found->st_uid || folder.st_uid == 0);
    free(end);
    return good;
}

/* Is it a file that nobody else could have read or written? */
static bool check(const struct stat *found, const char *path, fusioo_error *error) {
    if (!S_ISREG(found->st_mode)) {
        return fu_error_set(error, FUSIOO_INVALID, "the token file '%.200s' is no regular file", path);
    }
    if (!is_owned_well(found, path)) {
        return fail_owner(path, error);
    }
    if ((found->st_mode & 077) != 0) {
        return fu_error_set(error, FUSIOO_INVALID,
                            "others can read or write the token file '%.150s' (mode %04o): if they are trusted, run "
                            "chmod 600 on it; else remove it and sign in again",
                            path, (unsigned)(found->st_mode & 07777));
    }
    if (found->st_size > MOST_BYTES) {
        return fu_error_set(error, FUSIOO_INVALID, "the token file '%.200s' is too large to hold a token", path);
    }
    return true;
}

/* Reads to the end, wherever that is by now. */
static bool read_all(int fd, const char *path, struct fu_buffer *text, fusioo_error *error) {
    enum { PIECE = 4096 };
    for (;;) {
        if (!fu_buffer_reserve(text, PIECE)) {
            return fu_error_memory(error);
        }
        ssize_t count = read(fd, text->data + text->size, PIECE);
        if (count < 0 && errno != EINTR) {
            return fail(error, "read", path, errno);
        }
        if (count == 0) {
            return true;
        }
        if (count > 0) {
            text->size += (size_t)count;
            text->data[text->size] = '\0';
        }
        if (text->size > MOST_BYTES) {
            return fu_error_set(error, FUSIOO_INVALID, "the token file '%.200s' is too large to hold a token", path);
        }
    }
}

bool fu_token_file_read(const char *path, struct fu_buffer *text, fusioo_error *error) {
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe would wait for its other end */
    if (fd < 0) {
        return errno == ENOENT || fail(error, "open", path, errno);
    }
    bool good = fstat(fd, &found) == 0 || fail(error, "look at", path, errno);
    good = good && check(&found, path, error) && read_all(fd, path, text, error);
    close(fd);
    return good;
}

bool fu_token_file_place(const char *path, char **place, fusioo_error *error) {
    char *folder = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    if (path[0] != '/' && folder == NULL) {
        return fail(error, "find the folder of", path, errno);
    }
    struct fu_buffer text = FU_BUFFER_EMPTY;
    if (folder != NULL) {
        fu_buffer_puts(&text, folder);
        fu_buffer_putc(&text, '/');
    }
    bool good = fu_buffer_puts(&text, path);
    free(folder);
    *place = good ? text.data : NULL;
    if (!good) {
        fu_buffer_free(&text);
        return fu_error_memory(error);
    }
    return true;
}

bool fu_token_file_prepare(const char *path, fusioo_error *error) {
    struct stat found;
    if (lstat(path, &found) == 0 && S_ISLNK(found.st_mode) && stat(path, &found) != 0 && errno == ENOENT) {
        return fu_error_set(
            error, FUSIOO_INVALID,
            "the token file '%.200s' is a link to a file that is not there: make an empty one, with mode "
            "0600, or remove the link",
            path);
    }
    if (stat(path, &found) == 0 && !is_owned_well(&found, path)) {
        return fail_owner(path, error); /* a new one would be left to that user */
    }
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return true;
    }
    char *folder = fu_strdup(path);
    if (folder == NULL) {
        return fu_error_memory(error);
    }
    folder[slash - path] = '\0';
    bool good = (stat(folder, &found) == 0 && S_ISDIR(found.st_mode)) || fu_state_make_folders(folder, error);
    fu_free(folder);
    return good;
}

fusioo_file *fu_token_file_begin(const char *path, fusioo_error *error) {
    fusioo_file *file = fu_token_file_prepare(path, error) ? fu_file_create_secret(path, error) : NULL;
    if (file != NULL && !fu_file_reserve(file, MOST_LIKELY, error)) {
        fusioo_file_discard(file);
        return NULL;
    }
    return file;
}

bool fu_token_file_end(fusioo_file *file, const char *bytes, size_t size, fusioo_error *error) {
    if (!fusioo_file_write(file, bytes, size, error)) {
        fusioo_file_discard(file);
        return false;
    }
    fu_state_tidy(fu_file_path(file), FU_SECRET_PATTERN, LEFT_BEHIND); /* such files hold tokens */
    return fusioo_file_commit(file, error);
}

bool fu_token_file_write(const char *path, const char *bytes, size_t size, fusioo_error *error) {
    fusioo_file *file = fu_token_file_begin(path, error);
    return file != NULL && fu_token_file_end(file, bytes, size, error);
}
