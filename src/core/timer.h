/* timer.h: what is due next.
 *
 * Owns: the order of the timers, not the timers. Must not know: anything above floor 1.
 * A pairing heap of timers that live inside the things they belong to: setting one allocates nothing and cannot fail.
 */
#ifndef FU_TIMER_H
#define FU_TIMER_H

#include <stdbool.h>

struct fu_timer {
    double due;                              /* seconds on the owner's clock */
    void (*fire)(struct fu_timer *timer);    /* called once, when the time is up; may set or stop any timer */
    struct fu_timer *child, *next, **anchor; /* places in the heap; anchor is NULL while the timer is not set */
};

struct fu_timers {
    struct fu_timer *root;
};

/* Makes an unset timer that will call `fire`. */
void fu_timer_init(struct fu_timer *timer, void (*fire)(struct fu_timer *timer));

/* Sets `timer` (again) for `due`. */
void fu_timers_set(struct fu_timers *timers, struct fu_timer *timer, double due);

/* Takes `timer` out; one that is not set stays so. */
void fu_timers_stop(struct fu_timers *timers, struct fu_timer *timer);

/* Is it set? */
bool fu_timer_is_set(const struct fu_timer *timer);

/* Fires every timer that is due at `now`; returns how many were. Those set meanwhile for `now` or before fire too. */
unsigned fu_timers_run(struct fu_timers *timers, double now);

/* Fires the first timer that is due at `now`. False: none is. */
bool fu_timers_run_first(struct fu_timers *timers, double now);

/* When the next one is due; negative: none is set. */
double fu_timers_next(const struct fu_timers *timers);

#endif
