/* engine.c: the engine as a userdata, one for each Lua state (see binding.h).
 * Owns: the state's engine. Must not know: what calls do. */
#include "binding.h"

#include <string.h>

static fusioo_engine *check_engine(lua_State *L) {
    return lfu_check_box(L, 1, LFU_ENGINE);
}

/* engine() -> engine       the state's one, made when it is first asked for */
static int get_engine(lua_State *L) {
    fusioo_error error;
    lua_getfield(L, LUA_REGISTRYINDEX, LFU_ENGINE ".one");
    if (!lua_isnil(L, -1)) {
        return 1;
    }
    void **box = lfu_new_box(L, LFU_ENGINE);
    *box = fusioo_engine_new(&error);
    if (*box == NULL) {
        return lfu_fail(L, &error);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, LFU_ENGINE ".one");
    return 1;
}

static int collect(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_ENGINE);
    fusioo_engine *engine = *box;
    *box = NULL;
    fusioo_engine_free(engine);
    return 0;
}

/* engine:step([budget in seconds]) -> how many are under way */
static int step(lua_State *L) {
    fusioo_engine *engine = check_engine(L);
    lua_Number budget = luaL_optnumber(L, 2, -1);
    lua_pushinteger(L, (lua_Integer)fusioo_engine_step(engine, budget));
    return 1;
}

/* engine:poll([seconds]) */
static int wait(lua_State *L) {
    fusioo_engine *engine = check_engine(L);
    fusioo_engine_poll(engine, luaL_optnumber(L, 2, -1));
    return 0;
}

/* engine:pollfd() -> descriptor | nil, message */
static int pollfd(lua_State *L) {
    int fd = fusioo_engine_pollfd(check_engine(L));
    if (fd < 0) {
        lua_pushnil(L);
        lua_pushliteral(L, "the system gave no descriptor");
        return 2;
    }
    lua_pushinteger(L, fd);
    return 1;
}

/* engine:timeout() -> seconds | nil */
static int timeout(lua_State *L) {
    double seconds = fusioo_engine_timeout(check_engine(L));
    if (seconds < 0) {
        lua_pushnil(L);
    } else {
        lua_pushnumber(L, seconds);
    }
    return 1;
}

/* engine:wake()        makes the descriptor readable: another coroutine that waits for it has news */
static int wake(lua_State *L) {
    fusioo_engine_wake(check_engine(L));
    return 0;
}

/* ---- Needs ---- */

static void set_number(lua_State *L, const char *name, lua_Number number) {
    lua_pushnumber(L, number);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer number) {
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *text) {
    if (text != NULL) {
        lua_pushstring(L, text);
        lua_setfield(L, -2, name);
    }
}

static void push_event(lua_State *L, const fusioo_event *event) {
    static const char *const types[] = {
        [FUSIOO_EVENT_REQUEST] = "request", [FUSIOO_EVENT_RESPONSE] = "response", [FUSIOO_EVENT_RETRY] = "retry",
        [FUSIOO_EVENT_WAIT] = "wait",       [FUSIOO_EVENT_LEDGER] = "ledger",     [FUSIOO_EVENT_TOKEN] = "token",
    };
    lua_createtable(L, 0, 8);
    set_string(L, "type", types[event->type]);
    set_string(L, "tag", event->tag);
    if (event->type == FUSIOO_EVENT_LEDGER || event->type == FUSIOO_EVENT_TOKEN) {
        set_string(L, "why", event->why);
        if (event->type == FUSIOO_EVENT_TOKEN && event->expires_at >= 0) {
            lfu_push_seconds(L, event->expires_at);
            lua_setfield(L, -2, "expires_at");
        }
        return;
    }
    set_string(L, "method", event->method);
    set_string(L, "path", event->path);
    set_integer(L, "attempt", event->attempt);
    if (event->type == FUSIOO_EVENT_RESPONSE) {
        if (event->status != 0) {
            set_integer(L, "status", event->status);
        }
        set_number(L, "seconds", event->seconds);
        set_integer(L, "bytes", (lua_Integer)event->bytes);
    } else if (event->type == FUSIOO_EVENT_RETRY) {
        set_number(L, "after", event->seconds);
        lfu_push_error(L, event->error);
        lua_setfield(L, -2, "err");
    } else if (event->type == FUSIOO_EVENT_WAIT) {
        set_number(L, "seconds", event->seconds);
        set_string(L, "why", event->why);
    }
}

/* engine:next_need() -> "ready", id | "token", id, client id | "event", client id, event |
 * "store", oauth id, wish, number | nil */
static int next_need(lua_State *L) {
    enum { READY = 2, TOKEN, EVENT, STORE, LOAD };
    fusioo_need need;
    fusioo_engine *engine = check_engine(L);
    /* What needs memory comes first: a need that was taken must not get lost. An event may. */
    lua_settop(L, 1);
    lua_pushliteral(L, "ready");
    lua_pushliteral(L, "token");
    lua_pushliteral(L, "event");
    lua_pushliteral(L, "store");
    lua_pushliteral(L, "load"); /* and the others in the order of fusioo_store_need */
    lua_pushliteral(L, "save");
    lua_pushliteral(L, "lock");
    lua_pushliteral(L, "end");
    if (!fusioo_engine_next_need(engine, &need)) {
        return 0;
    }
    switch (need.kind) {
    case FUSIOO_NEED_READY:
        lua_pushvalue(L, READY);
        lua_pushinteger(L, (lua_Integer)need.id);
        return 2;
    case FUSIOO_NEED_TOKEN:
        lua_pushvalue(L, TOKEN);
        lua_pushinteger(L, (lua_Integer)need.id);
        lua_pushinteger(L, (lua_Integer)need.client);
        return 3;
    case FUSIOO_NEED_STORE:
        lua_pushvalue(L, STORE);
        lua_pushinteger(L, (lua_Integer)need.client);
        lua_pushvalue(L, LOAD + (int)need.store);
        lua_pushinteger(L, (lua_Integer)need.id);
        return 4;
    default:
        lua_pushvalue(L, EVENT);
        lua_pushinteger(L, (lua_Integer)need.client);
        push_event(L, &need.event);
        return 3;
    }
}

/* engine:give_token(call id, token | nil [, why]) */
static int give_token(lua_State *L) {
    fusioo_engine *engine = check_engine(L);
    lua_Integer id = luaL_checkinteger(L, 2);
    size_t size = 0;
    const char *token = luaL_optlstring(L, 3, NULL, &size);
    const char *why = luaL_optstring(L, 4, NULL);
    if (token != NULL && strlen(token) != size) {
        token = ""; /* a NUL byte: no token, and the core says so */
    }
    fusioo_engine_give_token(engine, (uint64_t)id, token, why);
    return 0;
}

static const luaL_Reg methods[] = {
    {"step", step}, {"poll", wait},           {"pollfd", pollfd},         {"timeout", timeout},
    {"wake", wake}, {"next_need", next_need}, {"give_token", give_token}, {NULL, NULL},
};

const luaL_Reg lfu_engine_functions[] = {{"engine", get_engine}, {NULL, NULL}};

void lfu_open_engine(lua_State *L) {
    lfu_new_type(L, LFU_ENGINE, methods, collect);
}
