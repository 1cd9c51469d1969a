-- Signing in from a terminal: a program that listens on this machine, and a browser that is led to it.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local http = require "spec.support.http"
local sign_ins = require "spec.support.sign_ins"
local socket = require "socket"

describe("listening for a redirect", function()
  local service, port, redirect_uri

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)

  before_each(function()
    service:reset()
    local probe = assert(socket.bind("127.0.0.1", 0))
    port = tonumber((select(2, probe:getsockname())))
    probe:close()
    redirect_uri = ("http://127.0.0.1:%d/signed-in"):format(port)
  end)

  local PROGRAM = [[
    local auth = sign_ins.new(service, {redirect_uri = %q})
    print((auth:authorize_url()))
    local token, err = auth:listen{timeout = %s}
    print(token and "signed in" or tostring(err))
    if token then print(#assert(sign_ins.client(service, auth):get_apps())) end
  ]]

  -- Starts a program that listens; returns its pipe and the address that it prints.
  local function start(timeout, uri)
    local pipe = sign_ins.start(service, PROGRAM:format(uri or redirect_uri, timeout or 60))
    return pipe, assert(pipe:read("*l"))
  end

  -- The answer of the listener, which may not listen yet.
  local function visit(url)
    for _ = 1, 1000 do
      local ok, answer = pcall(http.request, "GET", url)
      if ok then return answer end
      socket.sleep(0.01)
    end
    error("nobody listens at " .. url)
  end

  it("ends the sign-in of a browser that follows the redirect", function()
    local pipe, url = start()
    local page = visit(service:sign_in(url))
    assert.equal(200, page.status)
    assert.matches("text/html", page.headers["content-type"])
    assert.matches("You can close this window", page.body)
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
    assert.equal(1, #sign_ins.token_requests(service, "authorization_code"))
  end)

  it("tells the browser and the program that the person said no", function()
    local pipe, url = start()
    local page = visit(service:sign_in(url, {decision = "deny"}))
    assert.equal(400, page.status)
    assert.matches("not signed in", page.body)
    assert.matches("access_denied.*%[auth%]", sign_ins.finish(pipe))
  end)

  it("answers other paths with 404, and goes on", function()
    local pipe, url = start()
    local base = ("http://127.0.0.1:%d"):format(port)
    for _, path in ipairs{"/", "/favicon.ico", "/signed-in/", "/signed-inx?code=1", "/SIGNED-IN"} do
      assert.equal(404, visit(base .. path).status)
    end
    assert.equal(404, http.request("POST", base .. "/signed-in", {body = "code=1"}).status)
    assert.equal(200, visit(service:sign_in(url)).status)
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
  end)

  it("refuses a redirect that it has not sent anybody for", function()
    local pipe = start()
    local page = visit(redirect_uri .. "?code=forged&state=0123456789abcdef0123456789abcdef")
    assert.equal(400, page.status)
    assert.matches("another state.*%[invalid%]", sign_ins.finish(pipe))
    assert.equal(0, #sign_ins.token_requests(service))
  end)

  -- It stands in the browser's history.
  it("takes the same state once", function()
    local auth = sign_ins.new(service, {redirect_uri = redirect_uri, runtime = "step"})
    local client = sign_ins.client(service, auth, {runtime = "step"})
    local redirected = service:sign_in((auth:authorize_url()))
    local task = client:spawn(function()
      assert(auth:listen{timeout = 60})
      return auth:listen{timeout = 60}
    end)
    local browser
    repeat
      client:step()
      browser = socket.connect("127.0.0.1", port)
    until browser or task:done()
    assert(browser:send("GET " .. redirected:match("^http://[^/]*(.*)$") .. " HTTP/1.1\r\nHost: x\r\n\r\n"))
    while not task:done() do client:step() end
    browser:close()
    local token, err = task:result()
    assert.is_nil(token)
    assert.equal("invalid", err.kind)
    assert.matches("authorize_url first", tostring(err))
  end)

  it("is not held up by connections that say nothing", function()
    local pipe, url = start()
    local redirected = service:sign_in(url)
    assert.equal(404, visit(redirect_uri .. "/elsewhere").status)
    local silent = {}
    for i = 1, 12 do silent[i] = assert(socket.connect("127.0.0.1", port)) end
    assert(silent[1]:send("GET /signed-in?code=1"))
    assert.equal(200, visit(redirected).status)
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
    for _, one in ipairs(silent) do one:close() end
  end)

  it("takes a request that comes in pieces", function()
    local pipe, url = start()
    local target = service:sign_in(url):match("^http://[^/]*(.*)$")
    assert.equal(404, visit(redirect_uri .. "/elsewhere").status)
    local browser = assert(socket.connect("127.0.0.1", port))
    for piece in ("GET " .. target .. " HTTP/1.1\r\nHost: x\r\n\r\n"):gmatch("..?.?.?.?.?.?.?.?.?.?.?.?.?.?.?.?") do
      assert(browser:send(piece))
      socket.sleep(0.002)
    end
    assert.equal("HTTP/1.1 200 OK", browser:receive("*l"))
    browser:close()
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
  end)

  it("takes a request with more cookies than it has room for", function()
    local pipe, url = start()
    local target = service:sign_in(url):match("^http://[^/]*(.*)$")
    assert.equal(404, visit(redirect_uri .. "/elsewhere").status)
    local browser = assert(socket.connect("127.0.0.1", port))
    assert(browser:send("GET " .. target .. " HTTP/1.1\r\nCookie: " .. ("c"):rep(40000) .. "\r\n\r\n"))
    assert.equal("HTTP/1.1 200 OK", browser:receive("*l"))
    browser:close()
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
  end)

  it("gives up a request without an end", function()
    local pipe, url = start()
    assert.equal(404, visit(redirect_uri .. "/elsewhere").status)
    local endless = assert(socket.connect("127.0.0.1", port))
    endless:settimeout(30)
    local sent = true
    for _ = 1, 1000 do
      sent = sent and endless:send(("x"):rep(10000))
    end
    assert.is_nil(sent and endless:receive(1))
    endless:close()
    assert.equal(200, visit(service:sign_in(url)).status)
    assert.equal("signed in\n3\n", sign_ins.finish(pipe))
  end)

  it("listens on the loopback address alone", function()
    local pipe, url = start()
    assert.equal(404, visit(redirect_uri .. "/elsewhere").status)
    local file = assert(io.open("/proc/net/tcp"))
    local listening = {}
    for address, hex in file:read("*a"):gmatch("%d+: (%x+):(%x+) %x+:%x+ 0A") do
      if tonumber(hex, 16) == port then listening[#listening + 1] = address end
    end
    file:close()
    assert.same({"0100007F"}, listening)
    visit(service:sign_in(url))
    sign_ins.finish(pipe)
  end)

  it("stops when the time is up", function()
    local pipe = start(0.1)
    assert.matches("nobody signed in within 0.1 seconds.*%[timeout%]", sign_ins.finish(pipe))
  end)

  it("says that the port is taken", function()
    local other = assert(socket.bind("127.0.0.1", port))
    local auth = sign_ins.new(service, {redirect_uri = redirect_uri})
    auth:authorize_url()
    local token, err = auth:listen{timeout = 1}
    other:close()
    assert.is_nil(token)
    assert.equal("invalid", err.kind)
    assert.is_truthy(tostring(err):find("port " .. port, 1, true))
  end)

  it("listens at another port where that leads here", function()
    local auth = sign_ins.new(service, {redirect_uri = "https://app.example/signed-in"})
    auth:authorize_url()
    local token, err = auth:listen{timeout = 0.1}
    assert.is_nil(token)
    assert.equal("invalid", err.kind)
    assert.matches("port", tostring(err))
    token, err = auth:listen{timeout = 0.1, port = port}
    assert.is_nil(token)
    assert.equal("timeout", err.kind)
  end)

  it("tells what has to come before", function()
    local auth = sign_ins.new(service, {redirect_uri = redirect_uri})
    local token, err = auth:listen{timeout = 1}
    assert.is_nil(token)
    assert.matches("authorize_url", tostring(err))
    auth = sign_ins.new(service, {redirect_uri = redirect_uri, grant = "implicit"})
    auth:authorize_url()
    token, err = auth:listen{timeout = 1}
    assert.is_nil(token)
    assert.matches("#", tostring(err))
    assert.has_error(function() auth:listen{port = 0} end)
    assert.has_error(function() auth:listen{port = 70000} end)
    assert.has_error(function() auth:listen{prot = 1} end)
  end)

  it("lets other tasks go on, and can be cancelled", function()
    local auth = sign_ins.new(service, {redirect_uri = redirect_uri, runtime = "step"})
    local client = fusioo.new{base_url = service.url, token = service.token, runtime = "step", rate = {ledger = false}}
    auth:authorize_url()
    local listening = client:spawn(function() return auth:listen{timeout = 60} end)
    local calling = client:spawn(function() return client:get_apps() end)
    while not calling:done() do client:step() end
    assert.equal(3, #assert(calling:result()))
    assert.is_false(listening:done())
    listening:cancel()
    while not listening:done() do client:step() end
    local token, err = listening:result()
    assert.is_nil(token)
    assert.equal("cancelled", err.kind)
    assert(socket.bind("127.0.0.1", port)):close()
  end)
end)
