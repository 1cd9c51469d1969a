/* oauth_store.c: a sign-in's store: in a file, in nothing but memory, or with the engine's owner (see oauth.h).
 * Owns: what is asked of the store. Must not know: why a token is wanted, how one is got. */
#include "oauth_private.h"

#include "alloc.h"
#include "error.h"
#include "state.h"
#include "token_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool fu_oauth_asks_store(const struct fusioo_oauth *oauth) {
    return oauth->need.need.id != 0;
}

static void ask_owner(struct fusioo_oauth *oauth, fusioo_store_need wanted) {
    uint64_t number = fu_context_number(oauth->context);
    oauth->need.need = (fusioo_need){.kind = FUSIOO_NEED_STORE, .id = number, .client = oauth->id, .store = wanted};
    fu_patience_set(oauth->context, &oauth->answer_by,
                    oauth->manners.total_timeout + (wanted == FUSIOO_STORE_SAVE ? FU_LATE : 0));
    fu_oauth_arm(oauth);
    fu_need_post(oauth->context, &oauth->need);
}

/* The path of a file store; found out when it is first wanted, since the folder is made by that. */
static bool find_path(struct fusioo_oauth *oauth, fusioo_error *error) {
    return oauth->store_file != NULL || fu_state_path("token.json", &oauth->store_file, error);
}

static struct fu_token_owner owner_of(const struct fusioo_oauth *oauth) {
    return (struct fu_token_owner){oauth->client_id, oauth->token_url};
}

/* ---- Reading ---- */

static bool read_file(struct fusioo_oauth *oauth, struct fu_token *found, fusioo_error *error) {
    struct fu_buffer text = {.secret = true};
    struct fu_token_owner owner = owner_of(oauth);
    *found = (struct fu_token)FU_TOKEN_NONE;
    bool good = find_path(oauth, error) && fu_token_file_read(oauth->store_file, &text, error);
    const char *words = text.data != NULL ? text.data : "";
    if (good && !fu_token_is_of(words, text.size, &owner)) {
        good = fu_error_set(error, FUSIOO_INVALID,
                            "the token file '%.200s' holds the token of another client_id or token_url: each "
                            "application needs a file of its own; if it is of no more use, remove it and sign in again",
                            oauth->store_file);
    } else if (good && !fu_token_read(found, words, text.size, error)) {
        good = error->kind == FUSIOO_INVALID
                   ? fu_error_set(error, FUSIOO_INVALID,
                                  "the token file '%.200s' holds no token; if it is the right file, remove it and sign "
                                  "in again",
                                  oauth->store_file)
                   : false;
    }
    fu_buffer_free(&text);
    return good;
}

static void load_file(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_token found;
    bool good = read_file(oauth, &found, &error);
    fu_oauth_on_loaded(oauth, &found, good ? NULL : &error);
    fu_token_free(&found);
}

/* The owner is told, in any case, that the work has ended; what that takes is there before it begins. */
static bool has_end(struct fusioo_oauth *oauth) {
    if (oauth->end == NULL) {
        oauth->end = fu_calloc(1, sizeof *oauth->end);
    }
    return oauth->end != NULL;
}

void fu_oauth_load(struct fusioo_oauth *oauth) {
    struct fu_token none = FU_TOKEN_NONE;
    fusioo_error error;
    if (oauth->store == FUSIOO_STORE_FILE) {
        load_file(oauth);
    } else if (oauth->store == FUSIOO_STORE_MEMORY) {
        fu_oauth_on_loaded(oauth, &none, NULL);
    } else if (has_end(oauth)) {
        ask_owner(oauth, FUSIOO_STORE_LOAD);
    } else {
        fu_error_memory(&error);
        fu_oauth_on_loaded(oauth, &none, &error);
    }
}

bool fusioo_oauth_awaits(const fusioo_oauth *oauth, uint64_t id) {
    return id != 0 && oauth->need.need.id == id;
}

/* Is it the answer to what is asked now? */
static bool is_awaited(const struct fusioo_oauth *oauth, uint64_t id, bool loads) {
    bool is_loading = oauth->state == FU_OAUTH_LOADING || oauth->state == FU_OAUTH_CHECKING;
    bool asks = loads ? is_loading : oauth->state == FU_OAUTH_LOCKING || oauth->state == FU_OAUTH_SAVING;
    return asks && fusioo_oauth_awaits(oauth, id);
}

