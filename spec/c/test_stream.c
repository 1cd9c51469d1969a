/* test_stream.c: what a stream makes of answers, without any network: whole, cut, resumed, begun again, refused. */
#include "error.h"
#include "headers.h"
#include "stream.h"

#include "test.h"

static fusioo_error error;
static struct fu_buffer words;
static int news;

static void on_news(void *owner) {
    (void)owner;
    news++;
}

static struct fu_stream *download(bool rewindable) {
    struct fu_stream *stream = fu_stream_download(rewindable, &words, &error);
    assert_non_null(stream);
    stream->news = on_news;
    return stream;
}

static void end(struct fu_stream *stream) {
    fu_stream_free(stream);
    fu_buffer_free(&words);
}

static void head(struct fu_stream *stream, const char *const *lines) {
    for (; *lines != NULL; lines++) {
        fu_head_read(&stream->head, *lines, strlen(*lines));
    }
}

/* The head of an answer, then `body`. Returns what the stream wanted. */
static enum fu_flow answer(struct fu_stream *stream, const char *body, const char *const *lines) {
    fu_stream_begin(stream);
    head(stream, lines);
    return body[0] == '\0' ? FU_FLOW_GO : stream->flow.take(stream, body, strlen(body));
}

#define ANSWER(stream, body, ...) answer(stream, body, (const char *const[]){__VA_ARGS__, "\r\n", NULL})

static enum fu_stream_end finish(struct fu_stream *stream, fusioo_kind kind) {
    struct fu_http_outcome outcome = {.kind = kind, .status = stream->head.status, .message = "it broke"};
    fu_error_clear(&error, FUSIOO_OK);
    return fu_stream_answered(stream, &outcome, &error);
}

static void assert_taken(struct fu_stream *stream, const char *expected) {
    const char *bytes;
    size_t size;
    assert_true(fu_stream_take(stream, &bytes, &size));
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(bytes, expected, size);
    assert_false(fu_stream_take(stream, &bytes, &size));
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define PART_LINE "HTTP/1.1 206 Partial Content\r\n"
#define ETAG "ETag: \"1\"\r\n"

static void a_whole_file(void **state) {
    (void)state;
    struct fu_stream *stream = download(false);
    news = 0;
    assert_int_equal(ANSWER(stream, "0123456789", OK_LINE, "Content-Length: 10\r\n"), FU_FLOW_GO);
    assert_int_equal(news, 1);
    assert_taken(stream, "0123456789");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_WHOLE);
    assert_false(fu_stream_has_news(stream));
    end(stream);
}

static void an_empty_file_is_whole(void **state) {
    (void)state;
    struct fu_stream *stream = download(false);
    ANSWER(stream, "", OK_LINE, "Content-Length: 0\r\n");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_WHOLE);
    end(stream);
}

static void a_short_one_is_not(void **state) {
    (void)state;
    struct fu_stream *stream = download(false);
    ANSWER(stream, "01234", OK_LINE, "Content-Length: 10\r\n");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_BROKEN);
    assert_int_equal(error.kind, FUSIOO_NETWORK);
    assert_non_null(strstr(error.message, "5 of the file's 10"));
    assert_false(fu_stream_can_repeat(stream)); /* its bytes were handed out, and nothing tells whether it changed */
    end(stream);
}

static void without_any_length_none_is_whole(void **state) {
    (void)state;
    struct fu_stream *stream = download(true);
    ANSWER(stream, "01234", OK_LINE, "Connection: close\r\n");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_BROKEN);
    assert_int_equal(error.kind, FUSIOO_DECODE);
    assert_false(fu_stream_can_repeat(stream));
    end(stream);
}

static void a_cut_one_goes_on(void **state) {
    (void)state;
    struct fu_stream *stream = download(false);
    ANSWER(stream, "01234", OK_LINE, ETAG, "Content-Length: 10\r\n");
    assert_int_equal(finish(stream, FUSIOO_NETWORK), FU_STREAM_BROKEN);
    assert_true(fu_stream_can_repeat(stream));
    assert_taken(stream, "01234");
    assert_int_equal(ANSWER(stream, "56789", PART_LINE, ETAG, "Content-Range: bytes 5-9/10\r\n"), FU_FLOW_GO);
    assert_int_equal(stream->flow.from, 5);
    assert_string_equal(stream->flow.if_range, "\"1\"");
    assert_taken(stream, "56789");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_WHOLE);
    end(stream);
}

