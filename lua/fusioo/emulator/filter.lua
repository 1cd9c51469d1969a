-- Filters: the body of the filter methods, checked against an app's schema and made into a test.
--
-- Owns: the conditions equal, not_equal and contains, and what they mean for each type of field. Must not know:
-- rows, HTTP.
--
-- What they mean here, where the guide leaves it open:
--   equal      text and the like: the same characters. number: the same number. date_time: the same
--              instant, or the same day where the filter gives a day alone. list and links: exactly these
--              entries in this order; a single value stands for a list of one. null: null or absent
--   not_equal  the opposite of equal
--   contains   text and the like: the characters occur in it, upper and lower case are different. list
--              and links: the value is one of the entries. Other types: refused

local cjson = require "cjson.safe"
local values = require "fusioo.emulator.values"

local filter = {}

-- type of field -> the Lua type that a filter's value must have; formulas take any.
local OPERAND = {
  text = "string", text_area = "string", email = "string", phone = "string", url = "string",
  date = "string", date_time = "string", id = "string",
  number = "number", currency = "number", auto_number = "number", checkbox = "boolean",
}

local ENTRIES = { list = true, app_link = true, user_link = true, file = true, image = true }

local function same_list(value, wanted)
  if type(value) ~= "table" then value = { value } end
  if #value ~= #wanted then return false end
  for i = 1, #wanted do
    if value[i] ~= wanted[i] then return false end
  end
  return true
end

local function equal_list(wanted)
  if type(wanted) == "string" then wanted = { wanted } end
  return function(value) return value ~= nil and same_list(value, wanted) end
end

local function equal_time(wanted)
  local seconds = values.seconds(wanted)
  if not seconds then return nil, "is not a date or time of ISO 8601" end
  if #wanted == 10 then
    return function(value) return value ~= nil and value:sub(1, 10) == wanted end
  end
  return function(value) return value ~= nil and values.seconds(value) == seconds end
end

local make = {}

function make.equal(field, wanted)
  if wanted == cjson.null then
    return function(value) return value == nil end
  end
  local given = type(wanted)
  if ENTRIES[field.type] then
    if given ~= "string" and given ~= "table" then return nil, "takes a string or an array" end
    return equal_list(wanted)
  end
  if given == "table" or OPERAND[field.type] and OPERAND[field.type] ~= given then
    return nil, "takes a " .. (OPERAND[field.type] or "single value")
  end
  if field.type == "date_time" then return equal_time(wanted) end
  return function(value) return value == wanted end
end

function make.not_equal(field, wanted)
  local equal, why = make.equal(field, wanted)
  if not equal then return nil, why end
  return function(value) return not equal(value) end
end

function make.contains(field, wanted)
  if ENTRIES[field.type] then
    if type(wanted) ~= "string" then return nil, "takes a string" end
    return function(value)
      if type(value) ~= "table" then return value == wanted end
      for i = 1, #value do
        local entry = value[i]
        if entry == wanted or type(entry) == "table" and entry.id == wanted then return true end
      end
      return false
    end
  end
  if OPERAND[field.type] ~= "string" and field.type ~= "formula" then
    return nil, "is not possible on this type of field"
  end
  if type(wanted) ~= "string" then return nil, "takes a string" end
  return function(value)
    return type(value) == "string" and value:find(wanted, 1, true) ~= nil
  end
end

local function add_conditions(tests, field, conditions)
  if type(conditions) ~= "table" then
    return nil, "filter: " .. field.id .. " must be an object of conditions"
  end
  for name, wanted in pairs(conditions) do
    if not make[name] then
      return nil, "filter: unknown condition " .. tostring(name) .. " on " .. field.id
    end
    local test, why = make[name](field, wanted)
    if not test then
      return nil, string.format("filter: %s on %s (%s) %s", name, field.id, field.type, why)
    end
    tests[#tests + 1] = { value = field.value, holds = test }
  end
  return true
end

-- A function from record number to true or false for the JSON text of a filter, or nil and a message.
-- With `version` below 3 file fields do not exist.
function filter.compile(app, text, version)
  local decoded = cjson.decode(text)
  if type(decoded) ~= "table" or not text:find("^%s*{") then
    return nil, "filter: the body must be a JSON object"
  end
  local tests = {}
  for id, conditions in pairs(decoded) do
    local field = app.by_id[id]
    if not field or field.file and version < 3 then
      return nil, "filter: unknown field " .. tostring(id)
    end
    local ok, why = add_conditions(tests, field, conditions)
    if not ok then return nil, why end
  end
  return function(number)
    for i = 1, #tests do
      local test = tests[i]
      if not test.holds(values.read(test.value(number))) then return false end
    end
    return true
  end
end

return filter
