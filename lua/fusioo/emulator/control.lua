-- The control API under /_emulator: how specs and curious users steer the emulator. init.lua describes it.
--
-- Owns: these requests; they need no token, are not logged and do not count. Must not know: the service's methods.

local cjson = require "cjson.safe"
local files = require "fusioo.emulator.files"
local process = require "fusioo.emulator.process"
local settings = require "fusioo.emulator.settings"
local worlds = require "fusioo.emulator.world"

local control = {}
local actions = {}

local function say(status, text)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json; charset=utf-8"
  ngx.print(text)
end

local function refuse(status, message)
  say(status, '{"error":' .. cjson.encode(message) .. "}")
end

-- The request's body as a table; an empty body is an empty one.
local function body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if not text then return {} end
  local value = cjson.decode(text)
  if type(value) ~= "table" then return nil, "the body must be a JSON object" end
  return value
end

-- An array of ids, written in pieces: it can be a million long.
local function print_ids(app, keep)
  ngx.print("[")
  local pieces, n, separator = {}, 0, '"'
  app.rows:runs(function(first, last)
    for number = first, last do
      if not keep or keep(number) then
        n = n + 1
        pieces[n] = separator .. app:record_id(number) .. '"'
        separator = ',"'
        if n == 1000 then
          ngx.print(pieces)
          pieces, n = {}, 0
        end
      end
    end
  end)
  ngx.print(pieces)
  ngx.print("]")
end

actions["POST reset"] = function(state)
  local changes, why = body()
  if not changes then return refuse(400, why) end
  local merged
  merged, why = settings.merge(state.settings, changes)
  if not merged then return refuse(400, why) end
  state.world = worlds.new(merged)
  say(200, "{}")
end

actions["POST config"] = function(state)
  local changes, why = body()
  if not changes then return refuse(400, why) end
  if changes.seed ~= nil or changes.records ~= nil then
    return refuse(400, "seed and records take a reset")
  end
  local merged
  merged, why = settings.merge(state.world.settings, changes)
  if not merged then return refuse(400, why) end
  state.world:configure(merged)
  say(200, "{}")
end

actions["GET log"] = function(state)
  say(200, '{"requests":' .. state.world.log:json() .. "}")
end

actions["POST log/clear"] = function(state)
  state.world.log:clear()
  say(200, "{}")
end

actions["GET creates"] = function(state)
  say(200, '{"creates":' .. state.world.creates:json() .. "}")
end

actions["POST files"] = function(state)
  local wish, why = body()
  if not wish then return refuse(400, why) end
  local text
  text, why = files.make(state.world, wish)
  if not text then return refuse(400, why) end
  say(200, text)
end

actions["GET files"] = function(state, arguments)
  local text = files.describe(state.world, arguments.id)
  if not text then return refuse(404, "id: no such file") end
  say(200, text)
end

actions["GET files/elsewhere"] = function(state)
  say(200, '{"requests":' .. files.other_requests(state.world) .. "}")
end

actions["GET oauth"] = function(state)
  say(200, cjson.encode(state.world.oauth:counts()))
end

actions["POST oauth/expire"] = function(state)
  state.world.oauth:expire()
  say(200, "{}")
end

actions["POST oauth/revoke"] = function(state)
  local wish, why = body()
  if not wish then return refuse(400, why) end
  local both = not wish.access and not wish.refresh
  state.world.oauth:revoke(both or wish.access, both or wish.refresh)
  say(200, "{}")
end

actions["POST oauth/tokens"] = function(state)
  local wish, why = body()
  if not wish then return refuse(400, why) end
  for _, name in ipairs { "access_token", "refresh_token" } do
    if wish[name] ~= nil and type(wish[name]) ~= "string" then return refuse(400, name .. " must be a string") end
  end
  state.world.oauth:register(wish.access_token, wish.refresh_token, tonumber(wish.expires_in))
  say(200, "{}")
end

actions["GET truth"] = function(state, arguments)
  local app = state.world.app_by_id[arguments.app_id or ""]
  if not app then return refuse(404, "app_id: no such app") end
  say(200, '{"changes":' .. app.changes .. ',"ids":')
  print_ids(app)
  ngx.print(',"stayed":')
  print_ids(app, function(number) return number < app.initial end)
  ngx.print(',"moved":')
  print_ids(app, function(number) return app.moved[number] end)
  ngx.print("}")
