/* error.c: the core's errors as Lua tables (see binding.h).
 * Owns: the metatable of errors. Must not know: calls, sockets. */
#include "binding.h"

#include <stdio.h>
#include <string.h>

static const fusioo_kind kinds[] = {
    FUSIOO_API,     FUSIOO_AUTH,      FUSIOO_RATE_LIMIT,  FUSIOO_NOT_FOUND, FUSIOO_NETWORK,
    FUSIOO_TIMEOUT, FUSIOO_DECODE,    FUSIOO_TOO_LARGE,   FUSIOO_MOVED,     FUSIOO_INVALID,
    FUSIOO_CLOSED,  FUSIOO_CANCELLED, FUSIOO_UNSUPPORTED,
};

void lfu_set_error(lua_State *L) {
    luaL_getmetatable(L, LFU_ERROR);
    lua_setmetatable(L, -2);
}

static void set_string(lua_State *L, const char *name, const char *text) {
    if (text[0] != '\0') {
        lua_pushstring(L, text);
        lua_setfield(L, -2, name);
    }
}

static void set_integer(lua_State *L, const char *name, int64_t number, bool known) {
    if (known) {
        lua_pushinteger(L, (lua_Integer)number);
        lua_setfield(L, -2, name);
    }
}

/* As Lua's own error; but who must look before sending again is told so. */
static void raise_memory(lua_State *L, const fusioo_error *error) {
    char text[2048] = "not enough memory";
    if (error->maybe_done) {
        fusioo_error_text(error, text, sizeof text);
    }
    luaL_error(L, "%s", text);
}

void lfu_push_error(lua_State *L, const fusioo_error *error) {
    if (error->kind == FUSIOO_MEMORY) {
        raise_memory(L, error);
    }
    lua_createtable(L, 0, 8);
    set_string(L, "kind", fusioo_kind_name(error->kind));
    set_string(L, "message", error->message);
    set_string(L, "method", error->method);
    set_string(L, "path", error->path);
    set_integer(L, "status", error->status, error->status != 0);
    set_integer(L, "code", error->code, error->has_code);
    set_integer(L, "attempts", error->attempts, error->method[0] != '\0');
    set_integer(L, "resume", error->resume, error->resume >= 0);
    if (error->retry_after >= 0) {
        lua_pushnumber(L, error->retry_after);
        lua_setfield(L, -2, "retry_after");
    }
    if (error->maybe_done) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "maybe_done");
    }
    lfu_set_error(L);
}

int lfu_fail(lua_State *L, const fusioo_error *error) {
    lua_pushnil(L);
    lfu_push_error(L, error);
    return 2;
}

/* ---- __tostring ---- */

/* The fields are the user's to change: what is of another type than expected is left out. */
static void copy_string(lua_State *L, int index, const char *name, char *target, size_t room) {
    lua_getfield(L, index, name);
    if (lua_type(L, -1) == LUA_TSTRING) {
        snprintf(target, room, "%s", lua_tostring(L, -1));
    }
    lua_pop(L, 1);
}

static bool copy_number(lua_State *L, const char *name, lua_Number *number) {
    lua_getfield(L, 1, name);
    bool there = lua_type(L, -1) == LUA_TNUMBER;
    if (there) {
        *number = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return there && *number >= -9e15 && *number <= 9e15;
}

static void read_kind(lua_State *L, int index, fusioo_error *error) {
    char name[32] = "";
    copy_string(L, index, "kind", name, sizeof name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(fusioo_kind_name(kinds[i]), name) == 0) {
            error->kind = kinds[i];
        }
    }
}

/* An error is a line. */
static void join_lines(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = ' ';
        }
    }
}

void lfu_read_error(lua_State *L, int index, fusioo_error *error) {
    int top = lua_gettop(L);
    error->kind = FUSIOO_AUTH;
    if (lua_type(L, index) == LUA_TTABLE) {
        lua_pushvalue(L, index);
        read_kind(L, lua_gettop(L), error);
        copy_string(L, lua_gettop(L), "message", error->message, sizeof error->message);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        snprintf(error->message, sizeof error->message, "%s", lua_tostring(L, index));
    }
    join_lines(error->message);
    lua_settop(L, top);
}

static int error_text(lua_State *L) {
    fusioo_error error = {.kind = FUSIOO_API, .retry_after = -1, .resume = -1};
    char text[2048];
    lua_Number number = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    read_kind(L, 1, &error);
    copy_string(L, 1, "message", error.message, sizeof error.message);
    copy_string(L, 1, "method", error.method, sizeof error.method);
    copy_string(L, 1, "path", error.path, sizeof error.path);
    if (copy_number(L, "status", &number)) {
        error.status = (int)number % 1000;
    }
    if (copy_number(L, "code", &number)) {
        error.has_code = true;
        error.code = (int64_t)number;
    }
    if (copy_number(L, "attempts", &number)) {
        error.attempts = number < 1e9 ? (int)number : 0;
    }
    if (copy_number(L, "resume", &number)) {
        error.resume = (int64_t)number;
    }
    if (copy_number(L, "retry_after", &number)) {
        error.retry_after = number;
    }
    lua_getfield(L, 1, "maybe_done");
    error.maybe_done = lua_toboolean(L, -1);
    fusioo_error_text(&error, text, sizeof text);
    lua_pushstring(L, text);
    return 1;
}

void lfu_open_error(lua_State *L) {
    luaL_newmetatable(L, LFU_ERROR);
    lua_pushcfunction(L, error_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, LFU_ERROR);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}
