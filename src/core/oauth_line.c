/* oauth_line.c: the line of those who ask a sign-in for a token, and what they are told (see oauth.h).
 * Owns: the line, and how long each of them waits. Must not know: how a token is got, where it is kept, the API's
 * calls, Lua. */
#include "oauth_private.h"

#include "client.h"
#include "error.h"

#include <math.h>
#include <stdio.h>

static double now_of(const struct fusioo_oauth *oauth) {
    return fu_context_now(oauth->context);
}

/* ---- The line ---- */

static void leave_line(struct fu_ask *ask) {
    *ask->place = ask->next;
    if (ask->next != NULL) {
        ask->next->place = ask->place;
    }
    ask->place = NULL;
}

static void join_line(struct fu_ask **line, struct fu_ask *ask) {
    while (*line != NULL) {
        line = &(*line)->next;
    }
    ask->next = NULL;
    ask->place = line;
    *line = ask;
}

void fu_oauth_take_back(struct fu_ask *ask) {
    if (ask->place == NULL) {
        return;
    }
    leave_line(ask);
    if (ask->oauth->sign_in == ask) {
        ask->oauth->sign_in = NULL;
    }
}

/* Begins to go through the line. Whoever is told something may take others out of it, and free them: so it is the first
 * one of `line` that is looked at, until there is none, and who stays joins the line of the sign-in again. */
static void take_line(struct fusioo_oauth *oauth, struct fu_ask **line) {
    *line = oauth->asks;
    oauth->asks = NULL;
    if (*line != NULL) {
        (*line)->place = line;
    }
}

static void forget_sign_in(struct fusioo_oauth *oauth, const struct fu_ask *ask) {
    if (oauth->sign_in == ask) {
        oauth->sign_in = NULL;
    }
}

/* ---- How long they wait ---- */

/* Seconds that `ask` has patience for: a client's call as long as that client says. */
static double patience_of(const struct fusioo_oauth *oauth, const struct fu_ask *ask) {
    return ask->client != NULL ? ask->client->total_timeout : oauth->manners.total_timeout;
}

void fu_oauth_join(struct fusioo_oauth *oauth, struct fu_ask *ask) {
    ask->oauth = oauth;
    fu_patience_set(oauth->context, &ask->patience, patience_of(oauth, ask));
    join_line(&oauth->asks, ask);
    if (!fu_timer_is_set(&oauth->total) || ask->patience.until < oauth->total.due) {
        fu_timers_set(&oauth->context->http.timers, &oauth->total, ask->patience.until);
    }
}

void fu_oauth_arm(struct fusioo_oauth *oauth) {
    double due = fu_oauth_is_bounded(oauth) ? oauth->answer_by.until : INFINITY;
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        due = fmin(due, ask->patience.until);
    }
    if (isfinite(due)) {
        fu_timers_set(&oauth->context->http.timers, &oauth->total, due);
    } else {
        fu_timers_stop(&oauth->context->http.timers, &oauth->total);
    }
}

bool fu_oauth_is_bounded(const struct fusioo_oauth *oauth) {
    return oauth->state == FU_OAUTH_SENDING || fu_oauth_asks_store(oauth);
}

double fu_oauth_patience(const struct fusioo_oauth *oauth) {
    double until = 0;
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        until = fmax(until, ask->patience.until);
    }
    return until;
}

/* ---- What they are told ---- */

bool fu_oauth_is_good_for(const struct fusioo_oauth *oauth, const struct fu_ask *ask, bool early) {
    return oauth->token.access != NULL && ask->want == FU_WANT_TOKEN && !fu_oauth_is_refused(oauth) &&
           now_of(oauth) < (early ? oauth->ends : oauth->due) && !fu_same_text(oauth->token.access, ask->refused);
}

bool fu_oauth_is_kept(const struct fusioo_oauth *oauth) {
    return !oauth->unsaved && oauth->state != FU_OAUTH_SAVING;
}

static bool can_have(const struct fusioo_oauth *oauth, const struct fu_ask *ask, bool early) {
    return fu_oauth_is_good_for(oauth, ask, early) && (!ask->strict || fu_oauth_is_kept(oauth));
}

