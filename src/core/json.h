/* json.h: a strict JSON reader and writer (RFC 8259, UTF-8, depth limit, exact numbers).
 *
 * Owns: the grammar. Must not know: Lua, the Fusioo API, sockets.
 *
 * Reading is done in two steps. The checking reader (struct fu_json) walks a text from outside and believes nothing.
 * What it has walked over once may then be read again, as often as wanted, with the trusting functions, which check
 * nothing. Every text is followed by a NUL byte that its size does not count (a Lua string and a fu_buffer are). */
#ifndef FU_JSON_H
#define FU_JSON_H

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deep arrays and objects may stand in each other. */
#define FU_JSON_MAX_DEPTH 128

/* A piece of a text: points into it, owns nothing. */
struct fu_slice {
    const char *data;
    size_t size;
};

/* ---- The checking reader ---- */

struct fu_json {
    const char *text;   /* the whole text */
    const char *at;     /* the next byte to look at */
    const char *end;    /* behind the last byte */
    unsigned depth;     /* arrays and objects that are open at `at` */
    bool fresh;         /* the innermost of them was just entered: no comma stands before what follows */
    const char *reason; /* NULL, or what is wrong, in words (static storage); the place is `at` */
};

/* Starts to read the `size` bytes at `text`. The text stays the caller's and must outlive the reader. */
void fu_json_start(struct fu_json *reader, const char *text, size_t size);

/* The first byte of the next value ('{' '[' '"' '-' '0'..'9' 't' 'f' 'n'), after white space; NUL at the end of the
 * text. Moves over the white space only. */
char fu_json_peek(struct fu_json *reader);

/* Checks one whole value, nested ones with it, and moves behind it. `value` (may be NULL) becomes its slice.
 * False: not JSON, or nested too deep, or a number that overflows a double; `reason` is set, `at` is the place. */
bool fu_json_value(struct fu_json *reader, struct fu_slice *value);

/* Enters an object. False: no object stands here, or too deep (`reason`). */
bool fu_json_open_object(struct fu_json *reader);

/* In an object: moves to the next member's value; `key` becomes the raw text of the key between its quotes (escapes are
 * as in the text), `escaped` (may be NULL) whether it holds any. False at the end of the object, which is then left,
 * and on a fault (`reason` tells them apart). The caller reads the value before the next call. */
bool fu_json_next_member(struct fu_json *reader, struct fu_slice *key, bool *escaped);

/* Enters an array. False: no array stands here, or too deep (`reason`). */
bool fu_json_open_array(struct fu_json *reader);

/* In an array: moves to the next element. False at the end of the array, which is then left, and on a fault. The caller
 * reads the element before the next call. */
bool fu_json_next_element(struct fu_json *reader);

/* At the end of the outermost value: true where nothing but white space follows; else false, and `reason` is set. */
bool fu_json_finish(struct fu_json *reader);

/* Checks a text that is one value: start, value, finish. False: `reader` (the caller's, for reason and at) says why. */
bool fu_json_check(struct fu_json *reader, const char *text, size_t size);

/* ---- Trusting functions: only for what the checking reader has walked over ---- */

/* The type and the value of a number. */
enum fu_json_number { FU_JSON_INTEGER, FU_JSON_DOUBLE };

/* Reads the number at `at` and moves `*end` behind it. An integer that fits 64 bits becomes `integer`; everything else
 * (a fraction, an exponent, more digits, and -0, which an integer cannot hold) becomes `number`. Independent of the
 * locale. */
enum fu_json_number fu_json_read_number(const char *at, const char **end, int64_t *integer, double *number);

/* Writes the string that the `size` raw bytes between two quotes stand for to `out`, which has room for `size` bytes;
 * returns how many were written. A lone surrogate becomes its three bytes (WTF-8). */
size_t fu_json_unescape(const char *raw, size_t size, char *out);

/* Is the raw text between two quotes the string `text` (NUL-terminated)? */
bool fu_json_raw_equals(struct fu_slice raw, const char *text);

/* ---- Writer ---- */

/* Appends `size` bytes as a JSON string. Bytes of a lone surrogate (WTF-8) go out as its escape. False: not UTF-8
 * otherwise (nothing is appended), or no memory (`buffer->failed`). */
bool fu_json_write_string(struct fu_buffer *buffer, const char *bytes, size_t size);

/* Appends a 64-bit integer. False: no memory. */
bool fu_json_write_integer(struct fu_buffer *buffer, int64_t integer);

/* Appends a finite double with the fewest digits that read back the same. `mark` keeps ".0" on what would else read as
 * an integer. Independent of the locale. False: not finite (nothing is appended), or no memory. */
bool fu_json_write_double(struct fu_buffer *buffer, double number, bool mark);

#endif
