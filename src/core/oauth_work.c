/* oauth_work.c: who gets which token when: the state machine of a sign-in (see oauth.h).
 * Owns: the order of the steps. Must not know: who waits how long (oauth_line.c), when a token is due (oauth_time.c),
 * how a request looks (oauth_request.c), where a token is kept (oauth_store.c), the API's calls, Lua. */
#include "oauth_private.h"

#include "client.h"
#include "error.h"
#include "random.h"

#include <math.h>
#include <string.h>

/* Seconds between two tries to get a lock that somebody else has. */
#define LOCK_AGAIN 0.02

static struct fu_timers *timers_of(const struct fusioo_oauth *oauth) {
    return &oauth->context->http.timers;
}

static double now_of(const struct fusioo_oauth *oauth) {
    return fu_context_now(oauth->context);
}

/* ---- Tokens ---- */

static bool is_same(const struct fu_token *one, const struct fu_token *other) {
    return fu_same_text(one->access, other->access) && fu_same_text(one->refresh, other->refresh);
}

/* ---- Events ---- */

static bool is_told_already(const struct fusioo_oauth *oauth, const struct fu_ask *end) {
    for (const struct fu_ask *ask = oauth->asks; ask != end; ask = ask->next) {
        if (ask->client == end->client) {
            return true;
        }
    }
    return false;
}

/* Tells the clients for whose calls the work is or, where it is for none, who made the sign-in. */
static void tell(const struct fusioo_oauth *oauth, const char *why) {
    fusioo_event event = {.type = FUSIOO_EVENT_TOKEN, .why = why, .expires_at = oauth->token.expires_at};
    bool anybody = false;
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        const struct fusioo_client *client = ask->client;
        anybody = anybody || client != NULL;
        if (client != NULL && client->events && !is_told_already(oauth, ask)) {
            event.tag = client->tag;
            fu_event_post(oauth->context, client->id, &event);
        }
    }
    if (!anybody && oauth->events) {
        event.tag = NULL;
        fu_event_post(oauth->context, oauth->id, &event);
    }
}

/* ---- Beginning and ending a piece of work ---- */

/* Is it the store that the work is at, before any request? Then what fails fails for all who ask, whatever they want.
 */
static bool is_at_store(const struct fusioo_oauth *oauth) {
    return oauth->state == FU_OAUTH_LOADING || oauth->state == FU_OAUTH_LOCKING || oauth->state == FU_OAUTH_CHECKING;
}

static void set_off(struct fusioo_oauth *oauth) {
    if (oauth->state == FU_OAUTH_IDLE) {
        fu_oauth_keep(oauth); /* until the work is done, whoever asked for it */
        oauth->context->under_way++;
        oauth->state = FU_OAUTH_BEGIN;
        fu_timers_set(timers_of(oauth), &oauth->timer, now_of(oauth));
        fu_http_arm(&oauth->context->http);
    }
}

/* Forgets what belongs to the piece of work. */
static void put_down(struct fusioo_oauth *oauth) {
    fu_oauth_stop_request(oauth);
    fu_need_withdraw(oauth->context, &oauth->need);
    oauth->need.need.id = 0;
    fu_oauth_unlock(oauth);
    fu_timers_stop(timers_of(oauth), &oauth->timer);
    fu_timers_stop(timers_of(oauth), &oauth->total);
    fu_redirect_free(&oauth->redirect);
    if (!oauth->unsaved) {
        fu_oauth_forget_replaced(oauth);
    }
    oauth->sign_in = NULL;
    oauth->signing_in = oauth->reloaded = oauth->exhausted = false;
    oauth->why = NULL;
    oauth->attempts = 0;
}

void fu_oauth_abandon(struct fusioo_oauth *oauth) {
    put_down(oauth);
    if (oauth->state != FU_OAUTH_IDLE) {
        oauth->state = FU_OAUTH_IDLE;
        oauth->context->under_way--;
    }
}

void fu_oauth_rest(struct fusioo_oauth *oauth) {
    fu_oauth_abandon(oauth);
    if (oauth->asks != NULL) {
        set_off(oauth);
        fu_oauth_arm(oauth);
    }
    fu_oauth_drop(oauth);
}

/* May `ask` have the token as it is? One that could not be kept serves calls, until that is tried again. */
static bool may_have(const struct fusioo_oauth *oauth, const struct fu_ask *ask) {
    bool may_wait = now_of(oauth) < oauth->save_again || oauth->state == FU_OAUTH_SAVING;
    return oauth->loaded && fu_oauth_is_good_for(oauth, ask, false) &&
           (ask->strict ? fu_oauth_is_kept(oauth) : !oauth->unsaved || may_wait);
}

void fu_oauth_ask(struct fusioo_oauth *oauth, struct fu_ask *ask) {
    if (ask->refused != NULL && fu_same_text(oauth->token.access, ask->refused)) {
        oauth->refused_until = INFINITY; /* or until it is known what comes of that */
    }
    if (may_have(oauth, ask)) {
        ask->place = NULL;
        ask->told(ask, &oauth->token, NULL);
        return;
    }
    fu_oauth_join(oauth, ask);
    set_off(oauth);
}

