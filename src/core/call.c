/* call.c: one call of the API as a state machine (see call.h).
 * Owns: a call's request, its answer, its error. Must not know: pages, Lua. */
#include "call.h"

#include "alloc.h"
#include "call_private.h"
#include "error.h"
#include "retry.h"
#include "scrub.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct fu_context *context_of(const struct fusioo_call *call) {
    return call->client->context;
}

static struct fu_timers *timers_of(const struct fusioo_call *call) {
    return &context_of(call)->http.timers;
}

static double now_of(const struct fusioo_call *call) {
    return fu_context_now(context_of(call));
}

/* ---- The end ---- */

bool fu_call_is_counted(const struct fusioo_call *call) {
    return call->counted && (call->stream == NULL || !call->stream->is_elsewhere);
}

static size_t size_of_body(const struct fusioo_call *call) {
    return call->stream != NULL ? (size_t)call->stream->flow.give_size : call->wire.body.size;
}

/* What libcurl sent again by itself counts like any other request. */
static void note_resent(struct fusioo_call *call, unsigned requests) {
    for (; requests > 1; requests--) {
        call->attempts++;
        fu_client_note_request(call->client, true, size_of_body(call));
        if (fu_call_is_counted(call)) {
            fu_budget_note(call->client->budget, call->client->tag);
        }
    }
}

void fu_call_leave_state(struct fusioo_call *call) {
    fu_timers_stop(timers_of(call), &call->timer);
    fu_need_withdraw(context_of(call), &call->need);
    fu_oauth_take_back(&call->ask);
    if (call->state == FU_CALL_LINE) {
        fu_budget_leave(call->client->budget, &call->waiter);
        double wait = now_of(call) - call->line_since;
        call->waited += wait;
        call->client->stats->sum.waited += wait;
    } else if (call->state == FU_CALL_SENDING) {
        unsigned requests = fu_http_cancel(call->transfer);
        bool sent = requests > 0;
        call->transfer = NULL;
        note_resent(call, requests);
        bool whole = call->stream == NULL || !fu_stream_is_partial(call->stream);
        call->unknown = call->unknown || (call->effect != FU_READS && sent && whole);
        fu_budget_end(call->client->budget, &call->waiter, fu_call_is_counted(call) && sent, false);
    }
}

/* The error of a call that failed says what was asked. */
static void sign_error(struct fusioo_call *call) {
    fusioo_error *error = &call->error;
    snprintf(error->method, sizeof error->method, "%s", call->wire.method);
    const char *path = call->wire.path.data;
    fu_error_copy(error->path, sizeof error->path, path != NULL ? path : "", call->wire.path.size);
    error->attempts = call->attempts;
    error->maybe_done = call->unknown;
    fu_scrub(error->message, call->token != NULL ? call->token : call->client->token);
}

void fu_call_tell_watcher(struct fusioo_call *call) {
    if (call->watched) {
        call->watched = false;
        call->news.need = (fusioo_need){.kind = FUSIOO_NEED_READY, .id = call->id, .client = call->client->id};
        fu_need_post(context_of(call), &call->news);
    }
}

void fu_call_finish(struct fusioo_call *call) {
    if (call->error.kind != FUSIOO_OK) {
        sign_error(call);
    }
    call->state = FU_CALL_DONE;
    fu_timers_stop(timers_of(call), &call->total);
    *call->place = call->next;
    if (call->next != NULL) {
        call->next->place = call->place;
    }
    context_of(call)->under_way--;
    fu_free_secret(call->token);
    call->token = NULL;
    fu_call_tell_watcher(call);
    if (call->ended != NULL) {
        call->ended(call, call->owner);
    }
}

/* ---- Time limits ---- */

static struct fusioo_call *call_of(struct fu_timer *timer, size_t offset) {
    return (struct fusioo_call *)(void *)((char *)timer - offset);
}

static void on_total(struct fu_timer *timer) {
    struct fusioo_call *call = call_of(timer, offsetof(struct fusioo_call, total));
    char last[256] = "";
    if (!fu_patience_is_over(context_of(call), &call->patience)) {
        fu_timers_set(timers_of(call), &call->total, call->patience.until);
        return;
    }
    if (call->state == FU_CALL_PAUSE && call->error.kind != FUSIOO_OK) {
        snprintf(last, sizeof last, "; before that: %.200s", call->error.message);
    } else if (call->state == FU_CALL_TOKEN && call->client->auth != NULL) {
        char what[160];
        fu_oauth_say_what_is_awaited(call->client->auth, what, sizeof what);
        snprintf(last, sizeof last, ": %.200s", what);
    }
    fu_call_leave_state(call);
    fu_error_set(&call->error, FUSIOO_TIMEOUT, "the call took longer than %g seconds (timeout.total)%s",
                 call->client->total_timeout, last);
    fu_call_finish(call);
}

void fu_call_stop_total(struct fusioo_call *call) {
    if (fu_timer_is_set(&call->total)) {
        call->total_left = call->total.due - now_of(call);
        fu_timers_stop(timers_of(call), &call->total);
    }
}

