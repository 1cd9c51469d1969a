/* test_envelope.c: what an answer says: its kind, its data, its objects. Must not know: the network. */
#include "envelope.h"

#include "error.h"

#include "test.h"

static fusioo_error error;
static struct fu_envelope envelope;
static int64_t count;
static char *kept; /* the text of the last answer, in a block of its own size */

static bool verdict_of(int status, enum fu_answer answer, const char *text, size_t size) {
    free(kept);
    kept = malloc(size + 1);
    assert_non_null(kept);
    memcpy(kept, text, size);
    kept[size] = '\0';
    fu_error_clear(&error, FUSIOO_OK);
    count = 77;
    return fu_verdict(status, kept, size, answer, &envelope, &count, &error);
}

static bool verdict(int status, enum fu_answer answer, const char *text) {
    return verdict_of(status, answer, text, strlen(text));
}

static void accept(enum fu_answer answer, const char *text) {
    if (!verdict(200, answer, text)) {
        fail_msg("refused: %s (%s)", text, error.message);
    }
}

static void refuse(int status, enum fu_answer answer, const char *text, fusioo_kind kind, const char *words) {
    if (verdict(status, answer, text)) {
        fail_msg("accepted: %d %s", status, text);
    }
    if (error.kind != kind || error.status != status) {
        fail_msg("%d %s: kind %s, status %d, not %s", status, text, fusioo_kind_name(error.kind), error.status,
                 fusioo_kind_name(kind));
    }
    if (strstr(error.message, words) == NULL) {
        fail_msg("%d %s: '%s' does not say '%s'", status, text, error.message, words);
    }
}

static int tear_down(void **state) {
    (void)state;
    fu_envelope_free(&envelope);
    free(kept);
    kept = NULL;
    return 0;
}

static void assert_slice(struct fu_slice slice, const char *expected) {
    assert_non_null(slice.data);
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
    assert_true(slice.data >= kept && slice.data + slice.size <= kept + strlen(kept));
}

/* ---- Kinds ---- */

static void the_status_decides_first_then_the_code(void **state) {
    (void)state;
    static const int statuses[] = {200, 201, 302, 400, 401, 403, 404, 405, 409, 429, 500, 502, 503, 504};
    static const int codes[] = {10000, 10001, 10002, 10003, 30000, 30001, 40123};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        for (size_t k = 0; k < COUNT(codes); k++) {
            char text[100];
            int status = statuses[i];
            int code = codes[k];
            snprintf(text, sizeof text, "{\"code\":%d,\"message\":\"words\",\"data\":{}}", code);
            if (status < 300 && code == 10000) {
                assert_true(verdict(status, FU_ANSWER_OBJECT, text));
                assert_int_equal(error.kind, FUSIOO_OK);
                continue;
            }
            fusioo_kind kind = status == 401                    ? FUSIOO_AUTH
                               : status == 404                  ? FUSIOO_NOT_FOUND
                               : status == 429                  ? FUSIOO_RATE_LIMIT
                               : status >= 500                  ? FUSIOO_API
                               : code == 10003                  ? FUSIOO_AUTH
                               : code == 10002 || code == 30000 ? FUSIOO_NOT_FOUND
                                                                : FUSIOO_API;
            refuse(status, FU_ANSWER_OBJECT, text, kind, "words");
            assert_true(error.has_code);
            assert_int_equal(error.code, code);
            assert_int_equal(count, -1);
        }
    }
}

