/* file.c: the calls that move files, and files on disk that appear whole, from Lua (see binding.h).
 * Owns: the userdata of such a file. Must not know: sockets. */
#include "binding.h"

#include <string.h>

/* client:upload{name =, size =, rewindable =} -> call | nil, err */
int lfu_client_upload(lua_State *L) {
    fusioo_error error;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    luaL_checktype(L, 2, LUA_TTABLE);
    fusioo_source source = {.name = lfu_string_field(L, 2, "name")};
    source.name_size = source.name != NULL ? strlen(source.name) : 0;
    source.size = (int64_t)lfu_number_field(L, 2, "size", 0);
    lua_getfield(L, 2, "rewindable");
    source.rewindable = lua_toboolean(L, -1);
    void **box = lfu_new_call_box(L);
    *box = fusioo_call_upload(client, &source, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* client:download(id, rewindable) -> call | nil, err */
int lfu_client_download(lua_State *L) {
    fusioo_error error;
    size_t size;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    const char *id = luaL_checklstring(L, 2, &size);
    bool rewindable = lua_toboolean(L, 3);
    void **box = lfu_new_call_box(L);
    *box = fusioo_call_download(client, id, size, rewindable, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* call:wants() -> place in the file of the chunk that it wants now | nil */
int lfu_call_wants(lua_State *L) {
    int64_t offset;
    if (!fusioo_call_wants(lfu_check_box(L, 1, LFU_CALL), &offset)) {
        return 0;
    }
    lua_pushnumber(L, (lua_Number)offset);
    return 1;
}

/* call:give(chunk) -> true | nil, err */
int lfu_call_give(lua_State *L) {
    fusioo_error error;
    size_t size;
    fusioo_call *call = lfu_check_box(L, 1, LFU_CALL);
    const char *bytes = luaL_checklstring(L, 2, &size);
    if (!fusioo_call_give(call, bytes, size, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* call:give_up(why)        ends it with an error of kind invalid */
int lfu_call_give_up(lua_State *L) {
    fusioo_call_give_up(lfu_check_box(L, 1, LFU_CALL), luaL_checkstring(L, 2));
    return 0;
}

/* call:take() -> chunk | nil, "wait" | nil, "restart" | nil, "end" | nil, err */
int lfu_call_take(lua_State *L) {
    fusioo_error error;
    const char *bytes;
    size_t size;
    switch (fusioo_call_take(lfu_check_box(L, 1, LFU_CALL), &bytes, &size, &error)) {
    case FUSIOO_CHUNK_BYTES:
        lua_pushlstring(L, bytes, size);
        return 1;
    case FUSIOO_CHUNK_FAILED:
        return lfu_fail(L, &error);
    case FUSIOO_CHUNK_WAIT:
        lua_pushnil(L);
        lua_pushliteral(L, "wait");
        return 2;
    case FUSIOO_CHUNK_RESTART:
        lua_pushnil(L);
        lua_pushliteral(L, "restart");
        return 2;
    default:
        lua_pushnil(L);
        lua_pushliteral(L, "end");
        return 2;
    }
}

/* call:progress() -> bytes that were moved, bytes in all | bytes that were moved, nil */
int lfu_call_progress(lua_State *L) {
    int64_t done;
    int64_t total;
    fusioo_call_progress(lfu_check_box(L, 1, LFU_CALL), &done, &total);
    lua_pushinteger(L, (lua_Integer)done);
    if (total < 0) {
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)total);
    return 2;
}

/* ---- Files on disk ---- */

/* file(path) -> file | nil, err */
static int create(lua_State *L) {
    fusioo_error error;
    const char *path = luaL_checkstring(L, 1);
    void **box = lfu_new_box(L, LFU_FILE);
    *box = fusioo_file_create(path, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* file:write(chunk) -> true | nil, err */
static int write_chunk(lua_State *L) {
    fusioo_error error;
    size_t size;
    fusioo_file *file = lfu_check_box(L, 1, LFU_FILE);
    const char *bytes = luaL_checklstring(L, 2, &size);
    if (!fusioo_file_write(file, bytes, size, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* file:restart() -> true | nil, err */
static int restart(lua_State *L) {
    fusioo_error error;
    if (!fusioo_file_restart(lfu_check_box(L, 1, LFU_FILE), &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* file:commit() -> true | nil, err         closes it either way */
static int commit(lua_State *L) {
    fusioo_error error;
    fusioo_file *file = lfu_check_box(L, 1, LFU_FILE);
    *(void **)luaL_checkudata(L, 1, LFU_FILE) = NULL;
    if (!fusioo_file_commit(file, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* file:discard() */
static int discard(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_FILE);
    fusioo_file *file = *box;
    *box = NULL;
    fusioo_file_discard(file);
    return 0;
}

static const luaL_Reg methods[] = {
    {"write", write_chunk}, {"restart", restart}, {"commit", commit}, {"discard", discard}, {NULL, NULL},
};

void lfu_open_file(lua_State *L) {
    lfu_new_type(L, LFU_FILE, methods, discard);
}

const luaL_Reg lfu_file_functions[] = {
    {"file", create},
    {NULL, NULL},
};
