/* endpoint.c: the table of methods and versions, path templates, percent-encoding (see endpoint.h).
 * Owns: every path of the API. Must not know: transfers, Lua. */
#include "endpoint.h"

#include "error.h"
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Which of these requests the guide documents, which were seen in use and which are inferred from their neighbours
 * stands in the README's table of facts. */
static const struct fu_endpoint endpoints[] = {
    [FUSIOO_PING] = {"ping", "GET /ping", NULL, 1, FU_ANSWER_ANY, FU_READS, false, false},
    [FUSIOO_GET_APPS] = {"get_apps", "GET /apps", NULL, 1, FU_ANSWER_LIST, FU_READS, true, false},
    [FUSIOO_GET_APP] = {"get_app", "GET /apps/{app_id}", "app_id", 1, FU_ANSWER_OBJECT, FU_READS, true, false},
    [FUSIOO_RECORD_COUNT] = {"record_count", "GET /records/apps/{app_id}/count", "app_id", 1, FU_ANSWER_COUNT, FU_READS,
                             true, false},
    [FUSIOO_RECORD_COUNT_FILTER] = {"record_count_filter", "POST /records/apps/{app_id}/count/filter", "app_id", 1,
                                    FU_ANSWER_COUNT, FU_READS, true, false},
    [FUSIOO_GET_RECORDS] = {"get_records", "GET /records/apps/{app_id}", "app_id", 1, FU_ANSWER_LIST, FU_READS, true,
                            true},
    [FUSIOO_GET_RECORDS_FILTER] = {"get_records_filter", "POST /records/apps/{app_id}/filter", "app_id", 1,
                                   FU_ANSWER_LIST, FU_READS, true, true},
    [FUSIOO_GET_RECORD] = {"get_record", "GET /records/{record_id}", "record_id", 1, FU_ANSWER_OBJECT, FU_READS, true,
                           false},
    [FUSIOO_CREATE_RECORD] = {"create_record", "POST /records/apps/{app_id}", "app_id", 1, FU_ANSWER_OBJECT, FU_CREATES,
                              true, false},
    [FUSIOO_UPDATE_RECORD] = {"update_record", "PUT /records/{record_id}", "record_id", 1, FU_ANSWER_OBJECT, FU_CHANGES,
                              true, false},
    [FUSIOO_DELETE_RECORD] = {"delete_record", "DELETE /records/{record_id}", "record_id", 1, FU_ANSWER_NOTHING,
                              FU_DELETES, true, false},
    [FUSIOO_CREATE_FILE] = {"create_file", "POST /files", NULL, 3, FU_ANSWER_OBJECT, FU_CREATES, true, false},
    [FUSIOO_GET_FILE] = {"get_file", "GET /files/{file_id}", "file_id", 3, FU_ANSWER_OBJECT, FU_READS, true, false},
    [FUSIOO_DOWNLOAD_FILE] = {"download_file", "GET /files/{file_id}/download", "file_id", 3, FU_ANSWER_ANY, FU_READS,
                              true, false},
    [FUSIOO_DELETE_FILE] = {"delete_file", "DELETE /files/{file_id}", "file_id", 3, FU_ANSWER_NOTHING, FU_DELETES, true,
                            false},
    [FUSIOO_CREATE_DISCUSSION] = {"create_discussion", "POST /discussions/records/{record_id}", "record_id", 3,
                                  FU_ANSWER_OBJECT, FU_CREATES, true, false},
    [FUSIOO_GET_DISCUSSIONS] = {"get_discussions", "GET /discussions/records/{record_id}", "record_id", 3,
                                FU_ANSWER_LIST, FU_READS, true, true},
    [FUSIOO_GET_DISCUSSION] = {"get_discussion", "GET /discussions/{discussion_id}", "discussion_id", 3,
                               FU_ANSWER_OBJECT, FU_READS, true, false},
    [FUSIOO_DELETE_DISCUSSION] = {"delete_discussion", "DELETE /discussions/{discussion_id}", "discussion_id", 3,
                                  FU_ANSWER_NOTHING, FU_DELETES, true, false},
    [FUSIOO_CREATE_COMMENT] = {"create_comment", "POST /discussions/{discussion_id}/comments", "discussion_id", 3,
                               FU_ANSWER_OBJECT, FU_CREATES, true, false},
    [FUSIOO_GET_USERS] = {"get_users", "GET /users", NULL, 3, FU_ANSWER_LIST, FU_READS, true, true},
    [FUSIOO_GET_USER] = {"get_user", "GET /users/{user_id}", "user_id", 3, FU_ANSWER_OBJECT, FU_READS, true, false},
};

