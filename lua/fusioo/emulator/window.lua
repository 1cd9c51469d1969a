-- The company's moving window: so many calls in so many seconds.
--
-- Owns: the times of the calls that still count. Must not know: which calls count, HTTP, clocks:
-- `now` comes in, in seconds, and never goes back. Plain Lua.

local window = {}
window.__index = window

function window.new(calls, seconds)
  return setmetatable({ calls = calls, seconds = seconds, first = 1, last = 0, times = {} }, window)
end

-- Another size; what was counted stays counted.
function window:resize(calls, seconds)
  self.calls, self.seconds = calls, seconds
end

-- Calls that count at `now`.
function window:used(now)
  local times = self.times
  while self.first <= self.last and times[self.first] <= now - self.seconds do
    times[self.first] = nil
    self.first = self.first + 1
  end
  return self.last - self.first + 1
end

-- Counts a call and returns true; or, where the window is full, counts nothing and returns false and the seconds
-- until a call is free.
function window:take(now)
  local used = self:used(now)
  if used >= self.calls then
    local blocking = self.times[self.first + used - self.calls]
    return false, blocking and blocking + self.seconds - now or self.seconds
  end
  self.last = self.last + 1
  self.times[self.last] = now
  return true
end

return window