/* A service that hands out a byte for each request would cost the company all its calls. */
static void a_few_bytes_are_no_progress(void **state) {
    (void)state;
    static char many[64 * 1024 + 1];
    memset(many, 'x', sizeof many - 1);
    struct fu_stream *stream = download(false);
    ANSWER(stream, "01234", OK_LINE, ETAG, "Content-Length: 200000\r\n");
    assert_int_equal(finish(stream, FUSIOO_NETWORK), FU_STREAM_BROKEN);
    assert_false(fu_stream_made_progress(stream));
    assert_taken(stream, "01234");
    ANSWER(stream, many, PART_LINE, ETAG, "Content-Range: bytes 5-199999/200000\r\n");
    assert_int_equal(finish(stream, FUSIOO_NETWORK), FU_STREAM_BROKEN);
    assert_true(fu_stream_made_progress(stream));
    end(stream);
}

static void without_a_validator_it_begins_again(void **state) {
    (void)state;
    struct fu_stream *stream = download(true);
    ANSWER(stream, "01234", OK_LINE, "Content-Length: 10\r\n");
    finish(stream, FUSIOO_NETWORK);
    assert_true(fu_stream_can_repeat(stream));
    assert_false(fu_stream_made_progress(stream));
    ANSWER(stream, "0123456789", OK_LINE, "Content-Length: 10\r\n");
    assert_int_equal(stream->flow.from, 0);
    assert_true(stream->restart);
    assert_taken(stream, "0123456789");
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_WHOLE);
    end(stream);
}

static void a_changed_file_begins_again_or_ends(void **state) {
    (void)state;
    for (int rewindable = 0; rewindable <= 1; rewindable++) {
        struct fu_stream *stream = download(rewindable == 1);
        ANSWER(stream, "01234", OK_LINE, ETAG, "Content-Length: 10\r\n");
        finish(stream, FUSIOO_NETWORK);
        enum fu_flow flow = ANSWER(stream, "abc", OK_LINE, "ETag: \"2\"\r\n", "Content-Length: 3\r\n");
        if (rewindable == 1) {
            assert_int_equal(flow, FU_FLOW_GO);
            assert_true(stream->restart);
            assert_taken(stream, "abc");
            assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_WHOLE);
        } else {
            assert_int_equal(flow, FU_FLOW_STOP);
            assert_int_equal(finish(stream, FUSIOO_DECODE), FU_STREAM_BROKEN);
            assert_non_null(strstr(error.message, "changed"));
            assert_false(fu_stream_can_repeat(stream));
        }
        end(stream);
    }
}

static void another_part_is_refused(void **state) {
    (void)state;
    static const char *const ranges[] = {"Content-Range: bytes 4-9/10\r\n", "Content-Range: bytes 6-9/10\r\n",
                                         "Content-Range: bytes 5-9/11\r\n", "X: none\r\n"};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct fu_stream *stream = download(false);
        ANSWER(stream, "01234", OK_LINE, ETAG, "Content-Length: 10\r\n");
        finish(stream, FUSIOO_NETWORK);
        assert_int_equal(ANSWER(stream, "56789", PART_LINE, ETAG, ranges[i]), FU_FLOW_STOP);
        assert_int_equal(finish(stream, FUSIOO_DECODE), FU_STREAM_BROKEN);
        assert_false(fu_stream_can_repeat(stream));
        end(stream);
    }
    struct fu_stream *stream = download(false); /* one that nobody asked for */
    assert_int_equal(ANSWER(stream, "5", PART_LINE, "Content-Range: bytes 0-0/1\r\n"), FU_FLOW_STOP);
    end(stream);
}

static void a_slow_owner_makes_the_network_wait(void **state) {
    (void)state;
    static char block[65536];
    struct fu_stream *stream = download(false);
    fu_stream_begin(stream);
    head(stream, (const char *const[]){OK_LINE, "Content-Length: 1000000\r\n", "\r\n", NULL});
    int taken = 0;
    while (stream->flow.take(stream, block, sizeof block) == FU_FLOW_GO) {
        taken++;
        assert_true(taken < 10);
    }
    assert_int_equal(stream->done, taken * (int64_t)sizeof block);
    const char *bytes;
    size_t size;
    assert_true(fu_stream_take(stream, &bytes, &size));
    assert_int_equal(size, stream->done);
    assert_int_equal(stream->flow.take(stream, block, sizeof block), FU_FLOW_GO);
    end(stream);
}

static void other_answers_are_read_as_envelopes(void **state) {
    (void)state;
    struct fu_stream *stream = download(true);
    assert_int_equal(ANSWER(stream, "{\"code\":10002}", "HTTP/1.1 404 Not Found\r\n"), FU_FLOW_GO);
    assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_NO_FILE);
    assert_string_equal(words.data, "{\"code\":10002}");
    assert_false(fu_stream_has_news(stream));
    end(stream);
}

