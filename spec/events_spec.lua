-- What on_event is told.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

describe("on_event", function()
  local service, projects, events

  setup(function()
    service = emulator.start {records = 500, calls = 1000000}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:reset()
    events = {}
  end)

  local function note(event)
    events[#events + 1] = event
  end

  local function client_with(options)
    options = options or {}
    options.on_event = options.on_event or note
    return reading.client(service, options)
  end

  -- The types of the events, in order.
  local function types()
    local list = {}
    for i, event in ipairs(events) do list[i] = event.type end
    return list
  end

  local function keys(event)
    local list = {}
    for key in pairs(event) do list[#list + 1] = key end
    table.sort(list)
    return list
  end

  it("is told of a request and its response", function()
    local client = client_with()
    assert(client:get_app(projects))
    assert.same({"request", "response"}, types())
    local path = "/v3/apps/" .. projects
    assert.same({type = "request", method = "GET", path = path, attempt = 1}, events[1])
    local response = events[2]
    assert.same({"attempt", "bytes", "method", "path", "seconds", "status", "type"}, keys(response))
    assert.equal("GET", response.method)
    assert.equal(path, response.path)
    assert.equal(1, response.attempt)
    assert.equal(200, response.status)
    assert.equal(#service:get(path).body, response.bytes)
    assert.is_true(response.seconds >= 0)
  end)

  it("is told the tag of a view", function()
    local client = client_with()
    assert(client:with({tag = "nightly"}):ping())
    assert(client:ping())
    assert.equal("nightly", events[1].tag)
    assert.equal("nightly", events[2].tag)
    assert.is_nil(events[3].tag)
  end)

  it("is told the status of what failed", function()
    client_with():get_app("nothing")
    assert.same({"request", "response"}, types())
    assert.equal(404, events[2].status)
  end)

  it("is told of repeats, and why", function()
    local nowhere = reading.client({url = "http://127.0.0.1:1", token = "t"}, {
      on_event = note, retry = {attempts = 3, base = 0.01, cap = 0.02}, rate = {key = "nowhere"},
    })
    local _, err = nowhere:with({tag = "x"}):ping()
    assert.equal("network", err.kind)
    assert.same({"request", "response", "retry", "request", "response", "retry", "request", "response"}, types())
    for i, event in ipairs(events) do
      assert.equal("GET", event.method)
      assert.equal("/v3/ping", event.path)
      assert.equal("x", event.tag)
      assert.equal(math.ceil(i / 3), event.attempt)
    end
    local response, retry = events[2], events[3]
    assert.is_nil(response.status)
    assert.equal(0, response.bytes)
    assert.same({"after", "attempt", "err", "method", "path", "tag", "type"}, keys(retry))
    assert.equal("network", retry.err.kind)
    assert.truthy(tostring(retry.err):find("/v3/ping", 1, true))
    assert.is_true(retry.after > 0 and retry.after <= 0.02)
    assert.equal(3, err.attempts)
    assert.same({calls = 3, retries = 2}, nowhere:stats().by_tag.x)
  end)

  it("is told of waits for the window", function()
    local client = client_with {rate = {calls = 1, window = 0.2, key = "waits"}}
    assert(client:get_app(projects))
    assert(client:get_app(projects))
    assert.same({"request", "response", "wait", "request", "response"}, types())
    assert.equal("window", events[3].why)
    assert.is_true(events[3].seconds > 0 and events[3].seconds <= 0.2)
    assert.is_true(client:stats().waited > 0)
  end)

  it("is told of waits after a 429", function()
    service:config {rate = {calls = 1, window = 0.5}}
    local client = client_with {rate = {key = "refusals"}}
    assert(client:get_app(projects))
    assert(client:get_app(projects))
    local refused, waited
    for i, event in ipairs(events) do
      if event.status == 429 then refused = refused or i end
      if event.type == "wait" then
        waited = waited or i
        assert.equal("429", event.why)
        assert.is_true(event.seconds > 0)
      end
    end
    assert.is_true(refused < waited)
    assert.equal(200, events[#events].status)
  end)

  it("is told of every request of a list", function()
    reading.ids(client_with():records(projects, {page_size = 50}))
    local requests, responses = 0, 0
    for _, event in ipairs(events) do
      if event.type == "request" then requests = requests + 1 end
      if event.type == "response" then responses = responses + 1 end
      assert.is_true(responses <= requests)
    end
    assert.equal(reading.calls(service), requests)
    assert.equal(requests, responses)
  end)

  it("is told before the caller goes on", function()
    local client = client_with()
    for i = 1, 5 do
      assert(client:ping())
      assert.equal(2 * i, #events)
    end
  end)

  it("never sees a token", function()
    local secret = "top-secret-token-0815"
    service:config {tokens = {secret}}
    local client = client_with {token = secret}
    assert(client:get_records(projects, {where = {approved = true}}))
    client:get_app("nothing")
    client:with({token = "secret-and-wrong"}):ping()
    reading.client({url = "http://127.0.0.1:1", token = secret}, {
      on_event = note, retry = {attempts = 2, base = 0.001}, rate = {key = "nowhere"},
    }):ping()
    local function search(value)
      if type(value) == "table" then
        assert.is_nil(tostring(value):find("secret", 1, true))
        for key, part in pairs(value) do
          search(key)
          search(part)
        end
      else
        assert.is_nil(tostring(value):find("secret", 1, true))
      end
    end
    assert.is_true(#events >= 10)
    search(events)
  end)

  it("belongs to the view that has another one", function()
    local client, others = client_with(), {}
    local view = client:with {on_event = function(event) others[#others + 1] = event end}
    assert(view:ping())
    assert.equal(0, #events)
    assert.equal(2, #others)
    assert(client:ping())
    assert.equal(2, #events)
    assert.equal(2, #others)
  end)

  describe("that raises", function()
    local broken

    local function trap(event)
      note(event)
      if broken and event.type == broken then error("the handler broke", 0) end
    end

    for _, kind in ipairs {"request", "response"} do
      it("lets the call raise at a " .. kind .. ", and the client goes on", function()
        local client = client_with {on_event = trap}
        broken = kind
        local ok, err = pcall(client.ping, client)
        assert.is_false(ok)
        assert.equal("the handler broke", err)
        broken = nil
        for _ = 1, 3 do assert.is_true(client:ping()) end
        assert.equal(500, #assert(client:app(projects):list()))
      end)

      it("lets a loop raise at a " .. kind .. ", and the client goes on", function()
        local client = client_with {on_event = trap}
        local truth = service:truth(projects).ids
        broken = kind
        local ok, err = pcall(function()
          for _ in client:records(projects, {page_size = 50}) do error("a record", 0) end
        end)
        assert.is_false(ok)
        assert.equal("the handler broke", err)
        broken = nil
        assert.same(truth, reading.ids(client:records(projects)))
      end)

      it("lets fusioo.all raise at a " .. kind .. ", and the client goes on", function()
        local client = client_with {on_event = trap}
        broken = kind
        local ok, err = pcall(fusioo.all, {function() return client:ping() end, function() return client:ping() end})
        assert.is_false(ok)
        assert.equal("the handler broke", err)
        broken = nil
        assert.is_true(client:ping())
        local results = fusioo.all {function() return client:ping() end, function() return client:ping() end}
        assert.is_true(results[1].value and results[2].value)
      end)

      it("lets client:step raise at a " .. kind .. ", and the task goes on", function()
        local client = client_with {on_event = trap, runtime = "step"}
        broken = kind
        local task, raised = client:spawn(function() return client:ping() end), 0
        while not task:done() do
          local ok, err = pcall(client.step, client)
          if not ok then
            assert.equal("the handler broke", err)
            raised = raised + 1
          end
          client.engine:poll(0.01)
        end
        broken = nil
        -- what is told in the task's last step may be raised in the next one
        pcall(client.step, client)
        assert.is_true(raised <= 1)
        assert.is_true(task:result())
      end)
    end
  end)
end)
