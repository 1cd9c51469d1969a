/* test_allocation.c: every allocation of the core fails once, in turn, while a program reads and writes: there is an
 * error each time, nothing is lost or made twice without a word, nothing leaks, and the same client goes on. Must not
 * know: where the core allocates.
 *
 * Of libcurl's allocations only those fail here that make a transfer ready. When it has no memory to note a transfer at
 * its socket, libcurl 7.88 destroys the socket's table, leaves it in place and divides by its size, which is zero now,
 * when it looks there next (singlesocket in its multi.c): a program dies of that whatever the core does. */
#include "address.h"
#include "clock.h"
#include "error.h"
#include "http.h"

#include "failing_heap.h"
#include "small_server.h"

#include <dlfcn.h>

enum { PAGE = 20, UPLOAD = 3000, CHUNK = 1000 };

static struct small_server server;
static char folder[64];
static char ledger[80]; /* of one run */

/* One program, from its engine to its end. */
struct program {
    fusioo_engine *engine;
    fusioo_client *client;
    fusioo_error error;    /* why the last part failed */
    bool rate_error;       /* an empty window is an error: no wait may hide what went wrong */
    int created, uploaded; /* successes */
    int unknown;           /* errors of a create or an upload that say maybe_done */
};

/* ---- Moving ---- */

static void answer_needs(struct program *program) {
    fusioo_need need;
    while (fusioo_engine_next_need(program->engine, &need)) {
        if (need.kind == FUSIOO_NEED_TOKEN) {
            fusioo_engine_give_token(program->engine, need.id, "a-token-that-is-asked-for", NULL);
        }
    }
}

static void move(struct program *program) {
    fusioo_engine_poll(program->engine, -1);
    fusioo_engine_step(program->engine, -1);
    answer_needs(program);
}

/* Moves until the call has ended, and frees it. False: it failed. */
static bool finish(struct program *program, fusioo_call *call) {
    fusioo_result result;
    if (call == NULL) {
        return false;
    }
    fusioo_call_watch(call);
    while (!fusioo_call_done(call)) {
        move(program);
    }
    bool good = fusioo_call_result(call, &result, &program->error);
    assert_true(!good || result.data_size > 0);
    fusioo_call_free(call);
    return good;
}

/* ---- Reading ---- */

static bool read_list(struct program *program, const char *filter) {
    fusioo_query query = {.filter = filter, .filter_size = filter != NULL ? strlen(filter) : 0, .sort_by = "title"};
    fusioo_plan plan;
    fusioo_plan_init(&plan);
    plan.page_size = PAGE;
    fusioo_pager *pager =
        fusioo_pager_start(program->client, FUSIOO_GET_RECORDS, "i1", 2, &query, &plan, &program->error);
    fusioo_pager_state state = pager != NULL ? FUSIOO_PAGER_WAIT : FUSIOO_PAGER_FAILED;
    int count = 0;
    while (state == FUSIOO_PAGER_WAIT || state == FUSIOO_PAGER_ITEM) {
        fusioo_item item;
        state = fusioo_pager_next(pager, &item, &program->error);
        if (state == FUSIOO_PAGER_ITEM) {
            char id[32];
            int size = snprintf(id, sizeof id, "{\"id\":\"r%d\"", count++);
            assert_memory_equal(item.text, id, (size_t)size);
        } else if (state == FUSIOO_PAGER_WAIT) {
            fusioo_pager_watch(pager);
            move(program);
        }
    }
    fusioo_pager_free(pager);
    assert_true(state == FUSIOO_PAGER_FAILED || count == SERVER_RECORDS); /* a short list is never taken for whole */
    return state == FUSIOO_PAGER_END;
}

/* An error that is expected: its message needs memory, too, but may do without. */
static bool miss(struct program *program) {
    if (finish(program, fusioo_call_start(program->client, FUSIOO_GET_APP, "absent", 6, NULL, &program->error))) {
        fail_msg("what is absent was found");
    }
    return program->error.kind == FUSIOO_NOT_FOUND;
}

