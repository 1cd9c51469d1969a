-- The flat layer's reading methods, request, estimate. What happens when they fail for the network's sake is elsewhere.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local VERSIONS = {"v1", "v2", "v3"}
local COUNT = 450

describe("client", function()
  local service, projects, truth, client

  setup(function()
    service = emulator.start {records = COUNT, calls = 1000000}
    projects = service.apps.projects
    truth = service:truth(projects).ids
    client = reading.client(service)
  end)

  teardown(function() service:stop() end)

  before_each(function() service:clear_log() end)

  -- The one request in the log.
  local function only_request()
    local log = service:log()
    assert.equal(1, #log)
    return log[1]
  end

  describe("methods", function()
    for _, version in ipairs(VERSIONS) do
      describe("of " .. version, function()
        local with

        setup(function() with = reading.client(service, {version = version}) end)

        it("ping", function()
          assert.is_true(with:ping())
          local entry = only_request()
          assert.equal("GET", entry.method)
          assert.equal("/" .. version .. "/ping", entry.path)
          assert.equal("ok", entry.authorization)
        end)

        it("get_apps and get_app", function()
          local names = {}
          local apps = assert(with:get_apps())
          assert.is_true(fusioo.is_array(apps))
          for i, app in ipairs(apps) do names[i] = app.name end
          assert.same({"Projects", "Tasks", "Clients"}, names)
          local app = assert(with:get_app(projects))
          assert.equal(projects, app.id)
          assert.same(app, apps[1])
          assert.equal("text", app.fields[1].type)
        end)

        it("record_count", function()
          assert.equal(COUNT, with:record_count(projects))
          assert.equal(COUNT, with:record_count(projects, {}))
          local approved = with:record_count(projects, {approved = true})
          local log = service:log()
          assert.equal("GET", log[1].method)
          assert.equal("GET", log[2].method)
          assert.equal("POST", log[3].method)
          assert.equal("record_count_filter", log[3].endpoint)
          assert.same({approved = {equal = true}}, reading.decode(log[3].body))
          assert.equal(#reading.ids_where(reading.all(service, projects), function(r) return r.approved == true end),
            approved)
        end)

        it("get_records: one page, its limit always sent, its offset in records to skip", function()
          assert.same(reading.slice(truth, 1, 200), reading.ids_of(assert(with:get_records(projects))))
          assert.truthy(only_request().query:find("limit=200", 1, true))
          for _, offset in ipairs {0, 1, 5, 199, 440, 449, 450, 1000} do
            local page = assert(with:get_records(projects, {limit = 20, offset = offset}))
            assert.same(reading.slice(truth, offset + 1, offset + 20), reading.ids_of(page))
            assert.is_true(fusioo.is_array(page))
          end
        end)

        it("get_records with where, sort_by, order", function()
          local page = assert(with:get_records(projects, {
            where = {approved = true}, sort_by = "progress", order = "desc", limit = 50, offset = 3,
          }))
          assert.equal(50, #page)
          for i, record in ipairs(page) do
            assert.is_true(record.approved)
            assert.is_true(i == 1 or record.progress <= page[i - 1].progress)
          end
          local entry = only_request()
          assert.equal("POST", entry.method)
          assert.equal("/" .. version .. "/records/apps/" .. projects .. "/filter", entry.path)
        end)

        it("get_record", function()
          local record = assert(with:get_record(truth[7]))
          assert.equal(truth[7], record.id)
          assert.equal("/" .. version .. "/records/" .. truth[7], only_request().path)
        end)
      end)
    end

    it("get_users and get_user", function()
      local users = assert(client:get_users())
      assert.equal(25, #users)
      assert.same(reading.slice(users, 4, 8), assert(client:get_users {limit = 5, offset = 3}))
      assert.same(users[9], assert(client:get_user(users[9].id)))
      local query = service:log()[1].query
      assert.truthy(query:find("limit=200", 1, true))
    end)

    it("that v1 and v2 lack are refused without a call", function()
      for _, version in ipairs {"v1", "v2"} do
        local old = reading.client(service, {version = version})
        for name, call in pairs {
          get_users = function() return old:get_users() end,
          get_user = function() return old:get_user("i1") end,
        } do
          local result, err = call()
          assert.is_nil(result)
          assert.equal("unsupported", err.kind)
          assert.truthy(tostring(err):find(version, 1, true))
          assert.truthy(tostring(err):find(name, 1, true))
        end
      end
      assert.equal(0, reading.calls(service))
    end)

    it("send what the guide asks for", function()
      assert(client:get_records(projects, {where = {approved = true}}))
      local headers = only_request().headers
      assert.equal("application/json", headers["content-type"])
      assert.equal("fusioo-lua/" .. fusioo._VERSION:match("%S+$"), headers["user-agent"])
      assert.equal("POST", only_request().method)
    end)

    it("tell what is not found", function()
      for _, call in ipairs {
        function() return client:get_app("nothing") end,
        function() return client:get_record("nothing") end,
        function() return client:get_user("nothing") end,
        function() return client:get_records("nothing") end,
        function() return client:record_count("nothing") end,
        function() return client:request("GET", "/nothing") end,
      } do
        service:clear_log()
        local result, err = call()
        assert.is_nil(result)
        assert.equal("not_found", err.kind)
        assert.equal(404, err.status)
        assert.equal("GET", err.method)
        assert.equal(1, err.attempts)
        assert.equal(only_request().path, err.path)
        assert.is_nil(err.maybe_done)
        assert.is_nil(err.resume)
      end
      local _, err = client:get_app("nothing")
      assert.equal(30000, err.code)
      assert.equal("string", type(err.message))
    end)

    it("hand the service's own refusals on", function()
      local result, err = client:get_records(projects, {sort_by = "no_such_field"})
      assert.is_nil(result)
      assert.equal("api", err.kind)
      assert.equal(400, err.status)
      assert.equal(90400, err.code)
      assert.truthy(err.message:find("no_such_field", 1, true))
      assert.truthy(tostring(err):find(err.message, 1, true))
      only_request() -- never repeated
    end)
  end)

  describe("request", function()
    it("returns the data and the envelope", function()
      local data, envelope = client:request("GET", "/apps/" .. projects)
      assert.equal(projects, data.id)
      assert.equal(10000, envelope.code)
      assert.equal("Success", envelope.message)
      assert.equal(data, envelope.data)
    end)

    it("takes a query, encodes it", function()
      local data = assert(client:request("GET", "/records/apps/" .. projects, {
        query = {limit = 3, offset = 10, order = "asc", ["odd &=?#%+ name"] = "odd &=?#%+ välue\r\n", flag = true},
      }))
      assert.same(reading.slice(truth, 11, 13), reading.ids_of(data))
      local query = only_request().query
      assert.truthy(query:find("limit=3", 1, true))
      assert.truthy(query:find("flag=true", 1, true))
      assert.truthy(query:find("odd%20%26%3D%3F%23%25%2B%20name=odd%20%26%3D%3F%23%25%2B%20v%C3%A4lue%0D%0A", 1, true))
    end)

    it("takes a body", function()
      local data = assert(client:request("POST", "/records/apps/" .. projects .. "/filter", {
        query = {limit = 5, offset = 0}, body = {approved = {equal = true}}, repeatable = true,
      }))
      assert.equal(5, #data)
      for _, record in ipairs(data) do assert.is_true(record.approved) end
      assert.same({approved = {equal = true}}, reading.decode(only_request().body))
    end)

    it("writes an empty body as what it is", function()
      assert(client:request("POST", "/records/apps/" .. projects .. "/filter", {query = {limit = 1}, body = {}}))
      assert.equal("{}", only_request().body)
    end)

    it("refuses a body that cannot be JSON, and names the place", function()
      local data, err = client:request("POST", "/x", {body = {list = {1, 2, function() end}}})
      assert.is_nil(data)
      assert.equal("invalid", err.kind)
      assert.truthy(tostring(err):find("body.list[3]", 1, true))
      assert.equal(0, reading.calls(service))
    end)

    it("refuses odd paths and methods without a call", function()
      for _, path in ipairs {"apps", "", "/../x", "/apps/..", "/apps/./x", "/a b", "/apps?x", "/apps#x", "/a\r\nX: y",
        "/a\tb", "/\195\164", "/a\\b", "http://example.com/", "/."} do
        local data, err = client:request("GET", path)
        assert.is_nil(data, path)
        assert.equal("invalid", err.kind, path)
      end
      for _, method in ipairs {"get", "HEAD", "", "GET /x", "GET\r\n"} do
        local data, err = client:request(method, "/apps")
        assert.is_nil(data)
        assert.equal("invalid", err.kind)
      end
      assert.equal(0, reading.calls(service))
    end)

    it("refuses encoded dots, which a server takes for a step in the path", function()
      for _, path in ipairs {"/%2e%2e/x", "/apps/%2E", "/apps/.%2e/x"} do
        local data, err = client:request("GET", path)
        assert.is_nil(data, path)
        assert.equal("invalid", err.kind, path)
      end
      assert.equal(0, reading.calls(service))
    end)

    it("keeps a percent-encoded path as it is", function()
      local _, err = client:request("GET", "/records/a%2Fb%20c")
      assert.equal("not_found", err.kind)
      assert.equal("/v3/records/a%2Fb%20c", only_request().path)
      assert.equal("get_record", only_request().endpoint)
    end)

    it("raises on wrong arguments", function()
      for _, arguments in ipairs {
        {nil, "/apps"}, {"GET"}, {"GET", {}}, {"GET", "/apps", "x"}, {"GET", "/apps", {querry = {}}},
        {"GET", "/apps", {query = "a=b"}}, {"GET", "/apps", {query = {{}}}}, {"GET", "/apps", {query = {a = {}}}},
        {"POST", "/apps", {repeatable = 1}},
      } do
        assert.has_error(function() client:request(arguments[1], arguments[2], arguments[3]) end)
      end
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("estimate", function()
    it("costs one call, the count", function()
      local cost = assert(client:estimate(projects))
      assert.equal(COUNT, cost.records)
      assert.equal("record_count", only_request().endpoint)
      assert.equal(0, cost.wait)
    end)

    for _, n in ipairs {0, 1, 199, 200, 201, 398, 399, 400, 1000} do
      it("says what an iteration over " .. n .. " then costs at most", function()
        service:reset {records = n}
        finally(function() service:reset() end)
        for _, query in ipairs {
          {}, {page_size = 50}, {page_size = 1, limit = 30}, {seams = false}, {limit = 10}, {limit = 250}, {limit = 0},
          {offset = 150}, {offset = 100, limit = 220}, {where = {approved = true}}, {page_size = 2, limit = 9},
        } do
          local cost = assert(client:estimate(projects, query))
          service:clear_log()
          local ids = reading.ids(client:records(projects, query))
          assert.equal(#ids, cost.records)
          local calls = reading.calls(service)
          assert.is_true(calls <= cost.calls, ("%d calls, %d were said"):format(calls, cost.calls))
          assert.is_true(cost.calls <= math.max(reading.most_calls(#ids, query.page_size, query.seams), 3))
          if query.limit == 0 then assert.equal(0, cost.calls) end
        end
      end)
    end

    it("says how long the window will make it wait", function()
      local short = reading.client(service, {rate = {calls = 3, window = 1000, key = "estimate"}})
      local cost = assert(short:estimate(projects, {page_size = 50}))
      -- 10 pages and the count after this one: of three calls, two are left, then three every 1000 s
      assert.is_true(cost.calls >= 10 and cost.calls <= 11)
      assert.is_true(cost.wait > 2000 and cost.wait <= 4000)
      assert.is_true(assert(client:estimate(projects)).wait == 0)
    end)

    it("fails as the count does", function()
      local cost, err = client:estimate("nothing")
      assert.is_nil(cost)
      assert.equal("not_found", err.kind)
    end)
  end)

  it("reads tables of the service's own, with nothing hidden in them", function()
    local record = assert(client:get_record(truth[1]))
    assert.is_nil(getmetatable(record))
    record.title = nil
    assert.is_string(assert(client:get_record(truth[1])).title)
  end)

  it("has a name in messages, without the token", function()
    local text = tostring(client)
    assert.truthy(text:find("v3", 1, true))
    assert.is_nil(text:find(service.token, 1, true))
  end)
end)
