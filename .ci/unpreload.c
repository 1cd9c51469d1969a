/* unpreload.c: a library that is preloaded beside the sanitizer's.
 *
 * Owns: the end of LD_PRELOAD. Once the Lua interpreter runs with the sanitizer, the variable has done its work; nginx,
 * shells and other tools that a spec starts must not inherit it. Must not know: what is tested. */
#include <stdlib.h>

__attribute__((constructor)) static void forget_preload(void) {
    unsetenv("LD_PRELOAD");
}
