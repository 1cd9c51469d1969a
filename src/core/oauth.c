/* oauth.c: one sign-in: making it, giving it up, and what it is like (see oauth.h and fusioo_oauth.h).
 * Owns: the settings. Must not know: how a token is got (oauth_work.c), the API's calls, Lua. */
#include "oauth.h"

#include "address.h"
#include "alloc.h"
#include "error.h"
#include "form.h"
#include "json_scan.h"
#include "oauth_private.h"
#include "scrub.h"
#include "token_file.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void fusioo_oauth_options_init(fusioo_oauth_options *options) {
    *options = (fusioo_oauth_options){
        .grant = FUSIOO_AUTHORIZATION_CODE,
        .store = FUSIOO_STORE_MEMORY,
        .connect_timeout = 10,
        .idle_timeout = 60,
        .total_timeout = 300,
    };
}

/* ---- Making one ---- */

static bool is_span(double seconds) {
    return isfinite(seconds) && seconds > 0 && seconds <= 1e9;
}

static bool has_text(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool is_utf8(const char *text) {
    const char *end = text + strlen(text);
    size_t size = 1;
    for (; text < end && size > 0; text += size) {
        size = (unsigned char)*text < 0x80 ? 1 : fu_json_sequence(text, end);
    }
    return size > 0;
}

static bool check_options(const fusioo_oauth_options *options, fusioo_error *error) {
    if (!has_text(options->client_id)) {
        return fu_error_set(error, FUSIOO_INVALID, "client_id is missing: the registered application has one");
    }
    if (!is_utf8(options->client_id)) {
        return fu_error_set(error, FUSIOO_INVALID, "client_id is no UTF-8 text");
    }
    if (options->grant == FUSIOO_CLIENT_CREDENTIALS && !has_text(options->client_secret)) {
        return fu_error_set(error, FUSIOO_INVALID, "client_secret is missing: the client_credentials grant needs it");
    }
    if (options->grant == FUSIOO_PASSWORD && (!has_text(options->username) || !has_text(options->password))) {
        return fu_error_set(error, FUSIOO_INVALID, "username or password is missing: the password grant needs both");
    }
    if ((unsigned)options->grant > FUSIOO_CLIENT_CREDENTIALS || (unsigned)options->store > FUSIOO_STORE_ON_NEED) {
        return fu_error_set(error, FUSIOO_INVALID, "grant or store is none that there is");
    }
    if (!is_span(options->connect_timeout) || !is_span(options->idle_timeout) || !is_span(options->total_timeout)) {
        return fu_error_set(error, FUSIOO_INVALID, "timeout.connect, idle and total are greater than 0 seconds");
    }
    return options->redirect_uri == NULL || fu_redirect_check(options->redirect_uri, error);
}

static bool copy_text(char **copy, const char *text, fusioo_error *error) {
    *copy = fu_strdup(text);
    return text == NULL || *copy != NULL || fu_error_memory(error);
}

static bool take_addresses(struct fusioo_oauth *oauth, const fusioo_oauth_options *options, fusioo_error *error) {
    bool plain;
    const char *authorize = options->authorize_url != NULL ? options->authorize_url : FU_AUTHORIZE_URL;
    const char *token = options->token_url != NULL ? options->token_url : FU_TOKEN_URL;
    if (!fu_address_read("authorize_url", FU_ADDRESS_WHOLE, authorize, &oauth->authorize_url, &plain, error) ||
        !fu_address_read("token_url", FU_ADDRESS_WHOLE, token, &oauth->token_url, &oauth->plain, error)) {
        return false;
    }
    const char *host = strstr(oauth->token_url, "://");
    oauth->token_path = host != NULL ? host + 3 + strcspn(host + 3, "/") : oauth->token_url;
    return true;
}

static bool take_options(struct fusioo_oauth *oauth, const fusioo_oauth_options *options, fusioo_error *error) {
    oauth->grant = options->grant;
    oauth->store = options->store;
    oauth->store_locks = options->store_locks;
    oauth->events = options->events;
    if (!take_addresses(oauth, options, error) || !copy_text(&oauth->client_id, options->client_id, error) ||
        !copy_text(&oauth->client_secret, options->client_secret, error) ||
        !copy_text(&oauth->redirect_uri, options->redirect_uri, error) ||
        !copy_text(&oauth->username, options->username, error) ||
        !copy_text(&oauth->password, options->password, error) ||
        (options->store_file != NULL && !fu_token_file_place(options->store_file, &oauth->store_file, error)) ||
        !copy_text(&oauth->ca_file, options->ca_file, error) || !copy_text(&oauth->proxy, options->proxy, error) ||
        !copy_text(&oauth->user_agent, options->user_agent, error)) {
        return false;
    }
    oauth->manners = (struct fu_manners){oauth->ca_file,           oauth->proxy,          oauth->user_agent,
                                         options->connect_timeout, options->idle_timeout, options->total_timeout};
    return true;
}

static struct fusioo_oauth *oauth_of(struct fu_timer *timer, size_t offset) {
    return (struct fusioo_oauth *)(void *)((char *)timer - offset);
}

static void on_timer(struct fu_timer *timer) {
    fu_oauth_move(oauth_of(timer, offsetof(struct fusioo_oauth, timer)));
}

static void on_total(struct fu_timer *timer) {
    fu_oauth_expire(oauth_of(timer, offsetof(struct fusioo_oauth, total)));
}

struct fusioo_oauth *fu_oauth_make(struct fu_context *context, const fusioo_oauth_options *options,
                                   fusioo_error *error) {
    if (context->closed) {
        fu_error_set(error, FUSIOO_CLOSED, "the engine is closed");
        return NULL;
    }
    if (!check_options(options, error)) {
        return NULL;
    }
    struct fusioo_oauth *oauth = fu_calloc(1, sizeof *oauth);
    if (oauth == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    oauth->context = fu_context_keep(context);
    oauth->references = 1;
    oauth->id = fu_context_number(context);
    oauth->lock.fd = -1;
    oauth->token = (struct fu_token)FU_TOKEN_NONE;
    oauth->redirect.token = (struct fu_token)FU_TOKEN_NONE;
    oauth->loaded = options->store == FUSIOO_STORE_MEMORY;
    oauth->form.secret = oauth->answer.secret = true;
    fu_timer_init(&oauth->timer, on_timer);
    fu_timer_init(&oauth->total, on_total);
    oauth->next = context->oauths;
    oauth->place = &context->oauths;
    if (oauth->next != NULL) {
        oauth->next->place = &oauth->next;
    }
    context->oauths = oauth;
    if (!take_options(oauth, options, error)) {
        fu_oauth_drop(oauth);
        return NULL;
    }
    return oauth;
}

/* ---- Keeping and giving up ---- */

struct fusioo_oauth *fu_oauth_keep(struct fusioo_oauth *oauth) {
    oauth->references++;
    return oauth;
}

void fu_oauth_drop(struct fusioo_oauth *oauth) {
    if (--oauth->references > 0) {
        return;
    }
    if (!fu_oauth_save_at_last(oauth) && !oauth->context->closed) {
        oauth->references = 1;
        oauth->left_behind = true;
        return;
    }
    fu_oauth_abandon(oauth);
    *oauth->place = oauth->next;
    if (oauth->next != NULL) {
        oauth->next->place = oauth->place;
    }
    fu_token_free(&oauth->token);
    fu_oauth_forget_replaced(oauth);
    fu_buffer_free(&oauth->form);
    fu_buffer_free(&oauth->answer);
    fu_free(oauth->client_id);
    fu_free_secret(oauth->client_secret);
    fu_free(oauth->redirect_uri);
    fu_free(oauth->username);
    fu_free_secret(oauth->password);
    fu_free(oauth->authorize_url);
    fu_free(oauth->token_url);
    fu_free(oauth->store_file);
    fu_free(oauth->ca_file);
    fu_free_secret(oauth->proxy);
    fu_free(oauth->user_agent);
    fu_free_secret(oauth->address);
    fu_context_drop(oauth->context);
    fu_wipe(oauth, sizeof *oauth);
    fu_free(oauth);
}

void fusioo_oauth_free(fusioo_oauth *oauth) {
    if (oauth != NULL) {
        fu_oauth_drop(oauth);
    }
}

uint64_t fusioo_oauth_id(const fusioo_oauth *oauth) {
    return oauth->id;
}

void fu_oauth_scrub_text(const struct fusioo_oauth *oauth, char *text) {
    const char *const secrets[] = {oauth->token.access,
                                   oauth->token.refresh,
                                   oauth->replaced[0].access,
                                   oauth->replaced[0].refresh,
                                   oauth->replaced[1].access,
                                   oauth->replaced[1].refresh,
                                   oauth->client_secret,
                                   oauth->password,
                                   oauth->redirect.code,
                                   oauth->redirect.token.access,
                                   oauth->issued};
    fu_scrub_all(text, secrets, sizeof secrets / sizeof secrets[0]);
}

void fu_oauth_scrub(const struct fusioo_oauth *oauth, fusioo_error *error) {
    if (error != NULL) {
        fu_oauth_scrub_text(oauth, error->message);
    }
}

/* ---- The authorize page ---- */

const char *fusioo_oauth_authorize_url(fusioo_oauth *oauth, char state[FUSIOO_STATE_SIZE], fusioo_error *error) {
    struct fu_buffer query = {.secret = true};
    struct fu_buffer url = {.secret = true};
    if (oauth->grant != FUSIOO_AUTHORIZATION_CODE && oauth->grant != FUSIOO_IMPLICIT) {
        fu_error_set(error, FUSIOO_INVALID, "this grant has no page where a person signs in");
        return NULL;
    }
    if (oauth->redirect_uri == NULL) {
        fu_error_set(error, FUSIOO_INVALID, "redirect_uri is missing: the registered application has one");
        return NULL;
    }
    if (!fu_state_make(state, error)) {
        return NULL;
    }
    fu_form_put(&query, "response_type", oauth->grant == FUSIOO_IMPLICIT ? "token" : "code");
    fu_form_put(&query, "client_id", oauth->client_id);
    fu_form_put(&query, "redirect_uri", oauth->redirect_uri);
    fu_form_put(&query, "state", state);
    fu_buffer_puts(&url, oauth->authorize_url);
    fu_buffer_putc(&url, '?');
    fu_buffer_append(&url, query.data, query.failed ? 0 : query.size);
    bool good = !query.failed && !url.failed;
    fu_buffer_free(&query);
    if (!good) {
        fu_buffer_free(&url);
        fu_error_memory(error);
        return NULL;
    }
    fu_free_secret(oauth->address);
    oauth->address = url.data;
    memcpy(oauth->issued, state, FUSIOO_STATE_SIZE);
    return oauth->address;
}

/* ---- All sign-ins of an engine ---- */

static void turn_away(struct fu_ask *ask, const fusioo_error *error) {
    fu_oauth_take_back(ask);
    ask->told(ask, NULL, error);
}

bool fu_oauths_finish(struct fu_context *context, bool *look) {
    bool sending = false;
    *look = false;
    for (struct fusioo_oauth *oauth = context->oauths; oauth != NULL; oauth = oauth->next) {
        bool rests = oauth->state == FU_OAUTH_IDLE;
        sending = sending || (oauth->state == FU_OAUTH_SENDING && oauth->store == FUSIOO_STORE_FILE);
        *look = *look || (rests && !fu_oauth_save_at_last(oauth));
    }
    return sending || *look;
}

void fu_oauths_end(struct fu_context *context, const fusioo_error *error) {
    struct fusioo_oauth *next;
    for (struct fusioo_oauth *oauth = context->oauths; oauth != NULL; oauth = next) {
        fu_oauth_keep(oauth);
        while (oauth->asks != NULL) {
            turn_away(oauth->asks, error);
        }
        if (oauth->state != FU_OAUTH_IDLE) {
            fu_oauth_rest(oauth);
        }
        fu_oauth_save_at_last(oauth);
        next = oauth->next;
        if (oauth->left_behind) {
            oauth->left_behind = false;
            fu_oauth_drop(oauth);
        }
        fu_oauth_drop(oauth);
    }
}

void fu_oauths_forked(struct fu_context *context) {
    fusioo_error error;
    struct fusioo_oauth *next;
    fu_error_set(&error, FUSIOO_NETWORK,
                 "the process forked while a person signed in: the parent process has the token");
    for (struct fu_need *need = context->needs; need != NULL; need = need->next) {
        if (need->need.kind == FUSIOO_NEED_STORE && need->need.store == FUSIOO_STORE_END) {
            need->need.id = 0; /* the parent gives the lock back */
        }
    }
    for (struct fusioo_oauth *oauth = context->oauths; oauth != NULL; oauth = next) {
        fu_oauth_keep(oauth);
        if (oauth->state != FU_OAUTH_IDLE) {
            oauth->transfer = NULL; /* it is gone already */
            oauth->unsaved = oauth->unsaved || oauth->state == FU_OAUTH_SAVING;
            fu_free(oauth->end); /* a lock of the store's owner is the parent's */
            oauth->end = NULL;
            oauth->held = 0;
            if (oauth->sign_in != NULL) {
                turn_away(oauth->sign_in, &error);
            }
            fu_oauth_rest(oauth);
        }
        next = oauth->next;
        fu_oauth_drop(oauth);
    }
}
