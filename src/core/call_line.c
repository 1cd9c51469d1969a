/* call_line.c: a call before the company's window: it goes, waits in line, or is told that it would wait too long (see
 * call.h). Owns: nothing. Must not know: who goes when (budget.c), how a request is sent (call.c), pages, Lua. */
#include "call_private.h"

#include "error.h"

#include <stddef.h>

static struct fu_timers *timers_of(const struct fusioo_call *call) {
    return &call->client->context->http.timers;
}

static double now_of(const struct fusioo_call *call) {
    return fu_context_now(call->client->context);
}

static void fail_budget(struct fusioo_call *call, double wait) {
    int status = call->error.status;
    bool has_code = call->error.has_code;
    int64_t code = call->error.code;
    if (status != 429) {
        fu_error_set(&call->error, FUSIOO_RATE_LIMIT, "%d calls in %g seconds are used up", call->client->rate_calls,
                     call->client->limit.span);
    } else {
        fu_error_set(&call->error, FUSIOO_RATE_LIMIT, "the service says that the company's calls are used up");
        call->error.status = status;
        call->error.has_code = has_code;
        call->error.code = code;
    }
    call->error.retry_after = wait;
    fu_call_finish(call);
}

static void on_granted(struct fu_waiter *waiter) {
    struct fusioo_call *call = (struct fusioo_call *)(void *)((char *)waiter - offsetof(struct fusioo_call, waiter));
    fu_call_leave_state(call);
    fu_call_start_total(call);
    if (!call->asked_again && fu_call_drop_outdated(call)) {
        call->asked_again = true;
        fu_budget_end(call->client->budget, &call->waiter, false, false); /* its turn is another's; it comes back */
        fu_call_begin_again(call);
    } else {
        fu_call_send_request(call);
    }
}

/* Would the call wait longer than its client allows? `refused`: the service has just said 429. */
static bool is_too_long(const struct fusioo_call *call, double wait, bool refused) {
    const struct fusioo_client *client = call->client;
    bool stuck = refused && call->stream != NULL && !fu_stream_can_repeat(call->stream);
    return client->rate_error || stuck || (client->rate_max_wait >= 0 && call->waited + wait > client->rate_max_wait);
}

/* Sets the end of its patience. Who does not know yet whether there is a place has no reason to lose it. */
static void set_patience(struct fusioo_call *call) {
    const struct fusioo_client *client = call->client;
    if (client->rate_max_wait >= 0 && !call->waiter.asking) {
        fu_timers_set(timers_of(call), &call->timer, call->line_since + client->rate_max_wait - call->waited);
    }
}

static void on_must_wait(struct fu_waiter *waiter, double wait) {
    struct fusioo_call *call = (struct fusioo_call *)(void *)((char *)waiter - offsetof(struct fusioo_call, waiter));
    if (is_too_long(call, wait, false)) {
        fu_call_leave_state(call);
        fail_budget(call, wait);
    } else {
        set_patience(call);
        fu_call_tell_wait(call, wait, "window");
    }
}

static void join_line(struct fusioo_call *call, bool refused) {
    fu_call_stop_total(call);
    call->state = FU_CALL_LINE;
    call->line_since = now_of(call);
    fu_budget_join(call->client->budget, &call->waiter, refused);
    set_patience(call);
}

void fu_call_enter_line(struct fusioo_call *call, bool refused) {
    /* Whom the service has just refused goes to the front of the line. */
    double wait = call->error.retry_after;
    if (!refused) {
        enum fu_turn turn =
            fu_call_is_counted(call) ? fu_budget_try(call->client->budget, &call->waiter, &wait) : FU_TURN_GO;
        fu_company_tell(call->client);
        if (turn == FU_TURN_GO) {
            fu_call_start_total(call);
            fu_call_send_request(call);
            return;
        }
        if (turn == FU_TURN_NO_MEMORY) {
            fu_error_memory(&call->error);
            fu_call_finish(call);
            return;
        }
        call->waiter.asking = turn == FU_TURN_ASK;
    }
    if (call->waiter.asking) {
        join_line(call, false); /* and hears from on_must_wait what it has to wait */
    } else if (is_too_long(call, wait, refused)) {
        fail_budget(call, wait);
    } else {
        join_line(call, refused);
        fu_call_tell_wait(call, wait, refused ? "429" : "window");
    }
}

void fu_call_lose_patience(struct fusioo_call *call) {
    double wait = fu_budget_wait(call->client->budget, call->client->limit);
    fu_call_leave_state(call);
    fail_budget(call, wait);
}

void fu_call_set_up_waiter(struct fusioo_call *call) {
    call->waiter.granted = on_granted;
    call->waiter.must_wait = on_must_wait;
    call->waiter.limit = call->client->limit;
    call->waiter.tag = call->client->tag;
}
