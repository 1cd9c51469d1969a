/* pager_api.c: starting a pager and handing out what it read (see pager.h and fusioo.h).
 * Owns: the page that is handed out. Must not know: how pages are asked for (pager.c), Lua. */
#include "alloc.h"
#include "error.h"
#include "pager.h"
#include "pager_private.h"

#include <string.h>

/* ---- Starting ---- */

void fusioo_plan_init(fusioo_plan *plan) {
    *plan = (fusioo_plan){.limit = -1, .expect = -1};
}

static bool check_plan(const struct fusioo_client *client, fusioo_method method, const fusioo_plan *plan,
                       const fusioo_query *query, fusioo_error *error) {
    if (method != FUSIOO_GET_RECORDS && method != FUSIOO_GET_USERS && method != FUSIOO_GET_DISCUSSIONS) {
        return fu_error_set(error, FUSIOO_INVALID, "only records, discussions and users can be read page by page");
    }
    if (client->closed || client->context->closed) {
        return fu_error_set(error, FUSIOO_CLOSED, client->closed ? "the client is closed" : "the engine is closed");
    }
    if (plan->page_size < 0 || plan->page_size > FU_PAGE_MOST) {
        return fu_error_set(error, FUSIOO_INVALID, "page_size is 1 to %d, not %d", FU_PAGE_MOST, plan->page_size);
    }
    if (plan->concurrency < 0 || plan->concurrency > FU_CONCURRENCY_MOST) {
        return fu_error_set(error, FUSIOO_INVALID, "concurrency is 1 to %d, not %d", FU_CONCURRENCY_MOST,
                            plan->concurrency);
    }
    if (query->offset < 0 || query->offset > INT64_MAX / 4 || plan->limit > INT64_MAX / 4 ||
        plan->expect > INT64_MAX / 4) {
        return fu_error_set(error, FUSIOO_INVALID, "offset, limit and expect are numbers of records");
    }
    return true;
}

static bool copy_bytes(char **copy, const char *bytes, size_t size) {
    if (bytes == NULL) {
        return true;
    }
    *copy = fu_malloc(size + 1);
    if (*copy == NULL) {
        return false;
    }
    memcpy(*copy, bytes, size);
    (*copy)[size] = '\0';
    return true;
}

static bool take_query(struct fusioo_pager *pager, const char *id, size_t id_size, const fusioo_query *query) {
    const char *sort_by = query->sort_by;
    const char *order = query->order;
    pager->start = query->offset;
    pager->filter_size = query->filter_size;
    return (id == NULL || fu_buffer_append(&pager->app, id, id_size)) &&
           copy_bytes(&pager->filter, query->filter, query->filter_size) &&
           copy_bytes(&pager->sort_by, sort_by, sort_by != NULL ? strlen(sort_by) : 0) &&
           copy_bytes(&pager->order, order, order != NULL ? strlen(order) : 0);
}

static void take_plan(struct fusioo_pager *pager, const fusioo_plan *plan) {
    pager->limit = plan->limit < 0 ? -1 : plan->limit;
    pager->page_size = plan->page_size > 0 ? plan->page_size : FU_PAGE_MOST;
    pager->concurrency = (size_t)(plan->concurrency > 0 ? plan->concurrency : pager->client->concurrency);
    pager->seam = plan->no_seams || pager->page_size < 2 ? 0 : 1;
    pager->want_total = plan->want_total;
    pager->one_more = true;
    pager->horizon = -1;
    pager->count_state = pager->method == FUSIOO_GET_RECORDS ? FU_COUNT_UNKNOWN : FU_COUNT_NONE;
    if (plan->expect >= 0 && pager->count_state == FU_COUNT_UNKNOWN) {
        pager->horizon = pager->start + plan->expect;
        pager->expecting = true;
        int64_t total = plan->limit >= 0 && plan->limit < plan->expect ? plan->limit : plan->expect;
        fu_seen_reserve(&pager->seen, (size_t)total); /* a guess: where it fails the set grows by itself */
    }
}

