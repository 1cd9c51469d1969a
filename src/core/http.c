/* http.c: transfers on one curl multi handle (see http.h).
 * Owns: the multi handle, the poller, libcurl's descriptors. Must not know: the Fusioo API, retries, the window. */
#include "http.h"

#include "alloc.h"
#include "error.h"
#include "idle.h"
#include "transfer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_READY = 64 };

static double now_of(const struct fu_http *http) {
    return fu_clock_now(&http->clock);
}

/* ---- What libcurl calls ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *known) {
    (void)easy;
    struct fu_http *http = owner;
    bool reading = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool writing = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    if (!fu_poller_watch(&http->poller, fd, reading, writing, known != NULL) && (reading || writing)) {
        /* A number that the system gave out again without libcurl saying so: watch it the other way. */
        fu_poller_watch(&http->poller, fd, reading, writing, known == NULL);
    }
    curl_multi_assign(http->multi, fd, reading || writing ? http : NULL);
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *owner) {
    (void)multi;
    struct fu_http *http = owner;
    http->curl_due = milliseconds < 0 ? -1 : now_of(http) + (double)milliseconds / 1e3;
    return 0;
}

/* ---- Opening and closing ---- */

/* Once for the process; where memory was short, the next one tries again. False: no memory. */
static bool start_libcurl(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool started;
    pthread_mutex_lock(&lock);
    if (!started) {
        started = (fu_heap_is_replaced()
                       ? curl_global_init_mem(CURL_GLOBAL_DEFAULT, fu_malloc, fu_free, fu_realloc, fu_strdup, fu_calloc)
                       : curl_global_init(CURL_GLOBAL_DEFAULT)) == CURLE_OK;
    }
    bool good = started;
    pthread_mutex_unlock(&lock);
    return good;
}

bool fu_http_open(struct fu_http *http, struct fu_clock clock, fusioo_error *error) {
    memset(http, 0, sizeof *http);
    http->clock = clock;
    http->curl_due = -1;
    http->process = getpid();
    http->to_add_end = &http->to_add;
    if (!fu_poller_open(&http->poller)) {
        return fu_error_set(error, FUSIOO_NETWORK, "the system gave no descriptor for the event queue");
    }
    return true;
}

