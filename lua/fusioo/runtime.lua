--- Runtimes: how a call waits outside of tasks.
--
-- Owns the list of runtimes. Must not know calls. A runtime is a table with `wait(engine, seconds)`, which returns
-- when the engine may have something to do: at the latest after `seconds` (nil: no limit).

local runtime = {}

local blocking = {blocks = true}

function blocking.wait(engine, seconds)
  engine:poll(seconds)
end

-- For frame loops: nothing waits; calls are made inside tasks, which `client:step` carries on.
local step = {in_tasks = true}

function step.wait()
  error("under runtime 'step' nothing may block", 0)
end

local by_name = {blocking = blocking, step = step}

--- The runtime that an option names.
-- @param option a name, a table with `wait(engine, seconds)`, or nil for blocking
-- @return a runtime
function runtime.find(option)
  if type(option) == "table" then
    return option
  end
  return by_name[option or "blocking"]
end

return runtime
