/* sockets.h: the descriptors of libcurl's connections.
 *
 * A connection that is kept for the next request must be silent. Bytes that wait there, an answer too many or the
 * service's goodbye (HTTP 408, and the end), would be taken for the next request's answer; libcurl before 8.0 does not
 * look. With HTTP/2 there is always something to say, and each answer has a number: those are let be. */
#ifndef FU_SOCKETS_H
#define FU_SOCKETS_H

#include "http.h"

/* Notes a descriptor of libcurl's. */
void fu_sockets_add(struct fu_http *http, int fd);

/* Forgets it again, since libcurl closes it. */
void fu_sockets_remove(struct fu_http *http, int fd);

/* Notes that the connection between these ports carries one answer at a time, and that one has come. */
void fu_sockets_note_serial(struct fu_http *http, int local_port, int remote_port);

/* Is there such a connection on which something waits, be it its end? */
bool fu_sockets_is_stale(struct fu_http *http, int local_port, int remote_port);

/* Bytes given to the connection between these ports that the other side has not confirmed; 0 also where the system does
 * not tell. */
int fu_sockets_unsent(struct fu_http *http, int local_port, int remote_port);

#endif
