/* test_allocator.c: the program's own functions in malloc's place. Must not know: what is allocated for. */
#include "fusioo.h"

#include "test.h"

#include <curl/curl.h>
#include <dlfcn.h>

static long live, taken;
static int starts_to_fail;

static void *take(size_t size) {
    taken++;
    live++;
    return malloc(size);
}

static void *change(void *block, size_t size) {
    taken++;
    live += block == NULL;
    return realloc(block, size);
}

static void give_back(void *block) {
    live -= block != NULL;
    free(block);
}

/* Stands before libcurl's own. */
CURLcode curl_global_init_mem(long flags, curl_malloc_callback m, curl_free_callback f, curl_realloc_callback r,
                              curl_strdup_callback s, curl_calloc_callback c) {
    CURLcode (*original)(long, curl_malloc_callback, curl_free_callback, curl_realloc_callback, curl_strdup_callback,
                         curl_calloc_callback);
    if (starts_to_fail > 0) {
        starts_to_fail--;
        return CURLE_OUT_OF_MEMORY;
    }
    *(void **)&original = dlsym(RTLD_NEXT, "curl_global_init_mem");
    return original(flags, m, f, r, s, c);
}

static fusioo_kind kind_of_a_call(fusioo_client *client) {
    fusioo_error error = {.kind = FUSIOO_OK};
    fusioo_result result;
    fusioo_call *call = fusioo_call_start(client, FUSIOO_PING, NULL, 0, NULL, &error);
    assert_non_null(call);
    while (!fusioo_call_wait(call)) {
    }
    bool good = fusioo_call_result(call, &result, &error);
    fusioo_call_free(call);
    return good ? FUSIOO_OK : error.kind;
}

static void libcurl_is_started_once_there_is_memory(void **state) {
    (void)state;
    static const fusioo_allocator allocator = {take, change, give_back};
    fusioo_options options;
    fusioo_error error;
    fusioo_set_allocator(&allocator);
    fusioo_options_init(&options);
    options.base_url = "http://127.0.0.1:1"; /* nobody listens there */
    options.token = "a-token";
    options.retry_attempts = 1;
    fusioo_engine *engine = fusioo_engine_new(&error);
    assert_non_null(engine);
    starts_to_fail = 2; /* for the client, and for its first call */
    fusioo_client *client = fusioo_client_new(engine, &options, &error);
    assert_non_null(client);
    assert_int_equal(kind_of_a_call(client), FUSIOO_MEMORY);
    assert_int_equal(kind_of_a_call(client), FUSIOO_NETWORK);
    fusioo_client_free(client);
    fusioo_engine_free(engine);
    assert_int_equal(live, 0);
}

static void libcurl_takes_its_memory_from_there_too(void **state) {
    (void)state;
    long before = taken;
    char *text = curl_easy_escape(NULL, "a b", 0);
    assert_string_equal(text, "a%20b");
    assert_true(taken > before);
    assert_true(live > 0);
    curl_free(text);
    assert_int_equal(live, 0);
}

static void malloc_comes_back(void **state) {
    (void)state;
    fusioo_error error;
    long before = taken;
    fusioo_set_allocator(NULL);
    fusioo_engine *engine = fusioo_engine_new(&error);
    assert_non_null(engine);
    fusioo_engine_free(engine);
    assert_int_equal(taken, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libcurl_is_started_once_there_is_memory),
        cmocka_unit_test(libcurl_takes_its_memory_from_there_too),
        cmocka_unit_test(malloc_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
