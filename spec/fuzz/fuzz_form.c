/* fuzz_form.c: the form around a file that goes up. Owns: nothing. Must not know: transfers, calls.
 *
 * Input: a byte for the sizes of reads and gives, the file's name up to a newline (its bytes 0x01 and 0x02 stand for CR
 * and LF), the file.
 * Promises: the body is one part, as long as was announced; whatever the name, no line of the part's head is broken and
 * a strict reader gets the name back, where "%22", "%0D" and "%0A" are what they stand for, as in a browser's form; the
 * file's bytes are untouched; begun again it is the same body. */
#include "buffer.h"
#include "fuzz.h"
#include "stream.h"

static void no_news(void *owner) {
    (void)owner;
}

/* Reads the whole body in pieces, and gives the file where it is wanted. */
static void read_body(struct fu_stream *stream, struct fu_buffer *body, const char *file, size_t size, size_t piece) {
    char bytes[64];
    fu_stream_begin(stream);
    while ((int64_t)body->size < stream->flow.give_size) {
        size_t got = 0;
        enum fu_flow flow = stream->flow.give(stream->flow.owner, bytes, piece, &got);
        if (flow == FU_FLOW_PAUSE) {
            size_t given = (size_t)stream->done;
            FUZZ_CHECK(stream->wants && given < size);
            size_t part = size - given < piece ? size - given : piece;
            FUZZ_CHECK(fu_stream_give(stream, file + given, part, NULL));
            continue;
        }
        FUZZ_CHECK(flow == FU_FLOW_GO && got > 0 && got <= piece);
        fu_buffer_append(body, bytes, got);
    }
    FUZZ_CHECK((int64_t)body->size == stream->flow.give_size && !fu_stream_is_partial(stream));
}

/* Moves over `text`, which must stand there. */
static const char *skip(const char *at, const char *end, const char *text) {
    FUZZ_CHECK((size_t)(end - at) >= strlen(text) && memcmp(at, text, strlen(text)) == 0);
    return at + strlen(text);
}

/* What a quoted name stands for; returns its size. */
static size_t decode(const char *at, size_t size, char *target) {
    static const char *const escapes[] = {"%22", "%0D", "%0A"};
    static const char bytes[] = "\"\r\n";
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        target[count] = at[i];
        for (size_t k = 0; k < 3; k++) {
            if (size - i >= 3 && memcmp(at + i, escapes[k], 3) == 0) {
                target[count] = bytes[k];
                i += 2;
                break;
            }
        }
        count++;
    }
    return count;
}

static void check_name(const char *at, size_t size, const char *name, size_t name_size) {
    for (size_t i = 0; i < size; i++) {
        FUZZ_CHECK(at[i] != '"' && at[i] != '\r' && at[i] != '\n' && at[i] != '\0');
    }
    char *found = fuzz_copy(at, size);
    char *wanted = fuzz_copy(name, name_size);
    size_t found_size = decode(at, size, found);
    size_t wanted_size = decode(name, name_size, wanted);
    FUZZ_CHECK(found_size == wanted_size && memcmp(found, wanted, wanted_size) == 0);
    free(found);
    free(wanted);
}

/* Reads the body as a strict server does: by its boundary. */
static void check_body(const struct fu_buffer *body, const char *type, const char *name, size_t name_size,
                       const char *file, size_t size) {
    FUZZ_CHECK(body->data != NULL);
    const char *end = body->data + body->size;
    const char *boundary = skip(type, type + strlen(type), "multipart/form-data; boundary=");
    char delimiter[80];
    FUZZ_CHECK(strlen(boundary) >= 30 && strlen(boundary) <= 70);
    FUZZ_CHECK(boundary[strspn(boundary, "0123456789abcdef")] == '\0');
    snprintf(delimiter, sizeof delimiter, "\r\n--%s", boundary);
    const char *at = skip(body->data, end, delimiter + 2);
    at = skip(at, end, "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
    const char *quote = memchr(at, '"', (size_t)(end - at));
    FUZZ_CHECK(quote != NULL);
    check_name(at, (size_t)(quote - at), name, name_size);
    at = skip(quote, end, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
    const char *last = memmem(at, (size_t)(end - at), delimiter, strlen(delimiter));
    FUZZ_CHECK(last == at + size && (size == 0 || memcmp(at, file, size) == 0));
    at = skip(last + strlen(delimiter), end, "--\r\n");
    FUZZ_CHECK(at == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    size_t piece = 1 + fuzz_byte(&input) % 64;
    size_t name_size;
    char *name = fuzz_line(&input, &name_size);
    size_t file_size = fuzz_left(&input);
    char *file = fuzz_copy(input.at, file_size);
    for (size_t i = 0; i < name_size; i++) {
        name[i] = name[i] == 1 ? '\r' : name[i] == 2 ? '\n' : name[i];
    }
    if (name_size > 0 && strlen(name) == name_size) { /* fusioo_call_upload refuses the others */
        struct fu_stream *stream = fu_stream_upload(name, name_size, (int64_t)file_size, true, NULL);
        FUZZ_CHECK(stream != NULL);
        stream->news = no_news;
        for (int i = 0; i < 2; i++) {
            struct fu_buffer body = FU_BUFFER_EMPTY;
            read_body(stream, &body, file, file_size, piece);
            check_body(&body, stream->flow.content_type, name, name_size, file, file_size);
            fu_buffer_free(&body);
        }
        FUZZ_CHECK(!fu_stream_give(stream, "x", 1, NULL)); /* more than the file has */
        fu_stream_free(stream);
    }
    free(file);
    free(name);
    return 0;
}
