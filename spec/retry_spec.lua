-- Faults of the service and the network: what is repeated, how often, and what the error says in the end.

local fusioo = require "fusioo"
local scripted = require "spec.support.scripted_server"

local TOKEN = "token-of-retry-spec"
local ATTEMPTS = 3

-- Each fault: the step that serves every request, and what the error must say. `status` 0: none.
local FAULTS = {
  ["500"] = { step = scripted.status(500), kind = "api", status = 500, code = 10001 },
  ["504"] = { step = scripted.status(504), kind = "api", status = 504, code = 10001 },
  ["502 with a page of HTML"] = {
    step = scripted.answer { status = 502, headers = { "Content-Type: text/html" }, body = "<html>Bad gateway</html>" },
    kind = "api", status = 502,
  },
  ["503 with Retry-After"] = {
    step = scripted.status(503, 10001, { "Retry-After: 0" }), kind = "api", status = 503, code = 10001,
  },
  ["dropped connection"] = { step = scripted.close, kind = "network" },
  ["reset connection"] = { step = scripted.reset, kind = "network" },
  ["cut body"] = {
    step = scripted.answer { length = 100, body = '{"code":10000,"message":"Succ', after = "close" },
    kind = "network", status = 200,
  },
  ["cut body in chunks"] = {
    step = scripted.chunked({ '{"code":10000,', '"message":"Succ' }, false), kind = "network", status = 200,
  },
  ["cut JSON"] = { step = scripted.answer { body = '{"code":10000,"message":' }, kind = "decode", status = 200 },
  ["wrong types"] = {
    step = scripted.answer { body = '{"code":"10000","message":[],"data":{}}' }, kind = "decode", status = 200,
  },
  ["empty body"] = { step = scripted.answer {}, kind = "decode", status = 200 },
  ["answer that is no HTTP"] = { step = scripted.garbage, kind = "decode" },
  ["silence"] = { step = scripted.stall, kind = "timeout", idle = 0.05 },
}

-- After these nothing is sent again.
local REFUSALS = {
  ["400"] = { step = scripted.status(400, 90400), kind = "api", status = 400, code = 90400 },
  ["404"] = { step = scripted.status(404, 10002), kind = "not_found", status = 404, code = 10002 },
  ["401"] = { step = scripted.status(401, 10003), kind = "auth", status = 401, code = 10003 },
  ["200 with another code"] = { step = scripted.status(200, 10001), kind = "api", status = 200, code = 10001 },
  ["200 with code 30000"] = { step = scripted.status(200, 30000), kind = "not_found", status = 200, code = 30000 },
  ["200 with code 10003"] = { step = scripted.status(200, 10003), kind = "auth", status = 200, code = 10003 },
}

local server

local function new_client(options)
  options = options or {}
  return fusioo.new {
    base_url = server.url, token = TOKEN, rate = { calls = 100000, ledger = false },
    retry = options.retry or { attempts = ATTEMPTS, base = 0.001, cap = 0.002 },
    timeout = options.timeout, max_body = options.max_body, on_event = options.on_event,
  }
end

local function client_for(fault)
  return new_client { timeout = { idle = fault.idle or 30 } }
end

local function assert_error(fault, attempts, err)
  assert.equal(fault.kind, err.kind)
  assert.equal(fault.status or nil, err.status)
  assert.equal(fault.code, err.code)
  assert.equal(attempts, err.attempts)
  assert.is_nil(tostring(err):find(TOKEN, 1, true))
end

local function post(client, options)
  options = options or {}
  return client:request("POST", "/anything", { body = options.body, repeatable = options.repeatable })
end

