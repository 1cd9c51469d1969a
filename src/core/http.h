/* http.h: transfers on one curl multi handle.
 *
 * Owns: the multi handle, its connections, the poller, the timers. Must not know: the Fusioo API, retries, the window.
 * Every transfer ends with exactly one call of `done`, from inside fu_http_step, unless it is cancelled before. */
#ifndef FU_HTTP_H
#define FU_HTTP_H

#include "buffer.h"
#include "clock.h"
#include "fusioo.h"
#include "poller.h"
#include "timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fu_transfer;

/* A descriptor of libcurl's. */
struct fu_socket {
    int fd;
    int local_port, remote_port; /* 0: not known yet */
    bool serial;                 /* an answer came over it, and it carries one at a time: HTTP/1 */
};

struct fu_http {
    void *multi; /* CURLM; NULL until the first transfer */
    struct fu_poller poller;
    struct fu_timers timers; /* all timers of the engine */
    struct fu_clock clock;
    double curl_due;                          /* when libcurl wants to be called; negative: it does not */
    double announced;                         /* when the last step said that the next is due; negative: never */
    double absent;                            /* seconds that steps came late, in all */
    bool more;                                /* the last step left work undone */
    bool starved;                             /* libcurl had no memory to note a socket */
    pid_t process;                            /* who opened this */
    struct fu_transfer *first;                /* transfers under way */
    struct fu_transfer *to_add, **to_add_end; /* those of them that libcurl does not know yet, in order */
    struct fu_socket *sockets;                /* libcurl's descriptors, also for a child to close */
    size_t socket_count, socket_capacity;
    void *idle[8]; /* easy handles to use again */
    size_t idle_count;
};

/* What a body that flows does next. */
enum fu_flow { FU_FLOW_GO, FU_FLOW_PAUSE, FU_FLOW_STOP };

/* What an answer's header lines say of a body that flows. The owner frees `location`. */
struct fu_http_head {
    int status;          /* of the answer that is coming; 0: none yet */
    int64_t length;      /* Content-Length; negative: it does not say */
    int64_t range_start; /* Content-Range: first byte; negative: there is none */
    int64_t range_total; /* and the size of the whole; negative: it does not say */
    bool framed;         /* is the end of the body marked, so that a cut shows? */
    bool is_json;        /* is it said to be JSON? */
    bool is_named;       /* Content-Disposition: it is a file, whatever it holds */
    char validator[256]; /* a strong ETag, or a Last-Modified that is as good; "": neither */
    char modified[64], date[64];
    struct fu_buffer location; /* where a redirect leads, whole address */
};

/* Bodies that flow instead of being kept in memory. All of it stays the caller's until the transfer has ended. */
struct fu_http_flow {
    /* Writes at most `room` bytes of the request's body to `target` and says in `size` how many. PAUSE: none are there
     * yet. NULL: the request has no body that flows. */
    enum fu_flow (*give)(void *owner, char *target, size_t room, size_t *size);
    /* Takes `size` bytes of the answer's body: all of them, or with PAUSE none. NULL: it is kept as any other. */
    enum fu_flow (*take)(void *owner, const char *bytes, size_t size);
    void *owner;
    int64_t give_size;        /* bytes of the request's body */
    const char *content_type; /* of that body */
    int64_t from;             /* first byte of the answer that is wanted; 0: all of it */
    const char *if_range;     /* the validator that the part must still have; NULL: none */
    struct fu_http_head *head;
};

/* What to send. Everything is copied or stays the caller's until the transfer has ended, as said. */
struct fu_http_request {
    const char *method;
    const char *url;
    const char *bearer; /* token, copied and wiped after use; NULL: no Authorization */
    const char *body;   /* stays the caller's until the end; NULL: none */
    size_t body_size;
    const char *content_type;        /* of the body; NULL: JSON */
    const struct fu_http_flow *flow; /* NULL: both bodies are in memory */
    bool repeatable;                 /* may libcurl send it again over another connection? */
    bool plain;                      /* the address is http:// on this machine: no proxy but one that is named */
    const char *ca_file, *proxy, *user_agent; /* NULL: default */
    double connect_timeout, idle_timeout;     /* seconds */
    size_t max_body;                          /* bytes */
};

/* How a transfer ended. */
struct fu_http_outcome {
    fusioo_kind kind;   /* FUSIOO_OK: an answer came whole, whatever its status */
    int status;         /* 0: none came */
    bool sent;          /* may a byte of the request have left? */
    unsigned requests;  /* how many times it may have left; libcurl repeats what a dead kept connection swallowed */
    bool hopeless;      /* it would fail the same way again */
    double retry_after; /* seconds, as the service asked; negative: it did not */
    char message[256];  /* what happened, in words; no secrets */
};

typedef void fu_http_done(void *owner, const struct fu_http_outcome *outcome);

/* Opens the poller. False: FUSIOO_NETWORK, the system gave no descriptors. */
bool fu_http_open(struct fu_http *http, struct fu_clock clock, fusioo_error *error);

/* Makes libcurl ready, which takes milliseconds the first time: better before a frame loop begins than in one of its
 * frames. False: no memory. The first transfer does it otherwise. */
bool fu_http_warm_up(struct fu_http *http);

/* Ends all transfers without `done`, closes everything. In a forked child only descriptors are closed. */
void fu_http_close(struct fu_http *http);

/* Was this opened by another process, the parent? */
bool fu_http_is_inherited(const struct fu_http *http);

/* In a forked child: closes the parent's descriptors (copies of them), forgets its handles and opens afresh. The
 * transfers are gone without `done`. False: no descriptors. */
bool fu_http_begin_afresh(struct fu_http *http, fusioo_error *error);

/* Starts a transfer whose answer is appended to `body`. NULL: FUSIOO_MEMORY or FUSIOO_NETWORK. `owner` is given to
 * `done`. */
struct fu_transfer *fu_http_start(struct fu_http *http, const struct fu_http_request *request, struct fu_buffer *body,
                                  fu_http_done *done, void *owner, fusioo_error *error);

/* Ends a transfer now, without `done`. Returns how many times the request may have left. */
unsigned fu_http_cancel(struct fu_transfer *transfer);

/* Lets a transfer whose flow paused go on. */
void fu_http_resume(struct fu_transfer *transfer);

/* Moves what can be moved without blocking, timers included; stops after `budget` seconds (negative: no limit). */
void fu_http_step(struct fu_http *http, double budget);

/* Seconds until the next step is due anyway; negative: nothing is due. */
double fu_http_timeout(const struct fu_http *http);

/* Makes the poller's descriptor readable when the next step is due. To be called after timers were set from outside a
 * step. */
void fu_http_arm(struct fu_http *http);

/* Makes the next step due now. */
void fu_http_wake(struct fu_http *http);

#endif
