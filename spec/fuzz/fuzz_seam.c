/* fuzz_seam.c: a pager reads a list while a script edits it, by the rule of seam.h. Owns: the list, and a service that
 * answers from it. Must not know: how the rule decides.
 *
 * Input: eight bytes for the plan (see read_plan), then two bytes a step: what, and where. The engine is never stepped,
 * so nothing is sent: the answers are put into the pager's calls, in any order, each as the list stood when it was
 * made. Promises: no record twice, none invented; every record that stayed, in the list's order; where nothing was
 * edited, exactly the list, and no call too many; always an end. A record that was moved past others is outside of the
 * promise, and so are those that it passed: with moves in the script only the rest is checked. */
#include "call.h"
#include "fuzz.h"
#include "pager.h"

enum { MOST_IDS = 2048, MOST_ROWS = 512, MOST_STEPS = 4096 };

struct world {
    unsigned rows[MOST_ROWS];
    size_t count;
    unsigned ids;           /* handed to rows so far, from 1 */
    bool stayed[MOST_IDS];  /* by id: was there at the start and was not touched since */
    unsigned out[MOST_IDS]; /* as the pager handed them out */
    bool is_out[MOST_IDS];  /* by id */
    size_t out_count;
    unsigned first[MOST_ROWS]; /* the list at the start */
    size_t first_count;
    size_t calls; /* answered or failed */
    bool edited, moved, failed;
};

/* ---- The list and its edits ---- */

static void insert_row(struct world *world, size_t place, unsigned id) {
    memmove(&world->rows[place + 1], &world->rows[place], (world->count - place) * sizeof world->rows[0]);
    world->rows[place] = id;
    world->count++;
}

static unsigned delete_row(struct world *world, size_t place) {
    unsigned id = world->rows[place];
    world->count--;
    memmove(&world->rows[place], &world->rows[place + 1], (world->count - place) * sizeof world->rows[0]);
    world->stayed[id] = false;
    world->edited = true;
    return id;
}

static void insert_new(struct world *world, size_t place) {
    if (world->count < MOST_ROWS && world->ids + 1 < MOST_IDS) {
        insert_row(world, place % (world->count + 1), ++world->ids);
        world->edited = true;
    }
}

static void move_row(struct world *world, size_t from, size_t to) {
    unsigned id = delete_row(world, from);
    insert_row(world, to % (world->count + 1), id);
    world->moved = true;
}

/* ---- The service ---- */

/* The calls under way, the count's last; returns how many there are. */
static size_t calls_under_way(const struct fusioo_pager *pager, struct fusioo_call **calls, struct fu_page **pages) {
    size_t count = 0;
    for (struct fu_page *page = pager->asked; page != NULL; page = page->next) {
        if (page->call != NULL && !page->done) {
            pages[count] = page;
            calls[count++] = page->call;
        }
    }
    if (pager->count_call != NULL) {
        pages[count] = NULL;
        calls[count++] = pager->count_call;
    }
    return count;
}

static void write_count(const struct world *world, struct fu_buffer *body) {
    fu_buffer_puts(body, "{\"count\":");
    fu_buffer_put_integer(body, (long long)world->count);
    fu_buffer_puts(body, "}");
}

static void write_page(const struct world *world, const struct fu_page *page, struct fu_buffer *body) {
    FUZZ_CHECK(page->offset >= 0 && page->limit > 0);
    int64_t end = page->offset + page->limit;
    const char *before = "[";
    for (int64_t i = page->offset; i < end && i < (int64_t)world->count; i++) {
        fu_buffer_puts(body, before);
        fu_buffer_puts(body, "{\"id\":\"");
        fu_buffer_put_integer(body, world->rows[i]);
        fu_buffer_puts(body, "\"}");
        before = ",";
    }
    fu_buffer_puts(body, *before == '[' ? "[]" : "]");
}

/* Puts the answer into the call, as the list stands now. An answered call has one attempt. */
static void serve(struct world *world, struct fusioo_call *call, const struct fu_page *page) {
    fusioo_error error;
    if (call->attempts > 0) {
        return;
    }
    call->attempts = 1;
    world->calls++;
    fu_buffer_puts(&call->body, "{\"code\":10000,\"data\":");
    if (page != NULL) {
        write_page(world, page, &call->body);
    } else {
        write_count(world, &call->body);
    }
    fu_buffer_putc(&call->body, '}');
    FUZZ_CHECK(
        fu_verdict(200, call->body.data, call->body.size, call->answer_type, &call->envelope, &call->count, &error));
}

