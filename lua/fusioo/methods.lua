--- The flat layer: one method for each method of Fusioo's guide, and any other request.
--
-- Owns the methods' names and arguments; `fusioo.files` has those that move bytes. Must not know paths, versions or
-- HTTP (the core does). A method returns its result, or nil and an error (`fusioo.error`); a wrong type of argument
-- raises.

local core = require "fusioo.core"
local invoke = require "fusioo.invoke"
local options = require "fusioo.options"
local scheduler = require "fusioo.scheduler"
local where = require "fusioo.where"

local methods = {}

-- What a method that answers with nothing of use returns: true, or nil and an error.
local function done(data, err)
  if data == nil then return nil, err end
  return true
end

-- The object that v1 may leave out.
local function object_of(data)
  if data == core.null then return {} end
  return data
end

--- Ping: is the service there, and does it take the token? Spends no call.
-- @return true, or nil and an error
-- @usage assert(client:ping())
function methods:ping()
  return done(invoke.call(self, "data", "ping"))
end

--- GetApps: all apps that the token may see.
-- @return array of apps, or nil and an error
-- @usage for _, app in ipairs(assert(client:get_apps())) do print(app.id, app.name) end
function methods:get_apps()
  return invoke.call(self, "data", "get_apps")
end

--- GetApp: one app with its fields.
-- @param app_id the app's id
-- @return app, or nil and an error
-- @usage local app = assert(client:get_app("ia4f42"))
function methods:get_app(app_id)
  options.string("get_app", "app_id", app_id)
  return invoke.call(self, "data", "get_app", app_id)
end

--- RecordCount: how many records an app has, in all or of those that a filter lets through.
-- @param app_id the app's id
-- @param filter as the `where` of a query, or nil
-- @return integer, or nil and an error
-- @usage local open = assert(client:record_count(app_id, {stage = {contains = "Open"}}))
function methods:record_count(app_id, filter)
  options.string("record_count", "app_id", app_id)
  if filter ~= nil and type(filter) ~= "table" then
    error("record_count: filter is a " .. type(filter) .. ", not a table", 0)
  end
  local text, err = where._filter("filter", filter)
  if err then return nil, err end
  return invoke.call(self, "count", "record_count", app_id, {filter = text})
end

--- GetRecords: one page of an app's records.
-- @param app_id the app's id
-- @param query `where`, `sort_by`, `order` ("asc" or "desc"), `limit` (1 to 200, default 200), `offset` (records to
-- skip, in every API version), or nil
-- @return array of records, or nil and an error
-- @usage local newest = assert(client:get_records(app_id, {sort_by = "last_modified", order = "desc", limit = 10}))
function methods:get_records(app_id, query)
  options.string("get_records", "app_id", app_id)
  local q, err = invoke.query(options.page("get_records", query))
  if not q then return nil, err end
  return invoke.call(self, "items", "get_records", app_id, q)
end

--- GetRecord: one record.
-- @param record_id the record's id
-- @return record, or nil and an error
-- @usage local record = assert(client:get_record(id))
function methods:get_record(record_id)
  options.string("get_record", "record_id", record_id)
  return invoke.call(self, "data", "get_record", record_id)
end

--- CreateRecord: makes a record. Never sent twice, unless the service certainly did not take it; where the answer was
-- lost, `err.maybe_done` says that the record may be there.
-- @param app_id the app's id
-- @param fields field id → value; `fusioo.null`, `fusioo.array{}`; none may be needed
-- @return the record (v1: a table with its id alone), or nil and an error
-- @usage local record = assert(client:create_record(app_id, {title = "Start using the API", stage = {"Open"}}))
function methods:create_record(app_id, fields)
  options.string("create_record", "app_id", app_id)
  options.table("create_record", "fields", fields)
  local data, err = invoke.send(self, "create_record", app_id, "fields", fields)
  return object_of(data), err
end

--- UpdateRecord: changes the fields that are named and leaves the others.
-- @param record_id the record's id
-- @param changes field id → value; `fusioo.null` clears a field
-- @return the record (v1: a table with its id alone), or nil and an error
-- @usage assert(client:update_record(record.id, {stage = {"Fixed"}}))
function methods:update_record(record_id, changes)
  options.string("update_record", "record_id", record_id)
  options.table("update_record", "changes", changes)
  local data, err = invoke.send(self, "update_record", record_id, "changes", changes)
  data = object_of(data)
  if data and data.id == nil then data.id = record_id end
  return data, err
end

--- DeleteRecord: deletes a record. One that is gone when a lost answer is asked for again counts as deleted.
-- @param record_id the record's id
-- @return true, or nil and an error (`not_found` where there was none)
-- @usage assert(client:delete_record(record.id))
function methods:delete_record(record_id)
  options.string("delete_record", "record_id", record_id)
  return done(invoke.call(self, "data", "delete_record", record_id))
end

-- ---- Discussions ----

-- A message is text that the service shows; an empty one is refused here, before a call.
local function check_message(name, message)
  options.string(name, "message", message)
  if not message:find("%S") then
    return nil, core.error{kind = "invalid", message = name .. ": message is empty"}
  end
  return true
