/* budget.h: who may send, and who waits for the company's window.
 *
 * Owns: one window, and the line before it: first come, first served. Must not know: requests, answers' contents. */
#ifndef FU_BUDGET_H
#define FU_BUDGET_H

#include "context.h"
#include "timer.h"
#include "window.h"

#include <stdbool.h>
#include <stdint.h>

struct fu_budget {
    struct fu_budget *next, **place; /* in the context's list */
    struct fu_context *context;      /* not kept: the clients that hold the budget keep it */
    unsigned references;
    uint64_t key; /* fingerprint of base address and company */
    struct fu_window window;
    struct fu_waiter *waiting, **waiting_end;
    struct fu_timer timer; /* when the next waiter may go */
    double refused_at;     /* when the service last said 429; negative: never */
    double closed_until;   /* no call goes before, after a 429 */
    unsigned refusals;     /* 429s in a row */
    bool probing;          /* after a 429 one call tries alone */
    uint64_t turns;        /* how many have come to send */
};

/* A place in the line; it lives inside the call that waits. */
struct fu_waiter {
    struct fu_waiter *next, **place; /* place NULL: not waiting */
    struct fu_limit limit;
    double granted_at;
    uint64_t turn;                             /* its number among those that came to send; 0: it has not come yet */
    bool entered;                              /* the window holds the call */
    bool probe;                                /* this is the call that tries after a 429 */
    void (*granted)(struct fu_waiter *waiter); /* called from a step; a place in the window is entered already */
};

/* The budget of `key`, made if it is not there; the caller owns one reference. NULL: no memory. */
struct fu_budget *fu_budget_take(struct fu_context *context, uint64_t key);

/* Gives one reference up. */
void fu_budget_drop(struct fu_budget *budget);

/* Enters the waiter's call if it may be sent now. False: it may not (or no memory). */
bool fu_budget_try(struct fu_budget *budget, struct fu_waiter *waiter);

/* Seconds that a newcomer would wait, as far as is known. */
double fu_budget_wait(struct fu_budget *budget, struct fu_limit limit);

/* Puts the waiter into the line: at its end, or, where the service has refused it (`front`), before all that have not
 * been sent yet. Those that were refused stand there in the order in which they first came to send, whatever the order
 * of their answers. */
void fu_budget_join(struct fu_budget *budget, struct fu_waiter *waiter, bool front);

/* Takes the waiter out of the line, if it is in it. */
void fu_budget_leave(struct fu_budget *budget, struct fu_waiter *waiter);

/* The call of `waiter` has ended; one that never entered the window changes nothing. `counted`: the service may have
 * counted it; `answered`: it came to an answer that was no 429. */
void fu_budget_end(struct fu_budget *budget, struct fu_waiter *waiter, bool counted, bool answered);

/* Enters a call that was sent without asking, and has ended. */
void fu_budget_note(struct fu_budget *budget);

/* The service refused the call of `waiter`, entered or not, with 429; `retry_after` in seconds, negative: it did not
 * say. The call is no longer entered. Returns the seconds that nobody sends. */
double fu_budget_refused(struct fu_budget *budget, struct fu_waiter *waiter, double retry_after);

#endif
