/* codec.c: the codec's Lua functions (see codec.h). Owns: their arguments and errors, buffers that Lua collects. Must
 * not know: how either direction works. */
#include "codec.h"

#include "binding.h"

#include "../core/json.h"

#define BUFFER_TYPE "fusioo.buffer"

/* Longer texts than this are not decoded: places in tables are ints. */
#define MAX_TEXT ((size_t)INT32_MAX)

static int free_buffer(lua_State *L) {
    fu_buffer_free(luaL_checkudata(L, 1, BUFFER_TYPE));
    return 0;
}

struct fu_buffer *lfu_buffer_new(lua_State *L) {
    struct fu_buffer *buffer = lua_newuserdata(L, sizeof *buffer);
    *buffer = (struct fu_buffer)FU_BUFFER_EMPTY;
    luaL_getmetatable(L, BUFFER_TYPE);
    lua_setmetatable(L, -2);
    return buffer;
}

void lfu_open_codec(lua_State *L) {
    static const luaL_Reg methods[] = {{NULL, NULL}};
    lfu_new_type(L, BUFFER_TYPE, methods, free_buffer);
}

/* Takes the message from the top of the stack; returns nil and the error. `position` 0: none. */
static int return_error(lua_State *L, const char *kind, size_t position) {
    lua_createtable(L, 0, 3);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    if (position > 0) {
        lua_pushinteger(L, (lua_Integer)position);
        lua_setfield(L, -2, "position");
    }
    lfu_set_error(L);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int json_decode(lua_State *L) {
    size_t size;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &size);
    struct fu_json reader;
    if (size > MAX_TEXT) {
        lua_pushliteral(L, "not decoded: the text is longer than 2 GiB");
        return return_error(L, "decode", 1);
    }
    if (!fu_json_check(&reader, text, size)) {
        size_t position = (size_t)(reader.at - text) + 1;
        lua_pushfstring(L, "not JSON: %s at byte %d of %d", reader.reason, (int)position, (int)size);
        return return_error(L, "decode", position);
    }
    lfu_json_push(L, text, size);
    return 1;
}

static int json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    const char *root = luaL_optstring(L, 2, "value");
    struct fu_buffer *buffer = lfu_buffer_new(L);
    if (!lfu_json_encode(L, 1, root, buffer)) {
        return return_error(L, "invalid", 0);
    }
    lua_pushlstring(L, buffer->data, buffer->size);
    fu_buffer_free(buffer);
    return 1;
}

static int array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lfu_array_mark(L, 1);
    lua_settop(L, 1);
    return 1;
}

static int is_array(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, lfu_is_array(L, 1));
    return 1;
}

const luaL_Reg lfu_codec_functions[] = {
    {"json_decode", json_decode}, {"json_encode", json_encode}, {"array", array}, {"is_array", is_array}, {NULL, NULL},
};
