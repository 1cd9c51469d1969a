/* budget.c: who may send, and who waits for the company's window (see budget.h).
 * Owns: one window, the line before it, its ledger. Must not know: requests, answers' contents, where ledgers are. */
#include "budget.h"

#include "alloc.h"
#include "error.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Seconds before the line is looked at again where there is a place but no memory to enter a call. */
static const double memory_pause = 0.1;
/* Another process holds the ledger for some microseconds. */
static const double lock_pause = 0.0004;
/* Others' calls may end uncounted, or their processes die, and nobody says so: who waits looks so often a window,
 * within these bounds. The dead are looked for no more often than that. */
static const double looks = 100;
static const double soonest_look = 0.02;
static const double latest_look = 5;
static const double trial_look = 0.25; /* after a 429: a trial takes as long as a call */
/* Who has gone leaves others that stand in line, and wake up at the same moment, so long before it looks again. */
static const double turn_pause = 0.001;

static void on_timer(struct fu_timer *timer);

struct fu_budget *fu_budget_take(struct fu_context *context, uint64_t key, bool *made) {
    *made = false;
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
    budget->waiting_end = &budget->waiting;
    fu_timer_init(&budget->timer, on_timer);
    budget->next = context->budgets;
    budget->place = &context->budgets;
    if (budget->next != NULL) {
        budget->next->place = &budget->next;
    }
    context->budgets = budget;
    *made = true;
    return budget;
}

/* ---- The ledger ---- */

static double now_of(const struct fu_budget *budget) {
    return fu_context_now(budget->context);
}

static void fill_window(struct fu_budget *budget, double now) {
    if (budget->ledger != NULL) {
        /* Without memory the window stays as it was: it lags behind, no more. */
        fu_book_fill(&budget->ledger->book, &budget->window, now, &budget->trying);
    }
}

/* What 429s taught goes both ways. */
static void share_refusal(struct fu_budget *budget) {
    struct fu_book_head *head = &budget->ledger->book.head;
    if (budget->learned) {
        fu_refusal_merge(&head->refusal, &budget->refusal);
        budget->ledger->book.head_changed = true;
        budget->learned = false;
    }
    budget->refusal = head->refusal;
}

static void take_news(struct fu_budget *budget) {
    if (budget->ledger->news[0] != '\0') {
        memcpy(budget->news, budget->ledger->news, sizeof budget->news);
        budget->ledger->news[0] = '\0';
    }
}

/* Brings the window up to date; what is changed until let_go comes into the ledger. False: another process has it. */
static bool look(struct fu_budget *budget, struct fu_limit limit, double now) {
    if (budget->ledger == NULL) {
        return true;
    }
    budget->limit = limit;
    enum fu_access access = fu_ledger_take(budget->ledger, limit.calls, limit.span, now);
    take_news(budget);
    if (access == FU_ACCESS_BUSY) {
        return false;
    }
    if (access != FU_ACCESS_ALONE) {
        share_refusal(budget);
    }
    if (access == FU_ACCESS_NEWS) {
        fill_window(budget, now);
    }
    return true;
}

static void let_go(struct fu_budget *budget) {
    if (budget->ledger == NULL) {
        return;
    }
    struct fu_book *book = &budget->ledger->book;
    if (!fu_refusal_is_same(&book->head.refusal, &budget->refusal)) {
        budget->learned = !budget->ledger->held;
        book->head.refusal = budget->refusal;
        book->head_changed = true;
    }
    fu_ledger_drop(budget->ledger);
    take_news(budget);
}

/* Ends what the dead held, if that was not done just now. */
static void mourn(struct fu_budget *budget, double now) {
    if (budget->ledger != NULL && (now < budget->mourned_at || now - budget->mourned_at >= soonest_look)) {
        budget->mourned_at = now;
        fu_book_bury(&budget->ledger->book, now);
        fill_window(budget, now);
    }
}

