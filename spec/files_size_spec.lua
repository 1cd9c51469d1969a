-- Memory does not grow with a file: each transfer runs in a process of its own, which says how much it needed. 64 MiB
-- a file, or 1 GiB with FUSIOO_LONG.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"

local MIB = 1024 * 1024
local SIZE = (os.getenv "FUSIOO_LONG" and 1024 or 64) * MIB
local MOST = 32 * 1024 -- KiB of memory that a process may have had at most

-- What a child runs: its work, between a client and a look at its memory.
local HEAD = [[
local fusioo = require "fusioo"
local client = fusioo.new {base_url = arg[1], token = arg[2], rate = {calls = 1000, ledger = false}}
local SIZE, BLOCK = tonumber(arg[3]), ("0123456789abcdef"):rep(4096)
]]

local TAIL = [[
local status = io.open("/proc/self/status"):read("*a")
print(status:match("VmHWM:%s*(%d+)"))
]]

describe("a file of " .. SIZE / MIB .. " MiB", function()
  local service, folder
  local is_linux = io.open("/proc/self/status") ~= nil

  setup(function()
    service = emulator.start {records = 1}
    folder = files.folder()
  end)

  teardown(function()
    service:stop()
    os.execute("rm -rf " .. folder)
  end)

  -- Runs the work in a child; returns what it printed first. Its memory must have stayed small.
  local function run(work, ...)
    if not is_linux then pending("only Linux tells a process its peak of memory") end
    local script = files.write(folder .. "/script.lua", HEAD .. work .. TAIL)
    local words = {os.getenv "LUA" or "lua5.4", script, service.url, service.token, ("%.0f"):format(SIZE), ...}
    local output = files.output_of(table.concat(words, " ") .. " 2>&1")
    local result, memory = output:match("^(.-)\n(%d+)$")
    assert.truthy(result, output)
    -- A sanitizer and valgrind keep books of their own.
    if not os.getenv "ASAN_OPTIONS" and not os.getenv "LD_PRELOAD" then
      assert.is_true(tonumber(memory) < MOST, memory .. " KiB")
    end
    return result
  end

  -- The MD5 of so many blocks.
  local function md5_of_blocks()
    local pipe = ("yes 0123456789abcdef 2>/dev/null | tr -d '\\n' 2>/dev/null | head -c %.0f | md5sum"):format(SIZE)
    return files.output_of(pipe):match("^%x+")
  end

  it("goes up from a function", function()
    local id = run [[
      local left = SIZE
      local file = assert(client:create_file {name = "big", size = SIZE, read = function()
        if left == 0 then return nil end
        left = left - #BLOCK
        return BLOCK
      end})
      print(file.id)
    ]]
    assert.equal(md5_of_blocks(), service:file(id).md5)
    assert.equal(1, #service:creates())
    service:delete("/v3/files/" .. id)
  end)

  it("goes up from a path", function()
    local path = folder .. "/sparse"
    files.output_of(("truncate -s %.0f %s"):format(SIZE, path))
    local id = run([[ print(assert(client:create_file(arg[4])).id) ]], path)
    assert.equal(files.output_of("md5sum < " .. path):match("^%x+"), service:file(id).md5)
    service:delete("/v3/files/" .. id)
  end)

  it("comes down to a path", function()
    local id, path = service:make_file({size = SIZE, seed = 5}).id, folder .. "/down"
    assert.equal("true", run([[ print((assert(client:download_file(arg[4], arg[5])))) ]], id, path))
    assert.equal(service:file(id).md5, files.output_of("md5sum < " .. path):match("^%x+"))
    os.remove(path)
  end)

  it("comes down to a function", function()
    local id = service:make_file({size = SIZE, seed = 6}).id
    local md5 = run([[
      local pipe = io.popen("md5sum > " .. arg[5], "w")
      assert(client:download_file(arg[4], function(chunk) pipe:write(chunk) end))
      pipe:close()
      print((io.open(arg[5]):read("*l"):match("^%x+")))
    ]], id, folder .. "/sum")
    assert.equal(service:file(id).md5, md5)
  end)
end)
