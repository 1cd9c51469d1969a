/* fusioo.h: the Fusioo API from C.
 *
 * The library's public header; it includes those of files and of OAuth. A program makes an engine, a client on it,
 * starts calls or pagers, and then moves the engine: fusioo_engine_step never blocks, fusioo_engine_poll waits for the
 * network. Nothing here calls back.
 *
 * Rules that hold for every function:
 * - Threads: an engine and all that stands on it belong to one thread at a time. Two engines know nothing of each
 * other.
 * - Errors: a function that takes `error` fills it when it fails; NULL there is allowed and means "not wanted".
 * - Strings that go in are copied. What comes out stays the library's, for as long as the function says.
 * - fusioo_..._free takes NULL. An object may be freed while others still stand on it; they keep what they need.
 * - After a fork both processes may go on; the child never touches the parent's connections. What was under way
 *   begins again in the child, but for writes that must not be sent twice: those end there with an error
 * (`maybe_done`), since the parent finishes them.
 *
 *     fusioo_engine *engine = fusioo_engine_new(&error);
 *     fusioo_options options;
 *     fusioo_options_init(&options);
 *     options.token = getenv("FUSIOO_ACCESS_TOKEN");
 *     fusioo_client *client = fusioo_client_new(engine, &options, &error);
 *     fusioo_pager *pager = fusioo_pager_start(client, FUSIOO_GET_RECORDS, app_id, strlen(app_id), NULL, NULL, &error);
 *     fusioo_item record;
 *     while (fusioo_pager_wait(pager, &record, &error) == FUSIOO_PAGER_ITEM) ...
 */
#ifndef FUSIOO_H
#define FUSIOO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FUSIOO_VERSION "0.1.0"

/* What went wrong, by what a program can do about it. */
typedef enum fusioo_kind {
    FUSIOO_OK = 0,
    FUSIOO_API,         /* the service said no, 5xx included */
    FUSIOO_AUTH,        /* 401 or code 10003, or there is no token */
    FUSIOO_RATE_LIMIT,  /* the company's calls are used up */
    FUSIOO_NOT_FOUND,   /* 404, or codes 10002 and 30000 */
    FUSIOO_NETWORK,     /* no connection, or it broke */
    FUSIOO_TIMEOUT,     /* it took longer than the options allow */
    FUSIOO_DECODE,      /* the answer is not what HTTP or JSON allow */
    FUSIOO_TOO_LARGE,   /* the answer is larger than max_body */
    FUSIOO_MOVED,       /* rows moved faster than pages could be read */
    FUSIOO_INVALID,     /* refused here, before a call */
    FUSIOO_UNSUPPORTED, /* this version of the API lacks the method */
    FUSIOO_CANCELLED,   /* the caller gave it up */
    FUSIOO_CLOSED,      /* the client is closed */
    FUSIOO_MEMORY       /* malloc failed */
} fusioo_kind;

/* One error, by value: it owns nothing and may be copied. Texts are cut to fit, at a whole UTF-8 character. */
typedef struct fusioo_error {
    fusioo_kind kind;
    int status;         /* HTTP status, 0: there was none */
    bool has_code;      /* is `code` set? */
    int64_t code;       /* the envelope's code */
    int attempts;       /* requests that were sent for the call, repeats included */
    bool maybe_done;    /* a write that may have been carried out although no success came back */
    double retry_after; /* seconds to wait, on FUSIOO_RATE_LIMIT; negative: not known */
    int64_t resume;     /* from a pager: records to skip so that nothing is missed; negative: cannot be said */
    char method[16];    /* HTTP method, "" where nothing was asked */
    char path[512];     /* path without host, query, token */
    char message[768];  /* the envelope's message, or what happened, in words */
} fusioo_error;

/* The name of a kind as the Lua interface spells it ("rate_limit"); static storage, never NULL. */
const char *fusioo_kind_name(fusioo_kind kind);

