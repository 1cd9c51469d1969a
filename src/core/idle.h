/* idle.h: has a transfer been silent for too long?
 *
 * Silent is a connection on which no byte comes or goes. What the system still sends of a request that libcurl has
 * handed over whole (megabytes, over a slow line) is a byte that goes. */
#ifndef FU_IDLE_H
#define FU_IDLE_H

#include "transfer.h"

/* When `transfer` is to be looked at again, by the engine's clock: a time after `now`, or `now` itself where it has
 * been silent for its idle_timeout. */
double fu_idle_next(struct fu_transfer *transfer, double now);

#endif
