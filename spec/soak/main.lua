-- The soak: workers that do random things to a service with random faults; in the end, what they believe must be what
-- the service has. `main.lua FOLDER`, started by spec/soak/run.
--
-- Owns: the emulator, the worker processes, the rows that come and go, the watchdog, the report. Must not know: what
-- workers do (worker.lua), what is compared (judge.lua).

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local judges = require "spec.soak.judge"
local lists = require "spec.soak.lists"
local shared = require "spec.support.files"
local socket = require "socket"
local tallies = require "spec.soak.tally"
local weather = require "spec.soak.weather"

if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
  error("soak: its operations wait inside pcall, which Lua 5.1 cannot do: take LuaJIT or a later one", 0)
end

local folder = assert(arg[1])
local seconds = tonumber(os.getenv "SOAK_SECONDS")
local seed = tonumber(os.getenv "SOAK_SEED" or "") or math.floor(socket.gettime() * 1000) % 1000000
local workers = tonumber(os.getenv "SOAK_WORKERS" or "") or 4
local ledger = os.getenv "SOAK_LEDGER"
if not ledger or ledger == "" or ledger == "false" then ledger = false end

local ROWS = 600     -- that nobody touches
local SILENCE = 90   -- seconds without a beat after which a worker hangs
local GROWTH = 4096  -- KiB by which what a worker uses, without what Lua holds, may grow after its second fifth

local checks, faults = 0, {}

