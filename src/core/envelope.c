/* envelope.c: what an answer says (see envelope.h). Owns: the list of an answer's objects. Must not know: transfers,
 * Lua. */
#include "envelope.h"

#include "alloc.h"
#include "error.h"

#include <inttypes.h>
#include <string.h>

enum {
    CODE_SUCCESS = 10000,
    CODE_NO_RESOURCE = 10002,
    CODE_UNAUTHORIZED = 10003,
    CODE_NO_APP = 30000,
    NO_CONTENT = 204, /* HTTP's */
};

void fu_envelope_free(struct fu_envelope *envelope) {
    fu_free(envelope->entries);
    memset(envelope, 0, sizeof *envelope);
}

static struct fu_entry *add_entry(struct fu_envelope *envelope) {
    if (envelope->count == envelope->capacity) {
        size_t capacity = envelope->capacity > 0 ? envelope->capacity * 2 : 200; /* a page */
        struct fu_entry *entries = fu_realloc(envelope->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return NULL;
        }
        envelope->entries = entries;
        envelope->capacity = capacity;
    }
    struct fu_entry *entry = &envelope->entries[envelope->count++];
    memset(entry, 0, sizeof *entry);
    return entry;
}

static bool is_number(struct fu_slice value) {
    return value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9');
}

/* Reads an object that is an element of the list. */
static bool read_entry(struct fu_json *reader, struct fu_entry *entry) {
    const char *text = reader->text;
    entry->start = (uint32_t)(reader->at - text);
    if (!fu_json_open_object(reader)) {
        return false;
    }
    struct fu_slice key;
    struct fu_slice value;
    uint32_t fields = 0;
    while (fu_json_next_member(reader, &key, NULL)) {
        if (!fu_json_value(reader, &value)) {
            return false;
        }
        fields++;
        if (key.size == 2 && key.data[0] == 'i' && key.data[1] == 'd') {
            bool quoted = value.data[0] == '"';
            entry->id_start = (uint32_t)(value.data - text) + quoted;
            /* null, say, is no id: objects that share it are not one object. */
            entry->id_size = quoted ? (uint32_t)value.size - 2 : is_number(value) ? (uint32_t)value.size : 0;
        }
    }
    entry->fields = fields;
    entry->size = (uint32_t)(reader->at - text) - entry->start;
    return reader->reason == NULL;
}

static bool read_list(struct fu_envelope *envelope, struct fu_json *reader, bool *memory) {
    envelope->count = 0;
    envelope->odd = 0;
    fu_json_peek(reader);
    envelope->data.data = reader->at;
    if (!fu_json_open_array(reader)) {
        return false;
    }
    while (fu_json_next_element(reader)) {
        if (fu_json_peek(reader) != '{') {
            envelope->odd++;
            if (!fu_json_value(reader, NULL)) {
                return false;
            }
            continue;
        }
        struct fu_entry *entry = add_entry(envelope);
        if (entry == NULL) {
            *memory = true;
            return false;
        }
        if (!read_entry(reader, entry)) {
            return false;
        }
    }
    envelope->data.size = (size_t)(reader->at - envelope->data.data);
    return reader->reason == NULL;
}

static void read_code(struct fu_envelope *envelope, struct fu_slice value) {
    const char *end;
    double number;
    envelope->has_code =
        is_number(value) && fu_json_read_number(value.data, &end, &envelope->code, &number) == FU_JSON_INTEGER;
}

static bool read_member(struct fu_envelope *envelope, struct fu_json *reader, struct fu_slice key, bool split,
                        bool *memory) {
    if (split && fu_json_raw_equals(key, "data") && fu_json_peek(reader) == '[') {
        return read_list(envelope, reader, memory);
    }
    struct fu_slice value;
    if (!fu_json_value(reader, &value)) {
        return false;
    }
    if (fu_json_raw_equals(key, "data")) {
        envelope->data = value;
    } else if (fu_json_raw_equals(key, "code")) {
        read_code(envelope, value);
    } else if (fu_json_raw_equals(key, "message") && value.data[0] == '"') {
        envelope->message = (struct fu_slice){value.data + 1, value.size - 2};
    }
    return true;
}

bool fu_envelope_read(struct fu_envelope *envelope, const char *text, size_t size, bool split, fusioo_error *error) {
    *envelope = (struct fu_envelope){.entries = envelope->entries, .capacity = envelope->capacity};
    struct fu_json reader;
    fu_json_start(&reader, text, size);
    bool memory = false;
    bool good = fu_json_open_object(&reader);
    struct fu_slice key;
    while (good && fu_json_next_member(&reader, &key, NULL)) {
        good = read_member(envelope, &reader, key, split, &memory);
    }
    good = good && reader.reason == NULL && fu_json_finish(&reader);
    if (memory) {
        return fu_error_memory(error);
    }
    if (!good && size == 0) {
        return fu_error_set(error, FUSIOO_DECODE, "the answer is not the JSON it should be: it is empty");
    }
    if (!good && reader.at == text + size) {
        return fu_error_set(error, FUSIOO_DECODE, "the answer is not the JSON it should be: %s, after %zu bytes",
                            reader.reason != NULL ? reader.reason : "no object", size);
    }
    if (!good) {
        return fu_error_set(error, FUSIOO_DECODE, "the answer is not the JSON it should be: %s at byte %zu of %zu",
                            reader.reason != NULL ? reader.reason : "no object", (size_t)(reader.at - text) + 1, size);
    }
    return true;
}

