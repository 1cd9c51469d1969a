/* book.h: what the ledger holds: the company's calls and who waits for one, as all processes that share it see them.
 *
 * Owns: the entries, their form in the file, what is believed of a file that is damaged or of another start of the
 * machine. Must not know: files, locks, clocks (bytes and times come in).
 * The book in memory is what the file held when it was read last, and what this process has changed since: those
 * entries are marked until they are written. An entry is written by the process whose call or wait it is, except that
 * anybody may bury the entries of the dead and use those again that no window can hold any more. */
#ifndef FU_BOOK_H
#define FU_BOOK_H

#include "process.h"
#include "refusal.h"
#include "window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The places that a book has for a limit of so many calls; more than that many calls no book takes. */
enum { FU_BOOK_LEAST = 1024, FU_BOOK_MOST = 65536, FU_BOOK_CALLS = FU_BOOK_MOST / 2 };

enum fu_entry_state {
    FU_ENTRY_FREE,
    FU_ENTRY_UNDER_WAY, /* a call that may have left and has not ended */
    FU_ENTRY_COUNTED,   /* one that the service may have counted */
    FU_ENTRY_WAITING    /* a process's place in the line of processes */
};

/* One entry, as it stands in the file. */
struct fu_book_entry {
    uint32_t sum; /* of all that follows */
    uint8_t state, unused[3];
    double time;     /* when it began, when it ended, when its owner will look again; by the machine's clock */
    double calls;    /* waiting: the limit of who waits */
    uint64_t owner;  /* a random number that names the book in memory whose entry it is */
    uint32_t pid;    /* of its process */
    uint32_t born;   /* likewise */
    uint32_t number; /* of the call among its owner's, or of the place in line among all */
    char tag[20];    /* of the client, cut to fit; ends with a NUL */
};

/* What stands before the entries in the file. */
struct fu_book_head {
    char magic[8];        /* names the form, too: another form would have another one */
    uint32_t places;      /* entries */
    uint32_t next_number; /* of a place in line */
    uint64_t generation;  /* grows with each change */
    unsigned char boot[FU_BOOT_SIZE];
    double written, wall; /* when it was changed last, by both clocks */
    double span;          /* the longest window that was asked for */
    struct fu_refusal refusal;
    unsigned char unused[36];
    uint32_t sum; /* of all that stands before it */
};

struct fu_book {
    struct fu_book_head head;
    struct fu_book_entry *entries;
    unsigned char *changed; /* entry by entry: not written yet */
    uint32_t low, high;     /* the first that was changed, and the one behind the last; equal: none */
    double *times;          /* room for fu_book_fill */
    bool head_changed;
    bool known; /* it was read from the file, or made, before */
    struct fu_process self;
    uint64_t owner;
    uint32_t last_number; /* of a call */
    uint32_t next_place;  /* where to look for a free one first */
    uint32_t own_place;   /* where this process's place in line was last */
    bool has_line;        /* somebody may stand in line */
};

/* The times that a book is read at: the machine's clock, the wall clock, and the machine's start. */
struct fu_moment {
    double now, wall;
    unsigned char boot[FU_BOOT_SIZE];
};

/* What became of the bytes of a file. */
enum fu_book_found {
    FU_BOOK_SAME,   /* nothing that was not known */
    FU_BOOK_NEWS,   /* others have changed it */
    FU_BOOK_MADE,   /* the file was empty and nothing was known: all of it is to be written */
    FU_BOOK_MENDED, /* it was damaged: what could be saved, and what this process knew, is to be written */
    FU_BOOK_OTHER,  /* it is no book, and never was one: it must not be touched */
    FU_BOOK_FAILED  /* no memory */
};

/* Makes an empty book of a limit of `calls` calls. False: no memory. fu_book_close frees it. */
bool fu_book_open(struct fu_book *book, uint64_t owner, struct fu_process self, int calls);

/* Frees what it holds. */
void fu_book_close(struct fu_book *book);

/* In a forked child: whatever is under way or waits is the parent's, and so is the writing of it. `owner` is the
 * child's own number. */
void fu_book_forked(struct fu_book *book, uint64_t owner, struct fu_process self);

/* Bytes of the file that the book fills. */
size_t fu_book_size(const struct fu_book *book);

/* Is `head` that of a book in the state that is known? Then nothing else need be read. */
bool fu_book_is_current(const struct fu_book *book, const struct fu_book_head *head);

/* Takes in the `size` bytes of a file. `why` becomes what was wrong with it (MENDED), static. */
enum fu_book_found fu_book_read(struct fu_book *book, const void *bytes, size_t size, const struct fu_moment *moment,
                                const char **why);

/* Notes that somebody asks for a window of `calls` calls in `span` seconds. False: no memory for as many. */
bool fu_book_fit(struct fu_book *book, int calls, double span);

/* Is there something that the file does not have yet? */
bool fu_book_is_changed(const struct fu_book *book);

/* What was changed is in the file now. */
void fu_book_written(struct fu_book *book);

/* Seals what is marked before it is written: sums, times, the next generation. */
void fu_book_seal(struct fu_book *book, const struct fu_moment *moment);

/* Enters a call that is about to be sent. `tag` may be NULL. Returns its number; 0: there is no place. */
uint32_t fu_book_begin(struct fu_book *book, const char *tag, double now);

/* The call has ended at `now`. `counted`: the service may have counted it. One whose entry is gone is entered anew. */
void fu_book_end(struct fu_book *book, uint32_t number, double now, bool counted);

/* Enters a call that has ended already. */
void fu_book_note(struct fu_book *book, const char *tag, double now);

/* Puts this process into the line of processes, or keeps its place there. `calls`: the highest limit of who waits in
 * it; `due`: when it will look again. */
void fu_book_wait(struct fu_book *book, int calls, double due, double now);

/* Takes it out of the line. */
void fu_book_unwait(struct fu_book *book);

/* How many other processes stand in line before this one (all of them, where it does not stand in it) and would take a
 * call before somebody whose limit is `calls`. */
int fu_book_ahead(struct fu_book *book, int calls, double now);

/* Ends what the dead had under way, as late as the service may have counted it, and takes them out of the line. True:
 * something changed. */
bool fu_book_bury(struct fu_book *book, double now);

/* Fills `window` with the calls that the book holds. `trying`: how many under way were granted since the last 429.
 * False: no memory. */
bool fu_book_fill(const struct fu_book *book, struct fu_window *window, double now, unsigned *trying);

#endif