end

--- CreateDiscussion: begins a discussion of a record. From v3 on. Never sent twice, see `create_record`.
-- @param record_id the record's id
-- @param message its first message, UTF-8
-- @return discussion, or nil and an error
-- @usage local discussion = assert(client:create_discussion(record.id, "Who takes this one?"))
function methods:create_discussion(record_id, message)
  options.string("create_discussion", "record_id", record_id)
  local ok, err = check_message("create_discussion", message)
  if not ok then return nil, err end
  return invoke.send(self, "create_discussion", record_id, "discussion", {message = message})
end

--- GetDiscussions: one page of a record's discussions. From v3 on.
-- @param record_id the record's id
-- @param query `limit` (1 to 200, default 200), `offset`, or nil
-- @return array of discussions, or nil and an error
-- @usage local discussions = assert(client:get_discussions(record.id))
function methods:get_discussions(record_id, query)
  options.string("get_discussions", "record_id", record_id)
  return invoke.call(self, "items", "get_discussions", record_id,
    invoke.query(options.users_page("get_discussions", query)))
end

--- GetDiscussion: one discussion with its comments. From v3 on.
-- @param discussion_id the discussion's id
-- @return discussion, or nil and an error
-- @usage for _, comment in ipairs(assert(client:get_discussion(id)).comments) do print(comment.message) end
function methods:get_discussion(discussion_id)
  options.string("get_discussion", "discussion_id", discussion_id)
  return invoke.call(self, "data", "get_discussion", discussion_id)
end

--- DeleteDiscussion: deletes a discussion with its comments. From v3 on.
-- @param discussion_id the discussion's id
-- @return true, or nil and an error
-- @usage assert(client:delete_discussion(discussion.id))
function methods:delete_discussion(discussion_id)
  options.string("delete_discussion", "discussion_id", discussion_id)
  return done(invoke.call(self, "data", "delete_discussion", discussion_id))
end

--- CreateComment: adds a comment to a discussion. From v3 on. Never sent twice, see `create_record`.
-- @param discussion_id the discussion's id
-- @param message text, UTF-8
-- @return comment, or nil and an error
-- @usage assert(client:create_comment(discussion.id, "I do."))
function methods:create_comment(discussion_id, message)
  options.string("create_comment", "discussion_id", discussion_id)
  local ok, err = check_message("create_comment", message)
  if not ok then return nil, err end
  return invoke.send(self, "create_comment", discussion_id, "comment", {message = message})
end

-- ---- Users ----

--- GetUsers: one page of the company's users. From v3 on.
-- @param query `limit` (1 to 200, default 200), `offset`, or nil
-- @return array of users, or nil and an error
-- @usage local users = assert(client:get_users())
function methods:get_users(query)
  return invoke.call(self, "items", "get_users", nil, invoke.query(options.users_page("get_users", query)))
end

--- GetUser: one user. From v3 on.
-- @param user_id the user's id
-- @return user, or nil and an error
-- @usage local user = assert(client:get_user(record.owner[1]))
function methods:get_user(user_id)
  options.string("get_user", "user_id", user_id)
  return invoke.call(self, "data", "get_user", user_id)
end

-- ---- Anything else ----

local function percent_encode(text)
  return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function query_string(query)
  local parts = {}
  for name, value in pairs(query) do
    local kind = type(value)
    if type(name) ~= "string" or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
      error(("request: query.%s is a %s; a query holds strings, numbers and booleans"):format(tostring(name), kind), 0)
    end
    if kind == "number" and value == math.floor(value) and math.abs(value) < 2 ^ 53 then
      value = ("%d"):format(value)
    end
    parts[#parts + 1] = percent_encode(name) .. "=" .. percent_encode(tostring(value))
  end
  table.sort(parts)
  return #parts > 0 and table.concat(parts, "&") or nil
end

--- Any request that the service understands and this library has no method for.
-- @param method "GET", "POST", "PUT", "PATCH" or "DELETE"
-- @param path below the version, "/apps", percent-encoded where needed
-- @param given `query` (a table), `body` (any value, sent as JSON), `repeatable` (a POST or PATCH may be sent again
-- after a fault), or nil
-- @return data (`fusioo.null` where the answer has none) and the whole envelope, or nil and an error
-- @usage local data, envelope = client:request("GET", "/apps", {query = {archived = true}})
function methods:request(method, path, given)
  options.string("request", "method", method)
  options.string("request", "path", path)
  given = options.request("request", given)
  local body, err
  if given.body ~= nil then
    body, err = core.json_encode(given.body, "body")
    if not body then return nil, err end
  end
  scheduler.check(self._runtime)
  local call
  call, err = invoke.finish(self, self._core:request{
    method = method, path = path, query = given.query and query_string(given.query), body = body,
    repeatable = given.repeatable,
  })
  if not call then return nil, err end
  local data, envelope = call:envelope()
  call:free()
  return data, envelope
end

return methods
