/* json_encode.c: from Lua values to JSON (see codec.h). Owns: what can be JSON and what cannot, and the words for it.
 * Must not know: how digits and escapes are written.
 *
 * Tables are read raw: no metamethod runs, so nothing can change a table while it is written. */
#include "codec.h"

#include "../core/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_KEY_SIZE = 40 }; /* bytes of a key that a message shows */

/* An array or object that is being written, and where in it. */
struct level {
    const void *table;
    const char *key; /* NULL in an array */
    lua_Integer index;
};

struct encoder {
    lua_State *L;
    struct fu_buffer *buffer;
    const char *root;
    unsigned depth;
    struct level levels[FU_JSON_MAX_DEPTH];
};

static bool encode_value(struct encoder *encoder, int index);

/* ---- Refusals ---- */

static bool is_name(const char *key) {
    bool name = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') || *key == '_';
    for (; name && *key != '\0'; key++) {
        name =
            (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') || *key == '_' || (*key >= '0' && *key <= '9');
    }
    return name;
}

/* Adds `.name`, or `["any key"]` cut off and without bytes that a terminal would mind. */
static void add_key(luaL_Buffer *place, const char *key) {
    if (is_name(key) && strlen(key) <= PLACE_KEY_SIZE) {
        luaL_addchar(place, '.');
        luaL_addstring(place, key);
        return;
    }
    luaL_addstring(place, "[\"");
    for (int i = 0; i < PLACE_KEY_SIZE && key[i] != '\0'; i++) {
        luaL_addchar(place, key[i] >= ' ' && key[i] <= '~' ? key[i] : '?');
    }
    luaL_addstring(place, strlen(key) > PLACE_KEY_SIZE ? "...\"]" : "\"]");
}

/* Pushes "fields.items[3] PROBLEM". `detail` (may be NULL) follows the problem. */
static bool refuse(struct encoder *encoder, const char *problem, const char *detail) {
    luaL_checkstack(encoder->L, LUA_MINSTACK, NULL);
    luaL_Buffer place;
    luaL_buffinit(encoder->L, &place);
    luaL_addstring(&place, encoder->root);
    for (unsigned i = 0; i < encoder->depth; i++) {
        const struct level *level = &encoder->levels[i];
        if (level->key != NULL) {
            add_key(&place, level->key);
        } else {
            char number[32];
            snprintf(number, sizeof number, "[%lld]", (long long)level->index);
            luaL_addstring(&place, number);
        }
    }
    luaL_addchar(&place, ' ');
    luaL_addstring(&place, problem);
    luaL_addstring(&place, detail != NULL ? detail : "");
    luaL_pushresult(&place);
    return false;
}

static bool refuse_type(struct encoder *encoder, int index) {
    const char *name = luaL_typename(encoder->L, index);
    return refuse(encoder, "cannot be JSON: its type is ", name);
}

/* ---- Scalars ---- */

static bool encode_string(struct encoder *encoder, int index) {
    size_t size;
    const char *bytes = lua_tolstring(encoder->L, index, &size);
    if (!fu_json_write_string(encoder->buffer, bytes, size) && !encoder->buffer->failed) {
        return refuse(encoder, "is text that is not UTF-8", NULL);
    }
    return true;
}

static bool encode_number(struct encoder *encoder, int index) {
#if LFU_HAS_INTEGERS
    if (lua_isinteger(encoder->L, index)) {
        fu_json_write_integer(encoder->buffer, lua_tointeger(encoder->L, index));
        return true;
    }
#endif
    double number = lua_tonumber(encoder->L, index);
    if (!isfinite(number)) {
        return refuse(encoder,
                      isnan(number) ? "is NaN, which JSON does not have" : "is infinite, which JSON does not have",
                      NULL);
    }
    fu_json_write_double(encoder->buffer, number, LFU_HAS_INTEGERS);
    return true;
}

static bool encode_light(struct encoder *encoder, int index) {
    if (lua_touserdata(encoder->L, index) == NULL) {
        fu_buffer_puts(encoder->buffer, "null");
        return true;
    }
    if (lfu_is_array(encoder->L, index)) {
        fu_buffer_puts(encoder->buffer, "[]"); /* cjson.empty_array */
        return true;
    }
    return refuse_type(encoder, index);
}

/* ---- Tables ---- */

/* Enters the table at `index`. */
static bool enter(struct encoder *encoder, int index) {
    const void *table = lua_topointer(encoder->L, index);
    for (unsigned i = 0; i < encoder->depth; i++) {
        if (encoder->levels[i].table == table) {
            return refuse(encoder, "contains itself", NULL);
        }
    }
    if (encoder->depth == FU_JSON_MAX_DEPTH) {
        return refuse(encoder, "is nested too deep", NULL);
    }
    encoder->levels[encoder->depth++] = (struct level){.table = table};
    luaL_checkstack(encoder->L, LUA_MINSTACK, NULL);
    return true;
}

static bool encode_array(struct encoder *encoder, int index, int count) {
    lua_State *L = encoder->L;
    struct level *level = &encoder->levels[encoder->depth - 1];
    fu_buffer_putc(encoder->buffer, '[');
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            fu_buffer_putc(encoder->buffer, ',');
        }
        level->index = i;
        lua_rawgeti(L, index, i);
        if (!encode_value(encoder, index + 1)) {
            return false;
        }
        lua_settop(L, index);
    }
    fu_buffer_putc(encoder->buffer, ']');
    return true;
}

