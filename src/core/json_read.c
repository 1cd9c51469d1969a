/* json_read.c: the checking reader (see json.h). Owns: the grammar of RFC 8259. Must not know: what a string or a
 * number stands for, beyond whether it is one.
 *
 * The NUL behind the text ends every loop that looks at single bytes, so these need no look at `end`. */
#include "json.h"
#include "json_scan.h"

#include <math.h>

static const char REASON_END[] = "the text ends too early";
static const char REASON_DEPTH[] = "arrays and objects are nested too deep";

/* Integers with fewer digits than this are far from overflowing a double. */
enum { SAFE_DIGITS = 300 };

static inline bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Notes what is wrong at `at`; returns NULL, which all checking functions do on a fault. */
FU_JSON_RARE static const char *fail(struct fu_json *reader, const char *at, const char *reason) {
    reader->at = at;
    reader->reason = at >= reader->end ? REASON_END : reason;
    return NULL;
}

/* `at` stands on a backslash. Returns where the string goes on. */
static const char *check_escape(struct fu_json *reader, const char *at) {
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        for (int i = 2; i < 6; i++) {
            char low = (char)(at[i] | 0x20);
            if (!is_digit(at[i]) && (low < 'a' || low > 'f')) {
                return fail(reader, at, at + i == reader->end ? REASON_END : "not four hexadecimal digits after \\u");
            }
        }
        return at + 6;
    default:
        return fail(reader, at, at + 1 == reader->end ? REASON_END : "an escape that JSON does not have");
    }
}

/* `at` stands inside of a string. Returns where the text goes on behind it. Sets `*escaped`, or leaves it alone. */
FU_JSON_RARE static const char *check_odd_string(struct fu_json *reader, const char *at, bool *escaped) {
    for (;;) {
        at = fu_json_find_special(at, reader->end);
        if (*at == '"') {
            return at + 1;
        }
        if (*at == '\\') {
            *escaped = true;
            at = check_escape(reader, at);
            if (at == NULL) {
                return NULL;
            }
        } else if ((unsigned char)*at < 0x20) {
            return fail(reader, at, "a control character in a string");
        } else {
            do {
                size_t size = fu_json_sequence(at, reader->end);
                if (size == 0) {
                    return fail(reader, at, "bytes that are not UTF-8");
                }
                at += size;
            } while ((unsigned char)*at >= 0x80);
        }
    }
}

/* `at` stands behind the opening quote. Returns where the text goes on behind the closing one. */
static inline const char *check_string(struct fu_json *reader, const char *at, bool *escaped) {
    *escaped = false;
    at = fu_json_skip_plain(at, reader->end);
    return *at == '"' ? at + 1 : check_odd_string(reader, at, escaped);
}

static inline const char *check_digits(struct fu_json *reader, const char *at) {
    if (!is_digit(*at)) {
        return fail(reader, at, "a digit is missing in a number");
    }
    do {
        at++;
    } while (is_digit(*at));
    return at;
}

FU_JSON_RARE static const char *check_range(struct fu_json *reader, const char *start, const char *behind) {
    const char *end;
    int64_t integer;
    double number;
    if (fu_json_read_number(start, &end, &integer, &number) == FU_JSON_DOUBLE && isinf(number)) {
        return fail(reader, start, "a number that is too large for a double");
    }
    return behind;
}

static inline const char *check_number(struct fu_json *reader, const char *at) {
    const char *start = at;
    at += *at == '-';
    if (*at == '0') {
        at++;
        if (is_digit(*at)) {
            return fail(reader, at, "a number with a leading zero");
        }
    } else {
        at = check_digits(reader, at);
        if (at == NULL) {
            return NULL;
        }
    }
    bool large = at - start > SAFE_DIGITS;
    if (*at == '.') {
        at = check_digits(reader, at + 1);
        if (at == NULL) {
            return NULL;
        }
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at = check_digits(reader, *at == '+' || *at == '-' ? at + 1 : at);
        if (at == NULL) {
            return NULL;
        }
        large = true;
    }
    return large ? check_range(reader, start, at) : at;
}

