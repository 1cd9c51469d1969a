/* clock.c: what time it is (see clock.h). Owns: nothing. Must not know: anything above floor 1. */
#include "clock.h"

#include <stddef.h>
#include <time.h>

static double read_clock(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double monotonic(void *data) {
    (void)data;
    return read_clock(CLOCK_MONOTONIC);
}

struct fu_clock fu_clock_system(void) {
    return (struct fu_clock){monotonic, NULL};
}

double fu_clock_now(const struct fu_clock *clock) {
    return clock->now(clock->data);
}

double fu_clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}
