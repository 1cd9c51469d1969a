/* stream.h: the bytes of a file on their way through a call, up or down.
 *
 * Owns: the chunk between the network and the call's owner, what is left to send or to come, whether a cut transfer can
 * go on where it stopped. Must not know: tokens, the window, Lua.
 * Never more than a chunk is held: whoever is slower makes the other wait. */
#ifndef FU_STREAM_H
#define FU_STREAM_H

#include "buffer.h"
#include "fusioo.h"
#include "http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fu_stream {
    struct fu_http_flow flow;
    struct fu_http_head head;
    void (*news)(void *owner); /* there is something for the call's owner to do */
    void *owner;
    bool upload;
    bool rewindable;        /* can the owner begin again from the first byte? */
    struct fu_buffer chunk; /* upload: given, not sent; download: come, not taken */
    int64_t done;           /* bytes of the file that went through this attempt, or in all where it goes on */

    /* Upload: a form of one part. */
    struct fu_buffer before, after; /* what stands around the file */
    size_t chunk_sent;
    int64_t position; /* in the whole body */
    int64_t size;     /* of the file */
    bool wants;       /* the network waits for the owner's next chunk */

    /* Download. */
    struct fu_buffer taken;  /* the owner reads it until its next question */
    struct fu_buffer *words; /* the body of an answer that is no file */
    char validator[256];     /* of the file that is coming; "": a cut one cannot go on */
    int64_t total;           /* its size; negative: not known */
    int64_t began;           /* `done` when the attempt began */
    int64_t farthest;        /* the most that any attempt before it had reached, also one that was in vain */
    bool accepted;           /* the answer under way brings the file */
    bool doubtful;           /* it may be an envelope that says no, with HTTP 200: nothing is handed out yet */
    bool restart;            /* the owner must forget what it has taken */
    bool useless;            /* no answer will be better than the last */
    const char *stopped;     /* why the stream itself stopped the transfer; NULL: it did not */
    bool no_memory;          /* that was why */
    bool endless;            /* or that an answer that is no file was too long: its status and first words say enough */
    int redirects;
    char *location;    /* where a redirect led; NULL: the call's own address */
    bool is_elsewhere; /* not the service's host: it gets no token, and no call is counted */
};

/* How an answer to a download ended. */
enum fu_stream_end {
    FU_STREAM_WHOLE,    /* the file is complete */
    FU_STREAM_REDIRECT, /* to be asked for at `location` */
    FU_STREAM_NO_FILE,  /* the answer is an envelope: `words` has it */
    FU_STREAM_BROKEN    /* `error` says why */
};

/* Makes a stream for a file of `size` bytes called `name` (UTF-8, `name_size` bytes). NULL: FUSIOO_INVALID or
 * FUSIOO_MEMORY. */
struct fu_stream *fu_stream_upload(const char *name, size_t name_size, int64_t size, bool rewindable,
                                   fusioo_error *error);

/* Makes a stream for a file that comes; the body of any other answer goes to `words`. NULL: FUSIOO_MEMORY. */
struct fu_stream *fu_stream_download(bool rewindable, struct fu_buffer *words, fusioo_error *error);

/* Frees it; NULL is fine. */
void fu_stream_free(struct fu_stream *stream);

/* Makes it ready for the next request: an upload from the beginning, a download from where it stopped, if it can. */
void fu_stream_begin(struct fu_stream *stream);

/* Could another request still bring what is missing? */
bool fu_stream_can_repeat(const struct fu_stream *stream);

/* Is the service certain not to have the whole upload? */
bool fu_stream_is_partial(const struct fu_stream *stream);

/* Did the last request bring a download well further than any before, in a way that the next one keeps? */
bool fu_stream_made_progress(const struct fu_stream *stream);

/* Says how a request of a download ended, for better or worse: `outcome` is the transfer's. */
enum fu_stream_end fu_stream_answered(struct fu_stream *stream, const struct fu_http_outcome *outcome,
                                      fusioo_error *error);

/* Follows the redirect of the last answer; `base` is the service's address. False: `error` says why not. */
bool fu_stream_follow(struct fu_stream *stream, const char *base, fusioo_error *error);

/* Forgets where a redirect led: such an address may live for minutes alone. */
void fu_stream_go_home(struct fu_stream *stream);

/* The doubtful answer was no file: nothing of it is handed out. */
void fu_stream_reject(struct fu_stream *stream);

/* Is there something for the owner to do? */
bool fu_stream_has_news(const struct fu_stream *stream);

/* Takes `size` bytes of the file to send. False: FUSIOO_INVALID, more than the file has, or FUSIOO_MEMORY. */
bool fu_stream_give(struct fu_stream *stream, const char *bytes, size_t size, fusioo_error *error);

/* Hands out what came of a file; `bytes` live until the next question. False: nothing did. */
bool fu_stream_take(struct fu_stream *stream, const char **bytes, size_t *size);

#endif
