-- What the JSON text of a field means, as far as filters and sorting need it.
--
-- Owns: reading a field's JSON text into a value, and ISO 8601 dates as seconds. Must not know:
-- apps, records, HTTP. Nothing here writes JSON: the text of a field is never re-encoded.

local cjson = require "cjson.safe"

local values = {}

-- The value of a field's JSON text; nil stands for both null and absent.
function values.read(text)
  if not text or text == "null" then return nil end
  local first = text:byte()
  if first == 34 then -- a string
    if not text:find("\\", 2, true) then return text:sub(2, -2) end
    local list = cjson.decode("[" .. text .. "]")
    return list and list[1]
  elseif text == "true" then
    return true
  elseif text == "false" then
    return false
  elseif first == 91 or first == 123 then -- an array or an object
    return cjson.decode(text)
  end
  return tonumber(text)
end

-- Days from 1970-01-01 to a date of the Gregorian calendar. The year is taken to begin in March, so
-- that the leap day is its last day.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leap = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leap + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

-- Two digits of a text as a number; less than 0, or more than 99, where they are none.
local function two_digits(text, at)
  local tens, ones = text:byte(at, at + 1)
  tens, ones = tens - 48, ones - 48
  if tens < 0 or tens > 9 or ones < 0 or ones > 9 then return -1e6 end
  return tens * 10 + ones
end

-- The place after a fraction of a second that may stand at a place of a text; no field has any.
local function after_fraction(text, at)
  if text:byte(at) ~= 46 then return at end
  repeat
    at = at + 1
    local byte = text:byte(at)
  until not byte or byte < 48 or byte > 57
  return at
end

-- Seconds of an offset from UTC that stands at a place of a text: nothing, "Z", "+0200", "-05:00"; nil for
-- anything else.
local function offset_seconds(text, at)
  local sign, size = text:byte(at), #text - at + 1
  if size == 0 or size == 1 and sign == 90 then return 0 end
  if size ~= 5 and size ~= 6 or sign ~= 43 and sign ~= 45 then return nil end
  if size == 6 and text:byte(at + 3) ~= 58 then return nil end
  local shift = two_digits(text, at + 1) * 3600 + two_digits(text, at + size - 2) * 60
  if shift < 0 then return nil end
  return sign == 43 and shift or -shift
end

-- Seconds since 1970 of "2016-09-15", "2016-09-15T07:00:00-0500", "…T07:00:00Z", "…+02:00"; nil for anything
-- else. Without an offset the time is taken as UTC. Sorting calls this a million times, and LuaJIT
-- compiles bytes, not patterns.
function values.seconds(text)
  local size = #text
  if size < 10 or text:byte(5) ~= 45 or text:byte(8) ~= 45 then return nil end
  local year = two_digits(text, 1) * 100 + two_digits(text, 3)
  local month, day = two_digits(text, 6), two_digits(text, 9)
  if year < 0 or month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local date = days(year, month, day) * 86400
  if size == 10 then return date end
  if size < 19 or text:byte(11) ~= 84 or text:byte(14) ~= 58 or text:byte(17) ~= 58 then return nil end
  local clock = two_digits(text, 12) * 3600 + two_digits(text, 15) * 60 + two_digits(text, 18)
  local shift = offset_seconds(text, after_fraction(text, 20))
  if clock < 0 or not shift then return nil end
  return date + clock - shift
end

local day_texts = {}

-- "2016-09-15" for a number of days since 1970.
function values.date_text(day)
  local text = day_texts[day]
  if not text then
    text = os.date("!%Y-%m-%d", day * 86400)
    day_texts[day] = text
  end
  return text
end

local two = {}
for i = 0, 59 do two[i] = string.format("%02d", i) end

-- "2016-09-15T07:00:00" + offset, for seconds since 1970 in that offset's own time.
function values.time_text(seconds, offset)
  local day = math.floor(seconds / 86400)
  local rest = seconds - day * 86400
  local hour = math.floor(rest / 3600)
  local minute = math.floor(rest / 60) % 60
  return values.date_text(day) .. "T" .. two[hour] .. ":" .. two[minute] .. ":" .. two[rest % 60] .. offset
end

return values
