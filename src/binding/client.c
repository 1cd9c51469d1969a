/* client.c: the core's client as a userdata (see binding.h).
 * Owns: reading options from a table. Must not know: sockets, what calls do. */
#include "binding.h"

#include <string.h>

static fusioo_client *check_client(lua_State *L) {
    return lfu_check_box(L, 1, LFU_CLIENT);
}

/* The sign-in that a table of options names; the table keeps it. */
static fusioo_oauth *auth_field(lua_State *L, int index) {
    lua_getfield(L, index, "auth");
    fusioo_oauth *auth = lua_isnil(L, -1) ? NULL : lfu_check_box(L, lua_gettop(L), LFU_OAUTH);
    lua_pop(L, 1);
    return auth;
}

static void read_options(lua_State *L, int index, fusioo_options *options) {
    luaL_checktype(L, index, LUA_TTABLE);
    fusioo_options_init(options);
    options->base_url = lfu_string_field(L, index, "base_url");
    options->version = lfu_string_field(L, index, "version");
    options->token = lfu_string_field(L, index, "token");
    options->tag = lfu_string_field(L, index, "tag");
    options->ca_file = lfu_string_field(L, index, "ca_file");
    options->proxy = lfu_string_field(L, index, "proxy");
    options->user_agent = lfu_string_field(L, index, "user_agent");
    options->rate_key = lfu_string_field(L, index, "rate_key");
    options->rate_ledger = lfu_string_field(L, index, "rate_ledger");
    options->token_on_need = lfu_flag_field(L, index, "token_on_need");
    options->auth = auth_field(L, index);
    options->events = lfu_flag_field(L, index, "events");
    options->rate_error = lfu_flag_field(L, index, "rate_error");
    options->rate_calls = lfu_int_field(L, index, "rate_calls", options->rate_calls);
    options->rate_reserve = lfu_int_field(L, index, "rate_reserve", options->rate_reserve);
    options->rate_window = lfu_number_field(L, index, "rate_window", options->rate_window);
    options->rate_max_wait = lfu_number_field(L, index, "rate_max_wait", options->rate_max_wait);
    options->retry_attempts = lfu_int_field(L, index, "retry_attempts", options->retry_attempts);
    options->retry_base = lfu_number_field(L, index, "retry_base", options->retry_base);
    options->retry_cap = lfu_number_field(L, index, "retry_cap", options->retry_cap);
    options->connect_timeout = lfu_number_field(L, index, "timeout_connect", options->connect_timeout);
    options->idle_timeout = lfu_number_field(L, index, "timeout_idle", options->idle_timeout);
    options->total_timeout = lfu_number_field(L, index, "timeout_total", options->total_timeout);
    options->concurrency = lfu_int_field(L, index, "concurrency", options->concurrency);
    lua_Number most = lfu_number_field(L, index, "max_body", (lua_Number)options->max_body);
    options->max_body = most >= 0 && most < 1e15 ? (size_t)most : SIZE_MAX;
}

