-- Slow readers, handlers that raise, services that misbehave: what goes on afterwards, and what must not.

local emulator = require "spec.support.emulator"
local reading = require "spec.support.reading"
local scripted = require "spec.support.scripted_server"
local fusioo = require "fusioo"
local socket = require "socket"

local function scripted_client(server, given)
  given = given or {}
  given.base_url, given.token = server.url, given.token or "development-token"
  given.rate = given.rate or {calls = 100000, ledger = false}
  given.retry = given.retry or {base = 0.001, cap = 0.001}
  return fusioo.new(given)
end

describe("rough use:", function()
  local service, projects

  setup(function()
    service = emulator.start {records = 1000, calls = 1000000}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset {records = 1000} end)

  it("a loop body that takes longer than all time limits loses and repeats nothing", function()
    local client = reading.client(service, {timeout = {total = 0.3, idle = 0.2}})
    local n = 0
    for _ in client:records(projects) do
      n = n + 1
      if n % 300 == 1 then socket.sleep(0.5) end -- the slow body is what this is about
    end
    assert.equal(1000, n)
    assert.equal(0, client:stats().retries)
    assert.equal(reading.most_calls(1000, 200), reading.calls(service))
  end)

  it("rows that only go, while pages are under way side by side, cost calls and no more", function()
    for seed = 1, 3 do
      service:reset {
        records = 4321, churn = {app_id = projects, seed = seed, per_request = 10, insert = 0, delete = 1},
      }
      local seen = {}
      for record in reading.client(service, {concurrency = 4}):records(projects) do seen[record.id] = true end
      for _, id in ipairs(service:truth(projects).stayed) do
        assert(seen[id], "seed " .. seed .. ": " .. id .. " is missed")
      end
    end
  end)

  it("records that are edited, and move to the end, hide no unread one", function()
    service:reset {records = 201}
    local before = service:truth(projects).ids
    local seen, moved = {}, false
    for record in reading.client(service, {concurrency = 1}):records(projects) do
      seen[record.id] = true
      if not moved then
        moved = true
        service:rows {app_id = projects, move = {{from = 148, to = 200}, {from = 148, to = 200}}}
      end
    end
    for i, id in ipairs(before) do
      assert(seen[id] or i == 149 or i == 150, "record " .. i .. " is missed")
    end
  end)

  local stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
  local in_tasks = stuck and function(name) pending(name .. " (5.1 cannot wait in a loop inside a task)") end or it

  in_tasks("a loop that is cancelled says where to go on, though pages were read ahead", function()
    local client = reading.client(service, {runtime = "step"})
    local got, failed = 0, nil
    local task = client:spawn(function()
      for page in client:app(projects):pages {page_size = 50} do
        got = got + #page
        while got == 50 and not failed do coroutine.yield() end
      end
    end)
    while got < 50 do client:step(0.01) end
    repeat client:step(0.01) until reading.calls(service) >= 4 -- more than one page is on its way, or there
    failed = true
    task:cancel() -- waits for nothing: goes on
    client:step(0)
    task:cancel()
    local err
    while not task:done() do
      local ok, raised = pcall(client.step, client, 0)
      if not ok then err = raised end
      task:cancel()
    end
    assert.equal("cancelled", err.kind)
    assert.is_true(got < 1000)
    assert.is_true(err.resume == got or err.resume == got - 1)
  end)

  it("a group whose handler raised never goes on in another one", function()
    local client = reading.client(service, {on_event = function() error("handler", 0) end})
    local started = 0
    local functions = {}
    for i = 1, 6 do
      functions[i] = function()
        started = started + 1
        return client:get_app(projects)
      end
    end
    local ok, err = pcall(fusioo.all, functions, 2)
    assert.is_false(ok)
    assert.equal("handler", err)
    assert.equal(2, started)
    local results = fusioo.all {function() return reading.client(service):record_count(projects) end}
    assert.equal(1000, results[1].value)
    assert.equal(2, started)
    assert.equal(0, client.engine:step())
  end)

  it("a call whose handler raised is not under way any more", function()
    local client = reading.client(service, {on_event = function() error("handler", 0) end})
    assert.is_false(pcall(client.get_app, client, projects))
    assert.equal(0, client.engine:step())
  end)

  it("fusioo.all outside of a task blocks no frame loop", function()
    local client = reading.client(service, {runtime = "step"})
    local ok, err = pcall(fusioo.all, {function() return client:get_app(projects) end})
    assert.is_false(ok)
    assert.truthy(tostring(err):find("spawn", 1, true))
  end)

  it("a list that comes the same whatever the offset comes to an end", function()
    local client = reading.client(service, {endpoints = {get_users = "GET /apps"}})
    local ok, err = pcall(function()
      for _ in client:users {page_size = 3, seams = false} do end
    end)
    assert.is_false(ok)
    assert.equal("moved", err.kind)
    assert.is_true(reading.calls(service) < 10)
  end)

  it("an estimate with a limit within two pages knows that no count is asked for", function()
    local client = reading.client(service)
    assert.equal(2, client:estimate(projects, {limit = 300}).calls)
    service:clear_log()
    assert.equal(300, #client:app(projects):list {limit = 300})
    assert.equal(2, reading.calls(service))
  end)

  describe("a scripted service:", function()
    local server

    before_each(function() server = scripted.start() end)
    after_each(function() server:stop() end)

    it("a 429 whose body is cut is one all the same", function()
      local cut = scripted.answer {status = 429, body = '{"code":1', length = 100, after = "close"}
      server:script {cut, scripted.success '{"id":"i"}'}
      local client = scripted_client(server, {retry = {attempts = 1}})
      assert.equal("i", assert(client:get_app("i")).id)
      assert.equal(1, client:budget().used)
    end)

    it("a delete whose first try left no answer, and whose repeat finds nothing, has succeeded", function()
      server:script {scripted.status(503), scripted.status(404, 10002)}
      local data = assert(scripted_client(server):request("DELETE", "/records/i1"))
      assert.equal(fusioo.null, data)
      server:script {scripted.status(404, 10002)}
      local nothing, err = scripted_client(server):request("DELETE", "/records/i1")
      assert.is_nil(nothing)
      assert.equal("not_found", err.kind)
    end)

    it("a proxy's password is in no error", function()
      for _, proxy in ipairs {"http://user:hunter2@127.0.0.1:99999", "ftp://user:hunter2@127.0.0.1:1"} do
        local ok, err = scripted_client(server, {proxy = proxy, retry = {attempts = 1}}):ping()
        assert.is_nil(ok)
        assert.is_nil((tostring(err) .. err.message):find("hunter2", 1, true))
      end
    end)

    it("a token function that raises something without words gives an error", function()
      local mute = setmetatable({}, {__tostring = function() error("no words") end})
      local client = scripted_client(server, {token = function() error(mute) end})
      local data, err = client:get_apps()
      assert.is_nil(data)
      assert.equal("auth", err.kind)
    end)
  end)
end)