/* Writes one line for a log to `text`: what was tried, what came back, what to do. At most `size` bytes with the NUL;
 * returns how long the whole line is, as snprintf does. Never holds a token. */
size_t fusioo_error_text(const fusioo_error *error, char *text, size_t size);

/* ---- Memory ---- */

/* Where memory comes from in place of malloc, realloc and free; each keeps the rules of its model. */
typedef struct fusioo_allocator {
    void *(*allocate)(size_t size);            /* never asked for 0 bytes */
    void *(*resize)(void *block, size_t size); /* NULL: a new block */
    void (*release)(void *block);              /* NULL is fine */
} fusioo_allocator;

/* Lets the library take its memory from `allocator`, which is copied; NULL: from malloc again. To be called before
 * anything else of this library, and while no other thread uses it: a block must go back to where it came from. The
 * functions serve every thread that has an engine, and libcurl's resolver threads, so they must be safe to call from
 * several at once; they must not call this library. libcurl's own blocks come from there, too, unless the program has
 * set libcurl up before (curl_global_init). Cannot fail. */
void fusioo_set_allocator(const fusioo_allocator *allocator);

/* ---- The engine ---- */

typedef struct fusioo_engine fusioo_engine;

/* Makes an engine. It opens nothing until the first call. NULL: `error` says why. The caller frees it. */
fusioo_engine *fusioo_engine_new(fusioo_error *error);

/* Gives up the engine. Calls that are still under way end with FUSIOO_CANCELLED; clients that stand on it can start no
 * more. Blocks for 5 s at most where a token for a file is on its way, which could be lost. No errors. */
void fusioo_engine_free(fusioo_engine *engine);

/* Does what can be done now and never blocks; stops after about `budget` seconds (negative: no limit). Returns how many
 * calls and pagers are under way. No errors: what goes wrong belongs to the call it happened to. */
size_t fusioo_engine_step(fusioo_engine *engine, double budget);

/* Blocks until something happened that fusioo_engine_step can act on, at most `seconds` (negative: no limit), or until
 * a signal arrives. Returns at once where nothing is under way and there is no limit. No errors. */
void fusioo_engine_poll(fusioo_engine *engine, double seconds);

/* A descriptor that is readable when fusioo_engine_step has work; it stays the engine's. After a fork the child's is
 * another. Negative: the system gave none (no descriptors left). */
int fusioo_engine_pollfd(fusioo_engine *engine);

/* Seconds until fusioo_engine_step is due even if the descriptor stays silent; 0: now; negative: nothing is due. No
 * errors. */
double fusioo_engine_timeout(fusioo_engine *engine);

/* Makes the descriptor readable and a step due now: for loops in which several wait for it, and what one's step has
 * done is another's news. No errors. */
void fusioo_engine_wake(fusioo_engine *engine);

/* ---- Clients ---- */

typedef struct fusioo_client fusioo_client;
struct fusioo_oauth; /* fusioo_oauth.h */

/* What a client is to do. fusioo_options_init fills in the defaults that stand here. */
typedef struct fusioo_options {
    const char *base_url;      /* NULL: https://api.fusioo.com. http:// only to loopback hosts */
    const char *version;       /* "v1", "v2" or "v3"; "v3" */
    const char *token;         /* access token; NULL: none */
    bool token_on_need;        /* the token is asked for each time through the queue of needs; false */
    struct fusioo_oauth *auth; /* gets and renews the token instead; kept; NULL */
    bool events;               /* events go to the queue of needs; false */
    const char *tag;           /* name for events and statistics; NULL */
    const char *ca_file;       /* certificates to trust; NULL: the system's */
    const char *proxy;         /* as libcurl takes it; NULL: the environment's */
    const char *user_agent;    /* NULL: fusioo-lua/VERSION */
    int rate_calls;            /* calls that the company has in a window; 500 */
    double rate_window;        /* its length in seconds; 3600 */
    int rate_reserve;          /* calls that this client leaves to others; 0 */
    bool rate_error;           /* an empty window is an error instead of a wait; false */
    double rate_max_wait;      /* longest wait of one call for the window, seconds; negative: no limit; -1 */
    const char *rate_key;    /* the company's name: clients with one base_url and key share a window; NULL: by token */
    const char *rate_ledger; /* file to share it through; NULL: in the user's state folder; "": none, memory alone */
    int retry_attempts;      /* requests for one call at most; 4 */
    double retry_base;       /* seconds before the first repeat; doubles each time; 0.5 */
    double retry_cap;        /* longest such wait; 30 */
    double connect_timeout;  /* seconds; 10 */
    double idle_timeout;     /* seconds without a byte; 60 */
    double total_timeout;    /* seconds for a whole call with its repeats, waits for the window not counted; 300 */
    int concurrency;         /* requests that a pager keeps under way; 4 */
    size_t max_body;         /* largest answer kept in memory, bytes; 64 MiB */
} fusioo_options;

