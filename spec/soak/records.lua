-- The soak's operations on records and their discussions.
--
-- Owns: these. Must not know: files, lists, what is really there. An operation takes a context.

local content = require "spec.soak.content"

local records = {}

local function new_fields(context, entry)
  local fields = {
    title = entry.key, status = { "Planned" }, approved = false, description = content.text(context.random(1000000)),
    progress = context.random(100),
  }
  entry.values = { description = { fields.description }, progress = { fields.progress } }
  return fields
end

-- What client:request returns, as the methods do.
local function data_of(data, more)
  return data, data == nil and more or nil
end

-- ---- Creating ----

local ways = {}

function ways.create_record(client, app, fields) return client:create_record(app, fields) end

function ways.handle(client, app, fields) return client:app(app):create(fields) end

function ways.request(client, app, fields)
  return data_of(client:request("POST", "/records/apps/" .. app, { body = fields }))
end

function records.create(context)
  local entry, client = context.model:begin("record"), context:client()
  local way = context:one_of { "create_record", "handle", "request" }
  local record, err = ways[way](client, context.apps.projects, new_fields(context, entry))
  context:ended("create", err)
  -- Of v1, and of an answer without data, client:request knows no id.
  context.model:created_as(entry, type(record) == "table" and record or record ~= nil and {}, err)
end

function records.create_all(context)
  local entries, list = {}, {}
  for i = 1, context.random(8) do
    entries[i] = context.model:begin("record")
    list[i] = new_fields(context, entries[i])
  end
  local app = context:client():app(context.apps.projects)
  for i, result in ipairs(app:create_all(list, { concurrency = context.random(4) })) do
    context:ended("create_all", result.err)
    context.model:created_as(entries[i], result.value, result.err)
  end
end

-- ---- With one that is there ----

-- Makes an operation of a function that takes a context and a record of its own; without one it creates one.
local function with_record(work)
  return function(context)
    local entry = context.model:pick("record", context.random)
    if not entry then return records.create(context) end
    entry.busy = true
    local ok, err = pcall(work, context, entry)
    entry.busy = nil
    if not ok then error(err, 0) end
  end
end

records.get = with_record(function(context, entry)
  local record, err = context:client():get_record(entry.id)
  if not context:ended("get", err) then return end
  for field in pairs(entry.values) do
    if not context.model.may_hold(entry, field, record[field]) then
      context.model:differ("%s: %s is %s", entry.key, field, tostring(record[field]))
    end
  end
  if record.title ~= entry.key then context.model:differ("%s came as %s", entry.key, tostring(record.title)) end
end)

records.update = with_record(function(context, entry)
  local client = context:client()
  local err
  local field = context:one_of { "description", "progress" }
  local value = field == "progress" and context.random(100) or content.text(context.random(1000000))
  if context:once_in(3) then
    err = select(2, data_of(client:request("PUT", "/records/" .. entry.id, { body = { [field] = value } })))
  else
    err = select(2, client:update_record(entry.id, { [field] = value }))
  end
  context:ended("update", err)
  context.model.changed(entry, field, value, err)
end)

records.delete = with_record(function(context, entry)
  if context.model:count("record") < 20 then return end -- the others want some to work with
  local client = context:client()
  local err
  if context:once_in(3) then
    err = select(2, data_of(client:request("DELETE", "/records/" .. entry.id)))
  else
    err = select(2, client:delete_record(entry.id))
  end
  context:ended("delete", err)
  context.model.deleted(entry, err)
end)

-- ---- Discussions ----

records.discuss = with_record(function(context, record)
  local entry = context.model:begin("discussion", { record = record, comments = {} })
  record.discussions = record.discussions or {}
  table.insert(record.discussions, entry)
  local discussion, err = context:client("v3"):create_discussion(record.id, entry.key)
  context:ended("create_discussion", err)
  context.model:created_as(entry, discussion, err)
end)

-- A discussion of a record that is there, both of them in hand.
local function with_discussion(work)
  return function(context)
    local entry = context.model:pick("discussion", context.random)
    local record = entry and entry.record
    if not entry or record.state ~= "there" or record.busy then return records.discuss(context) end
    entry.busy, record.busy = true, true
    local ok, err = pcall(work, context, entry)
    entry.busy, record.busy = nil, nil
    if not ok then error(err, 0) end
  end
end

records.comment = with_discussion(function(context, discussion)
  local entry = context.model:begin("comment", { discussion = discussion })
  table.insert(discussion.comments, entry)
  local comment, err = context:client("v3"):create_comment(discussion.id, entry.key)
  context:ended("create_comment", err)
  context.model:created_as(entry, comment, err)
end)

-- All that should be among `list` (array of {id =, message =}) is there once, and nothing that should not.
local function compare(context, what, entries, list)
  local by_message = {}
  for _, one in ipairs(list) do by_message[one.message] = (by_message[one.message] or 0) + 1 end
  for _, entry in ipairs(entries) do
    local count = by_message[entry.key] or 0
    if count > 1 or entry.state == "there" and count ~= 1 or (entry.state == "gone" or entry.state == "none")
        and count > 0 then
      context.model:differ("%s: %s, which is '%s', is there %d times", what, entry.key, entry.state, count)
    end
    by_message[entry.key] = nil
  end
  local other = next(by_message)
  if other then context.model:differ("%s: nobody wrote '%s'", what, other) end
end

records.get_discussion = with_discussion(function(context, entry)
  local discussion, err = context:client("v3"):get_discussion(entry.id)
  if context:ended("get_discussion", err) then compare(context, entry.key, entry.comments, discussion.comments) end
end)

records.delete_discussion = with_discussion(function(context, entry)
  local _, err = context:client("v3"):delete_discussion(entry.id)
  context:ended("delete_discussion", err)
  context.model.deleted(entry, err)
end)

records.discussions = with_record(function(context, record)
  local list, err
  if context:once_in(2) then
    list, err = context:client("v3"):get_discussions(record.id)
  else
    list = {}
    local ok, raised = pcall(function()
      for one in context:client("v3"):discussions(record.id, { page_size = 2 }) do list[#list + 1] = one end
    end)
    err = not ok and raised or nil
  end
  if context:ended("discussions", err) then compare(context, record.key, record.discussions or {}, list) end
end)

return records
