-- The emulator inside nginx: the phases that nginx calls, and the way of a request through the service.
--
-- Owns: the current world, the order of checks (fault, latency, token, method, window), the log entry of each request.
-- Must not know: what methods do, how data and faults are made.

local control = require "fusioo.emulator.control"
local damage = require "fusioo.emulator.damage"
local faults = require "fusioo.emulator.faults"
local download = require "fusioo.emulator.files_download"
local files = require "fusioo.emulator.files"
local log = require "fusioo.emulator.log"
local methods = require "fusioo.emulator.methods"
local oauth = require "fusioo.emulator.oauth"
local process = require "fusioo.emulator.process"
local reply = require "fusioo.emulator.reply"
local routes = require "fusioo.emulator.routes"
local worlds = require "fusioo.emulator.world"

local server = {}

local HEARTBEAT = 0.25 -- seconds between two looks at who started us

-- The state that requests are answered from: `options` are those of launch.lua, `settings` what a reset goes
-- back to, `world` the current one.
local state = {}

-- Once, when nginx reads its configuration.
function server.init()
  local prefix = ngx.config.prefix()
  state.options = dofile(prefix .. "options.lua")
  state.settings = state.options.settings
  state.world = worlds.new(state.settings)
  download.other_port = state.options.other_port
  state.began = process.monotonic()
end

-- Tells the launcher that the service answers; it has asked itself to be sure.
local function announce()
  local socket = ngx.socket.tcp()
  assert(socket:connect("127.0.0.1", state.options.port))
  assert(socket:send("GET /_emulator/stats HTTP/1.0\r\n\r\n"))
  assert(assert(socket:receive("*l")):find(" 200 ", 1, true))
  socket:close()
  io.stdout:write("ready\n")
  io.stdout:flush()
end

-- Once, when nginx's only process listens.
function server.init_worker()
  local options = state.options
  os.execute("rm -rf '" .. options.folder:gsub("'", "'\\''") .. "'")
  local alive = process.watch(options.launcher, options.starter)
  assert(ngx.timer.at(0, announce))
  assert(ngx.timer.every(HEARTBEAT, function()
    -- The launcher wakes up at each line, which lets it notice signals.
    local written = io.stdout:write(".\n") and io.stdout:flush()
    if not written or not alive() then process.exit(0) end
  end))
end

function server.exit_worker()
  process.exit(0)
end

-- "ok", "wrong" or "none"
local function authorization(world)
  local header = ngx.var.http_authorization
  if not header then return "none" end
  local token = header:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+)%s*$")
  return token and (world.tokens[token] or world.oauth:accepts(token)) and "ok" or "wrong"
end

-- The body of the request; nil where there is none.
local function read_body()
  if not ngx.var.http_content_length and not ngx.var.http_transfer_encoding
      and ngx.req.http_version() < 2 then
    return nil
  end
  ngx.req.read_body()
  return ngx.req.get_body_data()
end

local function split_uri()
  local path, query = ngx.var.request_uri:match("^([^?]*)%??(.*)$")
  return path, query
end

-- What nginx tells of the current request, and the route of routes.lua that it means, if any.
local function new_request()
  local path, query = split_uri()
  local method = ngx.req.get_method()
  local route, arguments, version = routes.find(method, path)
  local sign_in = oauth.find(path)
  return {
    method = method, path = path, query = query, uri = ngx.var.request_uri, agent = ngx.var.http_user_agent,
    route = route, arguments = arguments, sign_in = sign_in, endpoint = sign_in or route and route.name,
    version = version and "v" .. version,
    number = version,
  }
end

-- The service's answer to a request; `body` is the request's: a text, or what files.receive returned. With `idle` it
-- breaks before it does what it is asked: then the answer has nothing in it, and a fault takes its place.
local function answer(world, entry, request, body, idle)
  if request.sign_in then
    if idle then return reply.success("null") end
    return oauth.answer(world, entry, request, body, {
      content_type = ngx.var.http_content_type, authorization = ngx.var.http_authorization,
    })
  end
  if entry.authorization ~= "ok" then
    return reply.unauthorized(world.settings.oauth.echo and ngx.var.http_authorization)
  end
  local route = request.route
  if not route then return reply.not_found() end
  entry.endpoint, entry.version = request.endpoint, request.version
  if not route.free then
    local taken, wait = world.window:take(process.monotonic())
    if not taken then
      return reply.rate_limit(world.settings.rate.retry_after, wait, ngx.now())
    end
  end
  if idle then return reply.success("null") end
  local method = methods[route.name]
  if not method then return reply.not_implemented(route.name) end
  return method(world, {
    arguments = request.arguments, version = request.number, request = entry.number,
    body = type(body) == "string" and body or nil, upload = type(body) == "table" and body or nil,
    -- A parameter that is given twice or without a value is none that they take.
    query = ngx.decode_args(request.query, 0),
  })
end

-- The same, whatever happens in there.
local function own_answer(...)
  local ok, result = xpcall(answer, debug.traceback, ...)
  if ok then return result end
  ngx.log(ngx.ERR, result)
  return reply.internal("The emulator broke; its standard error says where")
end

local function new_entry(world, request, body)
  local secret = request.sign_in ~= nil -- what is asked there, and the query, may hold passwords, codes, tokens
  return world.log:add {
    endpoint = request.sign_in, method = request.method, path = request.path,
    query = not secret and request.query or nil,
    time = process.monotonic() - state.began,
    connection = tonumber(ngx.var.connection), protocol = ngx.var.server_protocol,
    headers = log.headers(ngx.req.get_headers(0)),
    authorization = authorization(world), body = not secret and log.body(body) or nil,
  }
end

-- A request that the fault plan lets go wrong before anything is read: nothing of it counts.
local function drop(world, request, rule)
  local entry = new_entry(world, request)
  entry.endpoint, entry.version = request.endpoint, request.version
  return entry, damage.apply(rule)
end

local function handle(world, request, idle)
  local upload = request.endpoint == "create_file" and files.receive(state.options.folder)
  local body = not upload and read_body() or nil
  local entry = new_entry(world, request, upload and upload.head or body)
  local latency = world:latency()
  if latency > 0 then ngx.sleep(latency) end
  return entry, own_answer(world, entry, request, upload or body, idle)
end

local function serve(world)
  local request = new_request()
  local rule = world.faults:choose(request)
  local entry, result
  if rule and faults.is_unhandled(rule) then
    entry, result = drop(world, request, rule)
  else
    entry, result = handle(world, request, rule and not rule.done)
    if rule then result = damage.apply(rule, result) end
  end
  if request.sign_in then world.oauth:note(rule and entry.issued) end
  entry.fault = rule and rule.fault
  entry.status, entry.code = result.status, result.code
  entry.finished = process.monotonic() - state.began
  if result.status then world:count_answer(entry.endpoint or "none", result.status) end
  if not world.settings.gzip then ngx.req.clear_header("Accept-Encoding") end
  reply.send(result)
end

-- Each request.
function server.handle()
  local path, query = split_uri()
  if path:find("^/_emulator/") then return control.handle(state, path, query) end
  return serve(state.world)
end

-- Each request to the other host, where downloads may be redirected to.
function server.handle_elsewhere()
  reply.send(files.answer_elsewhere(state.world))
end

return server
