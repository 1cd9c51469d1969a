/* call_event.c: what a call tells of itself (see call.h). Owns: nothing. Must not know: when a call moves, Lua. */
#include "call_private.h"

fusioo_event fu_call_event(const struct fusioo_call *call, fusioo_event_type type) {
    return (fusioo_event){
        .type = type,
        .method = call->wire.method,
        .path = call->wire.path.data,
        .tag = call->client->tag,
        .attempt = call->attempts,
    };
}

void fu_call_tell(const struct fusioo_call *call, const fusioo_event *event) {
    if (call->client->events) {
        fu_event_post(call->client->context, call->client->id, event);
    }
}

void fu_call_tell_wait(const struct fusioo_call *call, double seconds, const char *why) {
    fusioo_event event = fu_call_event(call, FUSIOO_EVENT_WAIT);
    event.seconds = seconds;
    event.why = why;
    fu_call_tell(call, &event);
}
