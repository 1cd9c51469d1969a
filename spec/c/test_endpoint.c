/* test_endpoint.c: requests as they go out, for every method and version, overrides, any other request. Must not know:
 * the network. */
#include "endpoint.h"

#include "error.h"

#include "test.h"

static fusioo_error error;

static void forget_error(void) {
    fu_error_clear(&error, FUSIOO_OK);
}

static const char *text_of(const struct fu_buffer *buffer) {
    return buffer->data != NULL ? buffer->data : "";
}

/* Builds with the id "i1" where the method takes one. */
static void assert_request(fusioo_method method, const char *template, unsigned version, const fusioo_query *query,
                           const char *verb, const char *path, const char *arguments, const char *body) {
    struct fu_wire wire;
    forget_error();
    if (!fu_endpoint_build(&wire, method, template, version, "i1", 2, query, &error)) {
        fail_msg("%s %s: %s", verb, path, error.message);
    }
    assert_string_equal(wire.method, verb);
    assert_string_equal(text_of(&wire.path), path);
    assert_string_equal(text_of(&wire.query), arguments);
    assert_string_equal(text_of(&wire.body), body);
    assert_int_equal(wire.path.size, strlen(path));
    assert_int_equal(wire.body.size, strlen(body));
    fu_wire_free(&wire);
}

static void assert_refused(fusioo_kind kind, fusioo_method method, const char *template, unsigned version,
                           const char *id, size_t size, const fusioo_query *query, const char *words) {
    struct fu_wire wire;
    forget_error();
    if (fu_endpoint_build(&wire, method, template, version, id, size, query, &error)) {
        fail_msg("not refused: %s", text_of(&wire.path));
    }
    assert_int_equal(error.kind, kind);
    if (strstr(error.message, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error.message, words);
    }
    assert_int_equal(error.status, 0);
    fu_wire_free(&wire);
}

/* ---- The table ---- */

static const struct {
    fusioo_method method;
    const char *name, *verb, *path; /* the path without the version */
    unsigned since;
    enum fu_answer answer;
    enum fu_effect effect;
    bool list;
} table[] = {
    {FUSIOO_PING, "ping", "GET", "/ping", 1, FU_ANSWER_ANY, FU_READS, false},
    {FUSIOO_GET_APPS, "get_apps", "GET", "/apps", 1, FU_ANSWER_LIST, FU_READS, false},
    {FUSIOO_GET_APP, "get_app", "GET", "/apps/i1", 1, FU_ANSWER_OBJECT, FU_READS, false},
    {FUSIOO_RECORD_COUNT, "record_count", "GET", "/records/apps/i1/count", 1, FU_ANSWER_COUNT, FU_READS, false},
    {FUSIOO_RECORD_COUNT_FILTER, "record_count_filter", "POST", "/records/apps/i1/count/filter", 1, FU_ANSWER_COUNT,
     FU_READS, false},
    {FUSIOO_GET_RECORDS, "get_records", "GET", "/records/apps/i1", 1, FU_ANSWER_LIST, FU_READS, true},
    {FUSIOO_GET_RECORDS_FILTER, "get_records_filter", "POST", "/records/apps/i1/filter", 1, FU_ANSWER_LIST, FU_READS,
     true},
    {FUSIOO_GET_RECORD, "get_record", "GET", "/records/i1", 1, FU_ANSWER_OBJECT, FU_READS, false},
    {FUSIOO_CREATE_RECORD, "create_record", "POST", "/records/apps/i1", 1, FU_ANSWER_OBJECT, FU_CREATES, false},
    {FUSIOO_UPDATE_RECORD, "update_record", "PUT", "/records/i1", 1, FU_ANSWER_OBJECT, FU_CHANGES, false},
    {FUSIOO_DELETE_RECORD, "delete_record", "DELETE", "/records/i1", 1, FU_ANSWER_NOTHING, FU_DELETES, false},
    {FUSIOO_CREATE_FILE, "create_file", "POST", "/files", 3, FU_ANSWER_OBJECT, FU_CREATES, false},
    {FUSIOO_GET_FILE, "get_file", "GET", "/files/i1", 3, FU_ANSWER_OBJECT, FU_READS, false},
    {FUSIOO_DOWNLOAD_FILE, "download_file", "GET", "/files/i1/download", 3, FU_ANSWER_ANY, FU_READS, false},
    {FUSIOO_DELETE_FILE, "delete_file", "DELETE", "/files/i1", 3, FU_ANSWER_NOTHING, FU_DELETES, false},
    {FUSIOO_CREATE_DISCUSSION, "create_discussion", "POST", "/discussions/records/i1", 3, FU_ANSWER_OBJECT, FU_CREATES,
     false},
    {FUSIOO_GET_DISCUSSIONS, "get_discussions", "GET", "/discussions/records/i1", 3, FU_ANSWER_LIST, FU_READS, true},
    {FUSIOO_GET_DISCUSSION, "get_discussion", "GET", "/discussions/i1", 3, FU_ANSWER_OBJECT, FU_READS, false},
    {FUSIOO_DELETE_DISCUSSION, "delete_discussion", "DELETE", "/discussions/i1", 3, FU_ANSWER_NOTHING, FU_DELETES,
     false},
    {FUSIOO_CREATE_COMMENT, "create_comment", "POST", "/discussions/i1/comments", 3, FU_ANSWER_OBJECT, FU_CREATES,
     false},
    {FUSIOO_GET_USERS, "get_users", "GET", "/users", 3, FU_ANSWER_LIST, FU_READS, true},
    {FUSIOO_GET_USER, "get_user", "GET", "/users/i1", 3, FU_ANSWER_OBJECT, FU_READS, false},
};

