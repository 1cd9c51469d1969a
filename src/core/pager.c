/* pager.c: asking for pages and accepting them in order (see pager.h).
 * Owns: the plan of the pages, the chain of those that join. Must not know: how a call works, Lua. */
#include "pager.h"

#include "alloc.h"
#include "error.h"
#include "pager_private.h"

#include <string.h>

static void advance(struct fusioo_pager *pager);

/* ---- The lists ---- */

void fu_page_free(struct fu_page *page) {
    if (page == NULL) {
        return;
    }
    if (page->call != NULL && !page->done) {
        page->pager->flying--;
    }
    fusioo_call_free(page->call);
    fu_free(page);
}

static void drop_first(struct fusioo_pager *pager) {
    struct fu_page *page = pager->asked;
    pager->asked = page->next;
    pager->waiting_pages--;
    fu_page_free(page);
}

void fu_pager_stop(struct fusioo_pager *pager) {
    while (pager->asked != NULL) {
        drop_first(pager);
    }
    if (pager->count_call != NULL) {
        pager->flying--;
        fusioo_call_free(pager->count_call);
        pager->count_call = NULL;
    }
}

static void leave_running(struct fusioo_pager *pager, enum fu_pager_state state) {
    if (pager->state == FU_PAGER_RUNNING) {
        pager->state = state;
        pager->client->context->under_way--;
    }
    fu_pager_stop(pager);
}

void fu_pager_fail(struct fusioo_pager *pager, const fusioo_error *error) {
    if (pager->state != FU_PAGER_RUNNING) {
        return;
    }
    pager->error = *error;
    if (error->kind == FUSIOO_MOVED) {
        pager->error.resume = -1;
    } else if (!pager->any) {
        pager->error.resume = pager->start;
    } else {
        /* The last record that was accepted: it comes once more and proves that nothing is missed. */
        pager->error.resume = pager->tail_offset + (int64_t)pager->tail_count - 1;
    }
    leave_running(pager, FU_PAGER_FAILED);
}

static void fail_with(struct fusioo_pager *pager, fusioo_kind kind, const char *message) {
    fusioo_error error;
    fu_error_set(&error, kind, "%s", message);
    fu_pager_fail(pager, &error);
}

/* ---- Asking ---- */

static void on_page(struct fusioo_call *call, void *owner) {
    (void)call;
    struct fu_page *page = owner;
    struct fusioo_pager *pager = page->pager;
    page->done = true;
    pager->flying--;
    advance(pager);
}

static fusioo_query query_of(const struct fusioo_pager *pager) {
    return (fusioo_query){
        .filter = pager->filter,
        .filter_size = pager->filter_size,
        .sort_by = pager->sort_by,
        .order = pager->order,
    };
}

static bool send_page(struct fusioo_pager *pager, struct fu_page *page) {
    fusioo_error error;
    fusioo_query query = query_of(pager);
    query.offset = page->offset;
    query.limit = page->limit;
    page->call =
        fu_call_begin(pager->client, pager->method, pager->app.data, pager->app.size, &query, on_page, page, &error);
    if (page->call == NULL) {
        fu_pager_fail(pager, &error);
        return false;
    }
    page->sent = ++pager->sent;
    pager->flying++;
    return true;
}

static void on_count(struct fusioo_call *call, void *owner) {
    struct fusioo_pager *pager = owner;
    fusioo_result result;
    pager->flying--;
    pager->count_call = NULL;
    /* The count is a help, no more: without it pages are read one after the other. */
    pager->count_state = FU_COUNT_NONE;
    if (fusioo_call_result(call, &result, NULL)) {
        pager->count_state = FU_COUNT_KNOWN;
        pager->count = result.count;
        pager->horizon = result.count;
        int64_t total = fu_pager_total(pager);
        if (total > (int64_t)pager->seen.count && !fu_seen_reserve(&pager->seen, (size_t)total - pager->seen.count)) {
            fail_with(pager, FUSIOO_MEMORY, "not enough memory");
        }
    }
    call->ended = NULL;
    fusioo_call_free(call);
    advance(pager);
}

