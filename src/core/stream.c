/* stream.c: the bytes of a file on their way through a call (see stream.h).
 * Owns: the form of an upload, the verdict on a download's answers. Must not know: tokens, the window, Lua. */
#include "stream.h"

#include "address.h"
#include "alloc.h"
#include "error.h"
#include "random.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_CHUNK = 256 * 1024,  /* bytes that wait for a slow owner */
    MOST_WORDS = 1024 * 1024, /* of an answer that is no file */
    MOST_REFUSAL = 4096,      /* of an envelope that says no with HTTP 200 */
    MOST_REDIRECTS = 5,
    LEAST_PROGRESS = 64 * 1024, /* each request is one of the company's calls: it must bring more than a few bytes */
    OK = 200,
    PARTIAL = 206,
    NO_SUCH_PART = 416,
};

/* ---- Upload ---- */

static enum fu_flow give(void *owner, char *target, size_t room, size_t *size) {
    struct fu_stream *stream = owner;
    size_t head = stream->before.size;
    int64_t content_end = (int64_t)head + stream->size;
    const char *from;
    size_t there;
    if (stream->position < (int64_t)head) {
        from = stream->before.data + stream->position;
        there = head - (size_t)stream->position;
    } else if (stream->position < content_end) {
        there = stream->chunk.size - stream->chunk_sent;
        if (there == 0) {
            stream->wants = true;
            stream->news(stream->owner);
            return FU_FLOW_PAUSE;
        }
        from = stream->chunk.data + stream->chunk_sent;
        stream->chunk_sent += there < room ? there : room;
    } else {
        size_t at = (size_t)(stream->position - content_end);
        from = stream->after.data + at;
        there = stream->after.size - at;
    }
    *size = there < room ? there : room;
    memcpy(target, from, *size);
    stream->position += (int64_t)*size;
    return FU_FLOW_GO;
}

/* A file's name in a form's header, as browsers write it. */
static void put_name(struct fu_buffer *buffer, const char *name, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '"') {
            fu_buffer_puts(buffer, "%22");
        } else if (name[i] == '\r') {
            fu_buffer_puts(buffer, "%0D");
        } else if (name[i] == '\n') {
            fu_buffer_puts(buffer, "%0A");
        } else {
            fu_buffer_putc(buffer, name[i]);
        }
    }
}

