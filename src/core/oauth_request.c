/* oauth_request.c: the request to the token endpoint, and what its answer means (see oauth.h).
 * Owns: the form that is sent. Must not know: who asks for a token, where it is kept. */
#include "oauth_private.h"

#include "client.h"
#include "error.h"
#include "form.h"
#include "random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* An answer is a token of a few thousand bytes. */
enum { LIKELY_ANSWER = 16 * 1024, MOST_ANSWER = 256 * 1024 };

/* As a client's calls have it; the endpoint's requests are not counted, so nothing is saved by fewer. */
static const struct fu_retry_policy policy = {.attempts = 4, .base = 0.5, .cap = 30};

struct fu_manners fu_oauth_manners(const struct fusioo_oauth *oauth) {
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        const struct fusioo_client *client = ask->client;
        if (client != NULL) {
            return (struct fu_manners){client->ca_file,         client->proxy,        client->user_agent,
                                       client->connect_timeout, client->idle_timeout, client->total_timeout};
        }
    }
    return oauth->manners;
}

uint64_t fu_oauth_hash(const struct fusioo_oauth *oauth, const char *token) {
    return fu_hash(&oauth->context->key, token, strlen(token)) | 1;
}

/* ---- The form ---- */

/* Is the refresh token what this request is made with? */
static bool uses_refresh_token(const struct fusioo_oauth *oauth) {
    return !oauth->signing_in && !oauth->exhausted && oauth->token.refresh != NULL;
}

static bool build_form(struct fusioo_oauth *oauth) {
    struct fu_buffer *form = &oauth->form;
    fu_buffer_clear(form);
    if (oauth->signing_in) {
        fu_form_put(form, "grant_type", "authorization_code");
        fu_form_put(form, "code", oauth->redirect.code);
        fu_form_put(form, "redirect_uri", oauth->redirect_uri);
    } else if (uses_refresh_token(oauth)) {
        fu_form_put(form, "grant_type", "refresh_token");
        fu_form_put(form, "refresh_token", oauth->token.refresh);
    } else if (oauth->grant == FUSIOO_PASSWORD) {
        fu_form_put(form, "grant_type", "password");
        fu_form_put(form, "username", oauth->username);
        fu_form_put(form, "password", oauth->password);
    } else {
        fu_form_put(form, "grant_type", "client_credentials");
    }
    fu_form_put(form, "client_id", oauth->client_id);
    return fu_form_put(form, "client_secret", oauth->client_secret);
}

/* ---- The answer ---- */

/* libcurl's failures are told with advice about a client's address; here it is another option. */
static void say_failed(const struct fu_http_outcome *outcome, fusioo_error *error) {
    static const char theirs[] = "base_url";
    static const char ours[] = "token_url";
    char before[sizeof outcome->message];
    const char *at = strstr(outcome->message, theirs);
    size_t size = at != NULL ? (size_t)(at - outcome->message) : strlen(outcome->message);
    snprintf(before, sizeof before, "%.*s", (int)size, outcome->message);
    if (outcome->kind == FUSIOO_TOO_LARGE) {
        fu_error_set(error, FUSIOO_API, "the token endpoint's answer is larger than any with a token: check token_url");
        error->status = outcome->status;
        return;
    }
    fu_error_set(error, outcome->kind, "no token could be asked for: %s%s%s", before, at != NULL ? ours : "",
                 at != NULL ? at + sizeof theirs - 1 : "");
    error->status = outcome->status;
}

static void sign_error(const struct fusioo_oauth *oauth, fusioo_error *error) {
    snprintf(error->method, sizeof error->method, "POST");
    fu_error_copy(error->path, sizeof error->path, oauth->token_path, strlen(oauth->token_path));
    error->attempts = oauth->attempts;
}

/* The endpoint has said no, with one of RFC 6749's codes. What it says is no word on the access token that a call would
 * be sent with, so no call is named. */
