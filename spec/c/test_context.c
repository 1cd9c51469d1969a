/* test_context.c: the queue of needs, and the memory of pages that is used again. Must not know: the network, calls. */
#include "context.h"

#include "error.h"

#include "test.h"

static struct fu_context *context;

static int set_up(void **state) {
    (void)state;
    context = fu_context_new(fu_clock_system(), NULL);
    return context != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    fu_context_drop(context);
    return 0;
}

static struct fu_need need_of(uint64_t id) {
    return (struct fu_need){.need = {.kind = FUSIOO_NEED_READY, .id = id}};
}

static void assert_next(uint64_t id) {
    fusioo_need need = {.id = 0};
    if (id == 0) {
        assert_false(fu_need_take(context, &need));
        return;
    }
    assert_true(fu_need_take(context, &need));
    assert_int_equal(need.id, id);
}

/* ---- Needs ---- */

static void needs_come_in_their_order_and_once(void **state) {
    (void)state;
    struct fu_need needs[4];
    assert_next(0);
    for (size_t i = 0; i < COUNT(needs); i++) {
        needs[i] = need_of(i + 1);
        fu_need_post(context, &needs[i]);
    }
    fu_need_post(context, &needs[0]); /* is in it: stays where it is */
    assert_next(1);
    fu_need_post(context, &needs[0]); /* came out: goes to the end */
    assert_next(2);
    assert_next(3);
    assert_next(4);
    assert_next(1);
    assert_next(0);
}

static void a_need_can_be_withdrawn_anywhere(void **state) {
    (void)state;
    for (unsigned gone = 0; gone < 8; gone++) { /* a bit for each that goes */
        struct fu_need needs[3];
        for (size_t i = 0; i < COUNT(needs); i++) {
            needs[i] = need_of(i + 1);
            fu_need_post(context, &needs[i]);
        }
        for (size_t i = 0; i < COUNT(needs); i++) {
            if ((gone >> i & 1) != 0) {
                fu_need_withdraw(context, &needs[i]);
                fu_need_withdraw(context, &needs[i]); /* is not in it: nothing happens */
            }
        }
        struct fu_need last = need_of(9);
        fu_need_post(context, &last);
        for (size_t i = 0; i < COUNT(needs); i++) {
            if ((gone >> i & 1) == 0) {
                assert_next(i + 1);
            }
        }
        assert_next(9);
        assert_next(0);
    }
}

/* ---- Events ---- */

static void an_event_owns_what_it_tells(void **state) {
    (void)state;
    char method[] = "POST";
    char path[] = "/v3/apps";
    char tag[] = "sync";
    char why[] = "window";
    fusioo_error error;
    fu_error_set(&error, FUSIOO_TIMEOUT, "too long");
    fusioo_event event = {
        .type = FUSIOO_EVENT_RETRY,
        .method = method,
        .path = path,
        .tag = tag,
        .attempt = 2,
        .status = 503,
        .seconds = 1.5,
        .bytes = 77,
        .why = why,
        .error = &error,
    };
    fu_event_post(context, 42, &event);
    memset(method, '#', sizeof method);
    memset(path, '#', sizeof path);
    memset(tag, '#', sizeof tag);
    memset(why, '#', sizeof why);
    memset(&error, '#', sizeof error);
    fusioo_need need;
    assert_true(fu_need_take(context, &need));
    assert_int_equal(need.kind, FUSIOO_NEED_EVENT);
    assert_int_equal(need.client, 42);
    assert_int_equal(need.event.type, FUSIOO_EVENT_RETRY);
    assert_string_equal(need.event.method, "POST");
    assert_string_equal(need.event.path, "/v3/apps");
    assert_string_equal(need.event.tag, "sync");
    assert_string_equal(need.event.why, "window");
    assert_int_equal(need.event.attempt, 2);
    assert_int_equal(need.event.status, 503);
    assert_seconds(need.event.seconds, 1.5);
    assert_int_equal(need.event.bytes, 77);
    assert_int_equal(need.event.error->kind, FUSIOO_TIMEOUT);
    assert_string_equal(need.event.error->message, "too long");
    assert_next(0);
}