static void without_an_envelope_the_status_alone_decides(void **state) {
    (void)state;
    static const char *const texts[] = {"", "<html>Bad gateway</html>", "{\"code\":10003,\"mess", "[]", "null", "12"};
    static const struct {
        int status;
        fusioo_kind kind;
        const char *words;
    } table[] = {
        {302, FUSIOO_API, "redirect"},     {400, FUSIOO_API, "bad request"},
        {401, FUSIOO_AUTH, "credentials"}, {403, FUSIOO_API, ""},
        {404, FUSIOO_NOT_FOUND, "exist"},  {429, FUSIOO_RATE_LIMIT, "rate limit"},
        {500, FUSIOO_API, "broken"},       {502, FUSIOO_API, ""},
        {503, FUSIOO_API, "upgraded"},     {504, FUSIOO_API, "time-out"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        for (size_t k = 0; k < COUNT(texts); k++) {
            refuse(table[i].status, FU_ANSWER_LIST, texts[k], table[i].kind, table[i].words);
            assert_true(error.message[0] != '\0');
            assert_false(error.has_code);
            assert_int_equal(envelope.count, 0);
        }
    }
}

static void an_answer_without_content_is_a_success_where_nothing_is_wanted(void **state) {
    (void)state;
    assert_true(verdict(204, FU_ANSWER_NOTHING, ""));
    assert_null(envelope.data.data);
    assert_true(verdict(204, FU_ANSWER_MAYBE_OBJECT, ""));
    refuse(204, FU_ANSWER_OBJECT, "", FUSIOO_DECODE, "JSON");
    refuse(204, FU_ANSWER_ANY, "", FUSIOO_DECODE, "JSON");
    refuse(204, FU_ANSWER_NOTHING, "x", FUSIOO_DECODE, "JSON");
    refuse(200, FU_ANSWER_NOTHING, "", FUSIOO_DECODE, "JSON");
}

static void v1_may_answer_with_an_object_or_nothing(void **state) {
    (void)state;
    assert_true(verdict(200, FU_ANSWER_MAYBE_OBJECT, "{\"code\":10000,\"data\":{\"id\":\"i1\"}}"));
    assert_true(verdict(200, FU_ANSWER_MAYBE_OBJECT, "{\"code\":10000,\"data\":null}"));
    assert_true(verdict(200, FU_ANSWER_MAYBE_OBJECT, "{\"code\":10000}"));
    refuse(200, FU_ANSWER_MAYBE_OBJECT, "{\"code\":10000,\"data\":[]}", FUSIOO_DECODE, "an object");
    refuse(200, FU_ANSWER_MAYBE_OBJECT, "{\"code\":10000,\"data\":17}", FUSIOO_DECODE, "an object");
}

static void a_success_without_success_code_is_none(void **state) {
    (void)state;
    refuse(200, FU_ANSWER_ANY, "{\"data\":{}}", FUSIOO_DECODE, "no code");
    refuse(200, FU_ANSWER_ANY, "{\"code\":\"10000\",\"data\":{}}", FUSIOO_DECODE, "no code");
    refuse(200, FU_ANSWER_ANY, "{\"code\":null,\"data\":{}}", FUSIOO_DECODE, "no code");
    refuse(200, FU_ANSWER_ANY, "{\"code\":10000.5}", FUSIOO_DECODE, "no code");
    refuse(200, FU_ANSWER_ANY, "{\"code\":-10000}", FUSIOO_API, "");
    refuse(200, FU_ANSWER_ANY, "{\"code\":0}", FUSIOO_API, "");
    refuse(200, FU_ANSWER_ANY, "{\"code\":9223372036854775807,\"message\":\"m\"}", FUSIOO_API, "m");
    assert_true(error.code == INT64_MAX);
    refuse(200, FU_ANSWER_ANY, "{\"code\":10000,\"code\":\"x\"}", FUSIOO_DECODE, "no code"); /* the last one counts */
    /* No words came: the library's own must not call the status unexpected. */
    refuse(200, FU_ANSWER_ANY, "{\"code\":30001}", FUSIOO_API, "");
    assert_null(strstr(error.message, "unexpected"));
}

/* ---- Members ---- */

static void members_come_in_any_order(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"code\":10000,\"message\":\"Success\",\"data\":{\"id\":\"i1\"}}",
        "{\"data\":{\"id\":\"i1\"},\"message\":\"Success\",\"code\":10000}",
        " { \"message\" : \"Success\" , \"data\" : {\"id\":\"i1\"} , \"code\" : 10000 } \n",
        "{\"trace\":[{\"code\":1}],\"code\":10000,\"more\":null,\"data\":{\"id\":\"i1\"},\"message\":\"Success\"}",
        "{\"c\\u006fde\":10000,\"\\u0064ata\":{\"id\":\"i1\"},\"m\\u0065ssage\":\"Success\"}",
        "{\"code\":1,\"data\":5,\"message\":\"no\",\"code\":10000,\"data\":{\"id\":\"i1\"},\"message\":\"Success\"}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        accept(FU_ANSWER_OBJECT, texts[i]);
        assert_slice(envelope.data, "{\"id\":\"i1\"}");
        assert_slice(envelope.message, "Success");
        assert_true(envelope.has_code);
        assert_int_equal(envelope.code, 10000);
    }
}

