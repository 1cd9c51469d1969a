/* test_oauth_random.c: random callers, a random service and a random store, and what must be true whatever they do: who
 * asks is told once and in time, one request is under way at most, no refresh token is sent that was used up, each lock
 * is given back, and everything comes to rest. Must not know: libcurl's part of the core, sockets.
 *
 * Each program has a seed of its own, which a failure names. */
#include "token_service.h"

#include "client.h"
#include "failing_heap.h"
#include "oauth_private.h"

enum { CALLERS = 8, ASKS = 6, STEPS = 120, NEEDS = 32, TOKENS = 1024 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fail_msg("seed %lu, step %d, line %d: %s", seed, place, __LINE__, #condition);                             \
        }                                                                                                              \
    } while (0)

static unsigned long seed;
static int place;
static uint64_t chance_state;
static double absent; /* seconds in which nobody moved the engine, and as many that were allowed for it */

static unsigned below(unsigned end) {
    chance_state = chance_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(chance_state >> 33) % end;
}

static bool chance(unsigned percent) {
    return below(100) < percent;
}

static double up_to(double most) {
    return most * (double)below(1000000) / 1e6;
}

/* ---- Callers ---- */

/* A call's question, or a program's. */
struct caller {
    struct fu_ask ask;
    struct fusioo_client client;
    bool waits;
    double since, absent_then;
    char refused[24];
};

static struct caller callers[CALLERS];
static struct {
    fusioo_ask *ask;
    double since, absent_then;
} asks[ASKS];

static void check_time(double since, double absent_then, double patience) {
    CHECK(now - since <= patience + absent - absent_then + 1e-6);
}

static void on_told(struct fu_ask *ask, const struct fu_token *token, const fusioo_error *error);

static void call(struct caller *caller) {
    static const double patience[] = {1.5, 20, 300, 1000};
    memset(caller, 0, sizeof *caller);
    caller->client.total_timeout = patience[below(COUNT(patience))];
    caller->waits = true;
    caller->since = now;
    caller->absent_then = absent;
    caller->ask = (struct fu_ask){.want = FU_WANT_TOKEN, .client = &caller->client, .told = on_told};
    caller->ask.redirect.token = (struct fu_token)FU_TOKEN_NONE;
    if (oauth->token.access != NULL && chance(40)) {
        snprintf(caller->refused, sizeof caller->refused, "%s", oauth->token.access);
        caller->ask.refused = caller->refused;
    }
    fu_oauth_ask(oauth, &caller->ask);
}

static void hang_up(struct caller *caller) {
    if (caller->waits) {
        fu_oauth_take_back(&caller->ask);
        memset(&caller->ask, 0xEE, sizeof caller->ask);
        caller->waits = false;
    }
}

/* Who is told something may go, and take others along, or ask again. */
static void on_told(struct fu_ask *ask, const struct fu_token *token, const fusioo_error *error) {
    struct caller *caller = (struct caller *)(void *)ask;
    CHECK(caller->waits);
    CHECK((token != NULL) != (error != NULL));
    check_time(caller->since, caller->absent_then, caller->client.total_timeout);
    caller->waits = false;
    memset(ask, 0xEE, sizeof *ask);
    if (chance(15)) {
        hang_up(&callers[below(CALLERS)]);
    }
    struct caller *other = &callers[below(CALLERS)];
    if (chance(10) && !other->waits && place > 0) {
        call(other);
    }
}

static void ask_something(size_t i) {
    if (asks[i].ask != NULL) {
        return;
    }
    asks[i].since = now;
    asks[i].absent_then = absent;
    switch (below(3)) {
    case 0:
        asks[i].ask = fusioo_oauth_token(oauth, &why);
        break;
    case 1:
        asks[i].ask = fusioo_oauth_refresh(oauth, &why);
        break;
    default:
        asks[i].ask = finish_sign_in();
    }
}

static void free_ask(size_t i) {
    fusioo_ask_free(asks[i].ask);
    asks[i].ask = NULL;
}

