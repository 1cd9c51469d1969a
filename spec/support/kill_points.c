/* kill_points.c: a library that is preloaded into a program of the specs and kills it at one of the places where what
 * is on the disk, or what the service knows, is about to change.
 *
 * Owns: the counting of those places. Must not know: the library under test.
 *
 * KILL_IN is a folder: every call that opens, locks, writes, forces, renames, removes or closes a file in it is such a
 * place, and so is every call that sends to or receives from a socket. Number KILL_AT is not carried out any more. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_FILES = 1024 };

static bool inside[MOST_FILES]; /* by descriptor */
static long count;

static void pass_point(void) {
    const char *at = getenv("KILL_AT");
    if (at != NULL && ++count == strtol(at, NULL, 10)) {
        kill(getpid(), SIGKILL);
    }
}

static bool is_inside(const char *path) {
    const char *folder = getenv("KILL_IN");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static bool is_known(int fd) {
    return fd >= 0 && fd < MOST_FILES && inside[fd];
}

/* The function of that name behind this library. */
static void find(void *function, const char *name) {
    *(void **)function = dlsym(RTLD_NEXT, name);
}

int open(const char *file, int oflag, ...) {
    int (*next)(const char *, int, ...);
    mode_t mode = 0;
    if ((oflag & O_CREAT) != 0) {
        va_list values;
        va_start(values, oflag);
        mode = (mode_t)va_arg(values, int);
        va_end(values);
    }
    find(&next, "open");
    if (!is_inside(file)) {
        return next(file, oflag, mode);
    }
    pass_point();
    int fd = next(file, oflag, mode);
    if (fd >= 0 && fd < MOST_FILES) {
        inside[fd] = true;
    }
    return fd;
}

int close(int fd) {
    int (*next)(int);
    find(&next, "close");
    if (is_known(fd)) {
        pass_point();
        inside[fd] = false;
    }
    return next(fd);
}

ssize_t write(int fd, const void *buf, size_t n) {
    ssize_t (*next)(int, const void *, size_t);
    find(&next, "write");
    if (is_known(fd)) {
        pass_point();
        /* One half is written where it dies between them. */
        ssize_t half = n > 1 ? next(fd, buf, n / 2) : 0;
        pass_point();
        ssize_t rest = half >= 0 ? next(fd, (const char *)buf + half, n - (size_t)half) : -1;
        return rest >= 0 ? half + rest : rest;
    }
    return next(fd, buf, n);
}

int flock(int fd, int operation) {
    int (*next)(int, int);
    find(&next, "flock");
    if (is_known(fd)) {
        pass_point();
    }
    return next(fd, operation);
}

int fsync(int fd) {
    int (*next)(int);
    find(&next, "fsync");
    if (is_known(fd)) {
        pass_point();
    }
    return next(fd);
}

int ftruncate(int fd, off_t length) {
    int (*next)(int, off_t);
    find(&next, "ftruncate");
    if (is_known(fd)) {
        pass_point();
    }
    return next(fd, length);
}

int posix_fallocate(int fd, off_t offset, off_t len) {
    int (*next)(int, off_t, off_t);
    find(&next, "posix_fallocate");
    if (is_known(fd)) {
        pass_point();
    }
    return next(fd, offset, len);
}

int rename(const char *old, const char *new) {
    int (*next)(const char *, const char *);
    find(&next, "rename");
    if (is_inside(new)) {
        pass_point();
    }
    return next(old, new);
}

int unlink(const char *name) {
    int (*next)(const char *);
    find(&next, "unlink");
    if (is_inside(name)) {
        pass_point();
    }
    return next(name);
}

ssize_t send(int fd, const void *buf, size_t n, int flags) {
    ssize_t (*next)(int, const void *, size_t, int);
    find(&next, "send");
    pass_point();
    return next(fd, buf, n, flags);
}

ssize_t recv(int fd, void *buf, size_t n, int flags) {
    ssize_t (*next)(int, void *, size_t, int);
    find(&next, "recv");
    pass_point();
    return next(fd, buf, n, flags);
}