/* How a call ends that the service answered. */
static void deliver(struct world *world, struct fusioo_call *call, const struct fu_page *page) {
    serve(world, call, page);
    fu_call_end(call, FUSIOO_OK);
}

static void take(struct world *world, struct fusioo_pager *pager) {
    fusioo_item item;
    if (fusioo_pager_next(pager, &item, NULL) == FUSIOO_PAGER_ITEM) {
        char text[32];
        FUZZ_CHECK(item.size > 0 && item.size < sizeof text);
        memcpy(text, item.text, item.size);
        text[item.size] = '\0';
        unsigned id = (unsigned)strtoul(text + strcspn(text, "0123456789"), NULL, 10);
        FUZZ_CHECK(id >= 1 && id <= world->ids);
        FUZZ_CHECK(!world->is_out[id]);
        world->is_out[id] = true;
        world->out[world->out_count++] = id;
    }
}

/* ---- The script ---- */

static void step(struct world *world, struct fusioo_pager *pager, unsigned what, unsigned where) {
    struct fusioo_call *calls[64];
    struct fu_page *pages[64];
    size_t count = calls_under_way(pager, calls, pages);
    size_t which = count > 0 ? where % count : 0;
    FUZZ_CHECK(pager->flying == count && count <= pager->concurrency);
    switch (what % 8) {
    case 0:
        insert_new(world, where);
        break;
    case 1:
        if (world->count > 0) {
            delete_row(world, where % world->count);
        }
        break;
    case 2:
        if (count > 0) {
            serve(world, calls[which], pages[which]);
        }
        break;
    case 3:
        for (unsigned i = 0; i <= where; i++) {
            take(world, pager);
        }
        break;
    case 4:
        if (world->count > 0 && what >= 0xe0) {
            move_row(world, where % world->count, what + where);
        } else {
            insert_new(world, 0);
        }
        break;
    case 5:
        if (count > 0 && what >= 0xf0) {
            world->failed = true;
            fu_call_end(calls[which], FUSIOO_NETWORK);
            break;
        } /* fall through */
    default:
        if (count > 0) {
            deliver(world, calls[which], pages[which]);
        }
        break;
    }
}

/* No more edits: everything is answered and taken. */
static void run_out(struct world *world, struct fusioo_pager *pager) {
    unsigned steps = 0;
    while (pager->state == FU_PAGER_RUNNING || fusioo_pager_left(pager) > 0 || pager->ready != NULL) {
        struct fusioo_call *calls[64];
        struct fu_page *pages[64];
        size_t count = calls_under_way(pager, calls, pages);
        FUZZ_CHECK(++steps < MOST_STEPS);
        FUZZ_CHECK(count > 0 || fusioo_pager_ready(pager));
        if (count > 0) {
            deliver(world, calls[0], pages[0]);
        }
        take(world, pager);
    }
}

/* ---- What must hold at the end ---- */

static void check_untouched(const struct world *world, const struct fusioo_pager *pager, const fusioo_plan *plan,
                            int64_t start) {
    size_t from = (size_t)start < world->first_count ? (size_t)start : world->first_count;
    size_t wanted = world->first_count - from;
    if (plan->limit >= 0 && (size_t)plan->limit < wanted) {
        wanted = (size_t)plan->limit;
    }
    FUZZ_CHECK(world->failed ? world->out_count <= wanted : world->out_count == wanted);
    FUZZ_CHECK(memcmp(world->out, world->first + from, world->out_count * sizeof world->out[0]) == 0);
    if (pager->state == FU_PAGER_FAILED) {
        FUZZ_CHECK(pager->error.kind == FUSIOO_NETWORK);
        /* A later query from there misses nothing and repeats one record at most. */
        int64_t end = start + (int64_t)world->out_count;
        FUZZ_CHECK(pager->error.resume == end || pager->error.resume == end - 1);
    } else if (start == 0 && plan->limit < 0 && plan->expect < 0 && !world->failed) {
        int64_t cost = fusioo_pager_cost((int64_t)world->first_count, plan->page_size, !plan->no_seams);
        FUZZ_CHECK((int64_t)world->calls <= cost);
    }
}

