-- Downloads: into memory, a path, a function; broken off, gone on, begun again; redirected. In tasks:
-- files_tasks_spec.lua.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local scripted = require "spec.support.scripted_server"

local SIZE = 500000

describe("download_file", function()
  local service, client, folder, file, content

  setup(function() service = emulator.start {records = 1} end)

  teardown(function() service:stop() end)

  before_each(function()
    service:reset {rate = {calls = 1000000}}
    client = files.client(service)
    folder = files.folder()
    file = service:make_file {size = SIZE, seed = 9}
    content = files.made(SIZE, 9)
  end)

  after_each(function()
    client:close()
    os.execute("rm -rf " .. folder)
  end)

  -- Downloads in one of the three ways. Returns the bytes that came, whole or not (into a function: what was handed
  -- out), and the error.
  local ways = {}

  function ways.bytes(id, from)
    return (from or client):download_file(id or file.id)
  end

  function ways.path(id, from)
    local ok, err = (from or client):download_file(id or file.id, folder .. "/file")
    assert.equal(ok and "file" or "", files.names(folder))
    assert.is_true(ok == true or ok == nil)
    return files.read(folder .. "/file"), err
  end

  ways["function"] = function(id, from)
    local sink, chunks = files.sink()
    local ok, err = (from or client):download_file(id or file.id, sink)
    assert.is_true(ok == true or ok == nil)
    return table.concat(chunks), err
  end

  local function requests()
    return files.requests(service, "download_file")
  end

  -- The Range and If-Range of each request.
  local function conditions()
    local list = {}
    for i, request in ipairs(requests()) do
      list[i] = (request.headers.range or "all") .. " " .. (request.headers["if-range"] or "-")
    end
    return list
  end

  local function etag(number)
    return '"' .. file.id .. (number and "-" .. number or "") .. '"'
  end

  describe("brings", function()
    it("every byte once, into memory, a path and a function", function()
      for _, size in ipairs {0, 1, 65535, 65536, 65537, 262144, 262145, 3000007} do
        local one = service:make_file {size = size, seed = 1}
        for way, download in pairs(ways) do
          local bytes, err = download(one.id)
          assert.is_nil(err)
          assert.is_true(files.made(size, 1) == bytes, way .. " " .. size)
          os.remove(folder .. "/file")
        end
      end
    end)

    it("what create_file sent", function()
      local bytes = {}
      for i = 0, 255 do bytes[i + 1] = string.char(i) end
      bytes = table.concat(bytes):rep(1000)
      local one = assert(client:create_file {name = "x", data = bytes})
      assert.is_true(bytes == client:download_file(one.id))
    end)

    it("an answer in chunks", function()
      service:config {downloads = {length = false}}
      for way, download in pairs(ways) do assert.is_true(content == download(), way) end
    end)

    it("bytes as they are kept, also where the service could compress", function()
      service:config {gzip = true}
      local one = service:make_file {size = 100000, content_type = "application/json"}
      assert.is_true(files.made(100000) == client:download_file(one.id))
      assert.is_nil(requests()[1].headers["accept-encoding"])
    end)

    it("no file: 404, and nothing is written", function()
      for way, download in pairs(ways) do
        local bytes, err = download("i00")
        assert.same({"not_found", 404, 10002}, {err.kind, err.status, err.code})
        assert.is_true(bytes == nil or bytes == "", way)
      end
    end)

    it("progress, from byte to byte up to the size", function()
      service:config {downloads = {cut_after = 70000, cuts = 2}}
      for way, download in pairs(ways) do
        local before, total = 0, nil
        local view = client:with {on_event = function(event)
          if event.type ~= "progress" then return end
          assert(event.done > before, "no progress")
          before, total = event.done, event.total
        end}
        assert.is_true(content == download(nil, view), way)
        assert.same({SIZE, SIZE}, {before, total})
      end
    end)
  end)

  describe("without a sink", function()
    it("keeps max_body bytes at most", function()
      local small = files.client(service, {max_body = SIZE})
      assert.is_true(content == small:download_file(file.id))
      small:close()
      small = files.client(service, {max_body = SIZE - 1})
      local bytes, err = small:download_file(file.id)
      assert.same({nil, "too_large"}, {bytes, err.kind})
      assert.truthy(err.message:find("sink", 1, true))
      assert.equal(0, small.engine:step())
      for _, way in ipairs {"path", "function"} do assert.is_true(content == ways[way](nil, small)) end
      small:close()
    end)

    it("does not fetch what it cannot keep", function()
      local endless = service:make_file {size = 2 ^ 40}
      local small = files.client(service, {max_body = 1000000})
      local _, err = small:download_file(endless.id)
      assert.equal("too_large", err.kind)
      assert.equal(1, #requests())
      small:close()
    end)
  end)

  describe("cut off", function()
    it("goes on where it stopped, more often than it would repeat", function()
      for way, download in pairs(ways) do
        service:clear_log()
        service:config {downloads = {cut_after = 70000, cuts = 6}}
        assert.is_true(content == download(), way)
        local wanted = {"all -"}
        for i = 1, 6 do wanted[i + 1] = ("bytes=%d- %s"):format(70000 * i, etag()) end
        assert.same(wanted, conditions())
      end
    end)

    it("goes on with a date for a validator, and after chunks", function()
      for way, download in pairs(ways) do
        for _, length in ipairs {true, false} do
          service:clear_log()
          service:config {downloads = {cut_after = 70000, etag = "none", length = length}}
          assert.is_true(content == download(), way)
          assert.same({"all -", "bytes=70000- Tue, 01 Jan 2019 00:00:00 GMT"}, conditions())
        end
      end
    end)

    -- What cannot go on begins again, into a function not at all: there it ends after so many bytes.
    local function begins_again(downloads, seed, second)
      downloads.cut_after = 70000
      for way, download in pairs(ways) do
        service:clear_log()
        service:config {downloads = downloads}
        local bytes, err = download()
        local asked = conditions()
        if way == "function" then
          assert.is_true(#bytes <= 70000 and files.made(SIZE, seed[1]):sub(1, #bytes) == bytes)
          assert.equal("network", err.kind)
          assert.equal(second and 2 or 1, #asked)
        else
          assert.is_nil(err)
          assert.is_true(files.made(SIZE, seed[2]) == bytes, way)
        end
        assert.equal("all -", asked[1])
        assert.equal(way ~= "function" and not second and "all -" or second, asked[2])
      end
    end

    it("begins again where there is no validator, or a weak one", function()
      begins_again({etag = "none", modified = false}, {9, 9})
      begins_again({etag = "weak", modified = false}, {9, 9})
    end)

    it("begins again where the service knows no ranges", function()
      begins_again({ranges = false}, {9, 9}, "bytes=70000- " .. etag())
    end)

    it("begins again where the file changed", function()
      begins_again({etag = "changing"}, {10, 11}, "bytes=70000- " .. etag(1))
    end)

    it("begins again where the service brings another part, or none", function()
      begins_again({wrong_range = true}, {9, 9}, "bytes=70000- " .. etag())
      begins_again({ranges = "refused"}, {9, 9}, "bytes=70000- " .. etag())
    end)

    it("ends where nothing comes at all", function()
      for way, download in pairs(ways) do
        service:clear_log()
        service:config {downloads = {cut_after = 0, cuts = 1000}}
        local _, err = download()
        assert.same({"network", 4}, {err.kind, err.attempts}, way)
        assert.equal(4, #requests())
      end
    end)

    it("ends where it comes no further, and says how far it was", function()
      service:config {downloads = {cut_after = 70000, cuts = 1000, etag = "none", modified = false}}
      local bytes, err = ways.path()
      assert.same({nil, "network", 4}, {bytes, err.kind, err.attempts})
    end)

    it("ends where it begins again and again", function()
      for _, downloads in ipairs {
        {etag = "changing"}, {ranges = false}, {wrong_range = true}, {ranges = "refused"}, {length = "none"},
      } do
        downloads.cut_after, downloads.cuts = 70000, 1000
        for way, download in pairs(ways) do
          service:clear_log()
          service:config {downloads = downloads}
          local _, err = download()
          assert.is_truthy(err, way)
          assert.is_true(#requests() <= 4, way)
        end
      end
    end)

    it("by 429 and 500, goes on", function()
      for way, download in pairs(ways) do
        service:reset {rate = {calls = 1000000}, downloads = {cut_after = 70000}, faults = {
          {endpoint = "download_file", from = 2, fault = "status", status = 429, retry_after = 0, times = 1},
          {endpoint = "download_file", from = 3, fault = "status", status = 500, times = 1},
        }}
        file = service:make_file {size = SIZE, seed = 9}
        assert.is_true(content == download(), way)
        assert.equal(4, #requests())
      end
    end)

    it("counts each request", function()
      service:config {downloads = {cut_after = 70000, cuts = 3}}
      local before = client:budget().used
      assert(client:download_file(file.id))
      assert.equal(before + 4, client:budget().used)
      assert.equal(SIZE, client:stats().bytes_in)
    end)
  end)

  describe("of an answer without an end", function()
    it("is refused: a cut one would look whole", function()
      for _, cut in ipairs {false, 70000} do
        service:config {downloads = {length = "none", cut_after = cut}}
        for way, download in pairs(ways) do
          local bytes, err = download()
          assert.equal("decode", err.kind)
          assert.is_true(bytes == nil or way == "function")
          assert.equal(1, err.attempts)
        end
      end
    end)
  end)

  describe("redirected", function()
    it("takes the token along on the same host", function()
      for _, status in ipairs {302, 307} do
        for way, download in pairs(ways) do
          service:clear_log()
          service:config {downloads = {redirect = "same", redirect_status = status}}
          local before = client:budget().used
          assert.is_true(content == download(), way)
          local seen = requests()
          assert.equal(2, #seen)
          assert.same({"ok", "ok"}, {seen[1].authorization, seen[2].authorization})
          assert.equal(before + 2, client:budget().used)
        end
      end
    end)

    it("leaves the token behind for another host, and counts no call there", function()
      for _, status in ipairs {302, 307} do
        for way, download in pairs(ways) do
          service:config {downloads = {redirect = "other", redirect_status = status}}
          local before = client:budget().used
          assert.is_true(content == download(), way)
          assert.equal(before + 1, client:budget().used)
        end
      end
      local seen = service:other_requests()
      assert.equal(6, #seen)
      for _, request in ipairs(seen) do assert.equal("none none", request.authorization .. " " .. request.cookie) end
    end)

    it("asks for a fresh address where it was cut, and goes on there", function()
      for way, download in pairs(ways) do
        service:clear_log()
        service:config {downloads = {redirect = "other", cut_after = 70000, cuts = 3}}
        assert.is_true(content == download(), way)
        assert.equal(4, #requests())
      end
      local seen = service:other_requests()
      assert.equal(12, #seen)
      assert.same({"bytes=70000-", etag()}, {seen[2].range, seen[2].if_range})
      for _, request in ipairs(seen) do assert.equal("none", request.authorization) end
    end)

    it("ends where it goes round", function()
      service:config {downloads = {redirect = "loop"}}
      for way, download in pairs(ways) do
        service:clear_log()
        local _, err = download()
        assert.equal("api", err.kind, way)
        assert.truthy(err.message:find("redirects more than", 1, true))
        assert.equal(6, #requests())
      end
    end)

    it("does not go where there is no https", function()
      service:config {downloads = {redirect = "plain"}}
      for way, download in pairs(ways) do
        service:clear_log()
        local _, err = download()
        assert.same({"api", 302}, {err.kind, err.status}, way)
        assert.truthy(err.message:find("https://", 1, true))
        assert.equal(1, #requests())
      end
    end)

    it("says what the other host answered", function()
      service:config {downloads = {redirect = "other"}}
      local _, err = client:download_file(file.id)
      assert.is_nil(err)
      local server = scripted.start()
      server:script {
        scripted.answer {status = 302, headers = {"Location: http://localhost:" .. server.port .. "/x"}},
        scripted.answer {status = 403, headers = {"Content-Type: text/xml"}, body = "<Error>AccessDenied</Error>"},
      }
      local one = files.client(server)
      _, err = one:download_file("i1")
      assert.same({"api", 403}, {err.kind, err.status})
      assert.is_nil(server:requests()[2].headers.authorization)
      assert.falsy(tostring(err):find("localhost", 1, true))
      one:close()
      server:stop()
    end)
  end)

  describe("to a path", function()
    local function path() return folder .. "/file" end

    it("replaces a file, and keeps its permissions", function()
      files.write(path(), "before")
      os.execute("chmod 640 " .. path())
      assert.is_true(client:download_file(file.id, path()))
      assert.is_true(content == files.read(path()))
      assert.same({"640", "file"}, {files.mode(path()), files.names(folder)})
    end)

    it("gives a new file the permissions that any new file has", function()
      files.write(folder .. "/other", "x")
      assert.is_true(client:download_file(file.id, path()))
      assert.equal(files.mode(folder .. "/other"), files.mode(path()))
    end)

    it("leaves the file that is there alone where it fails, and nothing beside it", function()
      files.write(path(), "before")
      local other = service:make_file {size = SIZE}
      local broken = {
        {downloads = {cut_after = 70000, cuts = 100, etag = "none", modified = false}},
        {downloads = {length = "none"}}, {downloads = {redirect = "loop"}}, {downloads = {redirect = "plain"}},
        {faults = {{endpoint = "download_file", fault = "status", status = 500}}},
        {faults = {{endpoint = "download_file", fault = "chunks"}}},
        {faults = {{endpoint = "download_file", fault = "length"}}},
        {faults = {{endpoint = "download_file", fault = "garbage"}}},
      }
      local one = files.client(service, {timeout = {idle = 5}})
      for i, settings in ipairs(broken) do
        service:config {downloads = settings.downloads or {}, faults = settings.faults or {}}
        local ok, err = one:download_file(other.id, path())
        assert.is_nil(ok)
        assert.is_truthy(err.kind)
        assert.same({"before", "file"}, {files.read(path()), files.names(folder)}, i)
      end
      one:close()
    end)

    it("that cannot be written, sends nothing", function()
      files.write(folder .. "/file", "x")
      for _, wrong in ipairs {folder, folder .. "/missing/file", folder .. "/file/x", "", "a\0b", folder .. "/"} do
        local ok, err = client:download_file(file.id, wrong)
        assert.same({nil, "invalid"}, {ok, err.kind})
        assert.truthy(err.message:find("download_file", 1, true))
      end
      assert.equal(0, #requests())
      assert.equal("file", files.names(folder))
    end)

    it("of a full disk, says so and leaves nothing", function()
      local script = files.write(folder .. "/script.lua", [[
        local fusioo = require "fusioo"
        local client = fusioo.new {base_url = arg[1], token = arg[2], rate = {calls = 1000, ledger = false}}
        local ok, err = client:download_file(arg[3], arg[4])
        print(ok, err.kind, err.message)]])
      local out = files.folder()
      -- No file may be larger than 64 blocks, and who writes on is told, not killed.
      local said = files.output_of(("trap '' XFSZ; ulimit -f 64; %s %s %s %s %s %s 2>&1"):format(
        os.getenv "LUA" or "lua5.4", script, service.url, service.token, file.id, out .. "/file"))
      assert.truthy(said:find("^nil%s+invalid%s+.*cannot write"), said)
      assert.equal("", files.names(out))
      assert.equal(1, #requests())
    end)
  end)

  describe("with a function that raises", function()
    it("raises the same, and ends the call", function()
      local mine = {}
      local ok, err = pcall(client.download_file, client, file.id, function() error(mine) end)
      assert.is_true(not ok and err == mine)
      assert.equal(0, client.engine:step())
      assert.is_true(content == client:download_file(file.id))
    end)

    it("at its progress, leaves nothing", function()
      local view = client:with {on_event = function(event)
        if event.type == "progress" then error("enough", 0) end
      end}
      for _, download in pairs(ways) do
        local ok, err = pcall(download, nil, view)
        assert.same({false, "enough"}, {ok, err})
        assert.equal("", files.names(folder))
        assert.equal(0, client.engine:step())
      end
    end)

    it("refuses sinks that are none", function()
      for _, wrong in ipairs {5, true, {}} do
        assert.error_matches(function() client:download_file(file.id, wrong) end, "sink")
      end
      assert.equal(0, #requests())
    end)
  end)
end)