static void redirects_lose_the_token_and_have_an_end(void **state) {
    (void)state;
    static const struct {
        const char *target;
        bool followed, elsewhere;
    } table[] = {
        {"https://api.example.com/store/1", true, false},
        {"https://API.example.com:443/store/1", true, false},
        {"https://api.example.com:8443/store/1", true, true},
        {"https://example.com/store/1", true, true},
        {"https://api.example.com.evil.example/1", true, true},
        {"https://user@evil.example/1", true, true},
        {"https://api.example.com@evil.example/1", true, true},
        {"http://127.0.0.1/1", true, true},
        {"http://api.example.com/store/1", false, false},
        {"ftp://api.example.com/store/1", false, false},
        {"file:///etc/passwd", false, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fu_stream *stream = download(true);
        ANSWER(stream, "", "HTTP/1.1 302 Found\r\n");
        fu_buffer_puts(&stream->head.location, table[i].target);
        assert_int_equal(finish(stream, FUSIOO_OK), FU_STREAM_REDIRECT);
        assert_int_equal(fu_stream_follow(stream, "https://api.example.com", &error), table[i].followed);
        assert_int_equal(stream->is_elsewhere, table[i].elsewhere);
        int followed = 1;
        while (table[i].followed && fu_stream_follow(stream, "https://api.example.com", &error)) {
            followed++;
            assert_true(followed < 10);
        }
        assert_true(!table[i].followed || followed == 5);
        end(stream);
    }
}

/* ---- Up ---- */

static void send_all(struct fu_stream *stream, struct fu_buffer *sent, size_t room) {
    char *target = malloc(room);
    assert_non_null(target);
    for (;;) {
        size_t size = 0;
        if (stream->flow.give(stream, target, room, &size) != FU_FLOW_GO || size == 0) {
            break;
        }
        assert_true(size <= room);
        fu_buffer_append(sent, target, size);
    }
    free(target);
}

static void a_form_has_one_part(void **state) {
    (void)state;
    static const char name[] = "a\"b\r\n\xc3\xa4.txt";
    for (size_t room = 1; room <= 1000; room = room * 3 + 1) {
        struct fu_stream *stream = fu_stream_upload(name, sizeof name - 1, 10, true, &error);
        struct fu_buffer sent = FU_BUFFER_EMPTY;
        assert_non_null(stream);
        stream->news = on_news;
        fu_stream_begin(stream);
        send_all(stream, &sent, room);
        assert_true(fu_stream_has_news(stream)); /* it wants the file's first bytes */
        assert_true(fu_stream_is_partial(stream));
        assert_true(fu_stream_give(stream, "01234", 5, &error));
        send_all(stream, &sent, room);
        assert_false(fu_stream_give(stream, "567890", 6, &error));
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_true(fu_stream_give(stream, "56789", 5, &error));
        send_all(stream, &sent, room);
        assert_false(fu_stream_is_partial(stream));
        assert_int_equal(sent.size, stream->flow.give_size);
        const char *boundary = strstr(stream->flow.content_type, "boundary=") + strlen("boundary=");
        char expected[400];
        snprintf(expected, sizeof expected,
                 "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%%22b%%0D%%0A\xc3\xa4.txt\"\r\n"
                 "Content-Type: application/octet-stream\r\n\r\n0123456789\r\n--%s--\r\n",
                 boundary, boundary);
        assert_string_equal(sent.data, expected);
        fu_buffer_free(&sent);
        fu_stream_begin(stream); /* once more from the beginning */
        assert_int_equal(stream->done, 0);
        assert_true(fu_stream_is_partial(stream));
        fu_stream_free(stream);
    }
}

static void a_reader_that_was_read_is_not_begun_again(void **state) {
    (void)state;
    struct fu_stream *stream = fu_stream_upload("x", 1, 10, false, &error);
    assert_non_null(stream);
    fu_stream_begin(stream);
    assert_true(fu_stream_can_repeat(stream));
    stream->wants = true;
    assert_true(fu_stream_give(stream, "0", 1, &error));
    assert_false(fu_stream_can_repeat(stream));
    fu_stream_free(stream);
    assert_null(fu_stream_upload("x", 1, -1, true, &error));
    assert_null(fu_stream_upload("x", 1, INT64_MAX, true, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(an_empty_file_is_whole),
        cmocka_unit_test(a_short_one_is_not),
        cmocka_unit_test(without_any_length_none_is_whole),
        cmocka_unit_test(a_cut_one_goes_on),
        cmocka_unit_test(a_few_bytes_are_no_progress),
        cmocka_unit_test(without_a_validator_it_begins_again),
        cmocka_unit_test(a_changed_file_begins_again_or_ends),
        cmocka_unit_test(another_part_is_refused),
        cmocka_unit_test(a_slow_owner_makes_the_network_wait),
        cmocka_unit_test(other_answers_are_read_as_envelopes),
        cmocka_unit_test(redirects_lose_the_token_and_have_an_end),
        cmocka_unit_test(a_form_has_one_part),
        cmocka_unit_test(a_reader_that_was_read_is_not_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
