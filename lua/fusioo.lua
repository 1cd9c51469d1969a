--- The Fusioo API for Lua.
--
-- Owns the module's table. What stands behind it: `fusioo.client` (the methods), `fusioo.app` (handles),
-- `fusioo.where` (conditions), `fusioo.oauth` (signing in), `fusioo.store` (where tokens are kept), `fusioo.core` (the
-- C core and the JSON codec).
--
--     local fusioo = require "fusioo"
--     local client = fusioo.new()                     -- the token comes from FUSIOO_ACCESS_TOKEN
--     for record in client:records(app_id) do
--       print(record.id, record.title)
--     end

local core = require "fusioo.core"
local Client = require "fusioo.client"
local options = require "fusioo.options"
local scheduler = require "fusioo.scheduler"

local fusioo = {
  _VERSION = "fusioo " .. core.version,
  null = core.null,
  where = require "fusioo.where",
  oauth = require "fusioo.oauth",
  store = require "fusioo.store",
  json = {},
}

--- Makes a client. Raises on an unknown or ill-typed option; spends no call.
-- @param given options, see the README; nil: all defaults
-- @return client
-- @usage local client = fusioo.new{version = "v3", rate = {reserve = 100}}
function fusioo.new(given)
  return Client._new(given)
end

--- Marks a table as a JSON array, so that an empty one is written `[]`.
-- @param t a table without another metatable
-- @return the same table
-- @usage client:request("POST", path, {body = {tags = fusioo.array{}}})
function fusioo.array(t)
  return core.array(t)
end

--- Is the value a JSON array: marked, or not empty with just the keys 1 to n?
-- @param t any value
-- @return boolean
-- @usage if fusioo.is_array(record.tags) then ... end
function fusioo.is_array(t)
  return core.is_array(t)
end

--- Reads JSON, strictly: RFC 8259, UTF-8, depth 128; integers stay integers, empty arrays keep their mark.
-- @param text a string
-- @return value, or nil and an error of kind `decode` with `position` (in bytes, from 1)
-- @usage local value, err = fusioo.json.decode(text)
function fusioo.json.decode(text)
  return core.json_decode(text)
end

--- Writes JSON. Numbers get the fewest digits that read back the same.
-- @param value tables, strings, numbers, booleans, `fusioo.null`
-- @return text, or nil and an error of kind `invalid` that names the place
-- @usage local text = assert(fusioo.json.encode{items = fusioo.array{}})
function fusioo.json.encode(value)
  return core.json_encode(value)
end

--- Runs functions side by side; their calls wait for each other no longer than needed.
-- @param functions array of functions without parameters
-- @param concurrency how many at once, default 4
-- @return array in the order of the functions: `{value = ...}`, or `{err = ...}` for what it returned after nil, or
-- raised
-- @usage local results = fusioo.all{function() return client:get_app(a) end, function() return client:get_app(b) end}
function fusioo.all(functions, concurrency)
  if type(functions) ~= "table" then
    error("fusioo.all: functions is a " .. type(functions) .. ", not a table", 0)
  end
  for i = 1, #functions do
    options["function"]("fusioo.all", ("functions[%d]"):format(i), functions[i])
  end
  if concurrency ~= nil then options.natural("fusioo.all", "concurrency", concurrency) end
  return scheduler.all(functions, concurrency or 4)
end

return fusioo
