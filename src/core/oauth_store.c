/* oauth_store.c: a sign-in's store: in a file, in nothing but memory, or with the engine's owner (see oauth.h).
 * Owns: what is asked of the store. Must not know: why a token is wanted, how one is got. */
#include "oauth_private.h"

#include "alloc.h"
#include "error.h"
#include "state.h"
#include "token_file.h"

#include <string.h>

static void ask_owner(struct fusioo_oauth *oauth, fusioo_store_need wanted) {
    oauth->need.need = (fusioo_need){.kind = FUSIOO_NEED_STORE, .client = oauth->id, .store = wanted};
    fu_need_post(oauth->context, &oauth->need);
}

/* The path of a file store; found out when it is first wanted, since the folder is made by that. */
static bool find_path(struct fusioo_oauth *oauth, fusioo_error *error) {
    return oauth->store_file != NULL || fu_state_path("token.json", &oauth->store_file, error);
}

/* ---- Reading ---- */

static void load_file(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_token found = FU_TOKEN_NONE;
    struct fu_buffer text = {.secret = true};
    bool good = find_path(oauth, &error) && fu_token_file_read(oauth->store_file, &text, &error);
    if (good && !fu_token_read(&found, text.data != NULL ? text.data : "", text.size, &error)) {
        good = error.kind == FUSIOO_INVALID
                   ? fu_error_set(&error, FUSIOO_INVALID,
                                  "the token file '%.200s' holds no token; if it is the right file, remove it and sign "
                                  "in again",
                                  oauth->store_file)
                   : false;
    }
    fu_buffer_free(&text);
    fu_oauth_on_loaded(oauth, &found, good ? NULL : &error);
    fu_token_free(&found);
}

void fu_oauth_load(struct fusioo_oauth *oauth) {
    struct fu_token none = FU_TOKEN_NONE;
    if (oauth->store == FUSIOO_STORE_FILE) {
        load_file(oauth);
    } else if (oauth->store == FUSIOO_STORE_ON_NEED) {
        ask_owner(oauth, FUSIOO_STORE_LOAD);
    } else {
        fu_oauth_on_loaded(oauth, &none, NULL);
    }
}

void fusioo_oauth_loaded(fusioo_oauth *oauth, const fusioo_token *token, const fusioo_error *error) {
    struct fu_token found = FU_TOKEN_NONE;
    fusioo_error trouble;
    if (oauth->state != FU_OAUTH_LOADING && oauth->state != FU_OAUTH_CHECKING) {
        return; /* it has been given up meanwhile */
    }
    if (error == NULL && token != NULL && !fu_token_set(&found, token, &trouble)) {
        error = &trouble;
    }
    fu_oauth_keep(oauth);
    fu_oauth_on_loaded(oauth, &found, error);
    fu_token_free(&found);
    fu_http_arm(&oauth->context->http);
    fu_oauth_drop(oauth);
}

/* ---- Locking ---- */

static void lock_file(struct fusioo_oauth *oauth) {
    fusioo_error error;
    if (!find_path(oauth, &error) || !fu_token_file_prepare(oauth->store_file, &error)) {
        fu_oauth_on_locked(oauth, FUSIOO_STORE_FAILED, &error);
        return;
    }
    switch (fu_locked_take(&oauth->lock, oauth->store_file, 0600, &error)) {
    case FU_LOCK_HELD:
        oauth->locked = true;
        oauth->beside = fu_token_file_begin(oauth->store_file, &error);
        fu_oauth_on_locked(oauth, oauth->beside != NULL ? FUSIOO_STORED : FUSIOO_STORE_FAILED,
                           oauth->beside != NULL ? NULL : &error);
        break;
    case FU_LOCK_BUSY:
        fu_oauth_on_locked(oauth, FUSIOO_STORE_BUSY, NULL);
        break;
    default:
        fu_oauth_on_locked(oauth, FUSIOO_STORE_FAILED, &error);
    }
}

void fu_oauth_lock(struct fusioo_oauth *oauth) {
    if (oauth->store == FUSIOO_STORE_FILE) {
        lock_file(oauth);
    } else if (oauth->store == FUSIOO_STORE_ON_NEED && oauth->store_locks) {
        ask_owner(oauth, FUSIOO_STORE_LOCK);
    } else {
        fu_oauth_on_locked(oauth, FUSIOO_STORED, NULL);
    }
}

void fu_oauth_unlock(struct fusioo_oauth *oauth) {
    fusioo_file_discard(oauth->beside);
    oauth->beside = NULL;
    if (!oauth->locked) {
        return;
    }
    oauth->locked = false;
    if (oauth->store == FUSIOO_STORE_FILE) {
        fu_locked_drop(&oauth->lock);
        return;
    }
    oauth->unlock.need = (fusioo_need){.kind = FUSIOO_NEED_STORE, .client = oauth->id, .store = FUSIOO_STORE_UNLOCK};
    fu_need_post(oauth->context, &oauth->unlock);
}

/* ---- Keeping ---- */

static void save_file(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_buffer text = {.secret = true};
    bool good = fu_token_write(&oauth->token, &text) || fu_error_memory(&error);
    if (good) {
        good = fu_token_file_end(oauth->beside, oauth->store_file, text.data, text.size, &error);
        oauth->beside = NULL; /* whether it went well or not */
    }
    fu_buffer_free(&text);
    fu_oauth_on_saved(oauth, good ? NULL : &error);
}

void fu_oauth_save(struct fusioo_oauth *oauth) {
    if (oauth->store == FUSIOO_STORE_FILE) {
        save_file(oauth);
    } else if (oauth->store == FUSIOO_STORE_ON_NEED) {
        ask_owner(oauth, FUSIOO_STORE_SAVE);
    } else {
        fu_oauth_on_saved(oauth, NULL);
    }
}

bool fusioo_oauth_to_save(const fusioo_oauth *oauth, fusioo_token *token) {
    *token = fu_token_show(&oauth->token);
    return oauth->state == FU_OAUTH_SAVING;
}

void fusioo_oauth_stored(fusioo_oauth *oauth, fusioo_stored stored, const fusioo_error *error) {
    fusioo_error trouble;
    if (stored == FUSIOO_STORE_FAILED && error == NULL) {
        fu_error_set(&trouble, FUSIOO_AUTH, "the store said no");
        error = &trouble;
    }
    fu_oauth_keep(oauth);
    if (oauth->state == FU_OAUTH_LOCKING) {
        oauth->locked = stored == FUSIOO_STORED;
        fu_oauth_on_locked(oauth, stored, error);
    } else if (oauth->state == FU_OAUTH_SAVING) {
        fu_oauth_on_saved(oauth, stored == FUSIOO_STORED ? NULL : error);
    } else if (stored == FUSIOO_STORED && oauth->store_locks && !oauth->locked) {
        oauth->locked = true; /* the lock came when nobody waited for it any more */
        fu_oauth_unlock(oauth);
    }
    fu_http_arm(&oauth->context->http);
    fu_oauth_drop(oauth);
}
