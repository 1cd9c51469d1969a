-- The weather of the soak: what the service does wrong, how slow it is, how narrow its window.
--
-- Owns: the emulator's settings for the run. Must not know: who calls.
--
-- No rule makes the service lie about what it did: it never says success for what it has not done, and a refusal
-- (a 4xx, a code with HTTP 200) comes where it has done nothing. What is left of truth is what the workers are held to.

local weather = {}

-- Calls in so many seconds: fewer than the workers want.
weather.CALLS, weather.WINDOW = 400, 2

-- An answer is never slower than this: a client that gave up on one may rely on the service having done by then what it
-- will do.
local SLOWEST = 0.02

-- A file's bytes may be any: what stands in their place as a whole answer cannot be told from them.
local NO_FILES, FILES = "^/v%d/[^f]", "^/v%d/files"

-- Tokens end after so many seconds, and who uses a refresh token twice is signed out.
local TOKENS, LIFE = "^/oauth/token", 1.5

-- Share of requests in a thousand; the fault; which requests it may fall on (default: all).
local RULES = {
  { 4, { fault = "drop" } },
  { 4, { fault = "lose" } },
  { 4, { fault = "lose", done = false } },
  { 3, { fault = "cut" } },
  { 2, { fault = "cut", bytes = 1 } },
  { 2, { fault = "length", by = 10 } },
  { 2, { fault = "chunks", how = "cut" } },
  { 4, { fault = "close" } },
  { 2, { fault = "drip" } },
  { 2, { fault = "interim" } },
  { 2, { fault = "extra" } },
  { 2, { fault = "stall", seconds = 5 } },
  { 1, { fault = "stall", seconds = 5, done = false } },
  { 1, { fault = "stall", seconds = 5, bytes = 20 } },
  { 3, { fault = "garbage" } },
  { 3, { fault = "header" } },
  { 5, { fault = "status", status = 500 } },
  { 5, { fault = "status", status = 503, done = false, retry_after = 0 } },
  { 3, { fault = "html", status = 504 } },
  { 2, { fault = "status", status = 403, done = false } },
  { 2, { fault = "status", status = 401 } },
  { 5, { fault = "status", status = 429, retry_after = 0 } },
  { 3, { fault = "html", status = 200 }, NO_FILES },
  { 3, { fault = "body" }, NO_FILES },
  { 3, { fault = "utf8" }, NO_FILES },
  { 40, { fault = "lose" }, TOKENS },
  { 20, { fault = "cut" }, TOKENS },
  { 20, { fault = "status", status = 503, done = false }, TOKENS },
  { 20, { fault = "garbage" }, TOKENS },
  { 2, { fault = "code", done = false }, NO_FILES },
  { 2, { fault = "data" }, NO_FILES },
  { 1, { fault = "deep" }, NO_FILES },
  { 10, { fault = "body" }, FILES, "POST" },
  { 10, { fault = "utf8" }, FILES, "POST" },
  { 10, { fault = "code", done = false }, FILES, "POST" },
}

-- The rules for a seed.
function weather.rules(seed)
  local rules = {}
  for i, entry in ipairs(RULES) do
    local rule = { probability = entry[1] / 1000, seed = seed + i, path = entry[3], method = entry[4] }
    for key, value in pairs(entry[2]) do rule[key] = value end
    rules[i] = rule
  end
  return rules
end

-- The emulator's settings while it lasts.
function weather.bad(seed)
  return {
    faults = weather.rules(seed), latency = { min = 0, max = SLOWEST }, log_limit = 1000,
    rate = { calls = weather.CALLS, window = weather.WINDOW, retry_after = "seconds" },
    oauth = { access_life = LIFE, rotate = true, reuse = "revoke", revoke_old = true },
  }
end

-- And when the sun shines again.
weather.fair = { faults = {}, latency = 0, rate = { calls = 10000000 } }

return weather
