-- The modules run on 5.1 to 5.4 and LuaJIT: what not all of them have may only be read, with care.
std = "min"
max_line_length = 120
cache = false
exclude_files = { "build/**" }
read_globals = {
  "jit", "loadstring", "setfenv", "unpack",
  "ngx", -- there inside nginx only
  table = { fields = { "move", "pack", "unpack" } },
  math = { fields = { "maxinteger", "mininteger", "tointeger", "type", "ult" } },
  package = { fields = { "searchers", "searchpath" } },
  coroutine = { fields = { "close", "isyieldable" } },
  string = { fields = { "pack", "unpack" } },
  utf8 = { fields = { "char", "charpattern", "codepoint", "len", "offset" } },
}

-- `not (a < b)` is not `a >= b`: one of the two may be NaN.
ignore = { "581" }

files["lua/fusioo/emulator"] = { globals = { "ngx" } }
files["spec"] = { std = "max+busted" }
files["examples"] = { std = "max" }
files["bench"] = { std = "max" }
files[".busted"] = { std = "max" }
files["fusioo-scm-1.rockspec"] = { std = "rockspec", max_line_length = false }
files[".ci"] = { std = "max" }