/* Fills in the defaults. Cannot fail; `options` stays the caller's. */
void fusioo_options_init(fusioo_options *options);

/* Makes a client. NULL: FUSIOO_INVALID (what is wrong with which option) or FUSIOO_MEMORY. The caller frees it. */
fusioo_client *fusioo_client_new(fusioo_engine *engine, const fusioo_options *options, fusioo_error *error);

/* Makes a client that shares engine, statistics, base address, version and endpoints with `client`; everything else is
 * taken from `options`. NULL as fusioo_client_new. The caller frees it. */
fusioo_client *fusioo_client_view(fusioo_client *client, const fusioo_options *options, fusioo_error *error);

/* Replaces the request of a method, named as in the Lua interface ("get_records"), by `request` ("GET
 * /records/{app_id}"). False: FUSIOO_INVALID, an unknown name or a request that is none. */
bool fusioo_client_set_endpoint(fusioo_client *client, const char *name, const char *request, fusioo_error *error);

/* Ends what the client has under way with FUSIOO_CLOSED; so does every later call. Views go on. No errors. */
void fusioo_client_close(fusioo_client *client);

/* Closes the client and gives it up. No errors; NULL is fine. */
void fusioo_client_free(fusioo_client *client);

/* A number that names the client in events and needs; no other client of its engine has it. Cannot fail. */
uint64_t fusioo_client_id(const fusioo_client *client);

/* What the company's window holds now. */
typedef struct fusioo_budget {
    int calls;      /* the limit */
    double window;  /* seconds */
    int used;       /* calls in the window, those under way included */
    int remaining;  /* what this client may spend now */
    double free_in; /* seconds until one is free; 0: now */
} fusioo_budget;

/* Reads the window. No call is spent; cannot fail. */
void fusioo_client_budget(fusioo_client *client, fusioo_budget *budget);

/* Seconds that the window would make `calls` calls wait that are all started now, as far as is known. Cannot fail. */
double fusioo_client_forecast(fusioo_client *client, int64_t calls);

/* How many calls a pager would need for `records` records (negative: an error of the caller, read as 0). `page_size` 1
 * to 200. Cannot fail. */
int64_t fusioo_pager_cost(int64_t records, int page_size, bool seams);

/* What was done so far, by all views of a client together. */
typedef struct fusioo_stats {
    uint64_t calls;               /* requests sent, repeats included */
    uint64_t retries;             /* repeats among them */
    double waited;                /* seconds that calls waited for the window */
    uint64_t bytes_in, bytes_out; /* bodies: received (decompressed) and sent */
} fusioo_stats;

/* Reads the statistics. Cannot fail. */
void fusioo_client_stats(const fusioo_client *client, fusioo_stats *stats);

/* The statistics of the tag number `index` (from 0), calls and retries alone; returns the tag, which lives as long as
 * the client, or NULL when there are no more. */
const char *fusioo_client_tag_stats(const fusioo_client *client, size_t index, fusioo_stats *stats);

/* ---- Calls ---- */

