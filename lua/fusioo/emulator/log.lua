-- The log of requests, which specs and curious users read through the control API.
--
-- Owns: the entries and how many are kept. Must not know: what the requests mean. Never holds a token.

local cjson = require "cjson.safe"

local log = {}
log.__index = log

local BODY = 16384 -- so many bytes of a request's body are kept

-- A log that keeps the latest `limit` entries.
function log.new(limit)
  return setmetatable({ limit = limit, first = 1, last = 0, entries = {}, number = 0 }, log)
end

-- Adds an entry (a table that its owner goes on filling) and numbers it.
function log:add(entry)
  self.number = self.number + 1
  entry.number = self.number
  self.last = self.last + 1
  self.entries[self.last] = entry
  if self.last - self.first >= self.limit then
    self.entries[self.first] = nil
    self.first = self.first + 1
  end
  return entry
end

function log:clear()
  self.first, self.last, self.entries = 1, 0, {}
end

-- The address of the page before, which a browser sends along, may hold a code.
local SECRET = { authorization = true, cookie = true, ["proxy-authorization"] = true, referer = true }

-- What an entry may keep of a request's headers: everything but secrets.
function log.headers(headers)
  local kept = {}
  for name, value in pairs(headers) do
    if not SECRET[name] then kept[name] = value end
  end
  return kept
end

-- What an entry may keep of a request's body.
function log.body(body)
  return body and body:sub(1, BODY)
end

-- The entries as a JSON array, oldest first.
function log:json()
  local parts = {}
  for i = self.first, self.last do
    parts[#parts + 1] = cjson.encode(self.entries[i])
  end
  return "[" .. table.concat(parts, ",\n") .. "]"
end

return log
