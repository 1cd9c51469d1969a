/* ask.c: questions for a token as programs ask them (see ask.h and fusioo_oauth.h).
 * Owns: a question's answer, and the server that waits for a redirect. Must not know: how a token is got, Lua. */
#include "ask.h"

#include "alloc.h"
#include "buffer.h"
#include "error.h"
#include "listener.h"
#include "oauth.h"
#include "scrub.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Seconds between two looks at who has come to the listener. */
#define LOOK_AGAIN 0.05

struct fusioo_ask {
    struct fu_ask line; /* its place among those who ask */
    struct fusioo_oauth *oauth;
    fusioo_ask *next, **place; /* among those that listen; place NULL: it does not */
    uint64_t id;
    bool done, watched;
    struct fu_need news;
    struct fu_token token;
    fusioo_error error;
    struct fu_listener *listener; /* NULL: it waits for no redirect */
    double until;                 /* when it stops to wait for one */
    double seconds;               /* how long that was */
    struct fu_timer timer;
};

static struct fu_context *context_of(const fusioo_ask *ask) {
    return ask->oauth->context;
}

struct fu_context *fu_ask_context(const fusioo_ask *ask) {
    return context_of(ask);
}

/* ---- The answer ---- */

static void stop_listening(fusioo_ask *ask) {
    if (ask->place == NULL) {
        return;
    }
    fu_timers_stop(&context_of(ask)->http.timers, &ask->timer);
    fu_listener_close(ask->listener);
    ask->listener = NULL;
    *ask->place = ask->next;
    if (ask->next != NULL) {
        ask->next->place = ask->place;
    }
    ask->place = NULL;
    context_of(ask)->under_way--;
}

static void end(fusioo_ask *ask) {
    stop_listening(ask);
    ask->done = true;
    if (ask->watched) {
        ask->watched = false;
        ask->news.need = (fusioo_need){.kind = FUSIOO_NEED_READY, .id = ask->id, .client = ask->oauth->id};
        fu_need_post(context_of(ask), &ask->news);
    }
}

static void fail(fusioo_ask *ask, const fusioo_error *error) {
    ask->error = *error;
    fu_oauth_scrub(ask->oauth, &ask->error);
    end(ask);
}

static void on_told(struct fu_ask *line, const struct fu_token *token, const fusioo_error *error) {
    fusioo_ask *ask = (fusioo_ask *)(void *)((char *)line - offsetof(fusioo_ask, line));
    fusioo_error trouble;
    if (token != NULL) {
        fusioo_token shown = fu_token_show(token);
        if (!fu_token_set(&ask->token, &shown, &trouble)) {
            error = &trouble;
        }
    }
    if (error != NULL) {
        fail(ask, error);
    } else {
        end(ask);
    }
}

/* ---- Asking ---- */

