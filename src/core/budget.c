/* budget.c: who may send, and who waits for the company's window (see budget.h).
 * Owns: one window and the line before it. Must not know: requests, answers' contents. */
#include "budget.h"

#include "alloc.h"

#include <stddef.h>
#include <string.h>

/* Waits after 429s in a row, where the service does not say how long: they double from the first to the last. */
static const double first_pause = 1;
static const double longest_pause = 60;
/* A service that says "0 seconds" again and again is not asked faster than this. */
static const double shortest_pause = 0.1;

static void on_timer(struct fu_timer *timer);

struct fu_budget *fu_budget_take(struct fu_context *context, uint64_t key) {
    for (struct fu_budget *budget = context->budgets; budget != NULL; budget = budget->next) {
        if (budget->key == key) {
            budget->references++;
            return budget;
        }
    }
    struct fu_budget *budget = fu_calloc(1, sizeof *budget);
    if (budget == NULL) {
        return NULL;
    }
    budget->context = context;
    budget->references = 1;
    budget->key = key;
    budget->refused_at = -1;
    budget->waiting_end = &budget->waiting;
    fu_timer_init(&budget->timer, on_timer);
    budget->next = context->budgets;
    budget->place = &context->budgets;
    if (budget->next != NULL) {
        budget->next->place = &budget->next;
    }
    context->budgets = budget;
    return budget;
}

void fu_budget_drop(struct fu_budget *budget) {
    if (budget == NULL || --budget->references > 0) {
        return;
    }
    fu_timers_stop(&budget->context->http.timers, &budget->timer);
    *budget->place = budget->next;
    if (budget->next != NULL) {
        budget->next->place = budget->place;
    }
    fu_window_free(&budget->window);
    fu_free(budget);
}

/* ---- The line ---- */

/* Lets the line be looked at in this step or the next one. Not at once: who calls this may be in the middle of a call's
 * end. */
static void kick(struct fu_budget *budget) {
    if (budget->waiting != NULL) {
        fu_timers_set(&budget->context->http.timers, &budget->timer, fu_context_now(budget->context));
    } else {
        fu_timers_stop(&budget->context->http.timers, &budget->timer); /* an empty line wakes nobody */
    }
}

/* Seconds until the window has room for one call; 0: now; negative: when one under way has ended. */
static double room_in(struct fu_budget *budget, struct fu_limit limit, double now) {
    if (budget->refusals > 0 && budget->probing) {
        return -1;
    }
    double wait = fu_window_wait(&budget->window, limit, now);
    double closed = budget->closed_until - now;
    return wait >= 0 && closed > wait ? closed : wait;
}

/* A call that was refused keeps its turn for the next time. */
static void take_turn(struct fu_budget *budget, struct fu_waiter *waiter) {
    if (waiter->turn == 0) {
        waiter->turn = ++budget->turns;
    }
}

static bool enter(struct fu_budget *budget, struct fu_waiter *waiter, double now) {
    if (!fu_window_start(&budget->window)) {
        return false;
    }
    take_turn(budget, waiter);
    waiter->granted_at = now;
    waiter->entered = true;
    waiter->probe = budget->refusals > 0;
    budget->probing = budget->probing || waiter->probe;
    return true;
}

void fu_budget_leave(struct fu_budget *budget, struct fu_waiter *waiter) {
    if (waiter->place == NULL) {
        return;
    }
    *waiter->place = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->place = waiter->place;
    } else {
        budget->waiting_end = waiter->place;
    }
    waiter->place = NULL;
    kick(budget);
}

static void on_timer(struct fu_timer *timer) {
    struct fu_budget *budget = (struct fu_budget *)(void *)((char *)timer - offsetof(struct fu_budget, timer));
    double now = fu_context_now(budget->context);
    double soonest = -1;
    for (struct fu_waiter *waiter = budget->waiting; waiter != NULL; waiter = waiter->next) {
        double wait = room_in(budget, waiter->limit, now);
        if (wait == 0 && enter(budget, waiter, now)) {
            /* Whoever is granted may end others or join again: look at the line anew. */
            fu_budget_leave(budget, waiter);
            kick(budget);
            waiter->granted(waiter);
            return;
        }
        wait = wait == 0 ? shortest_pause : wait; /* no memory to enter it: try again soon */
        if (wait > 0 && (soonest < 0 || wait < soonest)) {
            soonest = wait;
        }
    }
    if (soonest >= 0) {
        fu_timers_set(&budget->context->http.timers, &budget->timer, now + soonest);
    }
}