static void every_method_in_every_version(void **state) {
    (void)state;
    assert_int_equal(COUNT(table), FUSIOO_METHODS);
    for (size_t i = 0; i < COUNT(table); i++) {
        for (unsigned version = 1; version <= 3; version++) {
            char path[80];
            fusioo_query query = {.filter = "{\"a\":1}", .filter_size = 7, .offset = 5, .limit = 3};
            bool post = table[i].verb[0] == 'P'; /* or PUT */
            const char *arguments = !table[i].list ? "" : version == 3 ? "limit=3&offset=5" : "limit=3&offset=6";
            snprintf(path, sizeof path, "/v%u%s", version, table[i].path);
            if (!post) {
                query.filter = NULL;
            }
            if (version < table[i].since) {
                assert_refused(FUSIOO_UNSUPPORTED, table[i].method, NULL, version, "i1", 2, &query, table[i].name);
            } else {
                assert_request(table[i].method, NULL, version, &query, table[i].verb, path, arguments,
                               post ? "{\"a\":1}" : "");
            }
        }
    }
}

static void what_the_table_says_of_them(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct fu_endpoint *endpoint = fu_endpoint(table[i].method);
        assert_string_equal(endpoint->name, table[i].name);
        assert_int_equal(fusioo_method_find(table[i].name), table[i].method);
        assert_int_equal(endpoint->answer, table[i].answer);
        assert_int_equal(endpoint->since, table[i].since);
        assert_int_equal(endpoint->list, table[i].list);
        assert_int_equal(endpoint->counted, table[i].method != FUSIOO_PING); /* ping alone is free */
        assert_int_equal(endpoint->effect, table[i].effect);
        assert_true(fu_endpoint_check(endpoint->request, &error));
    }
    assert_int_equal(fu_endpoint_answer(FUSIOO_CREATE_RECORD, 1), FU_ANSWER_MAYBE_OBJECT);
    assert_int_equal(fu_endpoint_answer(FUSIOO_UPDATE_RECORD, 1), FU_ANSWER_MAYBE_OBJECT);
    assert_int_equal(fu_endpoint_answer(FUSIOO_CREATE_RECORD, 2), FU_ANSWER_OBJECT);
    assert_int_equal(fu_endpoint_answer(FUSIOO_GET_RECORD, 1), FU_ANSWER_OBJECT);
    assert_int_equal(fusioo_method_find("get_record "), FUSIOO_METHODS);
    assert_int_equal(fusioo_method_find(""), FUSIOO_METHODS);
    assert_int_equal(fusioo_method_find("GET_APPS"), FUSIOO_METHODS);
}

