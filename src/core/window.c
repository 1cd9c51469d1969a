/* window.c: the moving window over the company's calls (see window.h).
 * Owns: when calls were made. Must not know: clocks (times come in), who waits. */
#include "window.h"

#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void fu_window_free(struct fu_window *window) {
    fu_free(window->times);
    memset(window, 0, sizeof *window);
}

static double time_at(const struct fu_window *window, size_t index) {
    size_t place = window->head + index;
    return window->times[place < window->capacity ? place : place - window->capacity];
}

static void forget_old(struct fu_window *window, double now) {
    while (window->count > 0 && time_at(window, 0) + window->span <= now) {
        window->head = window->head + 1 < window->capacity ? window->head + 1 : 0;
        window->count--;
    }
}

/* Drops what no window can hold any more; a client with a longer window than all before keeps more from now on. */
static void keep_span(struct fu_window *window, double span, double now) {
    if (span > window->span) {
        window->span = span;
    }
    forget_old(window, now);
}

/* How many entries are older than the window of `span`. */
static size_t count_older(const struct fu_window *window, double span, double now) {
    size_t low = 0;
    size_t high = window->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (time_at(window, middle) + span <= now) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

double fu_window_wait(struct fu_window *window, struct fu_limit limit, double now) {
    keep_span(window, limit.span, now);
    size_t calls = limit.calls > 0 ? (size_t)limit.calls : 0;
    if (window->under_way >= calls) {
        return -1;
    }
    size_t room = calls - window->under_way;
    if (window->count < room) {
        return 0;
    }
    double wait = time_at(window, window->count - room) + limit.span - now;
    return wait > 0 ? wait : 0;
}

/* Makes room for `wanted` calls. False: no memory. */
static bool reserve(struct fu_window *window, size_t wanted) {
    if (wanted <= window->capacity) {
        return true;
    }
    if (wanted > SIZE_MAX / sizeof *window->times / 2) {
        return false;
    }
    size_t capacity = wanted * 2;
    double *times = fu_malloc(capacity * sizeof *times);
    if (times == NULL) {
        return false;
    }
    for (size_t i = 0; i < window->count; i++) {
        times[i] = time_at(window, i);
    }
    fu_free(window->times);
    window->times = times;
    window->head = 0;
    window->capacity = capacity;
    return true;
}

bool fu_window_start(struct fu_window *window) {
    if (!reserve(window, window->count + window->under_way + 1)) {
        return false;
    }
    window->under_way++;
    return true;
}

static int compare_times(const void *one, const void *other) {
    const double *a = one;
    const double *b = other;
    return (*a > *b) - (*a < *b);
}

bool fu_window_set(struct fu_window *window, const double *times, size_t count, size_t under_way) {
    if (!reserve(window, count + under_way)) {
        return false;
    }
    window->head = 0;
    window->count = count;
    window->under_way = under_way;
    if (count > 0) {
        memcpy(window->times, times, count * sizeof *times);
        qsort(window->times, count, sizeof *times, compare_times);
    }
    return true;
}

void fu_window_end(struct fu_window *window, double now, bool counted) {
    window->under_way -= window->under_way > 0;
    if (counted && reserve(window, window->count + window->under_way + 1)) {
        size_t place = window->head + window->count;
        window->times[place < window->capacity ? place : place - window->capacity] = now;
        window->count++;
    }
}

size_t fu_window_used(struct fu_window *window, double span, double now) {
    keep_span(window, span, now);
    return window->count - count_older(window, span, now) + window->under_way;
}

double fu_window_forecast(struct fu_window *window, struct fu_limit limit, double now, int64_t calls) {
    keep_span(window, limit.span, now);
    if (calls <= 0 || limit.calls <= 0) {
        return 0;
    }
    /* Call number i goes when entry number i - limit of all (past, under way, then these calls) has left the window. So
     * every further `limit` calls wait one span more, and only the first round looks at the entries. */
    int64_t round = (calls - 1) / limit.calls;
    size_t older = count_older(window, limit.span, now);
    int64_t entries = (int64_t)(window->count - older);
    int64_t place = entries + (int64_t)window->under_way + (calls - 1) % limit.calls - limit.calls;
    double first = 0;
    if (place >= entries) {
        first = limit.span;
    } else if (place >= 0) {
        first = time_at(window, older + (size_t)place) + limit.span - now;
    }
    return first + (double)round * limit.span;
}
