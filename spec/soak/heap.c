/* heap.c: the module `heap` of the soak: how much memory is in use.
 *
 * Owns: the question to the C library. Must not know: who uses it, and for what.
 * The size of a process tells little of that: what was freed stays the process's, in pieces between what is in use. */
#include <lauxlib.h>
#include <malloc.h>

/* in_use() -> KiB in blocks of malloc that are not freed; 0 where the C library does not tell */
static int in_use(lua_State *L) {
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    lua_pushnumber(L, (lua_Number)(info.uordblks + info.hblkhd) / 1024);
#else
    lua_pushnumber(L, 0);
#endif
    return 1;
}

/* Opens the module. Exported, as Lua's loader wants it. */
LUALIB_API int luaopen_heap(lua_State *L);

LUALIB_API int luaopen_heap(lua_State *L) {
    lua_newtable(L);
    lua_pushcfunction(L, in_use);
    lua_setfield(L, -2, "in_use");
    return 1;
}