/* ---- Lists ---- */

static void offsets_count_records_to_skip(void **state) {
    (void)state;
    static const struct {
        int64_t skip;
        const char *v1, *v3;
    } offsets[] = {
        {0, "limit=200&offset=1", "limit=200&offset=0"}, /* v1 and v2 name the record to start at */
        {1, "limit=200&offset=2", "limit=200&offset=1"},
        {199, "limit=200&offset=200", "limit=200&offset=199"},
        {INT64_MAX / 2, "limit=200&offset=4611686018427387904", "limit=200&offset=4611686018427387903"},
    };
    for (size_t i = 0; i < COUNT(offsets); i++) {
        fusioo_query query = {.offset = offsets[i].skip};
        assert_request(FUSIOO_GET_RECORDS, NULL, 1, &query, "GET", "/v1/records/apps/i1", offsets[i].v1, "");
        assert_request(FUSIOO_GET_RECORDS, NULL, 2, &query, "GET", "/v2/records/apps/i1", offsets[i].v1, "");
        assert_request(FUSIOO_GET_RECORDS, NULL, 3, &query, "GET", "/v3/records/apps/i1", offsets[i].v3, "");
    }
    assert_request(FUSIOO_GET_RECORDS, NULL, 3, NULL, "GET", "/v3/records/apps/i1", "limit=200&offset=0", "");
}

static void limits_are_1_to_200(void **state) {
    (void)state;
    fusioo_query query = {.limit = 1};
    assert_request(FUSIOO_GET_USERS, NULL, 3, &query, "GET", "/v3/users", "limit=1&offset=0", "");
    query.limit = 200;
    assert_request(FUSIOO_GET_USERS, NULL, 3, &query, "GET", "/v3/users", "limit=200&offset=0", "");
    query.limit = 201;
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_USERS, NULL, 3, NULL, 0, &query, "201");
    query.limit = -1;
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_USERS, NULL, 3, NULL, 0, &query, "-1");
    query = (fusioo_query){.offset = -1};
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_USERS, NULL, 3, NULL, 0, &query, "offset");
    query.offset = INT64_MAX;
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_USERS, NULL, 1 + 2, NULL, 0, &query, "offset");
}

static void sorting_goes_into_the_query(void **state) {
    (void)state;
    fusioo_query query = {.sort_by = "last_modified", .order = "desc", .limit = 10};
    assert_request(FUSIOO_GET_RECORDS, NULL, 3, &query, "GET", "/v3/records/apps/i1",
                   "limit=10&offset=0&sort_by=last_modified&order=desc", "");
    query = (fusioo_query){.sort_by = "a&b=c d\xc3\xa9", .order = "asc", .filter = "{}", .filter_size = 2};
    assert_request(FUSIOO_GET_RECORDS_FILTER, NULL, 3, &query, "POST", "/v3/records/apps/i1/filter",
                   "limit=200&offset=0&sort_by=a%26b%3Dc%20d%C3%A9&order=asc", "{}");
    query.order = "down";
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_RECORDS, NULL, 3, "i1", 2, &query, "down");
    query = (fusioo_query){.sort_by = "x", .order = "up", .limit = 999, .offset = -4}; /* no list: not looked at */
    assert_request(FUSIOO_GET_APP, NULL, 3, &query, "GET", "/v3/apps/i1", "", "");
}

/* ---- Ids ---- */

static void assert_id(const char *id, size_t size, const char *encoded) {
    struct fu_wire wire;
    char path[200];
    snprintf(path, sizeof path, "/v3/apps/%s", encoded);
    assert_true(fu_endpoint_build(&wire, FUSIOO_GET_APP, NULL, 3, id, size, NULL, &error));
    assert_string_equal(wire.path.data, path);
    fu_wire_free(&wire);
}

