-- Faults of spec/support/fault_table.lua on downloads into memory, to a path and to a function: one that comes once is
-- healed, one that comes always ends in the right error; nothing is ever left under the final name, and no byte is
-- handed out that is not the file's.
--
-- Those that put other bytes in the place of the file's, with a success before them, are none that anybody can notice;
-- files_download_spec has what a body that is cut, longer or shorter does, and redirects, which are followed here.
-- Cells and clients are those of faults_spec.

local emulator = require "spec.support.emulator"
local faults = require "spec.support.fault_table"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local watchdog = require "spec.support.watchdog"

local SIZE = 5000

local function is_noticed(fault)
  local rule = fault.rule
  return rule.fault == "drop" or rule.fault == "lose" or rule.fault == "garbage" or rule.fault == "header"
    or rule.fault == "nul" and rule.place == "header" or rule.fault == "stall" and not rule.bytes
    or rule.fault == "cut" and rule.bytes == 0 or (fault.status or 0) >= 400
end

local function attempts_of(fault)
  return fault.slow and 2 or 3
end

-- Ways to take a file. run(client, id, folder) -> whether it came whole, or nil and an error; and what was got of it.
local ways = {
  { name = "memory", run = function(client, id)
    local bytes, err = client:download_file(id)
    return bytes, err, bytes
  end },
  { name = "path", run = function(client, id, folder)
    local ok, err = client:download_file(id, folder .. "/file")
    return ok, err, files.read(folder .. "/file")
  end },
  { name = "function", run = function(client, id)
    local sink, chunks = files.sink()
    local ok, err = client:download_file(id, sink)
    return ok, err, table.concat(chunks)
  end },
}

describe("a fault of a download", function()
  local service, dog, file, content, folder
  local cells = 0

  setup(function()
    dog = watchdog.start(600)
    service = emulator.start { records = 3, calls = 10000000 }
    file = service:make_file { size = SIZE, seed = 7 }
    content = files.made(SIZE, 7)
    folder = files.folder()
  end)

  teardown(function()
    service:stop()
    dog:stop()
  end)

  local function client_of(agent, fault, always)
    return fusioo.new {
      token = service.token, base_url = service.url, user_agent = agent,
      rate = { calls = 100000, ledger = false, key = agent, max_wait = always and fault.waits and 0.25 or nil },
      retry = { attempts = attempts_of(fault), base = 0.001, cap = 0.001 },
      timeout = { connect = 10, idle = fault.rule.fault == "stall" and 0.4 or 30 },
    }
  end

  local function set_fault(fault, times)
    local rules = {}
    for i, way in ipairs(ways) do
      rules[i] = { agent = way.name, times = times }
      for key, value in pairs(fault.rule) do rules[i][key] = value end
    end
    service:config { faults = rules }
    service:clear_log()
  end

  local function run(fault, always)
    local functions, results = {}, {}
    for i, way in ipairs(ways) do
      local client = client_of(way.name, fault, always)
      functions[i] = function()
        local ok, err, got = way.run(client, file.id, folder)
        results[i] = { ok = ok, err = err, got = got }
      end
    end
    fusioo.all(functions, #ways)
    return results
  end

  local function differ(what, value, expected)
    if value ~= expected then return ("%s is %s, not %s"):format(what, tostring(value), tostring(expected)) end
  end

  local function fault_in_success(result)
    if result.err or not result.ok then return "an error" end
    return result.got ~= content and "other bytes" or nil
  end

  local function fault_in_error(result, fault, way)
    local err = result.err
    if type(err) ~= "table" then return "no error" end
    if tostring(err):find(service.token, 1, true) then return "the error shows the token" end
    if (way.name == "function" and result.got ~= "") or (way.name ~= "function" and result.got ~= nil) then
      return "bytes were handed out"
    end
    return differ("kind", err.kind, fault.kind) or differ("status", err.status, fault.status)
      or differ("code", err.code, fault.code) or differ("maybe_done", err.maybe_done, nil)
  end

  local function check(fault, always)
    local lines = {}
    local results, healed = run(fault, always), not fault.kind or fault.repeated and not always
    lines[1] = differ("the folder", files.names(folder), healed and "file" or "")
    os.remove(folder .. "/file")
    for i, result in ipairs(results) do
      cells = cells + 1
      local wrong = healed and fault_in_success(result) or not healed and fault_in_error(result, fault, ways[i])
      if wrong then lines[#lines + 1] = ("%s: %s (%s)"):format(ways[i].name, wrong, tostring(result.err)) end
    end
    assert.equal("", table.concat(lines, "\n"))
  end

  local count = 0
  for _, fault in ipairs(faults) do
    if is_noticed(fault) then
      count = count + 1
      for _, always in ipairs { false, true } do
        it(("%s, %s"):format(fault.name, always and "always" or "once"), function()
          set_fault(fault, not always and 1 or nil)
          check(fault, always)
        end)
      end
    end
  end

  it("is tried in every cell of the matrix", function()
    assert.equal(count * 2 * #ways, cells)
    assert.is_true(count >= 40)
  end)
end)
