/* sockets.c: the descriptors of libcurl's connections (see sockets.h).
 * Owns: the list. Must not know: libcurl, what is sent. */
#include "sockets.h"

#include "alloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

void fu_sockets_add(struct fu_http *http, int fd) {
    if (http->socket_count == http->socket_capacity) {
        size_t capacity = http->socket_capacity > 0 ? http->socket_capacity * 2 : 16;
        struct fu_socket *sockets = fu_realloc(http->sockets, capacity * sizeof *sockets);
        if (sockets == NULL) {
            return; /* a forked child would keep this one open, no more */
        }
        http->sockets = sockets;
        http->socket_capacity = capacity;
    }
    http->sockets[http->socket_count++] = (struct fu_socket){.fd = fd};
}

void fu_sockets_remove(struct fu_http *http, int fd) {
    for (size_t i = 0; i < http->socket_count; i++) {
        if (http->sockets[i].fd == fd) {
            http->sockets[i] = http->sockets[--http->socket_count];
            return;
        }
    }
}

/* The port of either end; 0: it is not connected. */
static int port_of(int fd, int (*end_of)(int fd, struct sockaddr *address, socklen_t *size)) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (end_of(fd, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    return address.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)(void *)&address)->sin_port)
           : address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port)
                                           : 0;
}

static struct fu_socket *find(struct fu_http *http, int local_port, int remote_port) {
    for (size_t i = 0; i < http->socket_count; i++) {
        struct fu_socket *one = &http->sockets[i];
        if (one->remote_port == 0) {
            one->local_port = port_of(one->fd, getsockname);
            one->remote_port = port_of(one->fd, getpeername);
        }
        if (one->local_port == local_port && one->remote_port == remote_port) {
            return one;
        }
    }
    return NULL;
}

void fu_sockets_note_serial(struct fu_http *http, int local_port, int remote_port) {
    struct fu_socket *one = find(http, local_port, remote_port);
    if (one != NULL) {
        one->serial = true;
    }
}

bool fu_sockets_is_stale(struct fu_http *http, int local_port, int remote_port) {
    const struct fu_socket *one = find(http, local_port, remote_port);
    char byte;
    if (one == NULL || !one->serial) {
        return false;
    }
    return recv(one->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

int fu_sockets_unsent(struct fu_http *http, int local_port, int remote_port) {
    const struct fu_socket *one = find(http, local_port, remote_port);
    int unsent = 0;
#if defined SIOCOUTQ
    return one != NULL && ioctl(one->fd, SIOCOUTQ, &unsent) == 0 ? unsent : 0;
#elif defined SO_NWRITE
    socklen_t size = sizeof unsent;
    return one != NULL && getsockopt(one->fd, SOL_SOCKET, SO_NWRITE, &unsent, &size) == 0 ? unsent : 0;
#else
    (void)one;
    return unsent;
#endif
}
