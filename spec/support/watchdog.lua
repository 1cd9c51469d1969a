-- Ends a spec that hangs, wherever it hangs: a hook of Lua would not run while C waits.
--
--   local watchdog = require "spec.support.watchdog"
--   local dog = watchdog.start(300)      dog:stop()
--
-- Owns: a shell that waits beside the spec. Must not know: what is tested. The shell ends with the spec, however that
-- ends.

local watchdog = {}

local dog = {}
dog.__index = dog

-- After so many seconds the process that runs the specs ends with SIGALRM, which spec/run reports as a failure.
function watchdog.start(seconds)
  local command = "timeout %d cat >/dev/null; [ $? -ne 124 ] || kill -ALRM $PPID"
  return setmetatable({ pipe = assert(io.popen(command:format(seconds), "w")) }, dog)
end

function dog:stop()
  if self.pipe then self.pipe:close() end
  self.pipe = nil
end

return watchdog
