/* call_answer.c: what an answer means for its call (see call.h).
 * Owns: nothing. Must not know: when a call is sent or sent again (call.c), pages, Lua. */
#include "call_private.h"

#include "error.h"

bool fu_call_is_unknown(const struct fusioo_call *call, const struct fu_http_outcome *outcome) {
    const fusioo_error *error = &call->error;
    if (call->effect == FU_READS || (call->stream != NULL && fu_stream_is_partial(call->stream))) {
        return false;
    }
    switch (error->kind) {
    case FUSIOO_NETWORK:
    case FUSIOO_TIMEOUT:
    case FUSIOO_DECODE:
    case FUSIOO_TOO_LARGE:
    case FUSIOO_MEMORY:
        return outcome->sent;
    case FUSIOO_API:
        return error->status >= 500;
    default:
        return false;
    }
}

/* Reads what the answer says. True: success. */
static bool read_answer(struct fusioo_call *call, const struct fu_http_outcome *outcome) {
    /* A 429 says all it has to say in its first line: it may be cut. */
    if (outcome->kind == FUSIOO_OK || outcome->status == 429) {
        return fu_verdict(outcome->status, call->body.data != NULL ? call->body.data : "", call->body.size,
                          call->answer_type, &call->envelope, &call->count, &call->error);
    }
    fu_error_set(&call->error, outcome->kind, "%s", outcome->message);
    call->error.status = outcome->status;
    return false;
}

/* Is what came as a file an envelope that says no? A file of JSON is one, too, only where it has a code that is no
 * success, and a message. */
static bool is_refusal(struct fusioo_call *call, const struct fu_http_outcome *outcome) {
    struct fu_stream *stream = call->stream;
    if (!stream->doubtful) {
        return false;
    }
    fu_buffer_clear(&call->body);
    if (stream->chunk.size > 0 && !fu_buffer_append(&call->body, stream->chunk.data, stream->chunk.size)) {
        fu_error_memory(&call->error);
        return true;
    }
    if (!read_answer(call, outcome) && call->error.has_code && call->envelope.message.data != NULL) {
        fu_stream_reject(stream);
        return true;
    }
    stream->doubtful = false;
    fu_error_clear(&call->error, FUSIOO_OK);
    call->envelope.data = (struct fu_slice){NULL, 0};
    fu_buffer_clear(&call->body);
    return false;
}

/* The same for a file that comes. False, without an error: a redirect leads on. */
static bool read_file(struct fusioo_call *call, const struct fu_http_outcome *outcome) {
    struct fu_http_outcome whole = *outcome;
    switch (fu_stream_answered(call->stream, outcome, &call->error)) {
    case FU_STREAM_WHOLE:
        return !is_refusal(call, outcome);
    case FU_STREAM_NO_FILE:
        if (call->stream->endless) {
            whole.kind = FUSIOO_OK;
        }
        if (read_answer(call, &whole)) {
            fu_error_set(&call->error, FUSIOO_DECODE, "the answer is no file");
        }
        return false;
    case FU_STREAM_REDIRECT:
        if (fu_stream_follow(call->stream, call->client->base, &call->error)) {
            return false;
        }
        break;
    default:
        break;
    }
    call->error.status = outcome->status;
    return false;
}

bool fu_call_read_answer(struct fusioo_call *call, const struct fu_http_outcome *outcome, bool refused) {
    bool comes = call->stream != NULL && !call->stream->upload;
    return comes && !refused ? read_file(call, outcome) : read_answer(call, outcome);
}
