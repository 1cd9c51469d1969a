-- What the specs of reading share: clients of an emulator, what was read, what it may cost, what the log tells.
--
-- Owns: the formulas of calls, as the README states them. Must not know: how the library plans pages.

local dkjson = require "dkjson"
local fusioo = require "fusioo"

local reading = {}

-- Options of a client of `service`, with `given` over them, also inside `rate`. The window is so large that it plays no
-- part where a spec says nothing else.
function reading.options(service, given)
  local options = {token = service.token, base_url = service.url}
  for name, value in pairs(given or {}) do options[name] = value end
  local rate = {calls = 10000000, window = 3600, ledger = false}
  for name, value in pairs(given and given.rate or {}) do rate[name] = value end
  options.rate = rate
  return options
end

-- A client of `service`, see reading.options.
function reading.client(service, given)
  return fusioo.new(reading.options(service, given))
end

-- The ids of what a loop hands out: `reading.ids(client:records(app_id))`.
function reading.ids(...)
  local ids = {}
  for record in ... do ids[#ids + 1] = record.id end
  return ids
end

-- The ids of an array of records.
function reading.ids_of(records)
  local ids = {}
  for i, record in ipairs(records) do ids[i] = record.id end
  return ids
end

-- The items number `first` to `last` of a list.
function reading.slice(list, first, last)
  local part = {}
  for i = first, math.min(last or #list, #list) do part[#part + 1] = list[i] end
  return part
end

-- The items of a list from the last to the first.
function reading.reversed(list)
  local result = {}
  for i = #list, 1, -1 do result[#result + 1] = list[i] end
  return result
end

-- How many calls it may take to read `n` records in pages of `size`.
function reading.most_calls(n, size, seams)
  size = size or 200
  if n < size then return 1 end
  if seams == false or size == 1 then return math.ceil(n / size) + 1 end
  if n == size then return 3 end
  return math.ceil((n - 1) / (size - 1)) + 1
end

-- How many requests the log of `service` holds; with `endpoint` those of that name alone.
function reading.calls(service, endpoint)
  local count = 0
  for _, entry in ipairs(service:log()) do
    if not endpoint or entry.endpoint == endpoint then count = count + 1 end
  end
  return count
end

-- How many requests of the log were under way at one time at most.
function reading.most_at_once(service)
  local log, most = service:log(), 0
  for _, entry in ipairs(log) do
    local count = 0
    for _, other in ipairs(log) do
      if other.time <= entry.time and (not other.finished or other.finished > entry.time) then count = count + 1 end
    end
    most = math.max(most, count)
  end
  return most
end

-- What JSON null is in reading.decode.
reading.null = setmetatable({}, {__tostring = function() return "null" end})

-- Decodes JSON apart from the library: null is reading.null, the metatable of an array has __jsontype "array".
function reading.decode(text)
  local value, _, why = dkjson.decode(text, 1, reading.null)
  if why then error(why, 2) end
  return value
end

-- The records of an app as the service has them, in its order, read apart from the library. `filter`: JSON, or nil.
function reading.all(service, app_id, version)
  local records, offset = {}, 0
  version = version or "v3"
  repeat
    -- v1 and v2 count from 1
    local path = ("/%s/records/apps/%s?limit=200&offset=%d"):format(version, app_id,
      offset + (version == "v3" and 0 or 1))
    local answer = service:get(path)
    if answer.status ~= 200 then error(answer.body, 2) end
    local page = reading.decode(answer.body).data
    for _, record in ipairs(page) do records[#records + 1] = record end
    offset = offset + 200
  until #page < 200
  return records
end

-- The ids of the records for which `holds` is true.
function reading.ids_where(records, holds)
  local ids = {}
  for _, record in ipairs(records) do
    if holds(record) then ids[#ids + 1] = record.id end
  end
  return ids
end

-- Runs collections until what nobody holds is gone.
function reading.collect()
  collectgarbage()
  collectgarbage()
end

return reading
