/* context.h: what the calls of one engine share, and the queue of needs.
 *
 * Owns: the queue, the numbers that name things. Must not know: what a call or a pager does. */
#ifndef FU_CONTEXT_H
#define FU_CONTEXT_H

#include "buffer.h"
#include "fusioo.h"
#include "http.h"
#include "random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the queue of needs; it lives inside what has the need. */
struct fu_need {
    fusioo_need need;
    struct fu_need *next, **place; /* place NULL: not in the queue */
    bool is_own;                   /* a block of its own, which the queue frees once it was taken */
};

struct fu_budget;
struct fusioo_call;
struct fusioo_ask;
struct fusioo_oauth;

struct fu_context {
    struct fu_http http;
    unsigned references;
    bool closed;            /* the engine was given up: nothing may start */
    uint64_t last_id;       /* numbers for clients, calls, pagers */
    uint64_t random;        /* state of fu_random_unit */
    struct fu_hash_key key; /* for fingerprints of ids and tokens; never leaves the process */
    struct fu_need *needs, **needs_end;
    struct fu_need *shown;     /* the one with a block of its own that was handed out last */
    struct fusioo_call *calls; /* those under way */
    size_t under_way;          /* calls, pagers, sign-ins at work */
    struct fu_budget *budgets;
    struct fusioo_oauth *oauths;
    struct fusioo_ask *listening; /* questions that wait for a browser */
    struct fu_buffer spare[8];    /* memory of pages that were read, for those to come */
    size_t spare_count;
};

/* Makes a context with one reference. NULL: `error` says why. */
struct fu_context *fu_context_new(struct fu_clock clock, fusioo_error *error);

/* Takes one reference more; returns `context`. */
struct fu_context *fu_context_keep(struct fu_context *context);

/* Gives one reference up; the last one frees it. */
void fu_context_drop(struct fu_context *context);

/* Seconds by the engine's clock. */
double fu_context_now(const struct fu_context *context);

/* A bound on the time that others take. */
struct fu_patience {
    double until;  /* by the engine's clock */
    double absent; /* http.absent when it was set; negative: steps that came late were allowed for */
};

/* Sets `patience` for `seconds` from now. */
void fu_patience_set(const struct fu_context *context, struct fu_patience *patience, double seconds);

/* Is the time up? If steps came late since it was set, for nobody moved the engine, it is given so much more. Once: it
 * would never end for who moves the engine once a frame, always a little late. */
bool fu_patience_is_over(const struct fu_context *context, struct fu_patience *patience);

/* Gives the empty `body` the memory of a page that was read, where there is any: pages come and go by the thousand, and
 * malloc would give their memory back to the system and ask for it again each time. */
void fu_context_take_spare(struct fu_context *context, struct fu_buffer *body);

/* Takes the memory of `body`, which is empty afterwards, to keep or to free it. Kept memory is freed when nothing is
 * under way. */
void fu_context_give_spare(struct fu_context *context, struct fu_buffer *body);

/* The next number. */
uint64_t fu_context_number(struct fu_context *context);

/* Puts `need` at the end of the queue; one that is in it stays where it is. */
void fu_need_post(struct fu_context *context, struct fu_need *need);

/* Takes `need` out of the queue, if it is in it. */
void fu_need_withdraw(struct fu_context *context, struct fu_need *need);

/* Takes the first need. False: there is none. An event's memory lives until the next call of this. */
bool fu_need_take(struct fu_context *context, fusioo_need *need);

/* Posts a copy of `event` for `client`. Without memory the event is lost: it is news, no duty. */
void fu_event_post(struct fu_context *context, uint64_t client, const fusioo_event *event);

#endif