bool fu_budget_share(struct fu_budget *budget, const char *path, mode_t mode, struct fu_limit limit,
                     fusioo_error *error) {
    budget->ledger = fu_ledger_open(path, mode, budget->context->http.clock, error);
    if (budget->ledger == NULL) {
        return false;
    }
    fu_budget_refresh(budget, limit);
    if (budget->ledger->retry_at < 0) {
        return true;
    }
    return budget->ledger->no_memory ? fu_error_memory(error)
                                     : fu_error_set(error, FUSIOO_INVALID, "%s", budget->ledger->trouble);
}

void fu_budget_refresh(struct fu_budget *budget, struct fu_limit limit) {
    double now = now_of(budget);
    for (int i = 0; i < 3; i++) { /* whoever has the ledger may be through with it the next time */
        if (look(budget, limit, now)) {
            mourn(budget, now);
            let_go(budget);
            return;
        }
    }
}

void fu_budget_drop(struct fu_budget *budget) {
    if (budget == NULL || --budget->references > 0) {
        return;
    }
    if (budget->ledger != NULL && (budget->stands || fu_book_is_changed(&budget->ledger->book))) {
        fu_book_unwait(&budget->ledger->book);
        fu_budget_refresh(budget, budget->limit);
    }
    fu_timers_stop(&budget->context->http.timers, &budget->timer);
    *budget->place = budget->next;
    if (budget->next != NULL) {
        budget->next->place = budget->place;
    }
    fu_ledger_close(budget->ledger);
    fu_window_free(&budget->window);
    fu_free(budget);
}

/* ---- The line ---- */

static void set_timer(struct fu_budget *budget, double due) {
    fu_timers_set(&budget->context->http.timers, &budget->timer, due);
}

/* Lets the line be looked at in this step or the next one. Not at once: who calls this may be in the middle of a call's
 * end. An empty line wakes nobody, unless the ledger has to be told. */
static void kick(struct fu_budget *budget) {
    bool untold = budget->ledger != NULL && (budget->stands || fu_book_is_changed(&budget->ledger->book));
    if (budget->waiting != NULL || untold) {
        set_timer(budget, now_of(budget));
    } else {
        fu_timers_stop(&budget->context->http.timers, &budget->timer);
    }
}

/* Seconds until there is room for one call; 0: now; negative: when one under way has ended. */
static double room_in(struct fu_budget *budget, struct fu_limit limit, double now) {
    double refused = fu_refusal_wait(&budget->refusal, budget->trying, now);
    if (refused < 0) {
        return -1;
    }
    if (budget->ledger != NULL) {
        limit.calls -= fu_book_ahead(&budget->ledger->book, limit.calls, now); /* theirs are the first places */
    }
    double wait = fu_window_wait(&budget->window, limit, now);
    return wait >= 0 && refused > wait ? refused : wait;
}

/* A call that was refused keeps its turn for the next time. */
static void take_turn(struct fu_budget *budget, struct fu_waiter *waiter) {
    if (waiter->turn == 0) {
        waiter->turn = ++budget->turns;
    }
}

static bool enter(struct fu_budget *budget, struct fu_waiter *waiter, double now) {
    waiter->no_memory = !fu_window_start(&budget->window);
    if (waiter->no_memory) {
        return false;
    }
    if (budget->ledger != NULL) {
        waiter->number = fu_book_begin(&budget->ledger->book, waiter->tag, now);
        if (waiter->number == 0) {
            fu_window_end(&budget->window, now, false);
            return false;
        }
    }
    take_turn(budget, waiter);
    waiter->granted_at = now;
    waiter->entered = true;
    budget->trying += fu_refusal_is_trial(&budget->refusal, now);
    return true;
}

static void unlink_waiter(struct fu_budget *budget, struct fu_waiter *waiter) {
    *waiter->place = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->place = waiter->place;
    } else {
        budget->waiting_end = waiter->place;
    }
    waiter->place = NULL;
    waiter->asking = false;
}

void fu_budget_leave(struct fu_budget *budget, struct fu_waiter *waiter) {
    if (waiter->place != NULL) {
        unlink_waiter(budget, waiter);
        kick(budget);
    }
}

