/* listener.h: a server for one request, at 127.0.0.1: where a browser is led after a sign-in.
 *
 * Owns: its sockets. Must not know: what is in the request, OAuth.
 * It looks at its sockets a few times a second: a person who signs in does not notice, and no runtime has to know of
 * more than the engine's one descriptor. */
#ifndef FU_LISTENER_H
#define FU_LISTENER_H

#include "fusioo.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Browsers open connections that they use later, or never. */
enum { FU_LISTENER_CONNECTIONS = 16, FU_LISTENER_ROOM = 16 * 1024 };

struct fu_visitor {
    int fd; /* negative: none */
    double since;
    size_t size;
    char bytes[FU_LISTENER_ROOM]; /* of its request */
};

struct fu_listener {
    int fd;                   /* negative: closed */
    char *path;               /* of the one request that is waited for */
    pid_t process;            /* whose sockets they are */
    struct fu_visitor *guest; /* the one who has asked for the path */
    struct fu_visitor visitors[FU_LISTENER_CONNECTIONS];
};

/* Listens at `port`; `path` is copied. NULL: FUSIOO_INVALID (the port cannot be had) or FUSIOO_MEMORY. */
struct fu_listener *fu_listener_open(int port, const char *path, fusioo_error *error);

/* Looks who has come; never blocks. A request for another path is answered with 404. The first one for the path becomes
 * `*target` ("/path?query"; wiped when the listener closes), and its sender waits for fu_listener_answer. NULL: none
 * yet. `now`: seconds on the clock of the owner. */
const char *fu_listener_look(struct fu_listener *listener, double now);

/* Answers it with a page; `title` and `text` are HTML. */
void fu_listener_answer(struct fu_listener *listener, int status, const char *title, const char *text);

/* Closes everything and wipes what came. No errors; NULL is fine. */
void fu_listener_close(struct fu_listener *listener);

#endif