void fusioo_oauth_loaded(fusioo_oauth *oauth, uint64_t id, const fusioo_token *token, const fusioo_error *error) {
    struct fu_token found = FU_TOKEN_NONE;
    fusioo_error trouble;
    if (!is_awaited(oauth, id, true)) {
        return;
    }
    if (error == NULL && token != NULL && !fu_token_set(&found, token, &trouble)) {
        if (trouble.kind == FUSIOO_INVALID) {
            char said[200];
            snprintf(said, sizeof said, "%.190s", trouble.message);
            fu_error_set(&trouble, FUSIOO_INVALID, "what the store's function load returned cannot be used: %s", said);
        }
        error = &trouble;
    }
    fu_oauth_keep(oauth);
    oauth->need.need.id = 0;
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
        if (has_end(oauth)) {
            ask_owner(oauth, FUSIOO_STORE_LOCK);
        } else {
            fusioo_error error;
            fu_error_memory(&error);
            fu_oauth_on_locked(oauth, FUSIOO_STORE_FAILED, &error);
        }
    } else {
        fu_oauth_on_locked(oauth, FUSIOO_STORED, NULL);
    }
}

void fu_oauth_unlock(struct fusioo_oauth *oauth) {
    fusioo_file_discard(oauth->beside);
    oauth->beside = NULL;
    fu_locked_drop(&oauth->lock);
    if (oauth->end != NULL) {
        oauth->end->is_own = true;
        oauth->end->need =
            (fusioo_need){.kind = FUSIOO_NEED_STORE, .id = oauth->held, .client = oauth->id, .store = FUSIOO_STORE_END};
        fu_need_post(oauth->context, oauth->end);
        oauth->end = NULL;
        oauth->held = 0;
    }
}

/* ---- Keeping ---- */

/* Appends what is to stand in the file. */
static bool write_token(const struct fusioo_oauth *oauth, struct fu_buffer *text, fusioo_error *error) {
    struct fu_token_owner owner = owner_of(oauth);
    return fu_token_write(&oauth->token, &owner, text) || fu_error_memory(error);
}

static void save_file(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_buffer text = {.secret = true};
    bool good = write_token(oauth, &text, &error);
    if (good) {
        good = fu_token_file_end(oauth->beside, text.data, text.size, &error);
        oauth->beside = NULL; /* whether it went well or not */
        /* Once more, while it is locked: who waits for the lock would find the refresh token that is used up. */
        good = good || fu_token_file_write(oauth->store_file, text.data, text.size, &error);
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

/* The file is locked. False: there was no memory. */
static bool save_locked(struct fusioo_oauth *oauth) {
    fusioo_error error;
    struct fu_token found;
    struct fu_buffer text = {.secret = true};
    fu_error_clear(&error, FUSIOO_OK);
    bool good = read_file(oauth, &found, &error);
    uint64_t hash = good && found.access != NULL ? fu_oauth_hash(oauth, found.access) : 0;
    fu_token_free(&found);
    if (good && (hash == 0 || hash == oauth->kept)) { /* else it is another process's, and newer */
        good =
            write_token(oauth, &text, &error) && fu_token_file_write(oauth->store_file, text.data, text.size, &error);
    }
    fu_buffer_free(&text);
    return good || error.kind != FUSIOO_MEMORY;
}

bool fu_oauth_save_at_last(struct fusioo_oauth *oauth) {
    fusioo_error error;
    bool has_it = oauth->unsaved && oauth->store == FUSIOO_STORE_FILE && oauth->store_file != NULL;
    if (!has_it || oauth->process != getpid()) {
        return true;
    }
    enum fu_lock lock = fu_locked_take(&oauth->lock, oauth->store_file, 0600, &error);
    if (lock == FU_LOCK_HELD) {
        oauth->unsaved = !save_locked(oauth);
        fu_locked_drop(&oauth->lock);
        return !oauth->unsaved;
    }
    return lock != FU_LOCK_BUSY;
}

bool fusioo_oauth_to_save(const fusioo_oauth *oauth, fusioo_token *token) {
    *token = fu_token_show(&oauth->token);
    return oauth->state == FU_OAUTH_SAVING;
}

bool fusioo_oauth_stored(fusioo_oauth *oauth, uint64_t id, fusioo_stored stored, const fusioo_error *error) {
    fusioo_error trouble;
    if (!is_awaited(oauth, id, false)) {
        return false;
    }
    if (error == NULL) {
        fu_error_set(&trouble, FUSIOO_AUTH, "the store said no");
        error = &trouble;
    }
    fu_oauth_keep(oauth);
    oauth->need.need.id = 0;
    if (oauth->state == FU_OAUTH_LOCKING) {
        oauth->held = stored == FUSIOO_STORED ? id : 0;
        fu_oauth_on_locked(oauth, stored, error);
    } else {
        fu_oauth_on_saved(oauth, stored == FUSIOO_STORED ? NULL : error);
    }
    fu_http_arm(&oauth->context->http);
    fu_oauth_drop(oauth);
    return true;
}
