-- Rows that come and go by themselves while somebody reads pages.
--
-- Owns: which random edit happens next. Must not know: HTTP, how rows are kept.
-- Deterministic: the same setting and the same sequence of answered pages give the same edits.

local hash = require "fusioo.emulator.hash"

local churn = {}

local function edit(app, setting, random)
  local weight = random(1000000) / 1000000 * (setting.insert + setting.delete + setting.move)
  local lowest, count = setting.min_position, app.rows.count
  if weight < setting.insert then
    local position = math.min(lowest, count)
    app:insert(position + random(count - position + 1), 1)
  elseif count <= lowest then
    return
  elseif weight < setting.insert + setting.delete then
    app:remove(lowest + random(count - lowest))
  else
    app:move(lowest + random(count - lowest), lowest + random(count - lowest))
  end
end

-- A function to be called with an app after each page of its records was answered.
function churn.new(setting)
  local random, done = hash.random(setting.seed), 0
  return function(app)
    if setting.app_id and setting.app_id ~= app.id then return end
    local times = math.floor(setting.per_request)
    if random(1000000) < (setting.per_request - times) * 1000000 then times = times + 1 end
    for _ = 1, times do
      if done >= setting.operations then return end
      done = done + 1
      edit(app, setting, random)
    end
  end
end

return churn