typedef struct fusioo_call fusioo_call;

/* The methods of Fusioo's guide. */
typedef enum fusioo_method {
    FUSIOO_PING,
    FUSIOO_GET_APPS,
    FUSIOO_GET_APP,
    FUSIOO_RECORD_COUNT,
    FUSIOO_RECORD_COUNT_FILTER,
    FUSIOO_GET_RECORDS,
    FUSIOO_GET_RECORDS_FILTER,
    FUSIOO_GET_RECORD,
    FUSIOO_CREATE_RECORD,
    FUSIOO_UPDATE_RECORD,
    FUSIOO_DELETE_RECORD,
    FUSIOO_CREATE_FILE,
    FUSIOO_GET_FILE,
    FUSIOO_DOWNLOAD_FILE,
    FUSIOO_DELETE_FILE,
    FUSIOO_CREATE_DISCUSSION,
    FUSIOO_GET_DISCUSSIONS,
    FUSIOO_GET_DISCUSSION,
    FUSIOO_DELETE_DISCUSSION,
    FUSIOO_CREATE_COMMENT,
    FUSIOO_GET_USERS,
    FUSIOO_GET_USER,
    FUSIOO_METHODS
} fusioo_method;

/* The method with that name in the Lua interface ("get_records"); FUSIOO_METHODS: there is none. */
fusioo_method fusioo_method_find(const char *name);

/* Which records, and which part of them. */
typedef struct fusioo_query {
    const char *filter;  /* a filter as JSON; NULL: none */
    size_t filter_size;  /* bytes */
    const char *sort_by; /* field id; NULL: the service's order */
    const char *order;   /* "asc" or "desc"; NULL: the service's */
    int limit;           /* of one page, 1 to 200; 0: 200 */
    int64_t offset;      /* records to skip, whatever the version */
} fusioo_query;

/* Starts a method of the guide. `id`: of the app, record or user (`id_size` bytes), where the method takes one, else
 * NULL. `query`: for methods that list or count, may be NULL; a filter turns FUSIOO_GET_RECORDS and FUSIOO_RECORD_COUNT
 * into their filter requests. NULL: FUSIOO_INVALID, FUSIOO_UNSUPPORTED, FUSIOO_CLOSED or FUSIOO_MEMORY, nothing was
 * sent. The caller frees it. */
fusioo_call *fusioo_call_start(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                               const fusioo_query *query, fusioo_error *error);

/* Starts a method of the guide that sends a JSON object: FUSIOO_CREATE_RECORD and FUSIOO_UPDATE_RECORD (fields),
 * FUSIOO_CREATE_DISCUSSION and FUSIOO_CREATE_COMMENT ({"message": ...}). `body` has `body_size` bytes. What creates is
 * never sent twice, unless the service certainly did not take it. NULL as fusioo_call_start. The caller frees it. */
fusioo_call *fusioo_call_send(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                              const char *body, size_t body_size, fusioo_error *error);

/* Any other request. */
typedef struct fusioo_request {
    const char *method; /* "GET", "POST", "PUT", "DELETE" or "PATCH" */
    const char *path;   /* without the version, "/apps"; percent-encoded where needed */
    const char *query;  /* "a=1&b=2", percent-encoded; NULL: none */
    const char *body;   /* JSON; NULL: none */
    size_t body_size;   /* bytes */
    bool repeatable;    /* a POST may be sent again after a fault */
} fusioo_request;

/* Starts any request below the version. NULL as fusioo_call_start. The caller frees the call. */
fusioo_call *fusioo_call_request(fusioo_client *client, const fusioo_request *request, fusioo_error *error);

/* Has it ended, well or not? Cannot fail. */
bool fusioo_call_done(const fusioo_call *call);

/* Blocks, moving the engine, until the call has ended. Returns its fusioo_call_done: false after a signal. */
bool fusioo_call_wait(fusioo_call *call);