static void messages_are_read_out(void **state) {
    (void)state;
    refuse(400, FU_ANSWER_ANY, "{\"code\":5,\"message\":\"caf\\u00e9 \\\"x\\\"\\n\\u0000end\"}", FUSIOO_API,
           "caf\xc3\xa9 \"x\"  end");
    refuse(400, FU_ANSWER_ANY, "{\"code\":5,\"message\":\"\"}", FUSIOO_API, "bad request");
    refuse(400, FU_ANSWER_ANY, "{\"code\":5,\"message\":null}", FUSIOO_API, "bad request");
    refuse(400, FU_ANSWER_ANY, "{\"code\":5,\"message\":{\"a\":1}}", FUSIOO_API, "bad request");
    refuse(400, FU_ANSWER_ANY, "{\"message\":\"%s%n%d\"}", FUSIOO_API, "%s%n%d");
    assert_false(error.has_code);
}

static void a_long_message_is_cut_at_a_whole_character(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        struct fu_buffer text = FU_BUFFER_EMPTY;
        fu_buffer_puts(&text, "{\"code\":5,\"message\":\"");
        fu_buffer_puts(&text, &"aaa"[shift]);
        while (text.size < 5000) {
            fu_buffer_puts(&text, "\xe2\x82\xac");
        }
        fu_buffer_puts(&text, "\"}");
        refuse(400, FU_ANSWER_ANY, text.data, FUSIOO_API, "\xe2\x82\xac");
        fu_buffer_free(&text);
        size_t length = strlen(error.message);
        assert_true(length > sizeof error.message - 4 && length < sizeof error.message);
        assert_int_equal((length - (3 - shift)) % 3, 0);
    }
}

/* ---- Data ---- */

static void data_must_be_what_was_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *data;
        bool object, list, number;
    } table[] = {
        {"{}", true, false, false},
        {"{\"id\":\"i1\"}", true, false, false},
        {"[]", false, true, false},
        {"[{}]", false, true, false},
        {"[{\"id\":1},{}]", false, true, false},
        {"[1]", false, false, false},
        {"[{},null]", false, false, false},
        {"[[]]", false, false, false},
        {"[\"x\",{}]", false, false, false},
        {"null", false, false, false},
        {"true", false, false, false},
        {"\"text\"", false, false, false},
        {"12", false, false, false},
        {"{\"count\":12}", true, false, true},
        {"{\"count\":0}", true, false, true},
        {"{\"more\":[1],\"c\\u006funt\":12,\"x\":{\"count\":-1}}", true, false, true},
        {"{\"count\":9223372036854775807}", true, false, true},
        {"{\"count\":-1}", true, false, false},
        {"{\"count\":-0}", true, false, false},
        {"{\"count\":1.5}", true, false, false},
        {"{\"count\":1e3}", true, false, false},
        {"{\"count\":\"12\"}", true, false, false},
        {"{\"count\":null}", true, false, false},
        {"{\"count\":[1]}", true, false, false},
        {"{\"count\":9223372036854775808}", true, false, false},
        {"{\"Count\":12}", true, false, false},
        {"{\"count\":1,\"count\":-2}", true, false, false},
        {"[{\"count\":1}]", false, true, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"code\":10000,\"data\":%s}", table[i].data);
        const bool wanted[] = {[FU_ANSWER_ANY] = true,
                               [FU_ANSWER_OBJECT] = table[i].object,
                               [FU_ANSWER_LIST] = table[i].list,
                               [FU_ANSWER_COUNT] = table[i].number};
        for (size_t answer = 0; answer < COUNT(wanted); answer++) {
            if (wanted[answer]) {
                accept((enum fu_answer)answer, text);
                assert_slice(envelope.data, table[i].data);
            } else {
                refuse(200, (enum fu_answer)answer, text, FUSIOO_DECODE, "data is not");
            }
        }
    }
    accept(FU_ANSWER_ANY, "{\"code\":10000}");
    assert_null(envelope.data.data);
    refuse(200, FU_ANSWER_OBJECT, "{\"code\":10000}", FUSIOO_DECODE, "an object");
    refuse(200, FU_ANSWER_LIST, "{\"code\":10000}", FUSIOO_DECODE, "a list");
    refuse(200, FU_ANSWER_COUNT, "{\"code\":10000}", FUSIOO_DECODE, "count");
}