static const char *status_words(int status) {
    switch (status) {
    case 200:
        return "the service says no, and not why";
    case 400:
        return "bad request";
    case 401:
        return "credentials missing, wrong or revoked";
    case 404:
        return "URI or resource does not exist";
    case 429:
        return "rate limit used up";
    case 500:
        return "something is broken at the service";
    case 503:
        return "the service is down or being upgraded";
    case 504:
        return "gateway time-out";
    default:
        return status >= 300 && status < 400 ? "a redirect, which is not followed: check base_url"
                                             : "unexpected status";
    }
}

/* By HTTP status first, then by the few codes that are documented, never by a message's words. */
static fusioo_kind kind_of(int status, const struct fu_envelope *envelope) {
    int64_t code = envelope->has_code ? envelope->code : 0;
    if (status == 401) {
        return FUSIOO_AUTH;
    }
    if (status == 404) {
        return FUSIOO_NOT_FOUND;
    }
    if (status == 429) {
        return FUSIOO_RATE_LIMIT;
    }
    if (status >= 500) {
        return FUSIOO_API;
    }
    if (code == CODE_UNAUTHORIZED) {
        return FUSIOO_AUTH;
    }
    return code == CODE_NO_RESOURCE || code == CODE_NO_APP ? FUSIOO_NOT_FOUND : FUSIOO_API;
}

/* Where memory runs out the words of the status stay. */
static void set_message(fusioo_error *error, struct fu_slice raw) {
    char *text = fu_malloc(raw.size);
    if (text != NULL) {
        fu_error_copy(error->message, sizeof error->message, text, fu_json_unescape(raw.data, raw.size, text));
        fu_free(text);
    }
}

static bool refuse(int status, const struct fu_envelope *envelope, fusioo_error *error) {
    fu_error_set(error, kind_of(status, envelope), "%s", status_words(status));
    error->status = status;
    error->has_code = envelope->has_code;
    error->code = envelope->code;
    if (envelope->message.data != NULL && envelope->message.size > 0) {
        set_message(error, envelope->message);
    }
    return false;
}

static bool read_count(struct fu_slice data, int64_t *count) {
    struct fu_json reader;
    struct fu_slice key;
    struct fu_slice value;
    bool found = false;
    fu_json_start(&reader, data.data, data.size);
    if (!fu_json_open_object(&reader)) {
        return false;
    }
    while (fu_json_next_member(&reader, &key, NULL) && fu_json_value(&reader, &value)) {
        if (fu_json_raw_equals(key, "count")) {
            char first = value.data[0];
            const char *end;
            double number;
            found = first >= '0' && first <= '9' &&
                    fu_json_read_number(value.data, &end, count, &number) == FU_JSON_INTEGER;
        }
    }
    return found;
}

static bool is_answer(enum fu_answer answer, const struct fu_envelope *envelope, int64_t *count) {
    char first = envelope->data.data != NULL ? envelope->data.data[0] : '\0';
    switch (answer) {
    case FU_ANSWER_OBJECT:
        return first == '{';
    case FU_ANSWER_MAYBE_OBJECT:
        return first == '{' || first == 'n' || first == '\0';
    case FU_ANSWER_LIST:
        return first == '[' && envelope->odd == 0;
    case FU_ANSWER_COUNT:
        return first == '{' && read_count(envelope->data, count);
    default:
        return true;
    }
}

bool fu_verdict(int status, const char *text, size_t size, enum fu_answer answer, struct fu_envelope *envelope,
                int64_t *count, fusioo_error *error) {
    static const char *const wanted[] = {
        [FU_ANSWER_ANY] = "anything",           [FU_ANSWER_OBJECT] = "an object",
        [FU_ANSWER_LIST] = "a list of objects", [FU_ANSWER_COUNT] = "an object with a whole number 'count'",
        [FU_ANSWER_MAYBE_OBJECT] = "an object", [FU_ANSWER_NOTHING] = "anything",
    };
    *count = -1;
    bool success = status >= 200 && status < 300;
    if (status == NO_CONTENT && size == 0 && (answer == FU_ANSWER_NOTHING || answer == FU_ANSWER_MAYBE_OBJECT)) {
        *envelope = (struct fu_envelope){.entries = envelope->entries, .capacity = envelope->capacity};
        return true; /* HTTP's own way to say: done, and nothing more */
    }
    bool readable = fu_envelope_read(envelope, text, size, answer == FU_ANSWER_LIST, error);
    if (!readable && !success) {
        /* A gateway's page, say: the status alone decides. */
        *envelope = (struct fu_envelope){.entries = envelope->entries, .capacity = envelope->capacity};
        return refuse(status, envelope, error);
    }
    if (!readable) {
        error->status = status;
        return false;
    }
    if (!success || (envelope->has_code && envelope->code != CODE_SUCCESS)) {
        return refuse(status, envelope, error);
    }
    if (!envelope->has_code) {
        fu_error_set(error, FUSIOO_DECODE, "the answer has no code");
        error->status = status;
        return false;
    }
    if (!is_answer(answer, envelope, count)) {
        fu_error_set(error, FUSIOO_DECODE, "the answer's data is not %s", wanted[answer]);
        error->status = status;
        return false;
    }
    return true;
}
