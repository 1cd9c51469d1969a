-- Secrets: a run over every way in which a sign-in and its calls can fail, with tokens, a secret, a password and a code
-- that are easy to find. Then everything is searched for them: what was printed, every file but the store, what the
-- system shows of the process and of those it starts.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local sign_ins = require "spec.support.sign_ins"

-- Whatever begins like this is a secret.
local CANARY = "canary7"

-- Prints every event, every error in all its fields, and all objects.
local PROGRAM = [[
  local CONFIG = dofile(%q)
  local path, folder = CONFIG.path, CONFIG.folder
  local seen = {}
  local patience = {total = 60}

  local function show(value, depth)
    if type(value) == "table" and depth < 4 then
      print(tostring(value))
      for key, part in pairs(value) do
        print(("  "):rep(depth) .. tostring(key) .. " = " .. tostring(part))
        show(part, depth + 1)
      end
    end
  end

  local function tell(what, ...)
    print("-- " .. what)
    for i = 1, select("#", ...) do
      local value = (select(i, ...))
      if type(value) == "table" and value.kind then
        seen[value.kind] = true
        show(value, 0)
      elseif type(value) == "string" and i > 1 then
        print(value)
      elseif type(value) == "table" and value.access_token then
        print("a token")
      else
        print(type(value))
      end
    end
  end

  -- Errors that are raised, with their tracebacks.
  local function tell_raised(what, f, ...)
    local arguments = {n = select("#", ...), ...}
    local function run() return f((table.unpack or unpack)(arguments, 1, arguments.n)) end
    local ok, err = xpcall(run, debug.traceback)
    print("-- " .. what, ok, tostring(err))
    local fine, plain = pcall(run)
    if not fine then print(tostring(plain)) end
  end

  local function event(name)
    return function(e) print("event of " .. name) show(e, 1) end
  end

  local function new(given)
    given.client_secret = given.client_secret or CONFIG.client_secret
    given.password = given.grant == "password" and (given.password or CONFIG.password) or nil
    given.on_event = event "sign-in"
    given.timeout = patience
    return sign_ins.new(service, given)
  end

  local function client(auth)
    return sign_ins.client(service, auth, {on_event = event "client", timeout = patience,
      rate = {calls = 100000, window = 3600, ledger = false, on_limit = "error"}})
  end

  local control = require "spec.support.emulator"
  local http = require "spec.support.http"
  local function config(settings)
    local answer = http.request("POST", service.url .. "/_emulator/config", {body = fusioo.json.encode(settings)})
    assert(answer.status == 200, answer.body)
  end
  local function post(action)
    http.request("POST", service.url .. "/_emulator/oauth/" .. action, {body = "{}"})
  end

  -- ---- What goes well ----

  local store = fusioo.store.file(path)
  local auth = new{grant = "password", store = store}
  tell("first token", auth:token())
  tell("refresh", auth:refresh())
  tell("calls", client(auth):get_apps())
  print(auth, client(auth), store, store.load, fusioo.oauth)
  post "expire"
  tell("after a 401", client(auth):get_apps())

  -- ---- Refusals that repeat what was sent ----

  tell("wrong secret", new{grant = "password", client_secret = CONFIG.wrong}:token())
  tell("wrong password", new{grant = "password", password = CONFIG.wrong}:token())
  tell("wrong credentials", new{grant = "client_credentials", client_secret = CONFIG.wrong}:token())
  tell("wrong token", sign_ins.client(service, nil, {token = CONFIG.wrong, on_event = event "token"}):get_apps())
  tell("wrong token from a function", sign_ins.client(service, nil, {
    token = function() return CONFIG.wrong end, on_event = event "token"}):get_apps())
  tell("a token that is none", sign_ins.client(service, nil, {token = function() return CONFIG.wrong .. "\n" end})
    :get_apps())
  local code = new{store = store}
  post "revoke"
  tell("dead refresh token", code:refresh())
  tell("dead refresh token in a call", client(code):get_apps())
  tell("again", client(code):get_apps())
  tell("revoked, with a password", client(auth):get_apps())
  -- A token that is refused, and cannot be renewed, either.
  local application = new{grant = "client_credentials"}
  tell("the application's token", application:token())
  post "expire"
  config{oauth = {client_secret = "another secret"}}
  tell("neither the token nor the secret", client(application):get_apps())
  config{oauth = {client_secret = CONFIG.client_secret}}

  -- ---- Redirects ----

  local web = new{}
  local url, state = web:authorize_url()
  for what, redirected in pairs{
    ["another host"] = "http://localhost:9/signed-in?code=" .. CONFIG.code .. "&state=" .. state,
    ["another state"] = "http://127.0.0.1:9/signed-in?code=" .. CONFIG.code .. "&state=" .. CONFIG.wrong,
    ["no state"] = "http://127.0.0.1:9/signed-in?code=" .. CONFIG.code,
    ["two codes"] = "http://127.0.0.1:9/signed-in?code=" .. CONFIG.code .. "&code=x&state=" .. state,
    ["no address"] = CONFIG.code,
    ["a wrong code"] = "http://127.0.0.1:9/signed-in?code=" .. CONFIG.code .. "&state=" .. state,
  } do
    tell(what, web:finish(redirected, state))
  end
  local implicit = new{grant = "implicit"}
  url, state = implicit:authorize_url()
  tell("no token", implicit:finish("http://127.0.0.1:9/signed-in#access_token=" .. CONFIG.wrong ..
    "%%20x&state=" .. state, state))
  tell("a token of another kind", implicit:finish("http://127.0.0.1:9/signed-in#token_type=mac&access_token=" ..
    CONFIG.wrong .. "&state=" .. state, state))
  tell("nobody comes", (function()
    web = new{redirect_uri = "http://127.0.0.1:" .. CONFIG.port .. "/signed-in"}
    web:authorize_url()
    return web:listen{timeout = 0.05}
  end)())

  -- ---- Faults of the endpoint and of the service ----

  -- Too short for a repeat: each fault is met once.
  patience = {connect = 0.2, idle = 0.2, total = 0.24}
  local hasty = new{grant = "password", store = store}
  for _, endpoint in ipairs{"token", "get_apps"} do
    for _, fault in ipairs{
      {fault = "drop"}, {fault = "lose"}, {fault = "cut"}, {fault = "stall", seconds = 1}, {fault = "garbage"},
      {fault = "html"}, {fault = "status", status = 500}, {fault = "status", status = 429},
      {fault = "status", status = 404}, {fault = "status", status = 401}, {fault = "status", status = 400},
      {fault = "redirect"}, {fault = "body", text = '{"error":"invalid_grant","error_description":"' .. CONFIG.secrets
        .. '"}'}, {fault = "body", text = CONFIG.secrets}, {fault = "length", by = 10}, {fault = "header"},
      {fault = "utf8"}, {fault = "nul"}, {fault = "large", bytes = 300000}, {fault = "deep"}, {fault = "extra"},
      {fault = "chunks"}, {fault = "code"}, {fault = "data", json = '"' .. CONFIG.secrets .. '"'},
    } do
      fault.endpoint, fault.done = endpoint, nil
      config{faults = {fault}}
      local one = new{grant = "client_credentials"}
      tell(endpoint .. " " .. fault.fault, client(one):get_apps())
      tell(endpoint .. " " .. fault.fault .. ", refresh", hasty:refresh())
    end
  end
  config{faults = fusioo.array{}}
  patience = {connect = 5, total = 0.24}
  tell("nobody there", new{grant = "password", token_url = "http://127.0.0.1:1/oauth/token"}:token())
  tell("no such host", new{grant = "password", token_url = "https://fusioo.invalid/oauth/token", proxy =
    "http://user:" .. CONFIG.wrong .. "@127.0.0.1:1"}:token())

  -- ---- Stores ----

  patience = {total = 60}
  local function own(functions)
    functions.load = functions.load or function() end
    functions.save = functions.save or function() return true end
    return new{grant = "password", store = functions}
  end
  tell("a store that quotes", own{save = function(token) error("cannot save " .. token.access_token, 0) end}:token())
  tell("and calls go on", client(own{save = function(token) return nil, "no " .. token.refresh_token end}):get_apps())
  tell("a store of nothing", own{load = function() return CONFIG.wrong end}:token())
  tell("a store of a token that is none", own{load = function() return {access_token = CONFIG.wrong .. " " } end}
    :token())
  for _, text in ipairs{'{"access_token":"' .. CONFIG.wrong, CONFIG.wrong,
      '{"access_token":["' .. CONFIG.wrong .. '"]}'} do
    local broken = CONFIG.store_folder .. "/broken.json"
    local file = io.open(broken, "w")
    file:write(text)
    file:close()
    os.execute("chmod 600 " .. broken)
    tell("a broken file", new{store = fusioo.store.file(broken)}:token())
    tell("a broken file, loaded", fusioo.store.file(broken).load())
    os.remove(broken)
  end
  os.execute("chmod 644 " .. path)
  tell("a file for all", new{store = store}:token())
  os.execute("chmod 600 " .. path)
  tell("a folder", new{grant = "password", store = fusioo.store.file(CONFIG.store_folder)}:token())
  tell("no place", new{grant = "password", store = fusioo.store.file("/dev/full")}:token())
  tell_raised("saving no token", store.save, {access_token = CONFIG.wrong, refresh_token = {}})

  -- ---- Mistakes ----

  tell_raised("a token in place of options", fusioo.new, CONFIG.wrong)
  tell_raised("a token with a line end", fusioo.new, {token = CONFIG.wrong .. "\n"})
  tell_raised("token and auth", fusioo.new, {token = CONFIG.wrong, auth = auth})
  tell_raised("a secret that is a table", fusioo.oauth.new, {client_id = "x", client_secret = {CONFIG.wrong}})
  tell_raised("a password without a name", fusioo.oauth.new, {client_id = "x", grant = "password", password =
    CONFIG.wrong})
  tell_raised("a secret in place of options", fusioo.oauth.new, CONFIG.wrong)
  tell_raised("a secret with a zero byte", fusioo.oauth.new, {client_id = "x", client_secret = CONFIG.wrong .. "\0"})
  tell_raised("a password in an address", fusioo.oauth.new, {client_id = "x", token_url = "https://me:" .. CONFIG.wrong
    .. "@fusioo.example/"})
  tell_raised("a password in base_url", fusioo.new, {base_url = "https://me:" .. CONFIG.wrong .. "@fusioo.example"})

  -- ---- What the system shows ----

  os.execute("tr '\\0' '\\n' </proc/self/environ; tr '\\0' ' ' </proc/$PPID/cmdline; cat /proc/$PPID/comm")
  local kinds = {}
  for kind in pairs(seen) do kinds[#kinds + 1] = kind end
  table.sort(kinds)
  print("kinds: " .. table.concat(kinds, " "))
  print "through"
]]

describe("secrets", function()
  local service

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)

  -- What stands behind a canary: so long that no message has room for all of it.
  local TAIL = "-0123456789" .. ("abcdefghijklmnopqrstuvwxyz"):rep(40)

  it("are in nothing that is printed, kept or shown", function()
    local store_folder, folder = files.folder(), files.folder()
    local names = {access = "access", refresh = "refresh", secret = "secret", password = "password", code = "code"}
    for key, name in pairs(names) do names[key] = CANARY .. "-" .. name .. TAIL end
    local next_tokens = {}
    for i = 1, 200 do
      next_tokens[i] = {access_token = names.access .. i, refresh_token = names.refresh .. i}
    end
    service:config{oauth = {client_secret = names.secret, password = names.password, echo = true,
      next_tokens = next_tokens}}
    local config = folder .. "/config.lua"
    local file = assert(io.open(config, "w"))
    file:write(("return {path = %q, store_folder = %q, folder = %q, client_secret = %q, password = %q, code = %q, " ..
      "wrong = %q, secrets = %q, port = 0}"):format(store_folder .. "/token.json", store_folder, folder,
      names.secret, names.password, names.code, CANARY .. "-wrong" .. TAIL,
      names.secret))
    file:close()
    local probe = assert(require "socket".bind("127.0.0.1", 0))
    local port = select(2, probe:getsockname())
    probe:close()
    local text = PROGRAM:format(config):gsub("CONFIG%.port", tostring(port))
    local output = sign_ins.finish(sign_ins.start(service, text))
    assert.is_truthy(output:find("\nthrough\n", 1, true), output:sub(-2000))
    -- Every kind of error that a sign-in can meet was met.
    assert.matches("kinds: api auth decode invalid network rate_limit timeout", output)
    for line in output:gmatch("[^\n]+") do
      assert.is_nil(line:find(CANARY, 1, true), line)
    end
    os.remove(config)
    -- The store, and what a crash might leave beside it, are for their owner alone; nothing else holds anything.
    local places = {folder, os.getenv "XDG_STATE_HOME", os.getenv "XDG_CONFIG_HOME"}
    assert.equal("", files.output_of("grep -rl '" .. CANARY .. "' '" .. table.concat(places, "' '") .. "'"))
    assert.equal(store_folder .. "/token.json", files.output_of("grep -rl '" .. CANARY .. "' '" .. store_folder .. "'"))
    -- Nor does the log that the emulator keeps.
    assert.is_nil(require "spec.support.http".request("GET", service.url .. "/_emulator/log").body
      :find(CANARY, 1, true))
  end)
end)