static const char *check_word(struct fu_json *reader, const char *at, const char *word) {
    const char *start = at;
    for (; *word != '\0'; word++, at++) {
        if (*at != *word) {
            return fail(reader, at == reader->end ? at : start, "neither true nor false nor null");
        }
    }
    return at;
}

static const char *refuse_value(struct fu_json *reader, const char *at) {
    if (at == reader->text && (unsigned char)*at == 0xef) {
        return fail(reader, at, "a byte order mark, or no JSON at all");
    }
    return fail(reader, at, "a value is missing");
}

/* Checks the string, number or word at `at`; returns where it ends. */
static inline const char *check_scalar(struct fu_json *reader, const char *at, bool *escaped) {
    switch (*at) {
    case '"':
        return check_string(reader, at + 1, escaped);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return check_number(reader, at);
    case 't':
        return check_word(reader, at, "true");
    case 'f':
        return check_word(reader, at, "false");
    case 'n':
        return check_word(reader, at, "null");
    default:
        return refuse_value(reader, at);
    }
}

/* Checks the key at `at` and the colon behind it; returns where the value begins. */
static inline const char *check_key(struct fu_json *reader, const char *at, struct fu_slice *key, bool *escaped) {
    if (*at != '"') {
        return fail(reader, at, "a key is missing");
    }
    key->data = at + 1;
    at = check_string(reader, at + 1, escaped);
    if (at == NULL) {
        return NULL;
    }
    key->size = (size_t)(at - 1 - key->data);
    if (*at != ':') {
        at = fu_json_skip_space(at);
        if (*at != ':') {
            return fail(reader, at, "':' is missing");
        }
    }
    return fu_json_skip_space(at + 1);
}

/* The arrays and objects that stand open inside of one value: one bit for each, set for an object. */
struct nest {
    unsigned depth;
    uint64_t objects[FU_JSON_MAX_DEPTH / 64];
};

static inline bool is_object(const struct nest *nest) {
    unsigned top = nest->depth - 1;
    return (nest->objects[top / 64] >> (top % 64) & 1) != 0;
}

/* Enters the array or object at `at`. Returns where its first key, value or closing bracket stands. */
static inline const char *enter(struct fu_json *reader, struct nest *nest, const char *at) {
    if (reader->depth + nest->depth >= FU_JSON_MAX_DEPTH) {
        return fail(reader, at, REASON_DEPTH);
    }
    uint64_t bit = UINT64_C(1) << (nest->depth % 64);
    uint64_t *word = &nest->objects[nest->depth / 64];
    *word = *at == '{' ? *word | bit : *word & ~bit;
    nest->depth++;
    return fu_json_skip_space(at + 1);
}

/* `at` stands behind a value inside of `nest` (or on the closing bracket of an empty array or object). Closes what ends
 * here and moves over the comma, if there is one: returns where the next value or key begins, or the end of all. */
static inline const char *leave(struct fu_json *reader, struct nest *nest, const char *at) {
    do {
        at = fu_json_skip_space(at);
        if (*at == ',') {
            return fu_json_skip_space(at + 1);
        }
        bool object = is_object(nest);
        if (*at != (object ? '}' : ']')) {
            return fail(reader, at, object ? "',' or '}' is missing" : "',' or ']' is missing");
        }
        at++;
        nest->depth--;
    } while (nest->depth > 0);
    return at;
}

/* Checks the array or object at `at` with all that it holds; returns where it ends. No recursion, and the depth is
 * bounded, so that a hostile text costs neither stack nor memory. */
FU_JSON_RARE static const char *check_nested(struct fu_json *reader, const char *at) {
    struct nest nest = {0, {0}};
    struct fu_slice key;
    bool escaped;
    do {
        if (*at == '[' || *at == '{') {
            at = enter(reader, &nest, at);
            if (at != NULL && *at == (is_object(&nest) ? '}' : ']')) {
                at = leave(reader, &nest, at);
            }
        } else {
            at = check_scalar(reader, at, &escaped);
            if (at != NULL) {
                at = leave(reader, &nest, at);
            }
        }
        if (at != NULL && nest.depth > 0 && is_object(&nest)) {
            at = check_key(reader, at, &key, &escaped);
        }
    } while (at != NULL && nest.depth > 0);
    return at;
}

