/* call.c: one call as a userdata (see binding.h).
 * Owns: turning a query into bytes and an answer into tables. Must not know: sockets. */
#include "binding.h"
#include "codec.h"

#include <stdint.h>
#include <string.h>

static fusioo_call *check_call(lua_State *L) {
    return lfu_check_box(L, 1, LFU_CALL);
}

fusioo_method lfu_check_method(lua_State *L, int index) {
    const char *name = luaL_checkstring(L, index);
    fusioo_method method = fusioo_method_find(name);
    if (method == FUSIOO_METHODS) {
        luaL_error(L, "there is no method '%s'", name);
    }
    return method;
}

void lfu_read_query(lua_State *L, int index, fusioo_query *query) {
    *query = (fusioo_query){NULL, 0, NULL, NULL, 0, 0};
    if (lua_isnoneornil(L, index)) {
        return;
    }
    luaL_checktype(L, index, LUA_TTABLE);
    query->filter = lfu_string_field(L, index, "filter");
    query->filter_size = query->filter != NULL ? strlen(query->filter) : 0;
    query->sort_by = lfu_string_field(L, index, "sort_by");
    query->order = lfu_string_field(L, index, "order");
    query->limit = lfu_int_field(L, index, "limit", 0);
    query->offset = (int64_t)lfu_number_field(L, index, "offset", 0);
}

/* A call's table remembers the shape of its records. 5.1 would give it one that everybody shares. */
void **lfu_new_call_box(lua_State *L) {
    void **box = lfu_new_box(L, LFU_CALL);
    lua_newtable(L);
    lua_setuservalue(L, -2);
    return box;
}

/* client:call(method, id | nil, query | nil) -> call | nil, err */
int lfu_client_call(lua_State *L) {
    fusioo_error error;
    fusioo_query query;
    size_t size = 0;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    fusioo_method method = lfu_check_method(L, 2);
    const char *id = luaL_optlstring(L, 3, NULL, &size);
    lfu_read_query(L, 4, &query);
    void **box = lfu_new_call_box(L);
    *box = fusioo_call_start(client, method, id, size, &query, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* client:send(method, id | nil, body) -> call | nil, err        `body`: a JSON object */
int lfu_client_send(lua_State *L) {
    fusioo_error error;
    size_t id_size = 0;
    size_t body_size;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    fusioo_method method = lfu_check_method(L, 2);
    const char *id = luaL_optlstring(L, 3, NULL, &id_size);
    const char *body = luaL_checklstring(L, 4, &body_size);
    void **box = lfu_new_call_box(L);
    *box = fusioo_call_send(client, method, id, id_size, body, body_size, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* client:request{method =, path =, query =, body =, repeatable =} -> call | nil, err */
int lfu_client_request(lua_State *L) {
    fusioo_error error;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    luaL_checktype(L, 2, LUA_TTABLE);
    fusioo_request request = {
        .method = lfu_string_field(L, 2, "method"),
        .path = lfu_string_field(L, 2, "path"),
        .query = lfu_string_field(L, 2, "query"),
        .body = lfu_string_field(L, 2, "body"),
    };
    request.body_size = request.body != NULL ? strlen(request.body) : 0;
    lua_getfield(L, 2, "repeatable");
    request.repeatable = lua_toboolean(L, -1);
    void **box = lfu_new_call_box(L);
    *box = fusioo_call_request(client, &request, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

static int collect(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_CALL);
    fusioo_call *call = *box;
    *box = NULL;
    fusioo_call_free(call);
    return 0;
}

/* call:id() -> number */
static int number(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fusioo_call_id(check_call(L)));
    return 1;
}

/* call:done() -> boolean | nil, where it is closed */
static int done(lua_State *L) {
    fusioo_call *const *box = luaL_checkudata(L, 1, LFU_CALL);
    if (*box == NULL) {
        return 0;
    }
    lua_pushboolean(L, fusioo_call_done(*box));
    return 1;
}

/* call:ready() -> boolean: has it ended, or a chunk to give or take? | nil, where it is closed */
static int ready(lua_State *L) {
    fusioo_call *const *box = luaL_checkudata(L, 1, LFU_CALL);
    if (*box == NULL) {
        return 0;
    }
    lua_pushboolean(L, fusioo_call_ready(*box));
    return 1;
}

/* call:watch()         asks for a need "ready" */
static int watch(lua_State *L) {
    fusioo_call_watch(check_call(L));
    return 0;
}

/* call:cancel() */
static int cancel(lua_State *L) {
    fusioo_call_cancel(check_call(L));
    return 0;
}

/* call:data() -> data, null where there is none | nil, err */
static int data(lua_State *L) {
    fusioo_error error;
    fusioo_result result;
    if (!fusioo_call_result(check_call(L), &result, &error)) {
        return lfu_fail(L, &error);
    }
    lfu_json_push(L, result.data, result.data_size);
    return 1;
}

/* call:envelope() -> data, envelope | nil, err */
static int envelope(lua_State *L) {
    fusioo_error error;
    fusioo_result result;
    if (!fusioo_call_result(check_call(L), &result, &error)) {
        return lfu_fail(L, &error);
    }
    lfu_json_push(L, result.envelope, result.envelope_size);
    lua_getfield(L, -1, "data");
    if (lua_isnil(L, -1)) {
        lua_pushlightuserdata(L, NULL); /* an answer without data is no failure */
        lua_replace(L, -2);
    }
    lua_insert(L, -2);
    return 2;
}

/* call:count() -> integer | nil, err */
static int count(lua_State *L) {
    fusioo_error error;
    fusioo_result result;
    if (!fusioo_call_result(check_call(L), &result, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushinteger(L, (lua_Integer)result.count);
    return 1;
}

void lfu_push_item(lua_State *L, int shape, const fusioo_item *item) {
    lfu_shape_push_record(L, shape, item->text, item->size, item->fields);
}

/* call:items(list, most) -> how many are left | nil, err
 * Adds up to `most` further objects of the answer to `list`; a frame loop takes a few at a time. */
static int items(lua_State *L) {
    fusioo_error error;
    fusioo_result result;
    fusioo_call *call = check_call(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t have = lua_rawlen(L, 2);
    lua_Integer most = luaL_optinteger(L, 3, INT32_MAX);
    if (!fusioo_call_result(call, &result, &error)) {
        return lfu_fail(L, &error);
    }
    lua_settop(L, 3);
    lua_getuservalue(L, 1);
    lua_rawgeti(L, 4, 1);
    if (lua_isnil(L, 5)) {
        lfu_shape_new(L);
        lua_replace(L, 5);
        lua_pushvalue(L, 5);
        lua_rawseti(L, 4, 1);
    }
    for (; most > 0 && have < result.items; most--) {
        fusioo_item item = fusioo_call_item(call, have++);
        lfu_push_item(L, 5, &item);
        lua_rawseti(L, 2, (int)have);
    }
    lua_pushinteger(L, (lua_Integer)(result.items - (have < result.items ? have : result.items)));
    return 1;
}

static const luaL_Reg methods[] = {
    {"id", number},
    {"done", done},
    {"ready", ready},
    {"watch", watch},
    {"cancel", cancel},
    {"free", collect},
    {"data", data},
    {"envelope", envelope},
    {"count", count},
    {"items", items},
    {"wants", lfu_call_wants},
    {"give", lfu_call_give},
    {"give_up", lfu_call_give_up},
    {"take", lfu_call_take},
    {"progress", lfu_call_progress},
    {NULL, NULL},
};

void lfu_open_call(lua_State *L) {
    lfu_new_type(L, LFU_CALL, methods, collect);
}
