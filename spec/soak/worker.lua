-- One worker process of the soak: `worker.lua PLAN`. Does random things until its time is up, and writes a report.
--
-- Owns: the order of operations, the heartbeat and the report. Must not know: what operations do, what is really there.
--
-- PLAN is a JSON file, see context.new; besides: seconds, beat (a file that it writes to while it lives), report (the
-- file for what it believes in the end). Under runtime "step" it is a frame loop with tasks, which are cancelled now
-- and then; else rounds of fusioo.all.

local cjson = require "cjson"
local contexts = require "spec.soak.context"
local files = require "spec.soak.files"
local fusioo = require "fusioo"
local heap = require "heap"
local lists = require "spec.soak.lists"
local records = require "spec.soak.records"
local shared = require "spec.support.files"
local socket = require "socket"

local SIDE_BY_SIDE = 6
local PATIENCE = 60 -- seconds for what is under way when the time is up

local plan = cjson.decode((assert(shared.read(assert(arg[1])))))
local context = contexts.new(plan)
local finish = socket.gettime() + plan.seconds

-- ---- Life signs ----

local samples = {} -- memory, as time goes by: {resident, in use by others than Lua}, in KiB
local last_beat = 0

local function resident()
  return tonumber((shared.read("/proc/self/status") or ""):match("VmRSS:%s*(%d+)")) or 0
end

-- LuaJIT has a heap of its own; any other Lua takes its blocks where the core takes them.
local function in_use()
  return heap.in_use() - (rawget(_G, "jit") and 0 or collectgarbage("count"))
end

local function beat()
  local now = socket.gettime()
  if now - last_beat < 1 then return end
  last_beat = now
  shared.write(plan.beat, tostring(now))
  collectgarbage()
  samples[#samples + 1] = { resident(), in_use() }
end

-- ---- Operations ----

local OPERATIONS = {
  { 16, records.create }, { 4, records.create_all }, { 14, records.update }, { 9, records.delete }, { 12, records.get },
  { 6, records.discuss }, { 6, records.comment }, { 4, records.get_discussion }, { 3, records.delete_discussion },
  { 4, records.discussions }, { 6, files.create }, { 8, files.download }, { 3, files.delete }, { 2, files.get },
  { 3, lists.iterate }, { 4, lists.count }, { 4, lists.get_records }, { 2, lists.users }, { 4, lists.small },
  { 1, context.replace_client }, { 1, context.close_view },
}

local operate

-- Some at once, in the midst of the others; to cancel one's task is to cancel all of them.
table.insert(OPERATIONS, { 2, function() fusioo.all({ operate, operate, operate }, 2) end })

local weights = 0
for _, entry in ipairs(OPERATIONS) do weights = weights + entry[1] end

function operate()
  local at = context.random(weights)
  for _, entry in ipairs(OPERATIONS) do
    at = at - entry[1]
    if at <= 0 then
      local ok, err = xpcall(entry[2], function(raised)
        return type(raised) == "string" and debug.traceback(raised) or raised
      end, context)
      if not ok then context.model:differ("an operation raised: %s", tostring(err)) end
      return
    end
  end
end

local function is_over()
  return socket.gettime() >= finish
end

local function operate_on()
  while not is_over() do operate() end
end

-- ---- Frames ----

local function run_frames()
  local driver = contexts.new(plan).clients[1] -- never closed
  local tasks, left = {}, SIDE_BY_SIDE
  for i = 1, SIDE_BY_SIDE do tasks[i] = driver:spawn(operate_on) end
  while left > 0 do
    driver:step(0.002)
    driver.engine:poll(0.01)
    if context:once_in(100) then context:one_of(tasks):cancel() end
    left = 0
    for _, task in ipairs(tasks) do left = left + (task:done() and 0 or 1) end
    if socket.gettime() > finish + PATIENCE then return context.model:differ("%d tasks hang", left) end
    beat()
  end
end

-- ---- Rounds ----

local function run_rounds()
  local round = {}
  for i = 1, 4 * SIDE_BY_SIDE do round[i] = operate end
  while not is_over() do
    for _, result in ipairs(fusioo.all(round, SIDE_BY_SIDE)) do
      if result.err then context.model:differ("fusioo.all: %s", tostring(result.err)) end
    end
    operate() -- and outside of tasks
    beat()
  end
end

if plan.runtime == "step" then run_frames() else run_rounds() end
context:close()

-- ---- The report ----

-- Entries by their places, in place of themselves.
local function flat(entry, place_of)
  local result = {}
  for key, value in pairs(entry) do
    if key == "record" or key == "discussion" then
      result[key] = place_of[value]
    elseif key ~= "comments" and key ~= "discussions" then
      result[key] = value
    end
  end
  return result
end

local entries, place_of = {}, {}
for i, entry in ipairs(context.model.entries) do place_of[entry] = i end
for i, entry in ipairs(context.model.entries) do entries[i] = flat(entry, place_of) end

shared.write(plan.report .. ".part", cjson.encode {
  worker = plan.worker, entries = entries, differences = context.model.differences, tally = context.tally,
  moved = context.moved, gaps = context.gaps, samples = samples,
})
os.rename(plan.report .. ".part", plan.report)
