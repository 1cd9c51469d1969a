-- The emulator's fault plan: which requests it chooses, and what goes over the wire then.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "spec.support.http"
local socket = require "socket"

describe("emulator", function()
  local service, port, intact

  -- All bytes that come for one request until the connection is closed; nil and what there was when nothing came for
  -- 0.2 s. `headers`: lines that end in CRLF.
  local function exchange(path, headers)
    local connection = assert(socket.connect("127.0.0.1", port))
    connection:settimeout(0.2)
    assert(connection:send("GET " .. path .. " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
      .. service.token .. "\r\n" .. (headers or "") .. "\r\n"))
    local parts = {}
    while true do
      local data, why, rest = connection:receive(65536)
      parts[#parts + 1] = data or rest
      if not data then
        connection:close()
        local text = table.concat(parts)
        if why == "closed" then return text end
        return nil, text
      end
    end
  end

  local PATH = "/v3/users?limit=3"

  -- What comes for PATH under one rule.
  local function under(rule)
    service:config { faults = { rule } }
    return exchange(PATH)
  end

  local function split(text)
    return text:match("^(.-\r\n\r\n)(.*)$")
  end

  local function plan(...)
    service:config { faults = { ... } }
  end

  local function statuses(n, path)
    local list = {}
    for i = 1, n do list[i] = service:get(path or "/v3/ping").status end
    return list
  end

  setup(function()
    service = emulator.start { records = 300 }
    port = service.url:match("%d+$")
    intact = service:get(PATH).body
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  describe("faults", function()
    it("hit the requests that a rule means", function()
      for _, case in ipairs {
        { { endpoint = "ping" }, { 500, 200, 500 } },
        { { endpoint = "get_users" }, { 200, 500, 200 } },
        { { version = "v2" }, { 200, 200, 500 } },
        { { method = "GET" }, { 500, 500, 500 } },
        { { method = "POST" }, { 200, 200, 200 } },
        { { path = "limit=%d&offset" }, { 200, 500, 200 } },
        { { path = "^/v2" }, { 200, 200, 500 } },
        { { agent = "nobody" }, { 200, 200, 200 } },
        { { endpoint = "ping", version = "v3" }, { 500, 200, 200 } },
        { {}, { 500, 500, 500 } },
      } do
        local rule, expected = case[1], case[2]
        rule.fault = "status"
        plan(rule)
        assert.same(expected, {
          service:get("/v3/ping").status, service:get("/v3/users?limit=1&offset=2").status,
          service:get("/v2/ping").status,
        })
      end
    end)

    it("hit whom the User-Agent names", function()
      plan { fault = "status", agent = "one/1" }
      local function status(agent)
        return http.request("GET", service.url .. "/v3/ping",
          { token = service.token, headers = { ["User-Agent"] = agent } }).status
      end
      assert.equal(500, status("one/1"))
      assert.equal(200, status("one/12"))
    end)

    it("hit when it is their turn", function()
      for _, case in ipairs {
        { { from = 2, to = 2 }, { 200, 500, 200, 200, 200, 200 } },
        { { from = 3 }, { 200, 200, 500, 500, 500, 500 } },
        { { to = 2 }, { 500, 500, 200, 200, 200, 200 } },
        { { every = 3 }, { 500, 200, 200, 500, 200, 200 } },
        { { from = 2, every = 2, to = 4 }, { 200, 500, 200, 500, 200, 200 } },
        { { times = 1 }, { 500, 200, 200, 200, 200, 200 } },
        { { every = 2, times = 2 }, { 500, 200, 500, 200, 200, 200 } },
        { { probability = 0 }, { 200, 200, 200, 200, 200, 200 } },
      } do
        case[1].fault = "status"
        plan(case[1])
        assert.same(case[2], statuses(6))
      end
    end)

    it("hit by chance, the same way for the same seed", function()
      local function hits(seed)
        plan { fault = "status", probability = 0.5, seed = seed }
        return table.concat(statuses(40), " ")
      end
      local one = hits(1)
      assert.equal(one, hits(1))
      assert.not_equal(one, hits(2))
      local count = service:stats().faults[1].hit
      assert.is_true(count > 8 and count < 32)
    end)

    it("take the first rule whose turn it is, and count for all of them", function()
      plan({ fault = "status", status = 503, times = 1 }, { fault = "status", status = 504, from = 2, to = 2 })
      assert.same({ 503, 504, 200 }, statuses(3))
      assert.same({ { fault = "status", met = 3, hit = 1 }, { fault = "status", met = 3, hit = 1 } },
        service:stats().faults)
    end)

    it("stay until they are taken back, through settings that do not name them", function()
      plan { fault = "status", from = 2 }
      service:get("/v3/ping")
      service:config { latency = 0 }
      assert.same({ 500 }, statuses(1))
      service:config { faults = setmetatable({}, { __jsontype = "array" }) }
      assert.same({ 200 }, statuses(1))
      plan { fault = "status" }
      service:reset()
      assert.same({ 200 }, statuses(1))
    end)

    it("are refused, by name, where they make no sense", function()
      for text, word in pairs {
        ['{"fault":"nonsense"}'] = "nonsense", ["{}"] = "fault", ['{"fault":"cut","bites":1}'] = "bites",
        ['{"fault":"cut","bytes":-1}'] = "bytes", ['{"fault":"status","status":99}'] = "status",
        ['{"fault":"drop","path":"["}'] = "path", ['{"fault":"drop","from":0}'] = "from", ["7"] = "object",
      } do
        local body = '{"faults":[' .. text .. "]}"
        local answer = http.request("POST", service.url .. "/_emulator/config", { body = body })
        assert.equal(400, answer.status)
        assert.truthy(answer.json.error:find("faults[1]", 1, true))
        assert.truthy(answer.json.error:find(word, 1, true), answer.json.error)
      end
      local answer = http.request("POST", service.url .. "/_emulator/config", { body = '{"faults":{"a":1}}' })
      assert.equal(400, answer.status)
    end)

    it("stand in the log", function()
      plan({ fault = "lose", from = 2, to = 2 }, { fault = "status", status = 503, from = 3 })
      service:get("/v3/users")
      assert.has_error(function() service:get("/v3/users") end)
      service:get("/v3/users")
      local log = service:log()
      assert.same({ 200, nil, 503 }, { log[1].status, log[2].status, log[3].status })
      assert.same({ nil, "lose", "status" }, { log[1].fault, log[2].fault, log[3].fault })
      assert.same({ ["200"] = 1, ["503"] = 1 }, service:stats().answered.get_users)
    end)
  end)

  describe("faults of a connection", function()
    it("drop and lose close it without a byte; only what is lost has been counted", function()
      for fault, used in pairs { drop = 0, lose = 1 } do
        service:reset()
        assert.equal("", under { fault = fault })
        assert.equal(used, service:stats().window.used)
        assert.equal("get_users", service:log()[1].endpoint)
      end
    end)

    it("drop does not wait for the body", function()
      plan { fault = "drop" }
      local connection = assert(socket.connect("127.0.0.1", port))
      connection:settimeout(5)
      connection:send("POST /v3/records/apps/x/filter HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
      local data, why = connection:receive(1)
      assert.is_nil(data)
      assert.equal("closed", why)
      connection:close()
    end)

    it("close sends the answer and says so", function()
      local head, body = split(under { fault = "close" })
      assert.truthy(head:lower():find("connection: close", 1, true))
      assert.equal(intact, body)
    end)

    it("cut ends inside the body", function()
      local head, body = split(under { fault = "cut", bytes = 11 })
      assert.equal(#intact, tonumber(head:match("Content%-Length: (%d+)")))
      assert.equal(intact:sub(1, 11), body)
      body = select(2, split(under { fault = "cut" }))
      assert.is_true(#body > 0 and #body < #intact)
    end)

    it("length announces another one", function()
      for _, by in ipairs { 5, -5 } do
        local text, waiting = under { fault = "length", by = by }
        local head, body = split(text or waiting)
        assert.equal(#intact + by, tonumber(head:match("Content%-Length: (%d+)")))
        assert.equal(intact, body)
        assert.equal(by < 0, text == nil) -- too much came: the connection stays open to see what the client does
      end
    end)

    it("stall sends nothing more, for as long as it is told", function()
      local text, waiting = under { fault = "stall" }
      assert.is_nil(text)
      assert.equal("", waiting)
      text, waiting = under { fault = "stall", bytes = 20 }
      assert.is_nil(text)
      assert.equal(intact:sub(1, 20), select(2, split(waiting)))
      assert.equal("", under { fault = "stall", seconds = 0.01 })
    end)

    it("stall says that the connection ends, also behind a whole body", function()
      local head, body = split(under { fault = "stall", bytes = 100000, seconds = 0.05 })
      assert.equal(intact, body)
      assert.truthy(head:find("\r\nConnection: close\r\n", 1, true))
    end)

    it("stall ends when the client goes away", function()
      under { fault = "stall" }
      local entry
      repeat entry = service:log()[1] until entry
      assert.equal("stall", entry.fault)
    end)

    it("drip sends everything, in many pieces", function()
      service:config { faults = { { fault = "drip", bytes = 40 } } }
      local connection = assert(socket.connect("127.0.0.1", port))
      connection:settimeout(5)
      connection:send("GET " .. PATH .. " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " .. service.token
        .. "\r\n\r\n")
      local first = assert(connection:receive(40))
      assert.truthy(first:find("^HTTP/1.1 200"))
      connection:settimeout(0)
      local _, why, more = connection:receive("*a")
      connection:settimeout(5)
      local rest = more .. (why == "timeout" and assert(connection:receive("*a")) or "")
      connection:close()
      assert.equal(intact, select(2, split(first .. rest)))
    end)

    it("interim sends another head before", function()
      for _, status in ipairs { 100, 103 } do
        local head, rest = split(under { fault = "interim", status = status })
        assert.truthy(head:find("^HTTP/1.1 " .. status))
        local second, body = split(rest)
        assert.truthy(second:find("^HTTP/1.1 200"))
        assert.equal(intact, body)
      end
    end)

    it("extra sends a second answer", function()
      local text, waiting = under { fault = "extra" }
      assert.is_nil(text)
      local _, rest = split(waiting)
      assert.equal(intact, rest:sub(1, #intact))
      assert.truthy(rest:find("^HTTP/1.1 200 .*\r\n\r\n", #intact + 1))
    end)
  end)

  describe("faults of HTTP", function()
    it("garbage is none", function()
      assert.falsy(under({ fault = "garbage" }):find("HTTP/1.", 1, true))
      assert.equal("hello", under { fault = "garbage", text = "hello" })
    end)

    it("chunks", function()
      local head, body = split(under { fault = "chunks", how = "whole" })
      assert.truthy(head:find("Transfer-Encoding: chunked", 1, true))
      assert.truthy(body:find("\r\n0\r\n\r\n$"))
      assert.equal(intact, service:get(PATH).body)
      body = select(2, split(under { fault = "chunks" }))
      assert.falsy(body:find("\r\n0\r\n"))
      body = select(2, split(under { fault = "chunks", how = "size" }))
      assert.truthy(body:find("\r\nnot hexadecimal\r\n$"))
    end)

    it("header is as long as told", function()
      local head, body = split(under { fault = "header", bytes = 200000 })
      assert.equal(200000, #head:match("X%-Long: (x+)\r\n"))
      assert.equal(intact, body)
    end)

    it("redirect", function()
      for _, status in ipairs { 301, 302, 307, 308 } do
        plan { fault = "redirect", status = status, location = "http://127.0.0.2:7/x" }
        local answer = service:get(PATH)
        assert.equal(status, answer.status)
        assert.equal("http://127.0.0.2:7/x", answer.headers.location)
      end
    end)
  end)

  describe("faults of the answer", function()
    it("status and code", function()
      for status, code in pairs { [400] = 90400, [401] = 10003, [403] = 90403, [404] = 10002, [408] = 90408,
        [429] = 90429, [500] = 10001, [502] = 10001, [503] = 10001, [504] = 10001 } do
        plan { fault = "status", status = status }
        local answer = service:get(PATH)
        assert.equal(status, answer.status)
        if status ~= 408 then assert.equal(code, answer.json.code) end -- lua-socket does not read the body of a 408
        plan { fault = "status", status = status, envelope = false }
        answer = service:get(PATH)
        assert.equal(status, answer.status)
        assert.equal("", answer.body)
      end
      plan { fault = "code", code = 12345 }
      local answer = service:get(PATH)
      assert.equal(200, answer.status)
      assert.equal(12345, answer.json.code)
    end)

    it("401 and 429 are not counted by the service, others are", function()
      for status, used in pairs { [401] = 0, [429] = 0, [500] = 1, [400] = 1 } do
        service:reset { faults = { { fault = "status", status = status } } }
        service:get(PATH)
        assert.equal(used, service:stats().window.used)
      end
    end)

    it("Retry-After in its forms", function()
      local function header(rule)
        rule.fault, rule.status = "status", 503
        plan(rule)
        return service:get(PATH).headers["retry-after"]
      end
      assert.is_nil(header {})
      assert.equal("7", header { retry_after = 7 })
      assert.equal("soon", header { retry_after = "soon" })
      assert.truthy(header({ retry_after = 7, date = true }):find("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    end)

    it("html, body and data", function()
      plan { fault = "html", status = 200 }
      local answer = service:get(PATH)
      assert.equal("text/html", answer.headers["content-type"])
      assert.truthy(answer.body:find("^<html>"))
      plan { fault = "body" }
      assert.equal("", service:get(PATH).body)
      plan { fault = "body", text = "[1" }
      assert.equal("[1", service:get(PATH).body)
      plan { fault = "data", json = "[1,2]" }
      assert.same({ 1, 2 }, service:get(PATH).json.data)
      plan { fault = "data" }
      answer = service:get(PATH)
      assert.equal(10000, answer.json.code)
      assert.is_nil(answer.json.data)
    end)

    it("stand in the place of a file's bytes, too", function()
      local path = "/v3/files/" .. service:make_file({ size = 100 }).id .. "/download"
      plan { fault = "body", text = "other bytes" }
      assert.equal("other bytes", service:get(path).body)
      plan { fault = "large", bytes = 1000 }
      assert.equal(1000, #service:get(path).body)
      plan()
      assert.equal(100, #service:get(path).body)
    end)

    it("utf8 and nul spoil the last string", function()
      for fault, bytes in pairs { utf8 = "\255\192\128", nul = "\0" } do
        plan { fault = fault }
        local body = service:get(PATH).body
        local at = assert(body:find(bytes, 1, true))
        assert.equal(intact, body:sub(1, at - 1) .. body:sub(at + #bytes))
        assert.truthy(body:find('^"[}%]]*}$', at + #bytes))
      end
      assert.truthy(split(under { fault = "nul", place = "header" }):find("\0", 1, true))
    end)

    it("deep", function()
      plan { fault = "deep", depth = 3 }
      assert.equal('{"code":10000,"message":"Success","data":[[[]]]}', service:get(PATH).body)
      plan { fault = "deep" }
      assert.is_true(#service:get(PATH).body > 200000)
    end)

    it("large has as many bytes as told, packed or not, and nginx does not keep them", function()
      for _, bytes in ipairs { 100, 1048576, 3000001 } do
        plan { fault = "large", bytes = bytes }
        local body = service:get(PATH).body
        assert.equal(bytes, #body)
        assert.equal(10000, cjson.decode(body).code)
      end
      local before = service:stats().memory
      plan { fault = "large", bytes = 20000000, gzip = true }
      local answer = service:get(PATH)
      assert.equal("gzip", answer.headers["content-encoding"])
      assert.is_true(#answer.body < 20000000 / 150)
      local pipe = io.popen(("curl -s --compressed -H 'Authorization: Bearer %s' '%s' | wc -c"):format(service.token,
        service.url .. PATH))
      assert.equal(20000000, tonumber(pipe:read("*a")))
      pipe:close()
      assert.is_true(service:stats().memory < before + 10000000)
    end)
  end)
end)
