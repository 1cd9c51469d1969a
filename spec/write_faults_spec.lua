-- Every fault of spec/support/fault_table.lua on everything that writes, where the service had carried out what it was
-- asked when things went wrong, and where it had not. What creates is never there twice; where it may be there although
-- no success came back, the error says so; what changes or deletes is repeated until it is done.
--
-- Cells and clients are those of faults_spec: one writer under one fault, told from the others by its User-Agent.

local emulator = require "spec.support.emulator"
local faults = require "spec.support.fault_table"
local fusioo = require "fusioo"
local watchdog = require "spec.support.watchdog"
local writers = require "spec.support.fault_writers"

local LONG = os.getenv "FUSIOO_LONG"
local CELLS = 7600

-- Faults that stand in the answer's place: the service may break before it does what it is asked.
local NEEDS_NO_ANSWER = {
  lose = true, stall = true, garbage = true, html = true, body = true, data = true, deep = true, large = true,
  status = true, code = true, redirect = true,
}

local function is_unhandled(rule)
  return rule.fault == "drop" or rule.fault == "status" and (rule.status == 401 or rule.status == 429)
end

-- The moments of a fault: `done` as the emulator's rules have it.
local function moments_of(fault)
  if is_unhandled(fault.rule) then return { false } end
  return NEEDS_NO_ANSWER[fault.rule.fault] and { true, false } or { true }
end

local MAYBE = { ["data: none"] = true, ["data: null"] = true, ["no content"] = true }

local function is_harmless(fault, writer)
  if not fault.kind then return true end
  if writer.answer == "envelope" then return fault.fits.any end
  if writer.answer == "any" then return fault.fits.any or fault.name == "no content" end
  return fault.fits.object or writer.answer == "maybe" and MAYBE[fault.name]
end

local AMBIGUOUS = { network = true, timeout = true, decode = true, too_large = true }

-- May the service have carried a write out, as far as anybody can see from here?
local function is_ambiguous(fault)
  return AMBIGUOUS[fault.kind] or (fault.status or 0) >= 500 or nil
end

local function attempts_of(fault)
  return fault.slow and 2 or 3
end

