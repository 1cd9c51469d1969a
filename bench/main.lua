-- main.lua: the benchmarks, chapter by chapter, and their table.
--
-- Owns: what is measured, and the targets beside it. Must not know: how a figure is taken (harness.lua), who answers
-- (service.lua).

package.path = "./?.lua;" .. package.path

local emulator = require "spec.support.emulator"
local harness = require "bench.harness"
local pace = require "bench.pace"
local service = require "bench.service"

harness.work = arg[1]

local UNDER_WAY = 8
local ROUNDS = tonumber(os.getenv("BENCH_ROUNDS") or 7)
local PEER = harness.build .. "/bench/peer_curl_cjson"
local APP = "ibench"

local has_node = harness.has("node")
local has_valgrind = harness.has("valgrind")

-- ---- The table ----

local function row(what, ours, beside, ratio, target)
  print(string.format("  %-52s %14s %14s %7s   %s", what, ours, beside or "", ratio or "", target or ""))
end

local function chapter(title)
  print("\n" .. title)
  io.stdout:flush()
end

local function ratio_of(a, b)
  return string.format("%.2f", a / b)
end

local function millions(number)
  return string.format("%.2f M", number / 1e6)
end

local function seconds(number)
  return string.format("%.3f s", number)
end

local function milliseconds(number)
  return string.format("%.2f ms", number * 1e3)
end

local function megabytes(kilobytes)
  return string.format("%.1f MB", kilobytes / 1e3)
end

local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe:read("*l")
  pipe:close()
  return line or "unknown"
end

local function facts()
  print("machine: " .. first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo") .. ", "
    .. first_line("nproc") .. " processors, load " .. first_line("cut -d' ' -f1-3 /proc/loadavg"))
  print("system:  " .. first_line("uname -sr") .. ", " .. first_line("cc --version"))
  local cjson = harness.lua .. " -e \"print(require('cjson')._VERSION)\""
  print("peers:   " .. first_line(harness.lua .. " -v 2>&1") .. "; lua-cjson " .. first_line(cjson) .. "; libcurl "
    .. first_line("pkg-config --modversion libcurl") .. "; Node "
    .. (has_node and first_line("node --version") or "none") .. "; nginx, one process")
end

-- ---- Chapters ----

local function page_to_tables(pages)
  chapter("1. One page (200 records, 31 fields, 219 KB) to tables: user instructions")
  if not has_valgrind then return row("valgrind is not there", "-") end
  local function each(way)
    return harness.instructions_each(20, 60, function(n)
      return { harness.build .. "/bench/page", way, pages .. "/0.json", n }
    end)
  end
  local ours, cjson = each("fusioo"), each("cjson")
  row("checked, split, made into tables | cjson.decode", millions(ours), millions(cjson), ratio_of(ours, cjson),
    "9 M against 15 M")
end

local function list_url(server)
  return server.url .. "/v3/records/apps/" .. APP
end

local function stream_words(server, records)
  return { harness.lua, "bench/stream.lua", server.url, APP, UNDER_WAY, records }
end

local function end_to_end(server)
  chapter("2. Stream over HTTP, " .. UNDER_WAY .. " under way: user instructions for each page, end to end")
  if not has_valgrind then return row("valgrind is not there", "-") end
  local ours = harness.instructions_each(16, 48, function(n)
    return stream_words(server, 1 + service.STRIDE * n)
  end)
  local function peer(mode)
    return harness.instructions_each(16, 48, function(n)
      return { PEER, list_url(server), n, service.STRIDE, UNDER_WAY, mode }
    end)
  end
  local decoding, download = peer(nil), peer("download")
  row("fusioo | C on libcurl multi + lua-cjson", millions(ours), millions(decoding), ratio_of(ours, decoding),
    "at most 9.5 M (16.5 M)")
  row("download alone", "", millions(download))
end

local function beside(name, ours, peer, target)
  row("wall time, " .. name, seconds(ours.wall), seconds(peer.wall), ratio_of(ours.wall, peer.wall), target)
  row("CPU time, " .. name, seconds(ours.cpu), seconds(peer.cpu), ratio_of(ours.cpu, peer.cpu), target)
end

