-- Every fault of spec/support/fault_table.lua on everything that reads: one that comes once is healed by a repeat where
-- the policy repeats, one that comes always ends in the right error; and no short list is ever taken for a whole one.
--
-- A cell of this matrix is one reader under one fault. Each cell has a client of its own, told from the others by its
-- User-Agent; the emulator's rules and log go by that. Every connection serves one request (the last rule), so that
-- libcurl has none to use again: what it does by itself with a connection that died idle is not the matrix's subject.

local deep = require("luassert.util").deepcompare
local emulator = require "spec.support.emulator"
local faults = require "spec.support.fault_table"
local fusioo = require "fusioo"
local readers = require "spec.support.fault_readers"
local watchdog = require "spec.support.watchdog"

local function attempts_of(fault)
  return fault.slow and 2 or 3
end

local LONG = os.getenv "FUSIOO_LONG"

-- Lua 5.1 waits on the spot in a loop's iterator, so that cells which take their time come one after the other: of a
-- loop's places one has to do there.
local WAITS_ON_THE_SPOT = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local CELLS = (WAITS_ON_THE_SPOT and 11531 or 11876) + (LONG and 30 or 0)

describe("a fault", function()
  local service, dog, methods, iterators
  local cells = 0

  local function client_of(agent, options, version)
    options = options or {}
    return fusioo.new {
      token = service.token, base_url = service.url, user_agent = agent, version = version,
      rate = { calls = 100000, ledger = false, key = agent, max_wait = options.max_wait },
      retry = { attempts = options.attempts, base = 0.001, cap = 0.001 },
      timeout = { connect = 10, idle = options.idle or 30, total = 120 },
      max_body = options.max_body or faults.MAX_BODY,
    }
  end

  -- ---- The emulator's side ----

  local CLOSE = { fault = "close" }

  -- Lets `rule` (nil: nothing) fall on the requests of each cell, as far as its place says, at most `times` times.
  local function set_faults(list, rule, times)
    local rules = {}
    for _, cell in ipairs(rule and list or {}) do
      local own = { agent = cell.agent, times = times }
      for key, value in pairs(cell.place and cell.place.rule or {}) do own[key] = value end
      for key, value in pairs(rule) do own[key] = value end
      rules[#rules + 1] = own
    end
    rules[#rules + 1] = CLOSE
    service:config { faults = rules }
    service:clear_log()
  end

  -- agent -> {requests =, faults =}, both counted
  local function tally()
    local result = {}
    for _, entry in ipairs(service:log()) do
      local agent = entry.headers["user-agent"]
      local one = result[agent] or { requests = 0, faults = 0 }
      result[agent] = one
      one.requests = one.requests + 1
      if entry.fault ~= CLOSE.fault then one.faults = one.faults + 1 end
    end
    return result
  end

  -- ---- The cells ----

  local function method_cells()
    local list = {}
    for i, method in ipairs(methods) do
      list[i] = { agent = "cell/" .. i, name = method.name, method = method, run = method.run }
    end
    return list
  end

  local function is_too_slow(fault, iterator, place)
    return WAITS_ON_THE_SPOT and fault.slow and not iterator.at_once and place.name ~= "middle page"
  end

  -- Without a fault: those of all places.
  local function iterator_cells(fault, wanted)
    local list = {}
    for _, iterator in ipairs(iterators) do
      for _, place in ipairs(iterator.places) do
        if not fault or not is_too_slow(fault, iterator, place) and (not wanted or wanted(place)) then
          list[#list + 1] = {
            agent = "cell/" .. #list + 1, name = iterator.name .. ", " .. place.name, iterator = iterator,
            place = place, ids = {},
          }
          local cell = list[#list]
          cell.run = function(client) iterator.run(client, cell.ids, cell.from) end
        end
      end
    end
    return list
  end

  -- Runs the cells and keeps value, err and count of each. Side by side they run as tasks, else one after the other
  -- outside of any.
  local function run(list, side_by_side, options)
    local functions, results = {}, {}
    for i, cell in ipairs(list) do
      local version = (cell.method or cell.iterator).version
      local client = client_of(cell.agent, options, version)
      functions[i] = function() return cell.run(client) end
    end
    if side_by_side then
      results = fusioo.all(functions, 32)
    else
      for i, work in ipairs(functions) do
        local ok, value, err = pcall(work)
        results[i] = ok and { value = value, err = err } or { err = value }
      end
    end
    local counts = tally()
    for i, cell in ipairs(list) do
      cell.value, cell.err, cell.count = results[i].value, results[i].err, counts[cell.agent]
    end
  end

  -- ---- Verdicts ----

  local function differ(what, value, expected)
    if value ~= expected then return ("%s is %s, not %s"):format(what, tostring(value), tostring(expected)) end
  end

  -- What is wrong with an error; nil where nothing is.
  local function fault_in_error(err, fault, attempts)
    if type(err) ~= "table" then return "error " .. tostring(err) end
    local text = tostring(err)
    if text:find(service.token, 1, true) then return "the error shows the token" end
    if not text:find(err.method .. " " .. err.path, 1, true) then return "the error does not say what" end
    if fault.waits and type(err.retry_after) ~= "number" then return "no retry_after" end
    return differ("kind", err.kind, fault.kind) or differ("status", err.status, fault.status)
      or differ("code", err.code, fault.code) or attempts and differ("attempts", err.attempts, attempts)
      or differ("maybe_done", err.maybe_done, nil)
  end

  local function show(cell)
    return tostring(cell.err or cell.value) .. (cell.count and ("; %d requests"):format(cell.count.requests) or "")
  end

  -- Fails with all cells that `judge(cell)` finds a fault in.
  local function check(list, judge)
    local lines = {}
    for _, cell in ipairs(list) do
      cells = cells + 1
      local wrong = judge(cell)
      if wrong then lines[#lines + 1] = ("%s: %s (%s)"):format(cell.name, wrong, show(cell)) end
    end
    assert.equal("", table.concat(lines, "\n"))
  end

  local function is_prefix(ids, truth)
    for i, id in ipairs(ids) do
      if truth[i] ~= id then return false end
    end
    return true
  end

  local function is_whole(ids, truth)
    return #ids == #truth and is_prefix(ids, truth)
  end

  setup(function()
    dog = watchdog.start(LONG and 1800 or 600)
    service = emulator.start { records = readers.RECORDS, calls = 10000000 }
    service:config { cached_pages = 100 }
    methods, iterators = readers.methods(service), readers.iterators(service)
    local list = method_cells()
    set_faults(list)
    run(list)
    for _, cell in ipairs(list) do cell.method.expected = assert(cell.value, cell.err) end
    list = iterator_cells()
    set_faults(list)
    run(list)
    for _, cell in ipairs(list) do
      assert(is_whole(cell.ids, cell.iterator.truth), cell.name)
      cell.iterator.requests = cell.count.requests
    end
  end)

  teardown(function()
    service:stop()
    dog:stop()
  end)

  local function is_harmless(fault, method)
    return not fault.kind or fault.fits[method.answer]
  end

  local function options_of(fault, always)
    return {
      attempts = attempts_of(fault), idle = fault.rule.fault == "stall" and 0.4 or nil,
      max_wait = always and fault.waits and 0.25 or nil,
    }
  end

  -- What is wrong with an iterator that gave up; nil where nothing is.
  local function fault_in_broken(cell, fault)
    local err, truth = cell.err, cell.iterator.truth
    if not err then return "a list of " .. #cell.ids end
    if not is_prefix(cell.ids, truth) or #cell.ids == #truth then return "other records" end
    if type(err.resume) ~= "number" then return "no resume" end
    if cell.place.first and err.resume + #cell.ids > 0 then return "records before the first page" end
    -- How many of the refusals fell on this one of several pages that wait together is chance.
    local attempts = fault.repeated and attempts_of(fault) or 1
    return fault_in_error(err, fault, not fault.waits and attempts or nil)
  end

  -- What is wrong with what was read from err.resume on: all that was missing, and at most one record that was not.
  local function fault_in_rest(cell)
    local truth, from, rest = cell.iterator.truth, cell.from, {}
    if cell.err then return "an error" end
    if not cell.iterator.at_once and (from > #cell.before or from < #cell.before - 1) then
      return ("%d records, then on from %d"):format(#cell.before, from)
    end
    for i = from + 1, #truth do rest[#rest + 1] = truth[i] end
    if not is_whole(cell.ids, rest) then return "another rest" end
  end

  -- ---- The matrix ----

  for _, fault in ipairs(faults) do
    describe(fault.name, function()
      it("once, methods", function()
        local list = method_cells()
        set_faults(list, fault.rule, 1)
        run(list, fault.slow, options_of(fault))
        check(list, function(cell)
          local attempts = fault.repeated and not is_harmless(fault, cell.method) and 2 or 1
          local miscount = differ("number of requests", cell.count.requests, attempts)
          if not fault.repeated and not is_harmless(fault, cell.method) then
            return fault_in_error(cell.err, fault, 1) or miscount
          end
          if cell.err or cell.value == nil then return "an error" end
          if not fault.fits[cell.method.answer] and not deep(cell.value, cell.method.expected) then
            return "another result"
          end
          return miscount
        end)
      end)

      it("always, methods", function()
        local list = method_cells()
        set_faults(list, fault.rule)
        run(list, true, options_of(fault, true))
        check(list, function(cell)
          if is_harmless(fault, cell.method) then
            return (cell.err or cell.value == nil) and "an error" or differ("requests", cell.count.requests, 1)
          end
          if cell.value ~= nil then return "a result" end
          local attempts = fault.waits and cell.count.requests or fault.repeated and attempts_of(fault) or 1
          return fault_in_error(cell.err, fault, attempts) or differ("requests", cell.count.requests, attempts)
        end)
      end)

      it("once, iterators", function()
        local list = iterator_cells(fault)
        set_faults(list, fault.rule, 1)
        run(list, fault.slow, options_of(fault))
        check(list, function(cell)
          if cell.count.faults ~= 1 then return "the fault did not come" end
          local healed = fault.repeated or not fault.kind or cell.place.count
          if not healed then return fault_in_error(cell.err, fault, 1) end
          if cell.err then return "an error" end
          if not is_whole(cell.ids, cell.iterator.truth) then return "another list" end
          return fault.repeated and differ("requests", cell.count.requests, cell.iterator.requests + 1)
        end)
      end)

      it("always, iterators", function()
        -- A 429 holds all calls of a client up: one that comes for the count alone has no sense.
        local list = iterator_cells(fault, function(place) return not (fault.waits and place.count) end)
        local broken = {}
        set_faults(list, fault.rule)
        run(list, true, options_of(fault, true))
        check(list, function(cell)
          if fault.kind and not cell.place.count then
            broken[#broken + 1] = cell
            return fault_in_broken(cell, fault)
          end
          return cell.err and "an error" or not is_whole(cell.ids, cell.iterator.truth) and "another list"
        end)
        for _, cell in ipairs(broken) do cell.from, cell.before, cell.ids = cell.err.resume, cell.ids, {} end
        set_faults(broken)
        run(broken, false, options_of(fault))
        check(broken, fault_in_rest)
      end)
    end)
  end

  -- ---- What does not fit into the matrix ----

  -- One reader alone, under rules of its own.
  local function alone(name, rules, options, work)
    for _, rule in ipairs(rules) do rule.agent = name end
    service:config { faults = rules }
    service:clear_log()
    cells = cells + 1
    return work(client_of(name, options))
  end

  local function read(iterate)
    local ids = {}
    local ok, err = pcall(function()
      for record in iterate() do ids[#ids + 1] = record.id end
    end)
    return ids, not ok and err or nil
  end

  it("of a list: what cannot be told apart, or is too much, is said", function()
    local many = {}
    for i = 1, readers.PAGE + 1 do many[i] = ('{"id":"i%d"}'):format(i) end
    for _, case in ipairs {
      { '[{"title":"without an id"}]', "without an id" }, { "[" .. table.concat(many, ",") .. "]", "more records" },
    } do
      local ids, err = alone("list", { { fault = "data", json = case[1] } }, nil, function(client)
        return read(function() return client:records(service.apps.projects, { page_size = readers.PAGE }) end)
      end)
      assert.same({}, ids)
      assert.equal("decode", err.kind)
      assert.truthy(err.message:find(case[2], 1, true))
      assert.equal(0, err.resume)
    end
  end)

  it("of a list: a service that hands out one page again and again comes to an end", function()
    local page = {}
    for i = 1, readers.PAGE do page[i] = ('{"id":"i%d"}'):format(i) end
    local rule = { fault = "data", json = "[" .. table.concat(page, ",") .. "]", path = "offset=" }
    local ids, err = alone("round", { rule }, nil, function(client)
      return read(function() return client:records(service.apps.projects, { page_size = readers.PAGE }) end)
    end)
    assert.is_true(#ids <= readers.PAGE)
    assert.equal("moved", err.kind)
    assert.is_nil(err.resume)
    assert.is_true(#service:log() < 20)
  end)

  it("that drips on and on ends with timeout.total", function()
    local rule = { fault = "drip", bytes = 1, seconds = 0.01 }
    local client = client_of("slow")
    client = client:with { timeout = { total = 0.3, idle = 30 } }
    local value, err = alone("slow", { rule }, nil, function() return client:get_apps() end)
    assert.is_nil(value)
    assert.equal("timeout", err.kind)
    assert.equal(1, err.attempts)
    assert.truthy(err.message:find("timeout.total", 1, true))
  end)

  it("never sends anybody after a redirect", function()
    local there = service.url:gsub("127%.0%.0%.1", "localhost") .. "/v3/ping"
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      local rule = { fault = "redirect", status = status, location = there }
      local value, err = alone("redirected", { rule }, nil, function(client) return client:get_apps() end)
      assert.is_nil(value)
      assert.equal(status, err.status)
      assert.equal(1, #service:log())
    end
  end)

  describe("on a kept connection", function()
    -- Two calls over one connection; the fault falls on the first of them, or the second.
    local function two_calls(fault, which)
      local rules = { { fault = fault.fault, by = fault.by, from = which, to = which } }
      return alone("kept", rules, { attempts = 3 }, function(client)
        return { assert(client:record_count(service.apps.tasks)), #assert(client:get_users()) }
      end)
    end

    it("an answer too many, or too much of one, is not taken for the next", function()
      for _, fault in ipairs { { fault = "extra" }, { fault = "length", by = -1 }, { fault = "length", by = -9 } } do
        for which = 1, 2 do
          assert.same({ 350, 25 }, two_calls(fault, which))
        end
      end
    end)

    it("an answer that does not come is asked for again", function()
      for _, fault in ipairs { "drop", "lose", "cut", "close", "garbage" } do
        for which = 1, 2 do
          assert.same({ 350, 25 }, two_calls({ fault = fault }, which))
        end
      end
    end)
  end)

  describe("of size", function()
    local function heavy(method, rule)
      rule.fault, rule.bytes, rule.times = "large", rule.bytes or 64 * 1048576 + 1, 2
      local value, err = alone("heavy", { rule }, { max_body = 64 * 1048576 }, method.run)
      return value, err, #service:log()
    end

    it("64 MiB and one byte, packed or not, are refused after one request", function()
      for _, method in ipairs(methods) do
        if LONG or method.name == "get_records" then
          for _, gzip in ipairs { false, true } do
            local value, err, requests = heavy(method, { gzip = gzip })
            assert.is_nil(value)
            assert.equal("too_large", err.kind)
            assert.equal(1, err.attempts)
            assert.equal(1, requests)
          end
        end
      end
    end)

    it("64 MiB are taken", function()
      local request = methods[#methods]
      assert.equal("request", request.name)
      local value = assert(heavy(request, { bytes = 64 * 1048576 }))
      assert.is_true(#value > 64 * 1048576 - 100)
    end)
  end)

  -- Whoever adds a fault or a reader changes the number; a cell that is lost on the way is noticed.
  it(("met %d cells"):format(CELLS), function()
    assert.equal(CELLS, cells)
  end)
end)