bool fu_budget_try(struct fu_budget *budget, struct fu_waiter *waiter) {
    double now = fu_context_now(budget->context);
    for (struct fu_waiter *other = budget->waiting; other != NULL; other = other->next) {
        if (other->limit.calls >= waiter->limit.calls) {
            return false; /* it came first, and would go first */
        }
    }
    return room_in(budget, waiter->limit, now) == 0 && enter(budget, waiter, now);
}

double fu_budget_wait(struct fu_budget *budget, struct fu_limit limit) {
    double now = fu_context_now(budget->context);
    int64_t ahead = 0;
    for (struct fu_waiter *waiter = budget->waiting; waiter != NULL; waiter = waiter->next) {
        ahead++;
    }
    double wait = fu_window_forecast(&budget->window, limit, now, ahead + 1);
    double closed = budget->closed_until - now;
    return closed > wait ? closed : wait;
}

/* Where a refused waiter belongs: behind those that were refused, too, and came before it. */
static struct fu_waiter **front_place(struct fu_budget *budget, const struct fu_waiter *waiter) {
    struct fu_waiter **place = &budget->waiting;
    while (*place != NULL && (*place)->turn != 0 && (*place)->turn < waiter->turn) {
        place = &(*place)->next;
    }
    return place;
}

void fu_budget_join(struct fu_budget *budget, struct fu_waiter *waiter, bool front) {
    struct fu_waiter **place = budget->waiting_end;
    if (front) {
        take_turn(budget, waiter); /* a call that nobody counts was sent without asking */
        place = front_place(budget, waiter);
    } else {
        waiter->turn = 0;
    }
    waiter->place = place;
    waiter->next = *place;
    *place = waiter;
    if (waiter->next != NULL) {
        waiter->next->place = &waiter->next;
    } else {
        budget->waiting_end = &waiter->next;
    }
    kick(budget);
}

/* ---- Ends ---- */

static void leave_window(struct fu_budget *budget, struct fu_waiter *waiter, double now, bool counted) {
    fu_window_end(&budget->window, now, counted);
    waiter->entered = false;
    if (waiter->probe) {
        waiter->probe = false;
        budget->probing = false;
    }
}

void fu_budget_end(struct fu_budget *budget, struct fu_waiter *waiter, bool counted, bool answered) {
    waiter->turn = 0; /* sent again it is a newcomer */
    if (!waiter->entered) {
        return;
    }
    leave_window(budget, waiter, fu_context_now(budget->context), counted);
    if (answered && waiter->granted_at > budget->refused_at) {
        budget->refusals = 0;
        budget->closed_until = 0;
    }
    kick(budget);
}

void fu_budget_note(struct fu_budget *budget) {
    if (fu_window_start(&budget->window)) {
        fu_window_end(&budget->window, fu_context_now(budget->context), true);
    }
}

double fu_budget_refused(struct fu_budget *budget, struct fu_waiter *waiter, double retry_after) {
    double now = fu_context_now(budget->context);
    bool entered = waiter->entered;
    if (entered) {
        leave_window(budget, waiter, now, false);
    }
    /* Those that were under way together are refused together: that is one refusal. */
    if (!entered || waiter->granted_at > budget->refused_at) {
        budget->refused_at = now;
        budget->refusals++;
    }
    double pause = retry_after;
    if (pause < 0) {
        pause = first_pause;
        for (unsigned i = 1; i < budget->refusals && pause < longest_pause; i++) {
            pause *= 2;
        }
        pause =
            (pause < longest_pause ? pause : longest_pause) * (0.75 + 0.25 * fu_random_unit(&budget->context->random));
    }
    pause = pause > shortest_pause ? pause : shortest_pause;
    if (now + pause > budget->closed_until) {
        budget->closed_until = now + pause;
    }
    kick(budget);
    return budget->closed_until - now;
}
