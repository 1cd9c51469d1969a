-- What the soak did, counted.
--
-- Owns: the counters of one worker. Must not know: what they count.

local tally = {}
tally.__index = tally

function tally.new()
  return setmetatable({ operations = {}, failures = {}, retries = 0, calls = 0, waited = 0, maybe_done = 0 }, tally)
end

local function add(counts, name)
  counts[name] = (counts[name] or 0) + 1
end

-- An operation has ended, with or without an error.
function tally:note(name, err)
  add(self.operations, name)
  if err then
    add(self.failures, err.kind)
    if err.maybe_done then self.maybe_done = self.maybe_done + 1 end
  end
end

-- A client is given up, or the run is over.
function tally:note_client(stats)
  self.calls = self.calls + stats.calls
  self.retries = self.retries + stats.retries
  self.waited = self.waited + stats.waited
end

-- The counters of several workers in one.
function tally.sum(list)
  local sum = tally.new()
  for _, one in ipairs(list) do
    for name, value in pairs(one) do
      if type(value) == "table" then
        for key, count in pairs(value) do sum[name][key] = (sum[name][key] or 0) + count end
      else
        sum[name] = sum[name] + value
      end
    end
  end
  return sum
end

return tally
