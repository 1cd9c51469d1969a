/* fusioo_oauth.h: signing in with OAuth 2, from C. Part of fusioo.h, which includes it.
 *
 * One fusioo_oauth stands for one sign-in: it gets a token, keeps it in a store, and renews it before it expires and
 * once where the service refuses it. However many calls wait for that, and however many processes share the store, the
 * token is renewed once. The rules of fusioo.h hold here, too. */
#ifndef FUSIOO_OAUTH_H
#define FUSIOO_OAUTH_H

#ifndef FUSIOO_H
#error "include fusioo.h"
#endif

typedef struct fusioo_oauth fusioo_oauth;

/* How a first token is got. */
typedef enum fusioo_grant {
    FUSIOO_AUTHORIZATION_CODE, /* a person signs in on the authorize page, and a code comes back */
    FUSIOO_IMPLICIT,           /* the same, and the token itself comes back */
    FUSIOO_PASSWORD,           /* with a person's name and password */
    FUSIOO_CLIENT_CREDENTIALS  /* with the application's own id and secret */
} fusioo_grant;

/* A token. Its strings are secrets. */
typedef struct fusioo_token {
    const char *access_token;
    const char *token_type;    /* NULL: not said, which means Bearer */
    const char *refresh_token; /* NULL: none */
    double expires_at;         /* seconds since 1970; negative: not known */
} fusioo_token;

/* Where a token is kept between two runs of the program. */
typedef enum fusioo_store {
    FUSIOO_STORE_MEMORY, /* nowhere */
    FUSIOO_STORE_FILE,   /* in a file for its owner alone, which processes may share */
    FUSIOO_STORE_ON_NEED /* by the owner of the engine, who is asked through FUSIOO_NEED_STORE */
} fusioo_store;

/* How to sign in. fusioo_oauth_options_init fills in the defaults that stand here. */
typedef struct fusioo_oauth_options {
    const char *client_id;           /* of the registered application; required */
    const char *client_secret;       /* NULL: it has none */
    const char *redirect_uri;        /* where the authorize page leads back to; NULL: nobody signs in here */
    fusioo_grant grant;              /* FUSIOO_AUTHORIZATION_CODE */
    const char *username, *password; /* for FUSIOO_PASSWORD; NULL */
    const char *authorize_url;       /* NULL: Fusioo's */
    const char *token_url;           /* NULL: Fusioo's */
    fusioo_store store;              /* FUSIOO_STORE_MEMORY */
    const char *store_file;          /* for FUSIOO_STORE_FILE; NULL: token.json in the user's state folder */
    bool store_locks;                /* FUSIOO_STORE_ON_NEED: can it be locked? false */
    bool events; /* tell what happens to the token, where no client that does so asked for it; false */
    const char *ca_file, *proxy, *user_agent;            /* as for a client; so are the next three. A request for a */
    double connect_timeout, idle_timeout, total_timeout; /* client's call takes the client's own instead of all six */
} fusioo_oauth_options;

/* Fills in the defaults. Cannot fail; `options` stays the caller's. */
void fusioo_oauth_options_init(fusioo_oauth_options *options);

/* Makes one; nothing is read or asked yet. NULL: FUSIOO_INVALID (what is wrong with which option), FUSIOO_CLOSED or
 * FUSIOO_MEMORY. The caller frees it. */
fusioo_oauth *fusioo_oauth_new(fusioo_engine *engine, const fusioo_oauth_options *options, fusioo_error *error);

/* Gives it up; clients that use it keep it. No errors; NULL is fine. */
void fusioo_oauth_free(fusioo_oauth *oauth);

/* As fusioo_client_id. Cannot fail. */
uint64_t fusioo_oauth_id(const fusioo_oauth *oauth);

enum { FUSIOO_STATE_SIZE = 33 }; /* bytes of a state, with its NUL */

/* The address of the page where a person signs in, with a `state` that is fresh and random: the redirect has to bring
 * it back. The address lives until the next call of this function. NULL: FUSIOO_INVALID (the grant has no such page, or
 * there is no redirect_uri), FUSIOO_NETWORK (the system gave no random bytes) or FUSIOO_MEMORY. */
const char *fusioo_oauth_authorize_url(fusioo_oauth *oauth, char state[FUSIOO_STATE_SIZE], fusioo_error *error);

/* ---- Asking for a token ---- */

/* One question, whose answer may take a while. */
typedef struct fusioo_ask fusioo_ask;

/* Asks for the token: the stored one, renewed or got where it is due. NULL: FUSIOO_CLOSED or FUSIOO_MEMORY; everything
 * else is the answer's. The caller frees the question. */