static void ids_are_percent_encoded(void **state) {
    (void)state;
    assert_id("i0123456789abcdef", 17, "i0123456789abcdef");
    assert_id("AZaz09-._~", 10, "AZaz09-._~");
    assert_id("a/b", 3, "a%2Fb");
    assert_id("a?b#c", 5, "a%3Fb%23c");
    assert_id("50%", 3, "50%25");
    assert_id("%2e%2E", 6, "%252e%252E");
    assert_id("\r\nHost: x", 9, "%0D%0AHost%3A%20x");
    assert_id("a\0b", 3, "a%00b");
    assert_id("\0", 1, "%00");
    assert_id(" ", 1, "%20");
    assert_id("\xc3\xa9\xff", 3, "%C3%A9%FF");
    assert_id("../x", 4, "..%2Fx");
    assert_id("...", 3, "...");
    assert_id(".a", 2, ".a");
    assert_id("{app_id}", 8, "%7Bapp_id%7D");
    assert_id("a+b&c=d;e", 9, "a%2Bb%26c%3Dd%3Be");
}

static void ids_that_are_none_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        if (fu_endpoint(table[i].method)->id_name == NULL) {
            continue;
        }
        assert_refused(FUSIOO_INVALID, table[i].method, NULL, 3, "", 0, NULL, "empty");
        assert_refused(FUSIOO_INVALID, table[i].method, NULL, 3, NULL, 0, NULL, "empty");
        assert_refused(FUSIOO_INVALID, table[i].method, NULL, 3, ".", 1, NULL, "'.'");
        assert_refused(FUSIOO_INVALID, table[i].method, NULL, 3, "..", 2, NULL, "'..'");
        assert_refused(FUSIOO_INVALID, table[i].method, "POST /x", 3, "..", 2, NULL, "'..'");
    }
}

/* ---- Overrides ---- */

static void overrides_place_arguments_where_they_say(void **state) {
    (void)state;
    fusioo_query query = {.limit = 7, .offset = 3, .sort_by = "s/t"};
    assert_request(FUSIOO_GET_APP, "GET /application/{app_id}/about", 2, NULL, "GET", "/v2/application/i1/about", "",
                   "");
    assert_request(FUSIOO_GET_RECORDS, "GET /{app_id}/from/{offset}/{limit}/{sort_by}", 3, &query, "GET",
                   "/v3/i1/from/3/7/s%2Ft", "", "");
    assert_request(FUSIOO_GET_RECORDS, "GET /{app_id}/from/{offset}", 1, &query, "GET", "/v1/i1/from/4",
                   "limit=7&sort_by=s%2Ft", "");
    assert_request(FUSIOO_GET_APP, "GET /twice/{app_id}/{app_id}", 3, NULL, "GET", "/v3/twice/i1/i1", "", "");
    assert_request(FUSIOO_GET_APP, "DELETE /{app_id}", 3, NULL, "DELETE", "/v3/i1", "", "");
}

static void what_has_no_placeholder_goes_into_query_or_body(void **state) {
    (void)state;
    fusioo_query query = {.filter = " { \"a\" : {\"equal\": 1} } ", .filter_size = 24, .limit = 5};
    assert_int_equal(strlen(query.filter), query.filter_size);
    assert_request(FUSIOO_GET_APP, "GET /app", 3, NULL, "GET", "/v3/app", "app_id=i1", "");
    assert_request(FUSIOO_GET_APP, "DELETE /app", 3, NULL, "DELETE", "/v3/app", "app_id=i1", "");
    assert_request(FUSIOO_GET_APP, "POST /app", 3, NULL, "POST", "/v3/app", "", "{\"app_id\":\"i1\"}");
    assert_request(FUSIOO_GET_APP, "PUT /app", 3, NULL, "PUT", "/v3/app", "", "{\"app_id\":\"i1\"}");
    assert_request(FUSIOO_GET_RECORDS_FILTER, "POST /records/query", 3, &query, "POST", "/v3/records/query",
                   "limit=5&offset=0", "{\"app_id\":\"i1\", \"a\" : {\"equal\": 1} } ");
    query = (fusioo_query){.filter = "{}", .filter_size = 2};
    assert_request(FUSIOO_RECORD_COUNT_FILTER, "POST /count", 3, &query, "POST", "/v3/count", "",
                   "{\"app_id\":\"i1\"}");
    query = (fusioo_query){.filter = "{ \n }", .filter_size = 5};
    assert_request(FUSIOO_RECORD_COUNT_FILTER, "POST /count", 3, &query, "POST", "/v3/count", "",
                   "{\"app_id\":\"i1\" \n }");
    query.filter = NULL;
    assert_request(FUSIOO_RECORD_COUNT_FILTER, "POST /count", 3, &query, "POST", "/v3/count", "",
                   "{\"app_id\":\"i1\"}");
}

