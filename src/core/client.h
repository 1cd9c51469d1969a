/* client.h: whose calls, to where, within which limits.
 *
 * Owns: a client's settings, its token, its statistics. Must not know: what its calls do. */
#ifndef FU_CLIENT_H
#define FU_CLIENT_H

#include "budget.h"
#include "context.h"
#include "fusioo.h"
#include "retry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests that a pager may keep under way at most. */
#define FU_CONCURRENCY_MOST 1000

/* Calls and retries of one tag. */
struct fu_tag {
    struct fu_tag *next;
    uint64_t calls, retries;
    char name[];
};

/* What all views of a client did. */
struct fu_stats {
    unsigned references;
    fusioo_stats sum;
    struct fu_tag *tags;
};

struct fusioo_client {
    struct fu_context *context;
    unsigned references;
    uint64_t id;
    bool closed;
    char *base; /* "https://api.fusioo.com" */
    bool plain; /* http:// on this machine */
    unsigned version;
    char *token; /* NULL: none, or asked for each time */
    bool token_on_need, events;
    struct fusioo_oauth *auth; /* where the token comes from; NULL: from elsewhere */
    char *tag, *ca_file, *proxy, *user_agent;
    struct fu_limit limit; /* the reserve taken off */
    int rate_calls;
    bool rate_error;
    double rate_max_wait;
    struct fu_retry_policy retry;
    double connect_timeout, idle_timeout, total_timeout;
    int concurrency;
    size_t max_body;
    char *endpoints[FUSIOO_METHODS]; /* overrides; NULL: the table's */
    char *ledger;                    /* the option; NULL: one in the state folder; "": none */
    bool company_known;              /* the budget's ledger is, or will be, no other than this */
    struct fu_budget *budget;
    struct fu_stats *stats;
    struct fu_tag *tag_stats; /* NULL: the client has no tag */
};

/* Gives `client` the budget of its company. `model`: whose view it is; NULL: of nobody. False: FUSIOO_INVALID (the
 * option rate.ledger names a file that cannot be used) or FUSIOO_MEMORY. */
bool fu_company_find(struct fusioo_client *client, const struct fusioo_client *model, const fusioo_options *options,
                     fusioo_error *error);

/* A client that asks for its token each time learns from the first one whose company it is, if nothing else has said
 * so. */
void fu_company_learn(struct fusioo_client *client, const char *token);

/* Tells the client, if it wants events, what its ledger has to say, once. */
void fu_company_tell(struct fusioo_client *client);

/* Makes a client as fusioo_client_new does, on a context instead of an engine. */
struct fusioo_client *fu_client_make(struct fu_context *context, const fusioo_options *options, fusioo_error *error);

/* Takes one reference more; returns `client`. */
struct fusioo_client *fu_client_keep(struct fusioo_client *client);

/* Gives one reference up; the last one frees it. */
void fu_client_drop(struct fusioo_client *client);

/* Notes that a request is sent: `again`: it is a repeat. */
void fu_client_note_request(struct fusioo_client *client, bool again, size_t bytes_out);

#endif
