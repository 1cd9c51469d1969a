-- Files in tasks and frame loops, transfers that end before they are through, slow and silent partners, sudden ends.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local scripted = require "spec.support.scripted_server"
local socket = require "socket"

-- Lua 5.1 proper cannot clean up behind a task that an error ends: there the collector does it.
local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

local SIZE = 3000007

describe("files", function()
  local service, client, folder, path

  setup(function() service = emulator.start {records = 1} end)
  teardown(function() service:stop() end)

  before_each(function()
    service:reset {rate = {calls = 1000000}}
    folder = files.folder()
    path = folder .. "/file"
  end)

  after_each(function()
    client:close()
    os.execute("rm -rf " .. folder)
  end)

  local function md5(id)
    return service:file(id).md5
  end

  -- The MD5 of the bytes of a made file, told by the service.
  local function md5_of_made(size, seed)
    return md5(service:make_file {size = size, seed = seed}.id)
  end

  -- Steps until `is_done()`; between two of them the loop does something else. Returns how many.
  local function frames(is_done, budget)
    local count = 0
    while not is_done() do
      client:step(budget)
      count = count + 1
      client.engine:poll(0.01)
    end
    return count
  end

  describe("in a frame loop", function()
    before_each(function() client = files.client(service, {runtime = "step"}) end)

    it("come down in pieces, a few a frame", function()
      local one = service:make_file {size = SIZE, seed = 3}
      local sink, chunks = files.sink()
      local task = client:spawn(function() return client:download_file(one.id, sink) end)
      local most, before = 0, 0
      local count = frames(function()
        most, before = math.max(most, #chunks - before), #chunks
        return task:done()
      end, 0)
      assert.same({true}, {task:result()})
      assert.is_true(files.made(SIZE, 3) == table.concat(chunks))
      assert.is_true(count >= 10 and most <= 2, ("%d frames, up to %d chunks in one"):format(count, most))
      for _, chunk in ipairs(chunks) do assert.is_true(#chunk <= 512 * 1024) end
    end)

    it("come down to memory and to a path, too", function()
      local one = service:make_file {size = SIZE, seed = 3}
      local bytes, to_path = nil, client:spawn(function() return client:download_file(one.id, path) end)
      local to_memory = client:spawn(function() bytes = client:download_file(one.id) end)
      frames(function() return to_path:done() and to_memory:done() end)
      assert.is_true(files.made(SIZE, 3) == bytes)
      assert.is_true(files.made(SIZE, 3) == files.read(path))
    end)

    it("go up in pieces, a few a frame", function()
      local bytes, reads, most, before = files.made(SIZE, 4), 0, 0, 0
      local reader = files.reader(bytes, 100000)
      local task = client:spawn(function()
        return client:create_file {name = "x", size = SIZE, read = function()
          reads = reads + 1
          return reader()
        end}
      end)
      local count = frames(function()
        most, before = math.max(most, reads - before), reads
        return task:done()
      end, 0)
      assert.equal(md5_of_made(SIZE, 4), md5(assert(task:result()).id))
      -- The last chunk is given only after another question found nothing behind it.
      assert.is_true(count >= 10 and most <= 3, ("%d frames, up to %d reads in one"):format(count, most))
    end)

    it("are moved by tasks alone", function()
      local one = service:make_file {size = 10}
      assert.error_matches(function() client:download_file(one.id) end, "spawn")
      assert.error_matches(function() client:download_file(one.id, path) end, "spawn")
      assert.error_matches(function() client:create_file {name = "x", data = "y"} end, "spawn")
      assert.equal("", files.names(folder))
      assert.equal(0, #service:log())
    end)

    -- Starts a transfer of a file that is too large to be through in a frame or two, and goes on until it moves.
    local function under_way(run, has_begun)
      local task = client:spawn(run)
      frames(has_begun)
      assert.is_false(task:done())
      return task
    end

    -- Stops a transfer in its middle by `stop(task)`, each of the ways; asserts its error's kind.
    local function assert_stopped(stop, kind)
      local big = service:make_file {size = 2 ^ 40}
      local moved = 0
      local function count() moved = moved + 1 end
      local function has_begun() return moved >= 2 end
      local function check(task, of)
        stop(task, of or client)
        frames(function() return task:done() end)
        local result, err = task:result()
        assert.same({nil, kind}, {result, err.kind})
        assert.equal("", files.names(folder))
        moved = 0
        if kind == "closed" then client = files.client(service, {runtime = "step"}) end
      end
      local view = client:with {on_event = function(event) if event.type == "progress" then count() end end}
      check(under_way(function() return view:download_file(big.id, path) end, has_begun), view)
      check(under_way(function() return client:download_file(big.id, count) end, has_begun))
      check(under_way(function()
        return client:create_file {name = "x", size = 2 ^ 40, read = function()
          count()
          return ("x"):rep(100000)
        end}
      end, has_begun))
      assert.equal(0, #service:creates())
      assert.equal(0, client.engine:step())
    end

    it("end when their task is cancelled", function()
      assert_stopped(function(task) task:cancel() end, "cancelled")
    end)

    it("end when the client is closed", function()
      assert_stopped(function(_, of) of:close() end, "closed")
    end)

    it("end with the task whose sink raises", function()
      local one = service:make_file {size = SIZE}
      local task = client:spawn(function()
        client:download_file(one.id, function() error("full", 0) end)
      end)
      assert.error_matches(function() frames(function() return task:done() end) end, "full")
      if is_stuck then
        task = nil -- luacheck: ignore 311
        collectgarbage()
        collectgarbage()
      end
      assert.equal(0, client.engine:step())
    end)

    it("may make calls in between", function()
      if is_stuck then pending("Lua 5.1 cannot yield from a function that C calls") end
      local one, pings = service:make_file {size = SIZE, seed = 2}, 0
      local sink, chunks = files.sink()
      local task = client:spawn(function()
        return client:download_file(one.id, function(chunk)
          if client:ping() then pings = pings + 1 end
          sink(chunk)
        end)
      end)
      frames(function() return task:done() end)
      assert.is_true(files.made(SIZE, 2) == table.concat(chunks))
      assert.equal(#chunks, pings)
    end)
  end)

  describe("side by side", function()
    it("go up and down at once", function()
      client = files.client(service)
      local down, bytes = {}, {}
      for i = 1, 6 do
        down[i] = service:make_file {size = SIZE - i, seed = i}
        bytes[i] = files.made(SIZE - i, i)
      end
      local jobs = {}
      for i = 1, 6 do
        jobs[2 * i - 1] = function() return client:download_file(down[i].id) end
        jobs[2 * i] = function()
          return client:create_file {name = "x", size = #bytes[i], read = files.reader(bytes[i], 50000 + i)}
        end
      end
      local results = fusioo.all(jobs, 6)
      for i = 1, 6 do
        assert.is_true(bytes[i] == results[2 * i - 1].value, i)
        assert.equal(md5(down[i].id), md5(results[2 * i].value.id))
      end
      assert.equal(6, #service:creates())
    end)

    it("one that fails leaves the others alone", function()
      client = files.client(service)
      local one = service:make_file {size = SIZE, seed = 1}
      local results = fusioo.all {
        function() return client:download_file(one.id) end,
        function() return client:download_file("i00") end,
        function() return client:create_file {name = "x", size = 5, read = function() return nil end} end,
        function() return client:download_file(one.id, path) end,
      }
      assert.is_true(files.made(SIZE, 1) == results[1].value)
      assert.equal("not_found", results[2].err.kind)
      assert.equal("invalid", results[3].err.kind)
      assert.is_true(results[4].value)
    end)
  end)

  describe("with slow and silent partners", function()
    local server

    setup(function() server = scripted.start() end)
    teardown(function() server:stop() end)

    local function begin(size, bytes, after)
      return scripted.answer {length = size, headers = {'ETag: "1"'}, body = bytes, after = after}
    end

    local function rest(from, bytes)
      return scripted.answer {
        status = 206, body = bytes,
        headers = {'ETag: "1"', ("Content-Range: bytes %d-%d/%d"):format(from, from + #bytes - 1, from + #bytes)},
      }
    end

    it("a service that falls silent in the middle is asked for the rest", function()
      client = files.client(server, {timeout = {idle = 0.1}})
      for _, way in ipairs {"bytes", "path", "function"} do
        server:script {begin(10, "01234", "stall"), rest(5, "56789")}
        local sink, chunks = files.sink()
        local result = assert(client:download_file("i1", ({path = path, ["function"] = sink})[way]))
        assert.equal("0123456789", ({bytes = result, path = files.read(path)})[way] or table.concat(chunks))
        assert.equal("bytes=5-", server:requests()[2].headers.range)
      end
    end)

    it("a service that stays silent ends the call", function()
      client = files.client(server, {timeout = {idle = 0.05}})
      server:script {begin(10, "01234", "stall"), scripted.stall}
      local ok, err = client:download_file("i1", path)
      assert.same({nil, "timeout"}, {ok, err.kind})
      assert.equal("", files.names(folder))
      -- the first brought something, and the next four nothing
      assert.equal(4, #server:requests())
    end)

    it("another file under the same name is not mixed in", function()
      client = files.client(server)
      local other = rest(5, "vwxyz")
      other.bytes = other.bytes:gsub('ETag: "1"', 'ETag: "2"')
      server:script {begin(10, "01234", "close"), other, begin(10, "qrstuvwxyz")}
      assert.equal("qrstuvwxyz", client:download_file("i1"))
      server:script {begin(10, "01234", "close"), rest(5, "5678"), begin(10, "qrstuvwxyz")}
      assert.equal("qrstuvwxyz", client:download_file("i1"))
      server:script {begin(10, "01234", "close"), other}
      local sink, chunks = files.sink()
      local ok, err = client:download_file("i1", sink)
      assert.same({nil, "network", "01234"}, {ok, err.kind, table.concat(chunks)})
      assert.truthy(err.message:find("changed", 1, true))
      assert.equal(2, #server:requests())
    end)

    it("a part of a part is not the whole", function()
      client = files.client(server)
      local some = rest(5, "56789")
      some.bytes = some.bytes:gsub("5%-9/10", "5-9/15")
      local last = rest(10, "abcde")
      server:script {scripted.chunked({"01234"}, false), scripted.answer {headers = {'ETag: "1"'}, body = "x"}}
      -- chunks, without a length: what the part says is all that is known
      local chunked = scripted.answer {
        length = false, headers = {"Transfer-Encoding: chunked", 'ETag: "1"'}, body = "5\r\n01234\r\n", after = "close",
      }
      server:script {chunked, some, last}
      assert.equal("0123456789abcde", client:download_file("i1"))
    end)

    it("another host's 401 is no word on the token", function()
      local other, asked = scripted.start(), 0
      client = files.client(server, {token = function()
        asked = asked + 1
        return "token-" .. asked
      end})
      server:script {scripted.answer {status = 302, headers = {"Location: " .. other.url .. "/store"}}}
      other:script {scripted.status(401, 10003)}
      local ok, err = client:download_file("i1")
      local seen = other:requests()
      other:stop()
      assert.same({nil, "api", 401}, {ok, err.kind, err.status})
      assert.equal(1, asked)
      assert.equal(1, #seen)
      assert.is_nil(seen[1].headers.authorization)
    end)

    it("a slow sink is no silent service", function()
      client = files.client(server, {timeout = {idle = 0.1}})
      server:script {scripted.answer {length = 64 * 65536, filling = 64}}
      local got, slept = 0, 0
      assert.is_true(client:download_file("i1", function(chunk)
        got = got + #chunk
        if slept < 2 then
          slept = slept + 1
          socket.sleep(0.25)
        end
      end))
      assert.equal(64 * 65536, got)
      assert.equal(1, #server:requests())
    end)

    it("a slow reader is no silent service", function()
      client = files.client(service, {timeout = {idle = 0.1}})
      local reader, slept = files.reader(files.made(SIZE), 1000000), 0
      local file = assert(client:create_file {name = "x", size = SIZE, read = function()
        if slept < 2 then
          slept = slept + 1
          socket.sleep(0.25)
        end
        return reader()
      end})
      assert.equal(md5_of_made(SIZE, 0), md5(file.id))
    end)

    it("the time limit of a call is none of a file", function()
      client = files.client(service, {timeout = {total = 0.05}})
      local one = service:make_file {size = SIZE, seed = 1}
      local sink, chunks = files.sink()
      assert.is_true(client:download_file(one.id, function(chunk)
        if #chunks == 0 then socket.sleep(0.2) end
        sink(chunk)
      end))
      assert.is_true(files.made(SIZE, 1) == table.concat(chunks))
    end)

    it("a process that is killed leaves nothing under the name", function()
      client = files.client(server)
      server:script {scripted.answer {length = 10 ^ 9, filling = 8, after = "stall"}}
      local script = files.write(folder .. "/script.lua", [[
        local fusioo = require "fusioo"
        local client = fusioo.new {base_url = arg[1], token = "x", rate = {calls = 1000, ledger = false}}
        client:download_file("i1", arg[2])]])
      for _, before in ipairs {false, "as it was"} do
        local target = files.folder()
        if before then files.write(target .. "/file", before) end
        local pipe = io.popen(("%s %s %s %s & echo $!; wait 2>/dev/null"):format(os.getenv "LUA" or "lua5.4", script,
          server.url, target .. "/file"))
        local pid = pipe:read("*l")
        files.wait_until(function()
          local part = files.names(target):match("%S*part%S*")
          local bytes = part and files.read(target .. "/" .. part)
          return bytes and #bytes >= 8 * 65536
        end)
        os.execute("kill -9 " .. pid)
        pipe:close()
        assert.equal(before or nil, files.read(target .. "/file"))
      end
    end)
  end)
end)