static bool read_all(struct program *program) {
    static const char filter[] = "{\"status\":{\"contains\":\"In Progress\"}}";
    fusioo_options options;
    fusioo_options_init(&options);
    options.token = "another-token";
    options.tag = "view";
    options.rate_ledger = ledger;
    fusioo_client *client = program->client;
    fusioo_client *view = fusioo_client_view(client, &options, &program->error);
    bool good = view != NULL && read_list(program, filter) && read_list(program, NULL) && miss(program) &&
                fusioo_client_set_endpoint(view, "get_app", "GET /apps/{app_id}", &program->error) &&
                finish(program, fusioo_call_start(view, FUSIOO_GET_APP, "i1", 2, NULL, &program->error));
    fusioo_client_free(view);
    return good;
}

/* ---- Writing ---- */

/* Notes what became of a write that must not be sent twice. */
static bool note(struct program *program, bool good, int *done) {
    *done += good;
    program->unknown += !good && program->error.maybe_done;
    return good;
}

static bool send_file(struct program *program) {
    char bytes[CHUNK];
    fusioo_source source = {.name = "plan \"a\".txt", .name_size = 12, .size = UPLOAD, .rewindable = true};
    fusioo_call *call = fusioo_call_upload(program->client, &source, &program->error);
    memset(bytes, 'u', sizeof bytes);
    while (call != NULL && !fusioo_call_done(call)) {
        int64_t offset;
        if (!fusioo_call_wants(call, &offset)) {
            fusioo_call_watch(call);
            move(program);
        } else if (!fusioo_call_give(call, bytes, sizeof bytes, &program->error)) {
            fusioo_call_free(call); /* the file was not whole: nothing was made of it */
            return false;
        }
    }
    return note(program, finish(program, call), &program->uploaded);
}

static bool check_file(const char *path) {
    char wanted[SERVER_FILE];
    char found[SERVER_FILE + 1];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    server_fill_file(wanted);
    assert_int_equal(fread(found, 1, sizeof found, file), SERVER_FILE);
    assert_memory_equal(found, wanted, SERVER_FILE);
    fclose(file);
    return unlink(path) == 0;
}

static bool take_chunks(struct program *program, fusioo_call *call, fusioo_file *file) {
    for (;;) {
        const char *bytes;
        size_t size;
        fusioo_chunk chunk = fusioo_call_take(call, &bytes, &size, &program->error);
        if (chunk == FUSIOO_CHUNK_WAIT) {
            fusioo_call_watch(call);
            move(program);
        } else if (chunk == FUSIOO_CHUNK_RESTART) {
            assert_true(fusioo_file_restart(file, &program->error));
        } else if (chunk == FUSIOO_CHUNK_BYTES) {
            assert_true(fusioo_file_write(file, bytes, size, &program->error));
        } else {
            return chunk == FUSIOO_CHUNK_END;
        }
    }
}

static bool fetch_file(struct program *program) {
    char path[128];
    snprintf(path, sizeof path, "%s/copy.txt", folder);
    fusioo_file *file = fusioo_file_create(path, &program->error);
    fusioo_call *call = file != NULL ? fusioo_call_download(program->client, "f1", 2, true, &program->error) : NULL;
    bool good = call != NULL && take_chunks(program, call, file);
    fusioo_call_free(call);
    if (!good) {
        fusioo_file_discard(file);
        assert_false(check_file(path)); /* no half file under its name */
        return false;
    }
    good = fusioo_file_commit(file, &program->error);
    assert_true(check_file(path) == good);
    return good;
}