static void say_refused(const struct fusioo_oauth *oauth, struct fu_token_answer *answer, int status,
                        fusioo_error *error) {
    fu_oauth_scrub_text(oauth, answer->error); /* one by one: each ends where a secret may have been cut off */
    fu_oauth_scrub_text(oauth, answer->description);
    bool client = strcmp(answer->error, "invalid_client") == 0 || strcmp(answer->error, "unauthorized_client") == 0;
    bool grant = strcmp(answer->error, "invalid_grant") == 0;
    const char *advice = "";
    if (client) {
        advice = "; check client_id and client_secret, and that the application may use this grant";
    } else if (grant && oauth->signing_in) {
        advice = "; a code is good once and for a short time: sign in again";
    } else if (grant && oauth->grant == FUSIOO_PASSWORD && !uses_refresh_token(oauth)) {
        advice = "; check username and password";
    }
    fu_error_set(error, FUSIOO_AUTH, "the token endpoint (POST %.150s) says %s%s%s%s", oauth->token_path, answer->error,
                 answer->description[0] != '\0' ? ": " : "", answer->description, advice);
    error->status = status;
}

/* The endpoint has answered neither with a token nor with one of RFC 6749's codes. `fault`: what is wrong with what was
 * to be a token; "": nothing. */
static void say_useless(const struct fu_http_outcome *outcome, const char *fault, fusioo_error *error) {
    char why[160] = "";
    bool good = outcome->status >= 200 && outcome->status < 300;
    fusioo_kind kind = FUSIOO_API;
    const char *advice = outcome->status < 500 ? ": check token_url" : "";
    if (good) {
        kind = FUSIOO_DECODE;
        snprintf(why, sizeof why, "%s%.100s", fault[0] != '\0' ? " but something else: " : "", fault);
    } else if (outcome->status == 429) {
        kind = FUSIOO_RATE_LIMIT;
        advice = "";
    } else if (outcome->status == 401) {
        kind = FUSIOO_AUTH;
        advice = ": check client_id, client_secret and token_url";
    }
    fu_error_set(error, kind, "the token endpoint answered with %s%s%s", good ? "no token" : "an error", why, advice);
    error->status = outcome->status;
    error->retry_after = outcome->status == 429 ? outcome->retry_after : -1;
}

/* Reads the answer. True: it is a token. */
static bool read_answer(const struct fusioo_oauth *oauth, const struct fu_http_outcome *outcome,
                        struct fu_token_answer *answer, fusioo_error *error) {
    const char *text = oauth->answer.data != NULL ? oauth->answer.data : "";
    if (outcome->kind != FUSIOO_OK) {
        say_failed(outcome, error);
    } else {
        bool readable = fu_token_read_answer(answer, text, oauth->answer.size, error);
        if (readable && answer->error[0] == '\0' && outcome->status >= 200 && outcome->status < 300) {
            return true;
        }
        fu_token_free(&answer->token);
        if (readable && answer->error[0] != '\0' && outcome->status < 500 && outcome->status != 429) {
            say_refused(oauth, answer, outcome->status, error);
            return false;
        }
        if (!readable && error->kind == FUSIOO_MEMORY) {
            return false;
        }
        say_useless(outcome, readable ? "" : error->message, error);
    }
    sign_error(oauth, error);
    return false;
}

/* Has the service carried the request out? */
static bool is_good(const struct fu_http_outcome *outcome) {
    return outcome->kind == FUSIOO_OK && outcome->status >= 200 && outcome->status < 300;
}

/* Has it carried out one with the refresh token? Then that may be used up, whatever is wrong with the answer. */
static bool is_used_up(const struct fusioo_oauth *oauth, const struct fu_http_outcome *outcome) {
    return uses_refresh_token(oauth) && is_good(outcome);
}

/* Seconds until it is sent again; negative: it is not. A code is good once: it is sent again only where nothing of it
 * has left. */
static double wait_of(struct fusioo_oauth *oauth, const struct fu_http_outcome *outcome, const fusioo_error *error) {
    struct fu_outcome fate = {
        .kind = error->kind == FUSIOO_RATE_LIMIT ? FUSIOO_API : error->kind,
        .status = error->status,
        .retry_after = outcome->retry_after,
        .sent = outcome->sent,
        .repeatable = !oauth->signing_in,
        .hopeless = outcome->hopeless,
    };
    double wait = fu_retry_after(&policy, &fate, oauth->attempts, fu_random_unit(&oauth->context->random));
    return fu_context_now(oauth->context) + wait < fu_oauth_patience(oauth) ? wait : -1;
}

/* A service that gives another refresh token each time does not accept the old one any more: where there is no memory
 * to read its answer the answer is kept, and read when the next one asks. */
