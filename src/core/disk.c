/* disk.c: files that appear whole or not at all (see fusioo.h and disk.h).
 * Owns: the file beside the one that is to be. Must not know: where its bytes come from. */
#include "disk.h"

#include "alloc.h"
#include "error.h"
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct fusioo_file {
    int fd;
    char *path, *beside;
    bool is_there; /* the file beside */
    bool secret;   /* for its owner alone, whoever could read the one before */
    bool reserved; /* it may be longer than what was written */
    pid_t process; /* whose it is: a forked child must not take it from its parent */
};

static bool fail(fusioo_error *error, const char *what, const char *path) {
    return fu_error_set(error, FUSIOO_INVALID, "cannot %s '%.200s': %s", what, path, strerror(errno));
}

/* Opens a new file beside the one that is to be: a rename replaces only within one file system. Its name is short,
 * since a name may have 255 bytes and the final one may use them up. */
static bool open_beside(fusioo_file *file, fusioo_error *error) {
    const char *slash = strrchr(file->path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - file->path) + 1;
    size_t size = (size_t)folder + sizeof ".fusioo.part-0123456789abcdef.secret";
    file->beside = fu_malloc(size);
    if (file->beside == NULL) {
        return fu_error_memory(error);
    }
    do {
        uint64_t number = 0;
        fu_random_bytes(&number, sizeof number);
        snprintf(file->beside, size, "%.*s.fusioo.part-%016llx%s", folder, file->path, (unsigned long long)number,
                 file->secret ? ".secret" : "");
        file->fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->secret ? 0600 : 0666);
    } while (file->fd < 0 && errno == EEXIST);
    file->is_there = file->fd >= 0;
    if (file->is_there && file->secret) {
        fchmod(file->fd, 0600); /* a umask may take from its owner, too, what can be done with it */
    }
    return file->is_there || fail(error, "write", file->path);
}

static bool follow_link(fusioo_file *file, fusioo_error *error) {
    struct stat found;
    if (lstat(file->path, &found) != 0 || !S_ISLNK(found.st_mode)) {
        return true;
    }
    char *end = realpath(file->path, NULL);
    if (end == NULL) {
        return fail(error, "follow the link", file->path);
    }
    fu_free(file->path);
    file->path = fu_strdup(end);
    free(end);
    return file->path != NULL || fu_error_memory(error);
}

static fusioo_file *create(const char *path, bool secret, fusioo_error *error) {
    struct stat found;
    fusioo_file *file = fu_calloc(1, sizeof *file);
    if (file == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    file->fd = -1;
    file->secret = secret;
    file->process = getpid();
    file->path = fu_strdup(path);
    bool good = file->path != NULL;
    if (!good) {
        fu_error_memory(error);
    } else if (stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
        errno = EISDIR;
        good = fail(error, "write", path);
    } else if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        /* A rename would put a file in the place of a pipe or a device: /dev/null, say. */
        good = fu_error_set(error, FUSIOO_INVALID, "cannot replace '%.200s': it is no regular file", path);
    } else {
        good = (!secret || follow_link(file, error)) && open_beside(file, error);
    }
    if (good && secret) {
        flock(file->fd, LOCK_EX | LOCK_NB); /* fu_state_tidy leaves it alone; where locks are unknown its age must do */
    }
    if (!good) {
        fusioo_file_discard(file);
        return NULL;
    }
    return file;
}

fusioo_file *fusioo_file_create(const char *path, fusioo_error *error) {
    return create(path, false, error);
}

fusioo_file *fu_file_create_secret(const char *path, fusioo_error *error) {
    return create(path, true, error);
}

const char *fu_file_path(const fusioo_file *file) {
    return file->path;
}

/* A forked child shares the descriptor, and its place in the file, with its parent. */
static bool is_own(const fusioo_file *file, fusioo_error *error) {
    return file->process == getpid() ||
           fu_error_set(error, FUSIOO_INVALID, "the process forked while the file was written: it is the parent's");
}

bool fusioo_file_write(fusioo_file *file, const char *bytes, size_t size, fusioo_error *error) {
    if (!is_own(file, error)) {
        return false;
    }
    while (size > 0) {
        ssize_t written = write(file->fd, bytes, size);
        if (written < 0 && errno != EINTR) {
            return fail(error, "write", file->beside);
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool fu_file_reserve(fusioo_file *file, size_t size, fusioo_error *error) {
#if defined(__APPLE__)
    int number = ENOTSUP; /* it has no such call */
    (void)size;
#else
    int number = posix_fallocate(file->fd, 0, (off_t)size);
#endif
    file->reserved = true;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
        errno = number;
        return fail(error, "write", file->path);
    }
    return true; /* a file system that cannot do it is none that must not be used */
}

bool fusioo_file_restart(fusioo_file *file, fusioo_error *error) {
    if (!is_own(file, error)) {
        return false;
    }
    bool good = ftruncate(file->fd, 0) == 0 && lseek(file->fd, 0, SEEK_SET) == 0;
    return good || fail(error, "shorten", file->beside);
}

/* A name is as safe as its folder: without this a crash could undo the rename. Not every file system allows it, so that
 * a failure is none of ours. */
static void sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? fu_strdup(".") : fu_strdup(path);
    if (folder == NULL) {
        return;
    }
    if (slash != NULL) {
        folder[slash == path ? 1 : slash - path] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    fu_free(folder);
}

bool fusioo_file_commit(fusioo_file *file, fusioo_error *error) {
    struct stat old;
    if (!is_own(file, error)) {
        fusioo_file_discard(file);
        return false;
    }
    bool good = true;
    bool replaces = stat(file->path, &old) == 0;
    if (replaces && !file->secret) {
        fchmod(file->fd, old.st_mode & 07777); /* who could read the file before can read the new one */
    } else if (replaces && old.st_uid != geteuid()) {
        /* Of a user whose secret root keeps: it stays theirs. */
        good = fchown(file->fd, old.st_uid, old.st_gid) == 0 || fail(error, "keep the owner of", file->path);
    }
    good = good && (!file->reserved || ftruncate(file->fd, lseek(file->fd, 0, SEEK_CUR)) == 0 ||
                    fail(error, "shorten", file->beside));
    good = good && (fsync(file->fd) == 0 || fail(error, "save", file->beside));
    if (file->secret) {
        flock(file->fd, LOCK_UN); /* a forked child may have it open, too */
    }
    bool closed = close(file->fd) == 0;
    file->fd = -1;
    good = good && (closed || fail(error, "save", file->beside));
    good = good && (rename(file->beside, file->path) == 0 || fail(error, "replace", file->path));
    if (good) {
        sync_folder(file->path);
        file->is_there = false;
    }
    fusioo_file_discard(file);
    return good;
}

void fusioo_file_discard(fusioo_file *file) {
    if (file == NULL) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    if (file->is_there && file->process == getpid()) {
        unlink(file->beside);
    }
    fu_free(file->beside);
    fu_free(file->path);
    fu_free(file);
}
