-- busted.lua: starts busted under the interpreter that runs this file. The busted command would choose one by itself
-- (on Debian the `lua` of the alternatives, elsewhere the one LuaRocks was made for).
require "busted.runner" { standalone = false }
