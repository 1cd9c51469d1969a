-- What was created since the last reset: specs look here for doubles.
--
-- Owns: the list. Must not know: what was created, or how. Plain Lua. Deleting what was created takes nothing off it.

local cjson = require "cjson.safe"

local creates = {}
creates.__index = creates

-- An empty list; a world has one, `world.creates`.
function creates.new()
  return setmetatable({ list = {} }, creates)
end

-- Adds one. `kind`: "record", "file", "discussion" or "comment"; `request`: the log's number of the request that
-- created it (`call.request` of a method).
function creates:add(kind, id, request)
  self.list[#self.list + 1] = { id = id, kind = kind, request = request }
end

-- All of them as a JSON array, in the order in which they were created.
function creates:json()
  local parts = {}
  for i, one in ipairs(self.list) do parts[i] = cjson.encode(one) end
  return "[" .. table.concat(parts, ",") .. "]"
end

return creates
