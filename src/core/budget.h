/* budget.h: who may send, and who waits for the company's window.
 *
 * Owns: one window, the line before it (first come, first served), and the ledger that shares both with other
 * processes, where there is one. Must not know: requests, answers' contents, where ledgers are. The line of this
 * process is one; its first stands for all of it in the line of processes, which the ledger holds: each process knows
 * when its own turn comes, so that a place that becomes free wakes one of them and not all. */
#ifndef FU_BUDGET_H
#define FU_BUDGET_H

#include "context.h"
#include "ledger.h"
#include "refusal.h"
#include "timer.h"
#include "window.h"

#include <stdbool.h>
#include <stdint.h>

struct fu_budget {
    struct fu_budget *next, **place; /* in the context's list */
    struct fu_context *context;      /* not kept: the clients that hold the budget keep it */
    unsigned references;
    uint64_t key; /* fingerprint of what names the window */
    struct fu_window window;
    struct fu_refusal refusal;
    unsigned trying; /* calls under way that were granted since the last 429, while calls are held back */
    struct fu_waiter *waiting, **waiting_end;
    struct fu_timer timer; /* when the line is to be looked at */
    uint64_t turns;        /* how many have come to send */

    struct fu_ledger *ledger; /* NULL: the window lives in memory */
    struct fu_limit limit;    /* that was asked for last */
    bool stands;              /* in the line of processes */
    bool learned;             /* `refusal` was changed while the ledger was busy */
    double mourned_at;        /* when the dead were looked for last */
    char news[640];           /* what the user should hear of the ledger; "": nothing */
};

/* A place in the line; it lives inside the call that waits. */
struct fu_waiter {
    struct fu_waiter *next, **place; /* place NULL: not waiting */
    struct fu_limit limit;
    const char *tag; /* for the ledger; NULL: none */
    double granted_at;
    uint64_t turn;   /* its number among those that came to send; 0: it has not come yet */
    uint32_t number; /* of its entry in the ledger */
    bool entered;    /* the window holds the call */
    bool no_memory;  /* the window had room for the call, but could not note it */
    bool asking;     /* it stands in line because the ledger was busy: nobody has told it yet whether it must wait */
    void (*granted)(struct fu_waiter *waiter); /* called from a step; a place in the window is entered already */
    /* Called from a step, once, for one that was asking: it waits `wait` seconds as far as is known. It may leave. */
    void (*must_wait)(struct fu_waiter *waiter, double wait);
};

/* What came of asking for a place. */
enum fu_turn {
    FU_TURN_GO,   /* entered: send */
    FU_TURN_WAIT, /* there is none, or others came first */
    FU_TURN_ASK,  /* another process has the ledger just now: join the line as one who is asking */
    FU_TURN_NO_MEMORY
};

/* The budget of `key`, made if it is not there (`*made`); the caller owns one reference. NULL: no memory. */
struct fu_budget *fu_budget_take(struct fu_context *context, uint64_t key, bool *made);

/* Gives one reference up. */
void fu_budget_drop(struct fu_budget *budget);

/* Lets the budget share its window through the file at `path`, which is made with `mode`. False: it cannot be used,
 * `error` says why: FUSIOO_INVALID (the window is kept in memory until it can) or FUSIOO_MEMORY. */
bool fu_budget_share(struct fu_budget *budget, const char *path, mode_t mode, struct fu_limit limit,
                     fusioo_error *error);

/* Looks into the ledger, if that can be done at once: what the window holds is then what it holds now. */
void fu_budget_refresh(struct fu_budget *budget, struct fu_limit limit);

/* Enters the waiter's call if it may be sent now. WAIT: `*wait` becomes the seconds that it would wait, as far as is
 * known. */
enum fu_turn fu_budget_try(struct fu_budget *budget, struct fu_waiter *waiter, double *wait);

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

/* In a forked child: the call of `waiter` is the parent's. Without a ledger, where the parent notes it, it is entered
 * here, too, if the service may have counted it. */
void fu_budget_forget(struct fu_budget *budget, struct fu_waiter *waiter, bool counted);

/* Enters a call that was sent without asking, and has ended. */
void fu_budget_note(struct fu_budget *budget, const char *tag);

/* The service refused the call of `waiter`, entered or not, with 429; `retry_after` in seconds, negative: it did not
 * say. The call is no longer entered. Returns the seconds that nobody sends. */
double fu_budget_refused(struct fu_budget *budget, struct fu_waiter *waiter, double retry_after);

#endif
