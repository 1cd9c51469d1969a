-- Options: what is refused, in which words; where a token comes from; where a client connects to.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local function nothing() end

-- Asserts that a function raises, and that the message holds all of the texts.
local function refuses(run, ...)
  local ok, err = pcall(run)
  assert.is_false(ok)
  for _, text in ipairs {...} do
    assert.truthy(tostring(err):find(text, 1, true), tostring(err))
  end
end

describe("fusioo.new", function()
  it("takes every option", function()
    local client = fusioo.new {
      token = "a-token", version = "v2", base_url = "https://127.0.0.1:1/",
      endpoints = {get_users = "GET /people"},
      rate = {calls = 10, window = 60, ledger = false, key = "us", on_limit = "error", max_wait = 5, reserve = 2},
      retry = {attempts = 1, base = 0, cap = 0},
      timeout = {connect = 1, idle = 1, total = 1}, concurrency = 3, max_body = 1000,
      ca_file = "/etc/ssl/certs/ca-certificates.crt", proxy = "http://127.0.0.1:2", user_agent = "spec",
      on_event = nothing, runtime = "blocking",
    }
    assert.equal(10, client:budget().calls)
    assert.equal(8, client:budget().remaining)
    client:close()
  end)

  it("takes a runtime of the user's own", function()
    local waits = 0
    local client = fusioo.new {
      token = "t", base_url = "http://127.0.0.1:1", rate = {ledger = false}, retry = {attempts = 2, base = 0.01},
      runtime = {wait = function(engine, seconds)
        waits = waits + 1
        engine:poll(seconds)
      end},
    }
    local _, err = client:ping()
    assert.equal("network", err.kind)
    assert.is_true(waits > 0)
    assert.equal(client.engine, fusioo.new({token = "t", rate = {ledger = false}}).engine)
  end)

  it("refuses unknown options, says which there are or which is meant", function()
    for _, case in ipairs {
      {{tokn = "x"}, "tokn", "token"}, {{base_ulr = "x"}, "base_ulr", "base_url"},
      {{rate = {call = 1}}, "rate.call", "calls"}, {{retry = {attempt = 1}}, "retry.attempt", "attempts"},
      {{timeout = {conect = 1}}, "timeout.conect", "connect"}, {{concurency = 1}, "concurency", "concurrency"},
      {{on_events = nothing}, "on_events", "on_event"}, {{completely_else = 1}, "completely_else"},
      {{"t"}, "1"}, {{[nothing] = 1}, "function"}, {{rate = {["max-wait"] = 1}}, "max-wait", "max_wait"},
    } do
      refuses(function() return fusioo.new(case[1]) end, "fusioo.new", case[2], case[3] or "")
    end
  end)

  it("says what a value is, and what it must be", function()
    for _, case in ipairs {
      {{timeout = 5}, "option 'timeout' is 5; it must be a table of: connect, idle, total"},
      {{rate = "x"}, "option 'rate' is \"x\"; it must be a table of: calls"},
      {{token = ""}, "option 'token' is an empty string"}, {{base_url = ""}, "option 'base_url' is an empty string"},
      {{timeout = {total = 0 / 0}}, "option 'timeout.total' is NaN; it must be a number greater than 0"},
    } do
      refuses(function() return fusioo.new(case[1]) end, "fusioo.new: " .. case[2])
    end
  end)

  it("does not repeat what may be a token", function()
    local function message(run)
      local ok, err = pcall(run)
      assert.is_false(ok)
      return err
    end
    assert.equal("fusioo.new: the argument is a string, not a table",
      message(function() return fusioo.new "a-secret" end))
    assert.is_nil(message(function() return fusioo.new {"a-secret"} end):find("a-secret", 1, true))
    assert.is_nil(message(function() return fusioo.new {token = "a-secret\n"} end):find("a-secret", 1, true))
  end)

  it("refuses values of the wrong type, and names the option", function()
    for name, values in pairs {
      token = {1, true, {}, ""}, version = {"v4", "3", 3, "V3", ""}, base_url = {1, "", {}},
      endpoints = {"GET /x", 1, {get_users = 1}, {[1] = "GET /x"}},
      concurrency = {0, -1, 1.5, "4", 1001}, max_body = {0, -1, "1"}, ca_file = {1, ""}, proxy = {1, ""},
      user_agent = {1, "", "a\r\nX-Header: b", "a\nb", "a\0b"}, on_event = {"f", {}}, rate = {1, "x"}, retry = {1},
      timeout = {10}, runtime = {"fast", 1, {}, {wait = 1}},
    } do
      for _, value in ipairs(values) do
        refuses(function() return fusioo.new {token = name == "token" and value or "t", [name] = value} end, name)
      end
    end
    for option, fields in pairs {
      rate = {calls = {0, -1, 1.5, "1", 1 / 0}, window = {0, -1, "1", 1 / 0, 0 / 0}, key = {1, ""},
              on_limit = {"raise", true}, max_wait = {-1, "1", 0 / 0}, reserve = {-1, 0.5, "1", 500, 501},
              ledger = {true, 1}},
      retry = {attempts = {0, 1.5, "1"}, base = {-1, "1", 0 / 0}, cap = {-1, "1", 0 / 0}},
      timeout = {connect = {0, -1, "1", 0 / 0}, idle = {0, -1}, total = {0, -1, {}}},
    } do
      for field, values in pairs(fields) do
        for _, value in ipairs(values) do
          refuses(function() return fusioo.new {token = "t", [option] = {[field] = value}} end, option, field)
        end
      end
    end
    for _, wrong in ipairs {"token", 1, true} do refuses(function() return fusioo.new(wrong) end, "fusioo.new") end
  end)

  it("refuses a token that no header may hold, without showing it", function()
    for _, token in ipairs {"secret\r\nX: y", "secret\n", "secret token", "secret\0zero", "secr\195\169t",
      "\127secret"} do
      local ok, err = pcall(fusioo.new, {token = token})
      assert.is_false(ok)
      assert.truthy(tostring(err):find("token", 1, true))
      assert.is_nil(tostring(err):find("secr", 1, true))
    end
    local ok, err = pcall(fusioo.new, {token = {"secret"}})
    assert.is_false(ok)
    assert.is_nil(tostring(err):find("secret", 1, true))
  end)

  it("refuses http:// but for loopback hosts", function()
    for _, url in ipairs {"http://api.fusioo.com", "http://example.com:8080", "http://10.0.0.1", "http://0.0.0.0",
      "http://127.0.0.1.example.com", "http://localhost.example.com", "http://[::2]", "HTTP://api.fusioo.com"} do
      refuses(function() return fusioo.new {token = "t", base_url = url} end, "base_url")
    end
    for _, url in ipairs {"http://127.0.0.1", "http://127.1.2.3:99", "http://localhost:80", "http://[::1]:80",
      "https://example.com", "https://example.com/fusioo/"} do
      assert.is_truthy(fusioo.new {token = "t", base_url = url, rate = {ledger = false}})
    end
  end)

  it("refuses addresses that are none", function()
    for _, url in ipairs {"api.fusioo.com:x", "ftp://example.com", "file:///etc/passwd", "https://", "https://a b",
      "https://user:secret@example.com", "https://example.com?x=1", "https://example.com/#x",
      "https://example.com/v3"} do
      local ok, err = pcall(fusioo.new, {token = "t", base_url = url})
      assert.is_false(ok, url)
      assert.truthy(tostring(err):find("base_url", 1, true), url)
    end
  end)

  it("refuses endpoints that are none", function()
    for _, endpoints in ipairs {{get_everything = "GET /x"}, {get_users = "users"}, {get_users = "FETCH /users"},
      {get_users = "GET users"}, {get_users = "GET /{id"}, {get_users = "GET /a b"}} do
      refuses(function() return fusioo.new {token = "t", endpoints = endpoints} end, "endpoints")
    end
  end)

  it("leaves the user's tables as they are", function()
    local options = {token = "t", rate = {calls = 5, ledger = false}, retry = {attempts = 1}}
    local client = fusioo.new(options)
    client:with {rate = {calls = 7}, tag = "x"}
    assert.same({token = "t", rate = {calls = 5, ledger = false}, retry = {attempts = 1}}, options)
  end)
end)

