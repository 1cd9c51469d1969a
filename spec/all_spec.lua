-- fusioo.all: functions side by side.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

describe("fusioo.all", function()
  local service, projects, client

  setup(function()
    service = emulator.start {records = 600, calls = 1000000}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:config {latency = 0}
    service:clear_log()
    client = reading.client(service)
  end)

  it("returns results in the order of the functions", function()
    service:config {latency = {min = 0, max = 0.05}}
    local functions = {}
    for i = 1, 20 do
      functions[i] = function() return client:get_records(projects, {limit = i}) end
    end
    local results = fusioo.all(functions, 20)
    assert.equal(20, #results)
    for i, result in ipairs(results) do
      assert.equal(i, #result.value)
      assert.is_nil(result.err)
    end
  end)

  it("returns a value, or what came after nil", function()
    local results = fusioo.all {
      function() return "one", "more" end,
      function() return false end,
      function() end,
      function() return nil, "why" end,
      function() return client:get_app("nothing") end,
      function() return client:ping() end,
    }
    assert.same({value = "one"}, results[1])
    assert.same({value = false}, results[2])
    assert.same({}, results[3])
    assert.same({err = "why"}, results[4])
    assert.is_nil(results[5].value)
    assert.equal("not_found", results[5].err.kind)
    assert.same({value = true}, results[6])
    assert.equal(6, #results)
  end)

  it("returns what a function raised", function()
    local thing = {}
    local results = fusioo.all {
      function() error("text", 0) end,
      function() error(thing, 0) end,
      function() return client:get_app(nil) end,
      function() return client:ping() end,
    }
    assert.same({err = "text"}, results[1])
    assert.equal(thing, results[2].err)
    assert.is_nil(results[2].value)
    assert.truthy(tostring(results[3].err):find("app_id", 1, true))
    assert.is_true(results[4].value)
  end)

  it("runs no more at once than it is told", function()
    service:config {latency = 0.03}
    for _, concurrency in ipairs {1, 2, 5} do
      service:clear_log()
      local running, most, functions = 0, 0, {}
      for i = 1, 10 do
        functions[i] = function()
          running = running + 1
          most = math.max(most, running)
          local ok = client:ping()
          running = running - 1
          return ok
        end
      end
      local results = fusioo.all(functions, concurrency)
      assert.equal(10, #results)
      assert.equal(concurrency, most)
      assert.equal(concurrency, reading.most_at_once(service))
    end
  end)

  it("runs four at once where nothing is said", function()
    service:config {latency = 0.03}
    local functions = {}
    for i = 1, 9 do
      functions[i] = function() return client:ping() end
    end
    assert.equal(9, #fusioo.all(functions))
    assert.equal(4, reading.most_at_once(service))
  end)

  it("runs each function once", function()
    local runs, functions = {}, {}
    for i = 1, 30 do
      functions[i] = function()
        runs[i] = (runs[i] or 0) + 1
        if i % 3 == 0 then error("no", 0) end
        if i % 3 == 1 then return client:ping() end
      end
    end
    fusioo.all(functions, 7)
    for i = 1, 30 do assert.equal(1, runs[i]) end
  end)

  it("of nothing is nothing", function()
    assert.same({}, fusioo.all {})
    assert.same({}, fusioo.all({}, 3))
    assert.equal(0, reading.calls(service))
  end)

  it("works inside itself", function()
    service:config {latency = 0.01}
    local function inner(id)
      return function()
        return fusioo.all {
          function() return client:get_app(id) end,
          function()
            return fusioo.all {function() return client:record_count(projects) end, function() error("deep", 0) end}
          end,
        }
      end
    end
    local results = fusioo.all {inner(projects), inner("nothing"), inner(service.apps.tasks)}
    assert.equal(projects, results[1].value[1].value.id)
    assert.equal("not_found", results[2].value[1].err.kind)
    assert.equal(service.apps.tasks, results[3].value[1].value.id)
    for i = 1, 3 do
      assert.equal(600, results[i].value[2].value[1].value)
      assert.equal("deep", results[i].value[2].value[2].err)
    end
  end)

  it("reads several lists side by side", function()
    local truth = service:truth(projects).ids
    local function list(query)
      return function() return reading.ids_of(assert(client:app(projects):list(query))) end
    end
    local results = fusioo.all {list(), list {page_size = 50}, list {offset = 100, limit = 250}}
    assert.same(truth, results[1].value)
    assert.same(truth, results[2].value)
    assert.same(reading.slice(truth, 101, 350), results[3].value)
  end)

  it("loops over records side by side", function()
    local truth = service:truth(projects).ids
    local function loop(query)
      return function() return reading.ids(client:records(projects, query)) end
    end
    local results = fusioo.all {loop(), loop {page_size = 70}, function()
      return reading.ids(reading.client(service, {token = "wrong"}):records(projects))
    end}
    assert.same(truth, results[1].value)
    assert.same(truth, results[2].value)
    assert.equal("auth", results[3].err.kind)
  end)

  it("works in a coroutine of the user's", function()
    local results
    local thread = coroutine.create(function()
      results = fusioo.all {function() return client:ping() end, function() return client:get_app(projects) end}
      coroutine.yield "mine"
    end)
    local ok, mine = coroutine.resume(thread)
    assert.is_true(ok)
    assert.equal("mine", mine)
    assert.is_true(results[1].value)
    assert.equal(projects, results[2].value.id)
  end)

  it("takes coroutine.yield for giving up the turn", function()
    local order = {}
    local function steps(name)
      return function()
        for i = 1, 3 do
          order[#order + 1] = name .. i
          coroutine.yield()
        end
      end
    end
    fusioo.all {steps "a", steps "b"}
    assert.same({"a1", "b1", "a2", "b2", "a3", "b3"}, order)
  end)

  it("serves two clients of two services", function()
    local second = emulator.start {records = 300, calls = 1000000, tokens = {"another-token"}}
    finally(function() second:stop() end)
    service:config {latency = 0.2}
    second:config {latency = 0.2}
    local other = reading.client(second)
    local together
    local results = fusioo.all {
      function() return client:record_count(projects) end,
      function() return other:record_count(projects) end,
      function()
        -- the answers of both take their time; by then both have been asked
        local ok = client:ping()
        local mine, theirs = service:log()[1], second:log()[1]
        together = mine and theirs and theirs.time ~= nil
        return ok
      end,
    }
    assert.equal(600, results[1].value)
    assert.equal(300, results[2].value)
    assert.is_true(together)
    for _, entry in ipairs(second:log()) do assert.equal("ok", entry.authorization) end
  end)

  it("refuses wrong arguments, and names them", function()
    local function refused(name, ...)
      local ok, err = pcall(fusioo.all, ...)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(name, 1, true), tostring(err))
    end
    refused("functions", nil)
    refused("functions", "f")
    refused("functions[2]", {function() end, "f"})
    refused("concurrency", {}, 0)
    refused("concurrency", {}, 1.5)
    refused("concurrency", {}, "4")
  end)

  it("lets go of what its functions returned", function()
    local kept = setmetatable({}, {__mode = "v"})
    fusioo.all {function()
      kept[1] = {}
      return kept[1]
    end}
    collectgarbage()
    collectgarbage()
    assert.is_nil(kept[1])
  end)
end)
