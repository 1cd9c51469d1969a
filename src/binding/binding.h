/* binding.h: what the files of the binding share.
 *
 * Owns: the names of the userdata types. Must not know: sockets; it sees the core through fusioo.h alone.
 * Every object is a userdata with one pointer, made before the thing it owns, so that nothing leaks where Lua raises.
 */
#ifndef LFU_BINDING_H
#define LFU_BINDING_H

#include "compat.h"

#include "../core/fusioo.h"

#include <stdbool.h>
#include <stddef.h>

#define LFU_ENGINE "fusioo.engine"
#define LFU_CLIENT "fusioo.core.client"
#define LFU_CALL "fusioo.core.call"
#define LFU_PAGER "fusioo.core.pager"
#define LFU_FILE "fusioo.core.file"
#define LFU_OAUTH "fusioo.core.oauth"
#define LFU_ASK "fusioo.core.ask"
#define LFU_ERROR "fusioo.error"

/* Makes the metatable `name` with the methods and a __gc, and pops it. `methods` and `collect` are static. */
void lfu_new_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction collect);

/* Pushes a userdata of type `name` whose pointer is NULL, and returns where the pointer goes. Raises without memory. */
void **lfu_new_box(lua_State *L, const char *name);

/* The pointer of the userdata at `index`. Raises where it is no `name`, or closed. */
void *lfu_check_box(lua_State *L, int index, const char *name);

/* Pushes nil and the error table of `error`; returns 2. Raises on FUSIOO_MEMORY. */
int lfu_fail(lua_State *L, const fusioo_error *error);

/* Pushes a date, in seconds since 1970: an integer where it is one that can be. */
void lfu_push_seconds(lua_State *L, double seconds);

/* Pushes the error table of `error`. Raises on FUSIOO_MEMORY. */
void lfu_push_error(lua_State *L, const fusioo_error *error);

/* Gives the table on the top of the stack the metatable of errors. */
void lfu_set_error(lua_State *L);

/* Reads the fields of the error table at `index` into a zeroed `error`; of another value its text, as one of kind auth,
 * which says whose it is. */
void lfu_read_error(lua_State *L, int index, fusioo_error *error);

/* Sets up the error metatable. */
void lfu_open_error(lua_State *L);

/* Reads the fields of the table at `index` (nil: nothing is read) into `query`; its strings live as long as the
 * table's. */
void lfu_read_query(lua_State *L, int index, fusioo_query *query);

/* The method named by the string at `index`. Raises where there is none. */
fusioo_method lfu_check_method(lua_State *L, int index);

/* The string field `name` of the table at `index`, NULL: it is not there. The string lives as long as the table holds
 * it. Raises where it is no string, or holds a NUL byte. */
const char *lfu_string_field(lua_State *L, int index, const char *name);

/* The number field `name` of the table at `index`, `otherwise` where it is not there. Raises where it is no number. */
lua_Number lfu_number_field(lua_State *L, int index, const char *name, lua_Number otherwise);

/* The same as an int; what an int cannot hold becomes its ends, which the core refuses where they make no sense. */
int lfu_int_field(lua_State *L, int index, const char *name, int otherwise);

/* Is the field `name` of the table at `index` there, and not false? */
bool lfu_flag_field(lua_State *L, int index, const char *name);

/* Pushes the table of `item`; the shape of its list is on the stack at `shape`. */
void lfu_push_item(lua_State *L, int shape, const fusioo_item *item);

/* Functions of the module's table. */
extern const luaL_Reg lfu_engine_functions[];
extern const luaL_Reg lfu_client_functions[];
extern const luaL_Reg lfu_file_functions[];
extern const luaL_Reg lfu_token_functions[];
extern const luaL_Reg lfu_oauth_functions[];

/* Sets up the type of engines. */
void lfu_open_engine(lua_State *L);

/* Sets up the type of clients. */
void lfu_open_client(lua_State *L);

/* Sets up the type of calls. */
void lfu_open_call(lua_State *L);

/* Sets up the type of pagers. */
void lfu_open_pager(lua_State *L);

/* Sets up the type of files on disk. */
void lfu_open_file(lua_State *L);

/* Sets up the types of sign-ins and of questions for tokens. */
void lfu_open_oauth(lua_State *L);

/* client:call, which stands where calls do. */
int lfu_client_call(lua_State *L);

/* client:send, which stands where calls do. */
int lfu_client_send(lua_State *L);

/* client:request, which stands where calls do. */
int lfu_client_request(lua_State *L);

/* Pushes a userdata for a call whose pointer is NULL, and returns where the pointer goes. Raises without memory. */
void **lfu_new_call_box(lua_State *L);

/* client:upload, which stands with what files need. */
int lfu_client_upload(lua_State *L);

/* client:download, which stands there too. */
int lfu_client_download(lua_State *L);

/* call:wants, of a call that sends a file. */
int lfu_call_wants(lua_State *L);

/* call:give, of such a call. */
int lfu_call_give(lua_State *L);

/* call:give_up, of a call that moves a file. */
int lfu_call_give_up(lua_State *L);

/* call:take, of a call that brings a file. */
int lfu_call_take(lua_State *L);

/* call:progress, of a call that moves a file. */
int lfu_call_progress(lua_State *L);

/* client:pager, which stands where pagers do. */
int lfu_client_pager(lua_State *L);

#endif