local function whole_stream(server)
  local pages = math.ceil(service.RECORDS / service.PAGE)
  chapter(string.format("   %d records, %d pages for the peers and %d + the count for fusioo; medians of %d rounds",
    service.RECORDS, pages, service.PAGES, ROUNDS))
  local peers = {
    { name = "fusioo", words = stream_words(server) },
    { name = "C", words = { PEER, list_url(server), pages, service.STRIDE, UNDER_WAY } },
    { name = "download", words = { PEER, list_url(server), pages, service.STRIDE, UNDER_WAY, "download" } },
  }
  if has_node then
    peers[4] = { name = "Node", words = { "node", "bench/peer_node.mjs", list_url(server), pages, service.STRIDE,
      UNDER_WAY } }
  end
  local results = harness.interleaved(peers, ROUNDS)
  local ours = results.fusioo
  beside("C on libcurl multi + lua-cjson", ours, results.C, "at most 0.62")
  if has_node then beside("Node's fetch + JSON.parse", ours, results.Node, "at most 0.45") end
  local limit = 16000 + 12 * service.RECORDS / 1000
  row("peak memory, C on libcurl multi + lua-cjson", megabytes(ours.rss), megabytes(results.C.rss),
    ratio_of(ours.rss, results.C.rss), "at most " .. megabytes(limit))
  row("peak memory, download alone", "", megabytes(results.download.rss))
  if has_node then row("peak memory, Node", "", megabytes(results.Node.rss)) end
end

local function require_time()
  chapter("3. require \"fusioo\", whole process, medians of 41 rounds")
  local module = harness.build .. "/" .. harness.lua:match("[^/]+$") .. "/fusioo/core.so"
  local library = first_line("ldd " .. module .. " | grep -o 'libcurl[a-z-]*\\.so\\.[0-9]*'")
  local results = harness.interleaved({
    { name = "nothing", words = { harness.lua, "-e", "" } },
    { name = "libcurl", words = { harness.lua, "-e", ("assert(package.loadlib('%s', '*'))"):format(library) } },
    { name = "fusioo", words = { harness.lua, "-e", "require 'fusioo'" } },
  }, 41)
  row("fusioo | " .. library .. " alone", milliseconds(results.fusioo.wall), milliseconds(results.libcurl.wall),
    ratio_of(results.fusioo.wall, results.libcurl.wall))
  row("more than libcurl alone", milliseconds(results.fusioo.wall - results.libcurl.wall), "", "", "at most 3 ms")
  row("the interpreter alone", "", milliseconds(results.nothing.wall))
end

-- One list over the emulator; the second argument goes to the library as `expect`.
local function round_trip(slow, expect)
  local calls, times = nil, {}
  for i = 1, 3 do
    local output = harness.output(harness.command { harness.lua, "bench/rounds.lua", slow.url, slow.apps.projects,
      slow.token, UNDER_WAY, expect })
    local _, number, time = output:match("(%d+) (%d+) (%S+)")
    calls, times[i] = tonumber(number), tonumber(time)
  end
  return calls, harness.median(times)
end

local function latency()
  local PAGES, LATENCY = 21, 0.3
  local records = service.STRIDE * (PAGES - 1) + 150
  chapter(string.format("4. %d pages (%d records), each answer takes %.1f s, %d under way", PAGES, records, LATENCY,
    UNDER_WAY))
  local slow = emulator.start { records = records, calls = 1000000 }
  slow:config { cached_pages = 2 * PAGES }
  round_trip(slow) -- the emulator makes its pages
  slow:config { latency = LATENCY }
  local plans = {
    { "seams, count beside page two", nil, 2 + math.ceil((PAGES - 2) / UNDER_WAY), PAGES + 1 },
    { "seams, expect", records, math.ceil(PAGES / UNDER_WAY), PAGES },
  }
  for _, plan in ipairs(plans) do
    local calls, time = round_trip(slow, plan[2])
    local ideal = plan[3] * LATENCY
    row(plan[1] .. ": time | ideal", seconds(time), seconds(ideal), string.format("%.3f", time / ideal),
      "at most 1.07")
    row(plan[1] .. ": calls", string.format("%d", calls), string.format("%d", plan[4]), "",
      "at most " .. string.format("%d", plan[4]))
  end
  slow:stop()
end

