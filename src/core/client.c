/* client.c: whose calls, to where, within which limits (see client.h and fusioo.h).
 * Owns: a client's settings, its token, its statistics. Must not know: what its calls do. */
#include "client.h"

#include "address.h"
#include "alloc.h"
#include "buffer.h"
#include "call.h"
#include "endpoint.h"
#include "envelope.h"
#include "error.h"
#include "oauth.h"
#include "token.h"

#include <math.h>
#include <string.h>

/* ---- Options ---- */

void fusioo_options_init(fusioo_options *options) {
    *options = (fusioo_options){
        .version = "v3",
        .rate_calls = 500,
        .rate_window = 3600,
        .rate_max_wait = -1,
        .retry_attempts = 4,
        .retry_base = 0.5,
        .retry_cap = 30,
        .connect_timeout = 10,
        .idle_timeout = 60,
        .total_timeout = 300,
        .concurrency = 4,
        .max_body = (size_t)64 << 20,
    };
}

static bool is_plain_text(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Is `seconds` a time span that timers can hold? */
static bool is_span(double seconds) {
    return isfinite(seconds) && seconds > 0 && seconds <= 1e9;
}

static bool check_rate(const fusioo_options *options, fusioo_error *error) {
    if (options->rate_calls < 1 || !is_span(options->rate_window)) {
        return fu_error_set(error, FUSIOO_INVALID, "rate.calls and rate.window are greater than 0");
    }
    if (options->rate_reserve < 0 || options->rate_reserve >= options->rate_calls) {
        return fu_error_set(error, FUSIOO_INVALID, "rate.reserve is 0 or more and less than rate.calls (%d), not %d",
                            options->rate_calls, options->rate_reserve);
    }
    return isnan(options->rate_max_wait) ? fu_error_set(error, FUSIOO_INVALID, "rate.max_wait is no number") : true;
}

static bool check_times(const fusioo_options *options, fusioo_error *error) {
    if (options->retry_attempts < 1 || !isfinite(options->retry_base) || options->retry_base < 0 ||
        !isfinite(options->retry_cap) || options->retry_cap < 0) {
        return fu_error_set(error, FUSIOO_INVALID, "retry.attempts is 1 or more, retry.base and retry.cap 0 or more");
    }
    if (!is_span(options->connect_timeout) || !is_span(options->idle_timeout) || !is_span(options->total_timeout)) {
        return fu_error_set(error, FUSIOO_INVALID, "timeout.connect, idle and total are greater than 0 seconds");
    }
    return true;
}

static bool check_options(const fusioo_options *options, fusioo_error *error) {
    const char *fault = options->token != NULL ? fu_token_fault(options->token) : NULL;
    if (fault != NULL) {
        return fu_error_set(error, FUSIOO_INVALID, "token cannot be one: %s", fault);
    }
    if (options->auth != NULL && (options->token != NULL || options->token_on_need)) {
        return fu_error_set(error, FUSIOO_INVALID, "token and auth are two ways to the same: give one of them");
    }
    if (options->user_agent != NULL && !is_plain_text(options->user_agent)) {
        return fu_error_set(error, FUSIOO_INVALID, "user_agent holds a control character");
    }
    if (options->concurrency < 1 || options->concurrency > FU_CONCURRENCY_MOST) {
        return fu_error_set(error, FUSIOO_INVALID, "concurrency is 1 to %d, not %d", FU_CONCURRENCY_MOST,
                            options->concurrency);
    }
    if (options->max_body < 1 || options->max_body > FU_ENVELOPE_MAX) {
        return fu_error_set(error, FUSIOO_INVALID, "max_body is 1 to %lu bytes", (unsigned long)FU_ENVELOPE_MAX);
    }
    return check_rate(options, error) && check_times(options, error);
}

/* ---- Making one ---- */

static bool copy_text(char **copy, const char *text, fusioo_error *error) {
    *copy = fu_strdup(text);
    return text == NULL || *copy != NULL || fu_error_memory(error);
}

static struct fu_tag *find_tag(struct fu_stats *stats, const char *name) {
    struct fu_tag **place = &stats->tags;
    for (; *place != NULL; place = &(*place)->next) {
        if (strcmp((*place)->name, name) == 0) {
            return *place;
        }
    }
    size_t size = strlen(name) + 1;
    struct fu_tag *tag = fu_calloc(1, sizeof *tag + size);
    if (tag != NULL) {
        memcpy(tag->name, name, size);
        *place = tag;
    }
    return tag;
}

static bool take_stats(struct fusioo_client *client, struct fu_stats *shared, fusioo_error *error) {
    client->stats = shared != NULL ? shared : fu_calloc(1, sizeof *client->stats);
    if (client->stats == NULL) {
        return fu_error_memory(error);
    }
    client->stats->references++;
    if (client->tag != NULL) {
        client->tag_stats = find_tag(client->stats, client->tag);
        return client->tag_stats != NULL ? true : fu_error_memory(error);
    }
    return true;
}

static void drop_stats(struct fu_stats *stats) {
    if (stats == NULL || --stats->references > 0) {
        return;
    }
    while (stats->tags != NULL) {
        struct fu_tag *tag = stats->tags;
        stats->tags = tag->next;
        fu_free(tag);
    }
    fu_free(stats);
}

static void take_numbers(struct fusioo_client *client, const fusioo_options *options) {
    client->token_on_need = options->token_on_need;
    client->events = options->events;
    client->rate_calls = options->rate_calls;
    client->limit = (struct fu_limit){options->rate_calls - options->rate_reserve, options->rate_window};
    client->rate_error = options->rate_error;
    client->rate_max_wait = options->rate_max_wait;
    client->retry = (struct fu_retry_policy){options->retry_attempts, options->retry_base, options->retry_cap};
    client->connect_timeout = options->connect_timeout;
    client->idle_timeout = options->idle_timeout;
    client->total_timeout = options->total_timeout;
    client->concurrency = options->concurrency;
    client->max_body = options->max_body;
}

static bool take_address(struct fusioo_client *client, const struct fusioo_client *model, const fusioo_options *options,
                         fusioo_error *error) {
    if (model != NULL) {
        client->plain = model->plain;
        client->version = model->version;
        for (int i = 0; i < FUSIOO_METHODS; i++) {
            if (!copy_text(&client->endpoints[i], model->endpoints[i], error)) {
                return false;
            }
        }
        return copy_text(&client->base, model->base, error);
    }
    const char *version = options->version != NULL ? options->version : "v3";
    if (version[0] != 'v' || version[1] < '1' || version[1] > '3' || version[2] != '\0') {
        return fu_error_set(error, FUSIOO_INVALID, "version is 'v1', 'v2' or 'v3', not '%.20s'", version);
    }
    client->version = (unsigned)(version[1] - '0');
    const char *url = options->base_url != NULL ? options->base_url : "https://api.fusioo.com";
    return fu_address_read("base_url", FU_ADDRESS_BASE, url, &client->base, &client->plain, error);
}

static fusioo_client *make(struct fu_context *context, const struct fusioo_client *model, struct fu_stats *stats,
                           const fusioo_options *options, fusioo_error *error) {
    if (context->closed) {
        fu_error_set(error, FUSIOO_CLOSED, "the engine is closed");
        return NULL;
    }
    if (!check_options(options, error)) {
        return NULL;
    }
    struct fusioo_client *client = fu_calloc(1, sizeof *client);
    if (client == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    fu_http_warm_up(&context->http); /* where it fails, the first call says so */
    client->context = fu_context_keep(context);
    client->references = 1;
    client->id = fu_context_number(context);
    client->auth = options->auth != NULL ? fu_oauth_keep(options->auth) : NULL;
    take_numbers(client, options);
    if (!take_address(client, model, options, error) || !copy_text(&client->token, options->token, error) ||
        !copy_text(&client->tag, options->tag, error) || !copy_text(&client->ca_file, options->ca_file, error) ||
        !copy_text(&client->proxy, options->proxy, error) ||
        !copy_text(&client->user_agent, options->user_agent, error) ||
        !copy_text(&client->ledger, options->rate_ledger, error) || !fu_company_find(client, model, options, error) ||
        !take_stats(client, stats, error)) {
        fu_client_drop(client);
        return NULL;
    }
    return client;
}

fusioo_client *fusioo_client_view(fusioo_client *client, const fusioo_options *options, fusioo_error *error) {
    if (client->closed) {
        fu_error_set(error, FUSIOO_CLOSED, "the client is closed");
        return NULL;
    }
    return make(client->context, client, client->stats, options, error);
}

fusioo_client *fu_client_make(struct fu_context *context, const fusioo_options *options, fusioo_error *error) {
    return make(context, NULL, NULL, options, error);
}

bool fusioo_client_set_endpoint(fusioo_client *client, const char *name, const char *request, fusioo_error *error) {
    fusioo_method method = fusioo_method_find(name);
    if (method == FUSIOO_METHODS) {
        return fu_error_set(error, FUSIOO_INVALID, "endpoints.%.60s: there is no such method", name);
    }
    if (!fu_endpoint_check(request, error)) {
        return false;
    }
    char *copy = fu_strdup(request);
    if (copy == NULL) {
        return fu_error_memory(error);
    }
    fu_free(client->endpoints[method]);
    client->endpoints[method] = copy;
    return true;
}

/* ---- Keeping and giving up ---- */

struct fusioo_client *fu_client_keep(struct fusioo_client *client) {
    client->references++;
    return client;
}

void fu_client_drop(struct fusioo_client *client) {
    if (--client->references > 0) {
        return;
    }
    fu_budget_drop(client->budget);
    drop_stats(client->stats);
    if (client->auth != NULL) {
        fu_oauth_drop(client->auth);
    }
    for (int i = 0; i < FUSIOO_METHODS; i++) {
        fu_free(client->endpoints[i]);
    }
    fu_free(client->base);
    fu_free(client->ledger);
    fu_free_secret(client->token);
    fu_free(client->tag);
    fu_free(client->ca_file);
    fu_free_secret(client->proxy); /* may hold a password */
    fu_free(client->user_agent);
    fu_context_drop(client->context);
    fu_free(client);
}

void fusioo_client_close(fusioo_client *client) {
    client->closed = true;
    fu_calls_end(client->context, client, FUSIOO_CLOSED);
}

void fusioo_client_free(fusioo_client *client) {
    if (client != NULL) {
        fusioo_client_close(client);
        fu_client_drop(client);
    }
}

uint64_t fusioo_client_id(const fusioo_client *client) {
    return client->id;
}

/* ---- Budget and statistics ---- */

void fusioo_client_budget(fusioo_client *client, fusioo_budget *budget) {
    fu_budget_refresh(client->budget, client->limit);
    fu_company_tell(client);
    double now = fu_context_now(client->context);
    size_t used = fu_window_used(&client->budget->window, client->limit.span, now);
    budget->calls = client->rate_calls;
    budget->window = client->limit.span;
    budget->used = used < (size_t)INT32_MAX ? (int)used : INT32_MAX;
    budget->remaining = client->limit.calls > budget->used ? client->limit.calls - budget->used : 0;
    budget->free_in = fu_budget_wait(client->budget, client->limit);
}

double fusioo_client_forecast(fusioo_client *client, int64_t calls) {
    fu_budget_refresh(client->budget, client->limit);
    fu_company_tell(client);
    double now = fu_context_now(client->context);
    return fu_window_forecast(&client->budget->window, client->limit, now, calls);
}

void fusioo_client_stats(const fusioo_client *client, fusioo_stats *stats) {
    *stats = client->stats->sum;
}

const char *fusioo_client_tag_stats(const fusioo_client *client, size_t index, fusioo_stats *stats) {
    struct fu_tag *tag = client->stats->tags;
    while (tag != NULL && index > 0) {
        tag = tag->next;
        index--;
    }
    if (tag == NULL) {
        return NULL;
    }
    *stats = (fusioo_stats){.calls = tag->calls, .retries = tag->retries};
    return tag->name;
}

void fu_client_note_request(struct fusioo_client *client, bool again, size_t bytes_out) {
    fusioo_stats *sum = &client->stats->sum;
    sum->calls++;
    sum->retries += again;
    sum->bytes_out += bytes_out;
    if (client->tag_stats != NULL) {
        client->tag_stats->calls++;
        client->tag_stats->retries += again;
    }
}
