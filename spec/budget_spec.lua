-- The company's window: who waits for it, who fails, who shares it. Short windows; what is asserted is the order of
-- things and the emulator's own clock, never how long a spec took.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

describe("the window", function()
  local service, projects

  setup(function()
    service = emulator.start {records = 300, calls = 1000000, tokens = {"first-token", "second-token"}}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  local number = 0

  before_each(function()
    number = number + 1
    service:reset()
  end)

  -- A client whose company no other spec has. `company`: to tell two of one spec apart.
  local function new_client(rate, options, company)
    rate.key = rate.key or ("company %d %s"):format(number, company or "")
    options = options or {}
    options.rate = rate
    return reading.client(service, options)
  end

  -- So many calls side by side; returns the results.
  local function burst(client, count, concurrency)
    local functions = {}
    for i = 1, count do
      functions[i] = function() return client:get_app(projects) end
    end
    return fusioo.all(functions, concurrency or 8)
  end

  local function statuses()
    local counts = {}
    for _, entry in ipairs(service:log()) do counts[entry.status] = (counts[entry.status] or 0) + 1 end
    return counts
  end

  local function assert_all_good(results)
    for _, result in ipairs(results) do
      assert.is_nil(result.err)
      assert.equal(projects, result.value.id)
    end
  end

  describe("with on_limit = wait", function()
    it("is never overrun by a burst", function()
      service:config {rate = {calls = 20, window = 0.5}}
      local client = new_client {calls = 20, window = 0.5}
      assert_all_good(burst(client, 50, 50))
      assert.same({[200] = 50}, statuses())
      assert.equal(0, client:stats().retries)
      assert.is_true(client:stats().waited > 0)
    end)

    it("is never overrun by a list", function()
      service:config {rate = {calls = 5, window = 0.4}}
      local client = new_client {calls = 5, window = 0.4}
      assert.same(service:truth(projects).ids, reading.ids(client:records(projects, {page_size = 25, concurrency = 8})))
      assert.equal(reading.calls(service), statuses()[200])
    end)

    it("tells its waits", function()
      local waits = {}
      local client = new_client({calls = 1, window = 0.2}, {on_event = function(event)
        if event.type == "wait" then waits[#waits + 1] = event end
      end})
      assert_all_good(burst(client, 3, 1))
      assert.equal(2, #waits)
      for _, event in ipairs(waits) do
        assert.equal("window", event.why)
        assert.is_true(event.seconds > 0 and event.seconds <= 0.2)
      end
    end)

    it("lets a call wait longer than timeout.total", function()
      local client = new_client({calls = 1, window = 0.6}, {timeout = {total = 0.3}})
      assert_all_good(burst(client, 2, 1))
    end)

    it("lets a call wait up to max_wait", function()
      local client = new_client {calls = 2, window = 0.2, max_wait = 60}
      assert_all_good(burst(client, 5))
    end)

    it("fails at once where the wait would be longer than max_wait", function()
      local client = new_client {calls = 2, window = 1000, max_wait = 5}
      assert_all_good(burst(client, 2))
      local app, err = client:get_app(projects)
      assert.is_nil(app)
      assert.equal("rate_limit", err.kind)
      assert.is_nil(err.status)
      assert.equal(0, err.attempts)
      assert.is_true(err.retry_after > 5 and err.retry_after <= 1000)
      assert.equal(2, reading.calls(service))
    end)

    it("fails at once with max_wait = 0", function()
      local client = new_client {calls = 1, window = 0.5, max_wait = 0}
      assert_all_good(burst(client, 1))
      local _, err = client:get_app(projects)
      assert.equal("rate_limit", err.kind)
    end)

    it("ends with the client that waits", function()
      local client = new_client {calls = 1, window = 1000}
      assert_all_good(burst(client, 1))
      local results = fusioo.all {
        function() return client:get_app(projects) end,
        function() return client:app(projects):list() end,
        function()
          coroutine.yield()
          coroutine.yield()
          client:close()
        end,
      }
      assert.equal("closed", results[1].err.kind)
      assert.equal("closed", results[2].err.kind)
      assert.equal(1, reading.calls(service))
    end)
  end)

  describe("with on_limit = error", function()
    it("fails at once when it is used up, and sends nothing", function()
      local client = new_client {calls = 3, window = 1000, on_limit = "error"}
      local results = burst(client, 5)
      local good, bad = 0, 0
      for _, result in ipairs(results) do
        if result.value then
          good = good + 1
        else
          bad = bad + 1
          local err = result.err
          assert.equal("rate_limit", err.kind)
          assert.is_true(err.retry_after > 0 and err.retry_after <= 1000)
          assert.is_nil(err.status)
          assert.equal(0, err.attempts)
          assert.equal("GET", err.method)
          assert.equal("/v3/apps/" .. projects, err.path)
          assert.truthy(tostring(err):find("3 calls", 1, true))
        end
      end
      assert.same({3, 2}, {good, bad})
      assert.equal(3, reading.calls(service))
    end)

    it("works again when a call is free", function()
      local client = new_client {calls = 1, window = 0.2, on_limit = "error"}
      assert_all_good(burst(client, 1))
      local _, err = client:get_app(projects)
      assert.equal("rate_limit", err.kind)
      client:with({rate = {on_limit = "wait"}}):get_app(projects) -- waits until a call is free, and takes it
      local budget = client:budget()
      assert.equal(0, budget.remaining)
      assert.is_true(budget.free_in > 0)
    end)

    it("returns a 429 of the service at once", function()
      service:config {rate = {calls = 2, window = 1000}}
      local client = new_client {on_limit = "error"}
      assert_all_good(burst(client, 2))
      local app, err = client:get_app(projects)
      assert.is_nil(app)
      assert.equal("rate_limit", err.kind)
      assert.equal(429, err.status)
      assert.equal(90429, err.code)
      assert.equal(1, err.attempts)
      assert.is_true(err.retry_after > 0)
      assert.same({[200] = 2, [429] = 1}, statuses())
      assert.equal(2, client:budget().used) -- a 429 is no call
    end)

    it("says what the service's Retry-After says", function()
      service:config {faults = {{fault = "status", status = 429, retry_after = 77}}}
      local before = os.time()
      local _, err = new_client({on_limit = "error"}):get_app(projects)
      local passed = os.time() - before + 1 -- at most
      assert.equal("rate_limit", err.kind)
      assert.is_true(err.retry_after >= 77 - passed and err.retry_after <= 77)
    end)
  end)

  describe("reserve", function()
    it("leaves so many calls to others", function()
      local modest = new_client {calls = 10, window = 1000, reserve = 4, on_limit = "error"}
      local other = new_client {calls = 10, window = 1000, on_limit = "error"}
      assert.equal(6, modest:budget().remaining)
      assert.equal(10, other:budget().remaining)
      assert_all_good(burst(modest, 6))
      local _, err = modest:get_app(projects)
      assert.equal("rate_limit", err.kind)
      assert.equal(0, modest:budget().remaining)
      assert.is_true(modest:budget().free_in > 0)
      assert.equal(4, other:budget().remaining)
      assert.equal(0, other:budget().free_in)
      assert_all_good(burst(other, 4))
      _, err = other:get_app(projects)
      assert.equal("rate_limit", err.kind)
      assert.equal(10, reading.calls(service))
    end)

    it("does not let one who must wait hold up others", function()
      local modest = new_client {calls = 3, window = 1000, reserve = 2}
      local other = new_client {calls = 3, window = 1000}
      assert_all_good(burst(modest, 1))
      local results = fusioo.all {
        function() return modest:get_app(projects) end,
        function() return other:get_app(projects) end,
        function()
          while reading.calls(service) < 2 do coroutine.yield() end
          modest:close()
        end,
      }
      assert.equal("closed", results[1].err.kind)
      assert.equal(projects, results[2].value.id)
    end)
  end)

  describe("is one company's", function()
    it("whatever the token, where the key is the same", function()
      local first = new_client({calls = 4, window = 1000, on_limit = "error"}, {token = "first-token"})
      local second = new_client({calls = 4, window = 1000, on_limit = "error"}, {token = "second-token"})
      assert_all_good(burst(first, 3))
      assert.equal(3, second:budget().used)
      assert_all_good(burst(second, 1))
      for _, client in ipairs {first, second} do
        local _, err = client:get_app(projects)
        assert.equal("rate_limit", err.kind)
      end
      assert.equal(4, reading.calls(service))
    end)

    it("where the key is another, however equal the token", function()
      local first = new_client({calls = 2, window = 1000, on_limit = "error"}, {}, "a")
      local second = new_client({calls = 2, window = 1000, on_limit = "error"}, {}, "b")
      assert_all_good(burst(first, 2))
      assert.equal(0, second:budget().used)
      assert_all_good(burst(second, 2))
    end)
  end)

  describe("counts", function()
    it("everything but ping", function()
      local client = new_client {calls = 100, window = 1000}
      for _ = 1, 5 do assert(client:ping()) end
      assert(client:request("GET", "/ping"))
      assert.equal(0, client:budget().used)
      client:get_apps()
      client:get_app("nothing")
      client:record_count(projects)
      client:get_records(projects, {where = {approved = true}})
      client:request("GET", "/apps")
      local budget = client:budget()
      assert.equal(5, budget.used)
      assert.equal(95, budget.remaining)
      assert.equal(100, budget.calls)
      assert.equal(1000, budget.window)
      assert.equal(0, budget.free_in)
      assert.equal(11, reading.calls(service))
    end)

    it("and lets ping through when it is used up", function()
      local client = new_client {calls = 1, window = 1000, on_limit = "error"}
      assert_all_good(burst(client, 1))
      assert.is_true(client:ping())
      assert.equal(0, client:budget().remaining)
      local wait = client:budget().free_in
      assert.is_true(wait > 0 and wait <= 1000)
    end)

    it("nothing that was refused before it was sent", function()
      local client = new_client {calls = 100, window = 1000}
      client:get_app("..")
      client:get_records(projects, {where = {x = print}})
      pcall(client.get_app, client, 1)
      client:with({token = function() end}):get_app(projects)
      assert.equal(0, client:budget().used)
    end)
  end)

  describe("that is smaller at the service than here", function()
    it("is waited for, with no error and no attempt used up", function()
      service:config {rate = {calls = 5, window = 0.5}}
      local client = new_client({}, {retry = {attempts = 1}})
      assert_all_good(burst(client, 12))
      local counts = statuses()
      assert.equal(12, counts[200])
      assert.is_true(counts[429] > 0)
      assert.equal(12, client:budget().used)
      assert.equal(counts[429], client:stats().retries)
    end)

    it("is waited for by a list", function()
      service:config {rate = {calls = 4, window = 0.5, retry_after = "seconds"}}
      local client = new_client({}, {retry = {attempts = 1}})
      assert.same(service:truth(projects).ids, reading.ids(client:records(projects, {page_size = 40})))
    end)

    it("is given up after max_wait", function()
      service:config {rate = {calls = 0}}
      local _, err = new_client({max_wait = 0.3}):get_app(projects)
      assert.equal("rate_limit", err.kind)
      assert.equal(429, err.status)
      assert.is_true(err.attempts >= 1)
      assert.is_true(err.retry_after > 0)
    end)
  end)

  describe("after a 429 with Retry-After", function()
    -- Seconds between the answer number `i` and the next request.
    local function gap(i)
      local log = service:log()
      return log[i + 1].time - log[i].finished
    end

    it("in seconds no call comes earlier", function()
      service:config {faults = {{fault = "status", status = 429, retry_after = 1, times = 1}}}
      local client = new_client({}, {retry = {attempts = 1}})
      assert_all_good(burst(client, 1))
      assert.same({[200] = 1, [429] = 1}, statuses())
      assert.is_true(gap(1) >= 1, ("only %f s"):format(gap(1)))
    end)

    it("as a date no call comes earlier", function()
      -- a date has whole seconds: two from now are one at least
      service:config {faults = {{fault = "status", status = 429, retry_after = 2, date = true, times = 1}}}
      local client = new_client({}, {retry = {attempts = 1}})
      assert_all_good(burst(client, 1))
      assert.same({[200] = 1, [429] = 1}, statuses())
      assert.is_true(gap(1) >= 0.95, ("only %f s"):format(gap(1)))
    end)

    it("nobody else of the company calls earlier", function()
      service:config {faults = {{fault = "status", status = 429, retry_after = 1, times = 1}}}
      local refused
      local function note(event)
        refused = refused or event.status == 429
      end
      local first = new_client({}, {token = "first-token", on_event = note})
      local second = new_client({}, {token = "second-token"})
      local results = fusioo.all {
        function() return first:get_app(projects) end,
        function()
          while not refused do coroutine.yield() end
          return second:get_app(projects)
        end,
      }
      assert_all_good(results)
      local log = service:log()
      assert.equal(3, #log)
      assert.is_true(log[2].time - log[1].finished >= 1)
      assert.is_true(log[3].time - log[1].finished >= 1)
    end)

    it("ping goes out all the same", function()
      service:config {faults = {{endpoint = "get_app", fault = "status", status = 429, retry_after = 1000}}}
      local client = new_client {on_limit = "error"}
      local _, err = client:get_app(projects)
      assert.equal("rate_limit", err.kind)
      assert.is_true(client:ping())
    end)

    it("of many repeats each is an attempt of the error that comes in the end", function()
      service:config {faults = {
        {fault = "status", status = 429, retry_after = 0, times = 2}, {fault = "status", status = 400},
      }}
      local _, err = new_client({}, {retry = {attempts = 1}}):get_app(projects)
      assert.equal("api", err.kind)
      assert.equal(3, err.attempts)
    end)
  end)
end)
