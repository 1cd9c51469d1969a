-- The emulator's files: what it takes, what it refuses, and the ways in which it sends them. Without the library.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "spec.support.http"
local socket = require "socket"

local BOUNDARY = "a-boundary"

-- A form of one part; `how`: name, filename, type, and `tail`, what stands behind the content.
local function form(content, how)
  how = how or {}
  local disposition = 'form-data; name="' .. (how.name or "file") .. '"'
  if how.filename ~= false then disposition = disposition .. '; filename="' .. (how.filename or "a.txt") .. '"' end
  return "--" .. BOUNDARY .. "\r\nContent-Disposition: " .. disposition .. "\r\n"
    .. (how.type and "Content-Type: " .. how.type .. "\r\n" or "") .. "\r\n" .. content
    .. (how.tail or "\r\n--" .. BOUNDARY .. "--\r\n")
end

-- What a made file of the emulator holds (see service:make_file).
local function made(size, seed)
  local slots = {}
  for offset = 0, size - 1, 16 do slots[#slots + 1] = ("%04x%012x"):format(seed or 0, offset) end
  return table.concat(slots):sub(1, size)
end

describe("emulator: files", function()
  local service

  setup(function() service = emulator.start { records = 1 } end)
  teardown(function() service:stop() end)
  before_each(function() service:reset { rate = { calls = 500 } } end)

  local function upload(body, content_type)
    return http.request("POST", service.url .. "/v3/files", {
      token = service.token, body = body,
      headers = { ["Content-Type"] = content_type or "multipart/form-data; boundary=" .. BOUNDARY },
    })
  end

  local function get(id, headers, what)
    return http.request("GET", service.url .. "/v3/files/" .. id .. (what or "/download"), {
      token = service.token, headers = headers,
    })
  end

  describe("uploads", function()
    it("are kept byte for byte, and described", function()
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      local content = table.concat(bytes):rep(1000) .. "\r\n--" .. BOUNDARY:sub(1, -2) .. "\r\n--\r\n"
      local file = upload(form(content, { type = "image/png" })).json.data
      assert.equal("a.txt", file.name)
      assert.equal(#content, file.size)
      assert.equal("image/png", file.content_type)
      assert.same(file, get(file.id, nil, "").json.data)
      assert.is_true(content == get(file.id).body)
      assert.equal("file", service:creates()[1].kind)
      assert.equal(file.id, service:creates()[1].id)
    end)

    it("may be empty, and of an unknown type", function()
      local file = upload(form("")).json.data
      assert.equal(0, file.size)
      assert.equal("application/octet-stream", file.content_type)
      assert.equal("d41d8cd98f00b204e9800998ecf8427e", service:file(file.id).md5)
      assert.equal("", get(file.id).body)
    end)

    it("have the names that were sent", function()
      local function name(sent) return upload(form("x", { filename = sent })).json.data.name end
      assert.equal('2nd "look".pdf', name "2nd %22look%22.pdf")
      assert.equal("a\r\nb", name "a%0D%0ab")
      assert.equal("100%25 ü 文.txt", name "100%25 ü 文.txt")
    end)

    it("come from curl, too", function()
      local pipe = io.popen(("printf 'hello' | curl -sS -H 'Authorization: Bearer %s' -F 'file=@-;filename=\"a\\\"b\"' "
        .. "-F nothing=1 %s/v3/files; printf 'hello' | curl -sS -H 'Authorization: Bearer %s' "
        .. "-F 'file=@-;filename=hello.txt' %s/v3/files"):format(service.token, service.url, service.token,
        service.url))
      local two = pipe:read("*a")
      pipe:close()
      assert.truthy(two:find("one part", 1, true))
      assert.truthy(two:find('"name":"hello.txt","size":5', 1, true))
      assert.equal(1, service:file().count)
    end)

    it("are refused where the form is not exactly one file", function()
      local function refused(...)
        local answer = upload(...)
        assert.equal("400 90400", answer.status .. " " .. ("%d"):format(answer.json.code))
        return answer.json.message
      end
      assert.truthy(refused(form("x", { name = "files" })):find('"file"', 1, true))
      assert.truthy(refused(form("x", { filename = false })):find("filename", 1, true))
      assert.truthy(refused(form("x", { filename = "" })):find("filename", 1, true))
      assert.truthy(refused(form("x", { filename = "\255" })):find("UTF-8", 1, true))
      assert.truthy(refused(form("x", { tail = "" })):find("closing boundary", 1, true))
      assert.truthy(refused(form("x", { tail = "\r\n--" .. BOUNDARY })):find("closing boundary", 1, true))
      assert.truthy(refused(form("x", { tail = "\r\n--" .. BOUNDARY .. "-" })):find("closing boundary", 1, true))
      assert.truthy(refused(form("x", { tail = "\r\n--" .. BOUNDARY .. "--x" })):find("goes on", 1, true))
      assert.truthy(refused(form("x", { tail = "\r\n" .. form("y") })):find("one part", 1, true))
      assert.truthy(refused("\r\n" .. form("x")):find("begin", 1, true))
      assert.truthy(refused(form("x"), "multipart/form-data; boundary=other"):find("begin", 1, true))
      assert.truthy(refused(form("x"), "application/json"):find("multipart", 1, true))
      assert.truthy(refused(form("x"), "multipart/form-data"):find("boundary", 1, true))
      assert.truthy(refused(""):find("closing boundary", 1, true))
      assert.equal(0, service:file().count)
      assert.equal(0, #service:creates())
    end)

    it("leave nothing where the connection breaks", function()
      local body = form(("x"):rep(100000))
      local connection = assert(socket.connect("127.0.0.1", tonumber(service.url:match("%d+$"))))
      assert(connection:send(("POST /v3/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
        .. "Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n"):format(service.token,
        BOUNDARY, #body + 1) .. body))
      connection:shutdown("send")
      connection:settimeout(10)
      local line = connection:receive("*l")
      connection:close()
      assert.truthy(line == nil or line:find(" 400 ", 1, true), line)
      assert.equal(0, service:file().count)
    end)

    it("are refused without a token, past the window, and before v3", function()
      local sent = form("x")
      local headers = { ["Content-Type"] = "multipart/form-data; boundary=" .. BOUNDARY }
      assert.equal(401, http.request("POST", service.url .. "/v3/files", { body = sent, headers = headers }).status)
      assert.equal(404, http.request("POST", service.url .. "/v2/files",
        { body = sent, headers = headers, token = service.token }).status)
      service:config { rate = { calls = 0 } }
      assert.equal(429, upload(sent).status)
      assert.equal(0, service:file().count)
    end)

    it("show how they began in the log", function()
      upload(form(("x"):rep(100000)))
      local entry = service:log()[1]
      assert.equal("create_file", entry.endpoint)
      assert.equal(16384, #entry.body)
      assert.truthy(entry.body:find("^%-%-" .. BOUNDARY:gsub("%-", "%%-")))
    end)

    it("fail by the fault plan before they are read", function()
      service:config { faults = { { endpoint = "create_file", fault = "status", status = 429, times = 1 } } }
      assert.equal(429, upload(form("x")).status)
      assert.equal(200, upload(form("x")).status)
      assert.equal(1, service:file().count)
    end)
  end)

  describe("a file", function()
    it("that is not there is 404 10002, and none is there before v3", function()
      for _, path in ipairs { "", "/download" } do
        local answer = get("i00", nil, path)
        assert.equal("404 10002", answer.status .. " " .. ("%d"):format(answer.json.code))
      end
      local file = service:make_file { size = 1 }
      for _, path in ipairs { "/v1/files/", "/v2/files/" } do
        assert.equal(404, service:get(path .. file.id).status)
        assert.equal(404, service:get(path .. file.id .. "/download").status)
      end
    end)

    it("goes when it is deleted", function()
      local file = upload(form("x")).json.data
      local function delete()
        return http.request("DELETE", service.url .. "/v3/files/" .. file.id, { token = service.token })
      end
      assert.equal('{"code":10000,"message":"Success","data":{}}', delete().body)
      assert.equal(404, delete().status)
      assert.equal(404, get(file.id).status)
    end)

    it("can be made without an upload, and says where its bytes are", function()
      local file = service:make_file { size = 200001, name = "big.bin", seed = 65535, content_type = "text/plain" }
      assert.same({ "big.bin", 200001, "text/plain" }, { file.name, file.size, file.content_type })
      assert.is_true(made(200001, 65535) == get(file.id).body)
      assert.equal(1, service:file().count)
      assert.has_error(function() service:make_file { size = -1 } end)
      assert.has_error(function() service:make_file { size = 1, seed = 65536 } end)
      assert.has_error(function() service:file "i00" end)
    end)
  end)

  describe("downloads", function()
    local file, content, etag

    before_each(function()
      file = service:make_file { size = 100000, seed = 5 }
      content, etag = made(100000, 5), '"' .. file.id .. '"'
    end)

    it("say how long they are, and by what they can go on", function()
      local answer = get(file.id)
      assert.equal("100000", answer.headers["content-length"])
      assert.equal(etag, answer.headers.etag)
      assert.equal("bytes", answer.headers["accept-ranges"])
      assert.equal("Tue, 01 Jan 2019 00:00:00 GMT", answer.headers["last-modified"])
      assert.is_true(content == answer.body)
    end)

    it("bring a part of the file", function()
      local function part(range)
        local answer = get(file.id, { Range = range, ["If-Range"] = etag })
        return answer.status, answer.headers["content-range"], answer.body
      end
      assert.same({ 206, "bytes 65530-65541/100000", content:sub(65531, 65542) }, { part "bytes=65530-65541" })
      assert.same({ 206, "bytes 99990-99999/100000", content:sub(99991) }, { part "bytes=99990-" })
      assert.same({ 206, "bytes 99998-99999/100000", content:sub(99999) }, { part "bytes=-2" })
      assert.same({ 206, "bytes 99999-99999/100000", content:sub(-1) }, { part "bytes=99999-200000" })
      assert.same({ 416, "bytes */100000", "" }, { part "bytes=100000-" })
      assert.equal(200, (part "bytes=1-2,5-6"))
      assert.equal(200, (part "lines=1-2"))
    end)

    it("bring all of it where the condition does not hold", function()
      local function status(condition) return get(file.id, { Range = "bytes=5-", ["If-Range"] = condition }).status end
      assert.equal(206, status(nil))
      assert.equal(206, status("Tue, 01 Jan 2019 00:00:00 GMT"))
      assert.equal(200, status("Tue, 01 Jan 2019 00:00:01 GMT"))
      assert.equal(200, status('"other"'))
      assert.equal(200, status("W/" .. etag))
      service:config { downloads = { etag = "weak" } }
      assert.equal(200, status("W/" .. etag))
    end)

    it("have the validators that the setting names", function()
      local function headers(downloads)
        service:config { downloads = downloads }
        local answer = get(file.id)
        return answer.headers.etag, answer.headers["last-modified"]
      end
      assert.same({ "W/" .. etag, nil }, { headers { etag = "weak", modified = false } })
      assert.same({ nil, "Tue, 01 Jan 2019 00:00:00 GMT" }, { headers { etag = "none" } })
      local first = headers { etag = "changing" }
      local answer = get(file.id)
      assert.are_not.equal(first, answer.headers.etag)
      assert.are_not.equal(etag, first)
      assert.is_true(made(100000, 7) == answer.body)
    end)

    it("know no ranges, or refuse them, or bring another part", function()
      local function part(downloads)
        service:config { downloads = downloads }
        local answer = get(file.id, { Range = "bytes=50000-" })
        return answer.status, answer.headers["content-range"], #answer.body
      end
      assert.same({ 200, nil, 100000 }, { part { ranges = false } })
      assert.same({ 416, "bytes */100000", 0 }, { part { ranges = "refused" } })
      assert.same({ 206, "bytes 49999-99999/100000", 50001 }, { part { wrong_range = true } })
    end)

    it("come without a length", function()
      service:config { downloads = { length = false } }
      local answer = get(file.id)
      assert.equal("chunked", answer.headers["transfer-encoding"])
      assert.is_nil(answer.headers["content-length"])
      assert.is_true(content == answer.body)
      service:config { downloads = { length = "none" } }
      answer = get(file.id)
      assert.is_nil(answer.headers["transfer-encoding"])
      assert.is_nil(answer.headers["content-length"])
      assert.equal("close", answer.headers.connection)
      assert.is_true(content == answer.body)
    end)

    -- Status line, and how many bytes of the body came before the connection ended.
    local function raw()
      local connection = assert(socket.connect("127.0.0.1", tonumber(service.url:match("%d+$"))))
      connection:settimeout(10)
      assert(connection:send(("GET /v3/files/%s/download HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n")
        :format(file.id, service.token)))
      local head = {}
      repeat
        head[#head + 1] = assert(connection:receive("*l"))
      until head[#head] == ""
      local all, why, some = connection:receive(100000)
      connection:close()
      return head[1], #(all or some), why
    end

    it("are cut", function()
      service:config { downloads = { cut_after = 70000, cuts = 2 } }
      assert.same({ "HTTP/1.1 200 OK", 70000, "closed" }, { raw() })
      assert.same({ "HTTP/1.1 200 OK", 70000, "closed" }, { raw() })
      assert.same({ "HTTP/1.1 200 OK", 100000, nil }, { raw() })
      service:config { downloads = { cut_after = 0 } }
      assert.same({ "HTTP/1.1 200 OK", 0, "closed" }, { raw() })
    end)

    it("take the fault plan's faults", function()
      service:config { faults = { { endpoint = "download_file", fault = "cut", bytes = 10 } } }
      assert.same({ "HTTP/1.1 200 OK", 10, "closed" }, { raw() })
    end)

    it("are redirected, and the other host notes what it is sent", function()
      local function location(redirect, status)
        service:config { downloads = { redirect = redirect, redirect_status = status } }
        local answer = get(file.id)
        return answer.headers.location, answer.status
      end
      local same = location "same"
      assert.equal(302, select(2, location("same")))
      assert.equal(307, select(2, location("same", 307)))
      assert.is_true(content == service:get(same:match("/v3/.*")).body)
      location "loop"
      for _ = 1, 3 do
        same = service:get(same:match("/v3/.*")).headers.location
      end
      assert.truthy(same:find("redirected=4", 1, true))
      assert.truthy(location("plain"):find("^http://example%.invalid/"))
      local other = location "other"
      assert.are_not.equal(service.url:match("%d+$"), other:match("^http://127%.0%.0%.1:(%d+)/"))
      assert.is_true(content == http.request("GET", other).body)
      assert.equal(206, http.request("GET", other, { token = "secret", headers = { Range = "bytes=1-" } }).status)
      assert.equal(404, http.request("GET", (other:gsub("kept/.", "kept/"))).status)
      local seen = service:other_requests()
      assert.equal(3, #seen)
      assert.equal("none sent", seen[1].authorization .. " " .. seen[2].authorization)
      assert.equal("bytes=1-", seen[2].range)
      assert.falsy(cjson.encode(seen):find("secret", 1, true))
    end)

    it("refuse settings that there are not", function()
      for _, wrong in ipairs {
        { redirect = "nowhere" }, { redirect_status = 200 }, { etag = true }, { cut_after = -1 }, { cuts = "2" },
        { length = 5 }, { speed = 1 },
      } do
        assert.has_error(function() service:config { downloads = wrong } end)
      end
    end)
  end)

  it("of many megabytes need no memory, nor a place that stays", function()
    local pid = ("%d"):format(service:stats().pid)
    local function peak()
      return tonumber(io.open("/proc/" .. pid .. "/status"):read("*a"):match("VmHWM:%s*(%d+)"))
    end
    local before = peak()
    local pipe = io.popen(("head -c 100000000 /dev/zero | curl -sS -H 'Authorization: Bearer %s' "
      .. "-F 'file=@-;filename=zeros' %s/v3/files"):format(service.token, service.url))
    local answer = cjson.decode(pipe:read("*a"))
    pipe:close()
    assert.equal(100000000, answer.data.size)
    pipe = io.popen(("curl -sS -H 'Authorization: Bearer %s' %s/v3/files/%s/download | cksum"):format(service.token,
      service.url, answer.data.id))
    assert.truthy(pipe:read("*a"):find(" 100000000", 1, true))
    pipe:close()
    assert.is_true(peak() - before < 16000, ("%d kB more"):format(peak() - before))
    pipe = io.popen('ls -d "${TMPDIR:-/tmp}"/fusioo-emulator.*-* 2>/dev/null')
    assert.equal("", pipe:read("*a"))
    pipe:close()
  end)
end)
