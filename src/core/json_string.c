/* json_string.c: what a JSON string stands for, both ways (see json.h). Owns: escapes and UTF-8. Must not know: the
 * rest of the grammar. */
#include "json.h"
#include "json_scan.h"

enum {
    HIGH_SURROGATE = 0xd800,
    LOW_SURROGATE = 0xdc00,
    BEHIND_SURROGATES = 0xe000,
    SURROGATE_SIZE = 3, /* bytes of a surrogate in WTF-8 */
};

size_t fu_json_sequence(const char *at, const char *end) {
    const unsigned char *byte = (const unsigned char *)at;
    /* The second byte's bounds shut out overlong forms, surrogates and what lies beyond U+10FFFF. */
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t size;
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
        size = 2;
    } else if (byte[0] >= 0xe0 && byte[0] <= 0xef) {
        size = 3;
        low = byte[0] == 0xe0 ? 0xa0 : low;
        high = byte[0] == 0xed ? 0x9f : high;
    } else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        size = 4;
        low = byte[0] == 0xf0 ? 0x90 : low;
        high = byte[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if ((size_t)(end - at) < size || byte[1] < low || byte[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

static unsigned hex_digit(char byte) {
    return (unsigned)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
}

/* The four hexadecimal digits behind the \u at `at`. */
static unsigned code_unit(const char *at) {
    return hex_digit(at[2]) << 12 | hex_digit(at[3]) << 8 | hex_digit(at[4]) << 4 | hex_digit(at[5]);
}

/* Writes a code point (a surrogate too: WTF-8) and returns how many bytes it took. */
static size_t put_utf8(unsigned code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* `at` stands on a backslash. Writes what the escape (or the pair of them) stands for, 1 to 4 bytes, moves `*size`
 * on by as many, and returns where the string goes on. */
static const char *put_escape(const char *at, const char *end, char *out, size_t *size) {
    static const char names[] = "bfnrt";
    static const char bytes[] = "\b\f\n\r\t";
    if (at[1] != 'u') {
        const char *name = strchr(names, at[1]);
        *out = name != NULL ? bytes[name - names] : at[1];
        *size += 1;
        return at + 2;
    }
    unsigned code = code_unit(at);
    at += 6;
    if (code >= HIGH_SURROGATE && code < LOW_SURROGATE && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        unsigned low = code_unit(at);
        if (low >= LOW_SURROGATE && low < BEHIND_SURROGATES) {
            code = 0x10000 + ((code - HIGH_SURROGATE) << 10) + (low - LOW_SURROGATE);
            at += 6;
        }
    }
    *size += put_utf8(code, out);
    return at;
}

size_t fu_json_unescape(const char *raw, size_t size, char *out) {
    const char *end = raw + size;
    size_t written = 0;
    while (raw < end) {
        const char *escape = memchr(raw, '\\', (size_t)(end - raw));
        size_t run = (size_t)((escape != NULL ? escape : end) - raw);
        memcpy(out + written, raw, run);
        written += run;
        raw += run;
        if (escape != NULL) {
            raw = put_escape(raw, end, out + written, &written);
        }
    }
    return written;
}

bool fu_json_raw_equals(struct fu_slice raw, const char *text) {
    const char *at = raw.data;
    const char *end = raw.data + raw.size;
    while (at < end) {
        char bytes[4];
        size_t size = 0;
        if (*at == '\\') {
            at = put_escape(at, end, bytes, &size);
        } else {
            bytes[size++] = *at++;
        }
        /* A NUL byte (from \u0000) equals no byte of `text`, its end included. */
        for (size_t i = 0; i < size; i++) {
            if (*text == '\0' || *text != bytes[i]) {
                return false;
            }
            text++;
        }
    }
    return *text == '\0';
}

/* Is this one of the surrogates in WTF-8, from `first` (0xd800 or 0xdc00) on? */
static bool is_surrogate(const char *at, const char *end, unsigned first) {
    const unsigned char *byte = (const unsigned char *)at;
    unsigned lead = first == HIGH_SURROGATE ? 0xa0 : 0xb0;
    return end - at >= SURROGATE_SIZE && byte[0] == 0xed && (byte[1] & 0xf0) == lead && (byte[2] & 0xc0) == 0x80;
}

/* A surrogate that is alone: two that make a pair must be one character of four bytes, or reading back would change
 * the bytes. */
static bool is_lone_surrogate(const char *at, const char *end) {
    if (is_surrogate(at, end, LOW_SURROGATE)) {
        return true;
    }
    return is_surrogate(at, end, HIGH_SURROGATE) && !is_surrogate(at + SURROGATE_SIZE, end, LOW_SURROGATE);
}

static void write_unit(struct fu_buffer *buffer, unsigned code) {
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15]};
    fu_buffer_append(buffer, escape, sizeof escape);
}

static void write_ascii(struct fu_buffer *buffer, char byte) {
    static const char names[] = "bfnrt\"\\";
    static const char bytes[] = "\b\f\n\r\t\"\\";
    const char *found = byte != '\0' ? strchr(bytes, byte) : NULL;
    if (found == NULL) {
        write_unit(buffer, (unsigned char)byte);
        return;
    }
    char escape[2] = {'\\', names[found - bytes]};
    fu_buffer_append(buffer, escape, sizeof escape);
}

/* Writes the special byte or sequence at `at`; returns where the string goes on, NULL: not UTF-8. */
static const char *write_special(struct fu_buffer *buffer, const char *at, const char *end) {
    if ((unsigned char)*at < 0x80) {
        write_ascii(buffer, *at);
        return at + 1;
    }
    size_t size = fu_json_sequence(at, end);
    if (size > 0) {
        fu_buffer_append(buffer, at, size);
        return at + size;
    }
    if (is_lone_surrogate(at, end)) {
        write_unit(buffer, HIGH_SURROGATE | ((unsigned)at[1] & 0x1f) << 6 | ((unsigned)at[2] & 0x3f));
        return at + SURROGATE_SIZE;
    }
    return NULL;
}

bool fu_json_write_string(struct fu_buffer *buffer, const char *bytes, size_t size) {
    size_t before = buffer->size;
    const char *end = bytes + size;
    fu_buffer_reserve(buffer, size + 2);
    fu_buffer_putc(buffer, '"');
    while (bytes < end) {
        const char *special = fu_json_find_special(bytes, end);
        fu_buffer_append(buffer, bytes, (size_t)(special - bytes));
        bytes = special;
        if (bytes < end) {
            bytes = write_special(buffer, bytes, end);
            if (bytes == NULL) {
                if (!buffer->failed) {
                    buffer->size = before;
                    buffer->data[before] = '\0';
                }
                return false;
            }
        }
    }
    return fu_buffer_putc(buffer, '"');
}