void fu_call_start_total(struct fusioo_call *call) {
    if (call->stream != NULL) {
        return; /* a file takes as long as it takes */
    }
    if (!fu_timer_is_set(&call->total)) {
        fu_patience_set(context_of(call), &call->patience, call->total_left);
        fu_timers_set(timers_of(call), &call->total, call->patience.until);
    }
}

/* ---- One request ---- */

static void pause_and_repeat(struct fusioo_call *call, double wait) {
    fusioo_event event = fu_call_event(call, FUSIOO_EVENT_RETRY);
    sign_error(call);
    event.seconds = wait;
    event.error = &call->error;
    fu_call_tell(call, &event);
    call->state = FU_CALL_PAUSE;
    fu_timers_set(timers_of(call), &call->timer, now_of(call) + wait);
}

/* A delete whose first try left no answer, and whose repeat finds nothing, has succeeded. */
static bool is_deleted(const struct fusioo_call *call) {
    return call->unknown && call->error.status == 404 && call->effect == FU_DELETES;
}

static void end_deleted(struct fusioo_call *call) {
    fu_error_clear(&call->error, FUSIOO_OK);
    call->envelope.data = (struct fu_slice){NULL, 0};
    fu_buffer_clear(&call->body); /* reads as {} */
    fu_call_finish(call);
}

static void decide(struct fusioo_call *call, const struct fu_http_outcome *outcome) {
    if (is_deleted(call)) {
        end_deleted(call);
        return;
    }
    struct fu_stream *stream = call->stream;
    bool stuck = stream != NULL && !fu_stream_can_repeat(stream);
    call->unknown = call->unknown || fu_call_is_unknown(call, outcome);
    bool is_ours = stream == NULL || !stream->is_elsewhere; /* another host's 401 is no word on the token */
    if (call->error.status == 401 && is_ours && fu_call_asks_each_time(call->client) && !call->renewed && !stuck) {
        call->renewed = true;
        fu_call_ask_token(call, true);
        return;
    }
    struct fu_outcome fate = {
        .kind = call->error.kind,
        .status = call->error.status,
        .retry_after = outcome->retry_after,
        .sent = outcome->sent,
        .repeatable = call->repeatable,
        .hopeless = outcome->hopeless || stuck,
    };
    call->failures = stream != NULL && fu_stream_made_progress(stream) ? 1 : call->failures + 1;
    double wait =
        fu_retry_after(&call->client->retry, &fate, call->failures, fu_random_unit(&context_of(call)->random));
    if (wait < 0 || (stream == NULL && now_of(call) + wait >= call->total.due)) {
        fu_call_finish(call);
        return;
    }
    if (stream != NULL) {
        fu_stream_go_home(stream);
    }
    pause_and_repeat(call, wait);
}

static void on_answer(void *owner, const struct fu_http_outcome *outcome) {
    struct fusioo_call *call = owner;
    struct fu_stream *stream = call->stream;
    bool counted = fu_call_is_counted(call);
    bool comes = stream != NULL && !stream->upload;
    uint64_t bytes = comes ? (uint64_t)(stream->done - stream->began) : call->body.size;
    call->transfer = NULL;
    note_resent(call, outcome->requests);
    /* libcurl sent it again over a fresh connection: what became of the first one nobody knows. */
    call->unknown = call->unknown || (outcome->requests > 1 && call->effect != FU_READS);
    call->client->stats->sum.bytes_in += bytes;
    fusioo_event event = fu_call_event(call, FUSIOO_EVENT_RESPONSE);
    event.status = outcome->status;
    event.seconds = now_of(call) - call->sent_at;
    event.bytes = bytes;
    fu_call_tell(call, &event);

    fu_error_clear(&call->error, FUSIOO_OK);
    /* A host that keeps files for the service knows nothing of the company's calls. */
    bool refused = outcome->status == 429 && (stream == NULL || !stream->is_elsewhere);
    bool good = fu_call_read_answer(call, outcome, refused);
    if (refused) {
        call->error.retry_after = fu_budget_refused(call->client->budget, &call->waiter, outcome->retry_after);
        call->state = FU_CALL_NEW;
        fu_call_enter_line(call, true);
        return;
    }
    fu_budget_end(call->client->budget, &call->waiter, counted && outcome->sent, outcome->kind == FUSIOO_OK);
    call->state = FU_CALL_NEW;
    if (good) {
        fu_call_finish(call);
    } else if (call->error.kind == FUSIOO_OK) {
        fu_timers_set(timers_of(call), &call->timer, now_of(call)); /* to where the redirect leads */
    } else {
        decide(call, outcome);
    }
}