/* One JSON object of an answer. Lives as long as the call or, from a pager, until the pager is asked again. */
typedef struct fusioo_item {
    const char *text; /* its JSON, checked; not NUL-terminated */
    size_t size;      /* bytes */
    unsigned fields;  /* members at its top level */
} fusioo_item;

/* What a call brought. Everything points into the call and lives as long as it. */
typedef struct fusioo_result {
    const char *envelope; /* the whole answer, JSON, checked */
    size_t envelope_size;
    const char *data; /* the envelope's data; "null" where there is none */
    size_t data_size;
    int64_t count; /* of RecordCount; else -1 */
    size_t items;  /* objects in data, where the method lists */
} fusioo_result;

/* Reads what an ended call brought. False: it failed, or has not ended (FUSIOO_INVALID). */
bool fusioo_call_result(const fusioo_call *call, fusioo_result *result, fusioo_error *error);

/* The listed object number `index` (from 0, below `items`) of an ended call. Cannot fail. */
fusioo_item fusioo_call_item(const fusioo_call *call, size_t index);

/* Ends the call with FUSIOO_CANCELLED, at once; one that has ended stays as it is. No errors. */
void fusioo_call_cancel(fusioo_call *call);

/* Cancels the call and gives it up. No errors; NULL is fine. */
void fusioo_call_free(fusioo_call *call);

/* Has it something to say: ended, or, where it moves a file, bytes to take or to give? Cannot fail. */
bool fusioo_call_ready(const fusioo_call *call);

/* A number that names the call or pager in needs; no other of its engine has it. Cannot fail. */
uint64_t fusioo_call_id(const fusioo_call *call);

/* Asks for one FUSIOO_NEED_READY in the queue of needs once the call is ready (at once, if it is). Cannot fail. */
void fusioo_call_watch(fusioo_call *call);

#include "fusioo_files.h"
#include "fusioo_oauth.h"

/* ---- Pagers: lists of any length, read ahead page by page ---- */

typedef struct fusioo_pager fusioo_pager;

/* How to read. */
typedef struct fusioo_plan {
    int64_t limit;   /* records in all; negative: every one */
    int page_size;   /* 1 to 200; 0: 200 */
    int concurrency; /* requests under way at most; 0: the client's */
    int64_t expect;  /* about how many will come, so that the count is not asked for; negative: not known */
    bool no_seams;   /* give up the overlap of neighbouring pages */
    bool want_total; /* ask for the count also where the plan can do without it, for fusioo_pager_progress */
} fusioo_plan;

/* Fills in a plan that reads everything. Cannot fail; `plan` stays the caller's. */
void fusioo_plan_init(fusioo_plan *plan);

/* What fusioo_pager_next found. */
typedef enum fusioo_pager_state {
    FUSIOO_PAGER_ITEM,  /* `item` is the next one */
    FUSIOO_PAGER_WAIT,  /* nothing yet: step the engine */
    FUSIOO_PAGER_END,   /* all were handed out */
    FUSIOO_PAGER_FAILED /* `error` says why; everything before it was handed out */
} fusioo_pager_state;

/* Starts to read a list: FUSIOO_GET_RECORDS of the app `id`, FUSIOO_GET_DISCUSSIONS of the record `id`, or
 * FUSIOO_GET_USERS (`id` NULL). `query` (may be NULL):
 * its `limit` is not read, `offset` is where to begin. `plan` may be NULL. NULL as fusioo_call_start. The caller frees
 * it. */
fusioo_pager *fusioo_pager_start(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                                 const fusioo_query *query, const fusioo_plan *plan, fusioo_error *error);

/* Hands out the next object, in the service's order, none twice. Never blocks. `item` lives until the next question. */
fusioo_pager_state fusioo_pager_next(fusioo_pager *pager, fusioo_item *item, fusioo_error *error);

/* The same, but moves the engine and blocks until there is something to say: never FUSIOO_PAGER_WAIT, except after a
 * signal. */
