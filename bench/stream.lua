-- stream.lua: reads records with this library and looks at each once.
--
--   stream.lua URL APP_ID CONCURRENCY [LIMIT]
--
-- Prints how many there were, and the calls. Must not know: how it is measured.

local fusioo = require "fusioo"

local url, app_id, concurrency, limit = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])
local client = fusioo.new {
  base_url = url, token = "bench", concurrency = concurrency, rate = { calls = 1000000, ledger = false },
}
local seen = 0
for record in client:records(app_id, { limit = limit }) do
  if record.id then seen = seen + 1 end
end
print(string.format("%d %d", seen, client:stats().calls))
