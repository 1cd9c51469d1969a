/* token.c: the files in which tokens are kept, for Lua (see binding.h).
 * Owns: nothing. Must not know: what a token looks like. */
#include "binding.h"
#include "codec.h"

#include "../core/alloc.h"
#include "../core/state.h"
#include "../core/token_file.h"

#include <string.h>

/* A path; raises where it holds a NUL byte. */
static const char *check_path(lua_State *L, int index) {
    size_t size;
    const char *path = luaL_checklstring(L, index, &size);
    luaL_argcheck(L, strlen(path) == size, index, "it holds a NUL byte");
    return path;
}

/* Pushes `path` and frees it. `text`, which goes with its userdata where Lua raises, holds it meanwhile. */
static int push_path(lua_State *L, struct fu_buffer *text, char *path) {
    bool good = fu_buffer_puts(text, path);
    fu_free(path);
    if (!good) {
        return luaL_error(L, "not enough memory");
    }
    lua_pushlstring(L, text->data, text->size);
    return 1;
}

/* token_file_read(path) -> text, "" where there is no file | nil, err */
static int token_file_read(lua_State *L) {
    fusioo_error error;
    const char *path = check_path(L, 1);
    struct fu_buffer *text = lfu_buffer_new(L);
    text->secret = true;
    if (!fu_token_file_read(path, text, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushlstring(L, text->size > 0 ? text->data : "", text->size);
    fu_buffer_free(text);
    return 1;
}

/* token_file_write(path, text) -> true | nil, err */
static int token_file_write(lua_State *L) {
    fusioo_error error;
    size_t size;
    const char *path = check_path(L, 1);
    const char *text = luaL_checklstring(L, 2, &size);
    if (!fu_token_file_write(path, text, size, &error)) {
        return lfu_fail(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* token_file_place(path) -> the absolute path | nil, err */
static int token_file_place(lua_State *L) {
    fusioo_error error;
    char *place = NULL;
    const char *path = check_path(L, 1);
    struct fu_buffer *text = lfu_buffer_new(L);
    if (!fu_token_file_place(path, &place, &error)) {
        return lfu_fail(L, &error);
    }
    return push_path(L, text, place);
}

/* state_path(name) -> the path of the file `name` in the user's state folder | nil, err */
static int state_path(lua_State *L) {
    fusioo_error error;
    char *path = NULL;
    const char *name = check_path(L, 1);
    struct fu_buffer *text = lfu_buffer_new(L);
    if (!fu_state_path(name, &path, &error)) {
        return lfu_fail(L, &error);
    }
    return push_path(L, text, path);
}

const luaL_Reg lfu_token_functions[] = {{"token_file_read", token_file_read},
                                        {"token_file_write", token_file_write},
                                        {"token_file_place", token_file_place},
                                        {"state_path", state_path},
                                        {NULL, NULL}};
