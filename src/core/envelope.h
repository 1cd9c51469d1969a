/* envelope.h: what an answer says.
 *
 * Owns: the list of an answer's objects. Must not know: transfers, Lua.
 * The text is checked and, where it lists, cut into its objects in the same pass; the slices point into it. */
#ifndef FU_ENVELOPE_H
#define FU_ENVELOPE_H

#include "endpoint.h"
#include "fusioo.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answers are smaller than this, so that places in them fit 32 bits. */
#define FU_ENVELOPE_MAX UINT32_C(0x7fffffff)

/* One object of a list: places in the answer's text. */
struct fu_entry {
    uint32_t start, size;
    uint32_t id_start, id_size; /* the id as it is written, without quotes; size 0: it has none */
    uint32_t fields;            /* members at the top level */
};

struct fu_envelope {
    bool has_code;
    int64_t code;
    struct fu_slice message; /* raw text between the quotes; data NULL: there is none */
    struct fu_slice data;    /* data NULL: there is none */
    struct fu_entry *entries;
    size_t count, capacity; /* of entries */
    size_t odd;             /* elements of a list that are no objects */
};

/* Frees the entries. */
void fu_envelope_free(struct fu_envelope *envelope);

/* Reads the `size` bytes at `text` (a NUL follows), which must outlive the envelope; old entries are reused. `split`:
 * where data is an array, list its objects. False: FUSIOO_DECODE (where and why) or FUSIOO_MEMORY. */
bool fu_envelope_read(struct fu_envelope *envelope, const char *text, size_t size, bool split, fusioo_error *error);

/* Decides what an answer with `status` and a body of `size` bytes means. True: success, and `envelope` and `count` (of
 * FU_ANSWER_COUNT) hold it. False: `error` has kind, status, code and message. */
bool fu_verdict(int status, const char *text, size_t size, enum fu_answer answer, struct fu_envelope *envelope,
                int64_t *count, fusioo_error *error);

#endif