static void an_id_in_the_body_is_a_json_string(void **state) {
    (void)state;
    struct fu_wire wire;
    assert_true(fu_endpoint_build(&wire, FUSIOO_GET_APP, "POST /app", 3, "a\"\\\n/\xc3\xa9", 7, NULL, &error));
    assert_string_equal(wire.body.data, "{\"app_id\":\"a\\\"\\\\\\n/\xc3\xa9\"}");
    fu_wire_free(&wire);
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_APP, "POST /app", 3, "\xff", 1, NULL, "UTF-8");
}

static void a_placeholder_without_a_value_is_said(void **state) {
    (void)state;
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_APPS, "GET /apps/{app_id}", 3, "i1", 2, NULL, "{app_id}");
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_APP, "GET /apps/{app}", 3, "i1", 2, NULL, "{app}");
    assert_refused(FUSIOO_INVALID, FUSIOO_GET_RECORDS, "GET /{app_id}/{order}", 3, "i1", 2, NULL, "{order}");
}

static void templates_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"GET /",
                                       "GET /apps",
                                       "POST /comments",
                                       "PUT /a/{record_id}",
                                       "DELETE /{x}.{y_z}",
                                       "PATCH /a%20b",
                                       "GET /a:b@c;d=e,f!g$h&i'(j)*k+l~m-n_o."};
    static const char *const bad[] = {"",
                                      "GET",
                                      "GET ",
                                      "/apps",
                                      "get /apps",
                                      "GETS /apps",
                                      "HEAD /apps",
                                      " GET /apps",
                                      "GET  /apps",
                                      "GET apps",
                                      "GET https://host/apps",
                                      "GET /apps?a=b",
                                      "GET /apps#a",
                                      "GET /a b",
                                      "GET /a\r\nHost: b",
                                      "GET /\xc3\xa9",
                                      "GET /\x7f",
                                      "GET /{",
                                      "GET /{}",
                                      "GET /{app_id",
                                      "GET /{App}",
                                      "GET /{a b}",
                                      "GET /{a{b}}",
                                      "GET /a}",
                                      "GET /a\\b",
                                      "GET /../apps",
                                      "GET /records/./{record_id}",
                                      "GET /records/..",
                                      "GET /records/%2e%2E/apps"};
    for (size_t i = 0; i < COUNT(good); i++) {
        if (!fu_endpoint_check(good[i], &error)) {
            fail_msg("refused: %s (%s)", good[i], error.message);
        }
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        forget_error();
        if (fu_endpoint_check(bad[i], &error)) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_int_equal(error.kind, FUSIOO_INVALID);
        assert_true(error.message[0] != '\0');
        assert_false(fu_endpoint_check(bad[i], NULL));
    }
}

/* ---- Other requests ---- */

static bool build_other(struct fu_wire *wire, const char *method, const char *path, const char *query) {
    fusioo_request request = {.method = method, .path = path, .query = query, .body = "{}\0x", .body_size = 4};
    forget_error();
    return fu_endpoint_build_request(wire, 2, &request, &error);
}

static void any_request_goes_out_as_it_is(void **state) {
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    static const char *const paths[] = {"/", "/apps", "/apps/", "/a%2Fb/c", "/a//b", "/.../a", "/.a/..b/c..", "/a:b@c"};
    struct fu_wire wire;
    for (size_t i = 0; i < COUNT(methods); i++) {
        for (size_t k = 0; k < COUNT(paths); k++) {
            char path[40];
            snprintf(path, sizeof path, "/v2%s", paths[k]);
            assert_true(build_other(&wire, methods[i], paths[k], "a=1&b=%20&c"));
            assert_string_equal(wire.method, methods[i]);
            assert_string_equal(wire.path.data, path);
            assert_string_equal(wire.query.data, "a=1&b=%20&c");
            assert_int_equal(wire.body.size, 4);
            assert_memory_equal(wire.body.data, "{}\0x", 4);
            fu_wire_free(&wire);
        }
    }
    assert_true(build_other(&wire, "GET", "/apps", NULL));
    assert_int_equal(wire.query.size, 0);
    fu_wire_free(&wire);
}

