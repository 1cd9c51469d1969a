/* compat.h: the C interface of Lua 5.3, whichever Lua this is built for.
 *
 * Owns: the differences between Lua 5.1, LuaJIT, 5.3 and later. Must not know: what the binding does with them.
 * Included instead of lua.h and lauxlib.h. On 5.1 and LuaJIT the gaps are filled by lua-compat-5.3, whose functions
 * compat.c holds once for all files. */
#ifndef LFU_COMPAT_H
#define LFU_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 503
#define COMPAT53_PREFIX lfu_compat
#include <compat-5.3.h>
#endif

/* Does this Lua tell integers from floats? */
#define LFU_HAS_INTEGERS (LUA_VERSION_NUM >= 503)

#endif
