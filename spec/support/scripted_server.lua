-- A server that does what a script says, also what no server should: for specs of the HTTP side.
--
--   local scripted = require "spec.support.scripted_server"
--   local server = scripted.start()
--   server:script { scripted.status(500), scripted.success '{"count":1}' }
--   server.url, server.port
--   server:requests()       {connection =, method =, path =, protocol =, headers = (names in lower case), body =}, ...
--   server:connections()    how many were accepted since the script began
--   server:shut()           no more connections are accepted
--   server:stop()
--
-- A script is an array of steps; each request takes the next one, the last one serves all that follow. A step is a
-- table: `bytes` go out as they are, then `filling` blocks of 64 KiB of the letter x, or of as many whole `filler`s,
-- then `after`: "keep" (default), "close", "reset", or "stall" (open, and silent). `at_accept`: a step for a
-- connection, not for a request.
-- `tunnel`: a port, for CONNECT.
--
-- Owns: its process, which ends with the one that started it. Must not know: the library under test.

local cjson = require "cjson"
local socket = require "socket"

local scripted = {}

local server = {}
server.__index = server

-- ---- Steps ----

-- An answer. `answer`: status (200), reason, headers (array of lines), body, length (announced; false: none), after.
function scripted.answer(answer)
  local body = answer.body or ""
  local lines = { ("HTTP/1.1 %d %s"):format(answer.status or 200, answer.reason or "Some reason") }
  if answer.length ~= false then
    lines[#lines + 1] = ("Content-Length: %d"):format(answer.length or #body)
  end
  for _, line in ipairs(answer.headers or { "Content-Type: application/json" }) do lines[#lines + 1] = line end
  return { bytes = table.concat(lines, "\r\n") .. "\r\n\r\n" .. body, after = answer.after, filling = answer.filling }
end

-- The service's success around a data text.
function scripted.success(data, after)
  return scripted.answer {
    body = '{"code":10000,"message":"Success","data":' .. (data or "{}") .. "}", after = after,
  }
end

-- A failure in the service's envelope.
function scripted.status(status, code, headers)
  return scripted.answer {
    status = status, headers = headers,
    body = ('{"code":%d,"message":"as the script says","data":null}'):format(code or 10001),
  }
end

-- A body in chunks of HTTP/1.1. `whole` false: without the last one.
function scripted.chunked(chunks, whole)
  local parts = {}
  for i, chunk in ipairs(chunks) do parts[i] = ("%x\r\n%s\r\n"):format(#chunk, chunk) end
  return scripted.answer {
    length = false, headers = { "Transfer-Encoding: chunked" },
    body = table.concat(parts) .. (whole and "0\r\n\r\n" or ""), after = whole and "keep" or "close",
  }
end

scripted.close = { after = "close" }
scripted.stall = { after = "stall" }
scripted.reset = { after = "reset" }
scripted.refuse = { at_accept = true, after = "close" }
scripted.garbage = { bytes = "\1\2\3 this is no HTTP at all\r\n\r\n", after = "close" }

-- ---- The process ----

-- Starts a server on a free port of 127.0.0.1; without a script it closes what it accepts.
function scripted.start()
  local pipe = assert(io.popen((os.getenv("LUA") or "lua5.4") .. " spec/support/scripted_program.lua </dev/null", "r"))
  local line = pipe:read("*l") or "nothing"
  local port, control_port = line:match("^(%d+) (%d+)$")
  if not port then error("the scripted server did not start: " .. line, 2) end
  local control = assert(socket.connect("127.0.0.1", tonumber(control_port)))
  return setmetatable({ pipe = pipe, control = control, port = tonumber(port), url = "http://127.0.0.1:" .. port },
    server)
end

function server:tell(line)
  assert(self.control:send(line .. "\n"))
  return (assert(self.control:receive("*l")))
end

function server:script(steps)
  assert(self:tell("script " .. cjson.encode(steps)) == "ok")
end

function server:requests()
  return cjson.decode(self:tell("log")).requests or {}
end

function server:connections()
  return cjson.decode(self:tell("log")).connections
end

function server:shut()
  assert(self:tell("shut") == "ok")
end

-- Ends the server and waits until it is gone. Does nothing the second time.
function server:stop()
  if not self.pipe then return end
  self.control:send("stop\n") -- what was started since may hold the connection open, too
  self.control:close()
  self.pipe:close()
  self.pipe = nil
end

return scripted
