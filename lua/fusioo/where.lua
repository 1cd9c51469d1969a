--- Conditions for filters.
--
-- Owns how a `where` table becomes the filter that the service takes. Must not know requests.
--
--     local where = fusioo.where
--     client:records(app_id, {where = {status = where.contains("In Progress"), approved = true}})
--
-- A plain value means `equal`, and so does an array. Several conditions on a field stand in one table:
-- `{created = {not_equal = "2023-10-04", contains = "2023"}}`. Conditions that this module does not know go out as
-- written.

local core = require "fusioo.core"

local where = {}

--- The field equals the value.
-- @param value string, number, boolean, `fusioo.null` or an array
-- @return a condition
-- @usage {approved = fusioo.where.equal(true)}
function where.equal(value)
  return {equal = value}
end

--- The field does not equal the value.
-- @param value string, number, boolean, `fusioo.null` or an array
-- @return a condition
-- @usage {created = fusioo.where.not_equal("2023-10-04")}
function where.not_equal(value)
  return {not_equal = value}
end

--- The field contains the value: a text another one, a list one of its items.
-- @param value string, number, boolean or an array
-- @return a condition
-- @usage {status = fusioo.where.contains("In Progress")}
function where.contains(value)
  return {contains = value}
end

local function condition(name, field, value)
  if type(value) ~= "table" or core.is_array(value) then
    return {equal = value}
  end
  if next(value) == nil then
    error(("%s.%s has no condition; write a value, or {equal = value}"):format(name, tostring(field)), 0)
  end
  for key in pairs(value) do
    if type(key) ~= "string" then
      error(("%s.%s has the condition '%s', which is no name"):format(name, tostring(field), tostring(key)), 0)
    end
  end
  return value
end

--- The filter that stands for a `where` table.
-- @param name what the table is called in messages
-- @param conditions field id → condition, or nil
-- @return JSON text, or nil where there is no condition; nil and an error of kind `invalid` where a value cannot be
-- JSON
-- @local
function where._filter(name, conditions)
  if conditions == nil or next(conditions) == nil then
    return nil
  end
  local filter = {}
  for field, value in pairs(conditions) do
    if type(field) ~= "string" then
      error(("%s has the key %s; its keys are field ids"):format(name, tostring(field)), 0)
    end
    filter[field] = condition(name, field, value)
  end
  return core.json_encode(filter, name)
end

return where
