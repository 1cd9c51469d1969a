-- examples/c/list_records.c: the core without Lua.

local emulator = require "spec.support.emulator"
local reading = require "spec.support.reading"

local PROGRAM = (os.getenv "BUILD" or "build") .. "/examples/list_records"

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

describe("examples/c/list_records", function()
  local service, projects

  setup(function()
    service = emulator.start {records = 1000, calls = 1000000}
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  local function read(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    os.remove(path)
    return text
  end

  -- Runs the program; returns its exit status, the lines of its output, the text of its standard error.
  local function run(arguments, environment)
    local output, errors = os.tmpname(), os.tmpname()
    local parts = {"env -u FUSIOO_ACCESS_TOKEN -u FUSIOO_BASE_URL"}
    for name, value in pairs(environment) do parts[#parts + 1] = quoted(name .. "=" .. value) end
    parts[#parts + 1] = quoted(PROGRAM)
    for _, argument in ipairs(arguments) do parts[#parts + 1] = quoted(argument) end
    local pipe = io.popen(("%s >%s 2>%s; echo $?"):format(table.concat(parts, " "), output, errors))
    local status = tonumber(pipe:read("*l"))
    pipe:close()
    local lines = {}
    for line in read(output):gmatch("[^\n]+") do lines[#lines + 1] = line end
    return status, lines, read(errors)
  end

  local function environment(token, url)
    return {FUSIOO_ACCESS_TOKEN = token or service.token, FUSIOO_BASE_URL = url or service.url}
  end

  for _, n in ipairs {0, 1, 199, 200, 201, 1000} do
    it("lists all ids of " .. n .. ", and the total on standard error", function()
      service:reset {records = n}
      local status, lines, errors = run({projects}, environment())
      assert.equal(0, status)
      assert.same(service:truth(projects).ids, lines)
      assert.equal(n .. " records\n", errors)
      assert.is_true(reading.calls(service) <= reading.most_calls(n))
    end)
  end

  -- Asserts that the program fails and says `text`, on one line, without the token.
  local function fails(text, arguments, variables)
    local status, _, errors = run(arguments, variables)
    assert.is_true(status > 0 and status < 128, tostring(status))
    assert.truthy(errors:find(text, 1, true), errors)
    assert.equal(1, select(2, errors:gsub("\n", "")))
    assert.is_nil(errors:find("bad-token", 1, true))
  end

  it("fails with a bad token", function()
    fails("401", {projects}, environment("bad-token"))
    assert.equal(1, reading.calls(service))
  end)

  it("fails without a token, and asks nobody", function()
    fails("FUSIOO_ACCESS_TOKEN", {projects}, {FUSIOO_BASE_URL = service.url})
    assert.equal(0, reading.calls(service))
  end)

  it("fails for an unknown app", function()
    fails("404", {"i00000000000000000000000000000000"}, environment())
  end)

  it("fails for an id that is none", function()
    fails("get_records", {".."}, environment())
    assert.equal(0, reading.calls(service))
  end)

  it("fails where there is no service", function()
    fails("127.0.0.1", {projects}, environment(nil, "http://127.0.0.1:1"))
  end)

  it("fails for an address that would show the token", function()
    fails("base_url", {projects}, environment("bad-token", "http://example.com"))
  end)

  it("fails without arguments, and with too many", function()
    fails("usage", {}, environment())
    fails("usage", {projects, projects}, environment())
    assert.equal(0, reading.calls(service))
  end)

  it("fails in the middle of a list, after what it has read", function()
    service:config {faults = {{endpoint = "get_records", from = 3, fault = "status", status = 400}}}
    local status, lines, errors = run({projects}, environment())
    assert.is_true(status > 0 and status < 128)
    assert.same(reading.slice(service:truth(projects).ids, 1, #lines), lines)
    assert.is_true(#lines > 0 and #lines < 1000)
    assert.truthy(errors:find("offset = " .. #lines - 1, 1, true), errors)
  end)
end)
