-- The emulator's service: what is read, and how it is asked for. The other emulator_*_spec.lua files hold the rest.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "spec.support.http"

local function slice(list, first, last)
  local part = {}
  for i = first, math.min(last, #list) do part[#part + 1] = list[i] end
  return part
end

describe("emulator", function()
  local service, projects

  setup(function()
    service = emulator.start { records = 1000 }
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  local function page(version, query)
    return service:get("/" .. version .. "/records/apps/" .. projects .. (query and "?" .. query or ""))
  end

  describe("reading", function()
    it("answers ping in every version", function()
      for _, version in ipairs { "v1", "v2", "v3" } do
        local answer = service:get("/" .. version .. "/ping")
        assert.equal('{"code":10000,"message":"Success","data":{}}', answer.body)
      end
    end)

    it("shows apps with their fields, one or all", function()
      local all = service:get("/v3/apps/").json.data
      assert.equal(3, #all)
      assert.equal("Projects", all[1].name)
      assert.equal(28, #all[1].fields)
      assert.same(all[2], service:get("/v1/apps/" .. all[2].id).json.data)
    end)

    it("counts", function()
      assert.equal(1000, service:get("/v2/records/apps/" .. projects .. "/count").json.data.count)
      assert.equal(350, service:get("/v3/records/apps/" .. service.apps.tasks .. "/count").json.data.count)
    end)

    it("gives a record by its id, the same text as in the page", function()
      local first = page("v3", "limit=1&offset=7")
      local record = first.json.data[1]
      local one = service:get("/v3/records/" .. record.id)
      assert.equal(first.body:match('"data":%[(.*)%]}$'), one.body:match('"data":(.*)}$'))
    end)

    it("gives about 1,095 bytes a record", function()
      local body = page("v3").body
      assert.is_true(#body > 200 * 1060 and #body < 200 * 1130, "page of " .. #body .. " bytes")
    end)

    it("keeps numbers, escapes and empty arrays as they are in the data", function()
      local body = page("v3").body
      assert.truthy(body:find('"ledger_number":90071992547%d%d%d%d%d[,}]'))
      assert.truthy(body:find('"attachments":[]', 1, true))
      assert.truthy(body:find('https:\\/\\/', 1, true))
      assert.truthy(body:find('\\ud83d\\ude42', 1, true))
      assert.truthy(body:find('"notes":null', 1, true))
    end)

    it("has null and absent fields both", function()
      local null, absent = 0, 0
      for _, record in ipairs(page("v3").json.data) do
        if record.notes == cjson.null then null = null + 1 end
        if record.notes == nil then absent = absent + 1 end
      end
      assert.is_true(null > 20 and absent > 20)
    end)

    it("shows file fields in v3 only", function()
      assert.truthy(page("v3", "limit=1").body:find('"attachments"', 1, true))
      assert.falsy(page("v2", "limit=1").body:find('"attachments"', 1, true))
    end)

    it("shows users in v3 only", function()
      local users = service:get("/v3/users").json.data
      assert.equal(25, #users)
      assert.same(users[5], service:get("/v3/users/" .. users[5].id).json.data)
      assert.same({ users[24], users[25] }, service:get("/v3/users?limit=10&offset=23").json.data)
      assert.equal(404, service:get("/v2/users").status)
      assert.equal(404, service:get("/v3/users/i00").status)
    end)

    it("links to records and users that exist", function()
      local record = page("v3", "limit=1").json.data[1]
      local client = type(record.client) == "table" and record.client[1] or record.client
      assert.equal(200, service:get("/v3/records/" .. client).status)
      assert.equal(200, service:get("/v3/users/" .. record.owner[1]).status)
    end)

    it("has no files and no discussions", function()
      local record = page("v3", "limit=1").json.data[1].id
      assert.equal(404, service:get("/v3/files/x").status)
      assert.equal(404, service:get("/v3/files/x/download").status)
      assert.equal(404, service:get("/v3/discussions/x").status)
      assert.equal("[]", service:get("/v3/discussions/records/" .. record).body:match('"data":(.*)}$'))
      assert.equal(404, service:get("/v1/discussions/records/" .. record).status)
    end)

    it("gives the same data for the same seed and other data for another", function()
      local before = page("v3").body
      service:reset { seed = 2 }
      local other = page("v3").body
      assert.are_not.equal(before, other)
      service:reset { seed = 1 }
      assert.equal(before, page("v3").body)
    end)
  end)

  describe("offset", function()
    local all

    before_each(function() all = service:truth(projects).ids end)

    it("skips records in v3", function()
      assert.same(slice(all, 1, 200), emulator.ids(page("v3")))
      assert.same(slice(all, 6, 8), emulator.ids(page("v3", "offset=5&limit=3")))
      assert.same(slice(all, 901, 1000), emulator.ids(page("v3", "offset=900")))
      assert.same({}, emulator.ids(page("v3", "offset=1000")))
      assert.same({}, emulator.ids(page("v3", "offset=99999999")))
    end)

    it("says where to start in v1 and v2, 0 and 1 alike", function()
      for _, version in ipairs { "v1", "v2" } do
        assert.same(slice(all, 1, 3), emulator.ids(page(version, "offset=0&limit=3")))
        assert.same(slice(all, 1, 3), emulator.ids(page(version, "offset=1&limit=3")))
        assert.same(slice(all, 5, 7), emulator.ids(page(version, "offset=5&limit=3")))
        assert.same({ all[1000] }, emulator.ids(page(version, "offset=1000&limit=3")))
      end
    end)

    it("and limit are refused when they make no sense", function()
      for _, query in ipairs {
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1&limit=2", "offset=-1",
        "offset=a", "limit", "order=up", "sort_by=nothing", "sort_by=description", "sort_by=tags", "sort_by",
        "sort_by=title&sort_by=id",
      } do
        local answer = page("v3", query)
        assert.equal(400, answer.status, query)
        assert.is_true(#answer.json.message > 5)
      end
    end)

    it("obeys a page cap", function()
      service:config { page_cap = 20 }
      assert.same(slice(all, 11, 30), emulator.ids(page("v3", "offset=10&limit=100")))
    end)
  end)

  describe("paths", function()
    it("tell unknown apps, records, methods and versions apart", function()
      local function outcome(method, path)
        local body = method == "POST" and "{}" or nil
        local answer = http.request(method, service.url .. path, { token = service.token, body = body })
        return answer.status .. " " .. string.format("%d", answer.json.code)
      end
      assert.equal("404 30000", outcome("GET", "/v3/apps/i00"))
      assert.equal("404 30000", outcome("GET", "/v3/records/apps/i00"))
      assert.equal("404 30000", outcome("GET", "/v3/records/apps/i00/count"))
      assert.equal("404 10002", outcome("GET", "/v3/records/i00"))
      assert.equal("404 10002", outcome("GET", "/v4/ping"))
      assert.equal("404 10002", outcome("GET", "/ping"))
      assert.equal("404 10002", outcome("GET", "/"))
      assert.equal("404 10002", outcome("GET", "/v3/nothing"))
      assert.equal("404 10002", outcome("GET", "/v3//apps"))
      assert.equal("404 10002", outcome("POST", "/v3/apps"))
      assert.equal("404 10002", outcome("DELETE", "/v3/ping"))
      assert.equal("404 10002", outcome("POST", "/v3/records/apps/" .. projects .. "/count"))
      assert.equal("400 90400", outcome("POST", "/v3/records/apps/" .. projects))
    end)

    it("are decoded once, segment by segment", function()
      assert.equal(200, service:get("/v3/%61pps/%69" .. projects:sub(2)).status)
      assert.equal(404, service:get("/v3%2Fapps").status)
      service:clear_log()
      assert.equal(10002, service:get("/v3/records/apps%2F" .. projects).json.code)
      assert.equal(10002, service:get("/v3/records/%2569" .. projects:sub(2)).json.code)
      local log = service:log()
      assert.equal("get_record", log[1].endpoint)
      assert.equal("/v3/records/apps%2F" .. projects, log[1].path)
      assert.equal("get_record", log[2].endpoint)
    end)
  end)

  describe("tokens", function()
    it("must be right", function()
      local function code(headers)
        local answer = http.request("GET", service.url .. "/v3/ping", { headers = headers })
        return answer.status, answer.json.code
      end
      assert.same({ 401, 10003 }, { code {} })
      assert.same({ 401, 10003 }, { code { Authorization = "Bearer wrong" } })
      assert.same({ 401, 10003 }, { code { Authorization = service.token } })
      assert.same({ 200, 10000 }, { code { Authorization = "bearer " .. service.token } })
    end)

    it("can be set, and do not count apart", function()
      service:reset { tokens = { "one", "two" }, rate = { calls = 3 } }
      local function status(token)
        return http.request("GET", service.url .. "/v3/apps", { token = token }).status
      end
      assert.equal(401, status(service.token))
      assert.same({ 200, 200, 200, 429 }, { status "one", status "two", status "one", status "two" })
    end)
  end)

  describe("window", function()
    local function statuses(count)
      local list = {}
      for i = 1, count do list[i] = service:get("/v3/apps").status end
      return list
    end

    it("answers 429 past the limit, and neither ping nor 401 nor 429 count", function()
      service:reset { rate = { calls = 2 } }
      service:get("/v3/ping")
      http.request("GET", service.url .. "/v3/apps")
      service:get("/v3/nothing")
      assert.same({ 200, 200, 429, 429 }, statuses(4))
      assert.equal(200, service:get("/v3/ping").status)
      assert.equal(2, service:stats().window.used)
    end)

    it("moves on", function()
      service:reset { rate = { calls = 2, window = 0.2 } }
      assert.same({ 200, 200 }, statuses(2))
      local refused = 0
      repeat
        local status = service:get("/v3/apps").status
        refused = refused + (status == 429 and 1 or 0)
      until status == 200
      local log = service:log()
      assert.is_true(log[#log].finished - log[1].time >= 0.2)
      assert.equal(#log, refused + 3)
    end)

    it("sends Retry-After as it is told", function()
      service:reset { rate = { calls = 0, window = 30 } }
      assert.is_nil(service:get("/v3/apps").headers["retry-after"])
      service:config { rate = { retry_after = "seconds" } }
      assert.equal("30", service:get("/v3/apps").headers["retry-after"])
      service:config { rate = { retry_after = "date" } }
      local date = service:get("/v3/apps").headers["retry-after"]
      assert.truthy(date:find("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    end)

    it("can be made larger without forgetting", function()
      service:reset { rate = { calls = 1 } }
      assert.same({ 200, 429 }, statuses(2))
      service:config { rate = { calls = 2 } }
      assert.same({ 200, 429 }, statuses(2))
    end)
  end)
end)
