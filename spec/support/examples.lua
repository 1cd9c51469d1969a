-- Examples, run from specs as their users start them.
--
--   local examples = require "spec.support.examples"
--   local t = examples.prepare()             within a describe: an emulator, a client, a folder for each test
--   t.service, t.client, t.folder
--   t.run(name, arguments, variables)        -> exit status, output, standard error
--   t.succeeds(name, arguments)              -> output
--   t.fails(texts, name, arguments, variables)  -> output
--   t.command(name, arguments, variables)    what t.run gives to a shell
--   t.calls(endpoint), t.refuse(endpoint, times)
--
-- Owns: the child processes, and what there is for each test. Must not know: what the examples do.

local assert = require "luassert"
local busted = require "busted"
local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"

local examples = {}

local LUA = os.getenv "LUA" or "lua5.4"

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- All of a file, or nil where there is none.
function examples.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

-- Writes a file; returns its path.
function examples.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

-- To be called within a describe. Each test finds three records in each app, and an empty folder.
function examples.prepare()
  local t = {}

  busted.setup(function()
    t.service = emulator.start {records = 3, calls = 1000000}
    t.client = fusioo.new{base_url = t.service.url, token = t.service.token, rate = {calls = 1000000, ledger = false}}
  end)

  busted.teardown(function()
    t.client:close()
    t.service:stop()
  end)

  busted.before_each(function()
    t.service:reset {records = {projects = 3, tasks = 3, clients = 3}}
    t.folder = os.tmpname()
    os.remove(t.folder)
    assert(os.execute("mkdir -p " .. quoted(t.folder)))
  end)

  busted.after_each(function() os.execute("rm -r " .. quoted(t.folder)) end)

  -- What starts an example; the ledger of its calls is its own. A variable that is false is not there.
  function t.command(name, arguments, environment)
    local parts = {"env -u FUSIOO_ACCESS_TOKEN -u FUSIOO_BASE_URL"}
    local variables = {
      FUSIOO_ACCESS_TOKEN = t.service.token, FUSIOO_BASE_URL = t.service.url, XDG_STATE_HOME = t.folder,
    }
    for key, value in pairs(environment or {}) do variables[key] = value end
    for key, value in pairs(variables) do
      if value then parts[#parts + 1] = quoted(key .. "=" .. value) end
    end
    parts[#parts + 1] = LUA .. " examples/" .. name .. ".lua"
    for _, argument in ipairs(arguments) do parts[#parts + 1] = quoted(argument) end
    return table.concat(parts, " ")
  end

  -- Runs an example; returns its exit status, its output, its standard error.
  function t.run(name, arguments, environment)
    local output, errors = t.folder .. "/stdout", t.folder .. "/stderr"
    local pipe = io.popen(("timeout 120 %s >%s 2>%s; echo $?"):format(t.command(name, arguments, environment), output,
      errors))
    local status = tonumber(pipe:read("*l"))
    pipe:close()
    return status, examples.read(output), examples.read(errors)
  end

  -- Asserts that it ends well; returns its output.
  function t.succeeds(name, arguments)
    local status, output, errors = t.run(name, arguments)
    assert.equal("", errors)
    assert.equal(0, status)
    return output
  end

  -- Asserts that it exits with 1 and says all of `texts`, but never the token. Returns its output.
  function t.fails(texts, name, arguments, environment)
    local status, output, errors = t.run(name, arguments, environment)
    assert.equal(1, status, errors)
    for _, text in ipairs(texts) do assert.truthy(errors:find(text, 1, true), errors) end
    assert.is_nil(errors:find("traceback", 1, true), errors)
    assert.is_nil(errors:find(t.service.token, 1, true))
    return output
  end

  -- From now on the service refuses so many requests of a method.
  function t.refuse(endpoint, times)
    t.service:config {faults = {{endpoint = endpoint, times = times, fault = "status", status = 400, done = false}}}
  end

  -- How many requests reached a method since the log was cleared.
  function t.calls(endpoint)
    local n = 0
    for _, entry in ipairs(t.service:log()) do
      if not endpoint or entry.endpoint == endpoint then n = n + 1 end
    end
    return n
  end

  return t
end

return examples
