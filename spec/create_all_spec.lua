-- app:create_all: many records side by side, each sent once at most.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local MANY = 1000

-- Lua 5.1 proper finds out beforehand whether it can wait where it is.
local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

describe("app:create_all", function()
  local service, clients, client, app

  setup(function()
    service = emulator.start {records = 10, calls = 1000000}
    clients = service.apps.clients
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:reset {records = {clients = 0}}
    client = reading.client(service, {retry = {attempts = 1}})
    app = client:app(clients)
  end)

  local function names_of(records)
    local names = {}
    for _, record in ipairs(records) do names[record.name] = (names[record.name] or 0) + 1 end
    return names
  end

  -- Rows of the app Clients, "row 1", "row 2" ...
  local function rows(count)
    local list = {}
    for i = 1, count do list[i] = {name = "row " .. i, active = i % 2 == 0} end
    return list
  end

  local function refused(words, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.truthy(tostring(err):find(words, 1, true), tostring(err))
  end

  it("makes records side by side, results in the order of the list", function()
    service:config {latency = {min = 0, max = 0.02}}
    local list = rows(60)
    local results, raised = app:create_all(list, {concurrency = 6})
    assert.is_nil(raised)
    assert.equal(60, #results)
    for i, result in ipairs(results) do
      assert.equal("row " .. i, result.value.name)
      assert.is_nil(result.err)
    end
    assert.equal(60, #service:creates())
    assert.equal(60, reading.calls(service))
    assert.is_true(reading.most_at_once(service) <= 6)
    assert.is_true(reading.most_at_once(service) > 1)
    assert.same(rows(60), list)
  end)

  it("has the client's concurrency where nothing is said", function()
    service:config {latency = 0.03}
    app:create_all(rows(9))
    assert.equal(4, reading.most_at_once(service))
    service:reset {records = {clients = 0}, latency = 0.03}
    client:with{concurrency = 2}:app(clients):create_all(rows(6))
    assert.equal(2, reading.most_at_once(service))
  end)

  it("of nothing is nothing", function()
    assert.same({}, app:create_all {})
    assert.same({}, app:create_all(fusioo.array {}, {on_progress = error}))
    assert.equal(0, reading.calls(service))
  end)

  it("refuses rows by themselves, without a call", function()
    assert(app:schema())
    local list = rows(6)
    list[2] = {}
    list[3].active = "yes"
    list[5].name = "\255"
    service:clear_log()
    local results = app:create_all(list)
    for _, i in ipairs {1, 4, 6} do assert.equal("row " .. i, results[i].value.name) end
    for i, words in pairs {[2] = "create: list[2].name: is required", [3] = "list[3].active: is 'yes'",
      [5] = "fields.name"} do
      assert.is_nil(results[i].value)
      assert.equal("invalid", results[i].err.kind)
      assert.truthy(results[i].err.message:find(words, 1, true), results[i].err.message)
    end
    assert.equal(3, reading.calls(service))
    assert.equal(3, #service:creates())
  end)

  it("without a schema refuses what cannot be JSON, and the service the rest", function()
    local list = {{name = "row 1"}, {name = print}, {1, 2}, {nam = "x"}, {name = 0 / 0}, {name = "row 6"}}
    local kinds = {}
    for i, result in ipairs(app:create_all(list)) do
      kinds[i] = result.err and result.err.kind or result.value.name
    end
    assert.same({"row 1", "invalid", "invalid", "api", "invalid", "row 6"}, kinds)
    assert.equal(3, reading.calls(service))
  end)

  it("tells the progress after each row", function()
    local told = {}
    assert(app:schema())
    local list = rows(7)
    list[4] = {}
    app:create_all(list, {on_progress = function(done, total) told[#told + 1] = done .. " of " .. total end})
    assert.same({"1 of 7", "2 of 7", "3 of 7", "4 of 7", "5 of 7", "6 of 7", "7 of 7"}, told)
  end)

  it("sends nothing more after what on_progress raises, and loses nothing", function()
    local thing = {}
    local results, raised = app:create_all(rows(40), {concurrency = 3, on_progress = function(done)
      if done == 5 then error(thing, 0) end
      assert.is_true(done < 5)
    end})
    assert.equal(thing, raised)
    assert.equal(40, #results)
    local made = 0
    for _, result in ipairs(results) do
      if result.value then
        made = made + 1
      else
        assert.equal("cancelled", result.err.kind)
        assert.truthy(result.err.message:find("not sent: on_progress raised", 1, true))
      end
    end
    assert.is_true(made >= 5 and made <= 8)
    assert.equal(made, #service:creates())
  end)

  it("ends what is left where the client is closed midway", function()
    local results = app:create_all(rows(50), {concurrency = 4, on_progress = function(done)
      if done == 10 then client:close() end
    end})
    local counts = {}
    for _, result in ipairs(results) do
      local kind = result.err and result.err.kind or "value"
      counts[kind] = (counts[kind] or 0) + 1
    end
    assert.equal(50, #results)
    assert.is_true(counts.value >= 10 and counts.value <= 14)
    assert.equal(50 - counts.value, counts.closed)
    assert.is_true(reading.calls(service) <= 14)
  end)

  it("takes the end of the window for an error where the client says so", function()
    local view = reading.client(service, {rate = {calls = 5, on_limit = "error", key = "handles"}})
    local results = view:app(clients):create_all(rows(20))
    local made = 0
    for _, result in ipairs(results) do
      if result.value then made = made + 1 else assert.equal("rate_limit", result.err.kind) end
    end
    assert.equal(5, made)
    assert.equal(5, #service:creates())
  end)

  it("makes " .. MANY .. " though one call in ten goes wrong, none twice; the failed ones complete it", function()
    service:config {faults = {
      {endpoint = "create_record", from = 3, every = 40, fault = "lose"},
      {endpoint = "create_record", from = 13, every = 40, fault = "status", status = 500},
      {endpoint = "create_record", from = 23, every = 40, fault = "status", status = 401},
      {endpoint = "create_record", from = 33, every = 40, fault = "drop"},
    }}
    app = reading.client(service, {retry = {attempts = 4, base = 0.001, cap = 0.001}}):app(clients)
    local list = rows(MANY)
    local results = app:create_all(list, {concurrency = 8})
    assert.equal(MANY, #results)
    local made, unsure, failed = {}, {}, {}
    for i, result in ipairs(results) do
      if result.value then
        assert.is_nil(result.err)
        made["row " .. i] = result.value.id
      elseif result.err.maybe_done then
        unsure["row " .. i] = true
      else
        assert.equal("auth", result.err.kind)
        failed[#failed + 1] = list[i]
      end
    end
    assert.equal(25, #failed)
    local there = reading.all(service, clients)
    assert.equal(#there, #service:creates())
    local counts, done = names_of(there), 0
    for i = 1, MANY do
      local name = "row " .. i
      if made[name] then
        assert.equal(1, counts[name])
      elseif unsure[name] then
        done = done + (counts[name] or 0)
        assert.is_true((counts[name] or 0) <= 1)
      else
        assert.is_nil(counts[name])
      end
    end
    for _, record in ipairs(there) do
      if made[record.name] then assert.equal(made[record.name], record.id) end
    end
    assert.is_true(done >= 25) -- those whose answer was lost were made
    assert.equal(MANY, reading.calls(service, "create_record")) -- each row was sent once

    service:config {faults = {}}
    for _, result in ipairs(app:create_all(failed)) do assert.is_nil(result.err) end
    counts = names_of(reading.all(service, clients))
    for i = 1, MANY do
      local name = "row " .. i
      assert.is_true(counts[name] == 1 or unsure[name] and counts[name] == nil, name)
    end
  end)

  it("works inside a task of fusioo.all, and inside a coroutine of the user's", function()
    local results = fusioo.all {
      function() return app:create_all(rows(10), {concurrency = 3}) end,
      function() return client:ping() end,
    }
    for i = 1, 10 do assert.equal("row " .. i, results[1].value[i].value.name) end
    assert.is_true(results[2].value)
    local inner
    assert(coroutine.resume(coroutine.create(function() inner = app:create_all(rows(5)) end)))
    assert.equal(5, #inner)
    assert.equal(15, #service:creates())
  end)

  it("keeps no more rows in memory as tasks than run at once", function()
    local made, create = 0, coroutine.create
    coroutine.create = function(...) -- luacheck: ignore
      made = made + 1
      return create(...)
    end
    finally(function() coroutine.create = create end) -- luacheck: ignore
    local most = 0
    app:create_all(rows(50), {concurrency = 5, on_progress = function(done) most = math.max(most, made - done) end})
    assert.equal(50, made)
    assert.is_true(most <= 5)
  end)

  it("raises on wrong arguments, and sends nothing", function()
    refused("create_all: list", app.create_all, app, nil)
    refused("create_all: list", app.create_all, app, "x")
    refused("create_all: list[2]", app.create_all, app, {{name = "a"}, "b"})
    refused("create_all: list[1]", app.create_all, app, {5})
    refused("create_all: list has the key 3", app.create_all, app, {{name = "a"}, nil, {name = "c"}})
    refused("create_all: list has the key name", app.create_all, app, {name = "a"})
    refused("create_all", app.create_all, app, {}, 5)
    refused("concurrency", app.create_all, app, {}, {concurrency = 0})
    refused("concurrency", app.create_all, app, {}, {concurrency = "4"})
    refused("on_progress", app.create_all, app, {}, {on_progress = 5})
    refused("unknown option 'where'", app.create_all, app, {}, {where = {}})
    assert.equal(0, reading.calls(service))
  end)

  describe("in a frame loop", function()
    local loop

    before_each(function()
      loop = reading.client(service, {runtime = "step", retry = {attempts = 1}})
      app = loop:app(clients)
    end)

    after_each(function() loop:close() end)

    local function frames(task)
      while not task:done() do
        loop:step()
        loop.engine:poll(0.01)
      end
      return task:result()
    end

    it("works inside a task", function()
      local results = frames(loop:spawn(function() return app:create_all(rows(30), {concurrency = 5}) end))
      for i = 1, 30 do assert.equal("row " .. i, results[i].value.name) end
      assert.equal(30, #service:creates())
    end)

    it("raises outside of one, and sends nothing", function()
      refused("client:spawn", app.create_all, app, rows(3))
      loop:step()
      assert.equal(0, reading.calls(service))
    end)

    it("ends with the task's cancellation: nothing more is sent", function()
      service:config {latency = 0.2}
      local task = loop:spawn(function() return app:create_all(rows(30), {concurrency = 3}) end)
      while reading.calls(service) < 3 do loop:step() end
      task:cancel()
      local results = frames(task)
      assert.equal(30, #results)
      for i, result in ipairs(results) do
        assert.equal("cancelled", result.err.kind)
        assert.equal(i <= 3 or nil, result.err.maybe_done)
      end
      assert.equal(3, reading.calls(service))
    end)

    it("ends with the task's cancellation before the first is sent", function()
      local task
      task = loop:spawn(function()
        loop:spawn(function()
          if is_stuck then coroutine.yield() end -- there, create_all gives up its turn once before it begins
          task:cancel()
        end)
        return app:create_all(rows(4), {concurrency = 2})
      end)
      for _, result in ipairs(frames(task)) do assert.equal("cancelled", result.err.kind) end
    end)
  end)
end)