static void digest(struct fusioo_oauth *oauth, const struct fu_http_outcome *outcome) {
    struct fu_token_answer answer = {.token = FU_TOKEN_NONE};
    fusioo_error error;
    oauth->undigested = false;
    if (read_answer(oauth, outcome, &answer, &error)) {
        fu_buffer_free(&oauth->answer);
        fu_buffer_free(&oauth->form);
        double life = answer.life - (fu_context_now(oauth->context) - oauth->unread.at);
        fu_oauth_on_token(oauth, &answer.token, answer.life >= 0 ? fmax(life, 0) : -1);
        fu_token_free(&answer.token);
        return;
    }
    if (error.kind == FUSIOO_MEMORY && is_good(outcome)) {
        oauth->undigested = true;
        oauth->unread.signing_in = oauth->signing_in;
        oauth->unread.exhausted = oauth->exhausted;
        oauth->unread.outcome = *outcome;
    }
    fu_oauth_scrub(oauth, &error);
    double wait = error.kind == FUSIOO_AUTH || is_used_up(oauth, outcome) ? -1 : wait_of(oauth, outcome, &error);
    if (wait >= 0) {
        oauth->state = FU_OAUTH_PAUSE;
        fu_timers_set(&oauth->context->http.timers, &oauth->timer, fu_context_now(oauth->context) + wait);
        return;
    }
    bool refused = error.kind == FUSIOO_AUTH && strcmp(answer.error, "invalid_grant") == 0 && uses_refresh_token(oauth);
    fu_oauth_on_failed(oauth, refused, &error);
}

static void on_answer(void *owner, const struct fu_http_outcome *outcome) {
    struct fusioo_oauth *oauth = owner;
    oauth->transfer = NULL;
    oauth->unread.at = fu_context_now(oauth->context);
    digest(oauth, outcome);
}

/* ---- Sending ---- */

/* Seconds without a byte after which a request is given up. What may be answered once alone, by a token that takes the
 * place of what was sent, is waited for longer: sent again it would be refused. */
static double idle_of(const struct fusioo_oauth *oauth, const struct fu_manners *manners) {
    bool good_once = oauth->signing_in || uses_refresh_token(oauth);
    return good_once ? fmax(manners->idle_timeout, FU_SILENCE) : manners->idle_timeout;
}

void fu_oauth_send(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_manners manners = fu_oauth_manners(oauth);
    double most = fmax(manners.total_timeout, oauth->manners.total_timeout) + FU_LATE;
    if (oauth->undigested) {
        struct fu_http_outcome outcome = oauth->unread.outcome;
        oauth->state = FU_OAUTH_SENDING; /* it was: what fails from here on is not the store */
        digest(oauth, &outcome);
        return;
    }
    fu_buffer_clear(&oauth->answer);
    if (!build_form(oauth) || !fu_buffer_reserve(&oauth->answer, LIKELY_ANSWER)) {
        fu_error_memory(&error);
        fu_oauth_on_failed(oauth, false, &error);
        return;
    }
    struct fu_http_request request = {
        .method = "POST",
        .url = oauth->token_url,
        .body = oauth->form.data,
        .body_size = oauth->form.size,
        .content_type = "application/x-www-form-urlencoded",
        .repeatable = !oauth->signing_in,
        .plain = oauth->plain,
        .ca_file = manners.ca_file,
        .proxy = manners.proxy,
        .user_agent = manners.user_agent,
        .connect_timeout = manners.connect_timeout,
        .idle_timeout = idle_of(oauth, &manners),
        .max_body = MOST_ANSWER,
    };
    oauth->transfer = fu_http_start(&oauth->context->http, &request, &oauth->answer, on_answer, oauth, &error);
    if (oauth->transfer == NULL) {
        fu_oauth_on_failed(oauth, false, &error);
        return;
    }
    oauth->attempts++;
    oauth->state = FU_OAUTH_SENDING;
    fu_patience_set(oauth->context, &oauth->answer_by, most);
    fu_oauth_arm(oauth);
}

void fu_oauth_stop_request(struct fusioo_oauth *oauth) {
    if (oauth->transfer != NULL) {
        fu_http_cancel(oauth->transfer);
        oauth->transfer = NULL;
    }
    fu_buffer_free(&oauth->form);
    if (!oauth->undigested) {
        fu_buffer_free(&oauth->answer);
    }
}