end

-- The position of a row named by id or by position, or nil and a message.
local function position_of(world, app, name)
  if type(name) == "number" then
    if name % 1 == 0 and name >= 0 and name < app.rows.count then return name end
    return nil, "no row at position " .. name
  end
  local owner, number = world:find(tostring(name))
  if owner ~= app then return nil, "no row " .. tostring(name) end
  return app.rows:position(number)
end

local function is_position(value, most)
  return type(value) == "number" and value % 1 == 0 and value >= 0 and value <= most
end

-- Deletes rows; all are named as they stand before the first one goes.
local function delete_rows(world, app, names)
  local numbers, ids = {}, {}
  for i, name in ipairs(names) do
    local position, why = position_of(world, app, name)
    if not position then return nil, why end
    numbers[i] = app.rows:slice(position, 1)[1]
  end
  for i, number in ipairs(numbers) do
    local position = app.rows:position(number)
    if position then app:remove(position) end
    ids[i] = app:record_id(number)
  end
  return ids
end

local function insert_rows(app, list)
  local ids = {}
  for _, item in ipairs(list) do
    local count = item.count or 1
    if not is_position(item.position, app.rows.count) or not is_position(count, 1000000) then
      return nil, "insert: position and count must be whole numbers, position at most the count of rows"
    end
    local first = count > 0 and app:insert(item.position, count)
    for number = first or 1, first and first + count - 1 or 0 do
      ids[#ids + 1] = app:record_id(number)
    end
  end
  return ids
end

local function move_rows(app, list)
  for _, item in ipairs(list) do
    local last = app.rows.count - 1
    if not is_position(item.from, last) or not is_position(item.to, last) then
      return nil, "move: from and to must be positions of rows"
    end
    app:move(item.from, item.to)
  end
  return true
end

local function json_array(list)
  return #list == 0 and "[]" or cjson.encode(list)
end

actions["POST rows"] = function(state)
  local request, why = body()
  if not request then return refuse(400, why) end
  local app = state.world.app_by_id[request.app_id or ""]
  if not app then return refuse(404, "app_id: no such app") end
  local deleted, inserted, moved
  deleted, why = delete_rows(state.world, app, request.delete or {})
  if not deleted then return refuse(400, why) end
  inserted, why = insert_rows(app, request.insert or {})
  if not inserted then return refuse(400, why) end
  moved, why = move_rows(app, request.move or {})
  if not moved then return refuse(400, why) end
  say(200, string.format('{"deleted":%s,"inserted":%s,"count":%d}', json_array(deleted),
    json_array(inserted), app.rows.count))
end

actions["GET stats"] = function(state)
  local world = state.world
  local apps = {}
  for _, app in ipairs(world.apps) do
    apps[app.key] = { id = app.id, count = app.rows.count, changes = app.changes }
  end
  local in_force = {}
  for name, value in pairs(world.settings) do
    if name ~= "tokens" and name ~= "oauth" then in_force[name] = value end
  end
  say(200, cjson.encode {
    apps = apps, pid = ngx.worker.pid(), port = state.options.port,
    tls_port = state.options.certificate and state.options.tls_port or nil,
    answered = world.answered,
    faults = world.faults:counts(),
    requests = world.log.number,
    window = {
      calls = world.window.calls, seconds = world.window.seconds,
      used = world.window:used(process.monotonic()),
    },
    settings = in_force,
    memory = collectgarbage("count") * 1024,
  })
end

actions["POST stop"] = function()
  ngx.header["Connection"] = "close"
  say(200, "{}")
  ngx.eof()
  ngx.timer.at(0, process.terminate)
end

-- Answers a control request. `state` is server.lua's: {world =, settings =, options =}.
function control.handle(state, path, query)
  local name = path:match("^/_emulator/(.-)/?$")
  local action = actions[ngx.req.get_method() .. " " .. name]
  if not action then return refuse(404, "no such control request: " .. name) end
  return action(state, ngx.decode_args(query, 0))
end

return control
