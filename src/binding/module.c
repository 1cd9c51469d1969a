/* module.c: the module fusioo.core, and what all its types share (see binding.h).
 * Owns: the module's table. Must not know: sockets, what calls do. */
#include "binding.h"
#include "codec.h"

#include "../core/clock.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

void lfu_new_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction collect) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void **lfu_new_box(lua_State *L, const char *name) {
    void **box = lua_newuserdata(L, sizeof *box);
    *box = NULL;
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
    return box;
}

void *lfu_check_box(lua_State *L, int index, const char *name) {
    void **box = luaL_checkudata(L, index, name);
    if (*box == NULL) {
        luaL_error(L, "%s is closed", name);
    }
    return *box;
}

const char *lfu_string_field(lua_State *L, int index, const char *name) {
    size_t size = 0;
    lua_getfield(L, index, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "%s is no string", name);
    }
    const char *text = lua_tolstring(L, -1, &size);
    if (strlen(text) != size) {
        luaL_error(L, "%s holds a NUL byte", name);
    }
    lua_pop(L, 1);
    return text;
}

lua_Number lfu_number_field(lua_State *L, int index, const char *name, lua_Number otherwise) {
    lua_Number number = otherwise;
    lua_getfield(L, index, name);
    if (!lua_isnil(L, -1)) {
        if (lua_type(L, -1) != LUA_TNUMBER) {
            luaL_error(L, "%s is no number", name);
        }
        number = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return number;
}

bool lfu_flag_field(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

int lfu_int_field(lua_State *L, int index, const char *name, int otherwise) {
    lua_Number number = lfu_number_field(L, index, name, otherwise);
    return number >= INT_MAX ? INT_MAX : number > INT_MIN ? (int)number : INT_MIN;
}

/* now() -> seconds on a clock that only goes forward */
static int now(lua_State *L) {
    struct fu_clock clock = fu_clock_system();
    lua_pushnumber(L, fu_clock_now(&clock));
    return 1;
}

/* process_id() -> the number of this process: a forked child has another one than its parent */
static int process_id(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

/* error(table) -> table      the same, as an error value */
static int make_error(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lfu_set_error(L);
    return 1;
}

static const luaL_Reg functions[] = {{"now", now}, {"process_id", process_id}, {"error", make_error}, {NULL, NULL}};

/* Opens the module. Exported, as Lua's loader wants it. */
LUALIB_API int luaopen_fusioo_core(lua_State *L);

LUALIB_API int luaopen_fusioo_core(lua_State *L) {
    lfu_open_error(L);
    lfu_open_codec(L);
    lfu_open_engine(L);
    lfu_open_client(L);
    lfu_open_call(L);
    lfu_open_pager(L);
    lfu_open_file(L);
    lfu_open_oauth(L);
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    luaL_setfuncs(L, lfu_codec_functions, 0);
    luaL_setfuncs(L, lfu_engine_functions, 0);
    luaL_setfuncs(L, lfu_client_functions, 0);
    luaL_setfuncs(L, lfu_file_functions, 0);
    luaL_setfuncs(L, lfu_token_functions, 0);
    luaL_setfuncs(L, lfu_oauth_functions, 0);
    lua_pushstring(L, FUSIOO_VERSION);
    lua_setfield(L, -2, "version");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
