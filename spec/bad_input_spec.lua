-- What users pass that is wrong, odd or hostile: refused before a call, or sent as what it is.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local ODD_IDS = {
  "a/b", "/", "//", "a/", "a?b=c", "a#b", "a%b", "%2F", "%2e%2e", "..%2f", "a b", " ", "a\r\nX-Injected: yes", "\r",
  "\n", "é", "日本", "\255\254", "\127", "...", ".a", "a..", "..a", "a:b@c", "a;b,c", "a\\b", "a\"b", "<a>", "a|b",
  "{app_id}", "a&b=c", "a+b", "~", "-_.!*'()", ("long"):rep(500),
}

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

describe("client", function()
  local service, projects, client

  setup(function()
    service = emulator.start {records = 300, calls = 1000000}
    projects = service.apps.projects
    client = reading.client(service)
  end)

  teardown(function() service:stop() end)

  before_each(function() service:clear_log() end)

  -- The methods that take an id, and where in the path it stands.
  local by_id = {
    {"get_app", "^/v3/apps/([^/]*)$"},
    {"record_count", "^/v3/records/apps/([^/]*)/count$"},
    {"get_records", "^/v3/records/apps/([^/]*)$"},
    {"get_record", "^/v3/records/([^/]*)$"},
    {"get_user", "^/v3/users/([^/]*)$"},
    {"app_list", "^/v3/records/apps/([^/]*)$", function(id) return client:app(id):list() end},
  }

  for _, case in ipairs(by_id) do
    local name, pattern = case[1], case[2]
    local call = case[3] or function(id) return client[name](client, id) end

    it("sends an odd id of " .. name .. " as one segment of the path", function()
      for _, id in ipairs(ODD_IDS) do
        service:clear_log()
        local result, err = call(id)
        assert.is_nil(result)
        assert.equal("not_found", err.kind)
        local log = service:log()
        assert.equal(1, #log)
        local segment = log[1].path:match(pattern)
        assert.is_string(segment, log[1].path)
        assert.equal(id, decoded(segment))
        assert.is_nil(log[1].headers["x-injected"])
        assert.is_nil(segment:find("[^%w%-._~%%]"))
        local query = log[1].query or ""
        assert.is_nil(query:find("b=c", 1, true))
        assert.is_nil(tostring(err):find("[%z\r\n]"))
      end
    end)

    it("encodes a zero byte in an id of " .. name, function()
      -- nginx refuses such a path by itself, so that the log does not hold it
      for _, id in ipairs {"\0", "a\0b"} do
        local result, err = call(id)
        assert.is_nil(result)
        assert.equal(400, err.status)
        assert.equal(id, decoded(err.path:match(pattern)))
        assert.is_nil(err.path:find("%z"))
      end
    end)

    it("refuses ids of " .. name .. " that are no segment, without a call", function()
      for _, id in ipairs {"", ".", ".."} do
        local result, err = call(id)
        assert.is_nil(result)
        assert.equal("invalid", err.kind)
        assert.equal("fusioo", tostring(err):match("^%a+"))
      end
      assert.equal(0, reading.calls(service))
    end)

    it("raises where an id of " .. name .. " is no string", function()
      for _, id in ipairs {1, true, {}, print, fusioo.null} do
        local ok, err = pcall(call, id)
        assert.is_false(ok)
        if id ~= true then assert.equal("string", type(err)) end
      end
      assert.is_false((pcall(call, nil)))
      assert.equal(0, reading.calls(service))
    end)
  end

  it("names the argument where an id is no string", function()
    for name, argument in pairs {get_app = "app_id", get_record = "record_id", get_user = "user_id",
      record_count = "app_id", get_records = "app_id", records = "app_id", pages = "app_id"} do
      local ok, err = pcall(client[name], client, 42)
      assert.is_false(ok)
      assert.truthy(err:find(name, 1, true), err)
      assert.truthy(err:find(argument, 1, true), err)
    end
  end)

  it("lets iterators raise the error object of a bad id", function()
    for _, name in ipairs {"records", "pages"} do
      for _, id in ipairs {"", ".", ".."} do
        local ok, err = pcall(function()
          for _ in client[name](client, id) do error("a record", 0) end
        end)
        assert.is_false(ok)
        assert.equal("invalid", err.kind)
      end
    end
    assert.equal(0, reading.calls(service))
  end)

  describe("queries", function()
    it("encode an odd sort_by", function()
      for _, name in ipairs {"a&b=c", "a b", "é", "a#b", "a%20b", "a\r\nX-Injected: yes", "a+b", "a/b?c", "\255"} do
        service:clear_log()
        local records, err = client:get_records(projects, {sort_by = name})
        assert.is_nil(records)
        assert.equal(400, err.status)
        local entry = service:log()[1]
        assert.equal(name, decoded(entry.query:match("sort_by=([^&]*)")))
        assert.is_nil(entry.query:match("sort_by=[^&]*"):find("[+ %c]"))
        assert.is_nil(entry.headers["x-injected"])
      end
    end)

    it("are refused where an option is unknown, with the one that is meant", function()
      for _, case in ipairs {{"wher", "where"}, {"sort", "sort_by"}, {"ofset", "offset"}, {"limits", "limit"},
        {"pagesize", "page_size"}, {"on_progres", "on_progress"}, {"expected", "expect"}, {"seam", "seams"}} do
        for _, name in ipairs {"records", "pages", "estimate"} do
          local ok, err = pcall(client[name], client, projects, {[case[1]] = 1})
          assert.is_false(ok)
          assert.truthy(err:find(name, 1, true), err)
          assert.truthy(err:find("'" .. case[1] .. "'", 1, true), err)
          assert.truthy(err:find(case[2], 1, true), err)
        end
      end
      for _, name in ipairs {"page_size", "concurrency", "expect", "seams", "on_progress"} do
        assert.has_error(function() client:get_records(projects, {[name] = 1}) end)
      end
      for _, name in ipairs {"where", "sort_by", "order", "expect"} do
        assert.has_error(function() client:users {[name] = "x"} end)
        assert.has_error(function() client:get_users {[name] = "x"} end)
      end
      assert.equal(0, reading.calls(service))
    end)

    it("are refused where a value is of the wrong type, or out of range", function()
      local wrong = {
        where = {"x", 1, true}, sort_by = {1, {}, "", "a\0b"}, order = {"up", "ASC", 1, ""},
        offset = {-1, 1.5, "1", 0 / 0, 1 / 0},
      }
      for name, values in pairs(wrong) do
        for _, value in ipairs(values) do
          local ok, err = pcall(client.get_records, client, projects, {[name] = value})
          assert.is_false(ok)
          assert.truthy(tostring(err):find(name, 1, true), tostring(err))
          assert.is_false((pcall(function()
            for _ in client:records(projects, {[name] = value}) do error("a record", 0) end
          end)))
        end
      end
      for _, limit in ipairs {0, -1, 201, 1000, 1.5, "10", 0 / 0} do
        local ok, err = pcall(client.get_records, client, projects, {limit = limit})
        assert.is_false(ok)
        assert.truthy(err:find("limit", 1, true))
        assert.has_error(function() client:get_users {limit = limit} end)
        assert.has_error(function() client:records(projects, {page_size = limit}) end)
      end
      for name, values in pairs {limit = {-1, 1.5, "1", 0 / 0}, expect = {-1, 1.5, "1", 0 / 0},
        concurrency = {0, -1, 1.5, "1"}, seams = {1, "no"}, on_progress = {1, "f", {}}} do
        for _, value in ipairs(values) do
          local ok, err = pcall(client.records, client, projects, {[name] = value})
          assert.is_false(ok)
          assert.truthy(err:find(name, 1, true), err)
        end
      end
      for _, query in ipairs {"x", 1, true} do
        assert.has_error(function() client:get_records(projects, query) end)
        assert.has_error(function() client:records(projects, query) end)
        assert.has_error(function() client:get_users(query) end)
      end
      assert.equal(0, reading.calls(service))
    end)

    it("are left as they are", function()
      local query = {where = {approved = true}, limit = 10, offset = 2, sort_by = "progress"}
      assert(client:get_records(projects, query))
      reading.ids(client:records(projects, query))
      client:app(projects):first(query)
      assert.same({where = {approved = true}, limit = 10, offset = 2, sort_by = "progress"}, query)
    end)
  end)

  describe("where", function()
    -- The filter that goes out for a `where`.
    local function sent(conditions)
      service:clear_log()
      client:get_records(projects, {where = conditions, limit = 1})
      return reading.decode(service:log()[1].body)
    end

    it("goes out as written", function()
      local where = fusioo.where
      assert.same({status = {contains = "In Progress"}}, sent {status = {contains = "In Progress"}})
      assert.same({status = {contains = "In Progress"}}, sent {status = where.contains("In Progress")})
      assert.same({approved = {equal = true}}, sent {approved = true})
      assert.same({approved = {equal = false}}, sent {approved = where.equal(false)})
      assert.same({title = {equal = "Test"}}, sent {title = "Test"})
      assert.same({created = {not_equal = "2023-10-04"}}, sent {created = where.not_equal("2023-10-04")})
      assert.same({created = {not_equal = "2023-10-04", contains = "2023"}},
        sent {created = {not_equal = "2023-10-04", contains = "2023"}})
      assert.same({tags = {equal = {"a", "b"}}}, sent {tags = {"a", "b"}})
      assert.same({tags = {equal = {}}}, sent {tags = fusioo.array {}})
      assert.same({notes = {equal = reading.null}}, sent {notes = fusioo.null})
      assert.same({progress = {between = {1, 5}}}, sent {progress = {between = {1, 5}}})
      local odd = "odd \" \\ \1 text, ä"
      assert.same({[odd] = {equal = odd}}, sent {[odd] = odd})
    end)

    it("of an empty table is none", function()
      assert(client:get_records(projects, {where = {}, limit = 1}))
      assert.equal("GET", service:log()[1].method)
    end)

    local cases = {
      {{items = {1, 2, print}}, "where.items", "[3]"},
      {{title = {equal = "\255"}}, "where.title.equal"},
      {{title = "\255"}, "where.title"},
      {{progress = 0 / 0}, "where.progress"},
      {{progress = {equal = 1 / 0}}, "where.progress.equal"},
      {{title = {equal = {deep = {1, {x = coroutine.create(function() end)}}}}}, "where.title.equal.deep[2].x"},
    }

    it("that cannot be JSON is refused without a call, and the place is named", function()
      for _, case in ipairs(cases) do
        for name, call in pairs {
          get_records = function() return client:get_records(projects, {where = case[1]}) end,
          estimate = function() return client:estimate(projects, {where = case[1]}) end,
          list = function() return client:app(projects):list {where = case[1]} end,
          first = function() return client:app(projects):first {where = case[1]} end,
        } do
          local result, err = call()
          assert.is_nil(result, name)
          assert.equal("invalid", err.kind, name)
          if name ~= "estimate" then assert.truthy(tostring(err):find(case[2], 1, true), tostring(err)) end
          assert.truthy(tostring(err):find(case[3] or "", 1, true), tostring(err))
        end
        local count, err = client:record_count(projects, case[1])
        assert.is_nil(count)
        assert.equal("invalid", err.kind)
        for _, name in ipairs {"records", "pages"} do
          local ok
          ok, err = pcall(function()
            for _ in client[name](client, projects, {where = case[1]}) do error("a record", 0) end
          end)
          assert.is_false(ok)
          assert.equal("invalid", err.kind)
          assert.truthy(tostring(err):find(case[2], 1, true))
        end
      end
      local cycle = {}
      cycle.equal = cycle
      local result, err = client:get_records(projects, {where = {title = cycle}})
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      assert.equal(0, reading.calls(service))
    end)

    it("that is no set of conditions raises", function()
      for _, where in ipairs {{"x"}, {[1] = true, title = "x"}, {title = {}}, {[true] = 1}} do
        assert.has_error(function() client:get_records(projects, {where = where}) end)
        assert.has_error(function() client:record_count(projects, where) end)
      end
      for _, filter in ipairs {"x", 1, true} do
        assert.has_error(function() client:record_count(projects, filter) end)
      end
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("app", function()
    it("raises on anything but an id or a name", function()
      for _, wrong in ipairs {1, true, {}, {nme = "Projects"}, {name = 1}, {name = "Projects", id = projects}} do
        assert.has_error(function() client:app(wrong) end)
      end
      assert.has_error(function() client:app() end)
      assert.has_error(function() client:app(projects):field() end)
      assert.has_error(function() client:app(projects):field(1) end)
      assert.equal(0, reading.calls(service))
    end)
  end)

  it("shows no token in errors", function()
    local token = "top-secret-token-4711"
    local nowhere = reading.client({url = "http://127.0.0.1:1", token = token}, {retry = {attempts = 1}})
    local wrong = reading.client(service, {token = token})
    local errors = {}
    for _, call in ipairs {
      function() return wrong:ping() end,
      function() return wrong:get_app("..") end,
      function() return wrong:get_app(projects) end,
      function() return wrong:request("GET", "/x y") end,
      function() return wrong:app(projects):list() end,
      function() return nowhere:ping() end,
    } do
      local _, err = call()
      errors[#errors + 1] = err
    end
    for _, err in ipairs(errors) do
      assert.is_nil(tostring(err):find(token, 1, true))
      for _, value in pairs(err) do assert.is_nil(tostring(value):find(token, 1, true)) end
    end
    assert.equal(6, #errors)
    assert.is_nil(tostring(wrong):find(token, 1, true))
  end)
end)
