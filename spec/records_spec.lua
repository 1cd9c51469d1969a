-- Reading whole lists: every record, in the service's order, for no more calls than promised. Rows stand still here.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local MOST = 4321

local function is_approved(record)
  return record.approved == true
end

local function is_in_progress(record)
  for _, item in ipairs(record.status) do
    if item == "In Progress" then return true end
  end
  return false
end

describe("client:records", function()
  local service, projects, client, everything

  setup(function()
    service = emulator.start {records = MOST, calls = 1000000}
    projects = service.apps.projects
    client = reading.client(service)
    everything = reading.all(service, projects)
  end)

  teardown(function() service:stop() end)

  -- The emulator with `n` records and an empty log; returns the ids of those that match.
  local function prepare(n, holds)
    service:reset {records = n}
    return reading.ids_where(reading.slice(everything, 1, n), holds or function() return true end)
  end

  -- Reads with `query` and returns the ids and the calls that it took.
  local function read(query, with)
    service:clear_log()
    local ids = reading.ids((with or client):records(projects, query))
    return ids, reading.calls(service)
  end

  local function check(expected, query, most, with)
    local ids, calls = read(query, with)
    assert.same(expected, ids)
    assert.is_true(calls <= most, ("%d calls where %d were promised"):format(calls, most))
    return calls
  end

  it("has the emulator's own list to compare with", function()
    prepare(MOST)
    assert.same(service:truth(projects).ids, reading.ids_of(everything))
  end)

  for _, version in ipairs {"v1", "v2", "v3"} do
    for _, n in ipairs {0, 1, 199, 200, 201, 398, 399, 400, 1000, MOST} do
      it(("reads all of %d in %s"):format(n, version), function()
        local expected = prepare(n)
        local calls = check(expected, nil, reading.most_calls(n), reading.client(service, {version = version}))
        if n < 200 then assert.equal(1, calls) end
        for _, entry in ipairs(service:log()) do
          assert.equal(version, entry.version)
          assert.equal(200, entry.status)
        end
      end)

      it(("reads those of %d that match in %s"):format(n, version), function()
        local with = reading.client(service, {version = version})
        local expected = prepare(n, is_approved)
        check(expected, {where = {approved = true}}, reading.most_calls(#expected), with)
        expected = prepare(n, is_in_progress)
        check(expected, {where = {status = fusioo.where.contains("In Progress")}}, reading.most_calls(#expected), with)
      end)
    end
  end

  it("reads in any number of pages side by side", function()
    local expected = prepare(1000)
    for _, concurrency in ipairs {1, 2, 3, 8, 100} do
      check(expected, {concurrency = concurrency}, reading.most_calls(1000))
      check(expected, nil, reading.most_calls(1000), client:with {concurrency = concurrency})
    end
  end)

  it("never has more requests under way than `concurrency` says, and uses what it says", function()
    local expected = prepare(300)
    service:config {latency = 0.03}
    for _, concurrency in ipairs {1, 2, 5} do
      check(expected, {concurrency = concurrency, page_size = 20}, reading.most_calls(300, 20))
      assert.equal(concurrency, reading.most_at_once(service))
    end
    check(expected, {page_size = 20}, reading.most_calls(300, 20), client:with {concurrency = 3})
    assert.equal(3, reading.most_at_once(service))
    check(expected, {page_size = 20}, reading.most_calls(300, 20))
    assert.equal(4, reading.most_at_once(service))
  end)

  describe("with page_size", function()
    for _, size in ipairs {1, 2, 3, 7, 50, 199} do
      it(size .. " asks for such pages and no larger ones", function()
        for _, n in ipairs {0, 1, size - 1, size, size + 1, 2 * size - 2, 2 * size - 1, 2 * size, 103, 400} do
          local expected = prepare(n)
          check(expected, {page_size = size}, reading.most_calls(n, size))
          for _, entry in ipairs(service:log()) do
            local limit = entry.endpoint == "get_records" and tonumber(entry.query:match("limit=(%d+)")) or 1
            assert.is_true(limit >= 1 and limit <= size)
          end
        end
      end)
    end
  end)

  describe("with limit", function()
    for _, limit in ipairs {0, 1, 199, 200, 201, 398, 399, 400, 1000, 2000} do
      it(limit .. " hands out so many", function()
        for _, n in ipairs {0, 1, 200, 399, 1000} do
          local expected = reading.slice(prepare(n), 1, limit)
          local calls = check(expected, {limit = limit}, reading.most_calls(math.min(n, limit)))
          if limit == 0 then assert.equal(0, calls) end
          if limit > 0 and limit <= 200 then assert.equal(1, calls) end
          for _, concurrency in ipairs {1, 8} do
            check(expected, {limit = limit, page_size = 50, concurrency = concurrency},
              reading.most_calls(math.min(n, limit), 50))
          end
        end
      end)
    end

    it("and where it hands out so many of those that match", function()
      local expected = prepare(1000, is_approved)
      check(reading.slice(expected, 1, 250), {where = {approved = true}, limit = 250}, reading.most_calls(250))
    end)
  end)

  describe("with offset", function()
    for _, version in ipairs {"v1", "v2", "v3"} do
      it("skips so many in " .. version, function()
        local with = reading.client(service, {version = version})
        local expected = prepare(700)
        for _, offset in ipairs {0, 1, 5, 199, 200, 500, 699, 700, 701, 100000} do
          local rest = reading.slice(expected, offset + 1)
          check(rest, {offset = offset}, reading.most_calls(#rest), with)
          check(reading.slice(rest, 1, 210), {offset = offset, limit = 210}, reading.most_calls(math.min(#rest, 210)),
            with)
          check(rest, {offset = offset, page_size = 90}, reading.most_calls(#rest, 90), with)
        end
      end)
    end
  end)

  describe("with sort_by and order", function()
    local function sorted(descending)
      local list = reading.slice(everything, 1, 500)
      local place = {}
      for i, record in ipairs(list) do place[record] = i end
      table.sort(list, function(a, b)
        if a.progress ~= b.progress then return a.progress < b.progress end
        return place[a] < place[b]
      end)
      local ids = reading.ids_of(list)
      return descending and reading.reversed(ids) or ids
    end

    it("hands out in that order", function()
      prepare(500)
      check(sorted(), {sort_by = "progress"}, reading.most_calls(500))
      check(sorted(), {sort_by = "progress", order = "asc", concurrency = 1}, reading.most_calls(500))
      check(sorted(true), {sort_by = "progress", order = "desc"}, reading.most_calls(500))
      check(reading.slice(sorted(true), 11, 260), {sort_by = "progress", order = "desc", offset = 10, limit = 250},
        reading.most_calls(250))
    end)

    it("takes an order without sort_by", function()
      local expected = prepare(500)
      check(reading.reversed(expected), {order = "desc", page_size = 60}, reading.most_calls(500, 60))
    end)
  end)

  describe("with expect", function()
    -- Pages that cover n records where nobody asks for the count; a full last one costs another.
    local function pages_for(n)
      return math.max(math.ceil((n - 1) / 199), 1) + ((n - 1) % 199 == 0 and 1 or 0)
    end

    for _, n in ipairs {0, 1, 199, 200, 201, 399, 1000} do
      it("exactly right saves the count of " .. n, function()
        local expected = prepare(n)
        for _, concurrency in ipairs {1, 4, 8} do
          check(expected, {expect = n, concurrency = concurrency}, pages_for(n))
          assert.equal(0, reading.calls(service, "record_count"))
        end
      end)

      it("too large changes no result for " .. n, function()
        local expected = prepare(n)
        for _, more in ipairs {1, 30, 200, 5000} do
          for _, concurrency in ipairs {1, 4, 8} do
            check(expected, {expect = n + more, concurrency = concurrency}, reading.most_calls(n) + concurrency)
          end
        end
      end)

      it("too small changes no result for " .. n, function()
        local expected = prepare(n)
        for _, guess in ipairs {0, 1, n - 1, n - 30, n - 200, math.floor(n / 2)} do
          for _, concurrency in ipairs {1, 4, 8} do
            if guess >= 0 then
              check(expected, {expect = guess, concurrency = concurrency}, reading.most_calls(n) + 1)
            end
          end
        end
      end)
    end

    it("goes along with limit and offset", function()
      local expected = prepare(1000)
      check(reading.slice(expected, 101, 600), {expect = 1000, limit = 500, offset = 100}, reading.most_calls(500))
      check(reading.slice(expected, 101, 600), {expect = 10, limit = 500, offset = 100}, reading.most_calls(500) + 1)
      check(reading.slice(expected, 801), {expect = 5000, limit = 500, offset = 800}, reading.most_calls(200) + 4)
    end)
  end)

  it("does without the overlap where seams = false", function()
    for _, n in ipairs {0, 1, 199, 200, 201, 400, 1000} do
      local expected = prepare(n)
      for _, size in ipairs {1, 7, 200} do
        for _, concurrency in ipairs {1, 8} do
          check(expected, {seams = false, page_size = size, concurrency = concurrency},
            math.ceil(n / size) + 1)
        end
      end
      check(expected, {seams = true}, reading.most_calls(n))
    end
  end)

  describe("with on_progress", function()
    local function steps_of(query)
      local steps = {}
      query.on_progress = function(done, total) steps[#steps + 1] = {done = done, total = total} end
      local ids = reading.ids(client:records(projects, query))
      return steps, #ids
    end

    for _, n in ipairs {0, 1, 199, 200, 1000} do
      it("tells done and total of " .. n, function()
        prepare(n)
        for _, concurrency in ipairs {1, 4} do
          local steps, count = steps_of {concurrency = concurrency}
          assert.equal(n, count)
          local last, known = 0, nil
          for _, step in ipairs(steps) do
            assert.is_true(step.done >= last and step.done <= n)
            assert.is_true(known == nil or step.total == known) -- once told, it stays
            last, known = step.done, step.total
          end
          assert.equal(n, last)
          assert.equal(n, known)
        end
      end)
    end

    it("tells the total as soon as the count is there, not at the end", function()
      prepare(1000)
      local steps = steps_of {}
      local early = false
      for _, step in ipairs(steps) do
        -- the count is asked for beside page two
        early = early or (step.total == 1000 and step.done <= 400)
      end
      assert.is_true(early)
      assert.is_true(#steps >= 5)
    end)

    it("tells the total that limit and offset leave", function()
      prepare(1000)
      local steps = steps_of {limit = 500}
      assert.same({done = 500, total = 500}, steps[#steps])
      steps = steps_of {offset = 900, page_size = 30}
      assert.same({done = 100, total = 100}, steps[#steps])
    end)
  end)
end)
