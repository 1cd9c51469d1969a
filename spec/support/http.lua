-- A small HTTP client for specs, on lua-socket, apart from the library under test.
--
-- Owns: one request, one answer. Must not know: Fusioo. Debian's cjson on Lua 5.4 reads integers as floats:
-- compare numbers by value.

local cjson = require "cjson"
local ltn12 = require "ltn12"
local socket_http = require "socket.http"

local http = {}

-- request("GET", url [, {headers =, body = text, token = access token}]) -> {status =, headers =, body = text, json =
-- decoded body or nil}; raises when there is no answer. Names of answer headers are in lower case.
function http.request(method, url, options)
  options = options or {}
  local headers = {}
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if options.token then headers["Authorization"] = "Bearer " .. options.token end
  if options.body then headers["Content-Length"] = #options.body end
  local chunks = {}
  local ok, status, answer_headers = socket_http.request {
    method = method, url = url, headers = headers, redirect = false,
    source = options.body and ltn12.source.string(options.body) or nil,
    sink = ltn12.sink.table(chunks),
  }
  if not ok then error(method .. " " .. url .. ": " .. tostring(status), 2) end
  local body = table.concat(chunks)
  local decoded_ok, decoded = pcall(cjson.decode, body)
  return { status = status, headers = answer_headers, body = body, json = decoded_ok and decoded or nil }
end

return http