static bool write_all(struct program *program) {
    static const char fields[] = "{\"title\":\"A\"}";
    fusioo_client *client = program->client;
    fusioo_error *error = &program->error;
    size_t size = sizeof fields - 1;
    fusioo_request request = {.method = "POST", .path = "/discussions/d1/comments", .body = fields, .body_size = size};
    return note(program, finish(program, fusioo_call_send(client, FUSIOO_CREATE_RECORD, "i1", 2, fields, size, error)),
                &program->created) &&
           finish(program, fusioo_call_send(client, FUSIOO_UPDATE_RECORD, "r1", 2, fields, size, error)) &&
           note(program, finish(program, fusioo_call_request(client, &request, error)), &program->created) &&
           finish(program, fusioo_call_start(client, FUSIOO_DELETE_RECORD, "r1", 2, NULL, error)) &&
           send_file(program) && fetch_file(program);
}

/* ---- One run ---- */

static bool begin(struct program *program) {
    fusioo_options options;
    unlink(ledger);
    fusioo_options_init(&options);
    options.base_url = server.url;
    options.token = "a-token";
    options.token_on_need = !program->rate_error;
    options.tag = "main";
    options.user_agent = "test";
    options.rate_ledger = ledger;
    options.events = true;
    options.rate_error = program->rate_error;
    options.retry_base = options.retry_cap = 0.001;
    options.idle_timeout = 5;
    options.concurrency = 3;
    program->engine = fusioo_engine_new(&program->error);
    program->client = program->engine != NULL ? fusioo_client_new(program->engine, &options, &program->error) : NULL;
    return program->client != NULL;
}

/* Runs `scenario` with the allocation number `n` of `heap` failing, and once more with all the memory it wants. False:
 * there is no allocation number `n`. */
static bool run(struct heap *heap, bool scenario(struct program *), bool rate_error, long n) {
    struct program program = {.rate_error = rate_error};
    long core_live = core_heap.live;
    long libcurl_live = libcurl_heap.live;
    int created = atomic_load(&server.counts->created);
    int uploaded = atomic_load(&server.counts->uploaded);
    heap_fail_at(heap, n);
    bool good = begin(&program) && scenario(&program);
    bool failed = heap->failed;
    heap_fail_at(heap, 0);
    if (!good && (!failed || program.error.kind != FUSIOO_MEMORY)) {
        char text[1024];
        fusioo_error_text(&program.error, text, sizeof text);
        fail_msg("allocation %ld: %s", n, text);
    }
    if (program.client != NULL) {
        bool again = scenario(&program);
        if (!again) {
            fail_msg("after allocation %ld: the client does not go on: %s", n, program.error.message);
        }
    }
    fusioo_client_free(program.client);
    fusioo_engine_free(program.engine);
    if (core_heap.live != core_live || libcurl_heap.live != libcurl_live) {
        fail_msg("allocation %ld: %ld blocks of the core and %ld of libcurl are left", n, core_heap.live - core_live,
                 libcurl_heap.live - libcurl_live);
    }
    server_settle(&server);
    int made = atomic_load(&server.counts->created) - created + atomic_load(&server.counts->uploaded) - uploaded;
    int known = program.created + program.uploaded;
    if (made < known || made > known + program.unknown) {
        fail_msg("allocation %ld: %d were made, %d are known and %d are in doubt", n, made, known, program.unknown);
    }
    return failed;
}

static void run_all(struct heap *heap, bool scenario(struct program *), const char *name) {
    long runs = 0;
    for (int rate_error = 0; rate_error < 2; rate_error++) {
        for (long n = 1; run(heap, scenario, rate_error, n); n++) {
            runs++;
        }
    }
    print_message("%s: %ld allocations failed, one in each run\n", name, runs);
    assert_true(runs > 100);
}

static void the_core_runs_out_of_memory_while_it_reads(void **state) {
    (void)state;
    run_all(&core_heap, read_all, "reading");
}

static void the_core_runs_out_of_memory_while_it_writes(void **state) {
    (void)state;
    run_all(&core_heap, write_all, "writing");
}

/* ---- libcurl ---- */

static void never_done(void *owner, const struct fu_http_outcome *outcome) {
    (void)owner;
    (void)outcome;
    fail_msg("a transfer ended that never began");
}

