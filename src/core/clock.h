/* clock.h: what time it is.
 *
 * Owns: nothing. Must not know: anything above floor 1. All times of the core are seconds in a double. */
#ifndef FU_CLOCK_H
#define FU_CLOCK_H

/* A clock that tests may replace: `now` gets `data` and returns monotonic seconds from an arbitrary start. */
struct fu_clock {
    double (*now)(void *data);
    void *data;
};

/* The machine's monotonic clock. Cannot fail. */
struct fu_clock fu_clock_system(void);

/* Seconds by `clock`. */
double fu_clock_now(const struct fu_clock *clock);

/* Seconds since 1970 by the wall clock, for dates that come from outside. */
double fu_clock_wall(void);

#endif