void fu_call_send_request(struct fusioo_call *call) {
    struct fusioo_client *client = call->client;
    struct fu_stream *stream = call->stream;
    const char *token = call->token != NULL ? call->token : client->token;
    struct fu_http_request request = {
        .method = call->wire.method,
        .url = stream != NULL && stream->location != NULL ? stream->location : call->url,
        .bearer = stream != NULL && stream->is_elsewhere ? NULL : token,
        .flow = stream != NULL ? &stream->flow : NULL,
        .body = call->wire.body.size > 0 ? call->wire.body.data : NULL,
        .body_size = call->wire.body.size,
        .repeatable = call->repeatable,
        .plain = client->plain,
        .ca_file = client->ca_file,
        .proxy = client->proxy,
        .user_agent = client->user_agent,
        .connect_timeout = client->connect_timeout,
        .idle_timeout = client->idle_timeout,
        .max_body = client->max_body,
    };
    fu_buffer_clear(&call->body);
    if (stream != NULL) {
        request.plain = strncmp(request.url, "http://", 7) == 0;
        fu_stream_begin(stream);
    }
    if (call->answer_type == FU_ANSWER_LIST) {
        fu_context_take_spare(context_of(call), &call->body);
    }
    call->transfer = fu_http_start(&context_of(call)->http, &request, &call->body, on_answer, call, &call->error);
    if (call->transfer == NULL) {
        fu_budget_end(client->budget, &call->waiter, false, false);
        call->state = FU_CALL_NEW;
        fu_call_finish(call);
        return;
    }
    call->state = FU_CALL_SENDING;
    call->attempts++;
    call->asked_again = false;
    call->sent_at = now_of(call);
    fu_client_note_request(client, call->attempts > 1, size_of_body(call));
    fusioo_event event = fu_call_event(call, FUSIOO_EVENT_REQUEST);
    fu_call_tell(call, &event);
}

static void begin_attempt(struct fusioo_call *call) {
    fu_call_start_total(call);
    if (fu_call_asks_each_time(call->client) && call->token == NULL) {
        fu_call_ask_token(call, false);
    } else if (call->token == NULL && call->client->token == NULL) {
        fu_call_fail_token(call, NULL);
    } else {
        fu_call_enter_line(call, false);
    }
}

static void on_timer(struct fu_timer *timer) {
    struct fusioo_call *call = call_of(timer, offsetof(struct fusioo_call, timer));
    if (call->state == FU_CALL_LINE) {
        fu_call_lose_patience(call);
    } else {
        if (call->state == FU_CALL_PAUSE) {
            fu_call_drop_outdated(call);
        }
        call->state = FU_CALL_NEW;
        begin_attempt(call);
    }
}

void fu_call_begin_again(struct fusioo_call *call) {
    call->state = FU_CALL_NEW;
    fu_timers_set(timers_of(call), &call->timer, now_of(call));
}

/* ---- Beginning and ending from outside ---- */

void fu_call_give_up(struct fusioo_call *call, const char *why) {
    if (call->state == FU_CALL_DONE) {
        return;
    }
    fu_call_leave_state(call);
    fu_error_set(&call->error, FUSIOO_INVALID, "%s", why);
    fu_call_finish(call);
    fu_http_arm(&context_of(call)->http);
}

void fu_call_set_up(struct fusioo_call *call, struct fusioo_client *client) {
    call->client = fu_client_keep(client);
    call->state = FU_CALL_DONE; /* until it sets off */
    call->count = -1;
    fu_error_clear(&call->error, FUSIOO_OK);
    fu_timer_init(&call->timer, on_timer);
    fu_timer_init(&call->total, on_total);
    fu_call_set_up_waiter(call);
    call->total_left = client->total_timeout;
}

void fu_call_set_off(struct fusioo_call *call) {
    struct fu_context *context = context_of(call);
    call->id = fu_context_number(context);
    call->state = FU_CALL_NEW;
    call->place = &context->calls;
    call->next = context->calls;
    if (call->next != NULL) {
        call->next->place = &call->next;
    }
    context->calls = call;
    context->under_way++;
    fu_timers_set(&context->http.timers, &call->timer, now_of(call));
    fu_http_arm(&context->http);
}

void fu_call_end(struct fusioo_call *call, fusioo_kind kind) {
    struct fu_context *context = context_of(call);
    if (call->state == FU_CALL_DONE) {
        return;
    }
    fu_call_leave_state(call);
    fu_error_set(&call->error, kind, "%s",
                 kind == FUSIOO_CLOSED    ? "the client was closed while the call was under way"
                 : kind == FUSIOO_NETWORK ? "the system gave no descriptor for the event queue"
                                          : "the call was cancelled");
    fu_call_finish(call); /* whoever is told may have freed it */
    fu_http_arm(&context->http);
}

void fu_calls_forked(struct fu_context *context) {
    struct fusioo_call *next;
    for (struct fusioo_call *call = context->calls; call != NULL; call = next) {
        next = call->next;
        if (call->state != FU_CALL_SENDING) {
            continue;
        }
        call->transfer = NULL;
        call->state = FU_CALL_NEW;
        fu_budget_forget(call->client->budget, &call->waiter, fu_call_is_counted(call));
        if (call->repeatable && call->stream == NULL) {
            fu_timers_set(&context->http.timers, &call->timer, now_of(call));
            continue;
        }
        call->unknown = call->effect != FU_READS;
        fu_error_set(&call->error, FUSIOO_NETWORK,
                     "the process forked while the request was under way: the parent process has its answer");
        fu_call_finish(call);
    }
}
