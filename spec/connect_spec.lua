-- Before there is a connection: names that cannot be looked up or only slowly, ports that refuse or stay silent.
--
-- Look-ups are those of programs of their own, which spec/support/names.c answers: no resolver is asked. A look-up that
-- takes 600 seconds stands for one that never ends; a program that waits for it is ended after 60.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local preload = require "spec.support.preload"
local scripted = require "spec.support.scripted_server"
local socket = require "socket"

local TOKEN = "token-of-connect-spec"
local ATTEMPTS = 3

-- ---- Programs with names of their own ----

-- What every program begins with.
local PRELUDE = ([[
  local fusioo = require "fusioo"

  local function new_client(options)
    local given = {
      token = "TOKEN", rate = { calls = 100, ledger = false },
      retry = { attempts = ATTEMPTS, base = 0.001, cap = 0.002 },
    }
    for name, value in pairs(options) do given[name] = value end
    return fusioo.new(given)
  end

  local function same(expected, found)
    if expected ~= found then
      error(("expected %s, found %s"):format(tostring(expected), tostring(found)), 2)
    end
  end

  local function says(err, words)
    if not tostring(err):find(words, 1, true) then error(("no '%s' in '%s'"):format(words, tostring(err)), 2) end
    if tostring(err):find("TOKEN", 1, true) then error("the token stands in: " .. tostring(err), 2) end
  end

  -- How often the log of look-ups holds a line.
  local function count_of(line)
    local count = 0
    local file = io.open(os.getenv "NAMES_LOG")
    for found in file and file:lines() or function() end do
      if found == line then count = count + 1 end
    end
    if file then file:close() end
    return count
  end

  -- Frames, until `condition` holds.
  local function step_until(client, condition)
    while not condition() do
      client:step(0.01)
      client.engine:poll(0.01)
    end
  end

  -- A task whose call waits for a look-up of slow.test, and its client.
  local function begin_slow_call(options)
    options = options or {}
    options.base_url, options.runtime = "https://slow.test", "step"
    local client = new_client(options)
    local task = client:spawn(function() return client:get_apps() end)
    step_until(client, function() return count_of "begin slow.test" > 0 end)
    same(false, task:done())
    return client, task
  end
]]):gsub("TOKEN", TOKEN):gsub("ATTEMPTS", ATTEMPTS)

-- Runs the lines; `names`: the rules, see names.c. Asserts that the program comes to its end and ends well.
local function run(names, lines)
  local path, log = os.tmpname(), os.tmpname()
  local file = assert(io.open(path, "w"))
  assert(file:write(PRELUDE, "\n", lines))
  file:close()
  -- The sanitizer's own time limits play no part: `timeout` is not preloaded.
  local pipe = assert(io.popen(("NAMES='%s' NAMES_LOG='%s' timeout 60 sh -c \"%s '%s'\" 2>&1; echo \"status $?\"")
    :format(names, log, preload.interpreter "names", path)))
  local output = pipe:read("*a")
  pipe:close()
  os.remove(path)
  os.remove(log)
  assert.equal("done\nstatus 0\n", output)
end

