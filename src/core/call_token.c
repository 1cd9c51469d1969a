/* call_token.c: how a call gets its token: from a sign-in, or from the engine's owner (see call.h).
 * Owns: the question for one, and what a call says where there is none. Must not know: how a token is got, Lua. */
#include "alloc.h"
#include "call_private.h"
#include "error.h"
#include "scrub.h"
#include "token.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

void fu_call_fail_token(struct fusioo_call *call, const char *why) {
    if (call->renewed) {
        fu_call_finish(call); /* the 401 that asked for another token says more */
        return;
    }
    if (why != NULL) {
        fu_error_set(&call->error, FUSIOO_AUTH, "there is no access token: %s", why);
    } else {
        fu_error_set(&call->error, FUSIOO_AUTH,
                     "there is no access token: give one in the option token, or in the environment variable "
                     "FUSIOO_ACCESS_TOKEN; Fusioo makes one on the page of your registered application");
    }
    fu_call_finish(call);
}

/* Goes on with `token`. */
static void take_token(struct fusioo_call *call, const char *token) {
    if (call->error.status == 401 && call->token != NULL && strcmp(call->token, token) == 0) {
        fu_call_finish(call); /* with the 401 that the same token brought before */
        return;
    }
    fu_free_secret(call->token);
    call->token = fu_strdup(token);
    if (call->token == NULL) {
        fu_error_memory(&call->error);
        fu_call_finish(call);
        return;
    }
    fu_call_begin_again(call);
}

/* Tells what befell another request, the one for a token, as this call's error. */
static void say_no_token(struct fusioo_call *call, const fusioo_error *error) {
    char status[24] = "";
    if (error->method[0] == '\0' && error->status == 0) {
        call->error = *error;
        return;
    }
    if (error->method[0] == '\0') {
        fu_error_set(&call->error, error->kind, "there is no token: HTTP %d: %s", error->status, error->message);
        return;
    }
    if (error->status > 0) {
        snprintf(status, sizeof status, " HTTP %d:", error->status);
    }
    fu_error_set(&call->error, error->kind, "there is no token: %s %.100s:%s %s", error->method, error->path, status,
                 error->message);
    call->error.retry_after = error->retry_after;
}

/* The sign-in has a token, or says why there is none. */
static void on_told(struct fu_ask *ask, const struct fu_token *token, const fusioo_error *error) {
    struct fusioo_call *call = (struct fusioo_call *)(void *)((char *)ask - offsetof(struct fusioo_call, ask));
    if (token != NULL) {
        take_token(call, token->access);
        return;
    }
    if (ask->refused != NULL && error->kind == FUSIOO_AUTH) {
        char said[160];
        int status = call->error.status;
        fu_scrub(call->error.message, call->token); /* before it is cut, and cannot be found any more */
        snprintf(said, sizeof said, "%.150s", call->error.message);
        fu_error_set(&call->error, FUSIOO_AUTH, "%s%sthe token was refused, and %s", said, said[0] != '\0' ? "; " : "",
                     error->message);
        call->error.status = status;
    } else {
        say_no_token(call, error);
    }
    fu_call_finish(call);
}

bool fu_call_asks_each_time(const struct fusioo_client *client) {
    return client->token_on_need || client->auth != NULL;
}

bool fu_call_drop_outdated(struct fusioo_call *call) {
    if (call->client->auth == NULL || call->token == NULL || fu_oauth_is_current(call->client->auth, call->token)) {
        return false;
    }
    fu_free_secret(call->token);
    call->token = NULL;
    return true;
}

void fu_call_ask_token(struct fusioo_call *call, bool refused) {
    call->state = FU_CALL_TOKEN;
    if (call->client->auth != NULL) {
        call->ask.want = FU_WANT_TOKEN;
        call->ask.client = call->client;
        call->ask.refused = refused ? call->token : NULL;
        call->ask.told = on_told;
        fu_oauth_ask(call->client->auth, &call->ask);
        return;
    }
    call->need.need = (fusioo_need){.kind = FUSIOO_NEED_TOKEN, .id = call->id, .client = call->client->id};
    fu_need_post(call->client->context, &call->need);
}

void fu_call_give_token(struct fu_context *context, uint64_t id, const char *token, const char *why) {
    struct fusioo_call *call = context->calls;
    while (call != NULL && (call->id != id || call->state != FU_CALL_TOKEN)) {
        call = call->next;
    }
    if (call == NULL) {
        return;
    }
    const char *fault = token != NULL ? fu_token_fault(token) : NULL;
    if (token == NULL || fault != NULL) {
        fu_call_fail_token(call, fault != NULL ? fault : why);
        return;
    }
    fu_company_learn(call->client, token);
    take_token(call, token);
}
