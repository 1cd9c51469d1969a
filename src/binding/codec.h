/* codec.h: JSON to Lua values and back.
 *
 * Owns: which Lua value stands for which JSON value, array marks, shapes. Must not know: calls, clients, sockets.
 * null is the light userdata NULL (cjson.null). An array is marked by a metatable where its keys do not show it. */
#ifndef LFU_CODEC_H
#define LFU_CODEC_H

#include "compat.h"

#include "../core/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- JSON to Lua ---- */

/* Pushes the Lua value of a text that fu_json_check, or a reader over a larger text, has walked over: nothing is
 * checked again. `size` is below 2 GiB. Raises only where memory or stack end. */
void lfu_json_push(lua_State *L, const char *text, size_t size);

/* Pushes a shape: a userdata that remembers the keys of an app's records, so that each is made a Lua string once. */
void lfu_shape_new(lua_State *L);

/* Pushes the table of one record, a JSON object that was checked (see lfu_json_push). `shape` is the stack index of
 * the shape, `fields` how many members the record has (a hint: the table is made for as many). */
void lfu_shape_push_record(lua_State *L, int shape, const char *text, size_t size, unsigned fields);

/* ---- Array marks ---- */

/* Marks the table at `index` as an array. Raises if it has another metatable. */
void lfu_array_mark(lua_State *L, int index);

/* Is the value at `index` an array: marked (by the above or by the user's cjson), or not empty with just the keys 1 to
 * n? */
bool lfu_is_array(lua_State *L, int index);

/* What a table can be in JSON. */
enum lfu_table { LFU_TABLE_ARRAY, LFU_TABLE_OBJECT, LFU_TABLE_NEITHER };

/* What the table at `index` is; `*count` becomes the number of an array's elements. An object's keys are not all looked
 * at: one that is no string may yet turn up. */
enum lfu_table lfu_table_kind(lua_State *L, int index, int *count);

/* ---- Lua to JSON ---- */

/* Pushes a userdata that holds an empty buffer, which is freed with it, and returns the buffer. */
struct fu_buffer *lfu_buffer_new(lua_State *L);

/* Appends the value at `index` as JSON; `root` is the value's name in messages. True: done, nothing is pushed. False:
 * it cannot be JSON; a message with the place (`fields.items[3] is a function, ...`) is pushed, and `buffer` ends
 * somewhere in between. No metamethod runs. Raises only where memory or stack end, so `buffer` must belong to a
 * userdata. */
bool lfu_json_encode(lua_State *L, int index, const char *root, struct fu_buffer *buffer);

/* ---- For Lua ---- */

/* Sets up the type of buffers. */
void lfu_open_codec(lua_State *L);

/* json_decode(text) -> value | nil, err      err: {kind = "decode", message =, position = (in bytes, from 1)}
 * json_encode(value [, root]) -> text | nil, err      err: {kind = "invalid", message =}, which calls the value `root`
 * array(table) -> table                      marked; raises if it has another metatable
 * is_array(value) -> boolean */
extern const luaL_Reg lfu_codec_functions[];

#endif
