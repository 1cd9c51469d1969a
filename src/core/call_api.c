/* call_api.c: starting calls, ending them from outside, reading what they brought (see call.h and fusioo.h).
 * Owns: nothing. Must not know: how a call moves (call.c), pages, Lua. */
#include "call.h"

#include "alloc.h"
#include "error.h"

#include <string.h>

/* ---- Starting ---- */

static struct fusioo_call *new_call(struct fusioo_client *client, fusioo_error *error) {
    if (client->closed || client->context->closed) {
        fu_error_set(error, FUSIOO_CLOSED, client->closed ? "the client is closed" : "the engine is closed");
        return NULL;
    }
    struct fusioo_call *call = fu_calloc(1, sizeof *call);
    if (call == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    fu_call_set_up(call, client);
    return call;
}

static bool join_url(struct fusioo_call *call, fusioo_error *error) {
    struct fu_buffer url = FU_BUFFER_EMPTY;
    fu_buffer_puts(&url, call->client->base);
    fu_buffer_append(&url, call->wire.path.data, call->wire.path.size);
    if (call->wire.query.size > 0) {
        fu_buffer_putc(&url, '?');
        fu_buffer_append(&url, call->wire.query.data, call->wire.query.size);
    }
    if (url.failed) {
        fu_buffer_free(&url);
        return fu_error_memory(error);
    }
    call->url = url.data;
    return true;
}

static struct fusioo_call *set_off(struct fusioo_call *call, fusioo_error *error) {
    if (!join_url(call, error)) {
        fusioo_call_free(call);
        return NULL;
    }
    fu_call_set_off(call);
    return call;
}

/* A filter turns a method into its sibling that takes one. */
static fusioo_method with_filter(fusioo_method method, const fusioo_query *query) {
    if (query == NULL || query->filter == NULL) {
        return method;
    }
    return method == FUSIOO_GET_RECORDS    ? FUSIOO_GET_RECORDS_FILTER
           : method == FUSIOO_RECORD_COUNT ? FUSIOO_RECORD_COUNT_FILTER
                                           : method;
}

struct fusioo_call *fu_call_begin(struct fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                                  const fusioo_query *query, void (*ended)(struct fusioo_call *call, void *owner),
                                  void *owner, fusioo_error *error) {
    struct fusioo_call *call = new_call(client, error);
    if (call == NULL) {
        return NULL;
    }
    method = with_filter(method, query);
    const struct fu_endpoint *endpoint = fu_endpoint(method);
    call->answer_type = fu_endpoint_answer(method, client->version);
    call->counted = endpoint->counted;
    call->effect = endpoint->effect;
    call->repeatable = endpoint->effect != FU_CREATES;
    call->ended = ended;
    call->owner = owner;
    if (!fu_endpoint_build(&call->wire, method, client->endpoints[method], client->version, id, id_size, query,
                           error)) {
        fusioo_call_free(call);
        return NULL;
    }
    return set_off(call, error);
}

fusioo_call *fusioo_call_start(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                               const fusioo_query *query, fusioo_error *error) {
    if ((unsigned)method >= FUSIOO_METHODS) {
        fu_error_set(error, FUSIOO_INVALID, "there is no method number %d", (int)method);
        return NULL;
    }
    return fu_call_begin(client, method, id, id_size, query, NULL, NULL, error);
}

fusioo_call *fusioo_call_send(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                              const char *body, size_t body_size, fusioo_error *error) {
    /* A filter goes where every body goes. */
    fusioo_query query = {.filter = body, .filter_size = body_size};
    if (method != FUSIOO_CREATE_RECORD && method != FUSIOO_UPDATE_RECORD && method != FUSIOO_CREATE_DISCUSSION &&
        method != FUSIOO_CREATE_COMMENT) {
        fu_error_set(error, FUSIOO_INVALID, "method number %d sends no object", (int)method);
        return NULL;
    }
    return fu_call_begin(client, method, id, id_size, &query, NULL, NULL, error);
}

static enum fu_effect effect_of(const char *method) {
    return strcmp(method, "GET") == 0 ? FU_READS : strcmp(method, "DELETE") == 0 ? FU_DELETES : FU_CHANGES;
}

fusioo_call *fusioo_call_request(fusioo_client *client, const fusioo_request *request, fusioo_error *error) {
    struct fusioo_call *call = new_call(client, error);
    if (call == NULL) {
        return NULL;
    }
    if (!fu_endpoint_build_request(&call->wire, client->version, request, error)) {
        fusioo_call_free(call);
        return NULL;
    }
    bool post = strcmp(request->method, "POST") == 0;
    bool patch = strcmp(request->method, "PATCH") == 0;
    call->answer_type = FU_ANSWER_ANY;
    call->counted = fu_endpoint_request_counted(request);
    call->effect = effect_of(request->method);
    call->repeatable = (!post && !patch) || request->repeatable;
    return set_off(call, error);
}

/* ---- Ending ---- */

/* The first call of `client` (NULL: of any) that is under way. */
static struct fusioo_call *first_call(struct fu_context *context, const struct fusioo_client *client) {
    struct fusioo_call *call = context->calls;
    while (call != NULL && client != NULL && call->client != client) {
        call = call->next;
    }
    return call;
}

void fu_calls_end(struct fu_context *context, const struct fusioo_client *client, fusioo_kind kind) {
    struct fusioo_call *call;
    while ((call = first_call(context, client)) != NULL) {
        fu_call_end(call, kind); /* whoever is told may end others: look from the front again */
    }
}

void fusioo_call_cancel(fusioo_call *call) {
    fu_call_end(call, FUSIOO_CANCELLED);
}

void fusioo_call_free(fusioo_call *call) {
    if (call == NULL) {
        return;
    }
    call->ended = NULL;
    call->watched = false;
    fu_call_end(call, FUSIOO_CANCELLED);
    fu_need_withdraw(call->client->context, &call->need);
    fu_need_withdraw(call->client->context, &call->news);
    fu_wire_free(&call->wire);
    fu_free(call->url);
    fu_context_give_spare(call->client->context, &call->body);
    fu_envelope_free(&call->envelope);
    fu_stream_free(call->stream);
    fu_client_drop(call->client);
    fu_free(call);
}

/* ---- Reading ---- */

bool fusioo_call_done(const fusioo_call *call) {
    return call->state == FU_CALL_DONE;
}

uint64_t fusioo_call_id(const fusioo_call *call) {
    return call->id;
}

bool fusioo_call_ready(const fusioo_call *call) {
    if (call->state == FU_CALL_DONE || call->stream == NULL) {
        return call->state == FU_CALL_DONE;
    }
    /* An upload that is about to be repeated wants nothing yet. */
    return fu_stream_has_news(call->stream) && (!call->stream->upload || call->state == FU_CALL_SENDING);
}

void fusioo_call_watch(fusioo_call *call) {
    call->watched = true;
    if (fusioo_call_ready(call)) {
        fu_call_tell_watcher(call);
    }
}

bool fusioo_call_result(const fusioo_call *call, fusioo_result *result, fusioo_error *error) {
    if (call->state != FU_CALL_DONE) {
        return fu_error_set(error, FUSIOO_INVALID, "the call has not ended");
    }
    if (call->error.kind != FUSIOO_OK) {
        if (error != NULL) {
            *error = call->error;
        }
        return false;
    }
    bool has_data = call->envelope.data.data != NULL;
    bool has_body = call->body.size > 0; /* HTTP 204 has none */
    *result = (fusioo_result){
        .envelope = has_body ? call->body.data : "{}",
        .envelope_size = has_body ? call->body.size : 2,
        .data = has_data ? call->envelope.data.data : "null",
        .data_size = has_data ? call->envelope.data.size : 4,
        .count = call->count,
        .items = call->envelope.count,
    };
    return true;
}

fusioo_item fusioo_call_item(const fusioo_call *call, size_t index) {
    const struct fu_entry *entry = &call->envelope.entries[index];
    return (fusioo_item){call->body.data + entry->start, entry->size, entry->fields};
}
