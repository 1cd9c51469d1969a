-- A connection that is kept for the next request, on which something waits that nobody asked for: it is never taken for
-- the next answer.
--
-- The server is played here, in between the client's steps, so that what waits is there when the next request is made.

local fusioo = require "fusioo"
local socket = require "socket"
local watchdog = require "spec.support.watchdog"

local function answer(status, text)
  return ("HTTP/1.1 %d Some reason\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(status,
    #text, text)
end

local function success(n)
  return answer(200, ('{"code":10000,"message":"Success","data":{"id":"i%d"}}'):format(n))
end

describe("a kept connection", function()
  local dog, listener, url, client, connection, connections, requests

  setup(function() dog = watchdog.start(60) end)
  teardown(function() dog:stop() end)

  before_each(function()
    listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    url = ("http://127.0.0.1:%d"):format(port)
    listener:settimeout(0)
    connections, requests = 0, 0
    client = fusioo.new { base_url = url, token = "token", runtime = "step", rate = { ledger = false },
      retry = { attempts = 1 } }
  end)

  after_each(function()
    client:close()
    listener:close()
    if connection then connection:close() end
    connection = nil
  end)

  -- Reads a request where one has begun to come, and answers it.
  local function serve(bytes)
    local ready = connection and socket.select({ connection }, nil, 0)[1]
    if not ready then return end
    connection:settimeout(10)
    local size = 0
    repeat
      local line = connection:receive "*l"
      if not line then -- the client has left
        connection:close()
        connection = nil
        return
      end
      size = tonumber(line:lower():match "^content%-length: (%d+)") or size
    until line == ""
    if size > 0 then connection:receive(size) end
    requests = requests + 1
    connection:send(bytes)
  end

  -- Makes a call; the server answers with `bytes`.
  local function call(bytes, run)
    local task = client:spawn(run)
    while not task:done() do
      client:step(0.001)
      local fresh = listener:accept()
      if fresh then
        if connection then connection:close() end
        connection, connections = fresh, connections + 1
      end
      serve(bytes)
    end
    return task:result()
  end

  local CALLS = {
    ["a reading call"] = function() return client:get_record("i7") end,
    ["a creation"] = function() return client:create_record("iapp", { title = "new" }) end,
    ["a deletion"] = function() return client:delete_record("i7") and { id = "i2" } end,
  }

  for name, run in pairs(CALLS) do
    it("with an answer too many is not used by " .. name, function()
      assert.equal("i1", assert(call(success(1), CALLS["a reading call"])).id)
      connection:send(success(666))
      assert.equal("i2", assert(call(success(2), run)).id)
      assert.same({ 2, 2 }, { requests, connections })
    end)

    it("with a goodbye is not used by " .. name, function()
      assert.equal("i1", assert(call(success(1), CALLS["a reading call"])).id)
      connection:send(answer(408, "too late"))
      connection:shutdown "send"
      assert.equal("i2", assert(call(success(2), run)).id)
      assert.same({ 2, 2 }, { requests, connections })
    end)
  end

  it("that is silent is used", function()
    for i = 1, 3 do assert.equal("i" .. i, assert(call(success(i), CALLS["a creation"])).id) end
    assert.same({ 3, 1 }, { requests, connections })
  end)
end)
