/* fuzz_string.c: strings out and back in, and raw strings in and back out. Owns: nothing. Must not know: values that
 * hold strings (fuzz_json_read).
 *
 * Promises: the writer takes UTF-8, lone surrogates (WTF-8) too, and refuses everything else without a trace; what it
 * wrote is JSON and stands for the same bytes; what stands for the same string compares equal. */
#include "fuzz.h"
#include "json.h"

/* The code point of the sequence at `at` (surrogates included), or negative; `*length` becomes its length. By itself.
 */
static long code_point(const uint8_t *at, size_t left, size_t *length) {
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    if (size == 0 || size > left) {
        return -1;
    }
    long code = size == 1 ? at[0] : at[0] & (0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return -1;
        }
        code = code * 64 + (at[i] & 0x3f);
    }
    *length = size;
    return code < least[size] || code > 0x10ffff ? -1 : code;
}

/* Is it WTF-8? `*pair`: does it hold a high surrogate and then a low one, which WTF-8 would write as one character? */
static bool is_wtf8(const uint8_t *data, size_t size, bool *pair) {
    bool high = false;
    *pair = false;
    for (size_t length; size > 0; data += length, size -= length) {
        long code = code_point(data, size, &length);
        if (code < 0) {
            return false;
        }
        *pair = *pair || (high && code >= 0xdc00 && code < 0xe000);
        high = code >= 0xd800 && code < 0xdc00;
    }
    return true;
}

static void check_written(const uint8_t *data, size_t size) {
    struct fu_buffer out = FU_BUFFER_EMPTY;
    struct fu_json reader;
    bool pair;
    char *bytes = fuzz_copy(data, size);
    bool good = fu_json_write_string(&out, bytes, size);
    bool expected = is_wtf8(data, size, &pair);
    FUZZ_CHECK(pair || good == expected);
    if (!good) {
        FUZZ_CHECK(out.size == 0);
    } else {
        FUZZ_CHECK(fu_json_check(&reader, out.data, out.size));
        FUZZ_CHECK(out.size >= 2 && out.data[0] == '"' && out.data[out.size - 1] == '"');
        struct fu_slice raw = {out.data + 1, out.size - 2};
        char *back = fuzz_copy(raw.data, raw.size);
        size_t length = fu_json_unescape(raw.data, raw.size, back);
        FUZZ_CHECK(pair || (length == size && memcmp(back, bytes, size) == 0));
        FUZZ_CHECK(pair || fu_json_raw_equals(raw, bytes) == (strlen(bytes) == size));
        free(back);
    }
    fu_buffer_free(&out);
    free(bytes);
}

static void check_raw(const uint8_t *data, size_t size) {
    struct fu_json reader;
    struct fu_buffer text = FU_BUFFER_EMPTY;
    fu_buffer_putc(&text, '"');
    fu_buffer_append(&text, data, size);
    fu_buffer_putc(&text, '"');
    if (fu_json_check(&reader, text.data, text.size)) {
        struct fu_buffer out = FU_BUFFER_EMPTY;
        char *once = fuzz_copy(data, size);
        size_t length = fu_json_unescape(text.data + 1, size, once);
        FUZZ_CHECK(length <= size && fu_json_write_string(&out, once, length));
        char *twice = fuzz_copy(out.data + 1, out.size - 2);
        FUZZ_CHECK(fu_json_unescape(out.data + 1, out.size - 2, twice) == length && memcmp(once, twice, length) == 0);
        free(once);
        free(twice);
        fu_buffer_free(&out);
    }
    fu_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_written(data, size);
    check_raw(data, size);
    return 0;
}
