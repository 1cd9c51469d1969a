-- The nginx process itself: its clock, its end, and that it never outlives who started it.
--
-- Owns: everything that needs the C library (through LuaJIT's FFI). Must not know: HTTP, the service.

local ffi = require "ffi"

ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } fusioo_emulator_time;
  int clock_gettime(int clock, fusioo_emulator_time *time);
  int getpid(void);
  int getppid(void);
  int kill(int pid, int signal);
  int prctl(int option, unsigned long argument, unsigned long a, unsigned long b, unsigned long c);
  void _exit(int status);
]]

local C = ffi.C
local MONOTONIC = ffi.os == "OSX" and 6 or 1
local PR_SET_PDEATHSIG, SIGKILL, SIGTERM = 1, 9, 15

local process = {}

local time = ffi.new("fusioo_emulator_time")

-- Seconds on a clock that never goes back.
function process.monotonic()
  C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

-- Ends the process at once. nginx's own way out would look for files in a folder that is gone by then.
function process.exit(status)
  C._exit(status)
end

-- Asks nginx to end, which closes its connections.
function process.terminate()
  C.kill(C.getpid(), SIGTERM)
end

-- The parent of another process, as far as the system tells (Linux); else nil.
local function parent_of(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then return nil end
  local line = file:read("*a")
  file:close()
  return tonumber(line:match("^.*%) %S (%d+)"))
end

local function exists(pid)
  return C.kill(pid, 0) == 0 or ffi.errno() == 1 -- 1: EPERM, it exists and is somebody else's
end

-- A function that tells whether launcher and its parent are still there. `launcher`: pid of the process
-- that started this one; `starter`: pid of the launcher's parent, or nil to let it go.
function process.watch(launcher, starter)
  if ffi.os == "Linux" then
    C.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
  end
  return function()
    if C.getppid() ~= launcher then return false end
    if not starter or starter <= 1 then return true end
    local now = parent_of(launcher)
    if now then return now == starter end
    return exists(starter)
  end
end

return process