static void counts_are_read(void **state) {
    (void)state;
    accept(FU_ANSWER_COUNT, "{\"code\":10000,\"data\":{\"count\":1205}}");
    assert_int_equal(count, 1205);
    accept(FU_ANSWER_COUNT, "{\"code\":10000,\"data\":{\"count\":1,\"count\":2}}");
    assert_int_equal(count, 2);
    accept(FU_ANSWER_COUNT, "{\"data\":{\"count\":9223372036854775807},\"code\":10000}");
    assert_true(count == INT64_MAX);
    accept(FU_ANSWER_OBJECT, "{\"code\":10000,\"data\":{\"count\":1205}}");
    assert_int_equal(count, -1);
}

/* ---- Lists ---- */

static void assert_entry(size_t index, const char *object, const char *id, unsigned fields) {
    assert_true(index < envelope.count);
    const struct fu_entry *entry = &envelope.entries[index];
    assert_slice((struct fu_slice){kept + entry->start, entry->size}, object);
    assert_int_equal(entry->fields, fields);
    assert_int_equal(entry->id_size, strlen(id));
    if (entry->id_size > 0) {
        assert_slice((struct fu_slice){kept + entry->id_start, entry->id_size}, id);
    }
}

static void a_list_is_cut_into_its_objects(void **state) {
    (void)state;
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"data\":[ {\"id\":\"i1\",\"a\":{\"id\":\"no\"},\"b\":[{\"id\":2}]} ,{}\n,"
                           "{\"a\":1}, { \"id\" : \"i\\u0032\\\"\" } ,{\"id\":17,\"id\":\"i3\"}],\"more\":[{}]}");
    assert_int_equal(envelope.count, 5);
    assert_entry(0, "{\"id\":\"i1\",\"a\":{\"id\":\"no\"},\"b\":[{\"id\":2}]}", "i1", 3);
    assert_entry(1, "{}", "", 0);
    assert_entry(2, "{\"a\":1}", "", 1);
    assert_entry(3, "{ \"id\" : \"i\\u0032\\\"\" }", "i\\u0032\\\"", 1);
    assert_entry(4, "{\"id\":17,\"id\":\"i3\"}", "i3", 2);
}

static void only_text_and_numbers_are_ids(void **state) {
    (void)state;
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{\"id\":17},{\"id\":-1.5e3},{\"id\":\"\"},{\"id\":null},"
                           "{\"id\":true},{\"id\":false},{\"id\":{}},{\"id\":[1]},{\"id\":\"i1\",\"id\":null},"
                           "{\"ID\":\"x\"},{\"idx\":\"x\"}]}");
    assert_int_equal(envelope.count, 11);
    assert_entry(0, "{\"id\":17}", "17", 1);
    assert_entry(1, "{\"id\":-1.5e3}", "-1.5e3", 1);
    assert_entry(2, "{\"id\":\"\"}", "", 1);
    assert_entry(3, "{\"id\":null}", "", 1);
    assert_entry(4, "{\"id\":true}", "", 1);
    assert_entry(5, "{\"id\":false}", "", 1);
    assert_entry(6, "{\"id\":{}}", "", 1);
    assert_entry(7, "{\"id\":[1]}", "", 1);
    assert_entry(8, "{\"id\":\"i1\",\"id\":null}", "", 2);
    assert_entry(9, "{\"ID\":\"x\"}", "", 1);
    assert_entry(10, "{\"idx\":\"x\"}", "", 1);
}

static void an_envelope_is_used_again(void **state) {
    (void)state;
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"message\":\"m\",\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}");
    assert_int_equal(envelope.count, 2);
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"data\":[]}");
    assert_int_equal(envelope.count, 0);
    assert_null(envelope.message.data);
    refuse(200, FU_ANSWER_LIST, "{\"code\":10000,\"data\":[1,{}]}", FUSIOO_DECODE, "a list of objects");
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{}]}");
    assert_int_equal(envelope.count, 1);
    assert_int_equal(envelope.odd, 0);
    accept(FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{},{},1],\"data\":[{}]}"); /* the last one counts */
    assert_int_equal(envelope.count, 1);
    refuse(200, FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{},{}],\"data\":null}", FUSIOO_DECODE, "a list of objects");
    accept(FU_ANSWER_ANY, "{\"code\":10000,\"data\":[{},{}]}"); /* not asked to be cut */
    assert_int_equal(envelope.count, 0);
}

