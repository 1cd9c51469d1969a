/* oauth.c: sign-ins and questions for tokens as userdata (see binding.h).
 * Owns: reading options and tokens from tables. Must not know: sockets, how a token is got. */
#include "binding.h"

#include <string.h>

static fusioo_oauth *check_oauth(lua_State *L) {
    return lfu_check_box(L, 1, LFU_OAUTH);
}

static fusioo_ask *check_ask(lua_State *L) {
    return lfu_check_box(L, 1, LFU_ASK);
}

/* ---- Making one ---- */

static int check_grant(lua_State *L, int index) {
    static const char *const names[] = {
        [FUSIOO_AUTHORIZATION_CODE] = "authorization_code",
        [FUSIOO_IMPLICIT] = "implicit",
        [FUSIOO_PASSWORD] = "password",
        [FUSIOO_CLIENT_CREDENTIALS] = "client_credentials",
        NULL,
    };
    lua_getfield(L, index, "grant");
    int grant = luaL_checkoption(L, -1, "authorization_code", names);
    lua_pop(L, 1);
    return grant;
}

static void read_options(lua_State *L, int index, fusioo_oauth_options *options) {
    luaL_checktype(L, index, LUA_TTABLE);
    fusioo_oauth_options_init(options);
    options->grant = (fusioo_grant)check_grant(L, index);
    options->client_id = lfu_string_field(L, index, "client_id");
    options->client_secret = lfu_string_field(L, index, "client_secret");
    options->redirect_uri = lfu_string_field(L, index, "redirect_uri");
    options->username = lfu_string_field(L, index, "username");
    options->password = lfu_string_field(L, index, "password");
    options->authorize_url = lfu_string_field(L, index, "authorize_url");
    options->token_url = lfu_string_field(L, index, "token_url");
    options->ca_file = lfu_string_field(L, index, "ca_file");
    options->proxy = lfu_string_field(L, index, "proxy");
    options->user_agent = lfu_string_field(L, index, "user_agent");
    options->connect_timeout = lfu_number_field(L, index, "timeout_connect", options->connect_timeout);
    options->idle_timeout = lfu_number_field(L, index, "timeout_idle", options->idle_timeout);
    options->total_timeout = lfu_number_field(L, index, "timeout_total", options->total_timeout);
    options->events = lfu_flag_field(L, index, "events");
    options->store_locks = lfu_flag_field(L, index, "store_locks");
    options->store_file = lfu_string_field(L, index, "store_file");
    options->store = lfu_flag_field(L, index, "store_on_need")   ? FUSIOO_STORE_ON_NEED
                     : lfu_flag_field(L, index, "store_on_disk") ? FUSIOO_STORE_FILE
                                                                 : FUSIOO_STORE_MEMORY;
}

/* oauth(engine, options) -> oauth | nil, err */
static int new_oauth(lua_State *L) {
    fusioo_error error;
    fusioo_oauth_options options;
    fusioo_engine *engine = lfu_check_box(L, 1, LFU_ENGINE);
    read_options(L, 2, &options);
    void **box = lfu_new_box(L, LFU_OAUTH);
    *box = fusioo_oauth_new(engine, &options, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

static int collect_oauth(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_OAUTH);
    fusioo_oauth *oauth = *box;
    *box = NULL;
    fusioo_oauth_free(oauth);
    return 0;
}

/* oauth:id() -> number */
static int oauth_id(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fusioo_oauth_id(check_oauth(L)));
    return 1;
}

/* ---- Tokens ---- */

static void set_string(lua_State *L, const char *name, const char *text) {
    if (text != NULL) {
        lua_pushstring(L, text);
        lua_setfield(L, -2, name);
    }
}

void lfu_push_seconds(lua_State *L, double seconds) {
    if (seconds < 1e15) {
        lua_pushinteger(L, (lua_Integer)seconds);
    } else {
        lua_pushnumber(L, seconds);
    }
}

static void push_token(lua_State *L, const fusioo_token *token) {
    lua_createtable(L, 0, 4);
    set_string(L, "access_token", token->access_token);
    set_string(L, "token_type", token->token_type);
    set_string(L, "refresh_token", token->refresh_token);
    if (token->expires_at >= 0) {
        lfu_push_seconds(L, token->expires_at);
        lua_setfield(L, -2, "expires_at");
    }
}

static void read_error(lua_State *L, int index, fusioo_error *error) {
    memset(error, 0, sizeof *error);
    error->retry_after = -1;
    error->resume = -1;
    lfu_read_error(L, index, error);
}

/* oauth:awaits(number of the need) -> boolean */
static int awaits(lua_State *L) {
    lua_pushboolean(L, fusioo_oauth_awaits(check_oauth(L), (uint64_t)luaL_checkinteger(L, 2)));
    return 1;
}

/* oauth:to_save() -> token | nil */
static int to_save(lua_State *L) {
    fusioo_token token;
    if (!fusioo_oauth_to_save(check_oauth(L), &token)) {
        return 0;
    }
    push_token(L, &token);
    return 1;
}

