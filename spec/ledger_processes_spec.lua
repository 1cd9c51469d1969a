-- The ledger under load: who waits for whom among processes, what dies, what 429s teach. Two clients whose ledgers are
-- spelled differently stand for two processes where nothing of the process matters. What is asserted is the emulator's
-- own count and order, never how long a spec took.

local files = require "spec.support.files"
local fusioo = require "fusioo"
local ledgers = require "spec.support.ledgers"
local spender = require "spec.support.spender"

describe("the window of several processes", function()
  local t = ledgers.prepare()

  describe("after a crash", function()
    it("still knows the calls that were under way", function()
      t.service:config {latency = 5}
      local pipe, pid = spender.start(t.service,
        {ledger = t.path, calls = 10, window = 1000, count = 3, concurrency = 3})
      files.wait_until(function() return #t.service:log() == 3 end)
      os.execute("kill -9 " .. pid)
      pipe:read("*a")
      pipe:close()
      t.service:config {latency = 0}
      assert.equal(3, t.new_client({calls = 10}):budget().used)
    end)

    it("forgets the place in line of who has died", function()
      t.service:config {rate = {calls = 2, window = 0.6}}
      local rate = {ledger = t.path, calls = 2, window = 0.6}
      t.spend(t.new_client(rate), 2)
      local pipe, pid = spender.start(t.service,
        {ledger = t.path, calls = 2, window = 1000, count = 5, concurrency = 5})
      assert.equal("begun", pipe:read("*l"))
      local client = t.new_client(rate)
      os.execute("kill -9 " .. pid)
      pipe:read("*a")
      pipe:close()
      t.spend(client, 4)
      assert.is_nil(t.statuses()[429])
    end)
  end)

  describe("with a full window", function()
    it("serves two processes by turns", function()
      t.service:config {rate = {calls = 1, window = 0.1}}
      local clients = {t.new_client {calls = 1, window = 0.1}, t.other_client {calls = 1, window = 0.1}}
      local order, functions = {}, {}
      for i = 1, 10 do
        functions[i] = function()
          local which = i <= 5 and 1 or 2
          assert(clients[which]:get_app(t.projects))
          order[#order + 1] = which
        end
      end
      for _, result in ipairs(fusioo.all(functions, 10)) do assert.is_nil(result.err) end
      assert.same({[200] = 10}, t.statuses())
      for i = 3, 8 do -- neither waits for the other's whole line
        assert.truthy(table.concat(order, "", i - 2, i):find(order[i] == 1 and "2" or "1"), table.concat(order))
      end
    end)

    it("gives a place that is given up to the next", function()
      t.service:config {rate = {calls = 1, window = 0.5}}
      local first, second = t.new_client {calls = 1, window = 0.5}, t.other_client {calls = 1, window = 0.5}
      t.spend(first, 1)
      local results = fusioo.all {
        function() return first:get_app(t.projects) end,
        function() return second:get_app(t.projects) end,
        function()
          coroutine.yield()
          coroutine.yield()
          first:close()
        end,
      }
      assert.equal("closed", results[1].err.kind)
      assert.equal(t.projects, results[2].value.id)
      assert.same({[200] = 2}, t.statuses())
    end)

    it("keeps to max_wait", function()
      local first, second = t.new_client {calls = 2}, t.other_client {calls = 2, max_wait = 5}
      t.spend(first, 2)
      local _, err = second:get_app(t.projects)
      assert.equal("rate_limit", err.kind)
      assert.is_true(err.retry_after > 5 and err.retry_after <= 1000)
      assert.equal(2, #t.service:log())
    end)
  end)

  describe("after a 429", function()
    it("keeps all processes from calling before Retry-After", function()
      t.service:config {faults = {{fault = "status", status = 429, retry_after = 1, times = 1}}}
      local first, second = t.new_client(), t.other_client()
      local results = fusioo.all {
        function() return first:get_app(t.projects) end,
        function()
          while #t.service:log() == 0 do coroutine.yield() end
          while not t.service:log()[1].finished do coroutine.yield() end
          for _ = 1, 20 do coroutine.yield() end
          return second:get_app(t.projects)
        end,
      }
      assert.equal(t.projects, results[1].value.id)
      assert.equal(t.projects, results[2].value.id)
      local log = t.service:log()
      assert.equal(3, #log)
      assert.is_true(log[2].time - log[1].finished >= 1)
      assert.is_true(log[3].time - log[1].finished >= 1)
    end)

    it("tells those who come later, and who will not wait", function()
      t.service:config {faults = {{fault = "status", status = 429, retry_after = 77, times = 1}}}
      local _, err = t.new_client({on_limit = "error"}):get_app(t.projects)
      assert.equal(429, err.status)
      local _, later = t.other_client({on_limit = "error"}):get_app(t.projects)
      assert.equal("rate_limit", later.kind)
      assert.is_nil(later.status)
      assert.is_true(later.retry_after > 70 and later.retry_after <= 77)
      assert.is_true(t.other_client():budget().free_in > 70)
      assert.equal(1, #t.service:log())
    end)

    it("lets one process try alone", function()
      t.service:config {latency = 0.1, faults = {{fault = "status", status = 429, retry_after = 0.3, times = 1}}}
      local clients = {t.new_client(), t.other_client(), t.new_client {ledger = t.folder .. "/././company.ledger"}}
      assert(clients[1]:get_app(t.projects))
      local functions = {}
      for i = 1, 9 do functions[i] = function() return clients[i % 3 + 1]:get_app(t.projects) end end
      for _, result in ipairs(fusioo.all(functions, 9)) do assert.is_nil(result.err) end
      local log = t.service:log()
      assert.equal(11, #log)
      assert.is_true(log[3].time >= log[2].finished) -- nobody but the one that tries is under way
    end)
  end)

  describe("of many processes", function()
    -- Starts so many, with `count` calls each; returns how many calls were answered well, and how many not.
    local function crowd(number, wish, meanwhile)
      local pipes, good, bad = {}, 0, 0
      for i = 1, number do pipes[i] = spender.start(t.service, wish) end
      if meanwhile then meanwhile() end
      for _, pipe in ipairs(pipes) do
        local g, b, text = spender.finish(pipe)
        assert.truthy(g, text)
        good, bad = good + g, bad + b
      end
      return good, bad
    end

    it("never makes the service say 429", function()
      t.service:config {latency = 0.01, rate = {calls = 20, window = 0.5}}
      local good, bad = crowd(8, {ledger = t.path, calls = 20, window = 0.5, count = 12})
      assert.same({96, 0}, {good, bad})
      assert.same({[200] = 96}, t.statuses())
    end)

    it("does not when some are killed all the time, and nobody hangs", function()
      t.service:config {latency = 0.01, rate = {calls = 20, window = 0.5}}
      local wish = {ledger = t.path, calls = 20, window = 0.5, count = 12}
      local good, bad = crowd(4, wish, function()
        for _ = 1, 8 do
          local victim, pid = spender.start(t.service, {ledger = t.path, calls = 20, window = 0.5, count = 100})
          assert.equal("begun", victim:read("*l"))
          local before = #t.service:log()
          files.wait_until(function() return #t.service:log() > before end)
          os.execute("kill -9 " .. pid)
          victim:read("*a")
          victim:close()
        end
      end)
      assert.same({48, 0}, {good, bad})
      assert.is_nil(t.statuses()[429])
    end)

    it("gets every call through beside a stranger who spends, too", function()
      t.service:config {latency = 0.01, rate = {calls = 20, window = 0.5, retry_after = "seconds"}}
      local good, bad = crowd(3, {ledger = t.path, calls = 20, window = 0.5, count = 20}, function()
        for _ = 1, 40 do t.service:get("/v3/apps") end
      end)
      assert.same({60, 0}, {good, bad})
    end)
  end)
end)
