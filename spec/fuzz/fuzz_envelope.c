/* fuzz_envelope.c: answers of any status and shape through the verdict. Owns: nothing. Must not know: transfers.
 *
 * Input: a byte for the status, one for what the data must be, then the answer's text.
 * Promises: whatever points into the text lies inside of it and is JSON by itself; an error always says something; the
 * same answer read into a used envelope says the same. */
#include "envelope.h"
#include "fuzz.h"

static const int statuses[] = {200, 201, 204, 299, 301, 302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504, 100, 0};

static void check_slice(struct fu_slice whole, const char *at, size_t size) {
    FUZZ_CHECK(at >= whole.data && size <= whole.size && (size_t)(at - whole.data) <= whole.size - size);
}

static void check_json(struct fu_slice whole, const char *at, size_t size) {
    struct fu_json reader;
    check_slice(whole, at, size);
    char *copy = fuzz_copy(at, size);
    FUZZ_CHECK(fu_json_check(&reader, copy, size));
    free(copy);
}

static void check_entry(struct fu_slice whole, const struct fu_entry *entry) {
    struct fu_json reader;
    struct fu_slice key;
    uint32_t fields = 0;
    check_json(whole, whole.data + entry->start, entry->size);
    fu_json_start(&reader, whole.data + entry->start, entry->size);
    FUZZ_CHECK(fu_json_open_object(&reader));
    while (fu_json_next_member(&reader, &key, NULL)) {
        FUZZ_CHECK(fu_json_value(&reader, NULL));
        fields++;
    }
    FUZZ_CHECK(fields == entry->fields);
    FUZZ_CHECK(entry->id_size == 0 ||
               (entry->id_start > entry->start && entry->id_start + entry->id_size < entry->start + entry->size));
}

static void check_success(const struct fu_envelope *envelope, enum fu_answer answer, struct fu_slice whole,
                          int64_t count) {
    FUZZ_CHECK(envelope->has_code && envelope->code == 10000);
    FUZZ_CHECK(answer == FU_ANSWER_ANY || envelope->data.data != NULL);
    if (envelope->data.data != NULL) {
        check_json(whole, envelope->data.data, envelope->data.size);
    }
    FUZZ_CHECK(answer == FU_ANSWER_COUNT ? count >= 0 : count == -1);
    if (answer == FU_ANSWER_LIST) {
        FUZZ_CHECK(envelope->data.data[0] == '[' && envelope->odd == 0);
        uint32_t behind = (uint32_t)(envelope->data.data - whole.data);
        for (size_t i = 0; i < envelope->count; i++) {
            FUZZ_CHECK(envelope->entries[i].start > behind);
            check_entry(whole, &envelope->entries[i]);
            behind = envelope->entries[i].start + envelope->entries[i].size;
        }
        FUZZ_CHECK(envelope->data.data + envelope->data.size > whole.data + behind);
    }
}

/* The text is what a log shows: it ends, it is not empty, and no character is cut in two. */
static void check_error(const fusioo_error *error, int status) {
    struct fu_buffer quoted = FU_BUFFER_EMPTY;
    FUZZ_CHECK(error->kind != FUSIOO_OK && error->kind != FUSIOO_MEMORY);
    FUZZ_CHECK(error->status == status);
    size_t length = strnlen(error->message, sizeof error->message);
    FUZZ_CHECK(length < sizeof error->message);
    FUZZ_CHECK(fu_json_write_string(&quoted, error->message, length));
    fu_buffer_free(&quoted);
    char line[2048];
    FUZZ_CHECK(fusioo_error_text(error, line, sizeof line) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fu_envelope used; /* keeps its entries from one answer to the next */
    struct fu_envelope fresh = {0};
    struct fuzz_input input = {data, data + size};
    int status = statuses[fuzz_byte(&input) % (sizeof statuses / sizeof statuses[0])];
    enum fu_answer answer = (enum fu_answer)(fuzz_byte(&input) % (FU_ANSWER_COUNT + 1));
    struct fu_slice whole = {fuzz_copy(input.at, fuzz_left(&input)), fuzz_left(&input)};
    fusioo_error error = {.kind = FUSIOO_OK};
    fusioo_error again = {.kind = FUSIOO_OK};
    int64_t count;
    int64_t recount;
    bool good = fu_verdict(status, whole.data, whole.size, answer, &fresh, &count, &error);
    if (good) {
        FUZZ_CHECK(status >= 200 && status < 300);
        check_success(&fresh, answer, whole, count);
    } else {
        check_error(&error, status);
    }
    FUZZ_CHECK(fu_verdict(status, whole.data, whole.size, answer, &used, &recount, &again) == good);
    FUZZ_CHECK(recount == count && used.count == fresh.count && used.odd == fresh.odd && again.kind == error.kind);
    fu_envelope_free(&fresh);
    free((char *)whole.data);
    return 0;
}
