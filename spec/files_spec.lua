-- Uploads, and what is known of files. Downloads: files_download_spec.lua; files in tasks: files_tasks_spec.lua.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local http = require "spec.support.http"
local scripted = require "spec.support.scripted_server"

local LARGE = files.made(3000007) -- larger than all buffers on the way

describe("create_file", function()
  local service, client, folder

  setup(function()
    service = emulator.start {records = 1}
    folder = files.folder()
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:reset {rate = {calls = 1000000}}
    client = files.client(service)
  end)

  after_each(function() client:close() end)

  -- The bytes that the service has, asked for without the library.
  local function stored(file)
    return http.request("GET", service.url .. "/v3/files/" .. file.id .. "/download", {token = service.token}).body
  end

  local function assert_nothing_stored()
    assert.equal(0, service:file().count)
    assert.equal(0, #service:creates())
  end

  -- Sources of every kind with these bytes.
  local function sources(bytes)
    return {
      path = files.write(folder .. "/plan.bin", bytes),
      data = {name = "plan.bin", data = bytes},
      reader = {name = "plan.bin", size = #bytes, read = files.reader(bytes, 70001)},
    }
  end

  describe("sends", function()
    it("a path, a text and a reader, byte for byte", function()
      for kind, source in pairs(sources(LARGE)) do
        local file = assert(client:create_file(source))
        assert.same({"plan.bin", #LARGE}, {file.name, file.size}, kind)
        assert.is_true(LARGE == stored(file), kind)
      end
      assert.equal(3, #service:creates())
      assert.equal(3, #service:log() - 3)
    end)

    it("sizes around those of its chunks", function()
      local chunk = 128 * 1024
      for _, size in ipairs {1, 2, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 1} do
        local bytes = LARGE:sub(1, size)
        for kind, source in pairs(sources(bytes)) do
          assert.is_true(bytes == stored(assert(client:create_file(source))), kind .. " " .. size)
        end
      end
    end)

    it("bytes of any value, also such as look like a form's end", function()
      local bytes = {}
      for i = 0, 255 do bytes[i + 1] = string.char(i) end
      bytes = table.concat(bytes):rep(300) .. "\r\n--\r\n--0123456789abcdef0123456789abcdef--\r\n"
      for kind, source in pairs(sources(bytes)) do
        assert.is_true(bytes == stored(assert(client:create_file(source))), kind)
      end
    end)

    it("empty files", function()
      for kind, source in pairs(sources("")) do
        local file = assert(client:create_file(source))
        assert.equal(0, file.size, kind)
        assert.equal("", stored(file))
      end
    end)

    it("names as they are", function()
      local names = {'2nd "look".pdf', "Façade 文 🙂.txt", "a\r\nb\nc", "back\\slash; filename=x", " ", "a%b"}
      for _, name in ipairs(names) do
        assert.equal(name, assert(client:create_file {name = name, data = "x"}).name)
      end
    end)

    it("the last part of a path as the name", function()
      local file = assert(client:create_file(files.write(folder .. '/with "quotes".txt', "x")))
      assert.equal('with "quotes".txt', file.name)
    end)

    it("a reader's empty chunks as nothing", function()
      local parts = {"", "ab", "", "", "c", ""}
      local function read() return table.remove(parts, 1) end
      local file = assert(client:create_file {name = "x", size = 3, read = read})
      assert.equal("abc", stored(file))
    end)

    it("one call, however large, and counts its bytes", function()
      local before = client:budget().used
      assert(client:create_file {name = "x", data = LARGE})
      assert.equal(before + 1, client:budget().used)
      local stats = client:stats()
      assert.equal(1, stats.calls)
      assert.is_true(stats.bytes_out > #LARGE)
    end)
  end)

  describe("tells its progress", function()
    it("from byte to byte up to the size", function()
      for kind, source in pairs(sources(LARGE)) do
        local events = {}
        local view = client:with {tag = "up", on_event = function(event)
          if event.type == "progress" then events[#events + 1] = event end
        end}
        assert(view:create_file(source))
        local before = 0
        for _, event in ipairs(events) do
          assert.is_true(event.done > before and event.total == #LARGE and event.tag == "up", kind)
          before = event.done
        end
        assert.equal(#LARGE, before)
        assert.is_true(#events > 10)
      end
    end)

    it("and ends the call where the handler raises", function()
      for kind, source in pairs(sources(LARGE)) do
        local view = client:with {on_event = function(event)
          if event.type == "progress" then error("enough of " .. kind, 0) end
        end}
        assert.error_matches(function() view:create_file(source) end, "enough of " .. kind)
        assert.equal(0, client.engine:step())
      end
      assert(client:ping())
      assert_nothing_stored()
    end)
  end)

  describe("refuses, without a call,", function()
    local function refused(source)
      local file, err = client:create_file(source)
      assert.is_nil(file)
      assert.equal("invalid", err.kind)
      return err.message
    end

    after_each(function() assert.equal(0, #service:log()) end)

    it("what is no file that can be read", function()
      assert.truthy(refused(folder):find(folder, 1, true))
      assert.truthy(refused(folder .. "/missing"):find("missing", 1, true))
      assert.truthy(refused(folder .. "/missing/x"):find("missing", 1, true))
      assert.truthy(refused("/proc/self/mem"):find("/proc/self/mem", 1, true))
      assert.truthy(refused("a\0b"):find("NUL", 1, true))
      refused("")
    end)

    it("a file that may not be read", function()
      if files.output_of("id -u") == "0" then pending("root may read everything") end
      local path = files.write(folder .. "/secret", "x")
      os.execute("chmod 000 " .. path)
      assert.truthy(refused(path):find("ermission", 1, true))
    end)

    it("names that are none", function()
      assert.truthy(refused({name = "", data = "x"}):find("name", 1, true))
      assert.truthy(refused({name = "a\0b", data = "x"}):find("NUL", 1, true))
      assert.truthy(refused({name = "\255", data = "x"}):find("UTF-8", 1, true))
      assert.truthy(refused(files.write(folder .. "/\255", "x")):find("UTF-8", 1, true))
    end)

    it("a reader that has bytes for an empty file", function()
      assert.truthy(refused({name = "x", size = 0, read = function() return "y" end}):find("more than", 1, true))
    end)

    it("what is no source at all, by raising", function()
      local function read() return nil end
      for message, source in pairs {
        ["source"] = 5, ["source.name"] = {data = "x"}, ["source.data"] = {name = "x", data = 5},
        ["source.read"] = {name = "x", size = 1}, ["source.size"] = {name = "x", read = read},
        ["size"] = {name = "x", size = -1, read = read}, ["size is no"] = {name = "x", size = 1.5, read = read},
        ["unknown key 'path'"] = {name = "x", path = "y"}, ["belong"] = {name = "x", data = "y", size = 1},
      } do
        assert.error_matches(function() client:create_file(source) end, message, nil, true)
      end
      assert.error_matches(function() client:create_file() end, "source", nil, true)
    end)

    it("any file, before v3", function()
      for _, version in ipairs {"v1", "v2"} do
        local old = files.client(service, {version = version})
        for _, call in ipairs {
          function() return old:create_file {name = "x", data = "y"} end, function() return old:get_file("i1") end,
          function() return old:download_file("i1") end, function() return old:delete_file("i1") end,
        } do
          local result, err = call()
          assert.same({nil, "unsupported"}, {result, err.kind})
        end
        old:close()
      end
    end)
  end)

  describe("stores nothing", function()
    local SIZES = {1000, 3000000}

    local function fails(read, size)
      local file, err = client:create_file {name = "x", size = size, read = read}
      assert.is_nil(file)
      assert.equal("invalid", err.kind)
      assert.is_nil(err.maybe_done)
      assert_nothing_stored()
      assert(client:ping())
      return err.message
    end

    it("of a reader that ends too early", function()
      for _, size in ipairs(SIZES) do
        local message = fails(files.reader(("x"):rep(size - 1), 1000), size)
        assert.truthy(message:find(("%d of %d bytes"):format(size - 1, size), 1, true), message)
      end
    end)

    it("of a reader that goes on", function()
      for _, size in ipairs(SIZES) do
        assert.truthy(fails(files.reader(("x"):rep(size + 1), 1000), size):find("more than", 1, true))
        assert.truthy(fails(files.reader(("x"):rep(size + 1), size), size):find("more than", 1, true))
        assert.truthy(fails(files.reader(("x"):rep(size * 2), size * 2), size):find("more than", 1, true))
      end
    end)

    it("of a reader that raises, or returns what is no text", function()
      for _, size in ipairs(SIZES) do
        for message, result in pairs {["no more paper"] = false, ["returned a number"] = 5} do
          local left = 1
          local function read()
            if left == 0 then
              if result then return result end
              error({code = message})
            end
            left = left - 1
            return ("x"):rep(size / 2)
          end
          local ok, err = pcall(client.create_file, client, {name = "x", size = size, read = read})
          assert.is_false(ok)
          assert.truthy((type(err) == "table" and err.code or err):find(message, 1, true))
          assert.equal(0, client.engine:step())
          assert(client:ping())
          assert_nothing_stored()
        end
      end
    end)

    it("of a path that becomes shorter", function()
      local path = files.write(folder .. "/shrinking", LARGE)
      local view = client:with {on_event = function(event)
        if event.type == "progress" then files.write(path, "x") end
      end}
      local file, err = view:create_file(path)
      assert.same({nil, "invalid"}, {file, err.kind})
      assert.truthy(err.message:find("became shorter", 1, true))
      assert_nothing_stored()
    end)
  end)

  describe("after a refusal", function()
    local server, told

    setup(function() server = scripted.start() end)
    teardown(function() server:stop() end)
    before_each(function() told = 0 end)

    local function new_client(address, options)
      options = options or {}
      options.token = options.token or function()
        told = told + 1
        return address == service and (told == 1 and "stale" or service.token) or "token-" .. told
      end
      return files.client(address, options)
    end

    local META = '{"id":"i1","name":"plan.bin","size":1}'
    local REFUSALS = {
      [429] = {status = 429, kind = "rate_limit", headers = {"Retry-After: 0"}},
      [401] = {status = 401, code = 10003, kind = "auth"},
    }

    -- The file in a form; the boundary is the first line.
    local function content_of(request)
      local boundary = request.body:match("^(%-%-[^\r]+)\r\n")
      local _, head = request.body:find("\r\n\r\n", 1, true)
      local tail = request.body:find("\r\n" .. boundary .. "--\r\n", head, true)
      return request.body:sub(head + 1, tail - 1)
    end

    it("of the whole body, path and text are sent again from the beginning", function()
      for _, refusal in pairs(REFUSALS) do
        for kind, source in pairs(sources(files.made(300000))) do
          if kind ~= "reader" then
            server:script {scripted.status(refusal.status, refusal.code, refusal.headers), scripted.success(META)}
            local one = new_client(server)
            assert.equal("i1", assert(one:create_file(source)).id)
            one:close()
            local requests = server:requests()
            assert.equal(2, #requests)
            for _, request in ipairs(requests) do
              assert.is_true(files.made(300000) == content_of(request), kind .. " " .. refusal.status)
            end
          end
        end
      end
    end)

    it("of the whole body, a reader is not asked again", function()
      for _, refusal in pairs(REFUSALS) do
        server:script {scripted.status(refusal.status, refusal.code, refusal.headers), scripted.success(META)}
        local one = new_client(server)
        local file, err = one:create_file(sources(files.made(300000)).reader)
        one:close()
        assert.same({nil, refusal.kind, refusal.status}, {file, err.kind, err.status})
        assert.is_nil(err.maybe_done)
        assert.equal(1, #server:requests())
      end
    end)

    it("of the head, path and text are sent once more", function()
      for status in pairs(REFUSALS) do
        for kind, source in pairs(sources(LARGE)) do
          if kind ~= "reader" then
            service:reset {
              rate = {calls = 1000000},
              faults = {{endpoint = "create_file", fault = "status", status = status, times = 1, retry_after = 0}},
            }
            local one = new_client(service, {token = function() return service.token .. "" end})
            local file, err = one:create_file(source)
            if status == 401 then
              -- the function has the same token again
              assert.same({nil, "auth"}, {file, err.kind})
              assert_nothing_stored()
            else
              assert.is_true(LARGE == stored(assert(file, err)), kind)
              assert.equal(1, #service:creates())
            end
            one:close()
          end
        end
      end
    end)

    it("of the token, the next one is asked for", function()
      for kind, source in pairs(sources(LARGE)) do
        if kind ~= "reader" then
          told = 0
          local one = new_client(service)
          assert.is_true(LARGE == stored(assert(one:create_file(source))), kind)
          assert.equal(2, told)
          one:close()
        end
      end
      assert.equal(2, #service:creates())
    end)

    it("of the head, a reader that was read ends", function()
      for status, refusal in pairs(REFUSALS) do
        service:reset {
          rate = {calls = 1000000},
          faults = {{endpoint = "create_file", fault = "status", status = status, times = 1, retry_after = 0}},
        }
        local one, read = new_client(service, {token = function() return service.token end}), 0
        local reader = files.reader(LARGE, 1000)
        local file, err = one:create_file {name = "x", size = #LARGE, read = function()
          read = read + 1
          return reader()
        end}
        -- The service may refuse it before its first byte is read: then nothing is lost.
        if read > 0 and not file then
          assert.same({refusal.kind, status}, {err.kind, err.status})
        elseif file then
          assert.is_true(LARGE == stored(file))
        end
        assert.equal(file and 1 or 0, #service:creates())
        one:close()
      end
    end)
  end)

  describe("never makes two files", function()
    local FAULTS = {
      {fault = "lose"}, {fault = "lose", done = false}, {fault = "close"}, {fault = "cut"}, {fault = "stall"},
      {fault = "status", status = 500}, {fault = "status", status = 503, done = false}, {fault = "html"},
      {fault = "garbage"}, {fault = "body"}, {fault = "chunks"}, {fault = "code"}, {fault = "drop"},
    }

    it("whatever goes wrong", function()
      for _, size in ipairs {10, 200000} do
        for _, fault in ipairs(FAULTS) do
          for kind, source in pairs(sources(files.made(size))) do
            local rule = {endpoint = "create_file", times = 1}
            for name, value in pairs(fault) do rule[name] = value end
            service:reset {rate = {calls = 1000000}, faults = {rule}}
            local one = files.client(service, {timeout = {idle = 0.1}})
            local file, err = one:create_file(source)
            one:close()
            local what = ("%s %s %d"):format(cjson.encode(fault), kind, size)
            local made = #service:creates()
            assert.is_true(made <= 1, what)
            assert.is_true(#files.requests(service, "create_file") == 1, what)
            assert.is_true((file ~= nil) == (fault.fault == "close"), what)
            -- The error must not say that nothing happened where something did.
            assert.is_true(file ~= nil or made == 0 or err.maybe_done or fault.fault == "code", what)
          end
        end
      end
    end)
  end)

  describe("then", function()
    it("the file is known, and can be deleted", function()
      local file = assert(client:create_file {name = "x", data = "yz"})
      assert.same({id = file.id, name = "x", size = 2, content_type = "application/octet-stream"},
        assert(client:get_file(file.id)))
      assert.is_true(client:delete_file(file.id))
      local again, err = client:get_file(file.id)
      assert.same({nil, "not_found", 10002}, {again, err.kind, err.code})
      again, err = client:delete_file(file.id)
      assert.same({nil, "not_found"}, {again, err.kind})
      assert.equal(0, service:file().count)
    end)

    it("a deletion whose answer is lost has succeeded", function()
      local file = assert(client:create_file {name = "x", data = "yz"})
      service:config {faults = {{endpoint = "delete_file", fault = "lose", times = 1}}}
      local other = files.client(service) -- over a connection of its own
      client:close()
      client = other
      assert.is_true(client:delete_file(file.id))
      assert.equal(2, #files.requests(service, "delete_file"))
    end)

    it("ids that are none are refused without a call", function()
      for _, id in ipairs {"", ".", ".."} do
        for _, name in ipairs {"get_file", "delete_file", "download_file"} do
          local result, err = client[name](client, id)
          assert.same({nil, "invalid"}, {result, err.kind})
        end
      end
      assert.has_error(function() client:get_file() end)
      assert.equal(0, #service:log())
    end)

    it("a closed client says so", function()
      client:close()
      local file, err = client:create_file {name = "x", data = "y"}
      assert.same({nil, "closed"}, {file, err.kind})
      assert.is_truthy(fusioo._VERSION)
    end)
  end)
end)
