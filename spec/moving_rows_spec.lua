-- Reading while rows come and go: nothing that stayed is missed, nothing comes twice.
--
-- Each run has a seed of its own, printed where it fails: SPEC_SEED=n runs that one alone.

local emulator = require "spec.support.emulator"
local reading = require "spec.support.reading"

local RUNS = os.getenv "FUSIOO_LONG" and 200 or 10
local ONLY = tonumber(os.getenv "SPEC_SEED" or "")

describe("client:records while rows", function()
  local service, projects, client

  setup(function()
    service = emulator.start {records = 1000, calls = 10000000}
    projects = service.apps.projects
    client = reading.client(service)
  end)

  teardown(function() service:stop() end)

  -- The first id that comes twice, and where; nil where none does.
  local function repeated(ids)
    local places = {}
    for i, id in ipairs(ids) do
      if places[id] then return ("%s at %d and %d"):format(id, places[id], i) end
      places[id] = i
    end
  end

  -- The ids among `ids` that `wanted` holds, in their order.
  local function among(ids, wanted)
    local set, result = {}, {}
    for _, id in ipairs(wanted) do set[id] = true end
    for _, id in ipairs(ids) do
      if set[id] then result[#result + 1] = id end
    end
    return result
  end

  -- Asserts that all of `wanted` are among `ids`, once and in that order.
  local function assert_holds(wanted, ids, what)
    assert.is_nil(repeated(ids), what)
    local got = among(ids, wanted)
    for i, id in ipairs(wanted) do
      if got[i] ~= id then
        error(("%s: record %d of those that stayed (%s) is missed or out of order; %d of %d came"):format(what, i, id,
          #got, #wanted), 0)
      end
    end
  end

  local function without(list, names)
    local gone, result = {}, {}
    for _, name in ipairs(names) do gone[name] = true end
    for _, item in ipairs(list) do
      if not gone[item] then result[#result + 1] = item end
    end
    return result
  end

  -- Reads to the end, or to an error; returns the ids and the error.
  local function read_all(query)
    local ids = {}
    local ok, err = pcall(function()
      for record in client:records(projects, query) do ids[#ids + 1] = record.id end
    end)
    return ids, not ok and err or nil
  end

  -- Reads while rows move as `churn` says. What stayed where it was must come. `may_give_up`: so many rows may go that
  -- the reading ends as `moved`; then what stayed must have come up to there.
  local function run(seed, records, churn, query, may_give_up)
    churn.seed = seed
    service:reset {records = records, churn = churn}
    local ids, err = read_all(query)
    service:config {churn = false}
    local truth = service:truth(projects)
    local what = ("seed %d, %d records, page_size %s, concurrency %s"):format(seed, records,
      tostring(query.page_size), tostring(query.concurrency))
    assert.is_true(truth.changes > 0, what)
    local stayed = without(truth.stayed, truth.moved)
    if err then
      assert.is_true(may_give_up and err.kind == "moved", what .. ": " .. tostring(err))
      assert.is_nil(err.resume)
      stayed = reading.slice(stayed, 1, #among(ids, stayed))
    end
    assert_holds(stayed, ids, what)
  end

  local function seeds()
    local list = {}
    for i = 1, RUNS do list[i] = i end
    return ONLY and {ONLY} or list
  end

  for _, concurrency in ipairs {1, 4, 8} do
    for _, case in ipairs {
      {size = 200, records = 2500, churn = {per_request = 3}},
      {size = 50, records = 1000, churn = {per_request = 2}},
      {size = 20, records = 500, churn = {per_request = 1}},
      {size = 7, records = 200, churn = {per_request = 0.5}, may_give_up = true}, -- so small a page is soon passed
      {size = 50, records = 1000, churn = {per_request = 3, insert = 1, delete = 0}},
      {size = 200, records = 2500, churn = {per_request = 1, insert = 0, delete = 1}},
      {size = 50, records = 1000, churn = {per_request = 3, insert = 0, delete = 1}, may_give_up = true},
    } do
      local kinds = ("insert %d, delete %d"):format(case.churn.insert or 1, case.churn.delete or 1)
      local name = ("come and go (%s, %g a page): page_size %d, concurrency %d"):format(kinds, case.churn.per_request,
        case.size, concurrency)
      it(name, function()
        for _, seed in ipairs(seeds()) do
          run(seed, case.records, case.churn, {page_size = case.size, concurrency = concurrency}, case.may_give_up)
        end
      end)
    end

    it("come and go, and the number is known about: concurrency " .. concurrency, function()
      for _, seed in ipairs(seeds()) do
        run(seed, 1000, {per_request = 2}, {page_size = 50, concurrency = concurrency, expect = 900 + seed * 20})
      end
    end)

    it("move, come and go: concurrency " .. concurrency, function()
      for _, seed in ipairs(seeds()) do
        run(seed, 1000, {insert = 0, delete = 0, move = 1}, {page_size = 50, concurrency = concurrency})
        run(seed, 500, {move = 1}, {page_size = 20, concurrency = concurrency})
      end
    end)
  end

  describe("are changed by hand", function()
    -- Reads, and edits rows after certain records were handed out. One request at a time, so that what is read before
    -- and after the edit is known.
    local function read(records, query, edits)
      service:reset {records = records}
      local start = service:truth(projects).ids
      local ids = {}
      query.concurrency = query.concurrency or 1
      local ok, err = pcall(function()
        for record in client:records(projects, query) do
          ids[#ids + 1] = record.id
          local edit = edits[#ids]
          if edit then
            edit.app_id = projects
            service:rows(edit)
          end
        end
      end)
      return ids, not ok and err or nil, start
    end

    local function check(records, query, edits)
      local ids, err = read(records, query, edits)
      assert.is_nil(err)
      local truth = service:truth(projects)
      assert.is_true(truth.changes > 0)
      assert_holds(without(truth.stayed, truth.moved), ids, "by hand")
      return ids, truth
    end

    it("one new at the front", function()
      for _, at in ipairs {1, 100, 200, 201, 399, 400, 598} do
        check(1000, {}, {[at] = {insert = {{position = 0}}}})
        check(1000, {concurrency = 8}, {[at] = {insert = {{position = 0}}}})
        check(300, {page_size = 2}, {[at % 299 + 1] = {insert = {{position = 0}}}})
      end
    end)

    it("one gone from the front", function()
      for _, at in ipairs {1, 100, 200, 201, 399, 400, 598} do
        check(1000, {}, {[at] = {delete = {0}}})
        check(1000, {concurrency = 8}, {[at] = {delete = {0}}})
        check(300, {page_size = 2}, {[at % 299 + 1] = {delete = {0}}})
      end
    end)

    it("the seam itself gone", function()
      for _, page in ipairs {1, 2, 3} do
        local seam = 199 * page -- position of the last record of that page
        check(1000, {}, {[seam] = {delete = {seam}}})
        check(1000, {}, {[seam] = {delete = {seam, seam - 1, seam - 2, seam - 3, seam - 4, seam - 5}}})
        check(1000, {}, {[seam] = {delete = {seam, seam + 1, seam + 2}}})
        check(1000, {}, {[seam] = {delete = {seam}, insert = {{position = 0}}}})
        check(1000, {}, {[seam] = {delete = {seam}, insert = {{position = seam, count = 3}}}})
      end
    end)

    it("many new at the front", function()
      for _, concurrency in ipairs {1, 8} do
        for _, count in ipairs {2, 50, 198, 199} do
          check(1000, {concurrency = concurrency}, {[150] = {insert = {{position = 0, count = count}}}})
        end
        for _, count in ipairs {200, 201, 300, 397} do
          check(1000, {concurrency = concurrency}, {[350] = {insert = {{position = 0, count = count}}}})
        end
      end
    end)

    it("so many new at the front that a page holds nothing known: moved", function()
      local ids, err, start = read(1000, {}, {[150] = {insert = {{position = 0, count = 1000}}}})
      assert.equal("moved", err.kind)
      assert.is_nil(err.resume)
      assert.same(reading.slice(start, 1, #ids), ids)
      assert.is_true(#ids >= 199)
    end)

    it("several gone from the front", function()
      for _, count in ipairs {2, 3, 10, 50, 100, 150, 190} do
        local names = {}
        for i = 1, count do names[i] = i - 1 end
        for _, concurrency in ipairs {1, 8} do
          check(1000, {concurrency = concurrency}, {[195] = {delete = names}})
        end
      end
    end)

    it("more gone from the front than a page holds: moved, and no offset to go on from", function()
      local names = {}
      for i = 1, 350 do names[i] = i - 1 end
      local ids, err, start = read(1000, {}, {[390] = {delete = names}})
      assert.equal("moved", err.kind)
      assert.is_nil(err.resume)
      -- all that was read before was handed out
      assert.same(reading.slice(start, 1, #ids), ids)
      assert.is_true(#ids >= 390)
      assert.is_nil(tostring(err):find("offset =", 1, true))
    end)

    it("the last ones gone", function()
      for _, count in ipairs {1, 10, 100, 205, 500} do
        local names = {}
        for i = 1, count do names[i] = 1000 - i end
        check(1000, {}, {[100] = {delete = names}})
        check(1000, {}, {[300] = {delete = names}})
        check(1000, {concurrency = 8}, {[300] = {delete = names}})
      end
    end)

    it("all behind the seam gone", function()
      local names = {}
      for i = 199, 999 do names[#names + 1] = i end
      for _, first in ipairs {1, 2, 3} do
        check(1000, {}, {[100] = {delete = reading.slice(names, first)}})
      end
      local ids = check(1000, {}, {[100] = {delete = names}})
      assert.is_true(#ids <= 200)
    end)

    it("new ones at the end", function()
      for _, count in ipairs {1, 10, 199, 200, 500} do
        for _, records in ipairs {398, 399, 400, 1000} do
          local ids = check(records, {}, {[150] = {insert = {{position = records, count = count}}}})
          assert.is_true(#ids >= records)
        end
      end
    end)

    it("some new and as many gone", function()
      for _, count in ipairs {1, 5, 50} do
        local names = {}
        for i = 1, count do names[i] = i * 3 end
        check(1000, {}, {[150] = {delete = names, insert = {{position = 0, count = count}}}})
        check(1000, {}, {[150] = {delete = names, insert = {{position = 500, count = count}}}})
      end
    end)

    it("single ones moved, which brings no repeats", function()
      for _, move in ipairs {{from = 0, to = 999}, {from = 999, to = 0}, {from = 10, to = 300}, {from = 300, to = 10},
        {from = 199, to = 0}, {from = 199, to = 500}, {from = 0, to = 199}, {from = 0, to = 200}} do
        for _, at in ipairs {1, 150, 200, 350} do
          check(1000, {}, {[at] = {move = {move}}})
        end
      end
    end)

    it("again and again", function()
      local edits = {}
      for at = 20, 980, 20 do
        edits[at] = at % 40 == 0 and {insert = {{position = 0, count = 3}}} or {delete = {0, 1, 2}}
      end
      check(1000, {page_size = 50}, edits)
      check(1000, {}, edits)
    end)

    it("cost no calls more than the moves need", function()
      -- the seam found further back moves all later offsets: one insert costs one look at most
      service:reset {records = 1000}
      service:clear_log()
      local count = 0
      for _ in client:records(projects, {concurrency = 1}) do
        count = count + 1
        if count == 150 then service:rows {app_id = projects, insert = {{position = 0}}} end
      end
      assert.is_true(reading.calls(service) <= reading.most_calls(1001) + 2)
    end)

    it("under a filter and an order", function()
      local expected = {}
      for _, version in ipairs {"v1", "v3"} do
        service:reset {records = 1000, churn = {seed = 5, per_request = 2}}
        local with = reading.client(service, {version = version})
        local query = {where = {approved = true}, sort_by = "progress", page_size = 50}
        local ids = reading.ids(with:records(projects, query))
        service:config {churn = false}
        local stayed = {}
        for _, id in ipairs(service:truth(projects).stayed) do stayed[id] = true end
        expected[version] = reading.ids_where(reading.all(service, projects), function(record)
          return record.approved == true and stayed[record.id]
        end)
        assert.is_nil(repeated(ids))
        assert.equal(#expected[version], #among(ids, expected[version]))
      end
    end)
  end)
end)
