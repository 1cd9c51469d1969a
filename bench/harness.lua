-- harness.lua: running programs and taking figures.
--
-- Owns: the programs that are measured, while they run. Must not know: what they do.

local harness = {}

local build = os.getenv("BUILD") or "build"

harness.lua = os.getenv("LUA") or "lua5.4"
harness.build = build

local function quoted(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

-- A shell command of words.
function harness.command(words)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = quoted(word) end
  return table.concat(parts, " ")
end

-- The standard output of a shell command; raises where it fails.
function harness.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  local ok, _, code = pipe:close()
  if not ok then error("bench: " .. command .. ": exit status " .. tostring(code), 0) end
  return text
end

-- Whether a program can be run.
function harness.has(name)
  local pipe = io.popen("command -v " .. name .. " 2>/dev/null")
  local path = pipe:read("*l")
  pipe:close()
  return path ~= nil
end

-- Runs a command of words once. Returns {wall =, cpu =, user =, rss = (KB), output =}.
function harness.measure(words)
  local file = harness.work .. "/measured"
  local output = harness.output(harness.command { build .. "/bench/measure", file } .. " " .. harness.command(words))
  local result = assert(io.open(file))
  local code, wall, user, system, rss = result:read("*n", "*n", "*n", "*n", "*n")
  result:close()
  assert(code == 0, words[1])
  return { wall = wall, cpu = user + system, user = user, rss = rss, output = output }
end

-- The instructions that a command of words runs in user space, start and end included.
function harness.instructions(words)
  local log = harness.work .. "/callgrind.log"
  harness.output("valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=" .. quoted(log) .. " "
    .. harness.command(words))
  local file = assert(io.open(log))
  local text = file:read("*a")
  file:close()
  return assert(tonumber(text:match("Collected : (%d+)")), text)
end

-- Instructions for each of the things that command(n) does n of: those of `many` less those of `few`, so that start and
-- end cancel.
function harness.instructions_each(few, many, command)
  return (harness.instructions(command(many)) - harness.instructions(command(few))) / (many - few)
end

-- The middle one of some numbers.
function harness.median(numbers)
  local sorted = {}
  for i, number in ipairs(numbers) do sorted[i] = number end
  table.sort(sorted)
  local half = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[half + 1] end
  return (sorted[half] + sorted[half + 1]) / 2
end

-- Runs peers by turns, so that what else the machine does hits all of them. `peers`: array of {name =, words =}.
-- Returns name -> {wall =, cpu =, rss =}, medians.
function harness.interleaved(peers, rounds)
  local runs = {}
  for _ = 1, rounds do
    for _, peer in ipairs(peers) do
      runs[peer.name] = runs[peer.name] or { wall = {}, cpu = {}, rss = {} }
      local one = harness.measure(peer.words)
      for key, list in pairs(runs[peer.name]) do list[#list + 1] = one[key] end
    end
  end
  local results = {}
  for name, lists in pairs(runs) do
    results[name] = {}
    for key, list in pairs(lists) do results[name][key] = harness.median(list) end
  end
  return results
end

return harness
