/* page.c: from the text of one page to Lua tables, again and again, without a network.
 *
 *     page fusioo|cjson FILE TIMES
 *
 * Owns: the two ways that stand side by side. `fusioo` does what a pager does: checks the page and cuts it into records
 * in one pass, then makes one table after the other, through a shape. `cjson` is cjson.decode. Each record is looked at
 * once. Prints how many were. Must not know: how it is measured. */
#include "../src/binding/codec.h"
#include "envelope.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *data;
    size_t size;
};

static struct text read_file(const char *path) {
    struct text text = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return text;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    text.data = size > 0 ? calloc(1, (size_t)size + 1) : NULL;
    if (text.data != NULL) {
        text.size = fread(text.data, 1, (size_t)size, file);
    }
    fclose(file);
    return text;
}

/* The records of the page, one at a time; how many had an id. */
static long read_fusioo(lua_State *L, int shape, struct fu_envelope *envelope, const struct text *page) {
    fusioo_error error;
    long seen = 0;
    if (!fu_envelope_read(envelope, page->data, page->size, true, &error)) {
        fprintf(stderr, "page: %s\n", error.message);
        return -1;
    }
    for (size_t i = 0; i < envelope->count; i++) {
        const struct fu_entry *entry = &envelope->entries[i];
        lfu_shape_push_record(L, shape, page->data + entry->start, entry->size, entry->fields);
        lua_getfield(L, -1, "id");
        seen += lua_isstring(L, -1);
        lua_pop(L, 2);
    }
    return seen;
}

static long run_fusioo(lua_State *L, const struct text *page, long times) {
    struct fu_envelope envelope;
    memset(&envelope, 0, sizeof envelope);
    lfu_shape_new(L);
    int shape = lua_gettop(L);
    long seen = 0;
    for (long i = 0; i < times; i++) {
        seen += read_fusioo(L, shape, &envelope, page);
    }
    fu_envelope_free(&envelope);
    return seen;
}

static const char cjson_way[] = "local decode = require('cjson').decode\n"
                                "return function(text)\n"
                                "  local seen = 0\n"
                                "  for _, record in ipairs(decode(text).data) do\n"
                                "    if record.id then seen = seen + 1 end\n"
                                "  end\n"
                                "  return seen\n"
                                "end\n";

static long run_cjson(lua_State *L, const struct text *page, long times) {
    long seen = 0;
    if (luaL_dostring(L, cjson_way) != 0) {
        fprintf(stderr, "page: %s\n", lua_tostring(L, -1));
        return -1;
    }
    for (long i = 0; i < times; i++) {
        lua_pushvalue(L, -1);
        lua_pushlstring(L, page->data, page->size);
        lua_call(L, 1, 1);
        seen += (long)lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return seen;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: page fusioo|cjson FILE TIMES\n");
        return 2;
    }
    struct text page = read_file(argv[2]);
    lua_State *L = luaL_newstate();
    if (page.data == NULL || L == NULL) {
        fprintf(stderr, "page: %s cannot be read\n", argv[2]);
        return 2;
    }
    luaL_openlibs(L);
    long times = strtol(argv[3], NULL, 10);
    long seen = strcmp(argv[1], "cjson") == 0 ? run_cjson(L, &page, times) : run_fusioo(L, &page, times);
    printf("%ld\n", seen);
    lua_close(L);
    free(page.data);
    return seen < 0;
}
