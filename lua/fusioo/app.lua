--- Handles of apps: sugar on the flat layer.
--
-- Owns what is remembered of apps, schemas and names, and how a list of records is written. Must not know requests, nor
-- what a schema says of values (`fusioo.check` does).

local check = require "fusioo.check"
local core = require "fusioo.core"
local options = require "fusioo.options"
local scheduler = require "fusioo.scheduler"

local App = {}
App.__index = App
App.__name = "fusioo.app"

--- Makes a handle; `client:app(id)` is this function.
-- @param client the client
-- @param id the app's id
-- @return app handle
-- @local
function App._new(client, id)
  return setmetatable({client = client, id = id}, App)
end

-- Words for a message, the first ten of them.
local function listed(words)
  local shown = {}
  for i = 1, math.min(#words, 10) do shown[i] = words[i] end
  return table.concat(shown, ", ") .. (#words > 10 and (" and %d more"):format(#words - 10) or "")
end

-- What to write instead of a name that nothing has.
local function advice(name, things)
  local names = {}
  for _, thing in ipairs(things) do names[#names + 1] = tostring(thing.name) end
  if #names == 0 then return "; there are none that this token may see" end
  local near = options.nearest(name, names)
  return near and (" (did you mean '%s'?)"):format(near) or "; there are: " .. listed(names)
end

-- The array of a schema, or of apps, without what is none of the service's objects.
local function objects_of(list)
  local objects = {}
  for _, object in ipairs(type(list) == "table" and list or {}) do
    if type(object) == "table" then objects[#objects + 1] = object end
  end
  return objects
end

-- The thing with that name, or nil and the error that says which there are.
local function by_name(things, name, what)
  local found, ids = nil, {}
  for _, thing in ipairs(things) do
    if thing.name == name then
      found = thing
      ids[#ids + 1] = tostring(thing.id)
    end
  end
  if #ids == 1 then return found end
  if #ids > 1 then
    return nil, core.error{kind = "invalid", message = ("%d %ss are named '%s': use an id, one of %s"):format(#ids,
      what, name, listed(ids))}
  end
  return nil, core.error{kind = "not_found", message = ("no %s is named '%s'%s"):format(what, name,
    advice(name, things))}
end

--- Finds an app by its name; `client:app{name =}` is this function.
-- @param client the client
-- @param name the app's name
-- @return app handle, or nil and an error: `not_found` where no app has that name, `invalid` where several have it
-- @local
function App._find(client, name)
  local id = client._names[name]
  if not id then
    local apps, err = client:get_apps()
    if not apps then return nil, err end
    local app
    app, err = by_name(objects_of(apps), name, "app")
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
-- @param id_or_name its id, or its name; where a field's name is another one's id, the id counts
-- @return field, or nil and an error: `not_found` where there is none, `invalid` where several have that name
-- @usage local stage = assert(app:field("Stage"))
function App:field(id_or_name)
  options.string("field", "id_or_name", id_or_name)
  local schema, err = self:schema()
  if not schema then return nil, err end
  local fields = objects_of(schema.fields)
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

-- ---- Writing ----

-- What the schema, where it is in memory, has against values; nil where it has nothing.
local function known_fault(self, values, mode, name, place)
  local schema = self.client._schemas[self.id]
  local err = schema and check.record(schema, values, mode, name, place)
  if err then
    err.message = err.message .. " (by the schema that this client read before; a new client reads it anew)"
  end
  return err
end

local function create(self, fields, place)
  local err = known_fault(self, fields, "create", "create", place)
  if err then return nil, err end
  return self.client:create_record(self.id, fields)
end

-- The id that a record goes by; raises where there is none.
local function id_of(name, record_or_id)
  if type(record_or_id) == "table" then
    options.string(name, "record_or_id.id", record_or_id.id)
    return record_or_id.id
  end
  if type(record_or_id) ~= "string" then
    error(("%s: record_or_id is %s, neither a record nor an id"):format(name,
      record_or_id == nil and "nil" or "a " .. type(record_or_id)), 0)
  end
  return record_or_id
end

--- Checks values against the schema: fields that there are not, required ones, types, choices of lists. Spends a call,
-- GetApp, where the schema is not in memory yet. What is not known here (a new type of field) passes; the service has
-- the last word.
-- @param fields field id → value
-- @param mode "create" (the default) or "update"; an update may leave out what is required
-- @return true; nil and an error: of kind `invalid` where something is wrong, with the first five faults; as of
-- `app:schema` where the schema is not to be had
-- @usage assert(app:check({stage = {"Open"}}, "update"))
function App:check(fields, mode)
  options.table("check", "fields", fields)
  if mode ~= nil and mode ~= "create" and mode ~= "update" then
    error(("check: the second argument is %s; it must be 'create' or 'update'"):format(
      type(mode) == "string" and "'" .. mode .. "'" or "a " .. type(mode)), 0)
  end
  local err
  if self.client._schemas[self.id] then
    err = known_fault(self, fields, mode or "create", "check", "fields")
  else
    local schema
    schema, err = self:schema()
    err = schema and check.record(schema, fields, mode or "create", "check", "fields") or err
  end
  if err then return nil, err end
  return true
end

--- Makes a record (CreateRecord). Checked first where the schema is in memory already, see `app:check`; never sent
-- twice, see `client:create_record`.
-- @param fields field id → value
-- @return the record (v1: a table with its id alone), or nil and an error
-- @usage local record = assert(app:create{title = "Start using the API", stage = {"In Progress"}})
function App:create(fields)
  options.table("create", "fields", fields)
  return create(self, fields, "fields")
end

--- Changes the fields that are named and leaves the others (UpdateRecord). Checked first where the schema is in memory
-- already, see `app:check`.
-- @param record_or_id a record, or its id
-- @param changes field id → value; `fusioo.null` clears a field. A record as it was read is no table of changes: leave
-- out `id`, `created`, `last_modified` and what is read only
-- @return the record (v1: a table with its id alone), or nil and an error
-- @usage assert(app:update(record, {stage = {"Fixed"}}))
function App:update(record_or_id, changes)
  local id = id_of("update", record_or_id)
  options.table("update", "changes", changes)
  local err = known_fault(self, changes, "update", "update", "changes")
  if err then return nil, err end
  return self.client:update_record(id, changes)
end

--- Deletes a record (DeleteRecord).
-- @param record_or_id a record, or its id
-- @return true, or nil and an error (`not_found` where there was none)
-- @usage assert(app:delete(record))
function App:delete(record_or_id)
  return self.client:delete_record(id_of("delete", record_or_id))
end

-- A copy of the list, which the caller may go on with; raises unless it holds tables, without gaps.
local function rows_of(list)
  options.table("create_all", "list", list)
  local rows = {}
  for i, row in ipairs(list) do
    options.table("create_all", ("list[%d]"):format(i), row)
    rows[i] = row
  end
  for key in pairs(list) do
    if rows[key] == nil then
      error(("create_all: list has the key %s; it must be an array without gaps"):format(tostring(key)), 0)
    end
  end
  return rows
end

local function batch_options(given)
  for key in pairs(type(given) == "table" and given or {}) do
    if key ~= "concurrency" and key ~= "on_progress" then
      error(("create_all: unknown option '%s'; there are: concurrency, on_progress"):format(tostring(key)), 0)
    end
  end
  return options.list("create_all", given)
end

-- Tells the progress after each row; after what that raised, no row is sent and nothing told any more.
local function teller(total, on_progress)
  local progress = {done = 0}
  function progress.tell()
    progress.done = progress.done + 1
    if not on_progress or progress.refusal then return end
    local ok, raised = pcall(on_progress, progress.done, total)
    if ok then return end
    progress.raised = raised
    progress.refusal = "not sent: on_progress raised " .. (type(raised) == "string" and raised or "a " .. type(raised))
  end
  return progress
end

--- Makes many records, side by side. No row is ever sent twice, and one that fails stops no other: pass the failed ones
-- again to go on. One with `err.maybe_done` may be there already, and must be looked for first.
-- @param list array of tables, field id → value; each is checked as `app:create` does it, and sent when its turn comes
-- @param given `concurrency`: how many at once (default: the client's); `on_progress`: function(done, total), told
-- after each row, well or not; or nil
-- @return array in the order of the list: `{value = record}` or `{err = err}`. What `on_progress` raises comes second:
-- rows that were not sent yet then end with an error of kind `cancelled`, so that nothing known of the others is lost
-- @usage local failed = {}
-- for i, result in ipairs(app:create_all(list)) do
--   if result.err and not result.err.maybe_done then failed[#failed + 1] = list[i] end
-- end
function App:create_all(list, given)
  local rows = rows_of(list)
  given = batch_options(given)
  local progress = teller(#rows, given.on_progress)
  local function run(index)
    if progress.refusal then return nil, core.error{kind = "cancelled", message = progress.refusal} end
    local record, err = create(self, rows[index], ("list[%d]"):format(index))
    rows[index] = nil
    progress.tell()
    return record, err
  end
  scheduler.check(self.client._runtime)
  local results = scheduler.each(#rows, run, given.concurrency or self.client._options.concurrency or 4)
  return results, progress.raised
end

return App
