-- Frame loops: tasks that client:step carries on, and that never block it.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"
local socket = require "socket"

-- Lua 5.1 proper cannot yield out of a for loop's iterator.
local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

describe("runtime step", function()
  local service, projects, truth, client

  setup(function()
    service = emulator.start {records = 4000, calls = 1000000}
    projects = service.apps.projects
    truth = service:truth(projects).ids
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:config {latency = 0}
    service:clear_log()
    client = reading.client(service, {runtime = "step"})
  end)

  after_each(function() client:close() end)

  -- Frames until the tasks have ended; between two of them the loop does something else. Returns how many.
  local function frames(budget, ...)
    local tasks, count = {...}, 0
    for _, task in ipairs(tasks) do
      while not task:done() do
        client:step(budget)
        count = count + 1
        client.engine:poll(0.01)
      end
    end
    return count
  end

  -- Reads a list into `ids`, in a loop where this Lua can.
  local function read(ids, query)
    if is_stuck then
      for i, id in ipairs(reading.ids_of(assert(client:app(projects):list(query)))) do ids[i] = id end
    else
      for record in client:records(projects, query) do ids[#ids + 1] = record.id end
    end
  end

  it("streams pages while a loop runs, a few records a frame", function()
    if is_stuck then pending("Lua 5.1 has no loops over records in tasks") end
    local ids, most, before = {}, 0, 0
    local task = client:spawn(function()
      read(ids, {concurrency = 8})
      return "all of them"
    end)
    assert.is_false(task:done())
    local growing = 0
    while not task:done() do
      client:step(0)
      most = math.max(most, #ids - before)
      if #ids > before then growing = growing + 1 end
      before = #ids
      if most == 0 then client.engine:poll(0.01) end
    end
    assert.same(truth, ids)
    assert.equal("all of them", task:result())
    assert.is_true(most <= 10, most .. " records in one frame without a budget")
    assert.is_true(growing >= #truth / 10)
    assert.is_true(reading.calls(service) <= reading.most_calls(#truth))
  end)

  it("streams with the default budget", function()
    local ids = {}
    local task = client:spawn(function() read(ids) end)
    assert.is_true(frames(nil, task) > 1)
    assert.same(truth, ids)
  end)

  it("hands out pages", function()
    if is_stuck then pending("Lua 5.1 has no loops over records in tasks") end
    local ids = {}
    local task = client:spawn(function()
      for page in client:pages(projects) do
        for _, record in ipairs(page) do ids[#ids + 1] = record.id end
      end
    end)
    assert.is_true(frames(nil, task) > 1)
    assert.same(truth, ids)
  end)

  if is_stuck then it("says what to do where a loop cannot wait", function()
    local task = client:spawn(function()
      for _ in client:records(projects) do error("a record", 0) end
    end)
    local ok, err = pcall(client.step, client)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("app:list", 1, true))
    assert.is_true(task:done())
    client:step()
    assert.equal(0, reading.calls(service))
  end) end

  it("never waits in a step", function()
    service:config {latency = 0.5}
    local task = client:spawn(function() return client:get_app(projects) end)
    local steps = 0
    while reading.calls(service) == 0 do
      client:step()
      steps = steps + 1
      assert.is_false(task:done())
    end
    -- the request is with the service, which takes its time; steps return all the same
    for _ = 1, 20 do client:step() end
    assert.is_nil(service:log()[1].finished)
    assert.is_false(task:done())
    assert.equal(0, select("#", task:result()))
    frames(nil, task)
    assert.equal(projects, task:result().id)
  end)

  it("ends a call with timeout.total, though no frame comes when it is due", function()
    service:config {latency = 30}
    local hasty = client:with {timeout = {total = 0.1}}
    local task = hasty:spawn(function() return hasty:get_app(projects) end)
    local frames_left = 200
    while not task:done() and frames_left > 0 do
      client:step()
      socket.sleep(0.03) -- what a frame takes
      frames_left = frames_left - 1
    end
    assert.is_true(task:done())
    assert.equal("timeout", select(2, task:result()).kind)
  end)

  it("runs nothing before the first step", function()
    local ran = false
    local task = client:spawn(function() ran = true end)
    assert.is_false(ran)
    assert.is_false(task:done())
    frames(nil, task)
    assert.is_true(ran)
  end)

  it("returns every result of a task", function()
    local task = client:spawn(function() return 1, nil, "three", nil end)
    frames(nil, task)
    assert.equal(4, select("#", task:result()))
    assert.same({1, nil, "three"}, {task:result()})
  end)

  it("refuses calls outside of a task, and sends nothing", function()
    for name, call in pairs {
      ping = function() return client:ping() end,
      get_apps = function() return client:get_apps() end,
      get_records = function() return client:get_records(projects) end,
      request = function() return client:request("GET", "/apps") end,
      estimate = function() return client:estimate(projects) end,
      list = function() return client:app(projects):list() end,
      records = function() for _ in client:records(projects) do error("a record", 0) end end,
      pages = function() for _ in client:pages(projects) do error("a page", 0) end end,
      users = function() for _ in client:users() do error("a user", 0) end end,
      coroutine = coroutine.wrap(function() return client:get_apps() end),
    } do
      local ok, err = pcall(call)
      assert.is_false(ok, name)
      assert.truthy(tostring(err):find("under runtime 'step'", 1, true), name)
    end
    for _ = 1, 5 do client:step() end
    assert.equal(0, reading.calls(service))
  end)

  it("refuses calls where the task cannot yield, and sends nothing", function()
    if is_stuck then pending("Lua 5.1 cannot tell where it can yield") end
    local ok, why
    local task = client:spawn(function()
      ok, why = pcall(function()
        return (("x"):gsub("x", function() return client:get_app(projects).id end))
      end)
      return client:ping()
    end)
    frames(nil, task)
    assert.is_false(ok)
    assert.truthy(tostring(why):find("cannot wait", 1, true))
    assert.is_true(task:result())
    assert.equal(1, reading.calls(service))
  end)

  describe("with an error that nobody catches", function()
    it("raises it in client:step, once", function()
      local task = client:spawn(function() error("lost", 0) end)
      local ok, err
      local raised = 0
      for _ = 1, 5 do
        ok, err = pcall(client.step, client)
        if not ok then
          raised = raised + 1
          assert.equal("lost", err)
        end
      end
      assert.equal(1, raised)
      assert.is_true(task:done())
      assert.same({nil, "lost"}, {task:result()})
    end)

    it("raises those of several tasks, one a step", function()
      for i = 1, 3 do
        client:spawn(function() error({number = i}, 0) end)
      end
      local numbers = {}
      for _ = 1, 6 do
        local ok, err = pcall(client.step, client)
        if not ok then numbers[#numbers + 1] = err.number end
      end
      assert.same({1, 2, 3}, numbers)
    end)

    it("keeps the other tasks going", function()
      local other = client:spawn(function() return client:ping() end)
      client:spawn(function() error("lost", 0) end)
      local errors = 0
      while not other:done() do
        if not pcall(client.step, client) then errors = errors + 1 end
        client.engine:poll(0.01)
      end
      assert.is_true(other:result())
      assert.equal(1, errors)
    end)

    it("raises an error object as it is", function()
      local wrong = reading.client(service, {runtime = "step", token = "wrong"})
      local task = wrong:spawn(function() error(select(2, wrong:get_app(projects)), 0) end)
      local seen
      while not task:done() do
        local ok, err = pcall(wrong.step, wrong)
        if not ok then seen = err end
        wrong.engine:poll(0.01)
      end
      assert.equal("auth", seen.kind)
    end)
  end)

  describe("task:cancel", function()
    before_each(function() service:config {latency = 0.3} end)

    -- Steps until the service has a request of the task.
    local function until_asked()
      while reading.calls(service) == 0 do client:step() end
    end

    it("ends the pending call, and the task goes on", function()
      local kinds = {}
      local task = client:spawn(function()
        local app, err = client:get_app(projects)
        assert(app == nil)
        kinds[1] = err.kind
        kinds[2] = client:ping()
        return "went on"
      end)
      until_asked()
      task:cancel()
      frames(nil, task)
      assert.same({"cancelled", true}, kinds)
      assert.equal("went on", task:result())
    end)

    it("raises in a loop over records", function()
      if is_stuck then pending("Lua 5.1 has no loops over records in tasks") end
      local count = 0
      local task = client:spawn(function()
        for _ in client:records(projects) do count = count + 1 end
      end)
      until_asked()
      task:cancel()
      local seen
      while not task:done() do
        local ok, err = pcall(client.step, client)
        if not ok then seen = err end
      end
      assert.equal("cancelled", seen.kind)
      assert.equal(0, count)
      service:config {latency = 0}
      local before = reading.calls(service)
      frames(nil, client:spawn(function() return client:ping() end))
      assert.equal(before + 1, reading.calls(service))
    end)

    it("reaches what fusioo.all runs", function()
      local task = client:spawn(function()
        return fusioo.all({
          function() return client:get_app(projects) end,
          function() return client:ping() end,
        })
      end)
      while reading.calls(service) < 2 do client:step() end
      task:cancel()
      frames(nil, task)
      local results = task:result()
      assert.equal("cancelled", results[1].err.kind)
      assert.equal("cancelled", results[2].err.kind)
    end)

    it("leaves a task alone that has ended", function()
      local task = client:spawn(function() return 1 end)
      frames(nil, task)
      task:cancel()
      client:step()
      assert.equal(1, task:result())
    end)
  end)

  it("lets two clients of two services work side by side", function()
    local second = emulator.start {records = 700, calls = 1000000}
    finally(function() second:stop() end)
    service:config {latency = 0.1}
    second:config {latency = 0.1}
    local other = reading.client(second, {runtime = "step"})
    local a = client:spawn(function() return client:get_app(projects) end)
    local b = other:spawn(function() return #other:app(projects):list() end)
    local together = false
    while not (a:done() and b:done()) do
      client:step() -- any client's step carries on all of them
      client.engine:poll(0.01)
      local mine, theirs = service:log()[1], second:log()[1]
      together = together or (mine and theirs and not mine.finished and not theirs.finished)
    end
    assert.is_truthy(together)
    assert.equal(projects, a:result().id)
    assert.equal(700, b:result())
    for _, entry in ipairs(second:log()) do assert.equal("ok", entry.authorization) end
  end)

  it("takes coroutine.yield in a task for giving up the turn", function()
    local order = {}
    local a = client:spawn(function()
      for i = 1, 3 do
        order[#order + 1] = "a" .. i
        coroutine.yield("whatever")
      end
    end)
    local b = client:spawn(function()
      for i = 1, 3 do
        order[#order + 1] = "b" .. i
        coroutine.yield()
      end
    end)
    frames(1, a, b)
    assert.same({"a1", "b1", "a2", "b2", "a3", "b3"}, order)
  end)

  it("runs fusioo.all inside a task, also one inside another", function()
    service:config {latency = 0.02}
    local task = client:spawn(function()
      return fusioo.all({
        function() return client:get_app(projects) end,
        function()
          return fusioo.all {
            function() return client:record_count(projects) end,
            function() return client:get_app("nothing") end,
          }
        end,
        function() return #client:app(projects):list {limit = 500} end,
      })
    end)
    frames(nil, task)
    local results = task:result()
    assert.equal(projects, results[1].value.id)
    assert.equal(#truth, results[2].value[1].value)
    assert.equal("not_found", results[2].value[2].err.kind)
    assert.equal(500, results[3].value)
  end)

  it("ends the calls of its tasks when the client is closed", function()
    service:config {latency = 0.3}
    local call = client:spawn(function()
      local app, err = client:get_app(projects)
      return app, err.kind
    end)
    local list = client:spawn(function()
      local records, err = client:app(projects):list()
      return records, err.kind
    end)
    while reading.calls(service) < 2 do client:step() end
    client:close()
    frames(nil, call, list)
    assert.same({nil, "closed"}, {call:result()})
    assert.same({nil, "closed"}, {list:result()})
    local late = client:spawn(function()
      local ok, err = client:ping()
      return ok, err.kind
    end)
    frames(nil, late)
    assert.same({nil, "closed"}, {late:result()})
  end)

  it("asks a token function inside a task, so that it may make calls of its own", function()
    local helper = reading.client(service, {runtime = "step"})
    local asked = 0
    local with = client:with {token = function()
      asked = asked + 1
      return helper:ping() and service.token
    end}
    local task = with:spawn(function() return #assert(with:get_apps()) end)
    frames(nil, task)
    assert.equal(3, task:result())
    assert.equal(1, asked)
  end)

  it("returns an error where the token function raises", function()
    local with = client:with {token = function() error("no token today", 0) end}
    local task = with:spawn(function() return with:get_apps() end)
    frames(nil, task)
    local apps, err = task:result()
    assert.is_nil(apps)
    assert.equal("auth", err.kind)
    assert.truthy(tostring(err):find("no token today", 1, true))
  end)

  it("refuses wrong arguments", function()
    for _, wrong in ipairs {"f", {}, 1} do
      assert.has_error(function() client:spawn(wrong) end)
      assert.has_error(function() client:step(type(wrong) == "number" and -1 or wrong) end)
    end
    assert.has_error(function() client:spawn() end)
  end)
end)