local function check(good, ...)
  checks = checks + 1
  if not good then faults[#faults + 1] = string.format(...) end
end

-- ---- The service ----

local service = emulator.start { records = ROWS, calls = 10000000, seed = seed % 1000 }
local projects = service.apps.projects

-- Rows behind those that nobody touches, in every order: what a list may lose at its very end are these.
for _ = 1, 30 do
  service:post("/v3/records/apps/" .. projects, { title = "\127 last", status = { "Planned" }, approved = true })
end

-- The ids of the rows that nobody touches, as a query orders them.
local function expected(query)
  local ids, offset = {}, 0
  repeat
    local order = query.sort_by and "&sort_by=" .. query.sort_by .. "&order=asc" or ""
    local path = ("/v3/records/apps/%s%s?limit=200&offset=%d%s"):format(projects, query.where and "/filter" or "",
      offset, order)
    local answer = query.where and service:post(path, { approved = { equal = true } }) or service:get(path)
    assert(answer.status == 200, answer.body)
    for _, record in ipairs(answer.json.data) do
      if record.title ~= "\127 last" then ids[#ids + 1] = record.id end
    end
    offset = offset + 200
  until #answer.json.data < 200
  return ids
end

local by_query = {}
for name, query in pairs(lists.QUERIES) do by_query[name] = expected(query) end
local users = service:get("/v3/users").json.data
local before, requests_before = #service:creates(), service:stats().requests
service:config(weather.bad(seed))

-- ---- Rows that come and go ----

local inserted, edits = {}, 0

local function edit_rows()
  edits = edits + 1
  if #inserted > 40 or #inserted > 0 and math.random(2) == 1 then
    local id = table.remove(inserted, math.random(#inserted))
    service:rows { app_id = projects, delete = { id } }
  else
    -- A few rows more than those that nobody touches are always there.
    local answer = service:rows { app_id = projects, insert = { { position = math.random(ROWS) } } }
    inserted[#inserted + 1] = answer.inserted[1]
  end
end

-- ---- Workers ----

local oauth_options = {}
for _, name in ipairs { "client_id", "client_secret", "username", "password", "token_url" } do
  oauth_options[name] = service.oauth_client[name]
end

local function start(number)
  local worker = {
    number = number, beat = folder .. "/beat." .. number, report = folder .. "/report." .. number,
    since = socket.gettime(),
  }
  os.execute(("mkdir %s/files.%d"):format(folder, number))
  local plan = shared.write(folder .. "/plan." .. number, cjson.encode {
    worker = number, seed = seed, url = service.url, token = service.token, apps = service.apps, expected = by_query,
    users = users, seconds = seconds, beat = worker.beat, report = worker.report, calls = weather.CALLS,
    oauth = oauth_options, store = folder .. "/token.json",
    window = weather.WINDOW, ledger = ledger, runtime = number % 2 == 1 and "step" or "blocking",
    folder = folder .. "/files." .. number,
  })
  local command = ("exec %s spec/soak/worker.lua %s </dev/null"):format(os.getenv "LUA" or "lua5.4", plan)
  worker.pid = shared.output_of(("{ %s; } >%s/out.%d 2>&1 & echo $!"):format(command, folder, number))
  return worker
end

-- Has it ended, with a report or without?
local function look_after(worker)
  local written = shared.read(worker.report)
  if written then
    worker.result = cjson.decode(written)
    return
  end
  local now, beat = socket.gettime(), shared.read(worker.beat)
  if beat and beat ~= worker.last_beat then worker.last_beat, worker.since = beat, now end
  if not shared.read("/proc/" .. worker.pid .. "/status") and not shared.read(worker.report) then
    worker.failed = "ended without a report"
  elseif now - worker.since > SILENCE then
    worker.failed = "hangs"
    os.execute("kill -KILL " .. worker.pid)
  end
end

local function are_done(list)
  for _, worker in ipairs(list) do
    if not worker.result and not worker.failed then return false end
  end
  return true
end

print(("soak: seed %d, %d s, %d workers, rate.ledger %s"):format(seed, seconds, workers, tostring(ledger)))
math.randomseed(seed)
local list = {}
for number = 1, workers do list[number] = start(number) end
local next_look = 0
repeat
  edit_rows()
  socket.sleep(0.05)
  if socket.gettime() >= next_look then
    next_look = socket.gettime() + 1
    for _, worker in ipairs(list) do
      if not worker.result and not worker.failed then look_after(worker) end
    end
  end
until are_done(list)

-- ---- The end ----

local stats, tokens = service:stats(), service:oauth()
service:config(weather.fair)
-- What the workers gave up in their last moment may still be on its way; so many seconds it takes at most.
socket.sleep(1)

local reports = {}
for _, worker in ipairs(list) do
  check(worker.result, "worker %d %s: %s", worker.number, tostring(worker.failed),
    worker.failed and tostring(shared.read(folder .. "/out." .. worker.number)):sub(-2000))
  reports[#reports + 1] = worker.result
end

local judge = judges.new(service, reports, folder)
judge:compare(before)
service:stop()

-- ---- The report ----

local function counts_of(counts)
  local names = {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names)
  local parts, sum = {}, 0
  for i, name in ipairs(names) do
    parts[i] = ("%s %d"):format(name, counts[name])
    sum = sum + counts[name]
  end
  return ("%d: %s"):format(sum, table.concat(parts, ", "))
end

local function fault_counts()
  local counts = {}
  for _, rule in ipairs(stats.faults) do counts[rule.fault] = (counts[rule.fault] or 0) + rule.hit end
  return counts
end

local function refused()
  local count = 0
  for _, by_status in pairs(stats.answered) do count = count + (by_status["429"] or 0) end
  return count
end

-- The most that a part of the samples shows, from and to a share of the time; `what`: 1 resident, 2 in use.
local function most(samples, from, to, what)
  local result = 0
  for i = math.floor(#samples * from) + 1, math.floor(#samples * to) do
    result = math.max(result, samples[i][what])
  end
  return result
end

local tally, moved, gaps = {}, 0, 0
for i, report in ipairs(reports) do
  tally[i], moved, gaps = report.tally, moved + report.moved, gaps + report.gaps
  for _, difference in ipairs(report.differences) do check(false, "%s", difference) end
  local warm, last = most(report.samples, 0.2, 0.4, 2), most(report.samples, 0.8, 1, 2)
  check(last - warm <= GROWTH, "worker %d grew by %.0f KiB", report.worker, last - warm)
  local fifths = {}
  for n = 1, 5 do fifths[n] = ("%.1f"):format(most(report.samples, (n - 1) / 5, n / 5, 1) / 1024) end
  print(("worker %d: RSS %s MiB, by fifths of the time; in use without Lua's own %.1f, then %.1f"):format(report.worker,
    table.concat(fifths, ", "), warm / 1024, last / 1024))
end
for _, fault in ipairs(judge.faults) do faults[#faults + 1] = fault end
checks = checks + judge.checks

local sum = tallies.sum(tally)
local requests = stats.requests - requests_before - tokens.requests
check(requests <= sum.calls, "the service got %.0f requests, and %.0f were counted", requests, sum.calls)
-- A refresh token is used twice only where the answer to its first use was spoilt, or a worker was at its end.
check(tokens.refused <= tokens.spoilt + workers, "%d refresh tokens were refused, and only %d answers were spoilt",
  tokens.refused, tokens.spoilt)
check(tokens.refreshed > seconds / 10, "only %d tokens were renewed", tokens.refreshed)
print("operations " .. counts_of(sum.operations))
print("failed     " .. counts_of(sum.failures))
print("faults     " .. counts_of(fault_counts()))
print(("requests   %d sent, %d of them repeats; %d answered with 429; %.0f s waited for the window"):format(sum.calls,
  sum.retries, refused(), sum.waited))
print(("writes     %d maybe_done; %d creations that no worker had an answer for"):format(sum.maybe_done,
  judge.unclaimed))
print(("tokens     %d requests, %d renewals, %d spoilt, %d refused"):format(tokens.requests, tokens.refreshed,
  tokens.spoilt, tokens.refused))
print(("rows       %d edits beside; %d lists moved, %d lost a row at their very end"):format(edits, moved, gaps))
for i = 1, math.min(#faults, 50) do print("FAILED: " .. faults[i]) end
if #faults > 0 then print(("again: SOAK_SEED=%d SOAK_SECONDS=%d make soak"):format(seed, seconds)) end
print(("%d passed, %d failed"):format(checks - math.min(#faults, checks), #faults))
os.exit(#faults == 0 and 0 or 1)
