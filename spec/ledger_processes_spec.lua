-- The ledger under load: who waits for whom among processes, what dies, what 429s teach. Two clients whose ledgers are
-- spelled differently stand for two processes where nothing of the process matters. What is asserted is the emulator's
-- own count and order, never how long a spec took.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local spender = require "spec.support.spender"
local watchdog = require "spec.support.watchdog"

describe("the window of several processes", function()
  local service, projects, folder, path, dog

  setup(function()
    dog = watchdog.start(300)
    service = emulator.start {records = 300, calls = 1000000, tokens = {"first-token-of-ledger-spec", "second-token"}}
    projects = service.apps.projects
  end)

  teardown(function()
    service:stop()
    dog:stop()
  end)

  before_each(function()
    collectgarbage() -- a client that still lives would know its window, whatever became of the file
    collectgarbage()
    service:reset()
    folder = files.folder()
    path = folder .. "/company.ledger"
  end)

  -- A client on the file; `rate`, `options` over what is usual. `rate.calls` is given on purpose.
  local function new_client(rate, options)
    local given = {base_url = service.url, token = service.token, retry = {base = 0.001, cap = 0.002}}
    for name, value in pairs(options or {}) do given[name] = value end
    given.rate = {calls = 100, window = 1000, ledger = path}
    for name, value in pairs(rate or {}) do given.rate[name] = value end
    return fusioo.new(given)
  end

  -- The same for another process, as far as the ledger can tell.
  local function other_client(rate, options)
    local given = {ledger = folder .. "/./company.ledger"}
    for name, value in pairs(rate or {}) do given[name] = value end
    return new_client(given, options)
  end

  local function spend(client, count)
    for _ = 1, count do assert(client:get_app(projects)) end
  end

  local function statuses()
    local counts = {}
    for _, entry in ipairs(service:log()) do
      local status = entry.status or "cut" -- by who was killed
      counts[status] = (counts[status] or 0) + 1
    end
    return counts
  end

  describe("after a crash", function()
    it("still knows the calls that were under way", function()
      service:config {latency = 5}
      local pipe, pid = spender.start(service, {ledger = path, calls = 10, window = 1000, count = 3, concurrency = 3})
      files.wait_until(function() return #service:log() == 3 end)
      os.execute("kill -9 " .. pid)
      pipe:read("*a")
      pipe:close()
      service:config {latency = 0}
      assert.equal(3, new_client({calls = 10}):budget().used)
    end)

    it("forgets the place in line of who has died", function()
      service:config {rate = {calls = 2, window = 0.6}}
      local rate = {ledger = path, calls = 2, window = 0.6}
      spend(new_client(rate), 2)
      local pipe, pid = spender.start(service, {ledger = path, calls = 2, window = 1000, count = 5, concurrency = 5})
      assert.equal("begun", pipe:read("*l"))
      local client = new_client(rate)
      os.execute("kill -9 " .. pid)
      pipe:read("*a")
      pipe:close()
      spend(client, 4)
      assert.is_nil(statuses()[429])
    end)
  end)

  describe("with a full window", function()
    it("serves two processes by turns", function()
      service:config {rate = {calls = 1, window = 0.1}}
      local clients = {new_client {calls = 1, window = 0.1}, other_client {calls = 1, window = 0.1}}
      local order, functions = {}, {}
      for i = 1, 10 do
        functions[i] = function()
          local which = i <= 5 and 1 or 2
          assert(clients[which]:get_app(projects))
          order[#order + 1] = which
        end
      end
      for _, result in ipairs(fusioo.all(functions, 10)) do assert.is_nil(result.err) end
      assert.same({[200] = 10}, statuses())
      for i = 3, 8 do -- neither waits for the other's whole line
        assert.truthy(table.concat(order, "", i - 2, i):find(order[i] == 1 and "2" or "1"), table.concat(order))
      end
    end)

    it("gives a place that is given up to the next", function()
      service:config {rate = {calls = 1, window = 0.5}}
      local first, second = new_client {calls = 1, window = 0.5}, other_client {calls = 1, window = 0.5}
      spend(first, 1)
      local results = fusioo.all {
        function() return first:get_app(projects) end,
        function() return second:get_app(projects) end,
        function()
          coroutine.yield()
          coroutine.yield()
          first:close()
        end,
      }
      assert.equal("closed", results[1].err.kind)
      assert.equal(projects, results[2].value.id)
      assert.same({[200] = 2}, statuses())
    end)

    it("keeps to max_wait", function()
      local first, second = new_client {calls = 2}, other_client {calls = 2, max_wait = 5}
      spend(first, 2)
      local _, err = second:get_app(projects)
      assert.equal("rate_limit", err.kind)
      assert.is_true(err.retry_after > 5 and err.retry_after <= 1000)
      assert.equal(2, #service:log())
    end)
  end)

  describe("after a 429", function()
    it("keeps all processes from calling before Retry-After", function()
      service:config {faults = {{fault = "status", status = 429, retry_after = 1, times = 1}}}
      local first, second = new_client(), other_client()
      local results = fusioo.all {
        function() return first:get_app(projects) end,
        function()
          while #service:log() == 0 do coroutine.yield() end
          while not service:log()[1].finished do coroutine.yield() end
          for _ = 1, 20 do coroutine.yield() end
          return second:get_app(projects)
        end,
      }
      assert.equal(projects, results[1].value.id)
      assert.equal(projects, results[2].value.id)
      local log = service:log()
      assert.equal(3, #log)
      assert.is_true(log[2].time - log[1].finished >= 1)
      assert.is_true(log[3].time - log[1].finished >= 1)
    end)

    it("tells those who come later, and who will not wait", function()
      service:config {faults = {{fault = "status", status = 429, retry_after = 77, times = 1}}}
      local _, err = new_client({on_limit = "error"}):get_app(projects)
      assert.equal(429, err.status)
      local _, later = other_client({on_limit = "error"}):get_app(projects)
      assert.equal("rate_limit", later.kind)
      assert.is_nil(later.status)
      assert.is_true(later.retry_after > 70 and later.retry_after <= 77)
      assert.is_true(other_client():budget().free_in > 70)
      assert.equal(1, #service:log())
    end)

    it("lets one process try alone", function()
      service:config {latency = 0.1, faults = {{fault = "status", status = 429, retry_after = 0.3, times = 1}}}
      local clients = {new_client(), other_client(), new_client {ledger = folder .. "/././company.ledger"}}
      assert(clients[1]:get_app(projects))
      local functions = {}
      for i = 1, 9 do functions[i] = function() return clients[i % 3 + 1]:get_app(projects) end end
      for _, result in ipairs(fusioo.all(functions, 9)) do assert.is_nil(result.err) end
      local log = service:log()
      assert.equal(11, #log)
      assert.is_true(log[3].time >= log[2].finished) -- nobody but the one that tries is under way
    end)
  end)

  describe("of many processes", function()
    -- Starts so many, with `count` calls each; returns how many calls were answered well, and how many not.
    local function crowd(number, wish, meanwhile)
      local pipes, good, bad = {}, 0, 0
      for i = 1, number do pipes[i] = spender.start(service, wish) end
      if meanwhile then meanwhile() end
      for _, pipe in ipairs(pipes) do
        local g, b, text = spender.finish(pipe)
        assert.truthy(g, text)
        good, bad = good + g, bad + b
      end
      return good, bad
    end

    it("never makes the service say 429", function()
      service:config {latency = 0.01, rate = {calls = 20, window = 0.5}}
      local good, bad = crowd(8, {ledger = path, calls = 20, window = 0.5, count = 12})
      assert.same({96, 0}, {good, bad})
      assert.same({[200] = 96}, statuses())
    end)

    it("does not when some are killed all the time, and nobody hangs", function()
      service:config {latency = 0.01, rate = {calls = 20, window = 0.5}}
      local wish = {ledger = path, calls = 20, window = 0.5, count = 12}
      local good, bad = crowd(4, wish, function()
        for _ = 1, 8 do
          local victim, pid = spender.start(service, {ledger = path, calls = 20, window = 0.5, count = 100})
          assert.equal("begun", victim:read("*l"))
          local before = #service:log()
          files.wait_until(function() return #service:log() > before end)
          os.execute("kill -9 " .. pid)
          victim:read("*a")
          victim:close()
        end
      end)
      assert.same({48, 0}, {good, bad})
      assert.is_nil(statuses()[429])
    end)

    it("gets every call through beside a stranger who spends, too", function()
      service:config {latency = 0.01, rate = {calls = 20, window = 0.5, retry_after = "seconds"}}
      local good, bad = crowd(3, {ledger = path, calls = 20, window = 0.5, count = 20}, function()
        for _ = 1, 40 do service:get("/v3/apps") end
      end)
      assert.same({60, 0}, {good, bad})
    end)
  end)
end)
