/* endpoint.h: the table of methods and versions, path templates, percent-encoding.
 *
 * Owns: every path of the API; nothing else in the library knows one. Must not know: transfers, Lua.
 * A guess about the service that proves wrong is mended in the table of endpoint.c, or by the user's own overrides. */
#ifndef FU_ENDPOINT_H
#define FU_ENDPOINT_H

#include "buffer.h"
#include "fusioo.h"

/* What the data of an answer must be. */
enum fu_answer {
    FU_ANSWER_ANY,
    FU_ANSWER_OBJECT,
    FU_ANSWER_LIST,
    FU_ANSWER_COUNT,
    FU_ANSWER_MAYBE_OBJECT, /* or null, or none */
    FU_ANSWER_NOTHING       /* whatever it is; HTTP 204 without any body will do */
};

/* What a method does at the service: what may be sent a second time, and what an answer that is lost leaves open. */
enum fu_effect {
    FU_READS,
    FU_CREATES, /* a second time it makes a second one */
    FU_CHANGES, /* a second time changes nothing more */
    FU_DELETES  /* a second time finds nothing */
};

struct fu_endpoint {
    const char *name;    /* as the flat Lua layer spells it */
    const char *request; /* "GET /records/apps/{app_id}" */
    const char *id_name; /* the placeholder that the method's id fills; NULL: it takes none */
    unsigned since;      /* first version that has it */
    enum fu_answer answer;
    enum fu_effect effect;
    bool counted; /* does it spend one of the company's calls? */
    bool list;    /* does it take limit, offset, sort_by and order? */
};

/* The endpoint of a method; lives for ever. */
const struct fu_endpoint *fu_endpoint(fusioo_method method);

/* What the data of its answer must be in that version: v1 does not return the records that it creates and updates. */
enum fu_answer fu_endpoint_answer(fusioo_method method, unsigned version);

/* Is `request` a request template, "METHOD /path/{placeholder}"? False: `error` says what is wrong. */
bool fu_endpoint_check(const char *request, fusioo_error *error);

/* A request as it goes out, below the base address. The buffers are the owner's. */
struct fu_wire {
    char method[16];
    struct fu_buffer path;  /* with the version, "/v3/apps" */
    struct fu_buffer query; /* without the question mark; may be empty */
    struct fu_buffer body;  /* may be empty */
};

/* Frees the buffers of `wire`. */
void fu_wire_free(struct fu_wire *wire);

/* Builds the request of `method` from the template `request` (an override, or the table's own). `id` has `id_size`
 * bytes; `query` may be NULL. What has no placeholder goes into the body (POST, PUT) or the query. False:
 * FUSIOO_INVALID (an id, a limit), FUSIOO_UNSUPPORTED or FUSIOO_MEMORY; `wire` is then only to be freed. */
bool fu_endpoint_build(struct fu_wire *wire, fusioo_method method, const char *request, unsigned version,
                       const char *id, size_t id_size, const fusioo_query *query, fusioo_error *error);

/* Builds any other request. False: FUSIOO_INVALID (method, path or query) or FUSIOO_MEMORY. */
bool fu_endpoint_build_request(struct fu_wire *wire, unsigned version, const fusioo_request *request,
                               fusioo_error *error);

/* Does any other request spend a call? */
bool fu_endpoint_request_counted(const fusioo_request *request);

/* Appends `size` bytes percent-encoded: all but letters, digits and "-._~". False: no memory. */
bool fu_percent_encode(struct fu_buffer *buffer, const char *bytes, size_t size);

#endif
