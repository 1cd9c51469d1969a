/* json_array.c: which tables are arrays (see codec.h). Owns: the array mark. Must not know: JSON's grammar.
 *
 * The mark is a metatable. Where the user's cjson has one of its own (OpenResty's has), that very one is the mark, so
 * that either library takes the other's arrays. */
#include "codec.h"

#include <limits.h>

/* Its address is the mark's key in the registry. */
static const char mark_key = 0;

enum mark { NO_MARK, MARKED, MARKED_IF_EMPTY };

/* Pushes the field `name` of the user's cjson, if that is loaded and has it; pushes nothing otherwise. */
static bool push_cjson_field(lua_State *L, const char *name) {
    static const char *const modules[] = {"cjson", "cjson.safe"};
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "_LOADED");
    int loaded = lua_gettop(L);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        lua_pushstring(L, modules[i]);
        lua_rawget(L, loaded);
        if (lua_istable(L, -1)) {
            lua_pushstring(L, name);
            lua_rawget(L, -2);
            if (!lua_isnil(L, -1)) {
                lua_replace(L, loaded);
                lua_settop(L, loaded);
                return true;
            }
        }
        lua_settop(L, loaded);
    }
    lua_settop(L, loaded - 1);
    return false;
}

/* Is the value on top of the stack the field `name` of the user's cjson? */
static bool is_cjson_field(lua_State *L, const char *name) {
    if (!push_cjson_field(L, name)) {
        return false;
    }
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 1);
    return same;
}

static void push_mark(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &mark_key);
    if (lua_istable(L, -1)) {
        return;
    }
    lua_pop(L, 1);
    bool cjsons = push_cjson_field(L, "array_mt");
    if (cjsons && !lua_istable(L, -1)) {
        lua_pop(L, 1);
        cjsons = false;
    }
    if (!cjsons) {
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "fusioo.array");
        lua_setfield(L, -2, "__name");
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &mark_key);
}

/* The mark of the table at `index`. */
static enum mark mark_of(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) {
        return NO_MARK;
    }
    push_mark(L);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 1);
    enum mark mark = NO_MARK;
    if (same || is_cjson_field(L, "array_mt")) {
        mark = MARKED;
    } else if (is_cjson_field(L, "empty_array_mt")) {
        mark = MARKED_IF_EMPTY;
    }
    lua_pop(L, 1);
    return mark;
}

void lfu_array_mark(lua_State *L, int index) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (mark_of(L, index) == MARKED) {
        return;
    }
    if (lua_getmetatable(L, index)) {
        luaL_error(L, "a table that has another metatable cannot be marked as an array");
    }
    push_mark(L);
    lua_setmetatable(L, index);
}

/* The keys of the table at `index` are just 1 to n: n. Otherwise -1. */
static int sequence_size(lua_State *L, int index) {
    size_t size = lua_rawlen(L, index);
    if (size > INT_MAX) {
        return -1;
    }
    int count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        lua_Number key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (key < 1 || key > (lua_Number)size || key != (lua_Number)(int)key) {
            lua_pop(L, 1);
            return -1;
        }
        count++;
    }
    return count == (int)size ? count : -1;
}

enum lfu_table lfu_table_kind(lua_State *L, int index, int *count) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    *count = 0;
    enum mark mark = mark_of(L, index);
    lua_pushnil(L);
    if (lua_next(L, index) == 0) {
        return mark == NO_MARK ? LFU_TABLE_OBJECT : LFU_TABLE_ARRAY;
    }
    bool number = lua_type(L, -2) == LUA_TNUMBER;
    lua_pop(L, 2);
    if (!number && mark != MARKED) {
        return LFU_TABLE_OBJECT;
    }
    *count = sequence_size(L, index);
    return *count < 0 ? LFU_TABLE_NEITHER : LFU_TABLE_ARRAY;
}

bool lfu_is_array(lua_State *L, int index) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    switch (lua_type(L, index)) {
    case LUA_TTABLE: {
        int count;
        return mark_of(L, index) == MARKED || lfu_table_kind(L, index, &count) == LFU_TABLE_ARRAY;
    }
    case LUA_TLIGHTUSERDATA: {
        lua_pushvalue(L, index);
        bool same = lua_touserdata(L, -1) != NULL && is_cjson_field(L, "empty_array");
        lua_pop(L, 1);
        return same;
    }
    default:
        return false;
    }
}
