-- Loops over records that end before the list does: left early, or failed.

local emulator = require "spec.support.emulator"
local reading = require "spec.support.reading"

local has_close = coroutine.close ~= nil -- Lua 5.4: a loop that is left closes what it loops over

describe("client:records", function()
  local service, projects, truth

  setup(function()
    service = emulator.start {records = 1000, calls = 1000000}
    projects = service.apps.projects
    truth = service:truth(projects).ids
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset {latency = 0.01} end)

  describe("left early", function()
    -- Asserts that nothing of the loop reaches the service any more, however often the engine moves.
    local function assert_silence(client)
      if not has_close then reading.collect() end
      local before = reading.calls(service)
      for _ = 1, 10 do assert(client:ping()) end
      assert.equal(before + 10, reading.calls(service))
    end

    local function new_client()
      return reading.client(service, {concurrency = 8})
    end

    it("goes on while somebody holds the iterator", function()
      -- shows that assert_silence would find something
      local client = new_client()
      local following, state, control, closing = client:records(projects, {page_size = 20})
      for _ = 1, 25 do following(state, control) end
      local before = reading.calls(service)
      for _ = 1, 10 do assert(client:ping()) end
      assert.is_true(reading.calls(service) > before + 10)
      assert.is_truthy(following)
      assert.equal(has_close, closing ~= nil)
    end)

    it("by break sends nothing more", function()
      for _, query in ipairs {{}, {page_size = 20}, {page_size = 2}, {page_size = 20, expect = 1000}} do
        for _, stop in ipairs {1, 25, 300} do
          local client, count = new_client(), 0
          for _ in client:records(projects, query) do
            count = count + 1
            if count == stop then break end
          end
          assert_silence(client)
        end
      end
    end)

    it("by break out of pages sends nothing more", function()
      local client, count = new_client(), 0
      for _ in client:pages(projects, {page_size = 20}) do
        count = count + 1
        if count == 3 then break end
      end
      assert_silence(client)
    end)

    it("by return sends nothing more", function()
      local client = new_client()
      local function first()
        for record in client:records(projects, {page_size = 20}) do -- luacheck: ignore 512
          return record.id
        end
      end
      assert.equal(truth[1], first())
      assert_silence(client)
    end)

    it("by an error sends nothing more", function()
      local client = new_client()
      local ok, err = pcall(function()
        for _ in client:records(projects, {page_size = 20}) do error("enough", 0) end
      end)
      assert.is_false(ok)
      assert.equal("enough", err)
      assert_silence(client)
    end)

    it("by closing its coroutine sends nothing more", function()
      local client = new_client()
      local thread = coroutine.create(function()
        for record in client:records(projects, {page_size = 20}) do coroutine.yield(record.id) end
      end)
      for i = 1, 21 do
        local _, id = coroutine.resume(thread)
        assert.equal(truth[i], id)
      end
      if has_close then
        assert.is_true(coroutine.close(thread))
      end
      thread = nil -- luacheck: ignore
      assert_silence(client)
    end)

    it("leaves the client usable", function()
      local client = new_client()
      for _ in client:records(projects, {page_size = 20}) do break end -- luacheck: ignore 512
      assert.same(truth, reading.ids(client:records(projects)))
    end)

    it("before its first step asks for nothing", function()
      local client = new_client()
      assert.is_truthy(client:records(projects))
      assert(client:ping())
      assert.equal(1, reading.calls(service))
    end)

    it("hands out nothing after it has ended", function()
      local following, state = new_client():records(projects, {limit = 2})
      assert.equal(truth[1], following(state).id)
      assert.equal(truth[2], following(state).id)
      assert.is_nil(following(state))
      assert.is_nil(following(state))
    end)
  end)

  describe("that fails", function()
    -- A token function whose answers are wrong from call number `from` on.
    local function token_until(from)
      local asked = 0
      return function()
        asked = asked + 1
        return asked >= from and "not-the-token" or service.token
      end
    end

    -- Reads until the list ends or fails; returns the ids and the error.
    local function read(iterate)
      local ids = {}
      local ok, err = pcall(function()
        for record in iterate() do ids[#ids + 1] = record.id end
      end)
      return ids, not ok and err or nil
    end

    -- How many records stand in the pages that came, up to the first one that did not.
    local function came(size)
      local good, count, offset = {}, 0, 0
      for _, entry in ipairs(service:log()) do
        if entry.endpoint == "get_records" and entry.status == 200 then
          good[tonumber(entry.query:match("offset=(%d+)"))] = true
        end
      end
      while good[offset] do
        count = math.min(offset + size, #truth)
        offset = offset + size - 1
      end
      return count
    end

    for _, concurrency in ipairs {1, 4} do
      it("has handed out all before, and says where to go on, with concurrency = " .. concurrency, function()
        local query = {page_size = 100, concurrency = concurrency}
        reading.ids(reading.client(service):records(projects, query))
        local whole = reading.calls(service)
        for from = 1, whole + 1 do
          service:clear_log()
          local client = reading.client(service, {token = token_until(from)})
          local ids, err = read(function() return client:records(projects, query) end)
          if err then
            assert.equal("auth", err.kind)
            assert.equal(401, err.status)
            assert.equal(came(100), #ids)
            assert.same(reading.slice(truth, 1, #ids), ids)
            -- a later reading repeats one record at most, and misses none
            assert.equal(math.max(#ids - 1, 0), err.resume)
            local rest = reading.ids(reading.client(service):records(projects, {offset = err.resume}))
            assert.same(reading.slice(truth, err.resume + 1), rest)
          else
            assert.same(truth, ids)
          end
          assert.equal(from <= whole, err ~= nil)
        end
      end)
    end

    it("counts `resume` from the beginning of the list, not from offset", function()
      local client = reading.client(service, {token = token_until(4)})
      local ids, err = read(function() return client:records(projects, {page_size = 100, offset = 250}) end)
      assert.is_true(#ids > 0)
      assert.same(reading.slice(truth, 251, 250 + #ids), ids)
      assert.equal(250 + #ids - 1, err.resume)
      client = reading.client(service, {token = token_until(1)})
      ids, err = read(function() return client:records(projects, {offset = 250}) end)
      assert.same({}, ids)
      assert.equal(250, err.resume)
    end)

    it("can be resumed again and again", function()
      local got, offset, rounds = {}, 0, 0
      repeat
        local client = reading.client(service, {token = token_until(4)})
        local ids, err = read(function()
          return client:records(projects, {page_size = 100, offset = offset, concurrency = 2})
        end)
        local first = 1
        if #got > 0 and ids[1] == got[#got] then first = 2 end
        for i = first, #ids do got[#got + 1] = ids[i] end
        offset, rounds = err and err.resume, rounds + 1
      until not offset or rounds > 100
      assert.same(truth, got)
      assert.is_true(rounds > 2)
    end)

    it("says where to go on when the window is used up", function()
      local client = reading.client(service, {rate = {calls = 5, on_limit = "error", key = "five calls"}})
      local ids, err = read(function() return client:records(projects, {page_size = 100}) end)
      assert.equal("rate_limit", err.kind)
      assert.is_true(err.retry_after > 0)
      assert.equal(came(100), #ids)
      assert.same(reading.slice(truth, 1, #ids), ids)
      assert.equal(#ids - 1, err.resume)
      assert.equal(5, reading.calls(service))
      assert.truthy(tostring(err):find("offset = " .. err.resume, 1, true))
    end)

    it("raises the same from pages, and from a list of users", function()
      local client = reading.client(service, {token = token_until(4)})
      local count = 0
      local ok, err = pcall(function()
        for page in client:pages(projects, {page_size = 100}) do count = count + #page end
      end)
      assert.is_false(ok)
      assert.equal("auth", err.kind)
      assert.equal(count - 1, err.resume)
      client = reading.client(service, {token = token_until(3)})
      local users = {}
      ok, err = pcall(function()
        for user in client:users {page_size = 10} do users[#users + 1] = user.id end
      end)
      assert.is_false(ok)
      assert.equal("auth", err.kind)
      assert.equal(19, #users)
      assert.equal(18, err.resume)
    end)

    it("raises again when it is asked again", function()
      local client = reading.client(service, {token = "wrong"})
      local following, state = client:records(projects)
      for _ = 1, 2 do
        local ok, err = pcall(following, state)
        assert.is_false(ok)
        assert.equal("auth", err.kind)
      end
      assert.equal(1, reading.calls(service))
    end)

    it("does without the count where only the count fails", function()
      for _, concurrency in ipairs {1, 4} do
        service:reset {faults = {{endpoint = "record_count", fault = "status", status = 400}}}
        local totals = {}
        local ids = reading.ids(reading.client(service):records(projects, {
          concurrency = concurrency, on_progress = function(_, total) totals[#totals + 1] = total end,
        }))
        assert.same(truth, ids)
        assert.equal(1, reading.calls(service, "record_count"))
        assert.equal(1000, totals[#totals])
      end
    end)

    it("of an unknown app says so", function()
      local _, err = read(function() return reading.client(service):records("i00000000000000000000000000000000") end)
      assert.equal("not_found", err.kind)
      assert.equal(30000, err.code)
      assert.equal(404, err.status)
      assert.equal(0, err.resume)
    end)
  end)
end)
