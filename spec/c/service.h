/* service.h: a service in a few lines that stands in for the HTTP floor: a program that includes this links without
 * libcurl's part of the core. Answers come in any order and at any moment, as the test says. Must not know: pages,
 * libcurl, sockets. */
#ifndef FU_SERVICE_H
#define FU_SERVICE_H

#include "buffer.h"
#include "http.h"

#include "test.h"

/* ---- The service: a list of rows ---- */

enum { MOST_ROWS = 4000 };

static int rows[MOST_ROWS]; /* even: there from beginning to end, in growing order; odd: comes or goes */
static int row_count;
static int next_odd;
static int calls_made;

static inline void insert_row(int place, int row) {
    assert_true(row_count < MOST_ROWS);
    memmove(rows + place + 1, rows + place, (size_t)(row_count - place) * sizeof rows[0]);
    rows[place] = row;
    row_count++;
}

static inline void remove_row(int place) {
    row_count--;
    memmove(rows + place, rows + place + 1, (size_t)(row_count - place) * sizeof rows[0]);
}

/* Lets one row come, or one that may go go, most often near `place`. */
static inline void move_rows(int place) {
    bool anywhere = test_below(3) == 0;
    int near = place - 6 + (int)test_below(12);
    int at = anywhere || near < 0 || near > row_count ? (int)test_below((unsigned)row_count + 1) : near;
    if (test_below(2) == 0) {
        next_odd += 2;
        insert_row(at, next_odd);
        return;
    }
    for (; at < row_count; at++) {
        if (rows[at] % 2 != 0) {
            remove_row(at);
            return;
        }
    }
}

/* ---- The HTTP floor ---- */

struct fu_transfer {
    struct fu_transfer *next;
    struct fu_buffer *body;
    fu_http_done *done;
    void *owner;
    bool is_count, worked_out;
    int limit, offset;
    int status;
};

static struct fu_transfer *under_way;
static int status_wanted; /* of failures; 0: there are none */
static bool deaf;         /* hands out the first page whatever the offset */

bool fu_http_open(struct fu_http *http, struct fu_clock clock, fusioo_error *error) {
    (void)error;
    memset(http, 0, sizeof *http);
    http->clock = clock;
    return true;
}

bool fu_http_warm_up(struct fu_http *http) {
    (void)http;
    return true;
}

void fu_http_close(struct fu_http *http) {
    (void)http;
    assert_null(under_way);
}

void fu_http_arm(struct fu_http *http) {
    (void)http;
}

struct fu_transfer *fu_http_start(struct fu_http *http, const struct fu_http_request *request, struct fu_buffer *body,
                                  fu_http_done *done, void *owner, fusioo_error *error) {
    (void)http;
    (void)error;
    struct fu_transfer *transfer = calloc(1, sizeof *transfer);
    assert_non_null(transfer);
    const char *question = strchr(request->url, '?');
    transfer->is_count = question == NULL;
    if (question == NULL) {
        assert_non_null(strstr(request->url, "/v3/records/apps/i1/count"));
    } else {
        char *rest;
        assert_memory_equal(question, "?limit=", 7);
        transfer->limit = (int)strtol(question + 7, &rest, 10);
        assert_memory_equal(rest, "&offset=", 8);
        transfer->offset = (int)strtol(rest + 8, NULL, 10);
    }
    transfer->body = body;
    transfer->done = done;
    transfer->owner = owner;
    transfer->next = under_way;
    under_way = transfer;
    calls_made++;
    return transfer;
}

static inline void unlink_transfer(struct fu_transfer *transfer) {
    struct fu_transfer **place = &under_way;
    while (*place != transfer) {
        place = &(*place)->next;
    }
    *place = transfer->next;
}

unsigned fu_http_cancel(struct fu_transfer *transfer) {
    unlink_transfer(transfer);
    free(transfer);
    return 1;
}

/* What the list is like at this moment. */
static inline void work_out(struct fu_transfer *transfer) {
    struct fu_buffer *body = transfer->body;
    transfer->worked_out = true;
    transfer->status = status_wanted != 0 && test_below(10) == 0 ? status_wanted : 200;
    fu_buffer_puts(body, transfer->status == 200 ? "{\"code\":10000,\"data\":" : "{\"code\":10001,\"data\":");
    if (transfer->is_count) {
        fu_buffer_puts(body, "{\"count\":");
        fu_buffer_put_integer(body, row_count);
        fu_buffer_puts(body, "}}");
        return;
    }
    transfer->offset = deaf ? 0 : transfer->offset;
    for (int i = transfer->offset; i < transfer->offset + transfer->limit && i < row_count; i++) {
        fu_buffer_puts(body, i > transfer->offset ? ",{\"id\":\"" : "[{\"id\":\"");
        fu_buffer_put_integer(body, rows[i]);
        fu_buffer_puts(body, "\"}");
    }
    fu_buffer_puts(body, transfer->offset < row_count ? "]}" : "[]}");
}

static inline void answer(struct fu_transfer *transfer) {
    struct fu_http_outcome outcome = {
        .kind = FUSIOO_OK, .status = transfer->status, .sent = true, .requests = 1, .retry_after = -1, .message = ""};
    fu_http_done *done = transfer->done;
    void *owner = transfer->owner;
    unlink_transfer(transfer);
    free(transfer);
    done(owner, &outcome);
}

static inline struct fu_transfer *any_transfer(void) {
    unsigned count = 0;
    struct fu_transfer *chosen = NULL;
    for (struct fu_transfer *transfer = under_way; transfer != NULL; transfer = transfer->next) {
        count++;
        chosen = test_below(count) == 0 ? transfer : chosen;
    }
    return chosen;
}

#endif