static void ask_count(struct fusioo_pager *pager) {
    fusioo_error error;
    fusioo_query query = query_of(pager);
    query.sort_by = query.order = NULL;
    pager->count_call = fu_call_begin(pager->client, FUSIOO_RECORD_COUNT, pager->app.data, pager->app.size, &query,
                                      on_count, pager, &error);
    if (pager->count_call == NULL) {
        fu_pager_fail(pager, &error);
        return;
    }
    pager->flying++;
    pager->count_state = FU_COUNT_ASKED;
    pager->confirmed = false;
}

/* The record at which the next page begins. */
static int64_t next_offset(const struct fusioo_pager *pager) {
    const struct fu_page *last = pager->asked;
    if (last == NULL) {
        return pager->any ? pager->tail_offset + (int64_t)pager->tail_count - pager->seam : pager->start;
    }
    while (last->next != NULL) {
        last = last->next;
    }
    /* Rows that went since the last page was planned: what comes behind it stands that much nearer to the front. */
    int64_t offset = last->offset + last->limit - pager->seam + pager->slip - last->slip;
    return offset > pager->start ? offset : pager->start;
}

static int limit_at(const struct fusioo_pager *pager, int64_t offset) {
    if (pager->limit < 0) {
        return pager->page_size;
    }
    int64_t rest = pager->start + pager->limit - offset;
    if (rest <= pager->seam) {
        rest = pager->limit - pager->accepted + pager->seam; /* repeats took places of records that are still wanted */
    }
    return rest < pager->page_size ? (int)rest : pager->page_size;
}

static struct fu_page *new_page(struct fusioo_pager *pager, int64_t offset, int limit, size_t overlap) {
    struct fu_page *page = fu_calloc(1, sizeof *page);
    if (page == NULL) {
        fail_with(pager, FUSIOO_MEMORY, "not enough memory");
        return NULL;
    }
    page->pager = pager;
    page->offset = offset;
    page->limit = limit;
    page->overlap = overlap;
    page->slip = pager->slip;
    pager->waiting_pages++;
    return page;
}

static bool plan_page(struct fusioo_pager *pager) {
    int64_t offset = next_offset(pager);
    struct fu_page *page = new_page(pager, offset, limit_at(pager, offset), 1);
    if (page == NULL) {
        return false;
    }
    struct fu_page **place = &pager->asked;
    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = page;
    pager->one_more = false;
    return send_page(pager, page);
}

/* Nothing is under way and the last page was full: is that the end? */
static void look_further(struct fusioo_pager *pager) {
    int64_t end = pager->tail_offset + (int64_t)pager->tail_count;
    if (pager->count_state == FU_COUNT_KNOWN && !pager->moved &&
        (pager->seam > 0 ? pager->confirmed && end == pager->count : end >= pager->count)) {
        leave_running(pager, FU_PAGER_ENDED);
        return;
    }
    bool last_page = pager->limit >= 0 && pager->start + pager->limit <= end + pager->page_size - pager->seam;
    pager->one_more = true;
    if (pager->expecting || last_page) {
        pager->expecting = false; /* the guess was too small: one page tells whether by much */
    } else if (pager->count_state == FU_COUNT_UNKNOWN && (pager->concurrency > 1 || pager->want_total)) {
        /* Beside the next page; but where that could be a call too many, or one at a time must do, before it. */
        if (pager->seam > 0 && pager->concurrency > 1) {
            plan_page(pager);
        }
        if (pager->state == FU_PAGER_RUNNING) {
            pager->one_more = false;
            ask_count(pager);
        }
    }
}