/* The boundary is random: no file can hold it but by a chance of one in 2^128. */
static bool make_form(struct fu_stream *stream, const char *name, size_t name_size, fusioo_error *error) {
    static const char type[] = "multipart/form-data; boundary=";
    unsigned char random[16];
    char boundary[2 * sizeof random + 1];
    if (!fu_random_bytes(random, sizeof random)) {
        return fu_error_set(error, FUSIOO_NETWORK, "the system gave no random bytes");
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(boundary + 2 * i, 3, "%02x", random[i]);
    }
    struct fu_buffer *before = &stream->before;
    fu_buffer_puts(before, "--");
    fu_buffer_puts(before, boundary);
    fu_buffer_puts(before, "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
    put_name(before, name, name_size);
    fu_buffer_puts(before, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
    fu_buffer_puts(&stream->after, "\r\n--");
    fu_buffer_puts(&stream->after, boundary);
    fu_buffer_puts(&stream->after, "--\r\n");
    char *content_type = fu_malloc(sizeof type + sizeof boundary);
    if (content_type == NULL || before->failed || stream->after.failed) {
        fu_free(content_type);
        return fu_error_memory(error);
    }
    snprintf(content_type, sizeof type + sizeof boundary, "%s%s", type, boundary);
    stream->flow.content_type = content_type;
    stream->flow.give = give;
    stream->flow.give_size = (int64_t)before->size + stream->size + (int64_t)stream->after.size;
    return true;
}

static struct fu_stream *new_stream(bool rewindable, fusioo_error *error) {
    struct fu_stream *stream = fu_calloc(1, sizeof *stream);
    if (stream == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    stream->flow.owner = stream;
    stream->flow.head = &stream->head;
    stream->rewindable = rewindable;
    stream->total = -1;
    return stream;
}

struct fu_stream *fu_stream_upload(const char *name, size_t name_size, int64_t size, bool rewindable,
                                   fusioo_error *error) {
    if (size < 0 || size > INT64_MAX / 2) {
        fu_error_set(error, FUSIOO_INVALID, "a file of %lld bytes cannot be", (long long)size);
        return NULL;
    }
    struct fu_stream *stream = new_stream(rewindable, error);
    if (stream == NULL) {
        return NULL;
    }
    stream->upload = true;
    stream->size = stream->total = size;
    if (!make_form(stream, name, name_size, error)) {
        fu_stream_free(stream);
        return NULL;
    }
    return stream;
}

bool fu_stream_give(struct fu_stream *stream, const char *bytes, size_t size, fusioo_error *error) {
    if (size > (uint64_t)(stream->size - stream->done)) {
        return fu_error_set(error, FUSIOO_INVALID, "the file is longer than the %lld bytes it was said to have",
                            (long long)stream->size);
    }
    if (size == 0) {
        return true;
    }
    if (stream->chunk_sent == stream->chunk.size) {
        fu_buffer_clear(&stream->chunk);
        stream->chunk_sent = 0;
    }
    if (!fu_buffer_append(&stream->chunk, bytes, size)) {
        return fu_error_memory(error);
    }
    stream->done += (int64_t)size;
    stream->wants = false;
    return true;
}

/* ---- Download ---- */

static void begin_again(struct fu_stream *stream) {
    stream->restart = stream->restart || stream->done > 0;
    fu_buffer_clear(&stream->chunk);
    stream->done = stream->began = 0;
    stream->validator[0] = '\0';
    stream->total = -1;
}

/* Nothing of the answer is of use. The next request asks for all of the file, if it may. */
static bool refuse(struct fu_stream *stream, const char *why) {
    stream->validator[0] = '\0';
    stream->stopped = why;
    return false;
}

/* Is the part of another state of the file? Not every service looks at the condition that it is sent. An ETag and a
 * date cannot be compared. */
static bool is_changed(const struct fu_stream *stream) {
    const char *before = stream->validator;
    const char *now = stream->head.validator;
    bool comparable = now[0] != '\0' && (before[0] == '"') == (now[0] == '"');
    bool resized = stream->total >= 0 && stream->head.range_total >= 0 && stream->head.range_total != stream->total;
    return resized || (comparable && strcmp(before, now) != 0);
}

/* Does the answer that has begun bring the file, from the byte that is wanted? False: `stopped` says why not. */
static bool accept(struct fu_stream *stream) {
    const struct fu_http_head *head = &stream->head;
    int64_t from = stream->flow.from;
    if (head->status == PARTIAL) {
        if (from == 0 || head->range_start != from) {
            return refuse(stream, "the answer is another part of the file than the one that was asked for");
        }
        if (is_changed(stream)) {
            return refuse(stream, "the file changed while it was downloaded");
        }
        stream->total = stream->total >= 0 ? stream->total : head->range_total;
    } else if (from > 0) {
        if (!stream->rewindable) {
            return refuse(stream,
                          "the file changed while it was downloaded, and its first bytes were handed out already");
        }
        begin_again(stream);
    }
    stream->accepted = true;
    if (head->status == OK) {
        stream->doubtful = head->is_json && !head->is_named && !stream->is_elsewhere;
        stream->total = head->length;
        memcpy(stream->validator, head->validator, sizeof stream->validator);
    }
    return true;
}

static bool is_file(const struct fu_stream *stream) {
    return stream->head.status == OK || stream->head.status == PARTIAL;
}

static enum fu_flow keep_words(struct fu_stream *stream, const char *bytes, size_t size) {
    stream->endless = size > MOST_WORDS - stream->words->size; /* and there is no time limit on a file */
    if (stream->endless) {
        size = MOST_WORDS - stream->words->size;
    }
    stream->no_memory = !fu_buffer_append(stream->words, bytes, size);
    return stream->no_memory || stream->endless ? FU_FLOW_STOP : FU_FLOW_GO;
}

static enum fu_flow take(void *owner, const char *bytes, size_t size) {
    struct fu_stream *stream = owner;
    if (!is_file(stream)) {
        return keep_words(stream, bytes, size);
    }
    if (!stream->accepted && !accept(stream)) {
        return FU_FLOW_STOP;
    }
    if (stream->chunk.size > 0 && stream->chunk.size + size > MOST_CHUNK) {
        return FU_FLOW_PAUSE;
    }
    if (!fu_buffer_append(&stream->chunk, bytes, size)) {
        stream->no_memory = true;
        return FU_FLOW_STOP;
    }
    stream->done += (int64_t)size;
    stream->doubtful = stream->doubtful && stream->done <= MOST_REFUSAL;
    if (!stream->doubtful) {
        stream->news(stream->owner);
    }
    return FU_FLOW_GO;
}

void fu_stream_reject(struct fu_stream *stream) {
    fu_buffer_clear(&stream->chunk);
    stream->doubtful = false;
    stream->done = stream->began = 0;
}

struct fu_stream *fu_stream_download(bool rewindable, struct fu_buffer *words, fusioo_error *error) {
    struct fu_stream *stream = new_stream(rewindable, error);
    if (stream != NULL) {
        stream->flow.take = take;
        stream->words = words;
    }
    return stream;
}

bool fu_stream_take(struct fu_stream *stream, const char **bytes, size_t *size) {
    if (stream->chunk.size == 0 || stream->doubtful) {
        return false;
    }
    struct fu_buffer full = stream->chunk;
    stream->chunk = stream->taken;
    stream->taken = full;
    fu_buffer_clear(&stream->chunk);
    *bytes = full.data;
    *size = full.size;
    return true;
}

/* ---- Both ---- */

void fu_stream_free(struct fu_stream *stream) {
    if (stream == NULL) {
        return;
    }
    fu_buffer_free(&stream->chunk);
    fu_buffer_free(&stream->before);
    fu_buffer_free(&stream->after);
    fu_buffer_free(&stream->taken);
    fu_buffer_free(&stream->head.location);
    fu_free((char *)(uintptr_t)stream->flow.content_type);
    fu_free(stream->location);
    fu_free(stream);
}

void fu_stream_begin(struct fu_stream *stream) {
    if (stream->upload) {
        fu_buffer_clear(&stream->chunk);
        stream->chunk_sent = 0;
        stream->position = stream->done = 0;
        stream->wants = false;
        return;
    }
    stream->farthest = stream->done > stream->farthest ? stream->done : stream->farthest;
    if (stream->done > 0 && stream->validator[0] == '\0') {
        begin_again(stream);
    }
    stream->began = stream->done;
    stream->accepted = stream->doubtful = false; /* what was cut off and goes on is taken for a file */
    stream->stopped = NULL;
    stream->no_memory = stream->endless = false;
    stream->flow.from = stream->done;
    stream->flow.if_range = stream->validator;
    stream->head.status = 0;
}

void fu_stream_go_home(struct fu_stream *stream) {
    fu_free(stream->location);
    stream->location = NULL;
    stream->is_elsewhere = false;
    stream->redirects = 0;
}

bool fu_stream_can_repeat(const struct fu_stream *stream) {
    bool anywhere = stream->done == 0 || stream->rewindable;
    return !stream->useless && (anywhere || (!stream->upload && stream->validator[0] != '\0'));
}

bool fu_stream_is_partial(const struct fu_stream *stream) {
    return stream->upload && stream->position < stream->flow.give_size;
}

bool fu_stream_made_progress(const struct fu_stream *stream) {
    return !stream->upload && stream->validator[0] != '\0' && stream->done - stream->farthest >= LEAST_PROGRESS;
}

bool fu_stream_has_news(const struct fu_stream *stream) {
    return stream->upload ? stream->wants : stream->restart || (stream->chunk.size > 0 && !stream->doubtful);
}

/* An answer that came to its end: is it the whole file? */
static enum fu_stream_end check_whole(struct fu_stream *stream, fusioo_error *error) {
    if (!stream->accepted && !accept(stream)) { /* an empty file has no first byte */
        fu_error_set(error, FUSIOO_NETWORK, "%s", stream->stopped);
        return FU_STREAM_BROKEN;
    }
    if (stream->total >= 0 && stream->done != stream->total) {
        fu_error_set(error, FUSIOO_NETWORK, "%lld of the file's %lld bytes came", (long long)stream->done,
                     (long long)stream->total);
        return FU_STREAM_BROKEN;
    }
    if (!stream->head.framed && stream->total < 0) {
        stream->useless = true;
        fu_error_set(error, FUSIOO_DECODE,
                     "the answer does not say how long the file is, so that a cut one would look whole");
        return FU_STREAM_BROKEN;
    }
    return FU_STREAM_WHOLE;
}

enum fu_stream_end fu_stream_answered(struct fu_stream *stream, const struct fu_http_outcome *outcome,
                                      fusioo_error *error) {
    if (stream->no_memory || stream->head.location.failed) {
        fu_error_memory(error);
        return FU_STREAM_BROKEN;
    }
    if (stream->stopped != NULL) {
        fu_error_set(error, FUSIOO_NETWORK, "%s", stream->stopped);
        return FU_STREAM_BROKEN;
    }
    if (outcome->kind != FUSIOO_OK && !stream->endless) {
        fu_error_set(error, outcome->kind, "%s", outcome->message);
        return FU_STREAM_BROKEN;
    }
    if (is_file(stream)) {
        return check_whole(stream, error);
    }
    if (outcome->status >= 300 && outcome->status < 400 && stream->head.location.size > 0) {
        return FU_STREAM_REDIRECT;
    }
    if (outcome->status == NO_SUCH_PART && stream->flow.from > 0) {
        if (stream->head.range_total == stream->done && !is_changed(stream)) {
            return FU_STREAM_WHOLE; /* all of it had come, and only the mark of its end was lost */
        }
        stream->validator[0] = '\0'; /* the next request asks for all of it, if it may */
        fu_error_set(error, FUSIOO_NETWORK, "the service has no byte %lld of the file any more",
                     (long long)stream->flow.from);
        return FU_STREAM_BROKEN;
    }
    if (stream->is_elsewhere) {
        fu_error_set(error, FUSIOO_API, "the host that keeps the file answered with HTTP %d", outcome->status);
        return FU_STREAM_BROKEN;
    }
    return FU_STREAM_NO_FILE;
}

bool fu_stream_follow(struct fu_stream *stream, const char *base, fusioo_error *error) {
    const char *target = stream->head.location.data;
    if (++stream->redirects > MOST_REDIRECTS) {
        return fu_error_set(error, FUSIOO_API, "the file's address redirects more than %d times", MOST_REDIRECTS);
    }
    if (!fu_address_may_follow(target)) {
        return fu_error_set(error, FUSIOO_API,
                            "the file's address redirects to one that is not https://: nothing was fetched there");
    }
    char *location = fu_strdup(target);
    if (location == NULL) {
        return fu_error_memory(error);
    }
    fu_free(stream->location);
    stream->location = location;
    stream->is_elsewhere = !fu_address_same_origin(base, location);
    return true;
}
