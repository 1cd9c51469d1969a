-- Programs of the specs with a library of their own before all others.
--
-- Owns: nothing. Must not know: what the library does.

local preload = {}

local function first_line_of(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read("*l")
  pipe:close()
  return line
end

-- The beginning of a command that runs Lua with build/ci/NAME.so preloaded. Under the sanitizer `lua5.4` is a script
-- that preloads by itself (.ci/asan): the interpreter is then started without it, with both libraries.
function preload.interpreter(name)
  local library = first_line_of("pwd") .. "/build/ci/" .. name .. ".so"
  assert(io.open(library), "there is no build/ci/" .. name .. ".so: make build/ci/" .. name .. ".so"):close()
  local maps = io.open("/proc/self/maps")
  local sanitizer = maps and maps:read("*a"):match("/[^%s]*/lib[^/%s]*asan[^/%s]*%.so[^/%s]*")
  if maps then maps:close() end
  if sanitizer then
    return ("LD_PRELOAD='%s %s' exec %s"):format(sanitizer, library, first_line_of("readlink /proc/$PPID/exe"))
  end
  return ("LD_PRELOAD='%s' exec %s"):format(library, os.getenv("LUA") or "lua5.4")
end

return preload
