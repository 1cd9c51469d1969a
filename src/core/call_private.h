/* call_private.h: what call.c, call_answer.c, call_event.c, call_line.c and call_token.c share. Nothing else includes
 * this. */
#ifndef FU_CALL_PRIVATE_H
#define FU_CALL_PRIVATE_H

#include "call.h"

/* Does the next request spend one of the company's calls? A host that keeps files for the service counts none. */
bool fu_call_is_counted(const struct fusioo_call *call);

/* Leaves whatever the call waits in or for. */
void fu_call_leave_state(struct fusioo_call *call);

/* Ends the call with what stands in its error, and tells who wants to know. They may free it. */
void fu_call_finish(struct fusioo_call *call);

/* Does each of the client's calls get its token by asking for it? */
bool fu_call_asks_each_time(const struct fusioo_client *client);

/* Asks for one. `refused`: the one that the call has is one that the service has refused. */
void fu_call_ask_token(struct fusioo_call *call, bool refused);

/* Ends the call for want of a token; `why` NULL: none was ever given. */
void fu_call_fail_token(struct fusioo_call *call, const char *why);

/* Forgets the token that the call was given if it has lost its use since: the call may have waited for an hour. True:
 * it has, and the call has to ask for another one. */
bool fu_call_drop_outdated(struct fusioo_call *call);

/* Lets it begin again with the next turn of the timers. */
void fu_call_begin_again(struct fusioo_call *call);

/* Sends its request; the window has let it. */
void fu_call_send_request(struct fusioo_call *call);

/* Stops the clock of the whole call: it stands still while the call waits for the window. */
void fu_call_stop_total(struct fusioo_call *call);

/* Lets it go on. */
void fu_call_start_total(struct fusioo_call *call);

/* Goes on when the window lets it: at once, or later from a step. `refused`: the service has just said 429. */
void fu_call_enter_line(struct fusioo_call *call, bool refused);

/* It has waited in line as long as its client allows: ends it. */
void fu_call_lose_patience(struct fusioo_call *call);

/* Makes the call's place in the line ready for use. */
void fu_call_set_up_waiter(struct fusioo_call *call);

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