static void refuse_other(const char *method, const char *path, const char *query) {
    struct fu_wire wire;
    if (build_other(&wire, method, path, query)) {
        fail_msg("accepted: %s %s", method, path);
    }
    assert_int_equal(error.kind, FUSIOO_INVALID);
    assert_true(error.message[0] != '\0');
    fu_wire_free(&wire);
}

static void what_no_request_may_be_is_refused(void **state) {
    (void)state;
    static const char *const methods[] = {"",        "get",     "HEAD",  "GET ",
                                          "GET\r\n", "CONNECT", "TRACE", "GETGETGETGETGETGET"};
    static const char *const paths[] = {
        "",       "apps",      "?a",           "/a?b=c", "/a#b",      "/a b",      "/a\tb",  "/a\nb", "/a\r\nX: y",
        "/\x7f",  "/\xc3\xa9", "/.",           "/..",    "/../apps",  "/a/../b",   "/a/./b", "/a/..", "/a\\b",
        "/{app}", "/a\"b",     "/%2e%2e/apps", "/a/%2E", "/a/.%2e/b", "/a/%2e./b", "//../a"};
    static const char *const queries[] = {"a=b c", "a=b#c", "a=\r\n", "a=\xc3\xa9", "a=\x01"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        refuse_other(methods[i], "/apps", NULL);
    }
    for (size_t i = 0; i < COUNT(paths); i++) {
        refuse_other("GET", paths[i], NULL);
    }
    for (size_t i = 0; i < COUNT(queries); i++) {
        refuse_other("GET", "/apps", queries[i]);
    }
}

static void a_path_of_any_length_goes_out_whole(void **state) {
    (void)state;
    char *path = malloc(100001);
    assert_non_null(path);
    memset(path, 'a', 100000);
    path[0] = '/';
    path[100000] = '\0';
    struct fu_wire wire;
    assert_true(build_other(&wire, "GET", path, path));
    assert_int_equal(wire.path.size, 100003);
    assert_int_equal(wire.query.size, 100000);
    fu_wire_free(&wire);
    path[50000] = ' ';
    refuse_other("GET", path, NULL);
    assert_true(strlen(error.message) < sizeof error.message);
    free(path);
}

static void ping_alone_is_not_counted(void **state) {
    (void)state;
    fusioo_request request = {.method = "GET", .path = "/ping"};
    assert_false(fu_endpoint_request_counted(&request));
    request.path = "/apps";
    assert_true(fu_endpoint_request_counted(&request));
    request.path = "/pings";
    assert_true(fu_endpoint_request_counted(&request));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_in_every_version),
        cmocka_unit_test(what_the_table_says_of_them),
        cmocka_unit_test(offsets_count_records_to_skip),
        cmocka_unit_test(limits_are_1_to_200),
        cmocka_unit_test(sorting_goes_into_the_query),
        cmocka_unit_test(ids_are_percent_encoded),
        cmocka_unit_test(ids_that_are_none_are_refused),
        cmocka_unit_test(overrides_place_arguments_where_they_say),
        cmocka_unit_test(what_has_no_placeholder_goes_into_query_or_body),
        cmocka_unit_test(an_id_in_the_body_is_a_json_string),
        cmocka_unit_test(a_placeholder_without_a_value_is_said),
        cmocka_unit_test(templates_are_checked),
        cmocka_unit_test(any_request_goes_out_as_it_is),
        cmocka_unit_test(what_no_request_may_be_is_refused),
        cmocka_unit_test(a_path_of_any_length_goes_out_whole),
        cmocka_unit_test(ping_alone_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
