-- Every fault of spec/support/fault_table.lua on a download, into memory, a path and a function: what is handed out is
-- the file's bytes in their order, a file stands under its name when it is whole or not at all, and a download that was
-- cut goes on where it stopped.
--
-- Cells and clients are those of faults_spec: one sink under one fault, told from the others by its User-Agent.

local emulator = require "spec.support.emulator"
local faults = require "spec.support.fault_table"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local watchdog = require "spec.support.watchdog"

local LONG = os.getenv "FUSIOO_LONG"
local SMALL, LARGE = 48, 200000 -- bytes; one chunk, and several
local CELLS = LONG and 1281 or 642
local OLD = "what was there before"

-- A success with other bytes in the file's place: nobody can know better.
local function is_sham(rule)
  local stands = { body = true, data = true, deep = true, large = true, utf8 = true }
  return stands[rule.fault] or rule.fault == "html" and rule.status == 200 or rule.fault == "length" and rule.by < 0
    or rule.fault == "nul" and rule.place ~= "header"
end

-- The second answer brings what the first one did not, so that a download comes to its end although neither is whole.
local ADVANCES = { ["stall in the body"] = true }

-- Each answer brings some of what is left: a few bytes are no reason to go on and on.
local PARTS = { ["cut after 1"] = true, ["cut in the middle"] = true, ["chunks cut off"] = true, ["chunk size"] = true }

local function attempts_of(fault)
  return fault.slow and 2 or 3
end