/* How long who comes behind `ahead` others of this process waits. */
static double wait_behind(struct fu_budget *budget, struct fu_limit limit, int64_t ahead, double now) {
    if (budget->ledger != NULL) {
        ahead += fu_book_ahead(&budget->ledger->book, limit.calls, now);
    }
    double wait = fu_window_forecast(&budget->window, limit, now, ahead + 1);
    double closed = budget->refusal.closed_until - now;
    return closed > wait ? closed : wait;
}

double fu_budget_wait(struct fu_budget *budget, struct fu_limit limit) {
    int64_t ahead = 0;
    for (const struct fu_waiter *waiter = budget->waiting; waiter != NULL; waiter = waiter->next) {
        ahead++;
    }
    return wait_behind(budget, limit, ahead, now_of(budget));
}

/* What a look at the whole line has found. */
struct sight {
    struct fu_waiter *first; /* who goes now, or has to be told that it waits; NULL: nobody */
    bool goes;
    double wait;    /* of who has to be told */
    double soonest; /* seconds until somebody may go; negative: not known */
    int calls;      /* the highest limit of who waits */
};

static void survey(struct fu_budget *budget, double now, struct sight *sight) {
    struct fu_limit last = {-1, 0};
    double room = -1;
    int64_t ahead = 0;
    *sight = (struct sight){.soonest = -1};
    for (struct fu_waiter *waiter = budget->waiting; waiter != NULL; waiter = waiter->next) {
        if (waiter->limit.calls != last.calls || waiter->limit.span != last.span) {
            last = waiter->limit;
            room = room_in(budget, last, now);
            if (room != 0) {
                mourn(budget, now);
                room = room_in(budget, last, now);
            }
        }
        if (room == 0 && enter(budget, waiter, now)) {
            sight->first = waiter;
            sight->goes = true;
            return;
        }
        if (waiter->asking) {
            sight->first = waiter;
            sight->wait = wait_behind(budget, waiter->limit, ahead, now);
            return;
        }
        double wait = room == 0 ? memory_pause : room;
        if (wait > 0 && (sight->soonest < 0 || wait < sight->soonest)) {
            sight->soonest = wait;
        }
        sight->calls = waiter->limit.calls > sight->calls ? waiter->limit.calls : sight->calls;
        ahead++;
    }
}

/* When this process looks again, and where it stands among the others until then. */
static void stand(struct fu_budget *budget, const struct sight *sight, double now) {
    double soonest = sight->soonest;
    if (budget->ledger != NULL) {
        double most = budget->refusal.allowed > 0 ? trial_look : budget->limit.span / looks;
        most = most < soonest_look ? soonest_look : most > latest_look ? latest_look : most;
        soonest = soonest < 0 || soonest > most ? most : soonest;
        fu_book_wait(&budget->ledger->book, sight->calls, now + soonest, now);
        budget->stands = true;
    }
    if (soonest >= 0) {
        set_timer(budget, now + soonest);
    }
}

static void stand_no_more(struct fu_budget *budget) {
    if (budget->stands) {
        fu_book_unwait(&budget->ledger->book);
        budget->stands = false;
    }
}

static void on_timer(struct fu_timer *timer) {
    struct fu_budget *budget = (struct fu_budget *)(void *)((char *)timer - offsetof(struct fu_budget, timer));
    struct sight sight;
    double now = now_of(budget);
    struct fu_limit limit = budget->waiting != NULL ? budget->waiting->limit : budget->limit;
    if (!look(budget, limit, now)) {
        set_timer(budget, now + lock_pause * (1 + fu_random_unit(&budget->context->random)));
        return;
    }
    survey(budget, now, &sight);
    struct fu_waiter *first = sight.first;
    if (first == NULL && budget->waiting != NULL) {
        stand(budget, &sight, now);
    } else if (first == NULL || sight.goes) {
        stand_no_more(budget); /* who goes next stands behind the other processes */
    }
    bool others = budget->ledger != NULL && fu_book_ahead(&budget->ledger->book, limit.calls, now) > 0;
    let_go(budget);
    if (first == NULL) {
        return;
    }
    /* Whoever is told may end others or join again: look at the line anew. */
    if (sight.goes) {
        unlink_waiter(budget, first);
        kick(budget);
        if (others && budget->waiting != NULL) {
            set_timer(budget, now + turn_pause);
        }
        first->granted(first);
    } else {
        first->asking = false;
        kick(budget);
        first->must_wait(first, sight.wait);
    }
}

