-- Faults in the making: what goes out instead of an answer.
--
-- Owns: one function for each fault of faults.lua, and the raw socket of a request. Must not know: which requests are
-- to go wrong, what the answer would have said. init.lua describes the faults for users.
--
-- A fault's function takes the answer (reply.lua) and the rule, and returns the answer to send. One that nginx would
-- not send by itself carries `send`, a function that sends it. `status` is absent where no status line goes out.

local bomb = require "fusioo.emulator.bomb"
local reply = require "fusioo.emulator.reply"

local damage = {}

local PATIENCE = 5        -- seconds that a client has to notice that bytes came which it should not take
local PIECE = 1048576     -- bytes of a large body that are in memory at once
local DROPPED = 444       -- nginx's word for: close the connection, say nothing
local FAR = 16            -- pieces of a drip, where nothing else is said

local REASONS = { [100] = "Continue", [102] = "Processing", [103] = "Early Hints" }

-- ---- The raw socket ----

-- The connection's socket; over HTTP/2 there is none, and the request ends without an answer.
local function raw_socket()
  local socket = ngx.req.http_version() < 2 and ngx.req.socket(true)
  return socket or ngx.exit(DROPPED)
end

local function head_without_length(answer)
  local lines = { "HTTP/1.1 " .. answer.status .. " OK" }
  if not answer.headers["Content-Type"] then lines[2] = "Content-Type: application/json; charset=utf-8" end
  for name, value in pairs(answer.headers) do lines[#lines + 1] = name .. ": " .. value end
  return table.concat(lines, "\r\n") .. "\r\n"
end

-- Status line and headers, as nginx would write them.
local function head(answer, length)
  return head_without_length(answer) .. "Content-Length: " .. (length or #answer.body) .. "\r\n\r\n"
end

-- Until the client closes the connection, `seconds` at most.
local function wait_for_client(socket, seconds)
  socket:settimeout(seconds * 1000)
  repeat until not socket:receive(1)
end

-- The same answer, sent as `text`; the connection closes then, or when the client does so, or after `patience`.
local function as_text(answer, text, patience)
  answer.send = function()
    local socket = raw_socket()
    socket:send(text)
    if patience then wait_for_client(socket, patience) end
  end
  return answer
end

local function no_answer()
  return { headers = {}, body = "", send = function() return ngx.exit(DROPPED) end }
end

-- ---- Connections ----

local make = {}

make.drop = no_answer
make.lose = no_answer

-- A header alone would stand beside nginx's own, which says the opposite.
function make.close(answer)
  answer.headers["Connection"] = "close"
  return as_text(answer, head(answer) .. answer.body)
end

local function some_of(answer, rule)
  return answer.body:sub(1, rule.bytes or math.floor(#answer.body / 2))
end

function make.cut(answer, rule)
  return as_text(answer, head(answer) .. some_of(answer, rule))
end

function make.length(answer, rule)
  local length = math.max(0, #answer.body + rule.by)
  return as_text(answer, head(answer, length) .. answer.body, rule.by < 0 and PATIENCE)
end

-- A short body is whole before it stalls: nobody is to send the next request into the silence.
function make.stall(answer, rule)
  local begin = ""
  answer.headers["Connection"] = "close"
  if rule.bytes then begin = head(answer) .. some_of(answer, rule) else answer.status = nil end
  return as_text(answer, begin, rule.seconds)
end

function make.drip(answer, rule)
  answer.send = function()
    local text = head(answer) .. answer.body
    local size = rule.bytes or math.ceil(#text / FAR)
    local socket = raw_socket()
    for first = 1, #text, size do
      if not socket:send(text:sub(first, first + size - 1)) then return end
      ngx.sleep(rule.seconds)
    end
  end
  return answer
end

function make.interim(answer, rule)
  local interim = "HTTP/1.1 " .. rule.status .. " " .. (REASONS[rule.status] or "Interim")
    .. "\r\nLink: </style.css>; rel=preload\r\n\r\n"
  return as_text(answer, interim .. head(answer) .. answer.body)
end

function make.extra(answer)
  local unasked = reply.success("[]")
  return as_text(answer, head(answer) .. answer.body .. head(unasked) .. unasked.body, PATIENCE)
end

-- ---- HTTP ----

function make.garbage(_, rule)
  return as_text({ headers = {} }, rule.text or "\22\3\1\0\2\255\254 this is no HTTP\r\n\0\r\n\r\n")
end

local ending = { cut = "", whole = "0\r\n\r\n", size = "not hexadecimal\r\n" }

function make.chunks(answer, rule)
  local half = some_of(answer, rule)
  local rest = rule.how == "whole" and answer.body:sub(#half + 1) or ""
  local text = head_without_length(answer) .. "Transfer-Encoding: chunked\r\n\r\n"
  for _, part in ipairs { half, rest } do
    if #part > 0 then text = text .. string.format("%x\r\n%s\r\n", #part, part) end
  end
  return as_text(answer, text .. ending[rule.how])
end

function make.header(answer, rule)
  answer.headers["X-Long"] = ("x"):rep(rule.bytes)
  return answer
end

function make.redirect(_, rule)
  local answer = make.html(nil, rule)
  answer.headers["Location"] = rule.location
  return answer
end

-- ---- Statuses and codes ----

local CODES = { [200] = 10000, [401] = 10003, [404] = 10002 }

local function code_of(status)
  return CODES[status] or status >= 500 and 10001 or 90000 + status
end

-- Retry-After: a text as it is, a number of seconds, or the date that it leads to.
local function retry_after(rule)
  local value = rule.retry_after
  if type(value) ~= "number" then return value end
  return rule.date and ngx.http_time(ngx.time() + value) or string.format("%.14g", value)
end

function make.status(_, rule)
  local answer = reply.envelope(rule.status, rule.code or code_of(rule.status), "A fault of the plan", "null")
  if not rule.envelope then
    answer.code, answer.body, answer.headers["Content-Type"] = nil, "", "text/plain"
  end
  answer.headers["Retry-After"] = retry_after(rule)
  return answer
end

function make.code(_, rule)
  return reply.envelope(200, rule.code, "A fault of the plan", "null")
end

function make.html(_, rule)
  return {
    status = rule.status, headers = { ["Content-Type"] = "text/html" },
    body = "<html>\r\n<head><title>" .. rule.status .. "</title></head>\r\n<body><center><h1>" .. rule.status
      .. "</h1></center></body>\r\n</html>\r\n",
  }
end

-- ---- Bodies ----

-- A file has a way of its own to be sent, which goes with its bytes.
local function with_body(answer, body)
  answer.body, answer.code, answer.send = body, nil, nil
  return answer
end

function make.body(answer, rule)
  return with_body(answer, rule.text)
end

function make.data(answer, rule)
  local data = rule.json and ',"data":' .. rule.json or ""
  return with_body(answer, '{"code":10000,"message":"Success"' .. data .. "}")
end

-- The body with bytes put into its last string.
local function with_bytes(answer, bytes)
  return with_body(answer, (answer.body:gsub('^(.*)"', function(before) return before .. bytes .. '"' end)))
end

function make.utf8(answer)
  return with_bytes(answer, "\255\192\128")
end

function make.nul(answer, rule)
  if rule.place == "body" then return with_bytes(answer, "\0") end
  answer.headers["X-Nul"] = "a\0b"
  return as_text(answer, head(answer) .. answer.body)
end

function make.deep(answer, rule)
  return with_body(answer, '{"code":10000,"message":"Success","data":' .. ("["):rep(rule.depth)
    .. ("]"):rep(rule.depth) .. "}")
end

local BEFORE, AFTER = '{"code":10000,"message":"Success","data":"', '"}'

-- A body of so many bytes in all, in pieces.
local function send_large(answer, bytes)
  local left = bytes - #BEFORE - #AFTER
  ngx.header["Content-Length"] = math.max(bytes, #BEFORE + #AFTER)
  reply.set_head(answer)
  local going_on = ngx.print(BEFORE)
  local piece = ("x"):rep(PIECE)
  while going_on and left > 0 do
    going_on = ngx.print(left < PIECE and piece:sub(1, left) or piece) and ngx.flush(true)
    left = left - PIECE
  end
  if going_on then ngx.print(AFTER) end
end

function make.large(answer, rule)
  if rule.gzip then
    answer.headers["Content-Encoding"] = "gzip"
    return with_body(answer, bomb.gzip(BEFORE, "x", rule.bytes - #BEFORE - #AFTER, AFTER))
  end
  with_body(answer, "").send = function() send_large(answer, rule.bytes) end
  return answer
end

-- What to send instead of an answer; `answer` is nil where the request was not handled.
function damage.apply(rule, answer)
  return make[rule.fault](answer, rule)
end

return damage
