--- What the service's field types look like in JSON: the one table that the emulator and the library's check share.
--
-- Owns: the shape of each type's value, and the words that say what is wrong with one. Must not know: apps, records,
-- HTTP, where a value came from. Pure data and plain Lua, all versions; needs nothing, not even the core.
--
-- The types are assumed, `list` excepted, which is documented. A type that is not in the table takes any value.

local fields = {}

local SHOWN = 40 -- characters of a value, and
local ITEMS = 8  -- choices of a list, that a reason quotes

-- ---- Words ----

local function quoted(text)
  -- Not in the middle of a character.
  if #text > SHOWN then text = text:sub(1, SHOWN - 3):gsub("[\192-\255]?[\128-\191]*$", "") .. "..." end
  return "'" .. text .. "'"
end

-- A value as a reason shows it.
local function shown(value, is_array)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind == "table" then return is_array(value) and "an array" or "an object" end
  return "a " .. kind
end

local function choices(items)
  local list = {}
  for i = 1, math.min(#items, ITEMS) do list[i] = quoted(tostring(items[i])) end
  return table.concat(list, ", ") .. (#items > ITEMS and ", ..." or "")
end

-- ---- Dates ----

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(year, month, day)
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or month < 1 or month > 12 or day < 1 then return false end
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return day <= (month == 2 and leap and 29 or DAYS[month])
end

local function is_below(text, most)
  return tonumber(text) < most
end

-- "Z", "-0500", "+02:00"
local function is_offset(text)
  if text == "Z" then return true end
  local hours, minutes = text:match("^[+-](%d%d):?(%d%d)$")
  return hours ~= nil and is_below(hours, 24) and is_below(minutes, 60)
end

local function is_date_time(text)
  local year, month, day, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(.*)$")
  if not year or not is_date(year, month, day) then return false end
  local hour, minute, second, fraction, offset = rest:match("^(%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$")
  return hour ~= nil and is_below(hour, 24) and is_below(minute, 60) and is_below(second, 61)
    and fraction ~= "." and (fraction == "" or fraction:byte() == 46) and is_offset(offset)
end

-- ---- Types ----

-- type -> function(value, field, is_array), which returns nil, or the second half of "is X; ...", or a whole reason and
-- true.
local check = {}

local function string_of(what)
  return function(value)
    if type(value) ~= "string" then return what .. " is a string" end
  end
end

check.text, check.text_area = string_of "a text", string_of "a text"
check.email, check.phone, check.url = string_of "an e-mail address", string_of "a phone number", string_of "an address"

local function number_of(what)
  return function(value)
    if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
      return what .. " is a number, such as 25"
    end
  end
end

check.number, check.currency = number_of "a number", number_of "an amount"

function check.checkbox(value)
  if type(value) ~= "boolean" then return "a checkbox is true or false" end
end

function check.date(value)
  if type(value) == "string" then
    local year, month, day = value:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
    if is_date(year, month, day) then return nil end
  end
  return "a date looks like '2016-09-15'"
end

function check.date_time(value)
  if type(value) == "string" and is_date_time(value) then return nil end
  return "a date and time looks like '2016-09-15T07:00:00-0500'"
end

-- An array of strings; `what` are they?
local function strings(value, is_array, what)
  if type(value) ~= "table" or not is_array(value) then return "it takes an array of " .. what end
  for i = 1, #value do
    if type(value[i]) ~= "string" then
      return "has " .. shown(value[i], is_array) .. " at place " .. i .. "; it takes an array of " .. what, true
    end
  end
end

local function has(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

function check.list(value, field, is_array)
  local reason, whole = strings(value, is_array, "strings, also for one choice")
  if reason then return reason, whole end
  local options = type(field.options) == "table" and field.options or {}
  if type(options.items) == "table" then
    for i = 1, #value do
      if not has(options.items, value[i]) then
        return "has no choice " .. quoted(value[i]) .. "; there are: " .. choices(options.items), true
      end
    end
  end
  if #value > 1 and not options.allow_multiple then
    return "has " .. #value .. " choices; it takes one", true
  end
end

function check.app_link(value, _, is_array)
  if type(value) == "string" then return nil end
  return strings(value, is_array, "record ids, or one id")
end

local function ids_of(what)
  return function(value, _, is_array) return strings(value, is_array, what) end
end

check.user_link, check.file, check.image = ids_of "user ids", ids_of "file ids", ids_of "file ids"

local READ_ONLY = { formula = "a formula", auto_number = "a number that the service gives" }

--- Does the service fill this field in by itself, so that no value of anybody's can go there?
-- @param field as the service shows it
-- @return boolean
function fields.is_read_only(field)
  return READ_ONLY[field.type] ~= nil
end

--- What is wrong with a value for a field. JSON's null clears a field and is right for every type.
-- @param field as the service shows it (`type`, `options`)
-- @param value decoded
-- @param is_array function(table): is it an array, not an object?
-- @param null what stands for JSON's null
-- @return nil where nothing is wrong, else the reason, which goes on a sentence that names the field: "is '15.9.2016';
-- a date looks like '2016-09-15'"
-- @usage fields.fault({type = "date"}, "15.9.2016", is_array, null)
function fields.fault(field, value, is_array, null)
  if fields.is_read_only(field) then return "is read only: " .. READ_ONLY[field.type] end
  if value == null or not check[field.type] then return nil end
  local reason, whole = check[field.type](value, field, is_array)
  if not reason or whole then return reason end
  return "is " .. shown(value, is_array) .. "; " .. reason
end

return fields