describe("the service that a client asks", function()
  local service, projects

  setup(function()
    service = emulator.start {records = 30, calls = 1000000}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:clear_log() end)

  -- Runs a Lua text in a process of its own, with these variables in its environment; returns what it printed.
  local function child(text, environment)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("local rate = {ledger = false}\n", text)
    file:close()
    local command = {"env -u FUSIOO_ACCESS_TOKEN -u FUSIOO_BASE_URL"}
    for name, value in pairs(environment) do command[#command + 1] = ("%s='%s'"):format(name, value) end
    command[#command + 1] = (os.getenv "LUA" or "lua5.4") .. " " .. path .. " 2>&1"
    local pipe = assert(io.popen(table.concat(command, " ")))
    local output = pipe:read("*a")
    pipe:close()
    os.remove(path)
    return output
  end

  local PING = [[
    local ok, err = require("fusioo").new({rate = rate}):ping()
    print(ok, err and err.kind, err and err.attempts, tostring(err))]]

  it("and its token come from the environment", function()
    local output = child(PING, {FUSIOO_ACCESS_TOKEN = service.token, FUSIOO_BASE_URL = service.url})
    assert.equal("true\tnil\tnil\tnil\n", output)
    assert.equal("ok", service:log()[1].authorization)
  end)

  it("is not asked without a token, and the error says where tokens come from", function()
    for _, environment in ipairs {{FUSIOO_BASE_URL = service.url},
      {FUSIOO_BASE_URL = service.url, FUSIOO_ACCESS_TOKEN = ""}} do
      local output = child(PING, environment)
      assert.truthy(output:find("^nil\tauth\t0\t"), output)
      assert.truthy(output:find("FUSIOO_ACCESS_TOKEN", 1, true))
      assert.truthy(output:find("option token", 1, true))
    end
    assert.equal(0, reading.calls(service))
  end)

  it("is the one of the option rather than of the environment", function()
    local output = child(([[
      local ok = require("fusioo").new({token = %q, base_url = %q, rate = rate}):ping()
      print(ok)]]):format(service.token, service.url),
      {FUSIOO_ACCESS_TOKEN = "wrong", FUSIOO_BASE_URL = "http://127.0.0.1:1"})
    assert.equal("true\n", output)
  end)

  it("may stand below a path", function()
    local client = reading.client({url = service.url .. "/some/where/", token = service.token})
    local _, err = client:ping()
    assert.equal("not_found", err.kind)
    assert.equal("/some/where/v3/ping", service:log()[1].path)
  end)

  it("hears the user agent, and follows endpoints", function()
    local client = reading.client(service, {
      user_agent = "spec/1 (ä)", endpoints = {
        get_app = "GET /applications/{app_id}/", get_records = "POST /records/all",
        get_records_filter = "GET /filtered",
      },
    })
    client:get_app(projects)
    client:get_records(projects, {limit = 7})
    client:get_records(projects, {limit = 8, where = {approved = true}})
    local log = service:log()
    assert.equal("spec/1 (ä)", log[1].headers["user-agent"])
    assert.equal("/v3/applications/" .. projects .. "/", log[1].path)
    assert.equal("POST", log[2].method)
    assert.equal("/v3/records/all", log[2].path)
    assert.equal(projects, reading.decode(log[2].body).app_id)
    assert.truthy((log[2].query .. log[2].body):find("limit", 1, true))
    assert.equal("/v3/filtered", log[3].path)
    assert.truthy(log[3].query:find("app_id=" .. projects, 1, true))
  end)
end)
