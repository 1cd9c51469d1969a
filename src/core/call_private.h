/* call_private.h: what call.c, call_answer.c and call_event.c share. Nothing else includes this. */
#ifndef FU_CALL_PRIVATE_H
#define FU_CALL_PRIVATE_H

#include "call.h"

/* Reads what the answer of `call` says. `refused`: it is the service's 429. True: success. False, and call->error has
 * no kind: a redirect leads on. */
bool fu_call_read_answer(struct fusioo_call *call, const struct fu_http_outcome *outcome, bool refused);

/* May the service have carried out a write although call->error is what came back? */
bool fu_call_is_unknown(const struct fusioo_call *call, const struct fu_http_outcome *outcome);

/* An event of `call`, with what every one says of it. */
fusioo_event fu_call_event(const struct fusioo_call *call, fusioo_event_type type);

/* Puts the event into the queue, if the client wants events. */
void fu_call_tell(const struct fusioo_call *call, const fusioo_event *event);

/* Tells that the call waits `seconds` in line, and `why`. */
void fu_call_tell_wait(const struct fusioo_call *call, double seconds, const char *why);

#endif