static void an_event_may_tell_nothing(void **state) {
    (void)state;
    fusioo_event event = {.type = FUSIOO_EVENT_WAIT, .path = ""};
    fusioo_need need;
    fu_event_post(context, 1, &event);
    assert_true(fu_need_take(context, &need));
    assert_null(need.event.method);
    assert_string_equal(need.event.path, "");
    assert_null(need.event.tag);
    assert_null(need.event.why);
    assert_null(need.event.error);
}

static void events_and_needs_share_one_order(void **state) {
    (void)state;
    struct fu_need ready = need_of(5);
    fusioo_need need;
    fu_event_post(context, 1, &(fusioo_event){.tag = "a"});
    fu_need_post(context, &ready);
    fu_event_post(context, 2, &(fusioo_event){.tag = "b"});
    fu_event_post(context, 3, &(fusioo_event){.tag = "c"});
    assert_true(fu_need_take(context, &need));
    assert_string_equal(need.event.tag, "a");
    fu_event_post(context, 4, &(fusioo_event){.tag = "d"}); /* the taken one still lives */
    assert_string_equal(need.event.tag, "a");
    assert_next(5);
    assert_true(fu_need_take(context, &need));
    assert_string_equal(need.event.tag, "b");
    /* The others are freed with the context: a leak checker sees whether they are. */
}

/* ---- Numbers and references ---- */

static void numbers_name_one_thing(void **state) {
    (void)state;
    uint64_t first = fu_context_number(context);
    assert_true(first > 0);
    assert_true(fu_context_number(context) == first + 1);
    assert_ptr_equal(fu_context_keep(context), context);
    fu_context_drop(context);
    assert_true(fu_context_number(context) == first + 2); /* one reference is left */
}

/* ---- Spare memory ---- */

static struct fu_buffer buffer_of(size_t capacity) {
    struct fu_buffer buffer = FU_BUFFER_EMPTY;
    assert_true(fu_buffer_reserve(&buffer, capacity - 1));
    fu_buffer_puts(&buffer, "old");
    return buffer;
}

static void the_memory_of_a_page_is_used_again(void **state) {
    (void)state;
    struct fu_buffer page = buffer_of(200 << 10);
    struct fu_buffer next = FU_BUFFER_EMPTY;
    const char *memory = page.data;
    context->under_way = 1;
    fu_context_give_spare(context, &page);
    assert_null(page.data);
    assert_int_equal(page.capacity, 0);
    fu_context_take_spare(context, &next);
    assert_ptr_equal(next.data, memory);
    assert_int_equal(next.size, 0);
    assert_string_equal(next.data, "");
    fu_context_take_spare(context, &page);
    assert_null(page.data); /* there was one */
    fu_context_give_spare(context, &next);
    struct fu_buffer full = buffer_of(10);
    fu_context_take_spare(context, &full); /* has memory of its own */
    assert_string_equal(full.data, "old");
    fu_context_give_spare(context, &full);
    context->under_way = 0;
    fu_context_give_spare(context, &page);
    assert_int_equal(context->spare_count, 0); /* an idle engine keeps nothing */
}

static void memory_is_kept_for_a_few_usual_pages_alone(void **state) {
    (void)state;
    context->under_way = 1;
    for (int i = 0; i < 50; i++) {
        struct fu_buffer page = buffer_of(100 << 10);
        struct fu_buffer small = buffer_of(100);
        struct fu_buffer large = buffer_of(8 << 20);
        fu_context_give_spare(context, &small);
        fu_context_give_spare(context, &large);
        assert_int_equal(context->spare_count, i < (int)COUNT(context->spare) ? i : (int)COUNT(context->spare));
        fu_context_give_spare(context, &page);
    }
    context->under_way = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(needs_come_in_their_order_and_once), TEST(a_need_can_be_withdrawn_anywhere),
        TEST(an_event_owns_what_it_tells),        TEST(an_event_may_tell_nothing),
        TEST(events_and_needs_share_one_order),   TEST(numbers_name_one_thing),
        TEST(the_memory_of_a_page_is_used_again), TEST(memory_is_kept_for_a_few_usual_pages_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
