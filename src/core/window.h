/* window.h: the moving window over the company's calls.
 *
 * Owns: when calls were made. Must not know: clocks (times come in), who waits.
 * The service counts a call at some moment between sending and answering. So a call that is under way always counts,
 * and one that has ended counts from its end: the window then never opens here before it opens there. */
#ifndef FU_WINDOW_H
#define FU_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fu_window {
    double *times;      /* ends of counted calls, a ring, oldest first */
    size_t head, count; /* first of them, how many */
    size_t capacity;    /* places in the ring */
    size_t under_way;   /* calls that were sent and have not ended */
    double span;        /* the longest window asked for; what is older is forgotten */
};

/* How many calls the company has, within how many seconds. */
struct fu_limit {
    int calls;
    double span;
};

/* Frees the ring. */
void fu_window_free(struct fu_window *window);

/* Seconds until one more call may be sent at `now`; 0: now; negative: not before one that is under way has ended. */
double fu_window_wait(struct fu_window *window, struct fu_limit limit, double now);

/* Enters a call that is about to be sent. False: no memory; nothing was entered. */
bool fu_window_start(struct fu_window *window);

/* The call has ended at `now`. `counted`: the service may have counted it (it did not where nothing was sent, or on
 * 429). */
void fu_window_end(struct fu_window *window, double now, bool counted);

/* Makes the window hold `under_way` calls and those that ended at the `count` times at `times`, in any order. False: no
 * memory; nothing was changed. */
bool fu_window_set(struct fu_window *window, const double *times, size_t count, size_t under_way);

/* Calls that the window holds at `now`. */
size_t fu_window_used(struct fu_window *window, double span, double now);

/* Seconds that the last of `calls` calls would wait that are all wanted at `now`. */
double fu_window_forecast(struct fu_window *window, struct fu_limit limit, double now, int64_t calls);

#endif
