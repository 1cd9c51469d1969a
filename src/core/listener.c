/* listener.c: a server for one request, at 127.0.0.1 (see listener.h).
 * Owns: its sockets. Must not know: what is in the request, OAuth. */
#include "listener.h"

#include "alloc.h"
#include "buffer.h"
#include "error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Seconds after which one who has said nothing gives way to another, where there is no room left. */
#define PATIENCE 2.0

static void leave(struct fu_visitor *visitor) {
    if (visitor->fd >= 0) {
        close(visitor->fd);
        visitor->fd = -1;
    }
    fu_wipe(visitor->bytes, visitor->size);
    visitor->size = 0;
}

/* It never blocks, and no program that this one starts gets it. */
static void make_quiet(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct fu_listener *fu_listener_open(int port, const char *path, fusioo_error *error) {
    struct fu_listener *listener = fu_calloc(1, sizeof *listener);
    if (listener == NULL || (listener->path = fu_strdup(path)) == NULL) {
        fu_free(listener);
        fu_error_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < FU_LISTENER_CONNECTIONS; i++) {
        listener->visitors[i].fd = -1;
    }
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)port)};
    listener->process = getpid();
    listener->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (listener->fd >= 0) {
        make_quiet(listener->fd);
    }
    if (listener->fd < 0 || setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener->fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener->fd, 16) != 0) {
        const char *what = errno == EADDRINUSE ? "another program listens there" : strerror(errno);
        fu_error_set(error, FUSIOO_INVALID, "cannot listen at 127.0.0.1, port %d: %s", port, what);
        fu_listener_close(listener);
        return NULL;
    }
    return listener;
}

void fu_listener_close(struct fu_listener *listener) {
    if (listener == NULL) {
        return;
    }
    for (size_t i = 0; i < FU_LISTENER_CONNECTIONS; i++) {
        leave(&listener->visitors[i]);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    fu_free(listener->path);
    fu_free(listener);
}

/* ---- Those who come ---- */

/* A place for one more; where all are taken, that of who came first and has had time to say something. */
static struct fu_visitor *find_place(struct fu_listener *listener, double now) {
    struct fu_visitor *first = &listener->visitors[0];
    for (size_t i = 0; i < FU_LISTENER_CONNECTIONS; i++) {
        struct fu_visitor *visitor = &listener->visitors[i];
        if (visitor->fd < 0) {
            return visitor;
        }
        first = visitor->since < first->since ? visitor : first;
    }
    if (now - first->since < PATIENCE) {
        return NULL;
    }
    leave(first);
    return first;
}

static void admit(struct fu_listener *listener, double now) {
    struct fu_visitor *place;
    while ((place = find_place(listener, now)) != NULL) {
        int fd = accept(listener->fd, NULL, NULL);
        if (fd < 0) {
            return;
        }
        make_quiet(fd);
        place->fd = fd;
        place->since = now;
        place->size = 0;
    }
}

/* A small page fits into the buffer of a fresh socket: what is not taken at once is not sent. */
static void answer(struct fu_visitor *visitor, int status, const char *title, const char *text) {
    struct fu_buffer page = FU_BUFFER_EMPTY;
    struct fu_buffer whole = FU_BUFFER_EMPTY;
    char head[300];
    const char *reason = status == 200 ? "OK" : status == 404 ? "Not Found" : "Bad Request";
    fu_buffer_puts(&page, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>");
    fu_buffer_puts(&page, title);
    fu_buffer_puts(&page, "</title></head><body><h1>");
    fu_buffer_puts(&page, title);
    fu_buffer_puts(&page, "</h1><p>");
    fu_buffer_puts(&page, text);
    fu_buffer_puts(&page, "</p></body></html>\n");
    /* No-referrer: what the page's own address holds is nobody else's business. */
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
             status, reason, page.size);
    fu_buffer_puts(&whole, head);
    fu_buffer_append(&whole, page.data, page.failed ? 0 : page.size);
    if (!whole.failed) {
        ssize_t sent = send(visitor->fd, whole.data, whole.size, MSG_NOSIGNAL);
        (void)sent;
        shutdown(visitor->fd, SHUT_WR);
    }
    fu_buffer_free(&page);
    fu_buffer_free(&whole);
}

/* Throws away what has come and is not of interest: a connection that is closed with unread bytes loses the answer. */
static void drain(int fd) {
    char rest[4096];
    for (int i = 0; i < 256 && recv(fd, rest, sizeof rest, 0) > 0; i++) {
    }
    fu_wipe(rest, sizeof rest);
}

/* Takes what has come. False: the request is not whole yet, or its sender has gone. Cookies, which other programs on
 * this machine have set, may take more room than there is: the first line is what counts. */
static bool hear(struct fu_visitor *visitor) {
    for (;;) {
        size_t room = sizeof visitor->bytes - 1 - visitor->size;
        if (room == 0 && strstr(visitor->bytes, "\r\n") != NULL) {
            drain(visitor->fd);
            return true;
        }
        ssize_t got = recv(visitor->fd, visitor->bytes + visitor->size, room, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return false;
        }
        if (got <= 0) { /* also where there is no room left for more */
            leave(visitor);
            return false;
        }
        visitor->size += (size_t)got;
        visitor->bytes[visitor->size] = '\0';
        if (strstr(visitor->bytes, "\r\n\r\n") != NULL) {
            return true;
        }
    }
}

/* The target of a GET for `path`, in place; NULL: it is another request. */
static const char *target_of(struct fu_visitor *visitor, const char *path) {
    char *bytes = visitor->bytes;
    if (strncmp(bytes, "GET /", 5) != 0) {
        return NULL;
    }
    char *target = bytes + 4;
    size_t size = strcspn(target, " \r\n");
    size_t length = strcspn(target, "? \r\n");
    if (length != strlen(path) || memcmp(target, path, length) != 0 || target[size] != ' ') {
        return NULL;
    }
    target[size] = '\0';
    return target;
}

const char *fu_listener_look(struct fu_listener *listener, double now) {
    if (listener->process != getpid()) {
        return NULL; /* a forked child leaves it to its parent */
    }
    admit(listener, now);
    for (size_t i = 0; i < FU_LISTENER_CONNECTIONS; i++) {
        struct fu_visitor *visitor = &listener->visitors[i];
        if (visitor->fd < 0 || !hear(visitor)) {
            continue;
        }
        const char *target = target_of(visitor, listener->path);
        if (target == NULL) {
            answer(visitor, 404, "Not found", "There is nothing here.");
            leave(visitor);
            continue;
        }
        listener->guest = visitor;
        return target;
    }
    return NULL;
}

void fu_listener_answer(struct fu_listener *listener, int status, const char *title, const char *text) {
    answer(listener->guest, status, title, text);
    leave(listener->guest);
}