fusioo_ask *fusioo_oauth_token(fusioo_oauth *oauth, fusioo_error *error);

/* Asks for another one than there is. NULL as fusioo_oauth_token. The caller frees the question. */
fusioo_ask *fusioo_oauth_refresh(fusioo_oauth *oauth, fusioo_error *error);

/* Ends a sign-in: `url` is where the authorize page has led to, whole; `state` is the one that
 * fusioo_oauth_authorize_url gave. NULL: FUSIOO_INVALID (another state, host or path, no code), FUSIOO_AUTH (the page
 * said no), or as fusioo_oauth_token. The caller frees the question. */
fusioo_ask *fusioo_oauth_finish(fusioo_oauth *oauth, const char *url, const char *state, fusioo_error *error);

/* Waits at 127.0.0.1 for the redirect of a person who signs in on this machine, and ends the sign-in whose address
 * fusioo_oauth_authorize_url gave last. `port` 0: that of redirect_uri. `seconds`: how long to wait. NULL:
 * FUSIOO_INVALID (the port is taken, no address was given before, ...) or as fusioo_oauth_token. The caller frees the
 * question. */
fusioo_ask *fusioo_oauth_listen(fusioo_oauth *oauth, int port, double seconds, fusioo_error *error);

/* Is the answer there? Cannot fail. */
bool fusioo_ask_done(const fusioo_ask *ask);

/* Blocks, moving the engine, until it is. Returns its fusioo_ask_done: false after a signal. Not for
 * FUSIOO_STORE_ON_NEED, whose needs somebody must answer. */
bool fusioo_ask_wait(fusioo_ask *ask);

/* Reads the answer; its strings live as long as the question. False: there is no token, and `error` says why; or the
 * answer is not there yet (FUSIOO_INVALID). */
bool fusioo_ask_result(const fusioo_ask *ask, fusioo_token *token, fusioo_error *error);

/* A number that names the question in needs, as fusioo_call_id. Cannot fail. */
uint64_t fusioo_ask_id(const fusioo_ask *ask);

/* Asks for one FUSIOO_NEED_READY once the answer is there. Cannot fail. */
void fusioo_ask_watch(fusioo_ask *ask);

/* Ends the question with FUSIOO_CANCELLED. A renewal that is under way goes on: its token would be lost. No errors. */
void fusioo_ask_cancel(fusioo_ask *ask);

/* Cancels the question and gives it up. No errors; NULL is fine. */
void fusioo_ask_free(fusioo_ask *ask);

/* ---- Stores of the engine's owner ---- */

/* What FUSIOO_NEED_STORE wants done. A piece of work begins with a load and ends with an end, whatever comes between;
 * the need's id is repeated in the answer, so that one that comes too late is not taken for another's. What is not
 * answered within total_timeout has failed; a save has 60 s more. */
typedef enum fusioo_store_need {
    FUSIOO_STORE_LOAD, /* the token that is kept: fusioo_oauth_loaded */
    FUSIOO_STORE_SAVE, /* keep that of fusioo_oauth_to_save: fusioo_oauth_stored */
    FUSIOO_STORE_LOCK, /* let nobody else lock it until it is unlocked: fusioo_oauth_stored */
    FUSIOO_STORE_END   /* that was all for now; no answer. The id is that of the FUSIOO_STORE_LOCK whose lock is to be
                        * given back; 0: none is held. Comes also where nobody asks any more */
} fusioo_store_need;

/* How it went. */
typedef enum fusioo_stored {
    FUSIOO_STORED,      /* done */
    FUSIOO_STORE_BUSY,  /* of a lock alone: somebody else has it; ask again soon */
    FUSIOO_STORE_FAILED /* it cannot be done */
} fusioo_stored;

/* Is the need with this id one that waits for an answer still? What comes later is not taken. */
bool fusioo_oauth_awaits(const fusioo_oauth *oauth, uint64_t id);

/* Reads the token that FUSIOO_STORE_SAVE wants kept; its strings live until that is answered. False: none does. */
bool fusioo_oauth_to_save(const fusioo_oauth *oauth, fusioo_token *token);

/* Answers FUSIOO_STORE_LOAD. `token` NULL: there is none, or, with `error`, it cannot be read. */
void fusioo_oauth_loaded(fusioo_oauth *oauth, uint64_t id, const fusioo_token *token, const fusioo_error *error);

/* Answers FUSIOO_STORE_SAVE and FUSIOO_STORE_LOCK. `error` (may be NULL) says why it failed. False: it comes too late;
 * a lock that was got is to be given back. */
bool fusioo_oauth_stored(fusioo_oauth *oauth, uint64_t id, fusioo_stored stored, const fusioo_error *error);

#endif