describe("after a fault", function()
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  for name, fault in pairs(FAULTS) do
    it("a read is repeated: " .. name, function()
      server:script { fault.step }
      local app, err = client_for(fault):get_app("i1")
      assert.is_nil(app)
      assert_error(fault, ATTEMPTS, err)
      assert.equal("GET", err.method)
      assert.equal("/v3/apps/i1", err.path)
      assert.is_nil(err.maybe_done)
      assert.equal(ATTEMPTS, #server:requests())
    end)

    it("a read that then succeeds has a result: " .. name, function()
      server:script { fault.step, fault.step, scripted.success '{"id":"i1"}' }
      local client = client_for(fault)
      assert.equal("i1", assert(client:get_app("i1")).id)
      assert.equal(3, #server:requests())
      assert.equal(3, client:stats().calls)
      assert.equal(2, client:stats().retries)
    end)

    it("a POST is not sent again: " .. name, function()
      server:script { fault.step }
      local data, err = post(client_for(fault), { body = { title = "A" } })
      assert.is_nil(data)
      assert_error(fault, 1, err)
      assert.equal("POST", err.method)
      assert.is_true(err.maybe_done)
      assert.equal(1, #server:requests())
      assert.equal('{"title":"A"}', server:requests()[1].body)
    end)

    it("a POST without a body is not sent again: " .. name, function()
      server:script { fault.step }
      local data, err = post(client_for(fault))
      assert.is_nil(data)
      assert.is_true(err.maybe_done)
      assert.equal(1, #server:requests())
    end)

    it("a POST on a connection that was used before is not sent again: " .. name, function()
      for _, body in ipairs { { title = "A" }, false } do
        server:script { scripted.success(), fault.step }
        local client = client_for(fault)
        assert(client:ping())
        local data, err = post(client, { body = body or nil })
        assert.is_nil(data)
        assert_error(fault, 1, err)
        assert.is_true(err.maybe_done)
        assert.equal(2, #server:requests())
      end
    end)

    it("a repeatable POST is repeated: " .. name, function()
      server:script { fault.step, scripted.success '{"id":"i2"}' }
      local data = assert(post(client_for(fault), { body = { title = "A" }, repeatable = true }))
      assert.equal("i2", data.id)
      local requests = server:requests()
      assert.equal(2, #requests)
      assert.equal('{"title":"A"}', requests[1].body)
      assert.equal('{"title":"A"}', requests[2].body)
    end)

    it("a PUT is repeated, and says where it may have been carried out: " .. name, function()
      server:script { fault.step }
      local data, err = client_for(fault):request("PUT", "/records/i1", { body = { title = "B" } })
      assert.is_nil(data)
      assert_error(fault, ATTEMPTS, err)
      assert.is_true(err.maybe_done)
      local requests = server:requests()
      assert.equal(ATTEMPTS, #requests)
      assert.equal('{"title":"B"}', requests[ATTEMPTS].body)
    end)
  end

  it("the answer to a repeat after a dropped POST still leaves it in doubt", function()
    server:script { scripted.close, scripted.status(400, 90400) }
    local data, err = post(client_for {}, { body = {}, repeatable = true })
    assert.is_nil(data)
    assert.equal(400, err.status)
    assert.is_true(err.maybe_done)
  end)

  it("a connection that is closed at once counts as an attempt each time", function()
    server:script { scripted.refuse }
    local ok, err = new_client():ping()
    assert.is_nil(ok)
    assert.equal("network", err.kind)
    assert.equal(ATTEMPTS, err.attempts)
  end)

  it("a kept connection that died ends no read, and every request is counted", function()
    server:script { scripted.success '{"id":"i1"}', scripted.close, scripted.success '{"id":"i1"}' }
    local client = new_client()
    assert(client:get_app("i1"))
    assert(client:get_app("i1"))
    assert.equal(3, #server:requests())
    assert.equal(3, client:stats().calls)
    assert.equal(1, client:stats().retries)
    assert.equal(3, client:budget().used)
  end)
end)

describe("after a refusal", function()
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  for name, refusal in pairs(REFUSALS) do
    it("nothing is repeated: " .. name, function()
      for _, method in ipairs { "GET", "POST", "PUT" } do
        server:script { refusal.step }
        local data, err = new_client():request(method, "/anything", { body = method ~= "GET" and {} or nil })
        assert.is_nil(data)
        assert_error(refusal, 1, err)
        assert.equal("as the script says", err.message)
        assert.is_nil(err.maybe_done)
        assert.equal(1, #server:requests())
      end
    end)
  end
end)

describe("without a connection", function()
  it("a read and a POST are tried again, and the POST is in no doubt", function()
    server = scripted.start()
    server:shut()
    for _, method in ipairs { "GET", "POST" } do
      local data, err = new_client():request(method, "/anything", { body = method == "POST" and {} or nil })
      assert.is_nil(data)
      assert.equal("network", err.kind)
      assert.is_nil(err.status)
      assert.equal(ATTEMPTS, err.attempts)
      assert.is_nil(err.maybe_done)
    end
    server:stop()
  end)
end)

describe("the pause before a repeat", function()
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  local function retries_of(options)
    local events = {}
    options.on_event = function(event)
      if event.type == "retry" then events[#events + 1] = event end
    end
    return new_client(options), events
  end

  it("doubles from base up to cap, half of it by chance", function()
    server:script { scripted.status(500) }
    local client, events = retries_of { retry = { attempts = 5, base = 0.004, cap = 0.01 } }
    assert.is_nil((client:ping()))
    assert.equal(4, #events)
    for i, longest in ipairs { 0.004, 0.008, 0.01, 0.01 } do
      assert.equal(i, events[i].attempt)
      assert.equal(500, events[i].err.status)
      assert.is_true(events[i].after >= longest / 2 and events[i].after <= longest)
    end
  end)

  it("is at least what Retry-After says, also as a date", function()
    local function in_two_seconds()
      return os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 2)
    end
    for _, value in ipairs { function() return "1" end, in_two_seconds } do
      server:script { scripted.status(503, 10001, { "Retry-After: " .. value() }), scripted.success() }
      local client, events = retries_of {}
      assert(client:ping())
      assert.equal(1, #events)
      assert.is_true(events[1].after > 0.5) -- of a date the part of its second is lost, and base is 0.001
    end
  end)

  it("is not waited for where timeout.total would not live to see its end", function()
    server:script { scripted.status(503, 10001, { "Retry-After: 1000" }) }
    local ok, err = new_client():ping()
    assert.is_nil(ok)
    assert.equal(503, err.status)
    assert.equal(1, err.attempts)
  end)
end)

describe("timeout.total", function()
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  it("covers all repeats", function()
    server:script { scripted.status(500) }
    local ok, err = new_client {
      retry = { attempts = 100000, base = 0.01, cap = 0.01 }, timeout = { total = 0.1 },
    }:ping()
    assert.is_nil(ok)
    assert.is_true(err.attempts < 100000)
    local unseen = err.attempts - #server:requests() -- the last one may have been cut short on its way
    assert.is_true(unseen == 0 or unseen == 1)
  end)

  it("ends a request that is under way", function()
    server:script { scripted.stall }
    local data, err = post(new_client { timeout = { total = 0.05 } }, { body = {} })
    assert.is_nil(data)
    assert.equal("timeout", err.kind)
    assert.truthy(err.message:find("timeout.total", 1, true))
    assert.equal(1, err.attempts)
    assert.is_true(err.maybe_done)
    assert.equal(1, #server:requests())
  end)
end)

describe("max_body", function()
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  local LIMIT = 1000

  local function assert_too_large(step, max_body)
    server:script { step }
    local data, err = new_client { max_body = max_body }:get_app("i1")
    assert.is_nil(data)
    assert.equal("too_large", err.kind)
    assert.equal(1, err.attempts)
    assert.truthy(err.message:find("max_body", 1, true))
    assert.equal(1, #server:requests())
  end

  it("ends an answer that announces more", function()
    assert_too_large(scripted.answer { length = 64 * 65536, filling = 64 }, LIMIT)
  end)

  it("ends an answer of unknown length", function()
    assert_too_large(scripted.chunked({ ("x"):rep(600), ("x"):rep(600) }, true), LIMIT)
    assert_too_large(scripted.answer { length = false, filling = 64, after = "close" }, LIMIT)
  end)

  it("lets through what just fits", function()
    local body = scripted.success('{"id":"' .. ("x"):rep(500) .. '"}').bytes:match("\r\n\r\n(.*)$")
    server:script { scripted.answer { body = body } }
    assert.equal(500, #assert(new_client { max_body = #body }:get_app("i1")).id)
    assert_too_large(scripted.answer { body = body }, #body - 1)
  end)

  it("ends an answer that is small on the wire and huge unpacked", function()
    local pipe = io.popen("head -c 70000000 /dev/zero | gzip -1", "r")
    local bomb = pipe:read("*a")
    pipe:close()
    assert.is_true(#bomb < 1000000)
    assert_too_large(scripted.answer { headers = { "Content-Encoding: gzip" }, body = bomb })
  end)
end)
