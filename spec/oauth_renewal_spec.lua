-- One renewal, however many wait for it: calls of one process, and processes that share a store. What is asserted is
-- the emulator's own count.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local preload = require "spec.support.preload"
local sign_ins = require "spec.support.sign_ins"

local PROCESSES = 8

describe("renewing", function()
  local service, path

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)
  before_each(function()
    service:reset()
    -- Who uses a refresh token twice is signed out, and everybody with them.
    service:config{oauth = {rotate = true, reuse = "revoke"}}
    path = files.folder() .. "/token.json"
  end)

  local function store() return fusioo.store.file(path) end

  local function sign_in(given)
    given = given or {}
    if given.store == nil then given.store = store() end
    local auth = sign_ins.new(service, given)
    assert(sign_ins.sign_in(service, auth))
    service:clear_log()
    return auth
  end

  local function refreshes() return #sign_ins.token_requests(service, "refresh_token") end

  -- The same token, with an end that has passed.
  local function age()
    local token = store().load()
    token.expires_at = os.time() - 10
    store().save(token)
    service:expire_tokens()
  end

  -- ---- In one process ----

  local function call_fifty_times(client)
    local functions = {}
    for i = 1, 50 do functions[i] = function() return client:get_app(service.apps.projects) end end
    for _, result in ipairs(fusioo.all(functions, 50)) do assert(result.value, tostring(result.err)) end
  end

  it("serves fifty calls that meet a token that the service refuses", function()
    local client = sign_ins.client(service, sign_in())
    assert(client:get_apps())
    service:expire_tokens()
    call_fifty_times(client)
    assert.equal(1, refreshes())
  end)

  it("serves fifty calls whose token has ended", function()
    sign_in()
    age()
    call_fifty_times(sign_ins.client(service, sign_ins.new(service, {store = store()})))
    assert.equal(1, refreshes())
    assert.equal(51, #service:log()) -- nobody was refused
  end)

  it("serves two sign-ins that share a store in memory", function()
    local memory = fusioo.store.memory()
    local one = sign_in{store = memory}
    local other = sign_ins.new(service, {store = memory})
    service:expire_tokens()
    local clients = {sign_ins.client(service, one), sign_ins.client(service, other)}
    local functions = {}
    for i = 1, 20 do functions[i] = function() return clients[i % 2 + 1]:get_apps() end end
    for _, result in ipairs(fusioo.all(functions, 20)) do assert(result.value, tostring(result.err)) end
    assert.equal(1, refreshes())
  end)

  it("repeats a create that the old token did not get through", function()
    local client = sign_ins.client(service, sign_in())
    service:expire_tokens()
    assert(client:create_record(service.apps.projects, {title = "once", status = {"In Progress"}}))
    assert.equal(1, #service:creates())
    assert.equal(1, refreshes())
  end)

  it("happens once for a call, even where the new token is refused, too", function()
    local client = sign_ins.client(service, sign_in())
    service:config{faults = {{endpoint = "get_apps", fault = "status", status = 401}}}
    local apps, err = client:get_apps()
    assert.is_nil(apps)
    assert.equal("auth", err.kind)
    assert.equal(2, err.attempts)
    assert.equal(1, refreshes())
  end)

  it("does not make a call wait in line with a token that ends meanwhile", function()
    service:config{oauth = {access_life = 1}, rate = {calls = 1, window = 2}}
    local auth = sign_in()
    local client = sign_ins.client(service, auth, {rate = {calls = 1, window = 2, ledger = false}})
    assert(client:get_apps())
    assert(client:get_apps())
    for _, entry in ipairs(service:log()) do assert.equal(200, entry.status) end
    assert.is_true(refreshes() >= 1)
  end)

  it("lets a task that waits for it be cancelled, and keeps the token all the same", function()
    sign_in()
    local auth = sign_ins.new(service, {store = store(), runtime = "step"})
    local before = store().load()
    local client = sign_ins.client(service, auth, {runtime = "step"})
    service:expire_tokens()
    service:config{latency = 0.2}
    local task = client:spawn(function() return client:get_apps() end)
    files.wait_until(function()
      client:step()
      return #sign_ins.token_requests(service) == 1
    end)
    task:cancel()
    files.wait_until(function()
      client:step()
      return store().load().access_token ~= before.access_token
    end)
    assert.equal("cancelled", select(2, task:result()).kind)
    assert.equal(1, service:oauth().refreshed)
  end)

  -- ---- In several ----

  local PROGRAM = [[
    local auth = sign_ins.new(service, {store = fusioo.store.file(%q)})
    local client = sign_ins.client(service, auth)
    print "ready"
    repeat local go = io.open(%q) until go
    local functions = {}
    for i = 1, 5 do functions[i] = function() return client:get_apps() end end
    local good = 0
    for _, result in ipairs(fusioo.all(functions, 5)) do
      if result.value then good = good + 1 else print(tostring(result.err)) end
    end
    print("good " .. good)
  ]]

  -- Starts the processes, lets all of them go at once; returns what they print.
  local function run_processes()
    local go = path .. ".go"
    local pipes, texts = {}, {}
    for i = 1, PROCESSES do pipes[i] = sign_ins.start(service, PROGRAM:format(path, go)) end
    for _, pipe in ipairs(pipes) do assert.equal("ready", pipe:read("*l")) end
    io.open(go, "w"):close()
    for i, pipe in ipairs(pipes) do texts[i] = sign_ins.finish(pipe) end
    os.remove(go)
    return texts
  end

  it("happens once where eight processes share a store and their token is refused", function()
    local auth = sign_in()
    service:expire_tokens()
    for _, text in ipairs(run_processes()) do assert.equal("good 5\n", text) end
    assert.equal(1, refreshes())
    assert(auth:token())
    assert(auth:refresh()) -- nobody was signed out
  end)

  it("happens once where eight processes share a store and their token has ended", function()
    sign_in()
    age()
    for _, text in ipairs(run_processes()) do assert.equal("good 5\n", text) end
    assert.equal(1, refreshes())
    assert(sign_ins.new(service, {store = store()}):refresh())
  end)

  it("happens once where eight processes have no token at all", function()
    service:clear_log()
    local text = PROGRAM:gsub("{store =", "{grant = 'client_credentials', store =")
    local own = PROGRAM
    PROGRAM = text
    local ok, err = pcall(function()
      for _, output in ipairs(run_processes()) do assert.equal("good 5\n", output) end
    end)
    PROGRAM = own
    assert(ok, err)
    assert.equal(1, #sign_ins.token_requests(service, "client_credentials"))
  end)

  -- ---- A process that is killed ----

  -- Renews in a process that is killed at its point number `n`. False: it got through.
  local function renew_and_die(n)
    local text = "print(sign_ins.new(service, {store = fusioo.store.file(" .. ("%q"):format(path) ..
      ")}):refresh() and 'renewed')"
    local folder = path:match("^(.*)/")
    local pipe = sign_ins.start(service, text, ("KILL_AT=%d KILL_IN='%s'"):format(n, folder),
      preload.interpreter "kill_points")
    return not sign_ins.finish(pipe):find("renewed", 1, true)
  end

  it("leaves the old token or the new one, wherever the process dies", function()
    local kept_old, kept_new, signed_out, points = 0, 0, 0, 0
    while true do
      service:reset()
      os.remove(path)
      sign_in()
      local old = store().load()
      local died = renew_and_die(points + 1)
      local rotated = service:oauth().refreshed == 1
      local now = assert(store().load())
      if now.access_token == old.access_token then
        assert.same(old, now)
        kept_old = kept_old + 1
      else
        assert.is_true(rotated)
        assert.is_string(now.refresh_token)
        kept_new = kept_new + 1
      end
      -- The next start: no lock is left, and no loop.
      service:clear_log()
      local auth = sign_ins.new(service, {store = store(), timeout = {total = 10}})
      local token, err = auth:refresh()
      if rotated and now.access_token == old.access_token then
        assert.is_nil(token)
        assert.equal("auth", err.kind)
        assert.matches("sign in", tostring(err))
        signed_out = signed_out + 1
        assert.is_nil(auth:refresh())
        assert.is_nil(auth:refresh())
        assert.equal(1, #service:log())
        assert(sign_ins.sign_in(service, auth))
        assert(auth:refresh())
      else
        assert(token, tostring(err))
      end
      for mode in files.output_of("stat -c %a " .. path:match("^(.*)/") .. "/.fusioo* 2>/dev/null"):gmatch("%d+") do
        assert.equal("600", mode)
      end
      if not died then break end
      points = points + 1
    end
    assert.is_true(points >= 12, points .. " points")
    assert.is_true(kept_old >= 8 and kept_new >= 2 and signed_out >= 2,
      ("%d old, %d new, %d signed out"):format(kept_old, kept_new, signed_out))
  end)

  it("is not held up by a process that was killed while it waited for the service", function()
    sign_in()
    service:config{latency = 60}
    local text = ("print 'begun'; sign_ins.new(service, {store = fusioo.store.file(%q)}):refresh()"):format(path)
    local pipe = sign_ins.start(service, "print(io.open('/proc/self/stat'):read('*n')) " .. text)
    local pid = pipe:read("*l")
    files.wait_until(function() return #sign_ins.token_requests(service) == 1 end)
    os.execute("kill -9 " .. pid)
    sign_ins.finish(pipe)
    service:config{latency = 0}
    assert(sign_ins.new(service, {store = store(), timeout = {total = 10}}):refresh())
  end)
end)
