/* ledger.h: the book of the company's calls in a file that processes share.
 *
 * Owns: when the file is read, written, given up for a while. Must not know: what entries mean, who waits.
 * Nothing here blocks: a lock that another process holds is tried again later by the caller. Where the file cannot be
 * had (a full disk, no permission), the book goes on in memory and the file is tried again once in a while.
 * Changes are written when the file is let go of, the entries before the head: a process that dies in between has
 * entered calls that it never sent, and nothing is lost. They are not forced to the disk: a crash of the machine may
 * cost the latest ones, and then a 429 says so. */
#ifndef FU_LEDGER_H
#define FU_LEDGER_H

#include "book.h"
#include "clock.h"
#include "fusioo.h"
#include "locked.h"

#include <stdbool.h>
#include <sys/types.h>

struct fu_ledger {
    struct fu_book book;
    struct fu_locked file;
    char *path;
    mode_t mode; /* of a file that is made */
    struct fu_clock clock;
    unsigned char boot[FU_BOOT_SIZE];
    bool held;         /* the file is locked */
    double busy_since; /* another process holds it all the time since; negative: no */
    double retry_at;   /* the file cannot be had: when to try again; negative: it can */
    bool no_memory;    /* that is why */
    char *bytes;       /* room for the file */
    size_t room;
    char trouble[400]; /* why the file cannot be had */
    char news[640];    /* what the user should hear; "": nothing */
};

enum fu_access {
    FU_ACCESS_SAME, /* locked; nothing has changed */
    FU_ACCESS_NEWS, /* locked; the book has changed */
    FU_ACCESS_BUSY, /* not now: try again soon */
    FU_ACCESS_ALONE /* the file cannot be had: the book in memory has to do */
};

/* Makes a ledger of the file at `path`, which is made with `mode` at its first use. NULL: FUSIOO_MEMORY, or
 * FUSIOO_NETWORK (no randomness). */
struct fu_ledger *fu_ledger_open(const char *path, mode_t mode, struct fu_clock clock, fusioo_error *error);

/* Frees it. What was not written is lost. NULL is fine. */
void fu_ledger_close(struct fu_ledger *ledger);

/* Locks the file and takes in what others changed; `calls` in `span` seconds is the limit that is asked for. */
enum fu_access fu_ledger_take(struct fu_ledger *ledger, int calls, double span, double now);

/* Writes what was changed, if the file is locked, and lets go of it. */
void fu_ledger_drop(struct fu_ledger *ledger);

#endif