local function frame_times(server)
  local FRAMES, PAGES = 480, 20
  chapter(string.format("5. client:step() at 60 frames a second, %d pages streaming in again and again, %d frames",
    PAGES, FRAMES))
  local output = harness.output(harness.command { harness.lua, "bench/frames.lua", server.url, APP, UNDER_WAY,
    1 + service.STRIDE * PAGES, FRAMES })
  local times, cpu = {}, {}
  for time, used in output:gmatch("(%S+) (%S+)") do
    times[#times + 1], cpu[#cpu + 1] = tonumber(time), tonumber(used)
  end
  table.sort(times)
  table.sort(cpu)
  local function both(name, place, target)
    row(name .. ": wall time | CPU time", milliseconds(times[place]), milliseconds(cpu[place]), "", target)
  end
  both("50th percentile", math.ceil(FRAMES * 0.5))
  both("99th percentile", math.ceil(FRAMES * 0.99), "under 1.5 ms")
  both("worst", FRAMES, "under 4 ms")
end

-- A stream of the server's pages, as far as they go, and of the emulator's where it shall be a million records.
local function memory(server)
  chapter("6. Peak memory of a stream, and what one page costs, " .. UNDER_WAY .. " under way")
  local function limit(records) return "at most " .. megabytes(16000 + 12 * records / 1000) end
  local few, many = 1 + service.STRIDE * 50, 1 + service.STRIDE * 502 -- pages of the server's, all of them whole
  local base = harness.measure(stream_words(server, few)).rss
  local rss = harness.measure(stream_words(server, many)).rss
  row(few .. " records", megabytes(base), "", "", limit(few))
  row(many .. " records", megabytes(rss), "", "", limit(many))
  row("bytes for one more record", string.format("%.1f", (rss - base) * 1000 / (many - few)), "", "", "at most 12")
  if has_valgrind then
    local function each(from, to)
      return harness.instructions_each(from, to, function(n) return stream_words(server, 1 + service.STRIDE * n) end)
    end
    -- Wide spans: how often the engine steps, and with it a hundredth of the sum, is chance.
    local first, last = each(100, 300), each(300, 500)
    row("instructions for a page: the 400th | the 200th", millions(last), millions(first), ratio_of(last, first),
      "0.95 to 1.05")
  end
end

local function window()
  chapter("7. The company's window: " .. pace.title)
  local runs = {
    { "one process alone", 1, nil, "at least 97 %" },
    { "8 processes with one ledger", 8, nil, "at least 90 %" },
    { "8, and one that is killed every 200 ms", 8, "killed" },
    { "8, and a stranger who wants half of it", 8, "stranger" },
  }
  for _, run in ipairs(runs) do
    local result = pace.measure(run[2], run[3])
    row(run[1] .. ": time | best", seconds(result.took), seconds(result.ideal),
      string.format("%.1f %%", 100 * result.ideal / result.took), run[4])
    row("    answered well, answers of 429 per 100", string.format("%d", result.good),
      string.format("%.1f", 100 * result.refused / result.good), "", run[3] ~= "stranger" and "none of 429" or "")
    if result.bad > 0 then row("    FAILED", string.format("%d", result.bad)) end
  end
end

-- CPU time is taken again and again by turns, since the machine has other things to do.
local function million()
  if not os.getenv("BENCH_LONG") then return end
  chapter("8. A million records from the emulator, " .. UNDER_WAY .. " under way; medians of 3 rounds")
  local emulated = emulator.start { records = 1000000, calls = 1000000, tokens = { "bench" } }
  local sizes, peers = { 10000, 100000, 1000000 }, {}
  for i, records in ipairs(sizes) do
    peers[i] = { name = records, words = { harness.lua, "bench/stream.lua", emulated.url, emulated.apps.projects,
      UNDER_WAY, records } }
  end
  local results, first = harness.interleaved(peers, 3), nil
  local start = harness.interleaved({ { name = "start", words = { harness.lua, "-e", "require 'fusioo'" } } }, 9).start
  for _, records in ipairs(sizes) do
    local result = results[records]
    local page = (result.cpu - start.cpu) / math.ceil(records / service.STRIDE)
    first = first or page
    row(string.format("%d records: peak memory", records), megabytes(result.rss), "", "",
      "at most " .. megabytes(16000 + 12 * records / 1000))
    row(string.format("%d records: CPU time for a page", records), milliseconds(page), milliseconds(first),
      ratio_of(page, first), "0.95 to 1.05")
  end
  emulated:stop()
end

-- ---- All of them ----

facts()
local pages = service.pages(first_line("pwd") .. "/" .. harness.build .. "/bench/pages")
local server = service.start(pages, harness.work)
print(string.format("\n  %-52s %14s %14s %7s   %s", "", "fusioo", "beside it", "ratio", "target"))
page_to_tables(pages)
end_to_end(server)
whole_stream(server)
require_time()
latency()
frame_times(server)
memory(server)
server.stop()
window()
million()
