/* poller.h: one descriptor that watches the others and a deadline.
 *
 * Owns: the system's event queue (epoll with a timerfd on Linux, kqueue elsewhere). Must not know: libcurl, calls. */
#ifndef FU_POLLER_H
#define FU_POLLER_H

#include <stdbool.h>

struct fu_poller {
    int queue;  /* the descriptor that others may poll; -1: closed */
    int timer;  /* Linux: the timerfd; else -1 */
    double set; /* when the timer fires, by the owner's clock; negative: never */
};

/* What happened on a watched descriptor. */
struct fu_ready {
    int fd;
    bool readable, writable, failed;
};

/* Opens the queue. False: the system gave no descriptor; the poller stays closed. */
bool fu_poller_open(struct fu_poller *poller);

/* Closes it; a closed one stays so. */
void fu_poller_close(struct fu_poller *poller);

/* Watches `fd` for reading and writing, as told; neither: no more. False: the system refused. */
bool fu_poller_watch(struct fu_poller *poller, int fd, bool reading, bool writing, bool known);

/* Makes the queue readable at `due`, which is `after` seconds from now (negative: never). */
void fu_poller_set_timer(struct fu_poller *poller, double due, double after);

/* Takes at most `room` events without blocking; returns how many. The timer's own event is swallowed. */
int fu_poller_take(struct fu_poller *poller, struct fu_ready *ready, int room);

/* Blocks until the queue is readable, `seconds` are over (negative: no limit) or a signal came. False: it was a signal.
 */
bool fu_poller_wait(const struct fu_poller *poller, double seconds);

#endif
