/* clock.c: what time it is (see clock.h). Owns: nothing. Must not know: anything above floor 1. */
#include "clock.h"

#include <stddef.h>
#include <time.h>

static double read_clock(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#if defined(CLOCK_BOOTTIME)
static const clockid_t steady = CLOCK_BOOTTIME;
#else
static const clockid_t steady = CLOCK_MONOTONIC;
#endif

static double read_steady(void *data) {
    (void)data;
    return read_clock(steady);
}

struct fu_clock fu_clock_system(void) {
    return (struct fu_clock){.now = read_steady};
}

double fu_clock_now(const struct fu_clock *clock) {
    return clock->now(clock->data);
}

double fu_clock_wall(const struct fu_clock *clock) {
    return clock->wall != NULL ? clock->wall(clock->data) : read_clock(CLOCK_REALTIME);
}
