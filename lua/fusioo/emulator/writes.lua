-- Creating, updating and deleting records.
--
-- Owns: these three methods, and what of an app's schema a body must obey. Must not know: what values of a type look
-- like (fusioo.fields), how rows and values are kept (app.lua), tokens, the window, nginx.
--
-- A method takes (world, call) and returns an answer, as in methods.lua.

local cjson = require "cjson.safe"
local fields = require "fusioo.fields"
local files = require "fusioo.emulator.files"
local members = require "fusioo.emulator.members"
local query = require "fusioo.emulator.query"
local reply = require "fusioo.emulator.reply"
local values = require "fusioo.emulator.values"

local writes = {}

-- What is wrong with one value; nil where nothing is. `updating`: is the record there already?
local function fault_of(field, member, updating)
  if updating and field.read_only and not fields.is_read_only(field) then return "cannot be updated" end
  if member.text == "null" and field.required then return "is required, and null" end
  local value = members.decode(member.text)
  if value == nil then return "holds text that is no Unicode" end
  return fields.fault(field, value, function(of)
    -- Which of two empty tables is an array only the text tells; those inside of it matter to nobody.
    return of ~= value or member.text:byte() == 91
  end, cjson.null)
end

-- nil, or a message that names the field at fault.
local function check(app, list, version, updating)
  local given = {}
  for _, member in ipairs(list) do
    local field = app.by_id[member.id]
    given[member.id] = true
    if not field or field.file and version < 3 then return "there is no field '" .. member.id .. "'" end
    if field.own then return "field '" .. field.id .. "' is the service's own" end
    local reason = fault_of(field, member, updating)
    if reason then return "field '" .. field.id .. "' " .. reason end
  end
  for _, field in ipairs(updating and {} or app.fields) do
    if field.required and not given[field.id] then return "field '" .. field.id .. "' is required, and missing" end
  end
  return nil
end

-- What a file field shows: the files in place of their ids. nil and a message where one is not there.
local function with_files(world, member)
  local texts = {}
  for i, id in ipairs(members.decode(member.text)) do
    local answer = files.get_file(world, { arguments = { file_id = id } })
    if answer.status ~= 200 then return nil, "field '" .. member.id .. "': there is no file '" .. id .. "'" end
    texts[i] = answer.body:match('^{"code":10000,"message":"Success","data":(.*)}$')
  end
  return { id = member.id, name = member.name, text = "[" .. table.concat(texts, ",") .. "]" }
end

-- The members of the request's body that go into the record; nil and a message where it cannot be so.
local function read_body(world, app, call, updating)
  local list, why = members.cut(call.body or "")
  if not list then return nil, why end
  if world.settings.validate then
    why = check(app, list, call.version, updating)
    if why then return nil, why end
  end
  local kept = {}
  for _, member in ipairs(list) do
    local field = app.by_id[member.id]
    if field and field.file and member.text ~= "null" and world.settings.validate then
      member, why = with_files(world, member)
      if not member then return nil, why end
    end
    if not (field and field.own) then kept[#kept + 1] = member end
  end
  return kept
end

-- Adds the times of a write to what is written.
local function stamp(list, created)
  local now = '"' .. values.time_text(os.time(), "+0000") .. '"'
  if created then list[#list + 1] = { id = "created", name = '"created"', text = now } end
  list[#list + 1] = { id = "last_modified", name = '"last_modified"', text = now }
  return list
end

function writes.create_record(world, call)
  local app = world.app_by_id[call.arguments.app_id]
  if not app then return reply.app_not_found() end
  local list, why = read_body(world, app, call, false)
  if not list then return reply.bad_request(why) end
  local number = app:create(stamp(list, true))
  local id = app:record_id(number)
  world.creates:add("record", id, call.request)
  if call.version == 1 then return reply.success('{"id":"' .. id .. '"}') end
  return reply.success(app:record(number, call.version))
end

function writes.update_record(world, call)
  local app, number = world:find(call.arguments.record_id)
  if not app then return reply.not_found("Record not found") end
  local list, why = read_body(world, app, call, true)
  if not list then return reply.bad_request(why) end
  app:write(number, stamp(list, false))
  query.written(app, number)
  if call.version == 1 then return reply.success("{}") end
  return reply.success(app:record(number, call.version))
end

function writes.delete_record(world, call)
  local app, number = world:find(call.arguments.record_id)
  if not app then return reply.not_found("Record not found") end
  app:remove(app.rows:position(number))
  return reply.success("{}")
end

return writes
