/* pager.c: a pager as a userdata (see binding.h).
 * Owns: turning the items of pages into tables. Must not know: sockets, how pages are planned. */
#include "binding.h"
#include "codec.h"

#include <string.h>

/* A record that Lua had no memory for is not lost: it is the next one again. */
struct box {
    fusioo_pager *pager; /* first, as in every box */
    bool kept;           /* `item` was taken from the pager and is not Lua's yet */
    fusioo_item item;
};

static fusioo_pager *check_pager(lua_State *L) {
    return lfu_check_box(L, 1, LFU_PAGER);
}

static struct box *new_box(lua_State *L) {
    struct box *box = lua_newuserdata(L, sizeof *box);
    memset(box, 0, sizeof *box);
    luaL_getmetatable(L, LFU_PAGER);
    lua_setmetatable(L, -2);
    return box;
}

/* Takes the next record, which stays the next one until `kept` is cleared. */
static fusioo_pager_state take(struct box *box, fusioo_error *error) {
    fusioo_pager_state state = FUSIOO_PAGER_ITEM;
    if (!box->kept) {
        state = fusioo_pager_next(box->pager, &box->item, error);
        box->kept = state == FUSIOO_PAGER_ITEM;
    }
    return state;
}

static void read_plan(lua_State *L, int index, fusioo_plan *plan) {
    fusioo_plan_init(plan);
    luaL_checktype(L, index, LUA_TTABLE);
    plan->limit = (int64_t)lfu_number_field(L, index, "limit", -1);
    plan->page_size = lfu_int_field(L, index, "page_size", 0);
    plan->concurrency = lfu_int_field(L, index, "concurrency", 0);
    plan->expect = (int64_t)lfu_number_field(L, index, "expect", -1);
    lua_getfield(L, index, "seams");
    plan->no_seams = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_getfield(L, index, "on_progress");
    plan->want_total = !lua_isnil(L, -1);
    lua_pop(L, 2);
}

/* client:pager(method, id | nil, query, plan) -> pager | nil, err */
int lfu_client_pager(lua_State *L) {
    fusioo_error error;
    fusioo_query query;
    fusioo_plan plan;
    size_t size = 0;
    fusioo_client *client = lfu_check_box(L, 1, LFU_CLIENT);
    fusioo_method method = lfu_check_method(L, 2);
    const char *id = luaL_optlstring(L, 3, NULL, &size);
    lfu_read_query(L, 4, &query);
    read_plan(L, 5, &plan);
    query.limit = 0;
    struct box *box = new_box(L);
    /* The keys of the records are remembered as long as the pager. A table, since 5.1 takes nothing else there. */
    lua_createtable(L, 1, 0);
    lfu_shape_new(L);
    lua_rawseti(L, -2, 1);
    lua_setuservalue(L, -2);
    box->pager = fusioo_pager_start(client, method, id, size, &query, &plan, &error);
    return box->pager != NULL ? 1 : lfu_fail(L, &error);
}

static int collect(lua_State *L) {
    struct box *box = luaL_checkudata(L, 1, LFU_PAGER);
    fusioo_pager *pager = box->pager;
    box->pager = NULL;
    fusioo_pager_free(pager);
    return 0;
}

/* What a pager says that has no record: false, "wait" or "end", or the error. */
static int push_state(lua_State *L, fusioo_pager_state state, const fusioo_error *error) {
    lua_pushboolean(L, 0);
    if (state == FUSIOO_PAGER_FAILED) {
        lfu_push_error(L, error);
    } else {
        lua_pushstring(L, state == FUSIOO_PAGER_WAIT ? "wait" : "end");
    }
    return 2;
}

/* pager:next() -> record | false, "wait" | false, "end" | false, err */
static int next_record(lua_State *L) {
    fusioo_error error;
    check_pager(L);
    struct box *box = lua_touserdata(L, 1);
    fusioo_pager_state state = take(box, &error);
    if (state != FUSIOO_PAGER_ITEM) {
        return push_state(L, state, &error);
    }
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, 1);
    lfu_push_item(L, lua_gettop(L), &box->item);
    box->kept = false;
    return 1;
}

/* pager:fill(page, most) -> how many of the page are left | false, "wait" | false, "end" | false, err
 * Adds up to `most` records of one and the same page to the table `page`. */
static int fill(lua_State *L) {
    fusioo_error error;
    fusioo_pager *pager = check_pager(L);
    struct box *box = lua_touserdata(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer most = luaL_optinteger(L, 3, INT32_MAX);
    size_t have = lua_rawlen(L, 2);
    lua_settop(L, 3);
    lua_getuservalue(L, 1);
    lua_rawgeti(L, 4, 1);
    do {
        fusioo_pager_state state = take(box, &error);
        if (state != FUSIOO_PAGER_ITEM) {
            return push_state(L, state, &error);
        }
        lfu_push_item(L, 5, &box->item);
        lua_rawseti(L, 2, (int)++have);
        box->kept = false;
    } while (--most > 0 && fusioo_pager_left(pager) > 0);
    lua_pushinteger(L, (lua_Integer)fusioo_pager_left(pager));
    return 1;
}

/* pager:progress() -> done, total | nil */
static int progress(lua_State *L) {
    int64_t done;
    int64_t total;
    fusioo_pager_progress(check_pager(L), &done, &total);
    lua_pushinteger(L, (lua_Integer)done);
    if (total < 0) {
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)total);
    return 2;
}

/* pager:ready() -> is there something to say? | nil, where it is closed */
static int ready(lua_State *L) {
    const struct box *box = luaL_checkudata(L, 1, LFU_PAGER);
    if (box->pager == NULL) {
        return 0;
    }
    lua_pushboolean(L, box->kept || fusioo_pager_ready(box->pager));
    return 1;
}

/* pager:id() -> number */
static int number(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fusioo_pager_id(check_pager(L)));
    return 1;
}

/* pager:watch()        asks for a need "ready" */
static int watch(lua_State *L) {
    fusioo_pager_watch(check_pager(L));
    return 0;
}

/* pager:cancel() */
static int cancel(lua_State *L) {
    fusioo_pager_cancel(check_pager(L));
    ((struct box *)lua_touserdata(L, 1))->kept = false; /* its text is gone */
    return 0;
}

static const luaL_Reg methods[] = {
    {"next", next_record}, {"fill", fill},    {"progress", progress}, {"id", number}, {"watch", watch},
    {"cancel", cancel},    {"free", collect}, {"ready", ready},       {NULL, NULL},
};

void lfu_open_pager(lua_State *L) {
    lfu_new_type(L, LFU_PAGER, methods, collect);
}