const struct fu_endpoint *fu_endpoint(fusioo_method method) {
    return &endpoints[method];
}

enum fu_answer fu_endpoint_answer(fusioo_method method, unsigned version) {
    bool is_silent = version == 1 && (method == FUSIOO_CREATE_RECORD || method == FUSIOO_UPDATE_RECORD);
    return is_silent ? FU_ANSWER_MAYBE_OBJECT : endpoints[method].answer;
}

fusioo_method fusioo_method_find(const char *name) {
    for (int i = 0; i < FUSIOO_METHODS; i++) {
        if (strcmp(endpoints[i].name, name) == 0) {
            return (fusioo_method)i;
        }
    }
    return FUSIOO_METHODS;
}

void fu_wire_free(struct fu_wire *wire) {
    fu_buffer_free(&wire->path);
    fu_buffer_free(&wire->query);
    fu_buffer_free(&wire->body);
}

static bool is_unreserved(unsigned char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

bool fu_percent_encode(struct fu_buffer *buffer, const char *bytes, size_t size) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (is_unreserved(byte)) {
            fu_buffer_putc(buffer, bytes[i]);
        } else {
            char code[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            fu_buffer_append(buffer, code, sizeof code);
        }
    }
    return !buffer->failed;
}

/* ---- Templates ---- */

static bool is_method(const char *method, size_t size) {
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strlen(methods[i]) == size && memcmp(methods[i], method, size) == 0) {
            return true;
        }
    }
    return false;
}

/* May `byte` stand in a path as it is? Encoding the rest is the caller's. */
static bool is_path_byte(unsigned char byte) {
    return byte > 0x20 && byte < 0x7f && strchr("?#\\\"<>^`|{}", byte) == NULL;
}

static bool is_dots(const char *segment, size_t size) {
    return (size == 1 && segment[0] == '.') || (size == 2 && segment[0] == '.' && segment[1] == '.');
}

/* Does the path hold the segment "." or "..", also in percent-encoding? Servers would normalise it away. */
static bool has_step(const char *path) {
    for (size_t size; *path != '\0'; path += size) {
        path += strspn(path, "/");
        size = strcspn(path, "/");
        size_t dots = 0;
        size_t at = 0;
        while (at < size && (path[at] == '.' || strncasecmp(path + at, "%2e", 3) == 0)) {
            at += path[at] == '.' ? 1 : 3;
            dots++;
        }
        if (at == size && (dots == 1 || dots == 2)) {
            return true;
        }
    }
    return false;
}

/* A path goes out as it is; what a server would normalise or take for something else is refused. */
static bool check_path(const char *path, fusioo_error *error) {
    if (path[0] != '/') {
        return fu_error_set(error, FUSIOO_INVALID, "a path begins with '/' (without the version), not '%.40s'", path);
    }
    if (has_step(path)) {
        return fu_error_set(error, FUSIOO_INVALID, "the path '%.200s' has '.' or '..' in it", path);
    }
    for (const char *at = path; *at != '\0'; at++) {
        if (!is_path_byte((unsigned char)*at)) {
            return fu_error_set(error, FUSIOO_INVALID,
                                "the path '%.200s' has a byte (0x%02X) that must be percent-encoded; a query goes into "
                                "the option query",
                                path, (unsigned)(unsigned char)*at);
        }
    }
    return true;
}

bool fu_endpoint_check(const char *request, fusioo_error *error) {
    const char *space = strchr(request, ' ');
    if (space == NULL || !is_method(request, (size_t)(space - request)) || space[1] != '/') {
        return fu_error_set(error, FUSIOO_INVALID, "'%.100s' is no request; it looks like 'GET /apps/{app_id}'",
                            request);
    }
    if (has_step(space + 1)) {
        return fu_error_set(error, FUSIOO_INVALID, "'%.100s' has '.' or '..' in its path", request);
    }
    for (const char *at = space + 1; *at != '\0'; at++) {
        if (*at == '{') {
            size_t size = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
            if (size == 0 || at[1 + size] != '}') {
                return fu_error_set(error, FUSIOO_INVALID, "'%.100s' has a placeholder that is none", request);
            }
            at += size + 1;
        } else if (!is_path_byte((unsigned char)*at)) {
            return fu_error_set(error, FUSIOO_INVALID, "'%.100s' has a byte (0x%02X) that no path may hold", request,
                                (unsigned)(unsigned char)*at);
        }
    }
    return true;
}