void fu_oauth_serve(struct fusioo_oauth *oauth, bool early) {
    struct fu_ask *line;
    take_line(oauth, &line);
    while (line != NULL) {
        struct fu_ask *ask = line;
        leave_line(ask);
        if (can_have(oauth, ask, early)) {
            ask->told(ask, &oauth->token, NULL);
        } else {
            join_line(&oauth->asks, ask);
        }
    }
}

/* Was it for this one that the work was done? A token that was only kept, at last, is no news to who wants another. */
static bool is_for(const struct fusioo_oauth *oauth, const struct fu_ask *ask, bool is_new) {
    if (ask->want == FU_WANT_SIGN_IN) {
        return ask == oauth->sign_in;
    }
    return is_new || fu_oauth_is_good_for(oauth, ask, false);
}

void fu_oauth_serve_saved(struct fusioo_oauth *oauth, bool is_new) {
    struct fu_ask *line;
    take_line(oauth, &line);
    while (line != NULL) {
        struct fu_ask *ask = line;
        bool failed = ask->strict && oauth->unsaved;
        leave_line(ask);
        if (is_for(oauth, ask, is_new)) {
            ask->told(ask, failed ? NULL : &oauth->token, failed ? &oauth->trouble : NULL);
        } else {
            join_line(&oauth->asks, ask);
        }
    }
}

/* What has just failed is not tried again at once. */
static void put_off(struct fusioo_oauth *oauth) {
    oauth->save_again = now_of(oauth) + FU_TRY_AGAIN;
    if (now_of(oauth) < oauth->ends && oauth->due < now_of(oauth) + FU_TRY_AGAIN) {
        oauth->due = fmin(now_of(oauth) + FU_TRY_AGAIN, oauth->ends);
    }
}

void fu_oauth_serve_failure(struct fusioo_oauth *oauth, bool all, const fusioo_error *error) {
    struct fu_ask *line;
    put_off(oauth);
    fu_oauth_serve(oauth, true);
    take_line(oauth, &line);
    while (line != NULL) {
        struct fu_ask *ask = line;
        leave_line(ask);
        if (all || (oauth->signing_in ? ask == oauth->sign_in : ask->want != FU_WANT_SIGN_IN)) {
            forget_sign_in(oauth, ask);
            ask->told(ask, NULL, error);
        } else {
            join_line(&oauth->asks, ask);
        }
    }
}

void fu_oauth_say_what_is_awaited(const struct fusioo_oauth *oauth, char *text, size_t room) {
    if (fu_oauth_asks_store(oauth)) {
        snprintf(text, room, "the token's store did not answer");
    } else if (oauth->state == FU_OAUTH_LOCKING) {
        snprintf(text, room, "another process has locked the token's store, and did not give it back");
    } else if (oauth->state == FU_OAUTH_SENDING || oauth->state == FU_OAUTH_PAUSE) {
        snprintf(text, room, "the token endpoint (POST %.80s) brought no token, requests sent: %d", oauth->token_path,
                 oauth->attempts);
    } else {
        snprintf(text, room, "there was no token");
    }
}

static void say_expired(const struct fusioo_oauth *oauth, const struct fu_ask *ask, fusioo_error *error) {
    char what[160];
    fu_oauth_say_what_is_awaited(oauth, what, sizeof what);
    fu_error_set(error, FUSIOO_TIMEOUT, "%s, in %g seconds (timeout.total)", what, patience_of(oauth, ask));
}

void fu_oauth_tell_expired(struct fusioo_oauth *oauth) {
    struct fu_ask *line;
    take_line(oauth, &line);
    while (line != NULL) {
        struct fu_ask *ask = line;
        leave_line(ask);
        if (!fu_patience_is_over(oauth->context, &ask->patience)) {
            join_line(&oauth->asks, ask);
            continue;
        }
        put_off(oauth);
        forget_sign_in(oauth, ask);
        if (can_have(oauth, ask, true)) {
            ask->told(ask, &oauth->token, NULL);
        } else {
            fusioo_error error;
            say_expired(oauth, ask, &error);
            ask->told(ask, NULL, &error);
        }
    }
}