/* client(engine, options) -> client | nil, err */
static int new_client(lua_State *L) {
    fusioo_error error;
    fusioo_options options;
    fusioo_engine *engine = lfu_check_box(L, 1, LFU_ENGINE);
    read_options(L, 2, &options);
    void **box = lfu_new_box(L, LFU_CLIENT);
    *box = fusioo_client_new(engine, &options, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* client:view(options) -> client | nil, err */
static int view(lua_State *L) {
    fusioo_error error;
    fusioo_options options;
    fusioo_client *client = check_client(L);
    read_options(L, 2, &options);
    void **box = lfu_new_box(L, LFU_CLIENT);
    *box = fusioo_client_view(client, &options, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* client:set_endpoint(name, request) -> true | nil, err */
static int set_endpoint(lua_State *L) {
    fusioo_error error;
    fusioo_client *client = check_client(L);
    if (!fusioo_client_set_endpoint(client, luaL_checkstring(L, 2), luaL_checkstring(L, 3), &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int collect(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_CLIENT);
    fusioo_client *client = *box;
    *box = NULL;
    fusioo_client_free(client);
    return 0;
}

/* client:close()       may be called twice; calls made afterwards fail with kind "closed" */
static int close_client(lua_State *L) {
    fusioo_client_close(check_client(L));
    return 0;
}

/* client:id() -> number */
static int number(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fusioo_client_id(check_client(L)));
    return 1;
}

/* client:budget() -> {calls =, window =, used =, remaining =, free_in =} */
static int budget(lua_State *L) {
    fusioo_budget held;
    fusioo_client_budget(check_client(L), &held);
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, held.calls);
    lua_setfield(L, -2, "calls");
    lua_pushnumber(L, held.window);
    lua_setfield(L, -2, "window");
    lua_pushinteger(L, held.used);
    lua_setfield(L, -2, "used");
    lua_pushinteger(L, held.remaining);
    lua_setfield(L, -2, "remaining");
    lua_pushnumber(L, held.free_in);
    lua_setfield(L, -2, "free_in");
    return 1;
}

/* client:forecast(calls) -> seconds */
static int forecast(lua_State *L) {
    fusioo_client *client = check_client(L);
    lua_pushnumber(L, fusioo_client_forecast(client, (int64_t)luaL_checkinteger(L, 2)));
    return 1;
}

static void push_counts(lua_State *L, const fusioo_stats *stats, int fields) {
    lua_createtable(L, 0, fields);
    lua_pushinteger(L, (lua_Integer)stats->calls);
    lua_setfield(L, -2, "calls");
    lua_pushinteger(L, (lua_Integer)stats->retries);
    lua_setfield(L, -2, "retries");
}

/* client:stats() -> {calls =, retries =, waited =, bytes_in =, bytes_out =, by_tag =} */
static int stats(lua_State *L) {
    fusioo_stats sum;
    const fusioo_client *client = check_client(L);
    fusioo_client_stats(client, &sum);
    push_counts(L, &sum, 6);
    lua_pushnumber(L, sum.waited);
    lua_setfield(L, -2, "waited");
    lua_pushinteger(L, (lua_Integer)sum.bytes_in);
    lua_setfield(L, -2, "bytes_in");
    lua_pushinteger(L, (lua_Integer)sum.bytes_out);
    lua_setfield(L, -2, "bytes_out");
    lua_newtable(L);
    const char *tag;
    for (size_t i = 0; (tag = fusioo_client_tag_stats(client, i, &sum)) != NULL; i++) {
        push_counts(L, &sum, 2);
        lua_setfield(L, -2, tag);
    }
    lua_setfield(L, -2, "by_tag");
    return 1;
}

/* pager_cost(records, page_size, seams) -> calls */
static int pager_cost(lua_State *L) {
    int64_t records = (int64_t)luaL_checkinteger(L, 1);
    int page_size = (int)luaL_checkinteger(L, 2);
    lua_pushinteger(L, (lua_Integer)fusioo_pager_cost(records, page_size, lua_toboolean(L, 3)));
    return 1;
}

static const luaL_Reg methods[] = {
    {"view", view},
    {"set_endpoint", set_endpoint},
    {"close", close_client},
    {"id", number},
    {"budget", budget},
    {"forecast", forecast},
    {"stats", stats},
    {"call", lfu_client_call},
    {"send", lfu_client_send},
    {"upload", lfu_client_upload},
    {"download", lfu_client_download},
    {"request", lfu_client_request},
    {"pager", lfu_client_pager},
    {NULL, NULL},
};

const luaL_Reg lfu_client_functions[] = {{"client", new_client}, {"pager_cost", pager_cost}, {NULL, NULL}};

void lfu_open_client(lua_State *L) {
    lfu_new_type(L, LFU_CLIENT, methods, collect);
}