/* The values that a request can place: by name, in the path, the query or the body. */
struct argument {
    const char *name;
    const char *value;
    size_t size;
    bool placed;
};

static struct argument *find_argument(struct argument *list, size_t count, const char *name, size_t size) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i].name) == size && memcmp(list[i].name, name, size) == 0 && list[i].value != NULL) {
            return &list[i];
        }
    }
    return NULL;
}

static bool fill_template(struct fu_wire *wire, const char *request, unsigned version, struct argument *list,
                          size_t count, fusioo_error *error) {
    const char *space = strchr(request, ' ');
    snprintf(wire->method, sizeof wire->method, "%.*s", (int)(space - request), request);
    fu_buffer_puts(&wire->path, "/v");
    fu_buffer_put_integer(&wire->path, (long long)version);
    for (const char *at = space + 1; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        fu_buffer_append(&wire->path, at, plain);
        at += plain;
        if (*at == '{') {
            size_t size = strcspn(at + 1, "}");
            struct argument *argument = find_argument(list, count, at + 1, size);
            if (argument == NULL) {
                return fu_error_set(error, FUSIOO_INVALID,
                                    "'%.100s' has the placeholder {%.*s}, which has no value here", request, (int)size,
                                    at + 1);
            }
            fu_percent_encode(&wire->path, argument->value, argument->size);
            argument->placed = true;
            at += size + 2;
        }
    }
    if (wire->path.failed) {
        return fu_error_memory(error);
    }
    /* A value can complete a step that neither it nor the template is by itself. */
    return has_step(wire->path.data)
               ? fu_error_set(error, FUSIOO_INVALID, "the path '%.200s' has '.' or '..' in it", wire->path.data)
               : true;
}

static void add_to_query(struct fu_buffer *query, const struct argument *argument) {
    if (query->size > 0) {
        fu_buffer_putc(query, '&');
    }
    fu_percent_encode(query, argument->name, strlen(argument->name));
    fu_buffer_putc(query, '=');
    fu_percent_encode(query, argument->value, argument->size);
}

/* Puts an id that found no place in the path into the body's object. */
static bool add_to_body(struct fu_buffer *body, const struct argument *argument, fusioo_error *error) {
    struct fu_buffer whole = FU_BUFFER_EMPTY;
    const char *rest = body->size > 0 ? strchr(body->data, '{') : NULL;
    rest = rest != NULL ? rest + 1 : "}";
    fu_buffer_putc(&whole, '{');
    fu_json_write_string(&whole, argument->name, strlen(argument->name));
    fu_buffer_putc(&whole, ':');
    bool good = fu_json_write_string(&whole, argument->value, argument->size);
    if (rest[strspn(rest, " \t\r\n")] != '}') {
        fu_buffer_putc(&whole, ',');
    }
    fu_buffer_puts(&whole, rest);
    bool failed = whole.failed;
    fu_buffer_free(body);
    *body = whole;
    if (failed) {
        return fu_error_memory(error);
    }
    return good ? true : fu_error_set(error, FUSIOO_INVALID, "%s is not UTF-8", argument->name);
}

static bool check_id(const struct fu_endpoint *endpoint, const char *id, size_t size, fusioo_error *error) {
    if (endpoint->id_name == NULL) {
        return true;
    }
    if (id == NULL || size == 0) {
        return fu_error_set(error, FUSIOO_INVALID, "%s: %s is empty", endpoint->name, endpoint->id_name);
    }
    if (is_dots(id, size)) {
        return fu_error_set(error, FUSIOO_INVALID, "%s: '%.*s' cannot be an id: servers take it for a step in the path",
                            endpoint->name, (int)size, id);
    }
    return true;
}

/* The numbers of a query as text, and what else a list takes. */
struct paging {
    char limit[16], offset[32];
};

static bool read_paging(struct paging *paging, unsigned version, const fusioo_query *query, fusioo_error *error) {
    int limit = query != NULL && query->limit != 0 ? query->limit : 200;
    int64_t offset = query != NULL ? query->offset : 0;
    if (limit < 1 || limit > 200) {
        return fu_error_set(error, FUSIOO_INVALID, "limit is 1 to 200, not %d", limit);
    }
    if (offset < 0 || offset > INT64_MAX / 2) {
        return fu_error_set(error, FUSIOO_INVALID, "offset is 0 or more, not %lld", (long long)offset);
    }
    if (query != NULL && query->order != NULL && strcmp(query->order, "asc") != 0 &&
        strcmp(query->order, "desc") != 0) {
        return fu_error_set(error, FUSIOO_INVALID, "order is 'asc' or 'desc', not '%.40s'", query->order);
    }
    snprintf(paging->limit, sizeof paging->limit, "%d", limit);
    /* v1 and v2 name the record to start at, counted from 1; v3 says how many to skip. */
    snprintf(paging->offset, sizeof paging->offset, "%lld", (long long)offset + (version < 3 ? 1 : 0));
    return true;
}

