-- What each method of the service does.
--
-- Owns: one function per route of routes.lua: those that read, and which modules have the others. Must not know:
-- tokens, the window, latency, nginx.
--
-- A method takes (world, call) and returns an answer (reply.lua). `call` has: arguments (from the path,
-- decoded), query (name -> text), body (text or nil), version (1, 2, 3), request (its number in the log).

local discussions = require "fusioo.emulator.discussions"
local files = require "fusioo.emulator.files"
local paging = require "fusioo.emulator.paging"
local query = require "fusioo.emulator.query"
local reply = require "fusioo.emulator.reply"
local writes = require "fusioo.emulator.writes"

local methods = {}

for _, part in ipairs { writes, discussions } do
  for name, method in pairs(part) do methods[name] = method end
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
  local skip, limit = paging.bounds(call)
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
  local text, why = paging.page(call, world.users)
  if not text then return reply.bad_request(why) end
  return reply.success(text)
end

function methods.get_user(world, call)
  local text = world.user_by_id[call.arguments.user_id]
  if not text then return reply.not_found("User not found") end
  return reply.success(text)
end

for _, name in ipairs { "create_file", "get_file", "download_file", "delete_file" } do methods[name] = files[name] end

return methods