fusioo_pager *fusioo_pager_start(fusioo_client *client, fusioo_method method, const char *id, size_t id_size,
                                 const fusioo_query *query, const fusioo_plan *plan, fusioo_error *error) {
    fusioo_plan all;
    fusioo_query none = {NULL, 0, NULL, NULL, 0, 0};
    fusioo_plan_init(&all);
    plan = plan != NULL ? plan : &all;
    query = query != NULL ? query : &none;
    if (!check_plan(client, method, plan, query, error)) {
        return NULL;
    }
    struct fusioo_pager *pager = fu_calloc(1, sizeof *pager);
    if (pager == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    pager->client = fu_client_keep(client);
    pager->id = fu_context_number(client->context);
    pager->method = method;
    pager->ready_end = &pager->ready;
    client->context->under_way++;
    if (!take_query(pager, id, id_size, query)) {
        fu_error_memory(error);
        fusioo_pager_free(pager);
        return NULL;
    }
    take_plan(pager, plan);
    if (pager->limit == 0) {
        pager->state = FU_PAGER_ENDED;
        client->context->under_way--;
        return pager;
    }
    fu_pager_ask(pager);
    if (pager->state == FU_PAGER_FAILED) {
        if (error != NULL) {
            *error = pager->error; /* what is wrong with the very first request is wrong with the question */
            error->resume = -1;
        }
        fusioo_pager_free(pager);
        return NULL;
    }
    return pager;
}

/* ---- Handing out ---- */

bool fusioo_pager_ready(const fusioo_pager *pager) {
    return pager->left > 0 || pager->ready != NULL || pager->state != FU_PAGER_RUNNING;
}

void fu_pager_notify(struct fusioo_pager *pager) {
    if (pager->watched && fusioo_pager_ready(pager)) {
        pager->watched = false;
        pager->need.need = (fusioo_need){.kind = FUSIOO_NEED_READY, .id = pager->id, .client = pager->client->id};
        fu_need_post(pager->client->context, &pager->need);
    }
}

void fusioo_pager_watch(fusioo_pager *pager) {
    pager->watched = true;
    fu_pager_notify(pager);
}

static size_t count_new(const struct fu_page *page) {
    const struct fu_envelope *envelope = &page->call->envelope;
    size_t fresh = 0;
    for (size_t i = 0; i < envelope->count; i++) {
        fresh += envelope->entries[i].size > 0;
    }
    return fresh;
}

static bool next_page(struct fusioo_pager *pager) {
    fu_page_free(pager->current);
    pager->current = pager->ready;
    pager->place = 0;
    pager->left = 0;
    if (pager->current == NULL) {
        return false;
    }
    pager->ready = pager->current->next;
    if (pager->ready == NULL) {
        pager->ready_end = &pager->ready;
    }
    pager->waiting_pages--;
    pager->left = count_new(pager->current);
    fu_pager_ask(pager); /* there is room for one more */
    return true;
}

fusioo_pager_state fusioo_pager_next(fusioo_pager *pager, fusioo_item *item, fusioo_error *error) {
    if (pager->left == 0 && !next_page(pager)) {
        if (pager->state == FU_PAGER_FAILED && error != NULL) {
            *error = pager->error;
        }
        return pager->state == FU_PAGER_FAILED  ? FUSIOO_PAGER_FAILED
               : pager->state == FU_PAGER_ENDED ? FUSIOO_PAGER_END
                                                : FUSIOO_PAGER_WAIT;
    }
    const struct fusioo_call *call = pager->current->call;
    while (call->envelope.entries[pager->place].size == 0) {
        pager->place++;
    }
    *item = fusioo_call_item(call, pager->place++);
    pager->left--;
    pager->done++;
    return FUSIOO_PAGER_ITEM;
}

size_t fusioo_pager_left(const fusioo_pager *pager) {
    return pager->left;
}

int64_t fu_pager_total(const struct fusioo_pager *pager) {
    if (pager->state == FU_PAGER_ENDED) {
        return pager->accepted;
    }
    if (pager->count_state != FU_COUNT_KNOWN) {
        return -1;
    }
    int64_t total = pager->count > pager->start ? pager->count - pager->start : 0;
    return pager->limit >= 0 && pager->limit < total ? pager->limit : total;
}

void fusioo_pager_progress(const fusioo_pager *pager, int64_t *done, int64_t *total) {
    *done = pager->done;
    *total = fu_pager_total(pager);
}

uint64_t fusioo_pager_id(const fusioo_pager *pager) {
    return pager->id;
}

/* ---- Ending ---- */

/* The offset of the last record that was handed out, where read ones are left; negative: none are. */
static int64_t unread_from(const struct fusioo_pager *pager) {
    if (pager->left > 0) {
        return pager->current->offset + (pager->place > 0 ? (int64_t)pager->place - 1 : 0);
    }
    return pager->ready != NULL ? pager->ready->offset : -1;
}

void fusioo_pager_cancel(fusioo_pager *pager) {
    fusioo_error error;
    fu_error_set(&error, FUSIOO_CANCELLED, "the reading was cancelled");
    int64_t resume = unread_from(pager);
    if (pager->state == FU_PAGER_RUNNING) {
        fu_pager_fail(pager, &error);
    } else if (resume >= 0) {
        pager->error = error;
        pager->state = FU_PAGER_FAILED;
    }
    if (resume >= 0) {
        pager->error.resume = resume; /* what was read and not handed out is gone */
    }
    fu_page_free(pager->current);
    pager->current = NULL;
    pager->left = 0;
    while (pager->ready != NULL) {
        struct fu_page *page = pager->ready;
        pager->ready = page->next;
        fu_page_free(page);
    }
    pager->ready_end = &pager->ready;
    fu_pager_notify(pager);
}

void fusioo_pager_free(fusioo_pager *pager) {
    if (pager == NULL) {
        return;
    }
    pager->watched = false;
    fusioo_pager_cancel(pager);
    fu_need_withdraw(pager->client->context, &pager->need);
    fu_seen_free(&pager->seen);
    fu_buffer_free(&pager->app);
    fu_free(pager->filter);
    fu_free(pager->sort_by);
    fu_free(pager->order);
    fu_client_drop(pager->client);
    fu_free(pager);
}

int64_t fusioo_pager_cost(int64_t records, int page_size, bool seams) {
    int64_t size = page_size < 1 ? 1 : page_size > FU_PAGE_MOST ? FU_PAGE_MOST : page_size;
    if (records < size) {
        return 1;
    }
    if (!seams || size == 1) {
        return (records + size - 1) / size + 1;
    }
    int64_t pages = (records - 1 + size - 2) / (size - 1);
    return (pages > 1 ? pages : 2) + 1; /* page two is asked for beside the count */
}