static void check_asks(void) {
    for (size_t i = 0; i < ASKS; i++) {
        if (asks[i].ask != NULL && !fusioo_ask_done(asks[i].ask)) {
            check_time(asks[i].since, asks[i].absent_then, oauth->manners.total_timeout);
        } else if (asks[i].ask != NULL) {
            fusioo_token token;
            bool good = fusioo_ask_result(asks[i].ask, &token, &why);
            CHECK(good || (why.kind != FUSIOO_OK && strstr(why.message, "refresh-") == NULL));
            free_ask(i);
        }
    }
}

/* ---- The store ---- */

struct wish {
    uint64_t id;
    fusioo_store_need need;
    int number; /* of the token that is to be kept */
    double due; /* when it is answered */
};

static struct wish wishes[NEEDS];
static size_t wish_count;
static int held_token;      /* the store's; 0: none */
static double ends[TOKENS]; /* of tokens, by their number */
static uint64_t holder;     /* the wish that has got the lock; 0: none */
static double others_until; /* somebody else has it */
static bool calm;           /* everything goes well from here on */
static int latest;          /* the number of the token whose refresh token is good */
static bool may_be_used_up; /* an answer got lost: nobody knows whether the last refresh token is */

static void answer_lock(const struct wish *wish, const fusioo_error *broken) {
    bool awaited = oauth->need.need.id == wish->id;
    if (!calm && chance(10)) {
        fusioo_oauth_stored(oauth, wish->id, FUSIOO_STORE_FAILED, broken);
    } else if (holder != 0 || now < others_until) {
        fusioo_oauth_stored(oauth, wish->id, FUSIOO_STORE_BUSY, NULL);
    } else {
        holder = wish->id;
        bool taken = fusioo_oauth_stored(oauth, wish->id, FUSIOO_STORED, NULL);
        CHECK(taken == awaited);
        holder = taken || holder != wish->id ? holder : 0; /* too late: it is given back */
    }
}

static void answer_wish(const struct wish *wish) {
    char access[24];
    char refresh[24];
    fusioo_error broken;
    bool fails = !calm && chance(20);
    fu_error_set(&broken, FUSIOO_NETWORK, "the store broke");
    if (wish->need == FUSIOO_STORE_LOCK) {
        answer_lock(wish, &broken);
    } else if (wish->need == FUSIOO_STORE_LOAD) {
        snprintf(access, sizeof access, "access-%d", held_token);
        snprintf(refresh, sizeof refresh, "refresh-%d", held_token);
        const fusioo_token token = {access, NULL, refresh, wall + ends[held_token] - now};
        fusioo_oauth_loaded(oauth, wish->id, held_token != 0 ? &token : NULL, fails ? &broken : NULL);
    } else if (oauth->need.need.id == wish->id) {
        held_token = fails ? held_token : wish->number;
        CHECK(fusioo_oauth_stored(oauth, wish->id, fails ? FUSIOO_STORE_FAILED : FUSIOO_STORED, &broken));
    } else {
        CHECK(!fusioo_oauth_stored(oauth, wish->id, FUSIOO_STORED, NULL));
    }
}

static void take_wishes(void) {
    fusioo_need need;
    while (fu_need_take(context, &need)) {
        if (need.kind != FUSIOO_NEED_STORE) {
            continue;
        }
        if (need.store == FUSIOO_STORE_END) {
            CHECK(need.id == 0 || need.id == holder);
            holder = need.id != 0 ? 0 : holder;
            continue;
        }
        struct wish wish = {.id = need.id, .need = need.store, .due = now};
        if (need.store == FUSIOO_STORE_SAVE) {
            fusioo_token token;
            CHECK(fusioo_oauth_to_save(oauth, &token) && (!oauth->store_locks || holder != 0));
            wish.number = (int)strtol(token.access_token + 7, NULL, 10);
        }
        if (!calm && chance(30)) {
            wish.due = chance(10) ? INFINITY : now + up_to(chance(50) ? 5 : 900);
        }
        if (wish_count == NEEDS) {
            memmove(wishes, wishes + 1, --wish_count * sizeof wishes[0]);
        }
        wishes[wish_count++] = wish;
    }
}

