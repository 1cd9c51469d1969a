-- Starting nginx with the emulator in it, and staying until it ends.
--
-- Owns: finding nginx and its Lua module, the temporary folder, the choice of a free port, nginx's output. Must not
-- know: the command line, what the emulator does. Plain Lua, all versions; needs a POSIX shell.
--
-- nginx is a child of this process and reads nothing. It writes "pid N", then ".", four times a second, and
-- "ready"; all else that it writes is for people. It removes the temporary folder as soon as it has read it.

local conf = require "fusioo.emulator.conf"

local launch = {}

local MISSING = [[
%s
The emulator needs nginx with its Lua module:
  Debian, Ubuntu: apt-get install nginx-light libnginx-mod-http-lua lua-cjson
  elsewhere: OpenResty (https://openresty.org), with --nginx PATH/TO/openresty/nginx/sbin/nginx]]

local function shell_quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
  local pipe = io.popen(command, "r")
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function write_file(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- The folder that holds fusioo/, as an absolute path.
local function root()
  local source = debug.getinfo(1, "S").source
  local folder = source:match("^@(.*)fusioo/emulator/launch%.lua$")
  if not folder then return nil end
  if folder == "" then folder = "." end
  return (output_of("cd " .. shell_quoted(folder) .. " && pwd"):gsub("\n$", ""))
end

-- The first nginx of these that can be run; OpenResty's stands in no PATH.
local function find_program(given)
  local places = given and { given } or {
    "nginx", "/usr/sbin/nginx", "openresty", "/usr/local/openresty/nginx/sbin/nginx",
    "/opt/homebrew/opt/openresty/nginx/sbin/nginx",
  }
  for _, place in ipairs(places) do
    local path = output_of("command -v " .. shell_quoted(place) .. " 2>/dev/null"):gsub("\n$", "")
    if path ~= "" then return path end
  end
  return nil
end

-- What nginx says of itself: version, dynamic modules to load, parts it was built without.
local function inspect(program)
  local text = output_of(shell_quoted(program) .. " -V 2>&1")
  local major, minor, patch = text:match("version: [^/]+/(%d+)%.(%d+)%.(%d+)")
  if not major then return nil, program .. " is no nginx" end
  local nginx = { program = program, modules = {}, without = {} }
  nginx.version = tonumber(major) * 1000000 + tonumber(minor) * 1000 + tonumber(patch)
  for name in text:gmatch("%-%-without%-http_(%w+)_module") do nginx.without[name] = true end
  if text:find("ngx_lua") or text:find("lua%-nginx%-module") then return nginx end
  local folder = text:match("%-%-modules%-path=(%S+)")
  if not folder or not read_file(folder .. "/ngx_http_lua_module.so") then
    return nil, program .. " has no Lua module"
  end
  if read_file(folder .. "/ndk_http_module.so") then
    nginx.modules[1] = folder .. "/ndk_http_module.so"
  end
  nginx.modules[#nginx.modules + 1] = folder .. "/ngx_http_lua_module.so"
  return nginx
end

-- Lua text of a value made of tables, strings, numbers and booleans.
local function literal(value)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) == "number" then return string.format("%.17g", value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, part in pairs(value) do
    parts[#parts + 1] = "[" .. literal(key) .. "]=" .. literal(part)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Ports on which something listens, where the system tells (Linux).
local function ports_in_use()
  local used = {}
  for port in (read_file("/proc/net/tcp") or ""):gmatch("\n%s*%d+: %x+:(%x+)") do
    used[tonumber(port, 16)] = true
  end
  return used
end

-- A generator of random ports that look free, below those that systems hand out to clients.
local function free_ports()
  local random = io.open("/dev/urandom", "rb")
  local used = ports_in_use()
  return function()
    local port
    repeat
      local high, low = random:read(2):byte(1, 2)
      port = 20000 + (high * 256 + low) % 12000
    until not used[port]
    used[port] = true
    return port
  end
end

-- The pid of this process's parent, where the system tells (Linux).
local function parent()
  local line = read_file("/proc/self/stat")
  return line and tonumber(line:match("^.*%) %S (%d+)"))
end

-- Asked for as early as possible: a parent that has ended by then is not known any more.
local first_parent = parent()

-- Starts nginx once. Returns the pipe of its output.
local function spawn(nginx, options)
  local folder = output_of('mktemp -d "${TMPDIR:-/tmp}/fusioo-emulator.XXXXXX"'):gsub("\n$", "")
  assert(folder ~= "", "no temporary folder could be made")
  options.folder = folder
  write_file(folder .. "/nginx.conf", conf.text(nginx, options))
  write_file(folder .. "/options.lua", "local launcher = ...\nlocal options = " .. literal(options)
    .. "\noptions.launcher = tonumber((io.open(options.folder .. '/launcher'):read('*a')))\nreturn options\n")
  local quiet_start = nginx.version >= 1019005 and " -e stderr" or ""
  return io.popen("unset LUA_PATH LUA_CPATH LUA_INIT NGINX; echo $PPID >"
    .. shell_quoted(folder .. "/launcher") .. " && echo pid $$ && exec " .. shell_quoted(nginx.program)
    .. quiet_start .. " -p " .. shell_quoted(folder .. "/") .. " -c "
    .. shell_quoted(folder .. "/nginx.conf") .. " </dev/null 2>&1", "r"), folder
end

-- Reads nginx's output until it is ready. Returns true; "busy" and a port, where that is taken; or nil and what it
-- wrote.
local function wait_until_ready(pipe)
  local pid, lines = nil, {}
  for line in pipe:lines() do
    if line == "ready" then return true end
    pid = pid or line:match("^pid (%d+)$")
    local busy = line:match("bind%(%) to %S-:(%d+) failed")
    if busy then
      os.execute("kill -9 " .. pid)
      return "busy", tonumber(busy)
    end
    if line ~= "." and not line:find("^pid %d+$") then lines[#lines + 1] = line end
  end
  return nil, table.concat(lines, "\n")
end

-- Passes on what nginx writes, until it ends.
local function follow(pipe)
  for line in pipe:lines() do
    if line ~= "." then io.stderr:write(line, "\n") end
  end
end

-- One attempt with the ports in `options`. Returns true after a whole life, "busy" and a port, or nil and a message.
local function attempt(nginx, options, on_ready)
  local pipe, folder = spawn(nginx, options)
  local ok, state, why = pcall(function()
    local state, why = wait_until_ready(pipe)
    if state == true then
      on_ready(options)
      follow(pipe)
    end
    return state, why
  end)
  pipe:close()
  os.execute("rm -rf " .. shell_quoted(folder))
  if not ok then error(state, 0) end
  return state, why
end

-- Runs the emulator until it ends. `options`: nginx (path or nil), port, tls_port (0: any free one), certificate, key
-- (paths or nil), stay (true: do not end with the parent of this process), settings (see
-- settings.lua). `on_ready(options)` is called when it answers, with port and tls_port filled in.
-- Returns true at the end, or nil and a message where it could not start.
function launch.run(options, on_ready)
  local starter = not options.stay and first_parent or nil
  local program = find_program(options.nginx)
  if not program then return nil, string.format(MISSING, "nginx was not found.") end
  local nginx, why = inspect(program)
  if not nginx then return nil, string.format(MISSING, why .. ".") end
  local folder = root()
  if not folder then return nil, "the emulator's own files were not found" end
  local next_port = free_ports()
  for _ = 1, 20 do
    local port, tls_port = options.port, options.tls_port
    if port == 0 then port = next_port() end
    if tls_port == 0 then tls_port = next_port() end
    local state
    state, why = attempt(nginx, {
      root = folder, port = port, tls_port = tls_port, other_port = next_port(), certificate = options.certificate,
      key = options.key, settings = options.settings, starter = starter,
    }, on_ready)
    if state == true then return true end
    if state ~= "busy" then return nil, "nginx did not start:\n" .. why end
    if why == options.port or why == options.tls_port then
      return nil, string.format("port %d is taken by another program", why)
    end
  end
  return nil, "no free port was found"
end

return launch