/* A full last page ends the run where the count said so and no shift was seen since. A row that came in ahead of the
 * reader after the count shows nowhere: what it pushed behind the counted end is not asked for. */
static bool is_ended_by_count(const struct fusioo_pager *pager) {
    return pager->count_state == FU_COUNT_KNOWN && pager->tail_count == (size_t)pager->page_size &&
           pager->tail_offset + (int64_t)pager->tail_count == pager->count;
}

static void check_stayed(const struct world *world, bool may_lack_tail) {
    size_t place = 0;
    bool lacks = false;
    for (size_t i = 0; i < world->first_count; i++) {
        unsigned id = world->first[i];
        if (!world->stayed[id] || (may_lack_tail && !world->is_out[id])) {
            lacks = lacks || world->stayed[id];
            continue;
        }
        FUZZ_CHECK(!lacks);
        while (place < world->out_count && world->out[place] != id) {
            place++;
        }
        FUZZ_CHECK(place < world->out_count); /* missed, or out of order */
    }
}

static void check_end(const struct world *world, const struct fusioo_pager *pager, const fusioo_plan *plan,
                      int64_t start) {
    FUZZ_CHECK(plan->limit < 0 || (int64_t)world->out_count <= plan->limit);
    if (pager->state == FU_PAGER_FAILED) {
        FUZZ_CHECK((pager->error.kind == FUSIOO_NETWORK && world->failed) ||
                   (pager->error.kind == FUSIOO_MOVED && world->edited));
    }
    if (!world->edited) {
        check_untouched(world, pager, plan, start);
    } else if (pager->state == FU_PAGER_ENDED && !world->moved && pager->seam > 0 && plan->limit < 0 && start == 0) {
        check_stayed(world, is_ended_by_count(pager));
    }
}

/* ---- One input ---- */

static fusioo_plan read_plan(struct fuzz_input *input, struct world *world, int64_t *start) {
    fusioo_plan plan;
    fusioo_plan_init(&plan);
    size_t rows = fuzz_byte(input) % 64;
    plan.page_size = (int)(fuzz_byte(input) % 12) + 1;
    plan.concurrency = (int)(fuzz_byte(input) % 8) + 1;
    unsigned choices = fuzz_byte(input);
    unsigned limit = fuzz_byte(input);
    unsigned expect = fuzz_byte(input);
    unsigned offset = fuzz_byte(input);
    fuzz_byte(input); /* kept for later */
    plan.limit = choices & 1 ? (int64_t)limit : -1;
    plan.expect = choices & 2 ? (int64_t)expect : -1;
    plan.no_seams = (choices & 12) == 12;
    *start = choices & 16 ? offset : 0;
    for (size_t i = 0; i < rows; i++) {
        world->first[i] = world->rows[i] = ++world->ids;
        world->stayed[world->ids] = true;
    }
    world->first_count = world->count = rows;
    return plan;
}

/* One for all inputs. */
static struct fusioo_client *shared_client(void) {
    static fusioo_engine *engine;
    static struct fusioo_client *client;
    if (client == NULL) {
        fusioo_options options;
        fusioo_options_init(&options);
        options.token = "token";
        engine = fusioo_engine_new(NULL);
        client = engine != NULL ? fusioo_client_new(engine, &options, NULL) : NULL;
        FUZZ_CHECK(client != NULL);
        client->context->http.more = true; /* a step is due anyway: no timer is set for each call */
    }
    return client;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world world;
    memset(&world, 0, sizeof world);
    struct fuzz_input input = {data, data + size};
    fusioo_query query = {.sort_by = NULL};
    fusioo_plan plan = read_plan(&input, &world, &query.offset);
    struct fusioo_pager *pager = fusioo_pager_start(shared_client(), FUSIOO_GET_RECORDS, "app", 3, &query, &plan, NULL);
    FUZZ_CHECK(pager != NULL);
    while (fuzz_left(&input) > 0) {
        unsigned what = fuzz_byte(&input);
        step(&world, pager, what, fuzz_byte(&input));
    }
    run_out(&world, pager);
    check_end(&world, pager, &plan, query.offset);
    fusioo_pager_free(pager);
    return 0;
}
