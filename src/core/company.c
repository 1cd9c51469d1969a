/* company.c: which company's window a client spends from, and in which ledger (see client.h).
 * Owns: how windows and ledger files are named. Must not know: what stands in a ledger, who waits. */
#include "client.h"

#include "alloc.h"
#include "buffer.h"
#include "error.h"
#include "oauth.h"
#include "state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longest part of a host in the name of a file. */
enum { MOST_HOST = 60 };
/* A ledger that is named after a token is of no use once that is dead: one that was not written to for a month goes. */
static const double a_month = 30 * 86400.0;

/* What names the window: clients of one process that agree in it share one budget, processes one file. */
static bool put_name(struct fu_buffer *name, const struct fusioo_client *client, const char *key, const char *token) {
    fu_buffer_puts(name, client->base);
    if (key != NULL) {
        fu_buffer_puts(name, "\nkey\n");
        fu_buffer_puts(name, key);
    } else if (client->auth != NULL) {
        fu_buffer_puts(name, "\nclient_id\n");
        fu_buffer_puts(name, client->auth->client_id);
    } else if (token != NULL) {
        fu_buffer_puts(name, "\ntoken\n");
        fu_buffer_puts(name, token);
    } else {
        fu_buffer_puts(name, "\nclient\n");
        fu_buffer_put_integer(name, (long long)client->id);
    }
    return !name->failed;
}

/* The host, for people who look into the folder, and 64 bits of a hash of the rest. Of a token, which has a hundred
 * times as many bits of chance, they tell nothing that could be used. */
static void put_file_name(char *text, size_t room, const struct fusioo_client *client, const struct fu_buffer *name) {
    static const struct fu_hash_key open_key = {0, 0}; /* other processes must come to the same name */
    const char *host = strstr(client->base, "://");
    host = host != NULL ? host + 3 : client->base;
    size_t size = strcspn(host, "/");
    size = size < MOST_HOST ? size : MOST_HOST;
    snprintf(text, room, "%.*s-%016llx.ledger", (int)size, host,
             (unsigned long long)fu_hash(&open_key, name->data, name->size));
    for (char *at = text; *at != '\0'; at++) {
        if (strchr(":[]%", *at) != NULL) {
            *at = '_';
        }
    }
}

/* A default ledger that cannot be had is no reason to refuse a client: it is told, and counts in memory. */
static bool share_in_state_folder(struct fusioo_client *client, const struct fu_buffer *name, fusioo_error *error) {
    char file_name[MOST_HOST + 40];
    char *path = NULL;
    fusioo_error trouble;
    put_file_name(file_name, sizeof file_name, client, name);
    if (!fu_state_path(file_name, &path, &trouble)) {
        snprintf(client->budget->news, sizeof client->budget->news,
                 "%.400s; calls are counted in memory, and other processes know nothing of them", trouble.message);
        return trouble.kind != FUSIOO_MEMORY || fu_error_memory(error);
    }
    if (access(path, F_OK) != 0) {
        fu_state_tidy(path, "?*.ledger", a_month); /* a new one is made: once in a while */
    }
    bool good = fu_budget_share(client->budget, path, 0600, client->limit, &trouble);
    fu_free(path);
    return good || trouble.kind == FUSIOO_INVALID || fu_error_memory(error);
}

static bool share_in_named_file(struct fusioo_client *client, fusioo_error *error) {
    fusioo_error trouble;
    if (fu_budget_share(client->budget, client->ledger, 0666, client->limit, &trouble)) {
        return true;
    }
    if (error != NULL) {
        *error = trouble;
    }
    return trouble.kind != FUSIOO_INVALID ? false
                                          : fu_error_set(error, FUSIOO_INVALID, "rate.ledger: %s", trouble.message);
}

static bool has_no_file(const struct fusioo_client *client) {
    return client->ledger != NULL ? client->ledger[0] == '\0' : client->rate_calls > FU_BOOK_CALLS;
}

/* Is the option the same as the model's, so that a view without a company of its own is of the same one? */
static bool is_same_ledger(const struct fusioo_client *client, const struct fusioo_client *model) {
    return (client->ledger == NULL) == (model->ledger == NULL) &&
           (client->ledger == NULL || strcmp(client->ledger, model->ledger) == 0);
}

static bool take_budget(struct fusioo_client *client, const struct fu_buffer *name, fusioo_error *error) {
    bool made = false;
    struct fu_buffer place = {.secret = true};
    bool named = client->ledger != NULL && client->ledger[0] != '\0';
    fu_buffer_puts(&place, named ? "file\n" : has_no_file(client) ? "memory\n" : "state\n");
    fu_buffer_puts(&place, named ? client->ledger : name->data);
    if (!place.failed) {
        uint64_t key = fu_hash(&client->context->key, place.data, place.size);
        client->budget = fu_budget_take(client->context, key, &made);
    }
    fu_buffer_free(&place);
    if (client->budget == NULL) {
        return fu_error_memory(error);
    }
    if (!made || has_no_file(client)) {
        return true;
    }
    if (named) {
        return share_in_named_file(client, error);
    }
    return !client->company_known || share_in_state_folder(client, name, error);
}

bool fu_company_find(struct fusioo_client *client, const struct fusioo_client *model, const fusioo_options *options,
                     fusioo_error *error) {
    if (client->ledger != NULL && client->ledger[0] != '\0' && client->rate_calls > FU_BOOK_CALLS) {
        return fu_error_set(error, FUSIOO_INVALID, "rate.ledger: a ledger holds at most %d calls; rate.calls is %d",
                            (int)FU_BOOK_CALLS, client->rate_calls);
    }
    bool names_company = options->rate_key != NULL || options->token != NULL || client->auth != NULL;
    client->company_known = names_company || has_no_file(client);
    if (model != NULL && !names_company && is_same_ledger(client, model)) {
        client->budget = model->budget;
        client->budget->references++;
        return true;
    }
    struct fu_buffer name = {.secret = true};
    bool good = put_name(&name, client, options->rate_key, options->token) ? take_budget(client, &name, error)
                                                                           : fu_error_memory(error);
    fu_buffer_free(&name);
    return good;
}

void fu_company_learn(struct fusioo_client *client, const char *token) {
    if (client->company_known || client->budget->ledger != NULL) {
        return;
    }
    client->company_known = true;
    struct fu_buffer name = {.secret = true};
    if (put_name(&name, client, NULL, token)) {
        share_in_state_folder(client, &name, NULL); /* without memory the window stays in memory, so to speak */
    }
    fu_buffer_free(&name);
}

void fu_company_tell(struct fusioo_client *client) {
    struct fu_budget *budget = client->budget;
    if (!client->events || budget->news[0] == '\0') {
        return;
    }
    fusioo_event event = {.type = FUSIOO_EVENT_LEDGER, .tag = client->tag, .why = budget->news};
    fu_event_post(client->context, client->id, &event);
    budget->news[0] = '\0';
}
