-- The HTTP side: connections, HTTP/2, certificates, compression, proxies, headers, redirects.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local http = require "spec.support.http"
local scripted = require "spec.support.scripted_server"

local TOKEN = "token-of-http-spec"
local LUA = os.getenv("LUA") or "lua5.4"

local function new_client(url, options)
  local given = {
    base_url = url, token = TOKEN, rate = { calls = 100000, ledger = false },
    retry = { attempts = 3, base = 0.001, cap = 0.002 },
  }
  for name, value in pairs(options or {}) do given[name] = value end
  return fusioo.new(given)
end

-- How many different connections the entries of a log came over.
local function connections_of(requests)
  local seen, count = {}, 0
  for _, request in ipairs(requests) do
    if not seen[request.connection] then count = count + 1 end
    seen[request.connection] = true
  end
  return count
end

describe("a connection", function()
  local service
  setup(function() service = emulator.start { records = 1000, calls = 100000, tokens = { TOKEN } } end)
  teardown(function() service:stop() end)
  before_each(function() service:clear_log() end)

  it("is kept for the calls that follow", function()
    local client = new_client(service.url)
    for _ = 1, 5 do assert(client:get_records(service.apps.projects, { limit = 1 })) end
    assert(client:record_count(service.apps.projects, { title = "none" }))
    assert(client:ping())
    local requests = service:log()
    assert.equal(7, #requests)
    assert.equal(1, connections_of(requests))
  end)

  it("is shared by the clients of a Lua state", function()
    assert(new_client(service.url):ping())
    assert(new_client(service.url):with({ tag = "other" }):ping())
    assert.equal(1, connections_of(service:log()))
  end)

  it("is one of few where many pages are under way", function()
    local count = 0
    for _ in new_client(service.url):records(service.apps.projects, { page_size = 50, concurrency = 3 }) do
      count = count + 1
    end
    assert.equal(1000, count)
    assert.is_true(connections_of(service:log()) <= 3)
  end)
end)

describe("compression", function()
  it("is asked for and undone, byte for byte", function()
    local service = emulator.start { records = 300, calls = 100000, tokens = { TOKEN }, gzip = true }
    local path = "/v3/records/apps/" .. service.apps.projects .. "?limit=200&offset=0"
    local packed = http.request("GET", service.url .. path,
      { token = TOKEN, headers = { ["Accept-Encoding"] = "gzip" } })
    assert.equal("gzip", packed.headers["content-encoding"])
    local plain = service:get(path).body
    service:clear_log()
    local client = new_client(service.url)
    local data, envelope = client:request("GET", "/records/apps/" .. service.apps.projects,
      { query = { limit = 200, offset = 0 } })
    assert.equal(10000, envelope.code)
    assert.same(assert(fusioo.json.decode(plain)).data, data)
    assert.equal(#plain, client:stats().bytes_in)
    assert.truthy(service:log()[1].headers["accept-encoding"]:find("gzip", 1, true))
    service:stop()
  end)
end)

describe("a request", function()
  local server
  before_each(function() server = scripted.start() end)
  after_each(function() server:stop() end)

  it("carries what the guide wants", function()
    server:script { scripted.success() }
    local client = new_client(server.url)
    assert(client:ping())
    assert(client:request("POST", "/anything", { body = { title = "A" } }))
    local read, write = server:requests()[1], server:requests()[2]
    for _, request in ipairs { read, write } do
      assert.equal("HTTP/1.1", request.protocol)
      assert.equal("Bearer " .. TOKEN, request.headers["authorization"])
      assert.equal("application/json", request.headers["content-type"])
      assert.equal("application/json", request.headers["accept"])
      assert.equal("no-cache", request.headers["cache-control"])
      assert.equal("fusioo-lua/" .. fusioo._VERSION:match("%S+$"), request.headers["user-agent"])
      assert.equal("127.0.0.1:" .. ("%d"):format(server.port), request.headers["host"])
      assert.is_nil(request.headers["expect"])
      assert.is_nil(request.headers["cookie"])
    end
    assert.equal("GET", read.method)
    assert.equal("/v3/ping", read.path)
    assert.equal("", read.body)
    assert.equal("POST", write.method)
    assert.equal('{"title":"A"}', write.body)
    assert.equal("13", write.headers["content-length"])
  end)

  it("has the user's own name of the program", function()
    server:script { scripted.success() }
    assert(new_client(server.url, { user_agent = "nightly/2 (me@example.com)" }):ping())
    assert.equal("nightly/2 (me@example.com)", server:requests()[1].headers["user-agent"])
  end)

  it("has a body of any size", function()
    server:script { scripted.success() }
    local text = ("0123456789abcdef"):rep(131072) -- 2 MiB
    assert(new_client(server.url):request("POST", "/anything", { body = { text = text } }))
    assert.equal('{"text":"' .. text .. '"}', server:requests()[1].body)
  end)

  it("waits for the answer behind interim ones", function()
    local answer = scripted.success '{"id":"i1"}'
    answer.bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nRetry-After: 7\r\n\r\n"
      .. answer.bytes
    server:script { answer }
    assert.equal("i1", assert(new_client(server.url):get_app("i1")).id)
    assert.equal(1, #server:requests())
  end)

  it("takes an answer in chunks, and one that ends with its connection", function()
    local body = '{"code":10000,"message":"Success","data":{"id":"i1"}}'
    server:script {
      scripted.chunked({ body:sub(1, 5), body:sub(6, 30), body:sub(31) }, true),
      scripted.answer { length = false, body = body, after = "close" },
      scripted.success(),
    }
    local client = new_client(server.url)
    assert.equal("i1", assert(client:get_app("i1")).id)
    assert.equal("i1", assert(client:get_app("i1")).id)
    assert(client:ping())
    assert.equal(3, #server:requests())
  end)

  it("refuses a compressed answer that is none", function()
    server:script { scripted.answer { headers = { "Content-Encoding: gzip" }, body = "this is not gzip" } }
    local app, err = new_client(server.url):get_app("i1")
    assert.is_nil(app)
    assert.equal("decode", err.kind)
  end)
end)

describe("a redirect", function()
  it("is not followed, and its target never sees the token", function()
    local server, target = scripted.start(), scripted.start()
    target:script { scripted.success() }
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      server:script { scripted.answer { status = status, headers = { "Location: " .. target.url .. "/v3/ping" } } }
      for _, method in ipairs { "GET", "POST" } do
        local data, err = new_client(server.url):request(method, "/anything", { body = method == "POST" and {} or nil })
        assert.is_nil(data)
        assert.equal("api", err.kind)
        assert.equal(status, err.status)
        assert.equal(1, err.attempts)
      end
      assert.equal(2, #server:requests())
    end
    assert.equal(0, target:connections())
    server:stop()
    target:stop()
  end)
end)

-- ---- TLS ----

-- Certificates in a folder: one for 127.0.0.1, from an authority of ours, and another authority.
local function make_certificates()
  local folder = os.tmpname()
  os.remove(folder)
  local commands = ([[
    set -e; mkdir -m 700 DIR; cd DIR
    authority() {
      openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"
    }
    authority ours; authority other
    openssl req -newkey rsa:2048 -nodes -subj /CN=emulator -keyout server.key -out server.csr
    printf 'subjectAltName=IP:127.0.0.1\n' >extensions
    openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile extensions \
      -out server.pem
  ]]):gsub("DIR", folder)
  local pipe = io.popen("(" .. commands .. ") >/dev/null 2>&1 && echo made", "r")
  local said = pipe:read("*l")
  pipe:close()
  assert(said == "made", "openssl made no certificates")
  return folder
end

-- What a program with these lines prints; `environment`: shell words in front.
local function output_of_lua(environment, lines)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  assert(file:write(lines))
  file:close()
  local pipe = io.popen(environment .. " " .. LUA .. " " .. path .. " 2>&1", "r")
  local text = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return text
end

local PING = [[
  local fusioo = require "fusioo"
  local client = fusioo.new { base_url = %q, token = %q, ca_file = %s, rate = { ledger = false },
    retry = { attempts = 1 } }
  local ok, err = client:ping()
  print(ok and "pong" or err)
]]

local function ping_elsewhere(environment, url, ca_file)
  return output_of_lua(environment, PING:format(url, TOKEN, ca_file and ("%q"):format(ca_file) or "nil"))
end

describe("TLS", function()
  local folder, service

  setup(function()
    folder = make_certificates()
    service = emulator.start {
      records = 1000, calls = 100000, tokens = { TOKEN }, certificate = folder .. "/server.pem",
      key = folder .. "/server.key",
    }
  end)

  teardown(function()
    service:stop()
    os.execute("rm -rf " .. folder)
  end)

  before_each(function() service:clear_log() end)

  it("with HTTP/2 carries all that is under way over one connection", function()
    local client = new_client(service.tls_url, { ca_file = folder .. "/ours.pem" })
    local count = 0
    for _ in client:records(service.apps.projects, { page_size = 50, concurrency = 8 }) do count = count + 1 end
    assert.equal(1000, count)
    local requests = service:log()
    assert.is_true(#requests > 20)
    assert.equal(1, connections_of(requests))
    for _, request in ipairs(requests) do assert.equal("HTTP/2.0", request.protocol) end
  end)

  it("with HTTP/2 sends bodies, and reads what the filter finds", function()
    local client = new_client(service.tls_url, { ca_file = folder .. "/ours.pem" })
    local all = assert(client:record_count(service.apps.projects))
    assert.equal(1000, all)
    local first = assert(client:get_records(service.apps.projects, { limit = 1 }))[1]
    local found = assert(client:get_records(service.apps.projects, { where = { id = { equal = first.id } } }))
    assert.equal(first.id, found[1].id)
    assert.same({ id = { equal = first.id } }, cjson.decode(service:log()[3].body))
  end)

  local function assert_refused(url, ca_file)
    for _, method in ipairs { "GET", "POST" } do
      local data, err = new_client(url, { ca_file = ca_file }):request(method, "/ping")
      assert.is_nil(data)
      assert.equal("network", err.kind)
      assert.equal(1, err.attempts)
      assert.is_nil(err.maybe_done)
      assert.is_nil(tostring(err):find(TOKEN, 1, true))
      assert.equal(0, #service:log())
    end
    return select(2, new_client(url, { ca_file = ca_file }):ping())
  end

  it("refuses a certificate of an authority that is not trusted, at once, and says why", function()
    assert.truthy(tostring(assert_refused(service.tls_url, folder .. "/other.pem")):lower():find("certificate"))
    assert.truthy(tostring(assert_refused(service.tls_url, nil)):lower():find("certificate"))
  end)

  it("refuses a certificate of another host, at once, and says why", function()
    local url = service.tls_url:gsub("127%.0%.0%.1", "localhost")
    local words = tostring(assert_refused(url, folder .. "/ours.pem"))
    assert.truthy(words:find("localhost", 1, true))
  end)

  it("says that a ca_file cannot be read", function()
    local words = tostring(assert_refused(service.tls_url, folder .. "/absent.pem"))
    assert.truthy(words:find("absent.pem", 1, true))
  end)

  it("says that the other side speaks no TLS", function()
    local server = scripted.start()
    server:script { { at_accept = true, bytes = "HTTP/1.1 400 Bad Request\r\n\r\n", after = "close" } }
    local ok, err = new_client((server.url:gsub("^http:", "https:"))):ping()
    assert.is_nil(ok)
    assert.equal("network", err.kind)
    server:stop()
  end)

  describe("behind a proxy", function()
    local proxy

    before_each(function()
      proxy = scripted.start()
      proxy:script { { tunnel = tonumber(service.tls_url:match("(%d+)$")) } }
    end)
    after_each(function() proxy:stop() end)

    local function assert_tunnelled()
      local requests = proxy:requests()
      assert.equal(1, #requests)
      assert.equal("CONNECT", requests[1].method)
      assert.equal(service.tls_url:match("//(.*)$"), requests[1].path)
      assert.is_nil(requests[1].headers["authorization"])
      assert.is_nil(cjson.encode(requests):find(TOKEN, 1, true))
      assert.equal(1, #service:log())
      assert.equal("ok", service:log()[1].authorization)
    end

    it("of the option: it sees a tunnel and never the token", function()
      assert(new_client(service.tls_url, { ca_file = folder .. "/ours.pem", proxy = proxy.url }):ping())
      assert_tunnelled()
    end)

    it("of the environment: the same", function()
      assert.equal("pong\n", ping_elsewhere("https_proxy=" .. proxy.url, service.tls_url, folder .. "/ours.pem"))
      assert_tunnelled()
    end)
  end)
end)

describe("without TLS, a proxy", function()
  local proxy
  before_each(function()
    proxy = scripted.start()
    proxy:script { scripted.success() }
  end)
  after_each(function() proxy:stop() end)

  it("of the option is used", function()
    local server = scripted.start()
    assert(new_client(server.url, { proxy = proxy.url }):ping())
    assert.equal(server.url .. "/v3/ping", proxy:requests()[1].path)
    assert.equal(0, server:connections())
    server:stop()
  end)

  it("of the environment is not: it would see the token", function()
    local server = scripted.start()
    server:script { scripted.success() }
    for _, name in ipairs { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" } do
      assert.equal("pong\n", ping_elsewhere(name .. "=" .. proxy.url, server.url))
    end
    assert.equal(4, #server:requests())
    assert.equal(0, proxy:connections())
    server:stop()
  end)

  it("that cannot be reached is a network error", function()
    proxy:shut()
    local ok, err = new_client("https://127.0.0.1:1", { proxy = proxy.url }):ping()
    assert.is_nil(ok)
    assert.equal("network", err.kind)
    assert.is_nil(err.maybe_done)
  end)
end)
