/* context.c: what the calls of one engine share, and the queue of needs (see context.h).
 * Owns: the queue. Must not know: what a call or a pager does. */
#include "context.h"

#include "alloc.h"
#include "error.h"

#include <string.h>

struct fu_context *fu_context_new(struct fu_clock clock, fusioo_error *error) {
    struct fu_context *context = fu_calloc(1, sizeof *context);
    if (context == NULL) {
        fu_error_memory(error);
        return NULL;
    }
    context->references = 1;
    context->needs_end = &context->needs;
    if (!fu_random_bytes(&context->key, sizeof context->key) ||
        !fu_random_bytes(&context->random, sizeof context->random)) {
        fu_error_set(error, FUSIOO_NETWORK, "the system gave no random bytes");
        fu_free(context);
        return NULL;
    }
    if (!fu_http_open(&context->http, clock, error)) {
        fu_free(context);
        return NULL;
    }
    return context;
}

/* Memory from that of a small page to that of a large one is worth keeping. */
enum { SMALLEST_SPARE = 16 << 10, LARGEST_SPARE = 1 << 20 };

void fu_context_take_spare(struct fu_context *context, struct fu_buffer *body) {
    if (body->data == NULL && context->spare_count > 0) {
        *body = context->spare[--context->spare_count];
    }
}

static void free_spares(struct fu_context *context) {
    while (context->spare_count > 0) {
        fu_buffer_free(&context->spare[--context->spare_count]);
    }
}

void fu_context_give_spare(struct fu_context *context, struct fu_buffer *body) {
    size_t most = sizeof context->spare / sizeof context->spare[0];
    if (body->capacity >= SMALLEST_SPARE && body->capacity <= LARGEST_SPARE && context->spare_count < most &&
        context->under_way > 0) {
        fu_buffer_clear(body);
        context->spare[context->spare_count++] = *body;
        *body = (struct fu_buffer)FU_BUFFER_EMPTY;
    }
    fu_buffer_free(body);
    if (context->under_way == 0) {
        free_spares(context);
    }
}

struct fu_context *fu_context_keep(struct fu_context *context) {
    context->references++;
    return context;
}

void fu_context_drop(struct fu_context *context) {
    if (--context->references > 0) {
        return;
    }
    fu_http_close(&context->http);
    free_spares(context);
    fusioo_need need;
    while (fu_need_take(context, &need)) {
    }
    fu_wipe(context, sizeof *context);
    fu_free(context);
}

double fu_context_now(const struct fu_context *context) {
    return fu_clock_now(&context->http.clock);
}

void fu_patience_set(const struct fu_context *context, struct fu_patience *patience, double seconds) {
    patience->until = fu_context_now(context) + seconds;
    patience->absent = context->http.absent;
}

bool fu_patience_is_over(const struct fu_context *context, struct fu_patience *patience) {
    double now = fu_context_now(context);
    double longer = patience->absent >= 0 ? context->http.absent - patience->absent : 0;
    if (now >= patience->until && longer > 0) {
        patience->until = now + longer;
        patience->absent = -1;
    }
    return now >= patience->until;
}

uint64_t fu_context_number(struct fu_context *context) {
    return ++context->last_id;
}

/* ---- The queue ---- */

void fu_need_post(struct fu_context *context, struct fu_need *need) {
    if (need->place != NULL) {
        return;
    }
    need->next = NULL;
    need->place = context->needs_end;
    *context->needs_end = need;
    context->needs_end = &need->next;
}

void fu_need_withdraw(struct fu_context *context, struct fu_need *need) {
    if (need->place == NULL) {
        return;
    }
    *need->place = need->next;
    if (need->next != NULL) {
        need->next->place = need->place;
    } else {
        context->needs_end = need->place;
    }
    need->place = NULL;
}

bool fu_need_take(struct fu_context *context, fusioo_need *taken) {
    fu_free(context->shown);
    context->shown = NULL;
    struct fu_need *need = context->needs;
    if (need == NULL) {
        return false;
    }
    fu_need_withdraw(context, need);
    *taken = need->need;
    if (need->is_own) {
        context->shown = need; /* an event's texts are read by the taker */
    }
    return true;
}

/* ---- Events ---- */

/* An event in the queue owns copies of its texts: what it tells of may be gone when it is read. */
struct event_need {
    struct fu_need need; /* first, so that freeing the need frees all */
    fusioo_error error;
    char texts[];
};

static char *copy_text(char *target, const char *text, const char **copy) {
    if (text == NULL) {
        return target;
    }
    size_t size = strlen(text) + 1;
    memcpy(target, text, size);
    *copy = target;
    return target + size;
}

static size_t size_of(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

void fu_event_post(struct fu_context *context, uint64_t client, const fusioo_event *event) {
    size_t size = size_of(event->method) + size_of(event->path) + size_of(event->tag) + size_of(event->why);
    struct event_need *need = fu_malloc(sizeof *need + size);
    if (need == NULL) {
        return;
    }
    memset(need, 0, sizeof *need);
    need->need.is_own = true;
    need->need.need = (fusioo_need){.kind = FUSIOO_NEED_EVENT, .client = client, .event = *event};
    fusioo_event *copy = &need->need.need.event;
    char *target = need->texts;
    target = copy_text(target, event->method, &copy->method);
    target = copy_text(target, event->path, &copy->path);
    target = copy_text(target, event->tag, &copy->tag);
    copy_text(target, event->why, &copy->why);
    if (event->error != NULL) {
        need->error = *event->error;
        copy->error = &need->error;
    }
    fu_need_post(context, &need->need);
}
