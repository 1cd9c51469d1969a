/* fuzz_endpoint.c: templates, ids, paths and queries on their way to a request. Owns: nothing. Must not know:
 * transfers.
 *
 * Input: a byte of choices, then lines: template or path, id or query, the field to sort by, the order.
 * Promises: no byte of an id, a template or a path ends the path, begins another segment or goes out raw where it may
 * not stand; no segment is "." or ".."; what is sent as a body is JSON. */
#include "endpoint.h"
#include "fuzz.h"
#include "json.h"

#include <strings.h>

static size_t count_of(const char *text, char byte) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == byte;
    }
    return count;
}

/* May stand in a target as RFC 3986 has it, bytes of percent-encodings included. */
static bool may_stand(unsigned char byte) {
    return byte > ' ' && byte < 0x7f && byte != '#' && byte != '"' && byte != '<' && byte != '>' && byte != '\\';
}

/* What a server makes of a segment before it looks for steps. */
static void check_segment(const char *at, size_t size) {
    size_t dots = 0;
    while (size > 0) {
        size_t dot = *at == '.' ? 1 : size >= 3 && strncasecmp(at, "%2e", 3) == 0 ? 3 : 0;
        if (dot == 0) {
            return;
        }
        dots++;
        at += dot;
        size -= dot;
    }
    FUZZ_CHECK(dots != 1 && dots != 2);
}

static void check_wire(const struct fu_wire *wire, unsigned version) {
    char start[8];
    snprintf(start, sizeof start, "/v%u/", version);
    FUZZ_CHECK(wire->path.size > 0 && strlen(wire->path.data) == wire->path.size);
    FUZZ_CHECK(strncmp(wire->path.data, start, strlen(start)) == 0);
    for (size_t i = 0; i < wire->path.size; i++) {
        FUZZ_CHECK(may_stand((unsigned char)wire->path.data[i]) && wire->path.data[i] != '?');
    }
    for (const char *at = wire->path.data; *at == '/';) {
        size_t size = strcspn(++at, "/");
        check_segment(at, size);
        at += size;
    }
    for (size_t i = 0; i < wire->query.size; i++) {
        FUZZ_CHECK(may_stand((unsigned char)wire->query.data[i]));
    }
    FUZZ_CHECK(strlen(wire->method) < sizeof wire->method &&
               wire->method[strspn(wire->method, "ADEGHLOPSTUC")] == '\0');
}

static void check_method(struct fuzz_input *input, unsigned choice) {
    static const char *const filters[] = {NULL, "{}", "{\"a\":{\"equal\":1}}", " {\n}"};
    size_t sizes[4];
    char *request = fuzz_line(input, &sizes[0]);
    char *id = fuzz_line(input, &sizes[1]);
    char *sort_by = fuzz_line(input, &sizes[2]);
    char *order = fuzz_line(input, &sizes[3]);
    const char *filter = filters[choice % 4];
    fusioo_query query = {
        .filter = filter,
        .filter_size = filter != NULL ? strlen(filter) : 0,
        .sort_by = sizes[2] > 0 ? sort_by : NULL,
        .order = sizes[3] > 0 ? order : NULL,
        .limit = (int)(choice % 200) + 1,
        .offset = (int64_t)choice * 1000003,
    };
    fusioo_error error = {.kind = FUSIOO_OK};
    bool own = sizes[0] > 0;
    unsigned version = choice % 3 + 1;
    for (int i = 0; (!own || fu_endpoint_check(request, &error)) && i < FUSIOO_METHODS; i++) {
        const struct fu_endpoint *endpoint = fu_endpoint((fusioo_method)i);
        const char *used = own ? request : endpoint->request;
        struct fu_wire wire;
        if (fu_endpoint_build(&wire, (fusioo_method)i, used, version, id, sizes[1], &query, &error)) {
            struct fu_json reader;
            check_wire(&wire, version);
            FUZZ_CHECK(count_of(wire.path.data, '/') == count_of(used, '/') + 1);
            FUZZ_CHECK(count_of(wire.query.data != NULL ? wire.query.data : "", '=') <= 5);
            FUZZ_CHECK(wire.body.size == 0 || fu_json_check(&reader, wire.body.data, wire.body.size));
        } else {
            FUZZ_CHECK(error.kind == FUSIOO_INVALID || error.kind == FUSIOO_UNSUPPORTED);
        }
        fu_wire_free(&wire);
    }
    free(request);
    free(id);
    free(sort_by);
    free(order);
}

static void check_request(struct fuzz_input *input, unsigned choice) {
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "get", "HEAD", ""};
    size_t path_size;
    size_t query_size;
    char *path = fuzz_line(input, &path_size);
    char *query = fuzz_line(input, &query_size);
    fusioo_request request = {.method = methods[choice % 8], .path = path, .query = query_size > 0 ? query : NULL};
    fusioo_error error = {.kind = FUSIOO_OK};
    struct fu_wire wire;
    if (fu_endpoint_build_request(&wire, choice % 3 + 1, &request, &error)) {
        check_wire(&wire, choice % 3 + 1);
        FUZZ_CHECK(choice % 8 < 5 && strcmp(wire.path.data + strlen("/v1"), path) == 0);
    } else {
        FUZZ_CHECK(error.kind == FUSIOO_INVALID);
    }
    fu_endpoint_request_counted(&request);
    fu_wire_free(&wire);
    free(path);
    free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    unsigned choice = fuzz_byte(&input);
    if (choice & 128) {
        check_request(&input, choice & 127);
    } else {
        check_method(&input, choice);
    }
    return 0;
}
