-- Clients and their views: tokens, statistics, ends.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

describe("client", function()
  local service, projects, client

  setup(function()
    service = emulator.start {records = 600, calls = 1000000, tokens = {"first-token", "second-token"}}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:config {latency = 0}
    service:clear_log()
    client = reading.client(service)
  end)

  after_each(function() client:close() end)

  -- Waits, giving up the turn, until the service has `count` requests in its log.
  local function until_asked(count)
    while reading.calls(service) < count do coroutine.yield() end
  end

  local function statuses()
    local list = {}
    for i, entry in ipairs(service:log()) do list[i] = entry.status end
    return list
  end

  describe("with a token function", function()
    it("asks it for each call", function()
      local asked = 0
      local with = reading.client(service, {token = function()
        asked = asked + 1
        return service.token
      end})
      assert.equal(0, asked)
      for i = 1, 3 do
        assert.is_true(with:ping())
        assert.equal(i, asked)
      end
    end)

    it("repeats once after a 401 where it gives another token", function()
      local tokens = {"out-of-date", service.token}
      local with = reading.client(service, {token = function() return table.remove(tokens, 1) end})
      assert.equal(projects, assert(with:get_app(projects)).id)
      assert.same({401, 200}, statuses())
      assert.equal(2, with:stats().calls)
      assert.equal(1, with:stats().retries)
    end)

    it("gives up after one request where it gives the same token again", function()
      local asked = 0
      local with = reading.client(service, {token = function()
        asked = asked + 1
        return "out-of-date"
      end})
      local app, err = with:get_app(projects)
      assert.is_nil(app)
      assert.equal("auth", err.kind)
      assert.equal(401, err.status)
      assert.equal(10003, err.code)
      assert.equal(1, err.attempts)
      assert.equal(2, asked)
      assert.same({401}, statuses())
    end)

    it("gives up after the second token that is refused", function()
      local asked = 0
      local with = reading.client(service, {token = function()
        asked = asked + 1
        return "out-of-date-" .. asked
      end})
      local app, err = with:get_app(projects)
      assert.is_nil(app)
      assert.equal("auth", err.kind)
      assert.equal(2, err.attempts)
      assert.same({401, 401}, statuses())
    end)

    it("says why there is no token, and sends nothing", function()
      for _, case in ipairs {
        {function() end, "nil"},
        {function() return nil, "the vault is locked" end, "the vault is locked"},
        {function() return 12345 end, "number"},
        {function() return {} end, "table"},
        {function() error("the vault burnt", 0) end, "the vault burnt"},
        {function() return "" end, "empty"},
        {function() return "token-with\r\nX-Header: 1" end, "header"},
        {function() return "token-with\0zero" end, ""},
      } do
        local with = reading.client(service, {token = case[1]})
        for _, call in ipairs {
          function() return with:ping() end,
          function() return with:app(projects):list() end,
        } do
          local result, err = call()
          assert.is_nil(result)
          assert.equal("auth", err.kind)
          assert.equal(0, err.attempts)
          assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
          assert.is_nil(tostring(err):find("token-with", 1, true))
        end
      end
      assert.equal(0, reading.calls(service))
    end)

    it("lets it make calls of its own", function()
      local with = reading.client(service, {token = function()
        assert(client:ping())
        return service.token
      end})
      assert.equal(600, #assert(with:app(projects):list()))
      local results = fusioo.all {function() return with:ping() end, function() return with:ping() end}
      assert.is_true(results[1].value and results[2].value)
    end)
  end)

  describe("views", function()
    it("are made without a call", function()
      assert.is_truthy(client:with {tag = "nightly"})
      assert.is_truthy(client:with())
      assert.equal(0, reading.calls(service))
    end)

    it("share statistics, and count by tag", function()
      local nightly, daily = client:with {tag = "nightly"}, client:with {tag = "daily"}
      client:ping()
      nightly:ping()
      nightly:get_app(projects)
      daily:get_app("nothing")
      nightly:with({concurrency = 2}):ping() -- what is not named stays
      local stats = client:stats()
      assert.equal(5, stats.calls)
      assert.equal(0, stats.retries)
      assert.same({calls = 3, retries = 0}, stats.by_tag.nightly)
      assert.same({calls = 1, retries = 0}, stats.by_tag.daily)
      assert.same(stats, nightly:stats())
      assert.is_true(stats.bytes_in > 0)
      assert.equal(0, stats.bytes_out)
      assert.equal(0, stats.waited)
      client:record_count(projects, {approved = true})
      assert.equal(#'{"approved":{"equal":true}}', client:stats().bytes_out)
    end)

    it("have other tokens", function()
      local wrong, second = client:with {token = "wrong"}, client:with {token = "second-token"}
      local _, err = wrong:ping()
      assert.equal("auth", err.kind)
      assert.is_true(second:ping())
      assert.is_true(client:ping())
      assert.is_true(client:with({token = function() return "second-token" end}):ping())
      assert.is_true(second:with({tag = "x"}):ping())
    end)

    it("keep what is not named, also inside rate", function()
      local model = reading.client(service, {rate = {calls = 50, window = 100, reserve = 5, key = "views"}})
      assert(model:get_app(projects))
      local view = model:with {rate = {reserve = 10}}
      local budget = view:budget()
      assert.equal(50, budget.calls)
      assert.equal(100, budget.window)
      assert.equal(1, budget.used)
      assert.equal(39, budget.remaining)
      assert.equal(44, model:budget().remaining)
      assert.equal(44, model:with({rate = {on_limit = "error"}}):budget().remaining)
      assert(view:get_app(projects))
      assert.equal(2, model:budget().used)
    end)

    it("keep what is not named, also inside retry", function()
      local events = {}
      local model = reading.client({url = "http://127.0.0.1:1", token = "t"}, {
        retry = {attempts = 2, base = 0.001, cap = 0.001}, on_event = function(event) events[#events + 1] = event end,
      })
      local _, err = model:with({retry = {base = 0.002}}):ping()
      assert.equal("network", err.kind)
      assert.equal(2, err.attempts)
      assert.is_true(#events > 0)
    end)

    it("share the window only within one company", function()
      local model = reading.client(service, {rate = {key = "one company"}})
      assert(model:get_app(projects))
      assert.equal(1, model:with({token = "second-token"}):budget().used)
      assert.equal(0, model:with({rate = {key = "another"}}):budget().used)
      local without = reading.client(service, {token = "first-token"})
      local before = without:budget().used
      assert(without:get_app(projects))
      assert.equal(before + 1, without:with({concurrency = 1}):budget().used)
      assert.equal(0, without:with({token = "some-other-token"}):budget().used)
    end)

    it("refuse options that belong to a client", function()
      for _, name in ipairs {"base_url", "version", "runtime", "endpoints", "proxy"} do
        local ok, err = pcall(client.with, client, {[name] = "x"})
        assert.is_false(ok)
        assert.truthy(tostring(err):find(name, 1, true))
      end
    end)

    it("end their own calls alone when they are closed", function()
      service:config {latency = 0.3}
      local view = client:with {tag = "short-lived"}
      local sibling = view:with {tag = "other"}
      local results = fusioo.all {
        function() return client:get_app(projects) end,
        function() return view:get_app(projects) end,
        function() return sibling:get_app(projects) end,
        function()
          until_asked(3)
          view:close()
          return view:get_app(projects)
        end,
      }
      assert.equal(projects, results[1].value.id)
      assert.equal("closed", results[2].err.kind)
      assert.equal(projects, results[3].value.id)
      assert.equal("closed", results[4].err.kind)
      assert.equal(3, reading.calls(service))
    end)
  end)

  describe("close", function()
    it("lets every later call return nil and an error", function()
      client:close()
      client:close()
      for name, call in pairs {
        ping = function() return client:ping() end,
        get_apps = function() return client:get_apps() end,
        get_app = function() return client:get_app(projects) end,
        record_count = function() return client:record_count(projects) end,
        get_records = function() return client:get_records(projects) end,
        get_record = function() return client:get_record("i1") end,
        get_users = function() return client:get_users() end,
        get_user = function() return client:get_user("i1") end,
        request = function() return client:request("GET", "/apps") end,
        estimate = function() return client:estimate(projects) end,
        app = function() return client:app {name = "Projects"} end,
        list = function() return client:app(projects):list() end,
        first = function() return client:app(projects):first() end,
        schema = function() return client:app(projects):schema() end,
      } do
        local result, err = call()
        assert.is_nil(result, name)
        assert.equal("closed", err.kind, name)
      end
      assert.equal(0, reading.calls(service))
    end)

    it("lets iterators raise the error", function()
      local following, state = client:records(projects, {page_size = 20})
      assert.is_table(following(state))
      client:close()
      local before = reading.calls(service)
      local ok, err
      repeat
        ok, err = pcall(following, state) -- what was there already may still come
      until not ok
      assert.equal("closed", err.kind)
      ok, err = pcall(client:records(projects))
      assert.is_false(ok)
      assert.equal("closed", err.kind)
      assert.equal(before, reading.calls(service))
    end)

    it("ends what is under way", function()
      service:config {latency = 0.3}
      local results = fusioo.all {
        function() return client:get_app(projects) end,
        function() return client:app(projects):list() end,
        function()
          until_asked(2)
          client:close()
        end,
      }
      assert.equal("closed", results[1].err.kind)
      assert.equal("closed", results[2].err.kind)
    end)

    it("leaves other clients alone", function()
      local other = reading.client(service)
      client:close()
      assert.is_true(other:ping())
    end)
  end)

  it("that nobody holds any more ends what it has under way", function()
    service:config {latency = 0.05}
    local passing = reading.client(service, {concurrency = 4})
    local following, state = passing:records(projects, {page_size = 20})
    following(state)
    passing, following, state = nil, nil, nil -- luacheck: ignore
    reading.collect()
    local before = reading.calls(service)
    for _ = 1, 5 do client:ping() end
    assert.equal(before + 5, reading.calls(service))
  end)
end)