/* Should another page be asked for, going by what is known of the end? */
static bool is_wanted(const struct fusioo_pager *pager) {
    int64_t end = pager->horizon;
    if (pager->one_more) {
        return true;
    }
    if (pager->limit >= 0 && (end < 0 || pager->start + pager->limit < end)) {
        end = end < 0 ? -1 : pager->start + pager->limit;
    }
    return end >= 0 && next_offset(pager) + pager->seam < end;
}

void fu_pager_ask(struct fusioo_pager *pager) {
    if (pager->state == FU_PAGER_RUNNING && pager->asked != NULL && pager->asked->call == NULL &&
        pager->flying < pager->concurrency && !send_page(pager, pager->asked)) {
        return;
    }
    if (pager->state == FU_PAGER_RUNNING && pager->asked == NULL && pager->any && !pager->one_more &&
        pager->waiting_pages < pager->concurrency && pager->count_call == NULL && !is_wanted(pager)) {
        look_further(pager);
    }
    while (pager->state == FU_PAGER_RUNNING && pager->flying < pager->concurrency &&
           pager->waiting_pages < pager->concurrency && is_wanted(pager)) {
        if (!plan_page(pager)) {
            return;
        }
    }
}

/* ---- Accepting ---- */

/* Puts a page with an overlap of `overlap` before the one that does not join. */
static void insert_filler(struct fusioo_pager *pager, size_t overlap) {
    size_t most = (size_t)pager->page_size;
    int64_t end = pager->tail_offset + (int64_t)pager->tail_count;
    overlap = overlap < most ? overlap : most;
    int64_t offset = end - (int64_t)overlap;
    bool at_start = offset <= pager->start;
    struct fu_page *page = new_page(pager, at_start ? pager->start : offset, pager->page_size, overlap);
    if (page != NULL) {
        page->whole = overlap == most || at_start;
        page->filler = true;
        page->next = pager->asked;
        pager->asked = page;
    }
}

/* Records may stand unseen between the chain and the first page. */
static void close_gap(struct fusioo_pager *pager, struct fu_page *page) {
    int64_t end = pager->tail_offset + (int64_t)pager->tail_count;
    size_t overlap = page->offset == end - pager->seam ? 2 : 1;
    pager->moved = true;
    if (page->whole) {
        fail_with(pager, FUSIOO_MOVED, "more rows moved between two pages than a page holds");
    } else if (page->filler) {
        overlap = page->overlap * 2;
        drop_first(pager);
        insert_filler(pager, overlap);
    } else if (page->kept) {
        drop_first(pager); /* it is older than what was read since */
        insert_filler(pager, 1);
    } else {
        page->kept = true;
        insert_filler(pager, overlap);
    }
}

static bool read_prints(struct fusioo_pager *pager, const struct fu_page *page) {
    const struct fu_envelope *envelope = &page->call->envelope;
    if (envelope->count > (size_t)page->limit) {
        fail_with(pager, FUSIOO_DECODE, "the service sent more records than were asked for");
        return false;
    }
    for (size_t i = 0; i < envelope->count; i++) {
        const struct fu_entry *entry = &envelope->entries[i];
        if (entry->id_size == 0 && pager->seam > 0) {
            fail_with(pager, FUSIOO_DECODE,
                      "the list has an object without an id, so that repeats cannot be told; seams = false reads it");
            return false;
        }
        pager->prints[i] =
            fu_hash(&pager->client->context->key, page->call->body.data + entry->id_start, entry->id_size);
    }
    return true;
}

/* Marks what was seen before, and what is past the limit; returns how many are left, negative: no memory. */
static int64_t mark_new(struct fusioo_pager *pager, const struct fu_page *page) {
    struct fu_envelope *envelope = &page->call->envelope;
    int64_t fresh = 0;
    for (size_t i = 0; i < envelope->count; i++) {
        struct fu_entry *entry = &envelope->entries[i];
        bool added = true;
        if (entry->id_size > 0 && !fu_seen_add(&pager->seen, pager->prints[i], &added)) {
            return -1;
        }
        if (!added || (pager->limit >= 0 && pager->accepted + fresh >= pager->limit)) {
            entry->size = 0;
        } else {
            fresh++;
        }
    }
    return fresh;
}