describe("a fault of a download", function()
  local service, dog
  local cells = 0

  setup(function()
    dog = watchdog.start(LONG and 1800 or 600)
    service = emulator.start { records = 3, calls = 10000000 }
  end)

  teardown(function()
    service:stop()
    dog:stop()
  end)

  local function client_of(cell, fault)
    return fusioo.new {
      token = service.token, base_url = service.url, user_agent = cell.agent,
      -- A company of its own: what it was refused under another fault is forgotten.
      rate = { calls = 100000, ledger = false, key = cell.agent .. fault.name,
        max_wait = cell.always and fault.waits and 0.25 or nil },
      retry = { attempts = attempts_of(fault), base = 0.001, cap = 0.001 },
      timeout = { connect = 10, idle = fault.rule.fault == "stall" and 0.4 or 30, total = 120 },
      max_body = faults.MAX_BODY,
    }
  end

  -- Adds the three cells of a fault that comes once, or always. `got()` is what the sink holds in the end.
  local function add_cells(own, folder, always)
    local name = always and "always" or "once"
    local path, chunks = files.write(folder .. "/" .. name, OLD), {}
    own[#own + 1] = { agent = "cell/memory/" .. name, always = always }
    own[#own + 1] = { agent = "cell/path/" .. name, always = always, sink = path,
      got = function() return files.read(path) end }
    own[#own + 1] = { agent = "cell/function/" .. name, always = always, is_function = true,
      sink = function(chunk) chunks[#chunks + 1] = chunk end, got = function() return table.concat(chunks) end }
  end

  local function run(own, id, fault)
    local rules, functions, by_agent = {}, {}, {}
    for i, cell in ipairs(own) do
      local rule = { agent = cell.agent, times = not cell.always and 1 or nil }
      for key, value in pairs(fault.rule) do rule[key] = value end
      rules[i], by_agent[cell.agent], cell.requests = rule, cell, 0
      local client = client_of(cell, fault)
      functions[i] = function() return client:download_file(id, cell.sink) end
    end
    rules[#rules + 1] = { fault = "close" }
    service:config { faults = rules }
    service:clear_log()
    for i, result in ipairs(fusioo.all(functions, #functions)) do
      own[i].value, own[i].err = result.value, result.err
    end
    for _, entry in ipairs(service:log()) do
      local cell = by_agent[entry.headers["user-agent"]]
      cell.requests = cell.requests + 1
    end
  end

  -- ---- Verdicts ----

  local function differ(what, value, expected)
    if value ~= expected then return ("%s is %s, not %s"):format(what, tostring(value), tostring(expected)) end
  end

  -- What is wrong with what a failed download left; nil where nothing is.
  local function fault_in_rest(cell, truth)
    if cell.value ~= nil then return "a result" end
    if not cell.got then return nil end
    local got = cell.got()
    if cell.is_function then return truth:sub(1, #got) ~= got and "other bytes were handed out" or nil end
    return got ~= OLD and "the file that was there is gone" or nil
  end

  -- `kind`, `status` and `code` are those that are expected.
  local function fault_in_error(cell, kind, status, code)
    local err = cell.err
    if type(err) ~= "table" then return "no error" end
    local text = tostring(err)
    if text:find(service.token, 1, true) then return "the error shows the token" end
    if not text:find(err.method .. " " .. err.path, 1, true) then return "the error does not say what" end
    return differ("kind", err.kind, kind) or status and differ("status", err.status, status)
      or code and differ("code", err.code, code) or differ("maybe_done", err.maybe_done, nil)
  end

  local function fault_in_success(cell, bytes, requests)
    if cell.err then return "an error" end
    if not cell.got then return differ("requests", cell.requests, requests) or cell.value ~= bytes and "other bytes" end
    return differ("value", cell.value, true) or differ("requests", cell.requests, requests)
      or cell.got() ~= bytes and "other bytes" or nil
  end

  -- What stands in the file's place comes to all sinks alike, as far as memory keeps it.
  local function fault_in_sham(own, cell, fault)
    if not cell.got and fault.kind == "too_large" and not fault.rule.gzip then
      return differ("kind", cell.err and cell.err.kind, "too_large") or differ("requests", cell.requests, 1)
    end
    return fault_in_success(cell, own[2].got(), 1)
  end

  local function judge_once(cell, fault, truth)
    local is_longer = fault.rule.fault == "length"
    if is_longer and cell.is_function then
      -- All bytes came, and more were promised: whether those were the file's nobody can tell any more.
      return fault_in_rest(cell, truth) or fault_in_error(cell, "network")
    elseif fault.repeated or fault.rule.fault == "redirect" then
      return fault_in_success(cell, truth, is_longer and 3 or 2)
    end
    return fault_in_rest(cell, truth) or fault_in_error(cell, fault.kind, fault.status, fault.code)
      or differ("requests", cell.requests, 1)
  end

  local function judge_always(cell, fault, truth)
    local rule, attempts = fault.rule, fault.repeated and attempts_of(fault) or 1
    if ADVANCES[fault.name] then return fault_in_success(cell, truth, cell.requests) end
    local wrong = fault_in_rest(cell, truth)
    if wrong then
      return wrong
    elseif PARTS[fault.name] then
      return fault_in_error(cell, "network") or cell.requests > attempts + 2 and "too many requests" or nil
    elseif rule.fault == "length" then
      return fault_in_error(cell, "network") or differ("requests", cell.requests, attempts)
    elseif rule.fault == "redirect" then -- to a port where nobody is
      return fault_in_error(cell, "network") or differ("requests", cell.requests, attempts_of(fault))
    end
    return fault_in_error(cell, fault.kind, fault.status, fault.code)
      or differ("attempts", cell.err.attempts, cell.requests)
      or not fault.waits and differ("requests", cell.requests, attempts) or nil
  end

  local function check(own, fault, truth)
    local lines = {}
    for _, cell in ipairs(own) do
      cells = cells + 1
      local wrong
      if is_sham(fault.rule) then
        wrong = fault_in_sham(own, cell, fault)
      elseif not fault.kind then
        wrong = fault_in_success(cell, truth, 1)
      else
        wrong = (cell.always and judge_always or judge_once)(cell, fault, truth)
      end
      if wrong then
        lines[#lines + 1] = ("%s: %s (%s; %d requests)"):format(cell.agent, wrong, tostring(cell.err or cell.value),
          cell.requests)
      end
    end
    assert.equal("", table.concat(lines, "\n"))
  end

  -- ---- The matrix ----

  -- Once and always side by side: some faults take their time.
  local function try(fault, size)
    local id, folder, own = service:make_file({ size = size }).id, files.folder(), {}
    add_cells(own, folder, false)
    -- A few bytes at a time are too few for a large one.
    local both = size == SMALL or not ADVANCES[fault.name]
    if both then add_cells(own, folder, true) end
    run(own, id, fault)
    check(own, fault, files.made(size))
    assert.equal(both and "always once" or "once", files.names(folder))
  end

  for _, fault in ipairs(faults) do
    for _, size in ipairs(LONG and { SMALL, LARGE } or { SMALL }) do
      it(("%s, %d bytes"):format(fault.name, size), function() try(fault, size) end)
    end
  end

  -- Whoever adds a fault changes the number; a cell that is lost on the way is noticed.
  it(("met %d cells"):format(CELLS), function()
    assert.equal(CELLS, cells)
  end)
end)