static fusioo_ask *new_ask(fusioo_oauth *oauth, fusioo_error *error) {
    if (oauth->context->closed) {
        fu_error_set(error, FUSIOO_CLOSED, "the engine is closed");
        return NULL;
    }
    fusioo_ask *ask = fu_calloc(1, sizeof *ask);
    if (ask == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    ask->oauth = fu_oauth_keep(oauth);
    ask->id = fu_context_number(oauth->context);
    ask->token = (struct fu_token)FU_TOKEN_NONE;
    ask->line.redirect.token = (struct fu_token)FU_TOKEN_NONE;
    ask->line.strict = true;
    ask->line.told = on_told;
    fu_error_clear(&ask->error, FUSIOO_OK);
    return ask;
}

static fusioo_ask *ask_for(fusioo_oauth *oauth, enum fu_want want, fusioo_error *error) {
    fusioo_ask *ask = new_ask(oauth, error);
    if (ask != NULL) {
        ask->line.want = want;
        fu_oauth_ask(oauth, &ask->line);
    }
    return ask;
}

fusioo_ask *fusioo_oauth_token(fusioo_oauth *oauth, fusioo_error *error) {
    return ask_for(oauth, FU_WANT_TOKEN, error);
}

fusioo_ask *fusioo_oauth_refresh(fusioo_oauth *oauth, fusioo_error *error) {
    return ask_for(oauth, FU_WANT_FRESH, error);
}

/* Is there a page where a person signs in? */
static bool has_page(const fusioo_oauth *oauth, fusioo_error *error) {
    bool has = oauth->grant == FUSIOO_AUTHORIZATION_CODE || oauth->grant == FUSIOO_IMPLICIT;
    if (!has) {
        return fu_error_set(error, FUSIOO_INVALID, "this grant has no page where a person signs in");
    }
    return oauth->redirect_uri != NULL ||
           fu_error_set(error, FUSIOO_INVALID, "redirect_uri is missing: the registered application has one");
}

/* Reads where the page has led to. */
static bool read_redirect(fusioo_ask *ask, const char *url, const char *state, fusioo_error *error) {
    fusioo_oauth *oauth = ask->oauth;
    ask->line.want = FU_WANT_SIGN_IN;
    if (fu_redirect_read(&ask->line.redirect, url, oauth->redirect_uri, state, oauth->grant == FUSIOO_IMPLICIT,
                         error)) {
        return true;
    }
    fu_oauth_scrub(oauth, error);
    return false;
}

fusioo_ask *fusioo_oauth_finish(fusioo_oauth *oauth, const char *url, const char *state, fusioo_error *error) {
    fusioo_ask *ask = has_page(oauth, error) ? new_ask(oauth, error) : NULL;
    if (ask == NULL) {
        return NULL;
    }
    if (!read_redirect(ask, url, state, error)) {
        fusioo_ask_free(ask);
        return NULL;
    }
    fu_oauth_ask(oauth, &ask->line);
    return ask;
}

/* ---- Listening ---- */

/* The whole address that the browser has asked for: redirect_uri up to its path, and the request's target. */
static bool join_url(const fusioo_oauth *oauth, const char *target, struct fu_buffer *url) {
    const char *host = strstr(oauth->redirect_uri, "://") + 3;
    size_t head = (size_t)(host - oauth->redirect_uri) + strcspn(host, "/?#");
    url->secret = true;
    return fu_buffer_append(url, oauth->redirect_uri, head) && fu_buffer_puts(url, target);
}

static void on_visit(fusioo_ask *ask, const char *target) {
    struct fu_buffer url = {.secret = true};
    fusioo_error error;
    bool good = join_url(ask->oauth, target, &url) ? read_redirect(ask, url.data, ask->oauth->issued, &error)
                                                   : fu_error_memory(&error);
    fu_buffer_free(&url);
    if (!good) {
        fu_listener_answer(ask->listener, 400, "You are not signed in",
                           "You can close this window; the program says why.");
        fail(ask, &error);
        return;
    }
    fu_listener_answer(ask->listener, 200, "Thank you", "You can close this window, and go back to the program.");
    stop_listening(ask);
    fu_wipe(ask->oauth->issued, sizeof ask->oauth->issued); /* it is good once: browsers remember addresses */
    fu_oauth_ask(ask->oauth, &ask->line);
}

static void on_look(struct fu_timer *timer) {
    fusioo_ask *ask = (fusioo_ask *)(void *)((char *)timer - offsetof(fusioo_ask, timer));
    double now = fu_context_now(context_of(ask));
    const char *target = fu_listener_look(ask->listener, now);
    fusioo_error error;
    if (target != NULL) {
        on_visit(ask, target);
    } else if (now >= ask->until) {
        fu_error_set(&error, FUSIOO_TIMEOUT, "nobody signed in within %g seconds; try again", ask->seconds);
        fail(ask, &error);
    } else {
        fu_timers_set(&context_of(ask)->http.timers, &ask->timer, fmin(now + LOOK_AGAIN, ask->until));
    }
}

static bool listen_for(fusioo_ask *ask, int port, double seconds, fusioo_error *error) {
    fusioo_oauth *oauth = ask->oauth;
    char *path = NULL;
    int own = 0;
    if (oauth->grant == FUSIOO_IMPLICIT) {
        return fu_error_set(error, FUSIOO_INVALID,
                            "the implicit grant brings its token behind a '#', which a browser sends to no server: use "
                            "authorization_code");
    }
    if (oauth->issued[0] == '\0') {
        return fu_error_set(error, FUSIOO_INVALID,
                            "call authorize_url first, and show its address to the person who is to sign in");
    }
    if (!isfinite(seconds) || seconds <= 0 || port < 0 || port > 65535) {
        return fu_error_set(error, FUSIOO_INVALID, "timeout is greater than 0, port 1 to 65535");
    }
    if (!fu_redirect_target(oauth->redirect_uri, &path, &own, error)) {
        return false;
    }
    if (own == 0 && port == 0) {
        fu_free(path);
        return fu_error_set(error, FUSIOO_INVALID,
                            "redirect_uri does not lead to http://127.0.0.1, where this waits: name the port that its "
                            "requests come to");
    }
    ask->listener = fu_listener_open(port != 0 ? port : own, path, error);
    fu_free(path);
    if (ask->listener == NULL) {
        return false;
    }
    struct fu_context *context = context_of(ask);
    ask->seconds = seconds;
    ask->until = fu_context_now(context) + seconds;
    ask->next = context->listening;
    ask->place = &context->listening;
    if (ask->next != NULL) {
        ask->next->place = &ask->next;
    }
    context->listening = ask;
    context->under_way++;
    fu_timer_init(&ask->timer, on_look);
    fu_timers_set(&context->http.timers, &ask->timer, fu_context_now(context));
    fu_http_arm(&context->http);
    return true;
}

fusioo_ask *fusioo_oauth_listen(fusioo_oauth *oauth, int port, double seconds, fusioo_error *error) {
    fusioo_ask *ask = has_page(oauth, error) ? new_ask(oauth, error) : NULL;
    if (ask != NULL && !listen_for(ask, port, seconds, error)) {
        fusioo_ask_free(ask);
        return NULL;
    }
    return ask;
}

void fu_asks_end(struct fu_context *context) {
    fusioo_error error;
    fu_error_set(&error, FUSIOO_CANCELLED, "the engine was closed");
    while (context->listening != NULL) {
        fail(context->listening, &error);
    }
}

/* ---- Reading, cancelling ---- */

bool fusioo_ask_done(const fusioo_ask *ask) {
    return ask->done;
}

uint64_t fusioo_ask_id(const fusioo_ask *ask) {
    return ask->id;
}

bool fusioo_ask_result(const fusioo_ask *ask, fusioo_token *token, fusioo_error *error) {
    if (!ask->done) {
        return fu_error_set(error, FUSIOO_INVALID, "the answer is not there yet");
    }
    if (ask->error.kind != FUSIOO_OK) {
        if (error != NULL) {
            *error = ask->error;
        }
        return false;
    }
    *token = fu_token_show(&ask->token);
    return true;
}

void fusioo_ask_watch(fusioo_ask *ask) {
    ask->watched = true;
    if (ask->done) {
        end(ask);
    }
}

void fusioo_ask_cancel(fusioo_ask *ask) {
    fusioo_error error;
    if (!ask->done) {
        fu_oauth_take_back(&ask->line);
        fu_error_set(&error, FUSIOO_CANCELLED, "the question for a token was cancelled");
        fail(ask, &error);
        fu_http_arm(&context_of(ask)->http);
    }
}

void fusioo_ask_free(fusioo_ask *ask) {
    if (ask == NULL) {
        return;
    }
    ask->watched = false;
    fusioo_ask_cancel(ask);
    fu_need_withdraw(context_of(ask), &ask->news);
    fu_redirect_free(&ask->line.redirect);
    fu_token_free(&ask->token);
    fu_oauth_drop(ask->oauth);
    fu_free(ask);
}
