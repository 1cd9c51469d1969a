/* compat.c: what older versions of Lua lack (see compat.h). Owns: the functions of lua-compat-5.3, where there is need.
 * Must not know: the binding. */
#include "compat.h"

#if LUA_VERSION_NUM < 503
#include <compat-5.3.c>
#else
typedef int lfu_compat_is_empty; /* ISO C wants something in every file */
#endif
