/* token_service.h: a token endpoint, in a few lines, that stands in for the HTTP floor, and clocks of the test's own: a
 * program that includes this links without libcurl's part of the core. Must not know: libcurl, sockets. */
#ifndef FU_TOKEN_SERVICE_H
#define FU_TOKEN_SERVICE_H

#include "ask.h"
#include "client.h"
#include "error.h"
#include "oauth.h"

#include "test.h"

struct fu_transfer {
    struct fu_buffer *body;
    fu_http_done *done;
    void *owner;
    double idle_timeout;
    char form[2048];
};

static struct fu_transfer *under_way;
static int requests;
static struct fu_context *context;
static fusioo_oauth *oauth;
static fusioo_error why;
static double now, wall;

/* ---- The HTTP floor ---- */

bool fu_http_open(struct fu_http *http, struct fu_clock clock, fusioo_error *error) {
    (void)error;
    memset(http, 0, sizeof *http);
    http->clock = clock;
    return true;
}

void fu_http_close(struct fu_http *http) {
    (void)http;
}

void fu_http_arm(struct fu_http *http) {
    (void)http;
}

struct fu_transfer *fu_http_start(struct fu_http *http, const struct fu_http_request *request, struct fu_buffer *body,
                                  fu_http_done *done, void *owner, fusioo_error *error) {
    (void)http;
    (void)error;
    assert_null(under_way); /* one at a time */
    under_way = calloc(1, sizeof *under_way);
    assert_non_null(under_way);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->url, "https://connect.fusioo.com/oauth/token");
    assert_string_equal(request->content_type, "application/x-www-form-urlencoded");
    assert_null(request->bearer);
    assert_true(request->body_size < sizeof under_way->form);
    memcpy(under_way->form, request->body, request->body_size);
    under_way->body = body;
    under_way->done = done;
    under_way->owner = owner;
    under_way->idle_timeout = request->idle_timeout;
    requests++;
    return under_way;
}

unsigned fu_http_cancel(struct fu_transfer *transfer) {
    assert_ptr_equal(transfer, under_way);
    free(transfer);
    under_way = NULL;
    return 1;
}

/* ---- Moving ---- */

static inline void move(void) {
    fu_timers_run(&context->http.timers, now);
}

/* Lets time pass, by both clocks. */
static inline void pass(double seconds) {
    for (double end = now + seconds; now < end;) {
        double next = fu_timers_next(&context->http.timers);
        double step = next >= 0 && next < end ? next - now : end - now;
        step = step > 0 ? step : 0;
        now += step;
        wall += step;
        move();
        if (next < 0 || next >= end) {
            break;
        }
    }
}

static inline void end_transfer(fusioo_kind kind, int status, const char *text) {
    struct fu_http_outcome outcome = {
        .kind = kind, .status = status, .sent = true, .requests = 1, .retry_after = -1, .message = "no network"};
    assert_non_null(under_way);
    struct fu_transfer ended = *under_way;
    free(under_way);
    under_way = NULL;
    fu_buffer_puts(ended.body, text);
    ended.done(ended.owner, &outcome);
}

/* The service gives the token `number`. */
static inline void give(int number, int life) {
    char text[256];
    snprintf(
        text, sizeof text,
        "{\"access_token\":\"access-%d\",\"token_type\":\"bearer\",\"refresh_token\":\"refresh-%d\",\"expires_in\":"
        "%d}",
        number, number, life);
    end_transfer(FUSIOO_OK, 200, text);
}

static inline void refuse(const char *code) {
    char text[128];
    snprintf(text, sizeof text, "{\"error\":\"%s\"}", code);
    end_transfer(FUSIOO_OK, 400, text);
}

/* The number of the token that a question brought; 0: it failed, -1: no answer yet. Frees a question that is answered.
 */
static inline int number_of(fusioo_ask *ask) {
    fusioo_token token;
    int number = 0;
    if (!fusioo_ask_done(ask)) {
        return -1;
    }
    if (fusioo_ask_result(ask, &token, &why)) {
        assert_memory_equal(token.access_token, "access-", 7);
        number = (int)strtol(token.access_token + 7, NULL, 10);
    }
    fusioo_ask_free(ask);
    return number;
}

static uint64_t asked; /* the number of the last need of a store */

