--- Values against an app's schema: what is refused before a call is spent on it.
--
-- Owns what the schema says of a record as a whole: which fields there are, which must be given, which may change; and
-- the words of the refusal. What a value of a type looks like is `fusioo.fields`' business. Must not know clients,
-- requests, or where a schema came from.
--
-- What is not known is let through: the service has the last word, and a wrong refusal cannot be got around.

local core = require "fusioo.core"
local fields = require "fusioo.fields"
local options = require "fusioo.options"

local check = {}

local MOST = 5   -- faults that a message tells, and
local ROOM = 560 -- bytes that they may take together: an error's text is not longer than 768

-- They stand beside the fields of every record, and no schema lists them.
local OWN = {id = true, created = true, last_modified = true}

-- A word of somebody else's within a message: on one line, and not too long.
local function shown(word)
  word = tostring(word):gsub("%c", "?")
  if #word > 60 then word = word:sub(1, 57):gsub("[\192-\255]?[\128-\191]*$", "") .. "..." end
  return word
end

-- ---- The schema ----

-- Its fields by id, and their ids in its order. `whole`: is it certain that these are all of them?
local function read_schema(app)
  local schema = {by_id = {}, ids = {}, whole = type(app.fields) == "table"}
  for _, field in ipairs(schema.whole and app.fields or {}) do
    if type(field) ~= "table" or type(field.id) ~= "string" then
      schema.whole = false
    elseif not schema.by_id[field.id] then
      schema.by_id[field.id] = field
      schema.ids[#schema.ids + 1] = field.id
    end
  end
  return schema
end

-- The id that was probably meant by a word which is none: fields go by id, people know them by name.
local function meant(word, schema)
  local by_name, names = {}, {}
  for _, id in ipairs(schema.ids) do
    local name = schema.by_id[id].name
    if type(name) == "string" then
      if name:lower() == word:lower() then return id, "its name is no id" end
      by_name[name] = by_name[name] or id
      names[#names + 1] = name
    end
  end
  return options.nearest(word, schema.ids) or by_name[options.nearest(word, names)]
end

local function hint(word, schema)
  local id, why = meant(word, schema)
  if not id then return "" end
  return (" (did you mean '%s'?%s)"):format(shown(id), why and " " .. why or "")
end

-- ---- One field ----

local function of_value(field, value)
  local reason = fields.fault(field, value, core.is_array, core.null)
  if reason and type(value) == "table" and next(value) == nil and not core.is_array(value) then
    reason = reason .. " (an empty one is written fusioo.array{})"
  end
  return reason
end

-- A list's choices count where they are what the guide shows, strings; one alone is allowed where that is said.
local function as_documented(field)
  if field.type ~= "list" then return field end
  local given = type(field.options) == "table" and field.options or {}
  local items = type(given.items) == "table" and given.items[1] ~= nil and given.items or nil
  for _, item in ipairs(items or {}) do
    if type(item) ~= "string" then items = nil end
  end
  return {type = "list", options = {items = items, allow_multiple = given.allow_multiple ~= false}}
end

-- No type that is known takes a function.
local function is_known(field)
  return fields.fault(field, print, core.is_array, core.null) ~= nil
end

-- Would the service want a value at creation? One that fills itself in is never given; a type that is not known here
-- and that nobody can update may be of that sort.
local function is_wanted(field)
  return field.is_required == true and not fields.is_read_only(field) and
    not (field.can_update == false and not is_known(field))
end

-- What is wrong with what is given for a field; nil stands for: nothing is given.
local function of_field(field, value, mode)
  if value == nil then
    return mode == "create" and is_wanted(field) and "is required, and missing" or nil
  end
  if fields.is_read_only(field) then return of_value(field, value) end
  -- `can_update` speaks of updates: a field that never changes once it is set is set at creation.
  if mode == "update" and field.can_update == false then
    return "cannot be changed once the record is there (can_update is false)"
  end
  if value == core.null and field.is_required == true then
    return mode == "create" and "is required, and null" or "is required and cannot be cleared"
  end
  return of_value(as_documented(field), value)
end

-- ---- One record ----

-- The keys that are no field's, by name.
local function other_keys(values, schema)
  local keys = {}
  for key in pairs(values) do
    if type(key) ~= "string" or not schema.by_id[key] or OWN[key] then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b)
    local left, right = type(a), type(b)
    if left ~= right then return left < right end
    return left == "number" and a < b or left ~= "number" and tostring(a) < tostring(b)
  end)
  return keys
end

local function of_other(key, app, schema)
  if type(key) ~= "string" then return "the keys are field ids, which are strings" end
  if OWN[key] then return "the service sets it by itself: leave it out" end
  if schema.whole then
    local name = type(app.name) == "string" and app.name or app.id
    return ("the app %s has no field '%s'%s"):format(shown(name), shown(key), hint(key, schema))
  end
end

local function list_faults(app, values, mode, place)
  local schema, faults = read_schema(app), {}
  local function add(key, reason)
    if reason then
      key = type(key) == "string" and "." .. shown(key) or ("[%s]"):format(shown(key))
      faults[#faults + 1] = ("%s%s: %s"):format(place, key, reason)
    end
  end
  for _, id in ipairs(schema.ids) do
    if not OWN[id] then add(id, of_field(schema.by_id[id], values[id], mode)) end
  end
  for _, key in ipairs(other_keys(values, schema)) do add(key, of_other(key, app, schema)) end
  return faults
end

-- The first faults, as many as there is room for, and how many more there are.
local function joined(faults)
  local told, size = {}, 0
  for i, fault in ipairs(faults) do
    size = size + #fault
    if i > MOST or (i > 1 and size > ROOM) then
      told[i] = ("and %d more"):format(#faults - i + 1)
      break
    end
    told[i] = fault
  end
  return table.concat(told, "; ")
end

--- Checks what is to be a record, or the changes of one.
-- @param app the schema, as `client:get_app` returns it
-- @param values field id → value
-- @param mode "create": required fields must be there; "update": only what is given is looked at
-- @param name the function's name, for the message
-- @param place what `values` is called in the message
-- @return nil, or an error of kind `invalid` that tells the first faults, in the order of the schema
function check.record(app, values, mode, name, place)
  local message
  if next(values) ~= nil and core.is_array(values) then
    message = place .. " is an array; it holds values by field id"
  else
    local faults = list_faults(app, values, mode, place)
    if #faults == 0 then return nil end
    message = joined(faults)
  end
  return core.error{kind = "invalid", message = ("%s: %s"):format(name, message)}
end

return check
