/* fuzz_json_read.c: any bytes through the checking reader; what it accepts through the trusting functions and the
 * writer. Owns: nothing. Must not know: numbers and strings one by one (fuzz_number, fuzz_string).
 *
 * Promises: a refusal names its place; what is accepted can be written again, is accepted then, and stays the same when
 * it is written once more. */
#include "fuzz.h"
#include "json.h"

static void rewrite_value(struct fu_json *reader, struct fu_buffer *out);

static void rewrite_string(struct fu_slice raw, struct fu_buffer *out) {
    char *room = fuzz_copy(raw.data, raw.size);
    size_t size = fu_json_unescape(raw.data, raw.size, room);
    FUZZ_CHECK(size <= raw.size);
    room[size] = '\0';
    FUZZ_CHECK(fu_json_raw_equals(raw, room) == (strlen(room) == size));
    FUZZ_CHECK(fu_json_write_string(out, room, size));
    free(room);
}

static void rewrite_number(struct fu_slice value, struct fu_buffer *out) {
    const char *end;
    int64_t integer;
    double number;
    if (fu_json_read_number(value.data, &end, &integer, &number) == FU_JSON_INTEGER) {
        fu_json_write_integer(out, integer);
    } else {
        FUZZ_CHECK(fu_json_write_double(out, number, true));
    }
    FUZZ_CHECK(end == value.data + value.size);
}

static void rewrite_object(struct fu_json *reader, struct fu_buffer *out) {
    struct fu_slice key;
    bool escaped;
    bool first = true;
    FUZZ_CHECK(fu_json_open_object(reader));
    fu_buffer_putc(out, '{');
    while (fu_json_next_member(reader, &key, &escaped)) {
        FUZZ_CHECK(escaped == (key.size > 0 && memchr(key.data, '\\', key.size) != NULL));
        fu_buffer_puts(out, first ? "" : ",");
        rewrite_string(key, out);
        fu_buffer_putc(out, ':');
        rewrite_value(reader, out);
        first = false;
    }
    fu_buffer_putc(out, '}');
}

static void rewrite_array(struct fu_json *reader, struct fu_buffer *out) {
    bool first = true;
    FUZZ_CHECK(fu_json_open_array(reader));
    fu_buffer_putc(out, '[');
    while (fu_json_next_element(reader)) {
        fu_buffer_puts(out, first ? "" : ",");
        rewrite_value(reader, out);
        first = false;
    }
    fu_buffer_putc(out, ']');
}

static void rewrite_value(struct fu_json *reader, struct fu_buffer *out) {
    char first = fu_json_peek(reader);
    if (first == '{') {
        rewrite_object(reader, out);
    } else if (first == '[') {
        rewrite_array(reader, out);
    } else {
        struct fu_slice value;
        FUZZ_CHECK(fu_json_value(reader, &value));
        if (first == '"') {
            rewrite_string((struct fu_slice){value.data + 1, value.size - 2}, out);
        } else if (first == '-' || (first >= '0' && first <= '9')) {
            rewrite_number(value, out);
        } else {
            fu_buffer_append(out, value.data, value.size);
        }
    }
    FUZZ_CHECK(reader->reason == NULL);
}

static struct fu_buffer rewrite(const char *text, size_t size) {
    struct fu_buffer out = FU_BUFFER_EMPTY;
    struct fu_json reader;
    fu_json_start(&reader, text, size);
    rewrite_value(&reader, &out);
    FUZZ_CHECK(fu_json_finish(&reader));
    FUZZ_CHECK(!out.failed);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_copy(data, size);
    struct fu_json reader;
    if (!fu_json_check(&reader, text, size)) {
        FUZZ_CHECK(reader.reason != NULL);
        FUZZ_CHECK(reader.at >= text && reader.at <= text + size);
    } else {
        struct fu_buffer once = rewrite(text, size);
        FUZZ_CHECK(fu_json_check(&reader, once.data, once.size));
        struct fu_buffer twice = rewrite(once.data, once.size);
        FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
        fu_buffer_free(&once);
        fu_buffer_free(&twice);
    }
    free(text);
    return 0;
}