describe("a fault of a write", function()
  local service, dog, list
  local cells = 0

  setup(function()
    dog = watchdog.start(LONG and 1800 or 600)
    service = emulator.start { records = 3, calls = 10000000 }
    list = writers.all(service)
  end)

  teardown(function()
    service:stop()
    dog:stop()
  end)

  local function client_of(cell, fault, always)
    return fusioo.new {
      token = service.token, base_url = service.url, user_agent = cell.agent, version = cell.writer.version,
      rate = { calls = 100000, ledger = false, key = cell.agent, max_wait = always and fault.waits and 0.25 or nil },
      retry = { attempts = attempts_of(fault), base = 0.001, cap = 0.001 },
      timeout = { connect = 10, idle = fault.rule.fault == "stall" and 0.4 or 30, total = 120 },
      max_body = faults.MAX_BODY,
    }
  end

  -- Cells for all writers, with what they are to change or delete.
  local function new_cells()
    service:config { faults = {} }
    local result = {}
    for i, writer in ipairs(list) do
      result[i] = { agent = "cell/" .. i, writer = writer, id = writer.prepare and writer.prepare() }
    end
    return result
  end

  local function set_fault(own, fault, done, times)
    local rules = {}
    for i, cell in ipairs(own) do
      local rule = { agent = cell.agent, times = times, done = done }
      for key, value in pairs(fault.rule) do rule[key] = value end
      rules[i] = rule
    end
    rules[#rules + 1] = { fault = "close" }
    service:config { faults = rules }
    service:clear_log()
  end

  local function run(own, fault, always)
    local functions = {}
    for i, cell in ipairs(own) do
      local client = client_of(cell, fault, always)
      functions[i] = function() return cell.writer.run(client, cell.id) end
    end
    for i, result in ipairs(fusioo.all(functions, 32)) do
      own[i].value, own[i].err = result.value, result.err
    end
  end

  -- What the service saw: requests of each cell, and what it created for them.
  local function look(own)
    local by_agent, by_request = {}, {}
    for _, cell in ipairs(own) do
      cell.requests, cell.created = 0, 0
      by_agent[cell.agent] = cell
    end
    for _, entry in ipairs(service:log()) do
      local cell = by_agent[entry.headers["user-agent"]]
      if cell then
        cell.requests = cell.requests + 1
        by_request[entry.number] = cell
      end
    end
    for _, entry in ipairs(service:creates()) do
      local cell = by_request[entry.request]
      if cell then cell.created = cell.created + 1 end
    end
    service:config { faults = {} }
    for _, cell in ipairs(own) do cell.is_done = cell.writer.done and cell.writer.done(cell.id) end
  end

  local function differ(what, value, expected)
    if value ~= expected then return ("%s is %s, not %s"):format(what, tostring(value), tostring(expected)) end
  end

  local function fault_in_error(cell, fault)
    local err = cell.err
    if type(err) ~= "table" then return "no error" end
    if tostring(err):find(service.token, 1, true) then return "the error shows the token" end
    -- Where the connection broke before the whole body was sent, the service cannot have it; how far it came is chance.
    local is_partial = cell.writer.is_upload and fault.rule.fault == "drop"
    return differ("kind", err.kind, fault.kind) or differ("status", err.status, fault.status)
      or differ("code", err.code, fault.code)
      or not is_partial and differ("maybe_done", err.maybe_done, is_ambiguous(fault)) or nil
  end

  local judge = {}

  function judge.create(cell, fault, done, always)
    if is_harmless(fault, cell.writer) then
      if not done then return nil end -- a service that says success and does nothing deceives everybody
      return (cell.err or cell.value == nil) and "an error" or differ("requests", cell.requests, 1)
        or differ("created", cell.created, 1)
    end
    -- A reader's bytes may have been read when the 429 came.
    local is_spent = cell.writer.is_read_once and cell.err
    if fault.waits and not always and not is_spent then
      return (cell.err or cell.value == nil) and "an error" or differ("created", cell.created, 1)
    end
    return fault_in_error(cell, fault) or differ("created", cell.created, done and 1 or 0)
      or not fault.waits and differ("requests", cell.requests, 1) or nil
  end

  -- Each request that the service carried out has created one, as the user allowed.
  function judge.again(cell, fault, done, always)
    local handled = fault.repeated and attempts_of(fault) or 1
    if is_harmless(fault, cell.writer) then
      return (cell.err or cell.value == nil) and "an error" or differ("requests", cell.requests, 1)
        or done and differ("created", cell.created, 1) or nil
    end
    if fault.repeated and not always then
      return (cell.err or cell.value == nil) and "an error" or differ("requests", cell.requests, 2)
        or differ("created", cell.created, done and 2 or 1)
    end
    return fault_in_error(cell, fault) or differ("created", cell.created, done and handled or 0)
      or not fault.waits and differ("requests", cell.requests, handled) or nil
  end

  function judge.change(cell, fault, done, always)
    if is_harmless(fault, cell.writer) then
      return (cell.err or cell.value == nil) and "an error" or done and not cell.is_done and "not done" or nil
    end
    if fault.repeated and not always then
      return (cell.err or cell.value == nil) and "an error" or differ("requests", cell.requests, 2)
        or not cell.is_done and "not done" or nil
    end
    return fault_in_error(cell, fault) or differ("done", cell.is_done, done)
      or not fault.waits and differ("requests", cell.requests, fault.repeated and attempts_of(fault) or 1)
  end

  function judge.delete(cell, fault, done, always)
    -- The first answer is lost and the second, a 404, is spoilt as well: its status is all that a delete needs.
    if always and fault.repeated and cell.value and cell.is_done then return nil end
    return judge.change(cell, fault, done, always)
  end

  local function check(own, fault, done, always)
    local lines = {}
    for _, cell in ipairs(own) do
      cells = cells + 1
      local wrong = cell.writer.effect ~= "again" and cell.created > 1 and "created " .. cell.created
        or judge[cell.writer.effect](cell, fault, done, always)
      if wrong then
        lines[#lines + 1] = ("%s: %s (%s)"):format(cell.writer.name, wrong, tostring(cell.err or cell.value))
      end
    end
    assert.equal("", table.concat(lines, "\n"))
  end

  for _, fault in ipairs(faults) do
    for _, done in ipairs(moments_of(fault)) do
      for _, always in ipairs { false, true } do
        it(("%s, %s it was done, %s"):format(fault.name, done and "after" or "before", always and "always" or "once"),
          function()
            local own = new_cells()
            -- What is not even counted is not done either, and the emulator wants no word on it.
            local moment = done
            if is_unhandled(fault.rule) or done then moment = nil end
            set_fault(own, fault, moment, not always and 1 or nil)
            run(own, fault, always)
            look(own)
            check(own, fault, done, always)
          end)
      end
    end
  end

  -- Whoever adds a fault or a writer changes the number; a cell that is lost on the way is noticed.
  it(("met %d cells"):format(CELLS), function()
    assert.equal(CELLS, cells)
  end)
end)