static size_t text_size(const char *text) {
    return text != NULL ? strlen(text) : 0;
}

/* Puts what the template has no place for where the service would look for it. */
static bool place_rest(struct fu_wire *wire, struct argument *list, size_t count, fusioo_error *error) {
    bool has_body = wire->method[0] == 'P'; /* POST, PUT, PATCH */
    for (size_t i = 0; i < count; i++) {
        if (list[i].value == NULL || list[i].placed) {
            continue;
        }
        bool is_id = i == 0;
        if (is_id && has_body) {
            if (!add_to_body(&wire->body, &list[i], error)) {
                return false;
            }
        } else {
            add_to_query(&wire->query, &list[i]);
        }
    }
    return wire->query.failed || wire->body.failed ? fu_error_memory(error) : true;
}

bool fu_endpoint_build(struct fu_wire *wire, fusioo_method method, const char *request, unsigned version,
                       const char *id, size_t id_size, const fusioo_query *query, fusioo_error *error) {
    const struct fu_endpoint *endpoint = &endpoints[method];
    memset(wire, 0, sizeof *wire);
    if (version < endpoint->since) {
        return fu_error_set(error, FUSIOO_UNSUPPORTED, "%s is there from v%u on, and this client speaks v%u",
                            endpoint->name, endpoint->since, version);
    }
    struct paging paging = {"", ""};
    if (!check_id(endpoint, id, id_size, error) || (endpoint->list && !read_paging(&paging, version, query, error))) {
        return false;
    }
    bool list = endpoint->list;
    const char *sort_by = list && query != NULL ? query->sort_by : NULL;
    const char *order = list && query != NULL ? query->order : NULL;
    struct argument arguments[] = {
        {endpoint->id_name, endpoint->id_name != NULL ? id : NULL, id_size, false},
        {"limit", list ? paging.limit : NULL, strlen(paging.limit), false},
        {"offset", list ? paging.offset : NULL, strlen(paging.offset), false},
        {"sort_by", sort_by, text_size(sort_by), false},
        {"order", order, text_size(order), false},
    };
    size_t first = endpoint->id_name != NULL ? 0 : 1;
    size_t count = sizeof arguments / sizeof arguments[0];
    if (query != NULL && query->filter != NULL) {
        fu_buffer_append(&wire->body, query->filter, query->filter_size);
    }
    if (!fill_template(wire, request != NULL ? request : endpoint->request, version, arguments + first, count - first,
                       error)) {
        return false;
    }
    return place_rest(wire, arguments, count, error);
}

/* ---- Other requests ---- */

bool fu_endpoint_request_counted(const fusioo_request *request) {
    return strcmp(request->path, "/ping") != 0;
}

bool fu_endpoint_build_request(struct fu_wire *wire, unsigned version, const fusioo_request *request,
                               fusioo_error *error) {
    memset(wire, 0, sizeof *wire);
    if (!is_method(request->method, strlen(request->method))) {
        return fu_error_set(error, FUSIOO_INVALID, "'%.20s' is not GET, POST, PUT, DELETE or PATCH", request->method);
    }
    if (!check_path(request->path, error)) {
        return false;
    }
    snprintf(wire->method, sizeof wire->method, "%s", request->method);
    fu_buffer_puts(&wire->path, "/v");
    fu_buffer_put_integer(&wire->path, (long long)version);
    fu_buffer_puts(&wire->path, request->path);
    if (request->query != NULL) {
        for (const char *at = request->query; *at != '\0'; at++) {
            if (!is_path_byte((unsigned char)*at)) {
                return fu_error_set(error, FUSIOO_INVALID, "the query has a byte that must be percent-encoded");
            }
        }
        fu_buffer_puts(&wire->query, request->query);
    }
    if (request->body != NULL) {
        fu_buffer_append(&wire->body, request->body, request->body_size);
    }
    return wire->path.failed || wire->query.failed || wire->body.failed ? fu_error_memory(error) : true;
}