fusioo_pager_state fusioo_pager_wait(fusioo_pager *pager, fusioo_item *item, fusioo_error *error);

/* Has fusioo_pager_next something other than FUSIOO_PAGER_WAIT to say? Cannot fail. */
bool fusioo_pager_ready(const fusioo_pager *pager);

/* How many objects wait in the page that is being handed out, so that they need no waiting. Cannot fail. */
size_t fusioo_pager_left(const fusioo_pager *pager);

/* How many were handed out, and how many there are in all (-1: not known yet). Cannot fail. */
void fusioo_pager_progress(const fusioo_pager *pager, int64_t *done, int64_t *total);

/* Ends what is under way; what was not handed out is gone, the next question answers FUSIOO_CANCELLED. No errors. */
void fusioo_pager_cancel(fusioo_pager *pager);

/* Cancels the pager and gives it up. No errors; NULL is fine. */
void fusioo_pager_free(fusioo_pager *pager);

/* As fusioo_call_id. Cannot fail. */
uint64_t fusioo_pager_id(const fusioo_pager *pager);

/* Asks for one FUSIOO_NEED_READY once fusioo_pager_next would not say FUSIOO_PAGER_WAIT. Cannot fail. */
void fusioo_pager_watch(fusioo_pager *pager);

/* ---- The queue of needs: what the engine wants its owner to do ---- */

typedef enum fusioo_need_kind {
    FUSIOO_NEED_READY, /* a watched call or pager has something to say */
    FUSIOO_NEED_TOKEN, /* a call of a client with token_on_need wants a token: fusioo_engine_give_token */
    FUSIOO_NEED_STORE, /* a fusioo_oauth with FUSIOO_STORE_ON_NEED wants something of its store */
    FUSIOO_NEED_EVENT  /* something happened that a client with `events` wants to know */
} fusioo_need_kind;

typedef enum fusioo_event_type {
    FUSIOO_EVENT_REQUEST,
    FUSIOO_EVENT_RESPONSE,
    FUSIOO_EVENT_RETRY,
    FUSIOO_EVENT_WAIT,
    FUSIOO_EVENT_TOKEN, /* a token was got, renewed or taken over from the store, or could not be kept; `why` says so */
    FUSIOO_EVENT_LEDGER /* the ledger was rebuilt, or cannot be used for now; `why` says so */
} fusioo_event_type;

/* What happened. Holds no token. */
typedef struct fusioo_event {
    fusioo_event_type type;
    const char *method, *path; /* of the call; NULL: of none (ledger) */
    const char *tag;           /* of the client; NULL: none */
    int attempt;               /* number of the request, from 1 */
    int status;                /* response: HTTP status, 0: there was none */
    double seconds;            /* response: how long it took; retry and wait: how long it will be */
    uint64_t bytes;            /* response: size of the body */
    const char *why;           /* wait: "window" or "429"; token, ledger: what happened */
    double expires_at;         /* token: seconds since 1970; negative: not known */
    const fusioo_error *error; /* retry: what went wrong */
} fusioo_event;

typedef struct fusioo_need {
    fusioo_need_kind kind;
    uint64_t id;             /* the call, pager or question (READY, TOKEN); a number to answer with (STORE) */
    uint64_t client;         /* the client (TOKEN, EVENT), or the fusioo_oauth (STORE, EVENT) */
    fusioo_store_need store; /* STORE */
    fusioo_event event;      /* EVENT; lives until the next question */
} fusioo_need;

/* Takes the next need. False: there is none. No errors. */
bool fusioo_engine_next_need(fusioo_engine *engine, fusioo_need *need);

/* Answers FUSIOO_NEED_TOKEN of the call `id`. `token` NULL: there is none, and `why` (may be NULL) says so in the
 * call's error. A call that has ended meanwhile needs none. No errors. */
void fusioo_engine_give_token(fusioo_engine *engine, uint64_t id, const char *token, const char *why);

#ifdef __cplusplus
}
#endif

#endif