bool fu_oauth_is_current(const struct fusioo_oauth *oauth, const char *access_token) {
    return oauth->loaded && !fu_oauth_is_refused(oauth) && now_of(oauth) < oauth->due &&
           fu_same_text(oauth->token.access, access_token);
}

/* ---- The way of a piece of work ---- */

static void fail_no_way(struct fusioo_oauth *oauth) {
    static const char how[] =
        "let a person sign in, with authorize_url and finish, or with listen where there is a terminal";
    fusioo_error error;
    bool dead = oauth->token.refresh != NULL;
    bool refused = fu_oauth_is_refused(oauth);
    fu_error_set(&error, FUSIOO_AUTH, "%s: %s",
                 oauth->token.access == NULL ? "nobody has signed in yet"
                 : dead    ? "the sign-in has ended: the service does not accept its refresh token any more"
                 : refused ? "the sign-in has ended: the service has refused its token, and there is no refresh token"
                           : "the sign-in has ended, and there is no refresh token to go on with",
                 how);
    if (refused && !dead) {
        oauth->refused_until = fmin(oauth->refused_until, now_of(oauth) + FU_REFUSED);
    }
    fu_oauth_serve_failure(oauth, false, &error);
    fu_oauth_rest(oauth);
}

/* The first one in line who brings what a redirect has brought; NULL: nobody does. */
static struct fu_ask *find_sign_in(const struct fusioo_oauth *oauth) {
    struct fu_ask *ask = oauth->asks;
    while (ask != NULL && ask->want != FU_WANT_SIGN_IN) {
        ask = ask->next;
    }
    return ask;
}

static void keep(struct fusioo_oauth *oauth) {
    oauth->state = FU_OAUTH_SAVING;
    fu_oauth_save(oauth);
}

/* What `redirect` brings becomes the work's own, since the one who brought it may go. */
static void sign_in(struct fusioo_oauth *oauth, struct fu_ask *ask) {
    oauth->sign_in = ask;
    oauth->signing_in = true;
    oauth->why = "sign-in";
    oauth->redirect = ask->redirect;
    ask->redirect = (struct fu_redirect){.token = FU_TOKEN_NONE};
    if (oauth->redirect.code != NULL) {
        fu_oauth_send(oauth);
    } else {
        fu_oauth_adopt(oauth, &oauth->redirect.token, oauth->redirect.life);
        keep(oauth);
    }
}

/* Is the token good for all who ask, once it is kept? */
static bool is_good_for_all(const struct fusioo_oauth *oauth) {
    const struct fu_ask *ask = oauth->asks;
    while (ask != NULL && fu_oauth_is_good_for(oauth, ask, false)) {
        ask = ask->next;
    }
    return ask == NULL;
}

static const char *reason(const struct fusioo_oauth *oauth) {
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        if (ask->want == FU_WANT_FRESH) {
            return "asked for";
        }
    }
    return oauth->token.access == NULL ? "missing" : fu_oauth_is_refused(oauth) ? "401" : "expiry";
}

/* The store is locked and read: does what the first in line needs. */
static void decide(struct fusioo_oauth *oauth) {
    if (oauth->undigested) {
        oauth->signing_in = oauth->unread.signing_in;
        oauth->exhausted = oauth->unread.exhausted;
        oauth->why = oauth->signing_in ? "sign-in" : "expiry";
        fu_oauth_send(oauth);
        return;
    }
    struct fu_ask *ask = find_sign_in(oauth);
    if (ask != NULL && !oauth->reloaded) {
        sign_in(oauth, ask);
        return;
    }
    fu_oauth_serve(oauth, false);
    if (oauth->unsaved && is_good_for_all(oauth)) {
        keep(oauth);
        return;
    }
    if (oauth->asks == NULL) {
        fu_oauth_rest(oauth);
        return;
    }
    oauth->why = reason(oauth);
    oauth->exhausted = !fu_oauth_can_refresh(oauth);
    if (!fu_oauth_is_renewable(oauth)) {
        fail_no_way(oauth);
    } else {
        fu_oauth_send(oauth);
    }
}

static void begin(struct fusioo_oauth *oauth) {
    if (!oauth->loaded) {
        oauth->state = FU_OAUTH_LOADING;
        fu_oauth_load(oauth);
        return;
    }
    if (!oauth->unsaved) {
        fu_oauth_serve(oauth, false);
    }
    if (oauth->asks == NULL && !oauth->unsaved) {
        fu_oauth_rest(oauth);
        return;
    }
    oauth->state = FU_OAUTH_LOCKING;
    fu_oauth_lock(oauth);
}

