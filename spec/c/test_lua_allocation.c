/* test_lua_allocation.c: allocations fail, Lua's and the core's, while a program in Lua reads and writes: it gets an
 * error each time, nothing is lost or made twice without a word, nothing leaks, and the same client goes on. Must not
 * know: where anything is allocated.
 *
 * The scenarios stand in spec/support/scarce.lua. When Lua has no memory it collects garbage and tries again, so there
 * are three ways to fail: once (the collector runs at that very place, and hardly ever there is an error), twice (one
 * error, and then there is memory), and until the program has its error. With FUSIOO_LONG every allocation fails in
 * turn, else a sample of them does. */
#include "failing_heap.h"
#include "small_server.h"

#include <lauxlib.h>
#include <lualib.h>

enum { SAMPLE = 60 }; /* runs of one scenario in one way, about */

enum way { ONCE, TWICE, LASTING };

/* Lua's heap. */
static struct {
    size_t bytes;
    long asked, fail_at;
    enum way way;
    bool failed;
} lua_heap;

static struct small_server server;
static lua_State *L;
static int made_before; /* what the service had made for the programs before */

static bool lua_heap_refuses(void) {
    long place = ++lua_heap.asked - lua_heap.fail_at;
    bool refuses = lua_heap.fail_at > 0 && place >= 0 &&
                   (place == 0 || (place == 1 && lua_heap.way == TWICE) || lua_heap.way == LASTING);
    lua_heap.failed = lua_heap.failed || refuses;
    return refuses;
}

static void *lua_allocate(void *data, void *block, size_t old_size, size_t size) {
    (void)data;
    old_size = block != NULL ? old_size : 0; /* for a new block it is the type */
    if (size == 0) {
        lua_heap.bytes -= old_size;
        free(block);
        return NULL;
    }
    if (size > old_size && lua_heap_refuses()) {
        return NULL;
    }
    void *new = realloc(block, size);
    assert_non_null(new);
    lua_heap.bytes += size;
    lua_heap.bytes -= old_size;
    return new;
}

static void fail_lua_at(long count, enum way way) {
    lua_heap.asked = 0;
    lua_heap.fail_at = count;
    lua_heap.way = way;
    lua_heap.failed = false;
}

/* enough()         from now on there is memory: the program has seen an error */
static int enough(lua_State *state) {
    (void)state;
    lua_heap.fail_at = 0;
    return 0;
}

/* ---- One Lua, with all the memory it wants ---- */

int luaopen_fusioo_core(lua_State *state);

static void do_or_fail(int status) {
    if (status != LUA_OK) {
        fail_msg("%s", lua_tostring(L, -1));
    }
}

static void open_lua(void) {
    fail_lua_at(0, ONCE);
    L = lua_newstate(lua_allocate, NULL);
    assert_non_null(L);
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_fusioo_core);
    lua_setfield(L, -2, "fusioo.core");
    lua_settop(L, 0);
}

/* Leaves the table of the scenarios on the stack, and nothing else. */
static void open_scenarios(void) {
    char path[128];
    const char *base = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/copy-%ld.txt", base != NULL && strlen(base) < 80 ? base : "/tmp", (long)getpid());
    made_before = atomic_load(&server.counts->created) + atomic_load(&server.counts->uploaded);
    open_lua();
    do_or_fail(luaL_loadfile(L, "spec/support/scarce.lua"));
    do_or_fail(lua_pcall(L, 0, 1, 0));
    lua_pushcfunction(L, enough);
    lua_setfield(L, -2, "enough");
    lua_pushstring(L, path);
    lua_setfield(L, -2, "path");
    lua_getfield(L, -1, "open");
    lua_pushstring(L, server.url);
    do_or_fail(lua_pcall(L, 1, 0, 0));
}

static void close_lua(void) {
    lua_close(L);
    assert_int_equal(lua_heap.bytes, 0);
    assert_int_equal(core_heap.live, 0);
}

static int number_of(const char *name) {
    lua_getfield(L, 1, name);
    int number = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return number;
}

/* ---- Runs ---- */

static void collect_all(void) {
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCCOLLECT);
}

/* Runs a scenario; the error stays on the stack where there is one. */
static bool run(const char *scenario) {
    lua_settop(L, 1);
    lua_getfield(L, 1, scenario);
    return lua_pcall(L, 0, 0, 0) == LUA_OK;
}

static void check_error(const char *scenario, long n) {
    fail_lua_at(0, ONCE);
    const char *text = luaL_tolstring(L, -1, NULL);
    if (strstr(text, "not enough memory") == NULL) {
        fail_msg("%s, allocation %ld: %s", scenario, n, text);
    }
}

/* What the service has made is what the program knows of, or is in doubt about. */
static void check_made(const char *scenario, long n) {
    server_settle(&server);
    int made = atomic_load(&server.counts->created) + atomic_load(&server.counts->uploaded) - made_before;
    int known = number_of("created") + number_of("uploaded");
    int doubt = number_of("doubt");
    if (made < known || made > known + doubt) {
        fail_msg("%s, allocation %ld: %d were made, %d are known and %d are in doubt", scenario, n, made, known, doubt);
    }
}

