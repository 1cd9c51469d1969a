/* poller.c: one descriptor that watches the others and a deadline (see poller.h).
 * Owns: the system's event queue. Must not know: libcurl, calls. */
#include "poller.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { MOST_EVENTS = 64 };

#if defined(__linux__)

#include <sys/epoll.h>
#include <sys/timerfd.h>

bool fu_poller_open(struct fu_poller *poller) {
    *poller = (struct fu_poller){-1, -1, -1};
    poller->queue = epoll_create1(EPOLL_CLOEXEC);
    poller->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = poller->timer}};
    if (poller->queue < 0 || poller->timer < 0 || epoll_ctl(poller->queue, EPOLL_CTL_ADD, poller->timer, &event) != 0) {
        fu_poller_close(poller);
        return false;
    }
    return true;
}

bool fu_poller_watch(struct fu_poller *poller, int fd, bool reading, bool writing, bool known) {
    struct epoll_event event = {.events = (reading ? EPOLLIN : 0U) | (writing ? EPOLLOUT : 0U), .data = {.fd = fd}};
    if (!reading && !writing) {
        return epoll_ctl(poller->queue, EPOLL_CTL_DEL, fd, &event) == 0;
    }
    return epoll_ctl(poller->queue, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0;
}

static void arm(struct fu_poller *poller, double after) {
    struct itimerspec when;
    memset(&when, 0, sizeof when);
    if (after >= 0) {
        /* A value of zero would disarm the timer. */
        after = after < 1e-9 ? 1e-9 : after > 1e9 ? 1e9 : after;
        when.it_value.tv_sec = (time_t)after;
        when.it_value.tv_nsec = (long)((after - (double)when.it_value.tv_sec) * 1e9);
        when.it_value.tv_nsec += when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0;
    }
    timerfd_settime(poller->timer, 0, &when, NULL);
}

int fu_poller_take(struct fu_poller *poller, struct fu_ready *ready, int room) {
    struct epoll_event events[MOST_EVENTS];
    int taken = 0;
    int count = epoll_wait(poller->queue, events, room < MOST_EVENTS ? room : MOST_EVENTS, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == poller->timer) {
            uint64_t times;
            if (read(poller->timer, &times, sizeof times) > 0) {
                poller->set = -1;
            }
            continue;
        }
        uint32_t what = events[i].events;
        ready[taken++] = (struct fu_ready){.fd = events[i].data.fd,
                                           .readable = (what & (EPOLLIN | EPOLLHUP)) != 0,
                                           .writable = (what & EPOLLOUT) != 0,
                                           .failed = (what & EPOLLERR) != 0};
    }
    return taken;
}

#else /* kqueue: BSD and macOS */

#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>

bool fu_poller_open(struct fu_poller *poller) {
    *poller = (struct fu_poller){kqueue(), -1, -1};
    return poller->queue >= 0;
}

static bool change(struct fu_poller *poller, int fd, int filter, bool on) {
    struct kevent event;
    EV_SET(&event, (uintptr_t)fd, (short)filter, on ? EV_ADD : EV_DELETE, 0, 0, NULL);
    return kevent(poller->queue, &event, 1, NULL, 0, NULL) == 0;
}

bool fu_poller_watch(struct fu_poller *poller, int fd, bool reading, bool writing, bool known) {
    /* Taking out a filter that was never there fails, and may. */
    bool read_good = (reading || known) ? change(poller, fd, EVFILT_READ, reading) || !reading : true;
    bool write_good = (writing || known) ? change(poller, fd, EVFILT_WRITE, writing) || !writing : true;
    return read_good && write_good;
}

static void arm(struct fu_poller *poller, double after) {
    struct kevent event;
    double milliseconds = after < 0 ? 0 : after > 1e9 ? 1e12 : after * 1e3 + 0.999;
    EV_SET(&event, 1, EVFILT_TIMER, after >= 0 ? EV_ADD | EV_ONESHOT : EV_DELETE, 0, (intptr_t)milliseconds, NULL);
    kevent(poller->queue, &event, 1, NULL, 0, NULL);
}

int fu_poller_take(struct fu_poller *poller, struct fu_ready *ready, int room) {
    struct kevent events[MOST_EVENTS];
    struct timespec now = {0, 0};
    int taken = 0;
    int count = kevent(poller->queue, NULL, 0, events, room < MOST_EVENTS ? room : MOST_EVENTS, &now);
    for (int i = 0; i < count; i++) {
        if (events[i].filter == EVFILT_TIMER) {
            poller->set = -1;
            continue;
        }
        ready[taken++] = (struct fu_ready){.fd = (int)events[i].ident,
                                           .readable = events[i].filter == EVFILT_READ,
                                           .writable = events[i].filter == EVFILT_WRITE,
                                           .failed = (events[i].flags & EV_ERROR) != 0};
    }
    return taken;
}

#endif

void fu_poller_close(struct fu_poller *poller) {
    if (poller->timer >= 0) {
        close(poller->timer);
    }
    if (poller->queue >= 0) {
        close(poller->queue);
    }
    *poller = (struct fu_poller){-1, -1, -1};
}

void fu_poller_set_timer(struct fu_poller *poller, double due, double after) {
    arm(poller, after);
    poller->set = after < 0 ? -1 : due;
}

bool fu_poller_wait(const struct fu_poller *poller, double seconds) {
    struct pollfd queue = {.fd = poller->queue, .events = POLLIN, .revents = 0};
    int milliseconds = -1;
    if (seconds >= 0) {
        /* Rounded up: waking too early would only spin. */
        milliseconds = seconds > 86400 ? 86400000 : (int)(seconds * 1e3 + 0.999);
    }
    return poll(&queue, 1, milliseconds) >= 0 || errno != EINTR;
}
