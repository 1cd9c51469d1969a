/* test_http.c: what a Retry-After header asks for, and what a step with a budget hands to libcurl. How transfers go
 * needs a server: the Lua specs have one. */
#include "buffer.h"
#include "clock.h"
#include "headers.h"
#include "http.h"
#include "sockets.h"
#include "transfer.h"

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples. */
#define DATE 784111777.0

/* The value in a block of its own size: it is a piece of a header, and no NUL follows. */
static double read_value(const char *value, size_t size, double wall) {
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, value, size);
    double wait = fu_retry_after_read(copy, size, wall);
    free(copy);
    return wait;
}

#define READ(literal, wall) read_value(literal, sizeof(literal) - 1, wall)

static void reads_seconds(void **state) {
    (void)state;
    assert_seconds(READ("0", 0), 0);
    assert_seconds(READ("120", 0), 120);
    assert_seconds(READ("007", 0), 7);
    assert_seconds(READ(" 3600\r\n", 0), 3600);
    assert_seconds(READ(" \t 5 \t\r\n", 0), 5);
    assert_seconds(READ("5\n", 0), 5);
}

static void huge_seconds_stay_huge_and_finite(void **state) {
    (void)state;
    double wait = READ("99999999999999999999999999999999999999999999999999", 0);
    assert_true(isfinite(wait) && wait >= 1e9);
    wait = READ("1000000000000", 0);
    assert_true(isfinite(wait) && wait >= 1e9);
    assert_seconds(READ("999999999", 0), 999999999);
}

static void reads_the_three_forms_of_a_date(void **state) {
    (void)state;
    assert_seconds(READ("Sun, 06 Nov 1994 08:49:37 GMT", DATE - 90), 90);
    assert_seconds(READ("Sunday, 06-Nov-94 08:49:37 GMT", DATE - 90), 90);
    assert_seconds(READ("Sun Nov  6 08:49:37 1994", DATE - 90), 90);
    assert_seconds(READ("  Sun, 06 Nov 1994 08:49:37 GMT \r\n", DATE - 0.5), 0.5);
}

static void a_date_that_is_over_is_now(void **state) {
    (void)state;
    assert_seconds(READ("Sun, 06 Nov 1994 08:49:37 GMT", DATE), 0);
    assert_seconds(READ("Sun, 06 Nov 1994 08:49:37 GMT", DATE + 1e6), 0);
    assert_seconds(READ("Thu, 01 Jan 1970 00:00:00 GMT", 1.7e9), 0);
}

static void what_is_neither_says_nothing(void **state) {
    (void)state;
    assert_true(READ("", 0) < 0);
    assert_true(READ(" \t \r\n", 0) < 0);
    assert_true(READ("-1", 0) < 0);
    assert_true(READ("+5", 0) < 0);
    assert_true(READ("1.5", 0) < 0);
    assert_true(READ("1e3", 0) < 0);
    assert_true(READ("0x10", 0) < 0);
    assert_true(READ("5s", 0) < 0);
    assert_true(READ("5 seconds", 0) < 0);
    assert_true(READ("120, 240", 0) < 0);
    assert_true(READ("soon", 0) < 0);
    assert_true(READ("nan", 0) < 0);
    assert_true(READ("inf", 0) < 0);
    assert_true(READ("Sun, 99 Nov 1994 08:49:37 GMT", 0) < 0);
    assert_true(READ("1\0"
                     "2",
                     0) < 0);
    assert_true(READ("Sun, 06 Nov 1994 08:49:37 GMT and some more words that no date ever had, really none", 0) < 0);
}

/* ---- Steps with a budget ---- */

enum { SEVERAL = 4 };

/* A server that takes connections and never answers. Returns its descriptor, writes its address to `url`. */
static int listen_silently(char *url, size_t room) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, size), 0);
    assert_int_equal(listen(fd, SEVERAL), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &size), 0);
    snprintf(url, room, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return fd;
}

static void never_done(void *owner, const struct fu_http_outcome *outcome) {
    (void)owner;
    fail_msg("a transfer ended: %s", outcome->message);
}

static int handed_over(struct fu_transfer *const *transfers) {
    int count = 0;
    for (int i = 0; i < SEVERAL; i++) {
        count += transfers[i]->added;
    }
    return count;
}

