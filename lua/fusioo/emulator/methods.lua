-- What each method of the service does.
--
-- Owns: one function per route of routes.lua. Must not know: tokens, the window, latency, nginx.
--
-- A method takes (world, call) and returns an answer (reply.lua). `call` has: arguments (from the path,
-- decoded), query (name -> text), body (text or nil), version (1, 2, 3).

local query = require "fusioo.emulator.query"
local reply = require "fusioo.emulator.reply"

local methods = {}

local MOST = 200 -- records, or users, of one page

-- A whole number from the query; nil and a message where it is something else.
local function whole(text, name, default, least, most)
  if text == nil then return default end
  local number = type(text) == "string" and text:find("^%d+$") and tonumber(text)
  if not number or number < least or number > most then
    return nil, string.format("%s must be a whole number, %d to %.0f", name, least, most)
  end
  return number
end

-- How many to skip and how many to show. In v1 and v2 `offset` says where to start, counted
-- from 1 (0 means the same as 1); in v3 how many to skip.
local function page_bounds(call)
  local limit, why = whole(call.query.limit, "limit", MOST, 1, MOST)
  if not limit then return nil, why end
  local offset
  offset, why = whole(call.query.offset, "offset", 0, 0, 2 ^ 53)
  if not offset then return nil, why end
  if call.version < 3 and offset > 0 then offset = offset - 1 end
  return offset, limit
end

function methods.ping()
  return reply.success("{}")
end

function methods.get_apps(world)
  local texts = {}
  for i, app in ipairs(world.apps) do texts[i] = app.json end
  return reply.success("[" .. table.concat(texts, ",") .. "]")
end

function methods.get_app(world, call)
  local app = world.app_by_id[call.arguments.app_id]
  if not app then return reply.app_not_found() end
  return reply.success(app.json)
end

local function count(world, call, filter)
  local app = world.app_by_id[call.arguments.app_id]
  if not app then return reply.app_not_found() end
  local plan, why = query.plan(app, call.version, filter)
  if not plan then return reply.bad_request(why) end
  return reply.success('{"count":' .. query.count(app, plan) .. "}")
end

function methods.record_count(world, call)
  return count(world, call)
end

function methods.record_count_filter(world, call)
  return count(world, call, call.body or "")
end

local function page(world, call, filter)
  local app = world.app_by_id[call.arguments.app_id]
  if not app then return reply.app_not_found() end
  local skip, limit = page_bounds(call)
  if not skip then return reply.bad_request(limit) end
  local plan, why = query.plan(app, call.version, filter, call.query.sort_by, call.query.order)
  if not plan then return reply.bad_request(why) end
  limit = math.min(limit, world.settings.page_cap)
  local key = table.concat({ app.key, app.changes, call.version, skip, limit, query.name(plan) }, " ")
  local text = world.pages:text(key, function()
    return app:records(query.page(app, plan, skip, limit), call.version)
  end)
  world:page_answered(app)
  return reply.success(text)
end

function methods.get_records(world, call)
  return page(world, call)
end

function methods.get_records_filter(world, call)
  return page(world, call, call.body or "")
end

function methods.get_record(world, call)
  local app, number = world:find(call.arguments.record_id)
  if not app then return reply.not_found("Record not found") end
  return reply.success(app:record(number, call.version))
end

function methods.get_users(world, call)
  local skip, limit = page_bounds(call)
  if not skip then return reply.bad_request(limit) end
  local texts = {}
  for i = skip + 1, math.min(skip + limit, #world.users) do
    texts[#texts + 1] = world.users[i]
  end
  return reply.success("[" .. table.concat(texts, ",") .. "]")
end

function methods.get_user(world, call)
  local text = world.user_by_id[call.arguments.user_id]
  if not text then return reply.not_found("User not found") end
  return reply.success(text)
end

-- There are no files and no discussions here: those of an existing record are an empty list, everything else
-- is not found.
function methods.get_discussions(world, call)
  local skip, why = page_bounds(call)
  if not skip then return reply.bad_request(why) end
  if not world:find(call.arguments.record_id) then return reply.not_found("Record not found") end
  return reply.success("[]")
end

function methods.get_discussion()
  return reply.not_found("Discussion not found")
end

function methods.get_file()
  return reply.not_found("File not found")
end

methods.download_file = methods.get_file

return methods