static void check_goes_on(const char *scenario, long n, long live) {
    if (!run(scenario)) {
        fail_msg("%s, after allocation %ld: %s", scenario, n, luaL_tolstring(L, -1, NULL));
    }
    lua_settop(L, 1);
    collect_all();
    if (core_heap.live != live) {
        fail_msg("%s, allocation %ld: %ld blocks of the core are left", scenario, n, core_heap.live - live);
    }
    check_made(scenario, n);
}

/* How many allocations of Lua the scenario makes, and what of the core stays when it is over. */
static long measure(const char *scenario, long *live) {
    for (int i = 0; i < 2; i++) {
        fail_lua_at(0, ONCE);
        heap_fail_at(&core_heap, 0);
        if (!run(scenario)) {
            fail_msg("%s: %s", scenario, luaL_tolstring(L, -1, NULL));
        }
        collect_all();
    }
    *live = core_heap.live;
    return lua_heap.asked;
}

static long stride_of(long count) {
    long stride = count / SAMPLE;
    return getenv("FUSIOO_LONG") != NULL || stride < 1 ? 1 : stride;
}

static void starve_lua(const char *scenario) {
    static const char *const ways[] = {[ONCE] = "once", [TWICE] = "twice", [LASTING] = "lasting"};
    for (enum way way = ONCE; way <= LASTING; way++) {
        long live;
        long runs = 0;
        open_scenarios();
        long count = measure(scenario, &live);
        long stride = stride_of(count);
        for (long n = 1 + (long)test_below((unsigned)stride); n <= count; n += stride) {
            fail_lua_at(n, way);
            bool good = run(scenario);
            bool failed = lua_heap.failed;
            fail_lua_at(0, ONCE);
            if (!good && !failed) {
                fail_msg("%s, allocation %ld: %s", scenario, n, luaL_tolstring(L, -1, NULL));
            }
            if (!good) {
                check_error(scenario, n);
            }
            check_goes_on(scenario, n, live);
            runs += failed;
        }
        print_message("%s, Lua %s: %ld of %ld allocations failed\n", scenario, ways[way], runs, count);
        close_lua();
    }
}

static void starve_core(const char *scenario) {
    long live;
    long runs = 0;
    open_scenarios();
    measure(scenario, &live);
    long count = core_heap.asked;
    long stride = stride_of(count);
    for (long n = 1 + (long)test_below((unsigned)stride); n <= count; n += stride) {
        heap_fail_at(&core_heap, n);
        bool good = run(scenario);
        bool failed = core_heap.failed;
        heap_fail_at(&core_heap, 0);
        if (!good && !failed) {
            fail_msg("%s, allocation %ld of the core: %s", scenario, n, luaL_tolstring(L, -1, NULL));
        }
        if (!good) {
            check_error(scenario, n);
        }
        check_goes_on(scenario, n, live);
        runs += failed;
    }
    print_message("%s, core: %ld of %ld allocations failed\n", scenario, runs, count);
    close_lua();
}

static void starve(const char *scenario) {
    starve_lua(scenario);
    starve_core(scenario);
}

/* ---- The tests ---- */

static void reading(void **state) {
    (void)state;
    starve("read");
}

static void writing(void **state) {
    (void)state;
    starve("write");
}

static void side_by_side(void **state) {
    (void)state;
    starve("group");
}

static void in_a_frame_loop(void **state) {
    (void)state;
    starve("frames");
}

static void renewing(void **state) {
    (void)state;
    starve("renew");
}

static void renewing_in_a_frame_loop(void **state) {
    (void)state;
    starve("renew_in_frames");
}

/* A module that could not be loaded can be loaded later, and then works. */
static void loading(void **state) {
    (void)state;
    static const char program[] = "local fusioo = require 'fusioo'; assert(fusioo.json.encode{1, {}} == '[1,{}]')";
    long stride = getenv("FUSIOO_LONG") != NULL ? 1 : 61;
    long runs = 0;
    bool failed = true;
    for (long n = 1; failed; n += stride) {
        open_lua();
        do_or_fail(luaL_loadstring(L, program));
        lua_pushvalue(L, -1);
        fail_lua_at(n, TWICE);
        bool good = lua_pcall(L, 0, 0, 0) == LUA_OK;
        failed = lua_heap.failed;
        runs += failed;
        fail_lua_at(0, ONCE);
        if (!good) {
            check_error("loading", n);
            lua_settop(L, 1);
            do_or_fail(lua_pcall(L, 0, 0, 0));
        }
        close_lua();
    }
    print_message("loading: %ld allocations failed\n", runs);
}

static int open_all(void **state) {
    (void)state;
    if (server_start(&server) != 0) {
        return -1;
    }
    heaps_open();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    server_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading),
        cmocka_unit_test(reading),
        cmocka_unit_test(writing),
        cmocka_unit_test(side_by_side),
        cmocka_unit_test(in_a_frame_loop),
        cmocka_unit_test(renewing),
        cmocka_unit_test(renewing_in_a_frame_loop),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