static void a_budget_hands_over_one_request_at_a_time(void **state) {
    (void)state;
    struct fu_http http;
    fusioo_error error;
    char url[64];
    int server = listen_silently(url, sizeof url);
    assert_true(fu_http_open(&http, fu_clock_system(), &error));
    struct fu_http_request request = {
        .method = "GET", .url = url, .plain = true, .connect_timeout = 60, .idle_timeout = 60, .max_body = 1000};
    struct fu_buffer bodies[SEVERAL] = {{0}};
    struct fu_transfer *transfers[SEVERAL];
    for (int i = 0; i < SEVERAL; i++) {
        transfers[i] = fu_http_start(&http, &request, &bodies[i], never_done, NULL, &error);
        assert_non_null(transfers[i]);
    }
    assert_int_equal(handed_over(transfers), 0);
    assert_seconds(fu_http_timeout(&http), 0);

    fu_http_step(&http, 0);
    assert_int_equal(handed_over(transfers), 1);
    assert_true(transfers[0]->added);

    /* One that waits in the middle, and the last one: both leave, and were never sent. */
    assert_int_equal(fu_http_cancel(transfers[3]), 0);
    assert_int_equal(fu_http_cancel(transfers[1]), 0);
    transfers[1] = transfers[3] = fu_http_start(&http, &request, &bodies[1], never_done, NULL, &error);
    assert_non_null(transfers[1]);
    assert_true(http.to_add == transfers[2] && transfers[2]->next_to_add == transfers[1]);

    fu_http_step(&http, -1);
    assert_int_equal(handed_over(transfers), SEVERAL);
    assert_null(http.to_add);
    fu_http_close(&http);
    close(server);
}

/* ---- The time limit on silence ---- */

enum { UPLOAD = 600 * 1000, IDLE = 60 };

static double idle_now;

static double read_idle_now(void *nobody) {
    (void)nobody;
    return idle_now;
}

static void note_outcome(void *owner, const struct fu_http_outcome *outcome) {
    *(struct fu_http_outcome *)owner = *outcome;
}

static int unsent_of(struct fu_http *http) {
    int unsent = 0;
    for (size_t i = 0; i < http->socket_count; i++) {
        unsent += fu_sockets_unsent(http, http->sockets[i].local_port, http->sockets[i].remote_port);
    }
    return unsent;
}

/* Reads at least `least` bytes, all that came by then. */
static void read_some(int peer, size_t least) {
    char bytes[4096];
    size_t got = 0;
    while (got < least) {
        ssize_t size = recv(peer, bytes, sizeof bytes, 0);
        assert_true(size > 0);
        got += (size_t)size;
    }
}

/* Takes the connection of an upload, and lets it go on until the system takes no more of it. */
static int take_upload(struct fu_http *http, int server) {
    int peer = -1;
    while (peer < 0) {
        fu_http_step(http, -1);
        peer = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    assert_int_equal(fcntl(peer, F_SETFL, 0), 0);
    for (int left = -1, before = 0; left != before || left == 0; usleep(1000)) {
        fu_http_step(http, -1);
        before = left;
        left = unsent_of(http);
    }
    return peer;
}

static void what_the_system_still_sends_is_not_silence(void **state) {
    (void)state;
    struct fu_http http;
    fusioo_error error;
    char url[64];
    int room = 8192;
    idle_now = 1000;
    int server = listen_silently(url, sizeof url);
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    assert_true(fu_http_open(&http, (struct fu_clock){.now = read_idle_now}, &error));
    char *body = calloc(1, UPLOAD);
    struct fu_http_request request = {.method = "PUT",
                                      .url = url,
                                      .body = body,
                                      .body_size = UPLOAD,
                                      .plain = true,
                                      .repeatable = true,
                                      .connect_timeout = 1e6,
                                      .idle_timeout = IDLE,
                                      .max_body = 1000};
    struct fu_buffer answer = {0};
    struct fu_http_outcome outcome = {.message = ""};
    assert_non_null(fu_http_start(&http, &request, &answer, note_outcome, &outcome, &error));
    int peer = take_upload(&http, server);

    /* The reader takes some in each idle time: that can go on for ever, whether libcurl has something left or not. */
    for (int i = 0; i < 8; i++) {
        int before = unsent_of(&http);
        assert_true(before > 0);
        read_some(peer, 40000);
        while (unsent_of(&http) >= before) {
            usleep(1000); /* the confirmation is on its way */
        }
        idle_now += IDLE * 0.7;
        fu_http_step(&http, -1);
        assert_string_equal(outcome.message, "");
        assert_non_null(http.first);
    }

    /* Nobody takes anything: it is over after one idle time, and a look. */
    assert_true(unsent_of(&http) > 0);
    for (int i = 0; i < 3; i++) {
        idle_now += IDLE * 0.5;
        fu_http_step(&http, -1);
    }
    assert_int_equal(outcome.kind, FUSIOO_TIMEOUT);
    assert_null(http.first);
    assert_non_null(strstr(outcome.message, "timeout.idle"));
    fu_http_close(&http);
    fu_buffer_free(&answer);
    free(body);
    close(peer);
    close(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_seconds),
        cmocka_unit_test(huge_seconds_stay_huge_and_finite),
        cmocka_unit_test(reads_the_three_forms_of_a_date),
        cmocka_unit_test(a_date_that_is_over_is_now),
        cmocka_unit_test(what_is_neither_says_nothing),
        cmocka_unit_test(a_budget_hands_over_one_request_at_a_time),
        cmocka_unit_test(what_the_system_still_sends_is_not_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
