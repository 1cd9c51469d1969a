/* oauth_program.h: programs that sign in at a small server over real connections, and keep their token in a file. For
 * tests in one process; several programs of it stand for several processes. */
#ifndef FU_OAUTH_PROGRAM_H
#define FU_OAUTH_PROGRAM_H

#include "fusioo.h"

#include "failing_heap.h"
#include "small_server.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct small_server server;
static char folder[64];
static char path[96];
static fusioo_error error;

/* One program: an engine, a sign-in, a client that uses it. */
struct program {
    fusioo_engine *engine;
    fusioo_oauth *oauth;
    fusioo_client *client;
};

static inline fusioo_oauth *sign_in(struct program *program, fusioo_grant grant) {
    char url[96];
    fusioo_oauth_options options;
    fusioo_oauth_options_init(&options);
    snprintf(url, sizeof url, "%s/oauth/token", server.url);
    options.client_id = "an-application";
    options.client_secret = "cs-" SERVER_SECRET;
    options.username = "somebody";
    options.password = "pw-" SERVER_SECRET;
    options.redirect_uri = "http://127.0.0.1:9/back";
    options.token_url = url;
    options.grant = grant;
    options.store = FUSIOO_STORE_FILE;
    options.store_file = path;
    options.total_timeout = 20; /* a test that fails does not take minutes */
    return fusioo_oauth_new(program->engine, &options, &error);
}

static inline bool begin(struct program *program, fusioo_grant grant) {
    fusioo_options options;
    fusioo_options_init(&options);
    options.base_url = server.url;
    options.rate_ledger = "";
    options.rate_calls = 100000;
    options.retry_base = options.retry_cap = 0.001;
    *program = (struct program){.engine = fusioo_engine_new(&error)};
    program->oauth = program->engine != NULL ? sign_in(program, grant) : NULL;
    options.auth = program->oauth;
    program->client = program->oauth != NULL ? fusioo_client_new(program->engine, &options, &error) : NULL;
    return program->client != NULL;
}

static inline void end(struct program *program) {
    fusioo_client_free(program->client);
    fusioo_oauth_free(program->oauth);
    fusioo_engine_free(program->engine);
}

static inline int tokens(void) {
    return atomic_load(&server.counts->tokens);
}

/* The service refuses every access token that it has given. */
static inline void refuse_all(void) {
    atomic_store(&server.counts->revoked, tokens());
}

static inline int prepare(void **state) {
    (void)state;
    unlink(path);
    atomic_store(&server.counts->tokens, 0);
    atomic_store(&server.counts->revoked, 0);
    return 0;
}

/* Waits for the answer; the number of the access token, 0: there is none, and `error` says why. */
static inline long await(fusioo_ask *ask) {
    fusioo_token token;
    long number = 0;
    if (ask == NULL) {
        return 0;
    }
    assert_true(fusioo_ask_wait(ask));
    if (fusioo_ask_result(ask, &token, &error)) {
        assert_memory_equal(token.access_token, "at-", 3);
        number = strtol(token.access_token + 3, NULL, 10);
    }
    fusioo_ask_free(ask);
    return number;
}

/* The number of the access token in the store; 0: there is none. */
static inline long kept(void) {
    char text[512] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    const char *at = strstr(text, "\"at-");
    assert_true(size == 0 || (at != NULL && strstr(text, "}\n") != NULL)); /* whole, or nothing */
    return at != NULL ? strtol(at + 4, NULL, 10) : 0;
}

static inline bool ping(struct program *program) {
    fusioo_result result;
    fusioo_call *call = fusioo_call_start(program->client, FUSIOO_GET_APPS, NULL, 0, NULL, &error);
    if (call == NULL) {
        return false;
    }
    assert_true(fusioo_call_wait(call));
    bool good = fusioo_call_result(call, &result, &error);
    fusioo_call_free(call);
    return good;
}

/* A question whose request the service has carried out, and whose answer is not there yet. It may come too quickly:
 * then another one is asked. */
static inline fusioo_ask *begin_refresh(struct program *program) {
    for (;;) {
        int before = tokens();
        fusioo_ask *ask = fusioo_oauth_refresh(program->oauth, &error);
        while (tokens() == before) {
            fusioo_engine_step(program->engine, 0);
        }
        if (!fusioo_ask_done(ask)) {
            return ask;
        }
        fusioo_ask_free(ask);
    }
}

static inline int open_folder(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    heaps_open();
    core_secret = SERVER_SECRET;
    snprintf(folder, sizeof folder, "%s/oauth.XXXXXX", base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(folder) == NULL || server_start(&server) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/token", folder);
    return 0;
}

static inline int close_folder(void **state) {
    (void)state;
    server_stop(&server);
    unlink(path);
    return rmdir(folder);
}

#endif