bool fu_http_warm_up(struct fu_http *http) {
    if (http->multi != NULL) {
        return true;
    }
    CURLM *multi = start_libcurl() ? curl_multi_init() : NULL;
    if (multi == NULL) {
        return false;
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    http->multi = multi;
    return true;
}

static void close_descriptors(struct fu_http *http) {
    for (size_t i = 0; i < http->socket_count; i++) {
        close(http->sockets[i].fd);
    }
    http->socket_count = 0;
}

static struct fu_transfer *take_to_add(struct fu_http *http, struct fu_transfer **place) {
    struct fu_transfer *transfer = *place;
    *place = transfer->next_to_add;
    if (http->to_add_end == &transfer->next_to_add) {
        http->to_add_end = place;
    }
    return transfer;
}

static void forget_to_add(struct fu_transfer *transfer) {
    struct fu_transfer **place = &transfer->http->to_add;
    while (*place != NULL && *place != transfer) {
        place = &(*place)->next_to_add;
    }
    if (*place != NULL) {
        take_to_add(transfer->http, place);
    }
}

/* Takes a transfer out of the lists and frees it; its handle is used again, unless it is the parent process's. */
static void free_transfer(struct fu_transfer *transfer, bool inherited) {
    struct fu_http *http = transfer->http;
    fu_timers_stop(&http->timers, &transfer->idle);
    *transfer->place = transfer->next;
    if (transfer->next != NULL) {
        transfer->next->place = transfer->place;
    }
    if (!transfer->added) {
        forget_to_add(transfer);
    }
    if (!inherited) {
        if (transfer->added) {
            curl_multi_remove_handle(http->multi, transfer->easy);
        }
        if (http->idle_count < sizeof http->idle / sizeof http->idle[0]) {
            curl_easy_reset(transfer->easy);
            http->idle[http->idle_count++] = transfer->easy;
        } else {
            curl_easy_cleanup(transfer->easy);
        }
    }
    fu_transfer_free_headers(transfer);
    fu_free(transfer);
}

static void forget_transfers(struct fu_http *http, bool inherited) {
    while (http->first != NULL) {
        free_transfer(http->first, inherited);
    }
}

bool fu_http_is_inherited(const struct fu_http *http) {
    return http->process != getpid();
}

void fu_http_close(struct fu_http *http) {
    bool inherited = fu_http_is_inherited(http);
    forget_transfers(http, inherited);
    if (inherited) {
        /* libcurl would take the sockets out of the event queue that the parent still uses, and say goodbye on them. */
        close_descriptors(http);
    } else if (http->multi != NULL) {
        while (http->idle_count > 0) {
            curl_easy_cleanup(http->idle[--http->idle_count]);
        }
        curl_multi_cleanup(http->multi);
    }
    http->multi = NULL;
    fu_poller_close(&http->poller);
    fu_free(http->sockets);
    http->sockets = NULL;
    http->socket_capacity = http->socket_count = 0;
}

bool fu_http_begin_afresh(struct fu_http *http, fusioo_error *error) {
    forget_transfers(http, true);
    close_descriptors(http);
    http->idle_count = 0;
    http->multi = NULL; /* abandoned: cleaning it up would touch the parent's connections */
    fu_poller_close(&http->poller);
    http->process = getpid();
    http->curl_due = -1;
    http->more = false;
    if (!fu_poller_open(&http->poller)) {
        http->process = 0; /* to be tried again */
        return fu_error_set(error, FUSIOO_NETWORK, "the system gave no descriptor for the event queue");
    }
    return true;
}

/* ---- Transfers ---- */

static void finish(struct fu_transfer *transfer, const struct fu_http_outcome *outcome) {
    fu_http_done *done = transfer->done;
    void *owner = transfer->owner;
    free_transfer(transfer, false);
    done(owner, outcome);
}

static void on_idle(struct fu_timer *timer) {
    struct fu_transfer *transfer = (struct fu_transfer *)(void *)((char *)timer - offsetof(struct fu_transfer, idle));
    struct fu_http *http = transfer->http;
    double now = now_of(http);
    double next = fu_idle_next(transfer, now);
    if (next > now) {
        fu_timers_set(&http->timers, &transfer->idle, next);
        return;
    }
    struct fu_http_outcome outcome;
    fu_transfer_outcome(transfer, CURLE_OPERATION_TIMEDOUT, &outcome);
    snprintf(outcome.message, sizeof outcome.message, "no byte came for %g seconds (timeout.idle)",
             transfer->idle_timeout);
    finish(transfer, &outcome);
}

static CURL *take_easy(struct fu_http *http) {
    return http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();
}

struct fu_transfer *fu_http_start(struct fu_http *http, const struct fu_http_request *request, struct fu_buffer *body,
                                  fu_http_done *done, void *owner, fusioo_error *error) {
    struct fu_transfer *transfer = fu_http_warm_up(http) ? fu_calloc(1, sizeof *transfer) : NULL;
    if (transfer == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    double now = now_of(http);
    transfer->http = http;
    transfer->body = body;
    transfer->flow = request->flow;
    transfer->max_body = request->max_body;
    transfer->retry_after = -1;
    transfer->started = transfer->last_byte = now;
    transfer->idle_timeout = request->idle_timeout;
    transfer->has_body = request->body_size > 0 || (request->flow != NULL && request->flow->give != NULL);
    transfer->done = done;
    transfer->owner = owner;
    fu_timer_init(&transfer->idle, on_idle);
    transfer->easy = take_easy(http);
    if (transfer->easy == NULL || !fu_transfer_prepare(transfer, request)) {
        if (transfer->easy != NULL) {
            curl_easy_cleanup(transfer->easy);
        }
        fu_transfer_free_headers(transfer);
        fu_free(transfer);
        fu_error_memory(error);
        return NULL;
    }
    transfer->next = http->first;
    transfer->place = &http->first;
    if (http->first != NULL) {
        http->first->place = &transfer->next;
    }
    http->first = transfer;
    *http->to_add_end = transfer;
    http->to_add_end = &transfer->next_to_add;
    fu_timers_set(&http->timers, &transfer->idle, fu_idle_next(transfer, now));
    return transfer;
}

unsigned fu_http_cancel(struct fu_transfer *transfer) {
    struct fu_http_outcome outcome = {.requests = 0};
    if (transfer->added) {
        fu_transfer_outcome(transfer, CURLE_OK, &outcome);
    }
    free_transfer(transfer, fu_http_is_inherited(transfer->http));
    return outcome.requests;
}

void fu_http_resume(struct fu_transfer *transfer) {
    struct fu_http *http = transfer->http;
    if (transfer->paused && !fu_http_is_inherited(http)) { /* a child shares the event queue with its parent */
        transfer->paused = false;
        transfer->last_byte = now_of(http);
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT); /* may move bytes at once, and pause again */
        fu_http_arm(http);
    }
}

/* ---- Moving on ---- */

static bool is_over(const struct fu_http *http, double end) {
    return end >= 0 && now_of(http) >= end;
}

/* Once more, over another connection: on the kept one bytes waited that nobody had asked for. Nothing was sent, and
 * libcurl has closed it. */
static void begin_anew(struct fu_transfer *transfer) {
    struct fu_http *http = transfer->http;
    curl_multi_remove_handle(http->multi, transfer->easy);
    transfer->stale = transfer->added = false;
    transfer->next_to_add = NULL;
    *http->to_add_end = transfer;
    http->to_add_end = &transfer->next_to_add;
}

/* Ends the transfers that libcurl is through with. False: the time is up and some may be left. */
static bool finish_transfers(struct fu_http *http, double end) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        char *transfer = NULL;
        struct fu_http_outcome outcome;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        struct fu_transfer *ended = (struct fu_transfer *)(void *)transfer;
        if (ended->stale) {
            begin_anew(ended);
            continue;
        }
        fu_transfer_note_socket(ended);
        fu_transfer_outcome(ended, code, &outcome);
        finish(ended, &outcome);
        if (is_over(http, end)) {
            return left == 0;
        }
    }
    return true;
}