static bool answer_one(void) {
    for (size_t i = 0; i < wish_count; i++) {
        if (wishes[i].due <= now) {
            struct wish wish = wishes[i];
            wish_count--;
            memmove(wishes + i, wishes + i + 1, (wish_count - i) * sizeof wishes[0]);
            answer_wish(&wish);
            return true;
        }
    }
    return false;
}

/* ---- Everything moves ---- */

static void check_state(void) {
    CHECK(context->under_way == (oauth->state != FU_OAUTH_IDLE));
    if (oauth->state == FU_OAUTH_IDLE) {
        CHECK(oauth->asks == NULL && under_way == NULL && holder == 0 && oauth->end == NULL);
        CHECK(!fu_timer_is_set(&oauth->timer) && !fu_timer_is_set(&oauth->total));
        CHECK(oauth->lock.fd < 0 && oauth->beside == NULL);
        return;
    }
    CHECK(fu_timer_is_set(&oauth->timer) || fu_timer_is_set(&oauth->total)); /* something wakes it */
    for (const struct fu_ask *ask = oauth->asks; ask != NULL; ask = ask->next) {
        CHECK(oauth->total.due <= ask->patience.until && ask->patience.until > now - 1e-9);
    }
}

static void settle(void) {
    int rounds = 0;
    bool moved = true;
    while (moved) {
        moved = fu_timers_run_first(&context->http.timers, now);
        take_wishes();
        moved = answer_one() || moved;
        take_wishes();
        CHECK(++rounds < 3000); /* nothing turns in circles */
    }
    check_state();
    check_asks();
}

static void let_pass(double seconds) {
    int rounds = 0;
    for (double end = now + seconds; now < end;) {
        double next = end;
        double due = fu_timers_next(&context->http.timers);
        next = due >= 0 ? fmin(next, due) : next;
        for (size_t i = 0; i < wish_count; i++) {
            next = fmin(next, wishes[i].due);
        }
        wall += fmax(next - now, 0);
        now = fmax(next, now);
        settle();
        CHECK(++rounds < 200000);
    }
}

/* ---- The service ---- */

static void give_next(bool refreshes) {
    int life = chance(30) ? 5 + (int)below(50) : chance(50) ? 3600 : 100000;
    if (latest + 2 >= TOKENS) {
        end_transfer(FUSIOO_NETWORK, 0, "");
        may_be_used_up = may_be_used_up || refreshes;
        return;
    }
    latest++;
    ends[latest] = now + life;
    give(latest, life);
}

static void answer_request(void) {
    if (under_way == NULL) {
        return;
    }
    const char *refresh = strstr(under_way->form, "refresh_token=refresh-");
    int used = refresh != NULL ? (int)strtol(refresh + 22, NULL, 10) : latest;
    CHECK(used == latest || may_be_used_up);
    if (used != latest) {
        refuse("invalid_grant");
    } else if (calm || chance(60)) {
        give_next(refresh != NULL);
    } else if (chance(50)) {
        end_transfer(chance(50) ? FUSIOO_NETWORK : FUSIOO_OK, 503, "");
    } else if (chance(50)) {
        refuse(refresh == NULL && chance(50) ? "invalid_grant" : "invalid_client");
    } else {
        end_transfer(FUSIOO_OK, 200, "<html>"); /* it has given a token, and nobody can read it */
        latest += refresh != NULL;
        ends[latest] = now + 60;
        may_be_used_up = true;
    }
    settle();
}

/* Another process renews the token, or only holds the lock. */
static void let_others_in(void) {
    if (holder != 0 || now < others_until || !oauth->store_locks) {
        return;
    }
    others_until = now + up_to(chance(50) ? 1 : 500);
    if (held_token == latest && latest != 0 && latest + 2 < TOKENS && fu_oauth_is_kept(oauth) && !oauth->undigested &&
        chance(60)) {
        held_token = ++latest;
        ends[latest] = now + 3600;
    }
}

/* ---- Programs ---- */

