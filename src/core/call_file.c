/* call_file.c: calls that move files, and their chunks (see fusioo.h).
 * Owns: nothing. Must not know: how a call moves (call.c), Lua. */
#include "call.h"

#include "error.h"

#include <string.h>

static void on_news(void *owner) {
    fu_call_tell_watcher(owner);
}

static fusioo_call *begin(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                          fusioo_error *error) {
    fusioo_call *call = fu_call_begin(client, method, id, id_size, NULL, NULL, NULL, error);
    return call;
}

static fusioo_call *with_stream(fusioo_call *call, struct fu_stream *stream) {
    if (stream == NULL) {
        fusioo_call_free(call);
        return NULL;
    }
    stream->news = on_news;
    stream->owner = call;
    call->stream = stream;
    return call;
}

fusioo_call *fusioo_call_upload(fusioo_client *client, const fusioo_source *source, fusioo_error *error) {
    if (source->name == NULL || source->name_size == 0 || memchr(source->name, '\0', source->name_size) != NULL) {
        fu_error_set(error, FUSIOO_INVALID, "create_file: the file has no name");
        return NULL;
    }
    fusioo_call *call = begin(client, FUSIOO_CREATE_FILE, NULL, 0, error);
    return call == NULL ? NULL
                        : with_stream(call, fu_stream_upload(source->name, source->name_size, source->size,
                                                             source->rewindable, error));
}

fusioo_call *fusioo_call_download(fusioo_client *client, const char *id, size_t id_size, bool rewindable,
                                  fusioo_error *error) {
    fusioo_call *call = begin(client, FUSIOO_DOWNLOAD_FILE, id, id_size, error);
    return call == NULL ? NULL : with_stream(call, fu_stream_download(rewindable, &call->body, error));
}

bool fusioo_call_wants(const fusioo_call *call, int64_t *offset) {
    *offset = call->stream != NULL ? call->stream->done : 0;
    return call->state == FU_CALL_SENDING && call->stream != NULL && call->stream->wants;
}

bool fusioo_call_give(fusioo_call *call, const char *bytes, size_t size, fusioo_error *error) {
    int64_t offset;
    if (!fusioo_call_wants(call, &offset)) {
        return true; /* it has ended, or begins again: the bytes are of no use any more */
    }
    if (!fu_stream_give(call->stream, bytes, size, error)) {
        return false;
    }
    fu_http_resume(call->transfer);
    return true;
}

void fusioo_call_give_up(fusioo_call *call, const char *why) {
    fu_call_give_up(call, why);
}

fusioo_chunk fusioo_call_take(fusioo_call *call, const char **bytes, size_t *size, fusioo_error *error) {
    struct fu_stream *stream = call->stream;
    bool ended = call->state == FU_CALL_DONE;
    if (stream == NULL || stream->upload) {
        fu_error_set(error, FUSIOO_INVALID, "the call brings no file");
        return FUSIOO_CHUNK_FAILED;
    }
    if (ended && call->error.kind != FUSIOO_OK) {
        if (error != NULL) {
            *error = call->error;
        }
        return FUSIOO_CHUNK_FAILED;
    }
    if (stream->restart) {
        stream->restart = false;
        return FUSIOO_CHUNK_RESTART;
    }
    if (fu_stream_take(stream, bytes, size)) {
        if (call->transfer != NULL) {
            fu_http_resume(call->transfer);
        }
        return FUSIOO_CHUNK_BYTES;
    }
    return ended ? FUSIOO_CHUNK_END : FUSIOO_CHUNK_WAIT;
}

void fusioo_call_progress(const fusioo_call *call, int64_t *done, int64_t *total) {
    const struct fu_stream *stream = call->stream;
    *done = stream == NULL ? 0 : stream->upload ? stream->done : stream->done - (int64_t)stream->chunk.size;
    *total = stream != NULL ? stream->total : -1;
}
