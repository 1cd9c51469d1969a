-- frames.lua: a frame loop, 60 frames a second, into which pages stream.
--
--   frames.lua URL APP_ID CONCURRENCY RECORDS FRAMES
--
-- Reads RECORDS records again and again until FRAMES frames have passed, and prints one line for each of them: the
-- seconds that client:step() took, and the seconds of CPU among them (where the machine is busy, the first are more).
-- Must not know: what is good.

local fusioo = require "fusioo"
local core = require "fusioo.core"
local socket = require "socket"

local FRAME = 1 / 60
local url, app_id, concurrency, records, frames = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5])
local client = fusioo.new {
  base_url = url, token = "bench", concurrency = concurrency, runtime = "step",
  rate = { calls = 1000000, ledger = false },
}

local function read_all()
  local seen = 0
  for _ in client:records(app_id, { limit = records }) do seen = seen + 1 end
  return seen
end

local times, cpu, task = {}, {}, client:spawn(read_all)
local next_frame = core.now()
while #times < frames do
  if task:done() then
    assert(task:result() == records)
    task = client:spawn(read_all)
  end
  local start, start_cpu = core.now(), os.clock()
  client:step()
  times[#times + 1] = core.now() - start
  cpu[#times] = os.clock() - start_cpu
  next_frame = next_frame + FRAME
  local pause = next_frame - core.now()
  if pause > 0 then socket.sleep(pause) else next_frame = core.now() end
end
for i, time in ipairs(times) do print(string.format("%.6f %.6f", time, cpu[i])) end