void fu_json_start(struct fu_json *reader, const char *text, size_t size) {
    *reader = (struct fu_json){.text = text, .at = text, .end = text + size};
}

char fu_json_peek(struct fu_json *reader) {
    reader->at = fu_json_skip_space(reader->at);
    return *reader->at;
}

FU_JSON_RARE static bool value_in_full(struct fu_json *reader, struct fu_slice *value) {
    bool escaped;
    const char *start = fu_json_skip_space(reader->at);
    const char *at =
        *start == '[' || *start == '{' ? check_nested(reader, start) : check_scalar(reader, start, &escaped);
    if (at == NULL) {
        return false;
    }
    reader->at = at;
    if (value != NULL) {
        *value = (struct fu_slice){start, (size_t)(at - start)};
    }
    return true;
}

/* This function and fu_json_next_member do by themselves what nearly every field of a page is: a short string, a short
 * key, no white space. They hand the rest on. */
bool fu_json_value(struct fu_json *reader, struct fu_slice *value) {
    const char *start = reader->at;
    if (*start == '"') {
        const char *at = fu_json_skip_plain(start + 1, reader->end);
        if (*at == '"') {
            reader->at = at + 1;
            if (value != NULL) {
                *value = (struct fu_slice){start, (size_t)(at + 1 - start)};
            }
            return true;
        }
    }
    return value_in_full(reader, value);
}

static bool open_nest(struct fu_json *reader, char bracket, const char *reason) {
    const char *at = fu_json_skip_space(reader->at);
    if (*at != bracket) {
        fail(reader, at, reason);
        return false;
    }
    if (reader->depth >= FU_JSON_MAX_DEPTH) {
        fail(reader, at, REASON_DEPTH);
        return false;
    }
    reader->depth++;
    reader->fresh = true;
    reader->at = at + 1;
    return true;
}

/* Moves over the comma before the next member or element, or over the closing bracket. True: one follows at `at`. */
static inline bool next_in_nest(struct fu_json *reader, char bracket, const char *reason) {
    const char *at = fu_json_skip_space(reader->at);
    bool fresh = reader->fresh;
    reader->fresh = false;
    if (*at == bracket) {
        reader->depth--;
        reader->at = at + 1;
        return false;
    }
    if (!fresh) {
        if (*at != ',') {
            fail(reader, at, reason);
            return false;
        }
        at = fu_json_skip_space(at + 1);
    }
    reader->at = at;
    return true;
}

bool fu_json_open_object(struct fu_json *reader) {
    return open_nest(reader, '{', "an object is missing");
}

FU_JSON_RARE static bool next_member_in_full(struct fu_json *reader, struct fu_slice *key, bool *escaped) {
    if (!next_in_nest(reader, '}', "',' or '}' is missing")) {
        return false;
    }
    bool ignored;
    const char *at = check_key(reader, reader->at, key, escaped != NULL ? escaped : &ignored);
    if (at == NULL) {
        return false;
    }
    reader->at = at;
    return true;
}

bool fu_json_next_member(struct fu_json *reader, struct fu_slice *key, bool *escaped) {
    const char *at = reader->at;
    if (at[0] == ',' && at[1] == '"' && !reader->fresh) {
        const char *start = at + 2;
        at = fu_json_skip_plain(start, reader->end);
        if (at[0] == '"' && at[1] == ':') {
            *key = (struct fu_slice){start, (size_t)(at - start)};
            if (escaped != NULL) {
                *escaped = false;
            }
            reader->at = at + 2;
            return true;
        }
    }
    return next_member_in_full(reader, key, escaped);
}

bool fu_json_open_array(struct fu_json *reader) {
    return open_nest(reader, '[', "an array is missing");
}

bool fu_json_next_element(struct fu_json *reader) {
    return next_in_nest(reader, ']', "',' or ']' is missing");
}

bool fu_json_finish(struct fu_json *reader) {
    const char *at = fu_json_skip_space(reader->at);
    reader->at = at;
    if (at != reader->end) {
        fail(reader, at, "more text behind the value");
        return false;
    }
    return true;
}

bool fu_json_check(struct fu_json *reader, const char *text, size_t size) {
    fu_json_start(reader, text, size);
    return fu_json_value(reader, NULL) && fu_json_finish(reader);
}
