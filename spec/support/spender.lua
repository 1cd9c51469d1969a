-- A process that spends a company's calls, for specs and benchmarks that need several.
--
--   LUA spec/support/spender.lua URL TOKEN LEDGER CALLS WINDOW COUNT CONCURRENCY [TAG]
--
-- Makes COUNT calls, CONCURRENCY at once, and prints `begun` and then `done GOOD BAD`: how many were answered well and
-- how many not; the errors of these go before it, a line each. LEDGER: a path, or "state" for the default. As a module
-- it gives the command lines and starts them. Must not know: what is tested.

local fusioo = require "fusioo"

local spender = {}

local function spend(url, token, ledger, calls, window, count, concurrency, tag)
  local client = fusioo.new{
    base_url = url, token = token,
    rate = {calls = tonumber(calls), window = tonumber(window), ledger = ledger ~= "state" and ledger or nil},
  }
  if tag then client = client:with{tag = tag} end
  local functions, good, bad = {}, 0, 0
  for i = 1, tonumber(count) do functions[i] = function() return client:get_apps() end end
  print("begun")
  io.flush()
  for _, result in ipairs(fusioo.all(functions, tonumber(concurrency))) do
    if result.value then
      good = good + 1
    else
      bad = bad + 1
      print(tostring(result.err))
    end
  end
  print("done", good, bad)
end

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

-- The command line of a spender on `service`, which is an emulator; `wish`: ledger, calls, window, count, concurrency,
-- tag, and state (a folder for XDG_STATE_HOME).
function spender.command(service, wish)
  local words = {
    "env", "XDG_STATE_HOME=" .. (wish.state or os.getenv "XDG_STATE_HOME" or ""), os.getenv "LUA" or "lua5.4",
    "spec/support/spender.lua", service.url, service.token, wish.ledger or "state", wish.calls, wish.window, wish.count,
    wish.concurrency or 4, wish.tag,
  }
  for i, word in ipairs(words) do words[i] = quoted(word) end
  return table.concat(words, " ")
end

-- Starts it and returns the pipe to read what it prints from, and its process number. It ends with the spec.
function spender.start(service, wish)
  local pipe = assert(io.popen("echo $$; exec " .. spender.command(service, wish) .. " 2>&1 </dev/null"))
  return pipe, assert(pipe:read("*l"))
end

-- Waits for its end; returns how many calls were answered well, how many not, and all that it printed.
function spender.finish(pipe)
  local text = pipe:read("*a")
  pipe:close()
  local good, bad = text:match("done%s+(%d+)%s+(%d+)")
  return tonumber(good), tonumber(bad), text
end

if arg and arg[0] and arg[0]:find("spender%.lua$") then
  spend(arg[1], arg[2], arg[3], arg[4], arg[5], arg[6], arg[7], arg[8])
end

return spender