static int mask_of(const struct fu_ready *ready) {
    return (ready->readable ? CURL_CSELECT_IN : 0) | (ready->writable ? CURL_CSELECT_OUT : 0) |
           (ready->failed ? CURL_CSELECT_ERR : 0);
}

/* Lets libcurl read and write a socket, or (CURL_SOCKET_TIMEOUT) do what is due. */
static void act(struct fu_http *http, curl_socket_t fd, int mask) {
    int running;
    if (curl_multi_socket_action(http->multi, fd, mask, &running) == CURLM_OUT_OF_MEMORY) {
        http->starved = true;
    }
}

/* Where libcurl has no memory to note a socket it does not say whose, and would not hear of it again: what is under way
 * ends here instead of at its time limit. */
static void end_starved(struct fu_http *http) {
    struct fu_transfer *transfer = http->first;
    http->starved = false;
    while (transfer != NULL) {
        if (!transfer->added) {
            transfer = transfer->next;
            continue;
        }
        struct fu_http_outcome outcome;
        fu_transfer_outcome(transfer, CURLE_OUT_OF_MEMORY, &outcome);
        outcome.kind = FUSIOO_MEMORY;
        outcome.hopeless = true;
        snprintf(outcome.message, sizeof outcome.message, "not enough memory");
        finish(transfer, &outcome);
        transfer = http->first; /* whoever is told may start and end others */
    }
}

/* Hands the transfer that has waited longest to libcurl. */
static void add_transfer(struct fu_http *http) {
    struct fu_transfer *transfer = take_to_add(http, &http->to_add);
    transfer->added = curl_multi_add_handle(http->multi, transfer->easy) == CURLM_OK;
    if (!transfer->added) {
        struct fu_http_outcome outcome = {.kind = FUSIOO_MEMORY, .hopeless = true, .retry_after = -1};
        snprintf(outcome.message, sizeof outcome.message, "not enough memory");
        finish(transfer, &outcome);
    }
}

