/* call.h: one call of the API as a state machine: token, budget, transfer, verdict, then a repeat or the end.
 *
 * Owns: a call's request, its answer, its error. Must not know: pages, Lua.
 * A call moves only inside fu_http_step (its timer and its transfer fire there): starting one sends nothing yet. */
#ifndef FU_CALL_H
#define FU_CALL_H

#include "budget.h"
#include "client.h"
#include "context.h"
#include "endpoint.h"
#include "envelope.h"
#include "fusioo.h"
#include "http.h"
#include "oauth.h"
#include "stream.h"

#include <stdbool.h>

enum fu_call_state {
    FU_CALL_NEW,     /* the next step begins with it */
    FU_CALL_TOKEN,   /* Lua is asked for a token */
    FU_CALL_LINE,    /* waits for the company's window */
    FU_CALL_SENDING, /* a transfer is under way */
    FU_CALL_PAUSE,   /* waits before a repeat */
    FU_CALL_DONE
};

struct fusioo_call {
    struct fusioo_client *client;
    struct fusioo_call *next, **place; /* in the context's list while under way */
    uint64_t id;
    enum fu_call_state state;

    /* The request. */
    struct fu_wire wire;
    char *url;
    enum fu_answer answer_type;
    bool counted, repeatable;
    enum fu_effect effect;
    struct fu_stream *stream; /* of a file that goes up or comes down; NULL: both bodies are in memory */

    /* Where it stands. */
    int attempts;                /* requests sent */
    int failures;                /* those that use up retry.attempts */
    bool renewed;                /* a new token was asked for after a 401 */
    bool asked_again;            /* and since the token that it had when it joined the line has lost its use */
    bool unknown;                /* a write was sent and its fate is not known */
    char *token;                 /* of this call alone, with token_on_need or auth */
    struct fu_ask ask;           /* with auth: its place among those who ask for a token */
    struct fu_waiter waiter;     /* place in the line */
    double line_since;           /* when it joined the line */
    double waited;               /* seconds in the line so far */
    struct fu_patience patience; /* when `total` ends */
    double total_left;           /* seconds that may still pass outside of the line */
    double sent_at;              /* when the request under way was sent */
    struct fu_timer timer;       /* start, end of a pause, end of patience in the line */
    struct fu_timer total;       /* end of the whole call */
    struct fu_transfer *transfer;

    /* The end. */
    struct fu_buffer body;
    struct fu_envelope envelope;
    int64_t count;
    fusioo_error error;  /* FUSIOO_OK: success; before the end: the last failure */
    struct fu_need need; /* for a token */
    struct fu_need news; /* for the owner to look */
    bool watched;        /* the owner wants to know when there is something for it to do */
    void (*ended)(struct fusioo_call *call,
                  void *owner); /* called once, from a step or from fu_calls_end; NULL: nobody */
    void *owner;
};

/* As fusioo_call_start; `ended` (NULL: nobody) is told the end. */
struct fusioo_call *fu_call_begin(struct fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                                  const fusioo_query *query, void (*ended)(struct fusioo_call *call, void *owner),
                                  void *owner, fusioo_error *error);

/* Fills in a zeroed call of `client`, which it keeps. */
void fu_call_set_up(struct fusioo_call *call, struct fusioo_client *client);

/* Lets a call whose request is built begin with the next step. */
void fu_call_set_off(struct fusioo_call *call);

/* Ends a call that is under way with `kind`; one that has ended stays as it is. */
void fu_call_end(struct fusioo_call *call, fusioo_kind kind);

/* Ends every call of `client` (NULL: all of the context) with `kind`. */
void fu_calls_end(struct fu_context *context, const struct fusioo_client *client, fusioo_kind kind);

/* In a forked child: the parent finishes what was being sent. Reads are sent again, writes end with an error. */
void fu_calls_forked(struct fu_context *context);

/* Tells whoever watches the call that there is something to do. */
void fu_call_tell_watcher(struct fusioo_call *call);

/* Ends a call that is under way with an error of its owner's making: FUSIOO_INVALID and what is wrong. */
void fu_call_give_up(struct fusioo_call *call, const char *why);

/* Gives the call `id` the token it asked for, as fusioo_engine_give_token. */
void fu_call_give_token(struct fu_context *context, uint64_t id, const char *token, const char *why);

#endif
