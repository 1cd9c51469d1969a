-- quickstart.lua: the tour of reading, on a service of its own.
--
--     make demo
--
-- Starts the emulator, lists its apps, shows a schema, streams 5,000 records, counts them by status, and says what is
-- left of the company's calls. To run it on your own company, set FUSIOO_ACCESS_TOKEN and call it with an app's id:
--
--     lua5.4 examples/quickstart.lua ia4f42

local fusioo = require "fusioo"

local RECORDS = 5000

-- ---- The emulator ----

-- Starts it in the background. Returns its address, and a function that stops it.
local function start_emulator()
  local lua = arg[-1] or "lua5.4"
  local command = ("exec %s lua/fusioo/emulator/command.lua --port 0 --records %d --latency 0.05"):format(lua, RECORDS)
  local pipe = assert(io.popen("echo $$; " .. command, "r"))
  local pid = assert(tonumber(pipe:read "*l"), "the emulator did not start")
  local line = pipe:read "*l"
  local url = line and line:match "listening on (%S+)"
  local function stop()
    os.execute("kill " .. ("%d"):format(pid) .. " 2>/dev/null")
    pipe:close()
  end
  if not url then
    stop()
    error("the emulator did not start: " .. tostring(line), 0)
  end
  return url, stop
end

-- ---- What it shows ----

-- What a call returned, or its error raised: as assert, which takes strings alone for messages in Lua 5.1.
local function need(value, err)
  if value == nil then error(err, 0) end
  return value
end

local function list_apps(client)
  print "Apps"
  local apps = need(client:get_apps())
  for _, app in ipairs(apps) do
    print(("  %-34s %s"):format(app.id, app.name))
  end
  return apps
end

local function show_schema(app)
  local schema = need(app:schema())
  print(("\nFields of %s"):format(schema.name))
  for i, field in ipairs(schema.fields) do
    if i > 8 then
      print(("  ... and %d more"):format(#schema.fields - 8))
      break
    end
    print(("  %-16s %-16s %s"):format(field.id, field.type, field.is_required and "required" or ""))
  end
end

-- On a terminal one line is written again and again; anywhere else only its last state.
local function progress_line()
  local terminal = os.execute("test -t 1")
  local shown = terminal == true or terminal == 0
  local last = ""
  local function show(done, total)
    last = ("  %d of %s records"):format(done, total or "?")
    if shown then
      io.stdout:write("\r", last)
      io.stdout:flush()
    end
  end
  return show, function() io.stdout:write(shown and "\r" or "", last, "\n") end
end

-- Counts the records by the first choice of their field "status".
local function stream(app)
  print "\nReading every record, a page of 200 at a time, 4 requests side by side"
  local counts, names, n = {}, {}, 0
  local progress, finish = progress_line()
  for record in app:records{on_progress = progress} do
    local status = fusioo.is_array(record.status) and record.status[1] or "(none)"
    if not counts[status] then
      counts[status] = 0
      names[#names + 1] = status
    end
    counts[status] = counts[status] + 1
    n = n + 1
  end
  finish()
  table.sort(names, function(a, b) return counts[a] > counts[b] end)
  print "\nRecords by status"
  for _, name in ipairs(names) do
    print(("  %-20s %6d  %s"):format(name, counts[name], ("#"):rep(math.floor(40 * counts[name] / n + 0.5))))
  end
  print(("  %-20s %6d"):format("all", n))
end

local function show_budget(client)
  local budget, stats = client:budget(), client:stats()
  print(("\n%d requests, %.1f MB received; %d of %d calls left in this hour"):format(
    stats.calls, stats.bytes_in / 1e6, budget.remaining, budget.calls))
end

local function tour(options, app_id)
  local client = fusioo.new(options)
  local apps = list_apps(client)
  local app = client:app(app_id or need(apps[1], "the token sees no app").id)
  show_schema(app)
  stream(app)
  show_budget(client)
  client:close()
end

local options, stop = {}, function() end
if not arg[1] then
  options.base_url, stop = start_emulator()
  options.token, options.rate = require("fusioo.emulator").token, {ledger = false}
end
local ok, err = pcall(tour, options, arg[1])
stop()
if not ok then
  io.stderr:write("quickstart: ", tostring(err), "\n")
  os.exit(1)
end
