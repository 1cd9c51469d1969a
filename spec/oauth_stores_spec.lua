-- Stores of a program's own: what is asked of them, what is told where they fail, and that their work is brought to its
-- end whoever moves the engine and whoever has gone meanwhile.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local sign_ins = require "spec.support.sign_ins"

describe("a store of the program's own", function()
  local service

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)
  before_each(function() service:reset() end)

  it("is locked, asked, given the token and unlocked", function()
    local calls, kept = {}, nil
    local store = {
      load = function() calls[#calls + 1] = "load" return kept end,
      save = function(token) calls[#calls + 1] = "save" kept = token end,
      lock = function()
        calls[#calls + 1] = "lock"
        return function() calls[#calls + 1] = "unlock" end
      end,
    }
    local auth = sign_ins.new(service, {grant = "password", store = store})
    assert.same(assert(auth:token()), kept)
    assert.same({"load", "lock", "load", "save", "unlock"}, calls)
    assert(sign_ins.client(service, auth):get_apps())
    assert.equal(5, #calls)
  end)

  it("is told apart from the service where it fails", function()
    local own = {kind = "network", message = "the secret service is down"}
    local cases = {
      {{load = function() error("boom", 0) end}, "auth", "load raised an error: boom"},
      {{load = function() return nil, "gone" end}, "auth", "load failed: gone"},
      {{load = function() return nil, own end}, "network", "the secret service is down"},
      {{load = function() return "text" end}, "auth", "load returned what is no token"},
      {{load = function() return nil, "one\nother\27[31m" end}, "auth", "load failed: one other [31m"},
      {{load = function() return {} end}, "auth", "load returned what is no token: it has no access_token"},
      {{load = function() return {access_token = 1} end}, "auth", "access_token is a number, not a string"},
      {{load = function() return {access_token = "a", expires_at = "17"} end}, "auth",
        "load returned what is no token: expires_at is a string, not a number"},
      {{load = function() return {access_token = "a\n"} end}, "invalid", "the store's function load"},
      {{save = function() error({}, 0) end}, "auth", "save raised an error"},
      {{save = function() return nil, "full" end}, "auth", "save failed: full"},
      {{save = function() return false end}, "auth", "save failed"},
      {{lock = function() error("locked out", 0) end}, "auth", "lock raised an error: locked out"},
      {{lock = function() return nil, "no lock" end}, "auth", "lock failed: no lock"},
      {{lock = function() return true end}, "auth", "a function that unlocks"},
    }
    for _, case in ipairs(cases) do
      local store = case[1]
      store.load = store.load or function() end
      store.save = store.save or function() return true end
      local token, err = sign_ins.new(service, {grant = "password", store = store}):token()
      assert.is_nil(token)
      assert.equal(case[2], err.kind)
      assert.is_truthy(tostring(err):find(case[3], 1, true), tostring(err))
    end
  end)

  it("may return a token that makes its fields when it is asked for them", function()
    local expires_at = os.time() + 3600
    local function value_of(name) return name .. ("-made-up"):rep(10) end
    local token = setmetatable({}, {__index = function(_, name)
      collectgarbage() -- what nobody holds is gone
      return name == "expires_at" and expires_at or name == "token_type" and "bearer" or value_of(name)
    end})
    local auth = sign_ins.new(service, {store = {load = function() return token end, save = print}})
    local found = assert(auth:token())
    assert.same({
      access_token = value_of "access_token", refresh_token = value_of "refresh_token", token_type = "bearer",
      expires_at = expires_at,
    }, found)
    local raising = setmetatable({}, {__index = function() error("no such field", 0) end})
    local _, err = sign_ins.new(service, {store = {load = function() return raising end, save = print}}):token()
    assert.matches("load returned what is no token", tostring(err))
    local nulls = {access_token = "a", refresh_token = fusioo.null, expires_at = fusioo.null}
    auth = sign_ins.new(service, {store = {load = function() return nulls end, save = print}})
    assert.same({access_token = "a"}, auth:token())
    local whens = {}
    local far = {access_token = "b", expires_at = 1e300}
    local function note(event) whens[#whens + 1] = event.expires_at end
    auth = sign_ins.new(service, {grant = "password", on_event = note,
      store = {load = function() return far end, save = function() return nil, "no" end}})
    assert(auth:token())
    far = {access_token = "c", expires_at = 1e300}
    auth:refresh()
    assert.equal(1e300, whens[1])
  end)

  it("may wait in its functions, where nothing may block", function()
    local kept, order = nil, {}
    local client = fusioo.new{base_url = service.url, token = service.token, runtime = "step", rate = {ledger = false}}
    -- Each of them makes a call of its own, as a store in some other service would.
    local function wait(name)
      order[#order + 1] = name
      assert(client:ping())
    end
    local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = {
      load = function() wait "load" return kept end,
      save = function(token) wait "save" kept = token return true end,
      lock = function() wait "lock" return function() order[#order + 1] = "unlock" end end,
    }})
    local view = client:with{auth = auth}
    local tasks = {}
    for i = 1, 5 do tasks[i] = client:spawn(function() return view:get_apps() end) end
    local failing = client:spawn(function()
      return sign_ins.new(service, {grant = "password", runtime = "step", store = {
        load = function() client:ping() error("no store", 0) end, save = print,
      }}):token()
    end)
    files.wait_until(function()
      client:step()
      local done = failing:done()
      for _, task in ipairs(tasks) do done = done and task:done() end
      return done
    end)
    for _, task in ipairs(tasks) do assert.equal(3, #assert(task:result())) end
    assert.matches("load raised an error: no store", tostring(select(2, failing:result())))
    assert.equal("load lock load save unlock", table.concat(order, " "))
    assert.equal(1, #sign_ins.token_requests(service))
  end)

  -- ---- Whoever moves the engine ----

  -- A store that notes what it is asked; `wait(name)` comes first in each of its functions.
  local function noting(wait)
    local store = {order = {}, kept = nil}
    local function note(name)
      store.order[#store.order + 1] = name
      if wait then wait(name) end
    end
    function store.load() note "load" return store.kept end
    function store.save(token) note "save" store.kept = token return true end
    function store.lock() note "lock" return function() note "unlock" end end
    function store.shown() return table.concat(store.order, " ") end
    return store
  end

  local function step_until(client, condition)
    files.wait_until(function()
      client:step()
      return condition()
    end)
  end

  it("serves a call that blocks, though the sign-in is for a frame loop", function()
    local store = noting()
    local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = store})
    local client = sign_ins.client(service, auth, {timeout = {total = 5}})
    assert.equal(3, #assert(client:get_apps()))
    assert.equal("load lock load save unlock", store.shown())
    service:expire_tokens()
    local results = fusioo.all({function() return client:get_apps() end, function() return client:get_apps() end}, 2)
    assert.equal(3, #assert(results[1].value, tostring(results[1].err)))
    assert.equal(3, #assert(results[2].value, tostring(results[2].err)))
    assert.equal(2, #sign_ins.token_requests(service))
  end)

  it("may wait in a frame loop, though the sign-in is for calls that block", function()
    local client = fusioo.new{base_url = service.url, token = service.token, runtime = "step", rate = {ledger = false}}
    local store = noting(function() assert(client:ping()) end)
    local auth = sign_ins.new(service, {grant = "password", store = store})
    local task = client:spawn(function() return client:with{auth = auth}:get_apps() end)
    step_until(client, function() return task:done() and store.shown():find "unlock" end)
    assert.equal(3, #assert(task:result()))
    assert.equal("load lock load save unlock", store.shown())
  end)

  it("serves a call that blocks while a frame loop has not come to it yet", function()
    local store = noting()
    local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = store})
    local loop = sign_ins.client(service, auth, {runtime = "step"})
    local stop = false
    local task = loop:spawn(function() return loop:get_apps() end)
    for _ = 1, 20 do loop:spawn(function() while not stop do coroutine.yield() end end) end
    for _ = 1, 6 do loop:step(0) end -- one task each
    assert.equal("", store.shown())
    assert.equal(3, #assert(sign_ins.client(service, auth, {timeout = {total = 5}}):get_apps()))
    assert.equal("load lock load save unlock", store.shown())
    stop = true
    step_until(loop, function() return task:done() end)
    assert.equal(3, #assert(task:result()))
    assert.equal(1, #sign_ins.token_requests(service))
  end)

  it("serves a call that blocks while it looks again in each frame", function()
    local store = noting(function()
      local thread, is_main = coroutine.running()
      for _ = 1, thread and not is_main and 3 or 0 do coroutine.yield() end
    end)
    local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = store})
    local loop = sign_ins.client(service, auth, {runtime = "step"})
    local blocking = sign_ins.client(service, auth, {timeout = {total = 5}})
    local task = loop:spawn(function() return loop:get_apps() end)
    step_until(loop, function() return store.shown() ~= "" end)
    assert.equal(3, #assert(blocking:get_apps()))
    step_until(loop, function() return task:done() end)
    assert.equal(3, #assert(task:result()))
  end)

  it("may repeat the token before, which nobody sees", function()
    local store, shown = noting(), {}
    local auth = sign_ins.new(service, {grant = "password", store = store,
      on_event = function(event) shown[#shown + 1] = tostring(event.why) end})
    local old = assert(auth:token())
    store.save = function() return nil, ("no row %s of %s"):format(old.refresh_token, old.access_token) end
    for _, ask in ipairs{"refresh", "token", "refresh", "token"} do
      local token, err = auth[ask](auth)
      assert.is_nil(token)
      shown[#shown + 1] = tostring(err)
      assert.matches("no row %*%*%* of %*%*%*", shown[#shown])
    end
    shown = table.concat(shown, "\n")
    assert.is_nil(shown:find(old.refresh_token, 1, true))
    assert.is_nil(shown:find(old.access_token, 1, true))
  end)

  -- ---- Whoever has gone ----

  it("keeps the token, and is unlocked, where the client and the sign-in have gone meanwhile", function()
    local store = noting()
    local bystander = fusioo.new{base_url = service.url, token = service.token, runtime = "step",
      rate = {ledger = false}}
    service:config{latency = 0.2}
    local function begin_and_go()
      local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = store})
      local client = sign_ins.client(service, auth, {runtime = "step"})
      local task = client:spawn(function() return client:get_apps() end)
      step_until(client, function() return #sign_ins.token_requests(service) == 1 end)
      task:cancel()
      step_until(client, function() return task:done() end)
    end
    begin_and_go()
    assert.equal("load lock load", store.shown())
    collectgarbage()
    collectgarbage()
    step_until(bystander, function() return store.shown():find "unlock" end)
    assert.equal("load lock load save unlock", store.shown())
    assert.is_string(store.kept.access_token)
  end)

  -- Lua 5.1 proper cannot yield in a store's function outside of a task.
  local cannot_yield = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

  -- A sign-in that is asked for its token in a coroutine, which waits in the store and is then held by nobody.
  local function begin_in_coroutine(store, total)
    local auth = sign_ins.new(service, {
      grant = "password", store = store, timeout = {total = total},
      runtime = {wait = function(engine, seconds) engine:poll(seconds) end},
    })
    local thread = coroutine.create(function() return auth:token() end)
    assert(coroutine.resume(thread))
    return auth
  end

  if not cannot_yield then it("goes on where the coroutine that kept the token was given up", function()
    local given_up = false
    local store = noting(function(name)
      if name == "save" and not given_up then coroutine.yield() end
    end)
    local auth = begin_in_coroutine(store, 5)
    assert.equal("load lock load save", store.shown())
    given_up = true
    collectgarbage()
    collectgarbage()
    assert.same(assert(auth:token()), store.kept)
    assert.equal("load lock load save save unlock", store.shown())
    assert.equal(1, #sign_ins.token_requests(service))
  end) end

  if not cannot_yield then it("does no more for whom the core does not wait any longer", function()
    local stuck = true
    local store = noting(function(name)
      if name == "load" and stuck then coroutine.yield() end
    end)
    local auth = begin_in_coroutine(store, 0.1)
    assert.equal("timeout", select(2, auth:token()).kind)
    assert.equal("load", store.shown())
    stuck = false
    collectgarbage()
    collectgarbage()
    assert(sign_ins.new(service, {grant = "password"}):token()) -- moves the engine
    assert.equal("load", store.shown())
    assert(auth:token())
    assert.equal("load load lock load save unlock", store.shown())
  end) end

  it("is unlocked where its lock comes too late", function()
    local open = false
    local store = noting(function(name)
      while name == "lock" and not open do coroutine.yield() end
    end)
    local auth = sign_ins.new(service, {grant = "password", runtime = "step", store = store, timeout = {total = 0.05}})
    local client = sign_ins.client(service, auth, {runtime = "step"})
    local task = client:spawn(function() return auth:token() end)
    step_until(client, function() return task:done() end)
    assert.equal("timeout", select(2, task:result()).kind)
    open = true
    step_until(client, function() return store.shown() == "load lock unlock" end)
    local again = client:spawn(function() return auth:token() end)
    step_until(client, function() return again:done() end)
    assert.same(assert(again:result()), store.kept)
    assert.equal("load lock unlock lock load save unlock", store.shown())
  end)
end)
