rockspec_format = "3.0"
package = "fusioo"
version = "scm-1"

source = {
  url = "git+file://.", -- the checkout itself: `luarocks make` builds what is here
}

description = {
  summary = "Client for the Fusioo web API",
  detailed = [[
    Reads and writes apps, records, files and discussions of Fusioo, keeps to its rate limit, fetches pages side by side
    and hands out records in order. A C core on libcurl, for scripts, nginx, event loops and frame loops.]],
  license = "MIT",
}

dependencies = {
  "lua >= 5.1",
  "lua-cjson",
  "argparse", -- for the command fusioo-emulator
}

-- No external_dependencies: LuaRocks would look for curl.h in one folder, and multi-arch systems have it in another. The
-- Makefile asks pkg-config.
build = {
  type = "make",
  build_target = "module",
  install_target = "install-lua",
  variables = {
    LUA = "$(LUA)",
    LUA_VERSION = "detect",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
  },
  install_variables = {
    PREFIX = "$(PREFIX)",
    LUA_LMOD = "$(LUADIR)",
    LUA_CMOD = "$(LIBDIR)",
    BINDIR = "$(BINDIR)",
  },
}
