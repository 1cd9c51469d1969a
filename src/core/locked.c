/* locked.c: a file that several processes take turns with (see locked.h).
 * Owns: the lock. Must not know: what stands in the file. */
#include "locked.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever puts another file under the name does so once in a while: nobody meets it so often in a row. */
enum { MOST_TRIES = 8 };

static bool fail(fusioo_error *error, const char *what, const char *path, int number) {
    return fu_error_set(error, FUSIOO_INVALID, "cannot %s '%.200s': %s", what, path, strerror(number));
}

/* A umask may take from its owner, too, what can be done with the file: the next one to open it could not. */
static void give_owner(int fd) {
    struct stat found;
    if (fstat(fd, &found) == 0 && (found.st_mode & 0600) != 0600) {
        fchmod(fd, (found.st_mode & 07777) | 0600);
    }
}

/* Without O_CREAT first: in a folder like /tmp the system refuses it for another user's file. O_NONBLOCK: a pipe would
 * wait for its other end. */
static int open_or_make(const char *path, mode_t mode) {
    const int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    for (int i = 0; i < MOST_TRIES; i++) {
        int fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT) {
            return fd;
        }
        fd = open(path, flags | O_CREAT | O_EXCL, mode);
        if (fd >= 0) {
            give_owner(fd);
        }
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

static enum fu_lock lock(const struct fu_locked *file, fusioo_error *error) {
    int result;
    do {
        result = flock(file->fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return FU_LOCK_HELD;
    }
    if (errno == EWOULDBLOCK) {
        return FU_LOCK_BUSY;
    }
    fail(error, "lock", file->path, errno);
    return FU_LOCK_FAILED;
}

/* Is the open file still the one under its name? `found` becomes what is known of it. */
static bool is_current(const struct fu_locked *file, struct stat *found) {
    struct stat named;
    return fstat(file->fd, found) == 0 && stat(file->path, &named) == 0 && named.st_ino == found->st_ino &&
           named.st_dev == found->st_dev;
}

static enum fu_lock try_once(struct fu_locked *file, mode_t mode, bool *again, fusioo_error *error) {
    struct stat found;
    *again = false;
    file->fd = open_or_make(file->path, mode);
    if (file->fd < 0) {
        if (errno == EACCES) {
            fu_error_set(error, FUSIOO_INVALID,
                         "cannot open '%.200s': %s; who shares it needs leave to read and write it", file->path,
                         strerror(errno));
        } else {
            fail(error, "open", file->path, errno);
        }
        return FU_LOCK_FAILED;
    }
    enum fu_lock result = lock(file, error);
    if (result == FU_LOCK_HELD && !is_current(file, &found)) {
        *again = true; /* replaced or removed between the opening and the locking */
        result = FU_LOCK_BUSY;
    } else if (result == FU_LOCK_HELD && !S_ISREG(found.st_mode)) {
        fu_error_set(error, FUSIOO_INVALID, "cannot use '%.200s': it is no regular file", file->path);
        result = FU_LOCK_FAILED;
    }
    if (result != FU_LOCK_HELD) {
        fu_locked_drop(file);
        return result;
    }
    file->size = (size_t)found.st_size;
    return FU_LOCK_HELD;
}

enum fu_lock fu_locked_take(struct fu_locked *file, const char *path, mode_t mode, fusioo_error *error) {
    bool again = true;
    enum fu_lock result = FU_LOCK_BUSY;
    *file = (struct fu_locked){.fd = -1, .path = path, .process = getpid()};
    for (int i = 0; i < MOST_TRIES && again; i++) {
        result = try_once(file, mode, &again, error);
    }
    return result;
}

bool fu_locked_read(const struct fu_locked *file, size_t offset, void *bytes, size_t size, fusioo_error *error) {
    char *at = bytes;
    while (size > 0) {
        ssize_t count = pread(file->fd, at, size, (off_t)offset);
        if (count == 0) {
            return fu_error_set(error, FUSIOO_INVALID, "'%.200s' is cut off", file->path);
        }
        if (count < 0 && errno != EINTR) {
            return fail(error, "read", file->path, errno);
        }
        if (count > 0) {
            at += count;
            offset += (size_t)count;
            size -= (size_t)count;
        }
    }
    return true;
}

bool fu_locked_write(struct fu_locked *file, size_t offset, const void *bytes, size_t size, fusioo_error *error) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = pwrite(file->fd, at, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return fail(error, "write", file->path, count < 0 ? errno : ENOSPC);
        }
        at += count;
        offset += (size_t)count;
        size -= (size_t)count;
    }
    if (offset > file->size) {
        file->size = offset;
    }
    return true;
}

void fu_locked_drop(struct fu_locked *file) {
    if (file->fd >= 0) {
        if (file->process == getpid()) {
            flock(file->fd, LOCK_UN);
        }
        close(file->fd);
        file->fd = -1;
    }
}
