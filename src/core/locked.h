/* locked.h: a file that several processes take turns with.
 *
 * Owns: the lock, and that what is locked is the file under its name. Must not know: what stands in the file.
 * The lock is tried and never waited for. It is flock's: it falls with the process, whatever ends it, and with nothing
 * else. The file is open while it is locked and no longer: only a child that is forked meanwhile inherits it. Who holds
 * the lock may also put another file under the name (fusioo_file in fusioo.h): whoever locks next finds that one. */
#ifndef FU_LOCKED_H
#define FU_LOCKED_H

#include "fusioo.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum fu_lock {
    FU_LOCK_HELD,
    FU_LOCK_BUSY,  /* another process holds it: try again soon */
    FU_LOCK_FAILED /* the file cannot be had: `error` says why */
};

struct fu_locked {
    int fd;
    const char *path; /* the caller's */
    size_t size;      /* bytes in the file when it was locked */
    pid_t process;    /* who locked it */
};

/* Opens `path`, makes it with `mode` where it is not there, and locks it. `error`: FUSIOO_INVALID. */
enum fu_lock fu_locked_take(struct fu_locked *file, const char *path, mode_t mode, fusioo_error *error);

/* Reads `size` bytes at `offset`. False: FUSIOO_INVALID, also where the file is shorter. */
bool fu_locked_read(const struct fu_locked *file, size_t offset, void *bytes, size_t size, fusioo_error *error);

/* Writes `size` bytes at `offset`; a file that is shorter grows. False: FUSIOO_INVALID. */
bool fu_locked_write(struct fu_locked *file, size_t offset, const void *bytes, size_t size, fusioo_error *error);

/* Closes the file and lets others have it, also where a forked child still holds a copy. In such a child the copy alone
 * is closed. */
void fu_locked_drop(struct fu_locked *file);

#endif