static void do_something(void) {
    unsigned wish = below(20);
    struct caller *caller = &callers[below(CALLERS)];
    size_t i = below(ASKS);
    if (wish < 4 && !caller->waits) {
        call(caller);
    } else if (wish < 7) {
        ask_something(i);
    } else if (wish < 8) {
        hang_up(caller);
    } else if (wish < 9) {
        free_ask(i);
    } else if (wish < 14) {
        answer_request();
    } else if (wish < 18) {
        let_pass(up_to(chance(60) ? 2 : chance(70) ? 100 : 2000));
    } else if (wish < 19) {
        double seconds = up_to(chance(50) ? 3 : 400);
        now += seconds;
        wall += seconds;
        context->http.absent += seconds;
        absent += 2 * seconds;
    } else {
        let_others_in();
    }
    settle();
}

static void begin_program(void) {
    static const fusioo_grant grants[] = {FUSIOO_AUTHORIZATION_CODE, FUSIOO_PASSWORD, FUSIOO_CLIENT_CREDENTIALS};
    static const double patience[] = {1.5, 20, 300};
    memset(callers, 0, sizeof callers);
    memset(asks, 0, sizeof asks);
    memset(ends, 0, sizeof ends);
    wish_count = 0;
    held_token = latest = 0;
    holder = 0;
    absent = others_until = 0;
    calm = may_be_used_up = false;
    chance_state = seed * 2654435761U;
    assert_int_equal(set_up(NULL), 0);
    context->random = seed;
    unsigned store = below(3);
    make(grants[below(COUNT(grants))], store == 0 ? FUSIOO_STORE_MEMORY : FUSIOO_STORE_ON_NEED, store == 2);
    oauth->manners.total_timeout = patience[below(COUNT(patience))];
}

/* The service and the store are well from here on: everybody is told, everything comes to rest. */
static void calm_down(void) {
    calm = true;
    others_until = 0;
    for (size_t i = 0; i < wish_count; i++) {
        wishes[i].due = fmin(wishes[i].due, now + 5);
    }
    for (int i = 0; i < 60; i++) {
        answer_request();
        let_pass(60);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        CHECK(!callers[i].waits);
    }
    CHECK(oauth->state == FU_OAUTH_IDLE);
    if (oauth->grant != FUSIOO_AUTHORIZATION_CODE) {
        fusioo_ask *ask = NULL;
        for (int i = 0; i < 2; i++) { /* the first one may hear what had failed before */
            fusioo_ask_free(ask);
            ask = ask_token();
            for (int k = 0; k < 20 && !fusioo_ask_done(ask); k++) {
                settle();
                answer_request();
                let_pass(1);
            }
        }
        CHECK(number_of(ask) > 0);
    }
}

static void end_program(void) {
    place = -1;
    if (chance(50)) {
        calm_down();
    }
    fu_error_set(&why, FUSIOO_CANCELLED, "closed");
    fu_oauths_end(context, &why);
    for (size_t i = 0; i < CALLERS; i++) {
        CHECK(!callers[i].waits);
    }
    for (size_t i = 0; i < ASKS; i++) {
        CHECK(asks[i].ask == NULL || fusioo_ask_done(asks[i].ask));
        free_ask(i);
    }
    take_wishes();
    CHECK(holder == 0 && under_way == NULL);
    tear_down(NULL);
}

static void run_programs(bool short_of_memory) {
    unsigned long first = (unsigned long)below(1000000000);
    int count = getenv("FUSIOO_LONG") != NULL ? 500000 : 5000;
    for (seed = first; seed < first + (unsigned long)count; seed++) {
        long live = core_heap.live;
        begin_program();
        for (place = 1; place <= STEPS; place++) {
            if (short_of_memory && chance(15)) {
                heap_fail_at(&core_heap, 1 + (long)below(6));
            }
            do_something();
            heap_fail_at(&core_heap, 0);
        }
        end_program();
        CHECK(core_heap.live == live);
    }
    print_message("%d programs, from seed %lu\n", count, first);
}

static void whatever_happens_who_asks_is_told(void **state) {
    (void)state;
    chance_state = (uint64_t)test_below(1U << 31);
    run_programs(false);
}

static void whatever_memory_there_is_who_asks_is_told(void **state) {
    (void)state;
    chance_state = (uint64_t)test_below(1U << 31);
    run_programs(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_who_asks_is_told),
        cmocka_unit_test(whatever_memory_there_is_who_asks_is_told),
    };
    return cmocka_run_group_tests(tests, heaps_set_up, NULL);
}
