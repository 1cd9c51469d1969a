-- pace.lua: how well processes of one company keep to its window, and how much of it they get.
--
-- Owns: the spending processes and the reading of the emulator's log. Must not know: how the window is kept.

local emulator = require "spec.support.emulator"
local harness = require "bench.harness"
local spender = require "spec.support.spender"

local pace = {}

local CALLS, WINDOW, COUNT, LATENCY = 50, 5, 500, 0.01
pace.title = string.format("%d calls in a window of %d in %d s, each answer takes %d ms", COUNT, CALLS, WINDOW,
  LATENCY * 1e3)

-- Seconds between the first request of ours and the last answer, answers of 429 to us among so many.
local function read_log(service)
  local first, last, good, refused = nil, 0, 0, 0
  for _, entry in ipairs(service:log()) do
    if entry.headers["user-agent"] ~= "stranger" and entry.status then
      first, last = first or entry.time, math.max(last, entry.finished)
      if entry.status == 429 then refused = refused + 1 else good = good + 1 end
    end
  end
  return last - first, good, refused
end

-- One that is killed every 200 ms while others work, as a shell line; it ends with the file.
local function killed(service, wish, file)
  return ("while [ -e %s ]; do %s & victim=$!; sleep 0.2; kill -9 $victim; wait $victim 2>/dev/null; done"):format(file,
    spender.command(service, wish))
end

-- A client that knows nothing of the ledger and spends half of the window, at random.
local function stranger(service, file)
  return ("while [ -e %s ]; do curl -s -o /dev/null -A stranger -H 'Authorization: Bearer %s' %s/v3/apps; "
    .. "sleep $(awk -v seed=$RANDOM 'BEGIN { srand(seed); print -log(1 - rand()) * %g }'); done"):format(file,
    service.token, service.url, 2 * WINDOW / CALLS)
end

-- Runs so many processes; `beside`: nil, "killed" or "stranger". Returns {took =, ideal =, good =, refused =}.
function pace.measure(processes, beside)
  local service = emulator.start { records = 10, calls = CALLS, window = WINDOW, latency = LATENCY }
  local ledger, going = harness.work .. "/pace.ledger", harness.work .. "/going"
  local wish = { ledger = ledger, calls = CALLS, window = WINDOW, concurrency = 8 }
  os.remove(ledger)
  io.open(going, "w"):close()
  local line = beside == "stranger" and stranger(service, going)
  if beside == "killed" then
    wish.count = 100000
    line = killed(service, wish, going)
  end
  local other = line and io.popen("exec bash -c '" .. line:gsub("'", "'\\''") .. "' >/dev/null 2>&1", "w")
  local pipes = {}
  for i = 1, processes do
    wish.count = math.floor(COUNT / processes) + (i <= COUNT % processes and 1 or 0)
    pipes[i] = spender.start(service, wish)
  end
  local good, bad = 0, 0
  for _, pipe in ipairs(pipes) do
    local g, b, text = spender.finish(pipe)
    if not g then error("bench: " .. text, 0) end
    good, bad = good + g, bad + b
  end
  local took, answered, refused = read_log(service)
  os.remove(going)
  if other then other:close() end
  service:stop()
  -- With another spender beside them ours get what it leaves: the ideal is that of all calls that were answered.
  local ideal = (math.ceil((beside == "killed" and answered or COUNT) / CALLS) - 1) * WINDOW + LATENCY
  return { took = took, ideal = ideal, good = good, bad = bad, refused = refused }
end

return pace