/* Makes a transfer ready and gives it up: libcurl parses, copies and lists, but connects nowhere. */
static bool prepare(struct program *program, struct fu_http *http) {
    struct fu_buffer body = FU_BUFFER_EMPTY;
    struct fu_http_request request = {
        .method = "PUT",
        .url = server.url,
        .bearer = "a-token",
        .body = "{}",
        .body_size = 2,
        .ca_file = "absent.pem",
        .proxy = "http://127.0.0.1:1",
        .user_agent = "test",
        .connect_timeout = 1,
        .idle_timeout = 1,
        .max_body = 100,
    };
    struct fu_transfer *transfer = fu_http_start(http, &request, &body, never_done, NULL, &program->error);
    if (transfer != NULL) {
        fu_http_cancel(transfer);
    }
    return transfer != NULL;
}

static bool make_ready(struct program *program) {
    struct fu_http http;
    if (!fu_http_open(&http, fu_clock_system(), &program->error)) {
        return false;
    }
    bool good = prepare(program, &http);
    fu_http_close(&http);
    /* In doubt an address is another's. */
    bool same = fu_address_same_origin("http://127.0.0.1:81/a", "http://127.0.0.1:81/b");
    assert_true(same || libcurl_heap.failed);
    assert_false(fu_address_same_origin("http://127.0.0.1:81/a", "http://127.0.0.1:82/a"));
    assert_false(fu_address_may_follow("http://example.com/"));
    if (!same) {
        fu_error_set(&program->error, FUSIOO_MEMORY, "not enough memory");
    }
    return good && same;
}

static void libcurl_runs_out_of_memory_while_transfers_are_made_ready(void **state) {
    (void)state;
    run_all(&libcurl_heap, make_ready, "libcurl");
}

static int actions_to_fail;

/* Stands before libcurl's own. */
CURLMcode curl_multi_socket_action(CURLM *multi_handle, curl_socket_t s, int ev_bitmask, int *running_handles) {
    static CURLMcode (*original)(CURLM *, curl_socket_t, int, int *);
    if (actions_to_fail > 0 && --actions_to_fail == 0) {
        return CURLM_OUT_OF_MEMORY;
    }
    if (original == NULL) {
        *(void **)&original = dlsym(RTLD_NEXT, "curl_multi_socket_action");
    }
    return original(multi_handle, s, ev_bitmask, running_handles);
}

/* libcurl says so and no more: what is under way would wait for a socket that nobody watches, until its time limit and
 * a repeat. Where that was the count alone, the list goes on without it. */
static void libcurl_cannot_note_a_socket(void **state) {
    (void)state;
    int failures = 0;
    for (int i = 1; i <= 20; i++) {
        struct program program = {.rate_error = true};
        fusioo_stats stats;
        assert_true(begin(&program));
        actions_to_fail = i;
        bool good = read_all(&program);
        bool failed = actions_to_fail == 0;
        actions_to_fail = 0;
        assert_true(good || (failed && program.error.kind == FUSIOO_MEMORY));
        assert_true(read_all(&program));
        fusioo_client_stats(program.client, &stats);
        assert_int_equal(stats.retries, 0);
        failures += !good;
        fusioo_client_free(program.client);
        fusioo_engine_free(program.engine);
    }
    assert_true(failures > 0);
}

/* ---- All of it ---- */

static int open_all(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/allocation-XXXXXX", base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (server_start(&server) != 0 || mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(ledger, sizeof ledger, "%s/ledger", folder);
    heaps_open();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    server_stop(&server);
    unlink(ledger);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_runs_out_of_memory_while_it_reads),
        cmocka_unit_test(the_core_runs_out_of_memory_while_it_writes),
        cmocka_unit_test(libcurl_runs_out_of_memory_while_transfers_are_made_ready),
        cmocka_unit_test(libcurl_cannot_note_a_socket),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