/* Does anybody in the line go before `waiter`, having come first? */
static bool is_behind(const struct fu_budget *budget, const struct fu_waiter *waiter) {
    for (const struct fu_waiter *other = budget->waiting; other != NULL; other = other->next) {
        if (other->limit.calls >= waiter->limit.calls) {
            return true;
        }
    }
    return false;
}

enum fu_turn fu_budget_try(struct fu_budget *budget, struct fu_waiter *waiter, double *wait) {
    double now = now_of(budget);
    waiter->no_memory = false;
    if (!look(budget, waiter->limit, now)) {
        return FU_TURN_ASK;
    }
    bool goes = !is_behind(budget, waiter);
    if (goes && room_in(budget, waiter->limit, now) != 0) {
        mourn(budget, now);
        goes = room_in(budget, waiter->limit, now) == 0;
    }
    goes = goes && enter(budget, waiter, now);
    if (!goes) {
        *wait = fu_budget_wait(budget, waiter->limit);
    }
    let_go(budget);
    return goes ? FU_TURN_GO : waiter->no_memory ? FU_TURN_NO_MEMORY : FU_TURN_WAIT;
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
    if (budget->ledger != NULL) {
        fu_book_end(&budget->ledger->book, waiter->number, now, counted);
    }
    waiter->entered = false;
    if (budget->trying > 0 && fu_refusal_is_trial(&budget->refusal, waiter->granted_at)) {
        budget->trying--;
    }
}

void fu_budget_end(struct fu_budget *budget, struct fu_waiter *waiter, bool counted, bool answered) {
    waiter->turn = 0; /* sent again it is a newcomer */
    if (!waiter->entered) {
        return;
    }
    double now = now_of(budget);
    bool held = look(budget, waiter->limit, now);
    leave_window(budget, waiter, now, counted);
    if (answered && fu_refusal_is_trial(&budget->refusal, waiter->granted_at)) {
        fu_refusal_answered(&budget->refusal, waiter->granted_at);
        budget->learned = !held;
    }
    if (held) {
        let_go(budget);
    }
    kick(budget);
}

void fu_budget_forget(struct fu_budget *budget, struct fu_waiter *waiter, bool counted) {
    if (budget->ledger == NULL) {
        fu_budget_end(budget, waiter, counted, false);
        return;
    }
    waiter->turn = 0;
    waiter->entered = false;
}

void fu_budget_note(struct fu_budget *budget, const char *tag) {
    double now = now_of(budget);
    bool held = look(budget, budget->limit, now);
    if (fu_window_start(&budget->window)) {
        fu_window_end(&budget->window, now, true);
    }
    if (budget->ledger != NULL) {
        fu_book_note(&budget->ledger->book, tag, now);
    }
    if (held) {
        let_go(budget);
    }
    kick(budget);
}

double fu_budget_refused(struct fu_budget *budget, struct fu_waiter *waiter, double retry_after) {
    double now = now_of(budget);
    bool held = look(budget, waiter->limit, now);
    double granted_at = waiter->entered ? waiter->granted_at : -1;
    double before = budget->refusal.refused_at;
    if (waiter->entered) {
        leave_window(budget, waiter, now, false);
    }
    double pause =
        fu_refusal_note(&budget->refusal, granted_at, now, retry_after, fu_random_unit(&budget->context->random));
    if (budget->refusal.refused_at != before) {
        budget->trying = 0; /* whoever is under way was granted before */
    }
    if (held) {
        let_go(budget);
    } else {
        budget->learned = true;
    }
    kick(budget);
    return pause;
}
