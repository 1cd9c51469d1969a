-- What the specs of the ledger share: an emulator, a folder and a file for each test, clients on it.
--
--   local t = ledgers.prepare()        within a describe
--   t.service, t.projects, t.folder, t.path
--   t.new_client(rate, options), t.other_client(rate, options), t.spend(client, count), t.statuses()
--
-- Owns: what there is for each test, and a watchdog. Must not know: what is tested.

local busted = require "busted"
local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local watchdog = require "spec.support.watchdog"

local ledgers = {}

-- To be called within a describe.
function ledgers.prepare()
  local t, dog = {}, nil

  busted.setup(function()
    dog = watchdog.start(300)
    t.service = emulator.start {records = 300, calls = 1000000, tokens = {"first-token-of-ledger-spec", "second-token"}}
    t.projects = t.service.apps.projects
  end)

  busted.teardown(function()
    t.service:stop()
    dog:stop()
  end)

  busted.before_each(function()
    collectgarbage() -- a client that still lives would know its window, whatever became of the file
    collectgarbage()
    t.service:reset()
    t.folder = files.folder()
    t.path = t.folder .. "/company.ledger"
  end)

  -- A client on the file; `rate`, `options` over what is usual.
  function t.new_client(rate, options)
    local given = {base_url = t.service.url, token = t.service.token, retry = {base = 0.001, cap = 0.002}}
    for name, value in pairs(options or {}) do given[name] = value end
    given.rate = {calls = 100, window = 1000, ledger = t.path}
    for name, value in pairs(rate or {}) do given.rate[name] = value end
    return fusioo.new(given)
  end

  -- The same for another process, as far as the ledger can tell: its path is spelled differently.
  function t.other_client(rate, options)
    local given = {ledger = t.folder .. "/./company.ledger"}
    for name, value in pairs(rate or {}) do given[name] = value end
    return t.new_client(given, options)
  end

  function t.spend(client, count)
    for _ = 1, count do assert(client:get_app(t.projects)) end
  end

  -- How many requests were answered with each status; "cut": with none, since who asked was killed.
  function t.statuses()
    local counts = {}
    for _, entry in ipairs(t.service:log()) do
      local status = entry.status or "cut"
      counts[status] = (counts[status] or 0) + 1
    end
    return counts
  end

  return t
end

return ledgers
