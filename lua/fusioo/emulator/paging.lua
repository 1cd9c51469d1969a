-- `limit` and `offset` of a query.
--
-- Owns: what they may be, and what they mean in each version. Must not know: what is on the pages. Plain Lua.

local paging = {}

paging.MOST = 200 -- records, users, discussions of one page

-- A whole number from the query; nil and a message where it is something else.
local function whole(text, name, default, least, most)
  if text == nil then return default end
  local number = type(text) == "string" and text:find("^%d+$") and tonumber(text)
  if not number or number < least or number > most then
    return nil, string.format("%s must be a whole number, %d to %.0f", name, least, most)
  end
  return number
end

-- How many to skip and how many to show; nil and a message. In v1 and v2 `offset` says where to start, counted
-- from 1 (0 means the same as 1); in v3 how many to skip.
function paging.bounds(call)
  local limit, why = whole(call.query.limit, "limit", paging.MOST, 1, paging.MOST)
  if not limit then return nil, why end
  local offset
  offset, why = whole(call.query.offset, "offset", 0, 0, 2 ^ 53)
  if not offset then return nil, why end
  if call.version < 3 and offset > 0 then offset = offset - 1 end
  return offset, limit
end

-- The page of an array of JSON texts that a call asks for, as JSON text; nil and a message.
function paging.page(call, texts)
  local skip, limit = paging.bounds(call)
  if not skip then return nil, limit end
  if skip >= #texts then return "[]" end
  return "[" .. table.concat(texts, ",", skip + 1, math.min(skip + limit, #texts)) .. "]"
end

return paging
