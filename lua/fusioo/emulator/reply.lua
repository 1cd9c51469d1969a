-- Answers: the envelope, its codes, and sending it.
--
-- Owns: the shape of every answer of the emulated service. Must not know: what was asked.
-- An answer is {status =, code =, headers = {…}, body = text}; one that damage.lua has spoilt may carry `send`, a
-- function that sends it in a way of its own.

local cjson = require "cjson.safe"

local reply = {}

-- The guide's codes. The service has more; those from 90000 on are the emulator's own, so that nobody takes
-- them for the service's.
reply.code = {
  success = 10000,
  internal = 10001,
  not_found = 10002,
  unauthorized = 10003,
  app_not_found = 30000,
  bad_request = 90400,
  rate_limit = 90429,
  not_implemented = 90501,
}

-- An answer in the envelope; `data` is JSON text.
function reply.envelope(status, code, message, data)
  return {
    status = status, code = code, headers = {},
    body = '{"code":' .. code .. ',"message":' .. cjson.encode(message) .. ',"data":' .. data .. "}",
  }
end

-- Success; `data` is JSON text.
function reply.success(data)
  return reply.envelope(200, reply.code.success, "Success", data)
end

function reply.bad_request(message)
  return reply.envelope(400, reply.code.bad_request, message, "null")
end

-- `repeated`: what a careless service would repeat, or nil.
function reply.unauthorized(repeated)
  local message = "Unauthorized access" .. (repeated and ": " .. repeated or "")
  return reply.envelope(401, reply.code.unauthorized, message, "null")
end

function reply.not_found(message)
  return reply.envelope(404, reply.code.not_found, message or "Requested resource not found", "null")
end

function reply.app_not_found()
  return reply.envelope(404, reply.code.app_not_found, "App not found", "null")
end

function reply.internal(message)
  return reply.envelope(500, reply.code.internal, message, "null")
end

function reply.not_implemented(name)
  return reply.envelope(501, reply.code.not_implemented, "The emulator has no " .. name .. " yet", "null")
end

-- `kind`: none, seconds or date, the form of Retry-After; `seconds` until a call is free; `now`: Unix time.
function reply.rate_limit(kind, seconds, now)
  local answer = reply.envelope(429, reply.code.rate_limit, "Rate limit exceeded", "null")
  if kind == "seconds" then
    answer.headers["Retry-After"] = string.format("%d", math.ceil(seconds))
  elseif kind == "date" then
    answer.headers["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.ceil(now + seconds))
  end
  return answer
end

-- Sets status and headers of the current nginx request.
function reply.set_head(answer)
  ngx.status = answer.status
  ngx.header["Content-Type"] = "application/json; charset=utf-8"
  for name, value in pairs(answer.headers) do ngx.header[name] = value end
end

-- Sends an answer to the client of the current nginx request.
function reply.send(answer)
  if answer.send then return answer:send() end
  reply.set_head(answer)
  ngx.header["Content-Length"] = #answer.body
  ngx.print(answer.body)
end

return reply