/* The table that was entered last has keys of both kinds, or holes, or keys that are neither number nor string. */
static bool refuse_table(struct encoder *encoder) {
    encoder->depth--;
    return refuse(encoder, "is neither an array (keys 1 to n) nor an object (names as keys)", NULL);
}

static bool encode_object(struct encoder *encoder, int index) {
    lua_State *L = encoder->L;
    struct level *level = &encoder->levels[encoder->depth - 1];
    fu_buffer_putc(encoder->buffer, '{');
    bool first = true;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, index + 1) != LUA_TSTRING) {
            return refuse_table(encoder);
        }
        if (!first) {
            fu_buffer_putc(encoder->buffer, ',');
        }
        first = false;
        size_t size;
        level->key = lua_tolstring(L, index + 1, &size);
        if (!fu_json_write_string(encoder->buffer, level->key, size) && !encoder->buffer->failed) {
            return refuse(encoder, "has a name that is not UTF-8", NULL);
        }
        fu_buffer_putc(encoder->buffer, ':');
        if (!encode_value(encoder, index + 2)) {
            return false;
        }
        lua_settop(L, index + 1);
    }
    fu_buffer_putc(encoder->buffer, '}');
    return true;
}

static bool encode_table(struct encoder *encoder, int index) {
    if (!enter(encoder, index)) {
        return false;
    }
    bool good;
    int count;
    switch (lfu_table_kind(encoder->L, index, &count)) {
    case LFU_TABLE_ARRAY:
        good = encode_array(encoder, index, count);
        break;
    case LFU_TABLE_OBJECT:
        good = encode_object(encoder, index);
        break;
    default:
        return refuse_table(encoder);
    }
    encoder->depth--;
    return good;
}

/* Appends the value at `index`, which is the stack's top. What is on the stack behind it afterwards is left to the
 * caller; on a refusal the message is on top. */
static bool encode_value(struct encoder *encoder, int index) {
    switch (lua_type(encoder->L, index)) {
    case LUA_TSTRING:
        return encode_string(encoder, index);
    case LUA_TNUMBER:
        return encode_number(encoder, index);
    case LUA_TBOOLEAN:
        fu_buffer_puts(encoder->buffer, lua_toboolean(encoder->L, index) ? "true" : "false");
        return true;
    case LUA_TTABLE:
        return encode_table(encoder, index);
    case LUA_TLIGHTUSERDATA:
        return encode_light(encoder, index);
    default:
        return refuse_type(encoder, index);
    }
}

bool lfu_json_encode(lua_State *L, int index, const char *root, struct fu_buffer *buffer) {
    struct encoder encoder = {.L = L, .buffer = buffer, .root = root};
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_pushvalue(L, index);
    int top = lua_gettop(L);
    bool good = encode_value(&encoder, top);
    if (buffer->failed) {
        luaL_error(L, "not enough memory");
    }
    if (!good) {
        lua_replace(L, top);
        top++;
    }
    lua_settop(L, top - 1);
    return good;
}