void fu_oauth_on_loaded(struct fusioo_oauth *oauth, struct fu_token *found, const fusioo_error *error) {
    if (error != NULL) {
        fu_oauth_on_failed(oauth, false, error);
        return;
    }
    /* A store that has lost its token knows less than this process; so does one that could not take the latest one,
     * unless somebody else has put another one into it since. */
    uint64_t hash = found->access != NULL ? fu_oauth_hash(oauth, found->access) : 0;
    bool same = is_same(found, &oauth->token);
    bool news = hash != 0 && !same && (!oauth->unsaved || hash != oauth->kept);
    bool had = oauth->token.access != NULL;
    oauth->kept = hash;
    oauth->unsaved = oauth->unsaved && !news && !same;
    if (news) {
        double refused_until = fu_same_text(found->access, oauth->token.access) ? oauth->refused_until : 0;
        oauth->undigested = false;
        fu_oauth_adopt(oauth, found, -1);
        oauth->refused_until = refused_until;
        if (had) {
            tell(oauth, "store");
        }
    }
    if (oauth->state == FU_OAUTH_LOADING) {
        oauth->loaded = true;
        begin(oauth);
    } else {
        decide(oauth);
    }
}

void fu_oauth_on_locked(struct fusioo_oauth *oauth, fusioo_stored stored, const fusioo_error *error) {
    if (stored == FUSIOO_STORE_BUSY) {
        double wait = LOCK_AGAIN * (0.5 + fu_random_unit(&oauth->context->random));
        fu_timers_set(timers_of(oauth), &oauth->timer, now_of(oauth) + wait);
    } else if (stored == FUSIOO_STORED) {
        oauth->state = FU_OAUTH_CHECKING;
        fu_oauth_load(oauth);
    } else {
        fu_oauth_on_failed(oauth, false, error);
    }
}

void fu_oauth_on_token(struct fusioo_oauth *oauth, struct fu_token *token, double life) {
    if (token->refresh == NULL && !oauth->signing_in && !oauth->exhausted) {
        token->refresh = oauth->token.refresh; /* where a refresh brings no other one, the old one stays good */
        oauth->token.refresh = NULL;
    }
    oauth->dead = 0;
    fu_oauth_adopt(oauth, token, life);
    keep(oauth);
}

void fu_oauth_on_failed(struct fusioo_oauth *oauth, bool refused, const fusioo_error *error) {
    fusioo_error copy = *error; /* what it belongs to may go */
    fu_oauth_stop_request(oauth);
    fu_oauth_scrub(oauth, &copy);
    if (oauth->state == FU_OAUTH_SAVING) {
        oauth->unsaved = true; /* as far as is known */
        oauth->trouble = copy;
    }
    if (refused && oauth->token.refresh != NULL) {
        oauth->dead = fu_oauth_hash(oauth, oauth->token.refresh);
        if (!oauth->reloaded) {
            /* A store that cannot be locked may have got another token meanwhile. */
            oauth->reloaded = true;
            oauth->state = FU_OAUTH_CHECKING;
            fu_oauth_load(oauth);
            return;
        }
        decide(oauth);
        return;
    }
    oauth->refused_until = 0; /* nobody knows: who comes next tries again */
    fu_oauth_serve_failure(oauth, is_at_store(oauth) || copy.kind == FUSIOO_MEMORY, &copy);
    fu_oauth_rest(oauth);
}

/* Does the work wait for a lock, or to repeat a request, though nobody asks for a token any more? */
static bool is_unwanted(const struct fusioo_oauth *oauth) {
    return oauth->asks == NULL && (oauth->state == FU_OAUTH_LOCKING || oauth->state == FU_OAUTH_PAUSE);
}

void fu_oauth_expire(struct fusioo_oauth *oauth) {
    fu_oauth_keep(oauth);
    fu_oauth_tell_expired(oauth);
    if (fu_oauth_is_bounded(oauth) && fu_patience_is_over(oauth->context, &oauth->answer_by)) {
        fusioo_error error;
        fu_error_set(&error, FUSIOO_TIMEOUT, "the token's %s did not answer in time (timeout.total)",
                     oauth->state == FU_OAUTH_SENDING ? "endpoint" : "store");
        fu_oauth_on_failed(oauth, false, &error);
    } else if (is_unwanted(oauth)) {
        fu_oauth_rest(oauth); /* now: who asks later is not to wait for what nobody wants any more */
    } else {
        fu_oauth_arm(oauth);
    }
    fu_oauth_drop(oauth);
}

void fu_oauth_on_saved(struct fusioo_oauth *oauth, const fusioo_error *error) {
    oauth->unsaved = error != NULL;
    if (error != NULL) {
        oauth->save_again = now_of(oauth) + FU_TRY_AGAIN;
        oauth->trouble = *error;
        fu_oauth_scrub(oauth, &oauth->trouble);
        tell(oauth, oauth->trouble.message);
    }
    if (oauth->why != NULL) {
        tell(oauth, oauth->why);
    }
    fu_oauth_unlock(oauth);
    fu_oauth_serve_saved(oauth, oauth->why != NULL);
    fu_oauth_rest(oauth);
}

void fu_oauth_move(struct fusioo_oauth *oauth) {
    if (is_unwanted(oauth)) {
        fu_oauth_rest(oauth);
    } else if (oauth->state == FU_OAUTH_BEGIN) {
        begin(oauth);
    } else if (oauth->state == FU_OAUTH_LOCKING) {
        fu_oauth_lock(oauth);
    } else if (oauth->state == FU_OAUTH_PAUSE) {
        fu_oauth_send(oauth);
    }
}
