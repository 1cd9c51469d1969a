-- The emulator's control API.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "spec.support.http"

describe("emulator", function()
  local service, projects

  setup(function()
    service = emulator.start { records = 1000 }
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  describe("control", function()
    it("logs what was asked, and no token", function()
      service:clear_log()
      http.request("POST", service.url .. "/v2/records/apps/" .. projects .. "/filter?limit=5&x=%20", {
        headers = { Authorization = "Bearer secret-wrong", ["User-Agent"] = "spec" }, body = "{}",
      })
      service:get("/v3/ping")
      local log = service:log()
      assert.equal(2, #log)
      local entry = log[1]
      assert.equal("POST", entry.method)
      assert.equal("/v2/records/apps/" .. projects .. "/filter", entry.path)
      assert.equal("limit=5&x=%20", entry.query)
      assert.equal("spec", entry.headers["user-agent"])
      assert.equal("wrong", entry.authorization)
      assert.equal("{}", entry.body)
      assert.equal(401, entry.status)
      assert.equal("HTTP/1.1", entry.protocol)
      assert.equal("ok", log[2].authorization)
      assert.equal("ping", log[2].endpoint)
      assert.is_true(log[2].time >= entry.finished)
      local raw = http.request("GET", service.url .. "/_emulator/log").body
      assert.falsy(raw:find("secret", 1, true) or raw:find(service.token, 1, true))
    end)

    it("keeps the latest entries only", function()
      service:reset { log_limit = 3 }
      for i = 1, 5 do service:get("/v3/apps?i=" .. i) end
      local log = service:log()
      assert.same({ 3, 4, 5 }, { log[1].number, log[2].number, log[3].number })
    end)

    it("counts answers", function()
      service:get("/v3/apps")
      service:get("/v3/apps/i00")
      service:get("/v3/apps/i00")
      assert.same({ get_apps = { ["200"] = 1 }, get_app = { ["404"] = 2 } }, service:stats().answered)
    end)

    it("refuses what it does not know, by name", function()
      for name, value in pairs { nonsense = 1, records = -1, rate = { calls = "x" }, latency = "x", gzip = 1, churn = 5,
        seed = 1.5, page_cap = 0 } do
        local body = cjson.encode { [name] = value }
        local answer = http.request("POST", service.url .. "/_emulator/reset", { body = body })
        assert.equal(400, answer.status, name)
        assert.truthy(answer.json.error:find(name, 1, true))
      end
      assert.equal(404, http.request("GET", service.url .. "/_emulator/nothing").status)
      assert.equal(400, http.request("POST", service.url .. "/_emulator/config", { body = '{"seed":2}' }).status)
    end)

    it("makes answers take their time", function()
      service:config { latency = { min = 0.05, max = 0.06 } }
      service:get("/v3/ping")
      local log = service:log()
      assert.is_true(log[1].finished - log[1].time >= 0.05)
    end)

    it("lets the log see requests that are under way", function()
      service:config { latency = 30 }
      local socket = require("socket").connect("127.0.0.1", service.url:match("%d+$"))
      socket:send("GET /v3/ping HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " .. service.token .. "\r\n\r\n")
      local log
      repeat log = service:log() until #log == 1
      assert.is_nil(log[1].status)
      socket:close()
    end)

    it("compresses for those who accept it, when told", function()
      local function encoding()
        local answer = http.request("GET", service.url .. "/v3/apps", {
          token = service.token, headers = { ["Accept-Encoding"] = "gzip" },
        })
        return answer.headers["content-encoding"], #answer.body
      end
      local none, size = encoding()
      assert.is_nil(none)
      service:config { gzip = true }
      local gzip, smaller = encoding()
      assert.equal("gzip", gzip)
      assert.is_true(smaller < size / 2)
      assert.equal("gzip", service:log()[2].headers["accept-encoding"])
    end)
  end)
end)