/* A service that hands out one page again and again would never come to an end. */
static bool goes_round(struct fusioo_pager *pager, bool moved, int64_t fresh) {
    enum { MOST_IDLE = 3 };
    pager->idle_pages = (moved || pager->seam == 0) && fresh == 0 ? pager->idle_pages + 1 : 0;
    return pager->idle_pages > MOST_IDLE;
}

/* Did the count promise more records than the chain has come to? A short page is then believed only where it brings
 * nothing. */
static bool is_behind_count(const struct fusioo_pager *pager) {
    return pager->count_state == FU_COUNT_KNOWN && pager->tail_offset + (int64_t)pager->tail_count < pager->count;
}

/* The chain's offsets are those of the page that was asked for last. An older one, which was asked for side by side
 * with its fillers, is put where it would stand now. */
static void place_tail(struct fusioo_pager *pager, const struct fu_page *page, int64_t shift) {
    if (pager->any && page->sent < pager->newest) {
        pager->tail_offset = page->offset - shift;
        return;
    }
    pager->tail_offset = page->offset;
    pager->newest = page->sent;
    pager->slip += shift < 0 ? shift : 0;
}

static void accept(struct fusioo_pager *pager, struct fu_page *page, bool moved, int64_t shift) {
    size_t count = page->call->envelope.count;
    int64_t fresh = mark_new(pager, page);
    if (fresh < 0) {
        fail_with(pager, FUSIOO_MEMORY, "not enough memory");
        return;
    }
    if (goes_round(pager, moved, fresh)) {
        fail_with(pager, FUSIOO_MOVED, "page after page repeats the one before: does the service heed offset?");
        return;
    }
    pager->moved = pager->moved || moved;
    pager->confirmed = true;
    memcpy(pager->tail, pager->prints, count * sizeof pager->tail[0]);
    pager->tail_count = count;
    place_tail(pager, page, shift);
    pager->any = true;
    pager->accepted += fresh;
    bool is_end = count < (size_t)page->limit && !(fresh > 0 && is_behind_count(pager));
    pager->asked = page->next;
    page->next = NULL;
    if (fresh > 0) {
        *pager->ready_end = page;
        pager->ready_end = &page->next;
    } else {
        pager->waiting_pages--;
        fu_page_free(page);
    }
    if (is_end || (pager->limit >= 0 && pager->accepted >= pager->limit)) {
        leave_running(pager, FU_PAGER_ENDED);
    }
}

static void look_at_first(struct fusioo_pager *pager) {
    struct fu_page *page = pager->asked;
    bool moved = false;
    int64_t shift = 0;
    enum fu_seam seam = FU_SEAM_JOINS;
    if (page->call->error.kind != FUSIOO_OK) {
        fu_pager_fail(pager, &page->call->error);
        return;
    }
    if (!read_prints(pager, page)) {
        return;
    }
    if (pager->any && pager->seam > 0) {
        struct fu_seam_page before = {pager->tail, pager->tail_count, pager->tail_offset, true};
        size_t count = page->call->envelope.count;
        struct fu_seam_page after = {pager->prints, count, page->offset, count == (size_t)page->limit};
        seam = fu_seam_check(&before, &after, page->overlap, page->whole, &pager->seen, &moved, &shift);
    }
    if (seam == FU_SEAM_JOINS) {
        accept(pager, page, moved, shift);
    } else if (seam == FU_SEAM_BEHIND) {
        pager->moved = true;
        drop_first(pager);
    } else {
        close_gap(pager, page);
    }
}

static void advance(struct fusioo_pager *pager) {
    while (pager->state == FU_PAGER_RUNNING && pager->asked != NULL && pager->asked->done) {
        look_at_first(pager);
    }
    fu_pager_ask(pager);
    fu_pager_notify(pager);
}