/* The next need of the store, which is for this; events are passed over, and ends of work that nobody waits for. */
static inline void take_store_need(fusioo_store_need wanted) {
    fusioo_need need;
    do {
        assert_true(fu_need_take(context, &need));
    } while (need.kind != FUSIOO_NEED_STORE || (need.store == FUSIOO_STORE_END && wanted != FUSIOO_STORE_END));
    assert_int_equal(need.client, fusioo_oauth_id(oauth));
    assert_int_equal(need.store, wanted);
    asked = need.id;
}

/* Lets it have read `token`; NULL: it has none. */
static inline void load(const fusioo_token *token) {
    take_store_need(FUSIOO_STORE_LOAD);
    fusioo_oauth_loaded(oauth, asked, token, NULL);
}

static inline fusioo_ask *ask_token(void) {
    fusioo_ask *ask = fusioo_oauth_token(oauth, &why);
    assert_non_null(ask);
    move();
    return ask;
}

/* Asks for another token than there is. */
static inline fusioo_ask *ask_other(void) {
    fusioo_ask *ask = fusioo_oauth_refresh(oauth, &why);
    assert_non_null(ask);
    move();
    return ask;
}

/* Brings the code of a redirect. NULL: `why` says why not. */
static inline fusioo_ask *finish_sign_in(void) {
    char state[FUSIOO_STATE_SIZE];
    char url[128];
    if (fusioo_oauth_authorize_url(oauth, state, &why) == NULL) {
        return NULL;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:9/back?code=c&state=%s", state);
    return fusioo_oauth_finish(oauth, url, state, &why);
}

/* Is the token still good, without a request? */
static inline bool is_good(int number) {
    fusioo_ask *ask = ask_token();
    bool good = fusioo_ask_done(ask);
    if (good) {
        assert_int_equal(number_of(ask), number);
        return true;
    }
    assert_non_null(under_way);
    fusioo_ask_cancel(ask);
    fusioo_ask_free(ask);
    return false;
}

/* ---- A call ---- */

struct api_call {
    struct fu_ask ask;
    struct fusioo_client client;
    bool told;
    int number; /* of the token; 0: there was none */
    fusioo_error error;
};

static inline void on_call_told(struct fu_ask *ask, const struct fu_token *token, const fusioo_error *error) {
    struct api_call *caller = (struct api_call *)(void *)ask;
    caller->told = true;
    caller->number = 0;
    fu_error_clear(&caller->error, FUSIOO_OK);
    if (token == NULL) {
        caller->error = *error;
    } else {
        assert_memory_equal(token->access, "access-", 7);
        caller->number = (int)strtol(token->access + 7, NULL, 10);
    }
}

/* Asks for a token, as a call does whose client waits so long; `refused`: the token that the API has refused. */
static inline void call_again(struct api_call *caller, double seconds, const char *refused) {
    memset(caller, 0, sizeof *caller);
    caller->client.total_timeout = seconds;
    caller->ask =
        (struct fu_ask){.want = FU_WANT_TOKEN, .client = &caller->client, .refused = refused, .told = on_call_told};
    caller->ask.redirect.token = (struct fu_token)FU_TOKEN_NONE;
    fu_oauth_ask(oauth, &caller->ask);
    move();
}

static inline void call_api(struct api_call *caller, double seconds) {
    call_again(caller, seconds, NULL);
}

static inline double read_now(void *data) {
    (void)data;
    return now;
}

static inline double read_wall(void *data) {
    (void)data;
    return wall;
}

static inline void make(fusioo_grant grant, fusioo_store store, bool locks) {
    fusioo_oauth_options options;
    fusioo_oauth_options_init(&options);
    options.client_id = "id";
    options.client_secret = "secret of the application";
    options.redirect_uri = "http://127.0.0.1:9/back";
    options.username = "me";
    options.password = "password of mine";
    options.grant = grant;
    options.store = store;
    options.store_locks = locks;
    options.events = true;
    oauth = fu_oauth_make(context, &options, &why);
    assert_non_null(oauth);
}

static inline int set_up(void **state) {
    (void)state;
    now = 5000;
    wall = 1.7e9;
    requests = 0;
    context = fu_context_new((struct fu_clock){.now = read_now, .wall = read_wall}, NULL);
    return context != NULL ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    fu_error_set(&why, FUSIOO_CANCELLED, "closed");
    fu_oauths_end(context, &why);
    fusioo_oauth_free(oauth);
    oauth = NULL;
    fu_context_drop(context);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