describe("a name that cannot be looked up", function()
  for answer, what in pairs { none = "does not exist", again = "has no answer for now" } do
    it("since it " .. what .. ", is a network error that says which one; nothing was sent", function()
      run("dead.test=" .. answer, [[
        local client = new_client { base_url = "https://dead.test:8443" }
        for round, method in ipairs { "GET", "POST" } do
          local data, err = client:request(method, "/apps", { body = method == "POST" and { title = "A" } or nil })
          same(nil, data)
          same("network", err.kind)
          same(nil, err.status)
          same(nil, err.maybe_done) -- so a POST is repeated, too
          same(3, err.attempts)
          same(3 * round, count_of "begin dead.test")
          says(err, "dead.test")
          says(err, "check base_url")
        end
        local apps, err = client:get_apps()
        same(nil, apps)
        same("network", err.kind)
        same(0, client:budget().used)
        print "done"
      ]])
    end)
  end

  it("may be the proxy's", function()
    run("dead.test=none", [[
      local client = new_client { base_url = "https://api.test", proxy = "http://me:secret@dead.test:3128" }
      local apps, err = client:get_apps()
      same(nil, apps)
      same("network", err.kind)
      says(err, "proxy: dead.test")
      same(nil, tostring(err):find("secret", 1, true))
      same(0, client:budget().used)
      same(0, count_of "begin api.test")
      client = new_client { base_url = "https://api.test", proxy = "http://me:secret%40dead.test:1" }
      same(nil, tostring(select(2, client:get_apps())):find("secret", 1, true))
      print "done"
    ]])
  end)

  it("is looked up again, and the call succeeds", function()
    -- libcurl knows localhost by itself, and other names want TLS: the name is that of a proxy.
    local server = scripted.start()
    server:script { scripted.success "[]" }
    run("flaky.test=again,none,127.0.0.1", ([[
      local client = new_client { base_url = "http://127.0.0.1:1", proxy = "http://flaky.test:%d" }
      local apps = assert(client:get_apps())
      same(0, #apps)
      same(3, count_of "begin flaky.test")
      same(2, client:stats().retries)
      same(1, client:budget().used)
      print "done"
    ]]):format(server.port))
    assert.equal(1, #server:requests())
    server:script { scripted.success() }
    run("flaky.test=none,again,127.0.0.1", ([[
      local client = new_client { base_url = "http://127.0.0.1:1", proxy = "http://flaky.test:%d" }
      assert(client:request("POST", "/anything", { body = { title = "A" } }))
      same(3, count_of "begin flaky.test")
      print "done"
    ]]):format(server.port))
    assert.equal(1, #server:requests()) -- the POST went out once
    server:stop()
  end)
end)

describe("a slow look-up", function()
  it("that ends in time does no harm", function()
    local server = scripted.start()
    server:script { scripted.success "[]" }
    run("slow.test=0.3/127.0.0.1", ([[
      local client = new_client { base_url = "http://127.0.0.1:1", proxy = "http://slow.test:%d" }
      assert(client:get_apps())
      same(1, count_of "begin slow.test")
      same(0, client:stats().retries)
      print "done"
    ]]):format(server.port))
    server:stop()
  end)

  it("ends with timeout.connect", function()
    run("slow.test=600/none", [[
      local client = new_client { base_url = "https://slow.test:8443", timeout = { connect = 0.3 } }
      for round, method in ipairs { "GET", "POST" } do
        local data, err = client:request(method, "/apps", { body = method == "POST" and { title = "A" } or nil })
        same(nil, data)
        same("timeout", err.kind)
        same(3, err.attempts)
        same(nil, err.maybe_done)
        same(3 * round, count_of "begin slow.test")
        says(err, "slow.test:8443")
        says(err, "timeout.connect")
      end
      same(0, client:budget().used)
      same(0, count_of "end slow.test")
      print "done"
    ]])
  end)

  it("ends with timeout.total", function()
    run("slow.test=600/none", [[
      local client = new_client { base_url = "https://slow.test", timeout = { connect = 500, total = 0.3 } }
      local apps, err = client:get_apps()
      same(nil, apps)
      same("timeout", err.kind)
      same(1, err.attempts)
      says(err, "timeout.total")
      same(0, client:budget().used)
      print "done"
    ]])
  end)

  it("ends with task:cancel and with client:close, and is forgotten", function()
    local server = scripted.start()
    server:script { scripted.success "[]" }
    for kind, ending in pairs { cancelled = "task:cancel()", closed = "client:close()" } do
      run("slow.test=600/none fast.test=127.0.0.1", ([[
        local client, task = begin_slow_call { timeout = { connect = 500 } }
        %s
        step_until(client, function() return task:done() end)
        local apps, err = task:result()
        same(nil, apps)
        same("%s", err.kind)
        same(1, err.attempts)
        same(nil, err.maybe_done)
        same(0, count_of "end slow.test")
        local other = new_client { base_url = "http://127.0.0.1:1", proxy = "http://fast.test:%d" }
        assert(other:get_apps())
        same(1, other:budget().used)
        print "done"
      ]]):format(ending, kind, server.port))
    end
    server:stop()
  end)

  it("may come to its end when its call is long gone", function()
    run("slow.test=1/127.0.0.1", [[
      local client, task = begin_slow_call()
      task:cancel()
      client:close()
      step_until(client, function() return task:done() end)
      client, task = nil, nil
      collectgarbage()
      collectgarbage()
      local other = new_client { base_url = "https://dead.test" }
      while count_of "end slow.test" == 0 do other.engine:poll(0.01) end
      for _ = 1, 10 do
        local _, err = other:get_apps()
        same("network", err.kind)
      end
      print "done"
    ]])
  end)

  it("never holds up a frame, nor another call", function()
    local server = scripted.start()
    server:script { scripted.success "[]" }
    run("slow.test=600/none fast.test=127.0.0.1", ([[
      local client, task = begin_slow_call { timeout = { connect = 500 } }
      local other = new_client {
        base_url = "http://127.0.0.1:1", proxy = "http://fast.test:%d", runtime = "step", token = "another",
      }
      for _ = 1, 20 do
        local quick = other:spawn(function() return other:get_apps() end)
        step_until(client, function() return quick:done() end)
        same(0, #assert(quick:result()))
      end
      for _ = 1, 1000 do client:step(0.001) end
      same(false, task:done())
      same(0, count_of "end slow.test")
      print "done"
    ]]):format(server.port))
    assert.equal(20, #server:requests())
    server:stop()
  end)

  describe("does not keep the process", function()
    for what, ending in pairs {
      ["that comes to the end of its script"] = "",
      ["that calls os.exit"] = "os.exit(0)",
      ["that closes its Lua state"] = "os.exit(0, true)",
      ["whose client is collected"] = "client, task = nil, nil collectgarbage() collectgarbage()",
    } do
      it(what, function()
        run("slow.test=600/none", [[
          local client, task = begin_slow_call { timeout = { connect = 500 } }
          same(false, task:done())
          io.write "done\n"
          io.flush()
        ]] .. ending)
      end)
    end

    it("that has given the call up", function()
      run("slow.test=600/none", [[
        local _, err = new_client { base_url = "https://slow.test", timeout = { connect = 0.1 } }:get_apps()
        same("timeout", err.kind)
        io.write "done\n"
        io.flush()
        os.exit(0, true)
      ]])
    end)
  end)
end)

-- ---- Addresses ----

local function new_client(url, options)
  local given = {
    base_url = url, token = TOKEN, rate = { calls = 100, ledger = false },
    retry = { attempts = ATTEMPTS, base = 0.001, cap = 0.002 },
  }
  for name, value in pairs(options or {}) do given[name] = value end
  return fusioo.new(given)
end

local function listen(backlog)
  local listener = assert(socket.tcp())
  assert(listener:bind("127.0.0.1", 0))
  if backlog then assert(listener:listen(backlog)) end
  local _, port = listener:getsockname()
  return listener, ("%d"):format(port)
end

-- Asserts how calls to a port fail to which no connection comes about. Returns the last error.
local function assert_unconnected(kind, port, options)
  for _, scheme in ipairs { "http", "https" } do
    local client = new_client(("%s://127.0.0.1:%s"):format(scheme, port), options)
    for _, method in ipairs { "GET", "POST" } do
      local data, err = client:request(method, "/apps", { body = method == "POST" and { title = "A" } or nil })
      assert.is_nil(data)
      assert.equal(kind, err.kind)
      assert.is_nil(err.status)
      assert.is_nil(err.maybe_done)
      assert.equal(ATTEMPTS, err.attempts)
      local words = tostring(err)
      assert.truthy(words:find("127.0.0.1", 1, true), words)
      assert.truthy(words:find(port, 1, true), words)
      assert.is_nil(words:find(TOKEN, 1, true))
    end
    assert.is_nil((client:get_apps()))
    assert.equal(0, client:budget().used)
  end
  return select(2, new_client("http://127.0.0.1:" .. port, options):get_apps())
end

describe("a connection", function()
  it("that does not come about ends with timeout.connect", function()
    local listener, port = listen(0)
    local waiting = {} -- connections that nobody accepts, until one more gets no answer
    repeat
      local connection = assert(socket.tcp())
      connection:settimeout(0.2)
      local connected = connection:connect("127.0.0.1", port)
      waiting[#waiting + 1] = connection
      assert(#waiting < 100, "the backlog does not fill up")
    until not connected
    local err = assert_unconnected("timeout", port, { timeout = { connect = 0.1 } })
    assert.truthy(tostring(err):find("timeout.connect", 1, true), tostring(err))
    for _, connection in ipairs(waiting) do connection:close() end
    listener:close()
  end)

  it("without a word of TLS ends with timeout.connect, too", function()
    local listener, port = listen(100)
    local client = new_client("https://127.0.0.1:" .. port, { timeout = { connect = 0.1 } })
    local data, err = client:request("POST", "/apps", { body = { title = "A" } })
    assert.is_nil(data)
    assert.equal("timeout", err.kind)
    assert.equal(ATTEMPTS, err.attempts)
    assert.is_nil(err.maybe_done)
    assert.truthy(tostring(err):find("127.0.0.1:" .. port .. " (timeout.connect)", 1, true), tostring(err))
    listener:close()
  end)

  it("that is refused is a network error, which says so", function()
    local listener, port = listen(nil) -- bound, so that nobody else gets the port
    local err = assert_unconnected("network", port)
    assert.truthy(tostring(err):find("refused", 1, true), tostring(err))
    assert.truthy(tostring(err):find("check base_url", 1, true), tostring(err))
    listener:close()
  end)

  it("comes about again when the service is back", function()
    local service = emulator.start { records = 0, calls = 100000, tokens = { TOKEN } }
    local port = tonumber(service.url:match("%d+$"))
    local client = new_client(service.url, { rate = { calls = 100, ledger = false, key = "the service comes back" } })
    for round = 1, 2 do
      assert(client:get_apps())
      assert(client:get_apps())
      assert.equal(2 * round, client:budget().used)
      service:stop()
      for _ = 1, 2 do
        local apps, err = client:get_apps()
        assert.is_nil(apps)
        assert.equal("network", err.kind)
        assert.is_nil(err.status)
      end
      assert.equal(2 * round, client:budget().used)
      service = emulator.start { records = 0, calls = 100000, tokens = { TOKEN }, port = port }
    end
    assert(client:get_apps())
    service:stop()
  end)
end)
