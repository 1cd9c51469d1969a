/* clock.h: what time it is.
 *
 * Owns: nothing. Must not know: anything above floor 1. All times of the core are seconds in a double. */
#ifndef FU_CLOCK_H
#define FU_CLOCK_H

/* A clock that tests may replace. Both functions get `data`. */
struct fu_clock {
    double (*now)(void *data);
    void *data;
    double (*wall)(void *data); /* NULL: the machine's */
};

/* The machine's clock: seconds since it was started, the time that it slept included, so that all its processes read
 * the same and no change of the date moves it. Where the system has no such clock, any that only goes forward. Cannot
 * fail. */
struct fu_clock fu_clock_system(void);

/* Seconds by `clock`, never less than before. */
double fu_clock_now(const struct fu_clock *clock);

/* Seconds since 1970 by the wall clock, for dates that come from outside; may be set forward and back. */
double fu_clock_wall(const struct fu_clock *clock);

#endif
