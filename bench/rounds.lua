-- rounds.lua: how long a list takes where each answer does.
--
--   rounds.lua URL APP_ID TOKEN CONCURRENCY [EXPECT]
--
-- Prints records, calls and seconds. Must not know: what would be ideal.

local fusioo = require "fusioo"
local socket = require "socket"

local url, app_id, token, concurrency, expect = arg[1], arg[2], arg[3], tonumber(arg[4]), tonumber(arg[5])
local client = fusioo.new {
  base_url = url, token = token, concurrency = concurrency, rate = { calls = 1000000, ledger = false },
}
local seen, start = 0, socket.gettime()
for _ in client:records(app_id, { expect = expect }) do seen = seen + 1 end
print(string.format("%d %d %.6f", seen, client:stats().calls, socket.gettime() - start))
