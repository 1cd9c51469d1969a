/* oauth.h: one sign-in: its token, who asks for it, and the work of getting one.
 *
 * Owns: the token, the line of those who ask, the one request that may be under way. Must not know: the API's calls,
 * pages, Lua.
 *
 * The work is a state machine that moves inside fu_http_step, and where the engine's owner answers for a store:
 *
 *     load -> (good for all who ask: give it) -> lock -> load again -> request -> save -> unlock -> give it
 *
 * The store is locked before the request and until the new token is in it, so that of several processes the first one
 * renews, and the others find what it has brought. */
#ifndef FU_OAUTH_H
#define FU_OAUTH_H

#include "context.h"
#include "fusioo.h"
#include "http.h"
#include "locked.h"
#include "redirect.h"
#include "retry.h"
#include "timer.h"
#include "token.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fusioo_client;

/* What an asker wants. */
enum fu_want {
    FU_WANT_TOKEN,  /* one that is good */
    FU_WANT_FRESH,  /* another than there is */
    FU_WANT_SIGN_IN /* that of the code, or the token, which a redirect has brought */
};

struct fu_ask {
    struct fusioo_oauth *oauth;
    struct fu_ask *next, **place; /* in the line; place NULL: in none */
    enum fu_want want;
    bool strict;                        /* a token that could not be kept is a failure */
    const char *refused;                /* an access token that the service has refused; NULL: none. The asker's */
    const struct fusioo_client *client; /* for whose call it is; NULL: for none */
    struct fu_redirect redirect;        /* FU_WANT_SIGN_IN */
    struct fu_patience patience;        /* of its patience; the line's */
    void (*told)(struct fu_ask *ask, const struct fu_token *token, const fusioo_error *error); /* one of both is NULL */
};

enum fu_oauth_state {
    FU_OAUTH_IDLE,
    FU_OAUTH_BEGIN,    /* the next step begins */
    FU_OAUTH_LOADING,  /* the store is read, for the first time */
    FU_OAUTH_LOCKING,  /* somebody else has the store's lock, or its owner is asked for it */
    FU_OAUTH_CHECKING, /* the store is read while it is locked */
    FU_OAUTH_SENDING,  /* a request is under way */
    FU_OAUTH_PAUSE,    /* waits before a repeat */
    FU_OAUTH_SAVING
};

/* How requests go out. */
struct fu_manners {
    const char *ca_file, *proxy, *user_agent;
    double connect_timeout, idle_timeout, total_timeout;
};

struct fusioo_oauth {
    struct fu_context *context;
    struct fusioo_oauth *next, **place; /* in the context's list */
    unsigned references;
    bool left_behind; /* nobody has it any more but its engine, which tries at its end to keep its token */
    uint64_t id;

    /* What it is to do. */
    fusioo_grant grant;
    char *client_id, *client_secret, *redirect_uri, *username, *password;
    char *authorize_url, *token_url;
    const char *token_path; /* where the path begins in token_url */
    bool plain;             /* token_url is http:// on this machine */
    struct fu_manners manners;
    char *ca_file, *proxy, *user_agent; /* what the manners point to */
    bool events;
    char *address;                  /* the last one of the authorize page */
    char issued[FUSIOO_STATE_SIZE]; /* and its state; "": none was asked for */

    /* The store. */
    fusioo_store store;
    char *store_file;
    bool store_locks;
    struct fu_locked lock;
    fusioo_file *beside; /* where the next token of a file store will stand */
    struct fu_need need; /* of a store on need: what is wanted now */
    struct fu_need *end; /* and that the work has ended: made when it begins, since it must not fail later */
    uint64_t held;       /* the number under which the owner was asked for the lock that is held; 0: none is */
    uint64_t kept;       /* hash of the token that it held when it was read last; 0: none */

    /* The token. */
    bool loaded; /* was the store read? */
    struct fu_token token;
    struct fu_token replaced[2]; /* the first one and the last one since a store had the token: it may repeat them */
    double refused_until;        /* the API has refused it: nobody gets it before then, by the engine's clock */
    double due, ends;            /* by the engine's clock: when it is renewed, and when it is of no use any more */
    uint64_t dead;               /* hash of the refresh token that the service has refused; 0: none */
    pid_t process;               /* that asked for it: a forked child has a copy alone */
    bool unsaved;                /* the store does not have it */
    double save_again;           /* when that is tried again */
    fusioo_error trouble;        /* why it does not have it */

    /* The work. */
    enum fu_oauth_state state;
    struct fu_ask *asks;
    struct fu_ask *sign_in;       /* the one whose code or token is at work; NULL: none, or it has gone */
    struct fu_redirect redirect;  /* its redirect */
    bool signing_in;              /* the work is that of a redirect */
    const char *why;              /* what the work is for, for events */
    bool reloaded;                /* the store was looked at again after the service had refused the refresh token */
    bool exhausted;               /* the refresh token is refused; a grant of its own is tried */
    int attempts;                 /* requests sent for this piece of work */
    struct fu_patience answer_by; /* when the service, or the store's owner, must have answered */
    struct fu_timer timer, total;
    struct fu_transfer *transfer;
    struct fu_buffer form, answer;
    bool undigested; /* the answer is there, with a token maybe that will not come again, but memory ended */
    struct {
        bool signing_in, exhausted; /* as they were when it was sent */
        struct fu_http_outcome outcome;
        double at; /* when it came */
    } unread;
};

/* Makes a sign-in as fusioo_oauth_new does, on a context instead of an engine. */
struct fusioo_oauth *fu_oauth_make(struct fu_context *context, const fusioo_oauth_options *options,
                                   fusioo_error *error);

/* Puts `ask`, whose fields from `want` on are filled in, into the line. Its `told` is called once, at once or from a
 * step or from where the engine's owner answers, unless it is taken back before. */
void fu_oauth_ask(struct fusioo_oauth *oauth, struct fu_ask *ask);

/* Takes it out of the line, if it is in it; what is under way for it goes on. */
void fu_oauth_take_back(struct fu_ask *ask);

/* Is this access token the one that FU_WANT_TOKEN would be answered with at once? */
bool fu_oauth_is_current(const struct fusioo_oauth *oauth, const char *access_token);

/* Says in `text` (of `room` bytes) what those who ask are waiting for. */
void fu_oauth_say_what_is_awaited(const struct fusioo_oauth *oauth, char *text, size_t room);

/* Takes one reference more; returns `oauth`. */
struct fusioo_oauth *fu_oauth_keep(struct fusioo_oauth *oauth);

/* Gives one reference up; the last one frees it. */
void fu_oauth_drop(struct fusioo_oauth *oauth);

/* Before an engine goes: keeps what could not be kept so far, and says whether a token is still on its way into a file:
 * by a request, or since another process has the file, or memory ended. `*look` becomes true where nothing tells when
 * that changes, so that this is to be asked again soon. */
bool fu_oauths_finish(struct fu_context *context, bool *look);

/* All who ask are told `error`, and what is under way ends. */
void fu_oauths_end(struct fu_context *context, const fusioo_error *error);

/* In a forked child: the parent finishes what it was at. Who asks here is served anew. */
void fu_oauths_forked(struct fu_context *context);

/* Takes the secrets of `oauth` out of a text; one that is cut off must be so at its end. */
void fu_oauth_scrub_text(const struct fusioo_oauth *oauth, char *text);

/* Takes them out of the error's message. */
void fu_oauth_scrub(const struct fusioo_oauth *oauth, fusioo_error *error);

#endif
