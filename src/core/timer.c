/* timer.c: what is due next (see timer.h). Owns: the order of the timers. Must not know: anything above floor 1. */
#include "timer.h"

#include <stddef.h>

static void hang(struct fu_timer **place, struct fu_timer *timer) {
    *place = timer;
    if (timer != NULL) {
        timer->anchor = place;
    }
}

/* Joins two heaps; either may be NULL. The root of the result has no siblings and no anchor yet. */
static struct fu_timer *join(struct fu_timer *a, struct fu_timer *b) {
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (b->due < a->due) {
        struct fu_timer *swap = a;
        a = b;
        b = swap;
    }
    hang(&b->next, a->child);
    hang(&a->child, b);
    return a;
}

/* Joins a list of siblings into one heap: in pairs from the left, the pairs from the right, which keeps it shallow. */
static struct fu_timer *join_all(struct fu_timer *list) {
    struct fu_timer *pairs = NULL;
    while (list != NULL) {
        struct fu_timer *a = list;
        struct fu_timer *b = a->next;
        list = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL) {
            b->next = NULL;
        }
        struct fu_timer *pair = join(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    struct fu_timer *root = NULL;
    while (pairs != NULL) {
        struct fu_timer *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        root = join(root, pair);
    }
    return root;
}

void fu_timer_init(struct fu_timer *timer, void (*fire)(struct fu_timer *timer)) {
    *timer = (struct fu_timer){.due = -1, .fire = fire};
}

bool fu_timer_is_set(const struct fu_timer *timer) {
    return timer->anchor != NULL;
}

void fu_timers_stop(struct fu_timers *timers, struct fu_timer *timer) {
    if (timer->anchor == NULL) {
        return;
    }
    struct fu_timer *children = join_all(timer->child);
    hang(timer->anchor, timer->next);
    timer->child = timer->next = NULL;
    timer->anchor = NULL;
    if (children != NULL) {
        hang(&timers->root, join(timers->root, children));
    }
}

void fu_timers_set(struct fu_timers *timers, struct fu_timer *timer, double due) {
    fu_timers_stop(timers, timer);
    timer->due = due;
    timer->child = timer->next = NULL;
    hang(&timers->root, join(timers->root, timer));
}

bool fu_timers_run_first(struct fu_timers *timers, double now) {
    struct fu_timer *timer = timers->root;
    if (timer == NULL || timer->due > now) {
        return false;
    }
    fu_timers_stop(timers, timer);
    timer->fire(timer);
    return true;
}

unsigned fu_timers_run(struct fu_timers *timers, double now) {
    unsigned fired = 0;
    while (fu_timers_run_first(timers, now)) {
        fired++;
    }
    return fired;
}

double fu_timers_next(const struct fu_timers *timers) {
    return timers->root != NULL ? timers->root->due : -1;
}
