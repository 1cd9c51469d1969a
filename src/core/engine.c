/* engine.c: the top floor: stepping, waiting, needs, forks (see fusioo.h).
 * Owns: the life of the context. Must not know: how calls and pages work, Lua. */
#include "alloc.h"
#include "ask.h"
#include "call.h"
#include "client.h"
#include "context.h"
#include "error.h"
#include "fusioo.h"
#include "oauth.h"
#include "pager.h"

#include <math.h>

/* Seconds that closing an engine waits for tokens that are on their way. */
#define CLOSE_PATIENCE 5.0

/* Seconds between two looks meanwhile at a file that another process has locked. */
#define LOOK_AGAIN 0.02

struct fusioo_engine {
    struct fu_context *context;
};

fusioo_engine *fusioo_engine_new(fusioo_error *error) {
    fusioo_engine *engine = fu_calloc(1, sizeof *engine);
    if (engine == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    engine->context = fu_context_new(fu_clock_system(), error);
    if (engine->context == NULL) {
        fu_free(engine);
        return NULL;
    }
    return engine;
}

/* Waits for the answers to requests for tokens that go into files: the service may have put another refresh token in
 * the old one's place already. No signal ends the waiting: a program may get some all the time. */
static void finish_sign_ins(struct fu_context *context) {
    double until = fu_context_now(context) + CLOSE_PATIENCE;
    if (fu_http_is_inherited(&context->http)) {
        return; /* the parent has them */
    }
    bool look;
    double left;
    if (fu_oauths_finish(context, &look)) {
        fu_http_step(&context->http, -1);
    }
    while (fu_oauths_finish(context, &look) && (left = until - fu_context_now(context)) > 0) {
        double due = fu_http_timeout(&context->http);
        left = due >= 0 ? fmin(due, left) : left;
        fu_poller_wait(&context->http.poller, look ? fmin(left, LOOK_AGAIN) : left);
        fu_http_step(&context->http, -1);
    }
}

void fusioo_engine_free(fusioo_engine *engine) {
    fusioo_error error;
    if (engine == NULL) {
        return;
    }
    engine->context->closed = true;
    fu_calls_end(engine->context, NULL, FUSIOO_CANCELLED);
    fu_asks_end(engine->context);
    finish_sign_ins(engine->context);
    fu_error_set(&error, FUSIOO_CANCELLED, "the engine was closed");
    fu_oauths_end(engine->context, &error);
    fu_context_drop(engine->context);
    fu_free(engine);
}

fusioo_client *fusioo_client_new(fusioo_engine *engine, const fusioo_options *options, fusioo_error *error) {
    return fu_client_make(engine->context, options, error);
}

fusioo_oauth *fusioo_oauth_new(fusioo_engine *engine, const fusioo_oauth_options *options, fusioo_error *error) {
    return fu_oauth_make(engine->context, options, error);
}

/* In a forked child the parent's connections are left alone, and what was under way begins again on new ones. */
static void notice_fork(struct fu_context *context) {
    fusioo_error error;
    if (!fu_http_is_inherited(&context->http)) {
        return;
    }
    bool good = fu_http_begin_afresh(&context->http, &error);
    fu_calls_forked(context);
    fu_oauths_forked(context);
    if (!good) {
        fu_calls_end(context, NULL, FUSIOO_NETWORK);
        fu_oauths_end(context, &error);
    }
}

/* ---- Moving ---- */

static size_t step(struct fu_context *context, double budget) {
    notice_fork(context);
    fu_http_step(&context->http, budget);
    return context->under_way;
}

/* False: a signal came. */
static bool poll_for(struct fu_context *context, double seconds) {
    notice_fork(context);
    double due = fu_http_timeout(&context->http);
    if (context->needs != NULL || due == 0 || (context->under_way == 0 && seconds < 0)) {
        return true;
    }
    if (due > 0 && (seconds < 0 || due < seconds)) {
        seconds = due;
    }
    return fu_poller_wait(&context->http.poller, seconds);
}

size_t fusioo_engine_step(fusioo_engine *engine, double budget) {
    return step(engine->context, budget);
}

void fusioo_engine_poll(fusioo_engine *engine, double seconds) {
    poll_for(engine->context, seconds);
}

int fusioo_engine_pollfd(fusioo_engine *engine) {
    notice_fork(engine->context);
    return engine->context->http.poller.queue;
}

double fusioo_engine_timeout(fusioo_engine *engine) {
    notice_fork(engine->context);
    return engine->context->needs != NULL ? 0 : fu_http_timeout(&engine->context->http);
}

void fusioo_engine_wake(fusioo_engine *engine) {
    notice_fork(engine->context);
    fu_http_wake(&engine->context->http);
}

/* ---- Waiting for one thing ---- */

bool fusioo_call_wait(fusioo_call *call) {
    struct fu_context *context = call->client->context;
    bool going = true;
    while (going && call->state != FU_CALL_DONE) {
        step(context, -1);
        going = call->state == FU_CALL_DONE || poll_for(context, -1);
    }
    return call->state == FU_CALL_DONE;
}

bool fusioo_ask_wait(fusioo_ask *ask) {
    struct fu_context *context = fu_ask_context(ask);
    bool going = true;
    while (going && !fusioo_ask_done(ask)) {
        step(context, -1);
        going = fusioo_ask_done(ask) || poll_for(context, -1);
    }
    return fusioo_ask_done(ask);
}

fusioo_pager_state fusioo_pager_wait(fusioo_pager *pager, fusioo_item *item, fusioo_error *error) {
    struct fu_context *context = pager->client->context;
    fusioo_pager_state state;
    while ((state = fusioo_pager_next(pager, item, error)) == FUSIOO_PAGER_WAIT) {
        step(context, -1);
        state = fusioo_pager_next(pager, item, error);
        if (state != FUSIOO_PAGER_WAIT || !poll_for(context, -1)) {
            return state;
        }
    }
    return state;
}

/* ---- Needs ---- */

bool fusioo_engine_next_need(fusioo_engine *engine, fusioo_need *need) {
    return fu_need_take(engine->context, need);
}

void fusioo_engine_give_token(fusioo_engine *engine, uint64_t id, const char *token, const char *why) {
    fu_call_give_token(engine->context, id, token, why);
    fu_http_arm(&engine->context->http);
}