/* Hands over and runs what is due by the clock. With a budget piece by piece: libcurl takes a tenth of a millisecond to
 * set a request up and send it, and a pager starts several at once. False: the time is up. */
static bool run_due(struct fu_http *http, double end, bool *moved) {
    for (;;) {
        double now = now_of(http);
        bool fired = end < 0 ? fu_timers_run(&http->timers, now) > 0 : fu_timers_run_first(&http->timers, now);
        while (http->to_add != NULL) {
            add_transfer(http);
            fired = true;
            if (end >= 0) {
                break; /* and libcurl begins it below, before the next one */
            }
        }
        bool due = http->curl_due >= 0 && http->curl_due <= now_of(http);
        if (due) {
            http->curl_due = -1;
            act(http, CURL_SOCKET_TIMEOUT, 0);
        }
        if (!fired && !due) {
            return true;
        }
        *moved = true;
        if (is_over(http, end)) {
            return false;
        }
    }
}

/* Lets libcurl read and write. False: the time is up. What has ended is taken in first, which is what a step before
 * this one may have had no time for: reading an answer's last bytes and taking it in are two pieces of work. */
static bool move_sockets(struct fu_http *http, double end, bool *moved) {
    struct fu_ready ready[MOST_READY];
    if (!finish_transfers(http, end)) {
        *moved = true;
        return false;
    }
    int count = fu_poller_take(&http->poller, ready, MOST_READY);
    for (int i = 0; i < count; i++) {
        *moved = true;
        act(http, ready[i].fd, mask_of(&ready[i]));
        if (is_over(http, end)) {
            return false; /* the queue reports the others again */
        }
    }
    return finish_transfers(http, end) && !is_over(http, end);
}

/* One round over everything that can move. False: the time is up. `moved` becomes whether anything did. The sockets
 * come first: who was away for long finds answers there, and no time limit may throw them away. */
static bool move_once(struct fu_http *http, double end, bool *moved) {
    *moved = false;
    bool in_time = http->multi == NULL || move_sockets(http, end, moved);
    if (http->starved) {
        end_starved(http);
        *moved = true;
    }
    if (!in_time && *moved) {
        return false;
    }
    return run_due(http, end, moved) && in_time; /* a piece of work at least, however small the budget */
}

/* Notes how much later than announced a step comes: time in which the program did something else, and that no limit on
 * answers should count. */
static void note_absence(struct fu_http *http) {
    double due = http->announced;
    double now = now_of(http);
    if (due > 0 && now > due) {
        http->absent += now - due;
    }
}

void fu_http_step(struct fu_http *http, double budget) {
    double end = budget < 0 ? -1 : now_of(http) + budget;
    bool moved;
    note_absence(http);
    http->more = false;
    do {
        if (!move_once(http, end, &moved)) {
            http->more = moved; /* answers that libcurl has ready show on no descriptor; none are where nothing moved */
            break;
        }
    } while (moved);
    fu_http_arm(http);
}

/* When the next step is due; negative: never. */
static double next_due(const struct fu_http *http) {
    double due = fu_timers_next(&http->timers);
    if (http->more || http->to_add != NULL) {
        return 0;
    }
    return http->curl_due >= 0 && (due < 0 || http->curl_due < due) ? http->curl_due : due;
}

void fu_http_wake(struct fu_http *http) {
    http->more = true;
    fu_http_arm(http);
}

double fu_http_timeout(const struct fu_http *http) {
    double due = next_due(http);
    if (due <= 0) {
        return due;
    }
    double after = due - now_of(http);
    return after > 0 ? after : 0;
}

void fu_http_arm(struct fu_http *http) {
    double due = next_due(http);
    http->announced = due;
    /* A forked child shares the timer with its parent until its first step. */
    if (due != http->poller.set && !fu_http_is_inherited(http)) {
        fu_poller_set_timer(&http->poller, due, fu_http_timeout(http));
    }
}