static void lists_of_any_length_are_cut(void **state) {
    (void)state;
    enum { OBJECTS = 5000 };
    struct fu_buffer text = FU_BUFFER_EMPTY;
    fu_buffer_puts(&text, "{\"code\":10000,\"data\":[");
    for (int i = 0; i < OBJECTS; i++) {
        fu_buffer_puts(&text, i > 0 ? ",{\"id\":\"r" : "{\"id\":\"r");
        fu_buffer_put_integer(&text, i);
        fu_buffer_puts(&text, "\"}");
    }
    fu_buffer_puts(&text, "]}");
    accept(FU_ANSWER_LIST, text.data);
    assert_int_equal(envelope.count, OBJECTS);
    for (int i = 0; i < OBJECTS; i++) {
        char id[20];
        char object[40];
        snprintf(id, sizeof id, "r%d", i);
        snprintf(object, sizeof object, "{\"id\":\"%s\"}", id);
        assert_entry((size_t)i, object, id, 1);
    }
    fu_buffer_free(&text);
}

/* ---- What is no JSON ---- */

static void a_cut_answer_is_said_with_the_place(void **state) {
    (void)state;
    static const char text[] =
        "{\"code\":10000,\"message\":\"Success\",\"data\":[{\"id\":\"i1\",\"a\":[1,{}]},{\"id\":\"i2\"}]}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        for (int answer = FU_ANSWER_ANY; answer <= FU_ANSWER_COUNT; answer++) {
            char place[40];
            /* Inside a literal the reader stops at its first byte. */
            snprintf(place, sizeof place, size == 0 ? "it is empty" : "%zu", size);
            assert_false(verdict_of(200, (enum fu_answer)answer, text, size));
            assert_int_equal(error.kind, FUSIOO_DECODE);
            assert_int_equal(error.status, 200);
            assert_non_null(strstr(error.message, place));
        }
    }
}

static void garbage_is_said_with_the_place(void **state) {
    (void)state;
    refuse(200, FU_ANSWER_ANY, "<html>", FUSIOO_DECODE, "byte 1 of 6");
    refuse(200, FU_ANSWER_ANY, "", FUSIOO_DECODE, "it is empty");
    refuse(200, FU_ANSWER_ANY, "[]", FUSIOO_DECODE, "byte 1 of 2");
    refuse(200, FU_ANSWER_ANY, "{\"code\":10000} x", FUSIOO_DECODE, "byte 16 of 16");
    refuse(200, FU_ANSWER_ANY, "{\"code\":10000,}", FUSIOO_DECODE, "byte 15 of 15");
    refuse(200, FU_ANSWER_ANY, "{\"code\":01}", FUSIOO_DECODE, "byte ");
    refuse(200, FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{},]}", FUSIOO_DECODE, "byte 26 of 27");
    refuse(200, FU_ANSWER_LIST, "{\"code\":10000,\"data\":[{\"a\":\"\xff\"}]}", FUSIOO_DECODE, "byte 29 of 33");
    assert_false(verdict_of(200, FU_ANSWER_ANY, "{\"code\":10000}\0", 15));
    assert_int_equal(error.kind, FUSIOO_DECODE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_decides_first_then_the_code),
        cmocka_unit_test(without_an_envelope_the_status_alone_decides),
        cmocka_unit_test(an_answer_without_content_is_a_success_where_nothing_is_wanted),
        cmocka_unit_test(v1_may_answer_with_an_object_or_nothing),
        cmocka_unit_test(a_success_without_success_code_is_none),
        cmocka_unit_test(members_come_in_any_order),
        cmocka_unit_test(messages_are_read_out),
        cmocka_unit_test(a_long_message_is_cut_at_a_whole_character),
        cmocka_unit_test(data_must_be_what_was_asked_for),
        cmocka_unit_test(counts_are_read),
        cmocka_unit_test(a_list_is_cut_into_its_objects),
        cmocka_unit_test(only_text_and_numbers_are_ids),
        cmocka_unit_test(an_envelope_is_used_again),
        cmocka_unit_test(lists_of_any_length_are_cut),
        cmocka_unit_test(a_cut_answer_is_said_with_the_place),
        cmocka_unit_test(garbage_is_said_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
