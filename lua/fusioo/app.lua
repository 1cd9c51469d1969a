--- Handles of apps: sugar on the flat layer.
--
-- Owns what is remembered of apps: schemas, names. Must not know requests.

local core = require "fusioo.core"
local options = require "fusioo.options"

local App = {}
App.__index = App
App.__name = "fusioo.app"

--- Makes a handle; `client:app(id)` is this function.
-- @param client the client
-- @param id the app's id
-- @return app handle
function App._new(client, id)
  return setmetatable({client = client, id = id}, App)
end

local function names_of(things)
  local names = {}
  for i, thing in ipairs(things) do names[i] = tostring(thing.name) end
  return names
end

-- The things with that name, and the error that says which there are.
local function by_name(things, name, what)
  local found = {}
  for _, thing in ipairs(things) do
    if thing.name == name then found[#found + 1] = thing end
  end
  if #found == 1 then return found[1] end
  if #found > 1 then
    local ids = {}
    for i, thing in ipairs(found) do ids[i] = tostring(thing.id) end
    return nil, core.error{kind = "invalid", message = ("%d %ss are named '%s' (%s): use the id"):format(#found, what,
      name, table.concat(ids, ", "))}
  end
  local names = names_of(things)
  local near = options.nearest(name, names)
  return nil, core.error{kind = "not_found", message = ("no %s is named '%s'%s"):format(what, name,
    near and (" (did you mean '%s'?)"):format(near) or "; there are: " .. table.concat(names, ", "))}
end

--- Finds an app by its name; `client:app{name =}` is this function.
-- @param client the client
-- @param name the app's name
-- @return app handle, or nil and an error
function App._find(client, name)
  local id = client._names[name]
  if not id then
    local apps, err = client:get_apps()
    if not apps then return nil, err end
    local app
    app, err = by_name(apps, name, "app")
    if not app then return nil, err end
    id = app.id
    client._names[name] = id
  end
  return App._new(client, id)
end

function App:__tostring()
  return "fusioo.app " .. self.id
end

--- The app with its fields (GetApp): one call, then remembered.
-- @return app, or nil and an error
-- @usage for _, field in ipairs(assert(app:schema()).fields) do print(field.id, field.type) end
function App:schema()
  local schema = self.client._schemas[self.id]
  if schema then return schema end
  local err
  schema, err = self.client:get_app(self.id)
  if not schema then return nil, err end
  self.client._schemas[self.id] = schema
  return schema
end

--- One field of the schema.
-- @param id_or_name its id, or its name
-- @return field, or nil and an error
-- @usage local stage = assert(app:field("Stage"))
function App:field(id_or_name)
  options.string("field", "id_or_name", id_or_name)
  local schema, err = self:schema()
  if not schema then return nil, err end
  local fields = type(schema.fields) == "table" and schema.fields or {}
  for _, field in ipairs(fields) do
    if field.id == id_or_name then return field end
  end
  return by_name(fields, id_or_name, "field")
end

--- How many records there are (RecordCount).
-- @param where as of a query, or nil
-- @return integer, or nil and an error
-- @usage print(app:count{approved = true})
function App:count(where)
  return self.client:record_count(self.id, where)
end

--- Iterates over the records, see `client:records`.
-- @param query as there
-- @return what a generic `for` wants
-- @usage for record in app:records() do print(record.id) end
function App:records(query)
  return self.client:records(self.id, query)
end

--- Iterates over the records page by page, see `client:pages`.
-- @param query as there
-- @return what a generic `for` wants
-- @usage for page in app:pages() do print(#page) end
function App:pages(query)
  return self.client:pages(self.id, query)
end

--- All records, as an array.
-- @param query as of `client:records`
-- @return array, or nil and an error
-- @usage local open = assert(app:list{where = {stage = {contains = "Open"}}})
function App:list(query)
  return self.client:_records("list", self.id, query):all()
end

--- The first record, one GetRecords with `limit = 1`.
-- @param query `where`, `sort_by`, `order`, `offset`, or nil
-- @return record, or nil when there is none; nil and an error where the call failed
-- @usage local newest = app:first{sort_by = "created", order = "desc"}
function App:first(query)
  local page = options.merge(options.page("first", query), {limit = 1})
  local records, err = self.client:get_records(self.id, page)
  if not records then return nil, err end
  return records[1]
end

return App