/* oauth:loaded(number of the need, token | nil [, err])        answers "load" */
static int loaded(lua_State *L) {
    fusioo_error error;
    fusioo_oauth *oauth = check_oauth(L);
    uint64_t id = (uint64_t)luaL_checkinteger(L, 2);
    if (lua_isnoneornil(L, 3)) {
        if (lua_isnoneornil(L, 4)) {
            fusioo_oauth_loaded(oauth, id, NULL, NULL);
        } else {
            read_error(L, 4, &error);
            fusioo_oauth_loaded(oauth, id, NULL, &error);
        }
        return 0;
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    fusioo_token token = {
        .access_token = lfu_string_field(L, 3, "access_token"),
        .token_type = lfu_string_field(L, 3, "token_type"),
        .refresh_token = lfu_string_field(L, 3, "refresh_token"),
        .expires_at = lfu_number_field(L, 3, "expires_at", -1),
    };
    fusioo_oauth_loaded(oauth, id, &token, NULL);
    return 0;
}

/* oauth:stored(number of the need, "stored" | "busy" | "failed" [, err]) -> boolean
 * Answers "save" and "lock"; false: too late, and a lock that was got is to be given back. */
static int stored(lua_State *L) {
    static const char *const names[] = {
        [FUSIOO_STORED] = "stored", [FUSIOO_STORE_BUSY] = "busy", [FUSIOO_STORE_FAILED] = "failed", NULL};
    fusioo_error error;
    fusioo_oauth *oauth = check_oauth(L);
    uint64_t id = (uint64_t)luaL_checkinteger(L, 2);
    fusioo_stored how = (fusioo_stored)luaL_checkoption(L, 3, NULL, names);
    bool has_error = !lua_isnoneornil(L, 4);
    if (has_error) {
        read_error(L, 4, &error);
    }
    lua_pushboolean(L, fusioo_oauth_stored(oauth, id, how, has_error ? &error : NULL));
    return 1;
}

/* ---- Questions ---- */

/* oauth:authorize_url() -> url, state | nil, err */
static int authorize_url(lua_State *L) {
    fusioo_error error;
    char state[FUSIOO_STATE_SIZE];
    const char *url = fusioo_oauth_authorize_url(check_oauth(L), state, &error);
    if (url == NULL) {
        return lfu_fail(L, &error);
    }
    lua_pushstring(L, url);
    lua_pushstring(L, state);
    return 2;
}

/* oauth:token() -> ask | nil, err */
static int ask_token(lua_State *L) {
    fusioo_error error;
    fusioo_oauth *oauth = check_oauth(L);
    void **box = lfu_new_box(L, LFU_ASK);
    *box = fusioo_oauth_token(oauth, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* oauth:refresh() -> ask | nil, err */
static int ask_refresh(lua_State *L) {
    fusioo_error error;
    fusioo_oauth *oauth = check_oauth(L);
    void **box = lfu_new_box(L, LFU_ASK);
    *box = fusioo_oauth_refresh(oauth, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* oauth:finish(url, state) -> ask | nil, err */
static int finish(lua_State *L) {
    fusioo_error error;
    size_t size;
    fusioo_oauth *oauth = check_oauth(L);
    const char *url = luaL_checklstring(L, 2, &size);
    const char *state = luaL_checkstring(L, 3);
    luaL_argcheck(L, strlen(url) == size, 2, "it holds a NUL byte");
    void **box = lfu_new_box(L, LFU_ASK);
    *box = fusioo_oauth_finish(oauth, url, state, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

/* oauth:listen(port | nil, seconds) -> ask | nil, err */
static int listen_for(lua_State *L) {
    fusioo_error error;
    fusioo_oauth *oauth = check_oauth(L);
    lua_Integer port = luaL_optinteger(L, 2, 0);
    lua_Number seconds = luaL_checknumber(L, 3);
    void **box = lfu_new_box(L, LFU_ASK);
    *box = fusioo_oauth_listen(oauth, port >= 0 && port <= 65535 ? (int)port : -1, seconds, &error);
    return *box != NULL ? 1 : lfu_fail(L, &error);
}

static int collect_ask(lua_State *L) {
    void **box = luaL_checkudata(L, 1, LFU_ASK);
    fusioo_ask *ask = *box;
    *box = NULL;
    fusioo_ask_free(ask);
    return 0;
}

/* ask:id() -> number */
static int ask_id(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fusioo_ask_id(check_ask(L)));
    return 1;
}

/* ask:done() -> boolean | nil, where it is closed */
static int done(lua_State *L) {
    fusioo_ask *const *box = luaL_checkudata(L, 1, LFU_ASK);
    if (*box == NULL) {
        return 0;
    }
    lua_pushboolean(L, fusioo_ask_done(*box));
    return 1;
}

/* ask:watch()         asks for a need "ready" */
static int watch(lua_State *L) {
    fusioo_ask_watch(check_ask(L));
    return 0;
}

/* ask:cancel() */
static int cancel(lua_State *L) {
    fusioo_ask_cancel(check_ask(L));
    return 0;
}

/* ask:result() -> token | nil, err */
static int result(lua_State *L) {
    fusioo_error error;
    fusioo_token answer;
    if (!fusioo_ask_result(check_ask(L), &answer, &error)) {
        return lfu_fail(L, &error);
    }
    push_token(L, &answer);
    return 1;
}

static const luaL_Reg oauth_methods[] = {
    {"id", oauth_id},     {"authorize_url", authorize_url},
    {"token", ask_token}, {"refresh", ask_refresh},
    {"finish", finish},   {"listen", listen_for},
    {"awaits", awaits},   {"to_save", to_save},
    {"loaded", loaded},   {"stored", stored},
    {NULL, NULL},
};

static const luaL_Reg ask_methods[] = {
    {"id", ask_id},        {"done", done},     {"watch", watch}, {"cancel", cancel},
    {"free", collect_ask}, {"result", result}, {NULL, NULL},
};

const luaL_Reg lfu_oauth_functions[] = {{"oauth", new_oauth}, {NULL, NULL}};

void lfu_open_oauth(lua_State *L) {
    lfu_new_type(L, LFU_OAUTH, oauth_methods, collect_oauth);
    lfu_new_type(L, LFU_ASK, ask_methods, collect_ask);
}
