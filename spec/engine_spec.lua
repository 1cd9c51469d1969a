-- client.engine from outside: step, poll, pollfd, timeout, and runtimes of the user's own.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local scripted = require "spec.support.scripted_server"
local socket = require "socket"

local TOKEN = "token-of-engine-spec"

local function new_client(url, wait, options)
  local given = {
    base_url = url, token = TOKEN, rate = { calls = 100000, ledger = false },
    retry = { attempts = 4, base = 0.02, cap = 0.04 }, runtime = wait and { wait = wait },
  }
  for name, value in pairs(options or {}) do given[name] = value end
  return fusioo.new(given)
end

-- Waits until the engine's descriptor is readable, at most `seconds`; without them so long that only a hang takes so
-- long. Never asks the engine itself. True: it is readable.
local function wait_readable(engine, seconds)
  local descriptor = { getfd = function() return engine:pollfd() end }
  return #socket.select({ descriptor }, nil, seconds or 30) > 0
end

local function wait_or_fail(engine)
  if not wait_readable(engine) then error("the descriptor stays silent although there is work", 0) end
end

describe("an engine", function()
  local server
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  it("without work: nothing under way, nothing due, nothing to read, and poll returns", function()
    local engine = new_client(server.url).engine
    assert.equal(0, engine:step())
    assert.equal(0, engine:step(0))
    assert.equal(0, engine:step(0.001))
    assert.is_nil(engine:timeout())
    assert.is_false(wait_readable(engine, 0))
    engine:poll(0)
    engine:poll()
    engine:poll(0.01)
    assert.equal(0, server:connections())
  end)

  it("is one for all clients of a Lua state, with one descriptor", function()
    local one, two = new_client(server.url), new_client("http://127.0.0.1:1")
    assert.equal(one.engine, two.engine)
    assert.equal("number", type(one.engine:pollfd()))
    assert.equal(one.engine:pollfd(), one:with({ tag = "x" }).engine:pollfd())
  end)

  it("says how many calls are under way", function()
    server:script { scripted.status(500), scripted.success() } -- the pause before the repeat must be waited for
    local counts = {}
    local client = new_client(server.url, function(engine)
      counts[#counts + 1] = engine:step(0.001)
      wait_or_fail(engine)
    end)
    assert(client:ping())
    assert.is_true(#counts >= 1)
    assert.equal(1, counts[1])
    assert.equal(0, client.engine:step())
  end)

  it("has a call due at once where it has just been started", function()
    server:script { scripted.success() }
    local client = new_client(server.url, function() error("not reached", 0) end)
    local call = assert(client._core:call("ping"))
    assert.equal(0, client.engine:timeout())
    assert.is_true(wait_readable(client.engine, 0))
    assert.equal(1, client.engine:step(0))
    call:cancel()
    assert.equal(0, client.engine:step())
    assert.is_nil(client.engine:timeout())
  end)

  it("is done with the network as soon as its descriptor alone says so, retry pauses included", function()
    local cut = scripted.answer { length = 100, body = "{", after = "close" }
    server:script { scripted.status(500), cut, scripted.status(503), scripted.success() }
    local events = {}
    local client = new_client(server.url, wait_or_fail, {
      on_event = function(event) events[#events + 1] = event.type end,
    })
    assert(client:ping())
    assert.equal(4, #server:requests())
    assert.equal("request response retry request response retry request response retry request response",
      table.concat(events, " "))
  end)

  it("has its descriptor readable when a time limit is over", function()
    server:script { scripted.stall }
    local client = new_client(server.url, wait_or_fail, { timeout = { idle = 0.05 }, retry = { attempts = 2 } })
    local ok, err = client:ping()
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert.equal(2, err.attempts)
  end)

  it("names a time until which nothing is due", function()
    server:script { scripted.status(500), scripted.success() }
    local longest = 0
    local client = new_client(server.url, function(engine, seconds)
      assert(type(seconds) == "number" and seconds >= 0)
      assert(engine:timeout() <= seconds)
      longest = math.max(longest, seconds)
      engine:poll(seconds)
    end, { timeout = { idle = 7, total = 9 } })
    assert(client:ping())
    assert.is_true(longest > 0 and longest <= 9)
  end)

  it("polls until something happens, whatever time is given", function()
    server:script { scripted.success() }
    local client = new_client(server.url, function(engine) engine:poll(1000) end)
    assert(client:ping())
    client = new_client(server.url, function(engine) engine:poll() end)
    assert(client:ping())
  end)

  it("keeps a descriptor silent again after the work", function()
    server:script { scripted.success() }
    local client = new_client(server.url)
    assert(client:ping())
    assert.is_nil(client.engine:timeout())
    assert.is_false(wait_readable(client.engine, 0))
  end)
end)

describe("a runtime of one's own", function()
  local service
  setup(function() service = emulator.start { records = 1000, calls = 100000, tokens = { TOKEN } } end)
  teardown(function() service:stop() end)
  after_each(function() service:config { latency = 0 } end)

  local function read_all(client)
    local ids = {}
    for record in client:records(service.apps.projects, { page_size = 100 }) do ids[#ids + 1] = record.id end
    return ids
  end

  -- The same where a loop's iterator cannot yield: Lua 5.1.
  local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

  local function list_all(client)
    local ids, app = {}, client:app(service.apps.projects)
    for i, record in ipairs(assert(app:list { page_size = 100 })) do ids[i] = record.id end
    return ids
  end

  it("is what a whole stream waits with", function()
    local waits, engines = 0, {}
    service:config { latency = 0.05 } -- however slowly this runs, an answer is awaited
    local client = new_client(service.url, function(engine, seconds)
      waits = waits + 1
      engines[engine] = true
      wait_readable(engine, seconds)
    end)
    assert.same(service:truth(service.apps.projects).ids, read_all(client))
    assert.is_true(waits > 0)
    assert.is_true(engines[client.engine])
  end)

  it("may return before anything happened, at the price of a step", function()
    local client = new_client(service.url, function() end)
    assert.equal(1000, #read_all(client))
  end)

  it("may yield, so that two streams go side by side", function()
    local function wait(engine) coroutine.yield(engine) end
    local running, results, turns = {}, {}, {}
    for i = 1, 2 do
      local client = new_client(service.url, wait)
      running[i] = coroutine.create(function() results[i] = is_stuck and list_all(client) or read_all(client) end)
    end
    while not (results[1] and results[2]) do
      local engine
      for i = 1, 2 do
        if coroutine.status(running[i]) == "suspended" then
          local ok, yielded = coroutine.resume(running[i])
          if not ok then error(yielded, 0) end
          engine = yielded or engine
          turns[#turns + 1] = i
        end
      end
      -- What the second one's step brought for the first one shows on the descriptor.
      if engine then engine:poll(engine:timeout()) end
    end
    assert.equal(1000, #results[1])
    assert.same(results[1], results[2])
    assert.equal(2, turns[2])
  end)

  it("that raises leaves the call, and the next one works", function()
    local server = scripted.start()
    server:script { scripted.stall }
    local broken = new_client(server.url, function() error("no loop here", 0) end)
    local ok, err = pcall(broken.ping, broken)
    assert.is_false(ok)
    assert.equal("no loop here", err)
    assert(new_client(service.url):ping())
    collectgarbage()
    collectgarbage()
    assert.equal(0, broken.engine:step())
    server:stop()
  end)
end)
