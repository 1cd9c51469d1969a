-- The scripted server's process (see scripted_server.lua).
--
-- Owns: the connections. Must not know: what a script is for, and no more of HTTP than where a request ends.
--
-- Prints two ports, the one for clients and the one for control, and ends with its one control connection: so it
-- never outlives who started it. Control is lines: "script JSON" (the log begins anew), "log", "shut" (no more
-- connections are taken: the port refuses), "stop".

local cjson = require "cjson"
local socket = require "socket"

local listener = assert(socket.bind("127.0.0.1", 0))
local control_listener = assert(socket.bind("127.0.0.1", 0))
control_listener:settimeout(10)

local steps, log, connections
local jobs = {} -- coroutine -> the socket it waits for, and for what

local function begin(script)
  steps, log, connections = script, {}, 0
end

-- The next step; the last one stands for all that follow.
local function take_step()
  if #steps > 1 then return table.remove(steps, 1) end
  return steps[1]
end

-- ---- Sockets, inside of coroutines ----

local function wait(connection, what)
  coroutine.yield(connection, what)
end

local function read_some(connection)
  while true do
    local all, why, part = connection:receive(65536)
    local bytes = all or part
    if bytes and bytes ~= "" then return bytes end
    if why ~= "timeout" then return nil end
    wait(connection, "read")
  end
end

local function write_all(connection, bytes)
  local sent = 0
  while sent < #bytes do
    local last, why, partial = connection:send(bytes, sent + 1)
    sent = last or partial or sent
    if not last then
      if why ~= "timeout" then return false end
      wait(connection, "write")
    end
  end
  return true
end

-- Keeps the connection open, without a byte, until the client leaves.
local function stall(connection)
  while read_some(connection) do end
end

-- ---- Requests ----

local function parse_head(head)
  local method, path, protocol = head:match("^(%S+) (%S+) (%S+)")
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do headers[name:lower()] = value end
  return { method = method, path = path, protocol = protocol, headers = headers }
end

-- Reads one request; `rest` is what came behind the one before. Returns request and rest, or nil.
local function read_request(connection, rest)
  local bytes = rest
  local stop
  repeat
    stop = select(2, bytes:find("\r\n\r\n", 1, true))
    if not stop then
      local more = read_some(connection)
      if not more then return nil end
      bytes = bytes .. more
    end
  until stop
  local request = parse_head(bytes:sub(1, stop))
  bytes = bytes:sub(stop + 1)
  local length = tonumber(request.headers["content-length"] or 0)
  while #bytes < length do
    local more = read_some(connection)
    if not more then return nil end
    bytes = bytes .. more
  end
  request.body = bytes:sub(1, length)
  return request, bytes:sub(length + 1)
end

-- ---- Tunnels ----

local function relay(from, to)
  while true do
    local bytes = read_some(from)
    if not (bytes and write_all(to, bytes)) then break end
  end
  from:close()
  to:close()
end

local function start(run, ...)
  local job = coroutine.create(run)
  local ok, connection, what = coroutine.resume(job, ...)
  if not ok then error(connection) end
  if connection then jobs[job] = { connection, what } end
end

local function tunnel(connection, port)
  local other = assert(socket.connect("127.0.0.1", ("%d"):format(port)))
  other:settimeout(0)
  write_all(connection, "HTTP/1.1 200 Connection established\r\n\r\n")
  start(relay, other, connection)
  relay(connection, other)
end

-- ---- Steps ----

-- Does what a step says. True: the connection goes on.
local function act(connection, step)
  if step.tunnel then return tunnel(connection, step.tunnel) end
  local good = write_all(connection, step.bytes or "")
  local filler = step.filler or "x"
  local filling = filler:rep(math.floor(65536 / #filler))
  for _ = 1, step.filling or 0 do
    good = good and write_all(connection, filling)
    if not good then break end
  end
  if step.after == "stall" then
    stall(connection)
  elseif step.after == "reset" then
    connection:setoption("linger", { on = true, timeout = 0 })
  elseif good and step.after ~= "close" then
    return true
  end
  return false
end

local function serve(connection, number)
  local rest = ""
  local go_on = true
  if steps[1].at_accept then go_on = act(connection, take_step()) end
  while go_on do
    local request
    request, rest = read_request(connection, rest)
    if not request then break end
    request.connection = number
    log[#log + 1] = request
    go_on = act(connection, take_step())
  end
  connection:close()
end

-- ---- The loop ----

local function listed()
  return cjson.encode { connections = connections, requests = #log > 0 and log or nil }
end

local function obey(line)
  local text = line:match("^script (.*)$")
  if text then
    begin(cjson.decode(text))
    return "ok"
  elseif line == "shut" then
    listener:close()
    listener = nil
    return "ok"
  end
  return listed()
end

local function accept()
  local connection = listener:accept()
  if not connection then return end
  connection:settimeout(0)
  connection:setoption("tcp-nodelay", true)
  connections = connections + 1
  start(serve, connection, connections)
end

local function resume_ready(readable, writable)
  local ready = {}
  for job, wanted in pairs(jobs) do
    if (wanted[2] == "read" and readable or writable)[wanted[1]] then ready[#ready + 1] = job end
  end
  for _, job in ipairs(ready) do
    jobs[job] = nil
    local ok, connection, what = coroutine.resume(job)
    if not ok then error(connection) end
    if connection then jobs[job] = { connection, what } end
  end
end

local function run(control)
  while true do
    local reading, writing = { control, listener }, {}
    for _, wanted in pairs(jobs) do
      local list = wanted[2] == "read" and reading or writing
      list[#list + 1] = wanted[1]
    end
    local readable, writable = socket.select(reading, writing)
    if readable[control] then
      local line = control:receive("*l")
      if not line or line == "stop" then return end
      control:send(obey(line) .. "\n")
    end
    if listener and readable[listener] then accept() end
    resume_ready(readable, writable)
  end
end

begin { { after = "close" } }
print(string.format("%d %d", select(2, listener:getsockname()), select(2, control_listener:getsockname())))
io.stdout:flush()
run(assert(control_listener:accept()))
