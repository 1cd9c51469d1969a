--- The work of stores: lets a sign-in's store do what the core wants of it, and tells the core how it went.
--
-- Owns which store is in use, and what becomes of a wish where memory ends or whoever fulfils it is given up. Must not
-- know the engine, calls, how a token is got.
--
-- In a step, where nothing may block, a store's function runs as a task. Elsewhere it runs on the spot, in whoever
-- moves the engine: who waits outside of tasks cannot wait for one.

local tasks = require "fusioo.task"

local storing = {}

local NO_MEMORY = tasks.NO_MEMORY[2]

local at_work = {}  -- number of a sign-in whose store is in use → itself, though nobody else may hold it any more
local queue = {}    -- the tasks that functions of stores run as, in their order
local here = {}     -- set of wishes that are being fulfilled on the spot, in a coroutine (`holder`, weak)
local lost = {oauth = false, id = 0, wish = false, number = 0} -- the wish that there was no memory to answer

--- The sign-in with that number whose store is in use.
-- @param id the number
-- @return sign-in, or nil
function storing.find(id)
  return at_work[id]
end

-- ---- Telling the core ----

-- Tells how it went, where memory may end. Returns what gives a lock back that came too late.
local function answer(oauth, wish, number, ...)
  local ok, unlock = pcall(oauth._answer_store, oauth, wish, number, ...)
  if ok then return unlock end
  oauth:_answer_store(wish, number, false, NO_MEMORY)
end

local function answer_lost()
  local unlock = lost.oauth:_answer_store(lost.wish, lost.number, false, NO_MEMORY)
  lost.oauth = false
  if unlock then pcall(unlock) end
end

-- ---- Running ----

local function run_as_task(oauth, run, on_end)
  local task = tasks.new(run, oauth, function(ended)
    for i, other in ipairs(queue) do
      if other == ended then table.remove(queue, i) end
    end
    on_end(not ended.failed, ended.results[ended.failed and 2 or 1], ended.results[2])
  end)
  queue[#queue + 1] = task
  tasks.make_runnable(task)
end

-- A coroutine of the program's own may wait in there, and be given up: a request's that was aborted.
local function run_here(oauth, id, wish, number, run, on_end)
  local thread, is_main = coroutine.running()
  if not thread or is_main then
    on_end(pcall(run))
    return
  end
  local entry = {oauth = oauth, id = id, wish = wish, number = number,
    holder = setmetatable({thread}, {__mode = "v"})}
  here[entry] = true
  thread = nil -- luacheck: ignore
  on_end(pcall(run))
  here[entry] = nil
end

local function fulfil(oauth, id, wish, number, in_step)
  at_work[id] = wish ~= "end" and oauth or nil
  local run = oauth:_for_store(wish, number)
  if not run then return end
  local function on_end(...)
    local unlock = answer(oauth, wish, number, ...)
    if not unlock then
      return
    elseif not (in_step and pcall(run_as_task, oauth, unlock, type)) then
      pcall(unlock)
    end
  end
  if in_step then run_as_task(oauth, run, on_end) else run_here(oauth, id, wish, number, run, on_end) end
end

--- Lets a sign-in's store do what is wanted of it. Where there is no memory for it the wish fails; where there is none
-- even to say so, that is raised, and the next call of `storing.settle` tries again.
-- @param oauth the sign-in
-- @param id its number
-- @param wish "load", "save", "lock" or "end"
-- @param number the wish's
-- @param in_step may it run as a task?
function storing.need(oauth, id, wish, number, in_step)
  if not pcall(fulfil, oauth, id, wish, number, in_step) then
    lost.oauth, lost.id, lost.wish, lost.number = oauth, id, wish, number
    answer_lost()
  end
end

-- A coroutine that nobody can resume any more is collected. (Its status does not tell: nginx keeps threads of its own.)
local function find_given_up()
  for entry in pairs(here) do
    if not entry.holder[1] then return entry end
  end
end

--- Brings in order what was interrupted. Raises where memory ends once more.
-- @param in_step may it run as a task?
function storing.settle(in_step)
  if lost.oauth then
    if not lost.oauth:_has_lock_to_tell() and pcall(fulfil, lost.oauth, lost.id, lost.wish, lost.number, in_step) then
      lost.oauth = false
    else
      answer_lost()
    end
  end
  local entry = next(here) and find_given_up()
  while entry do
    here[entry] = nil
    storing.need(entry.oauth, entry.id, entry.wish, entry.number, in_step) -- once more, where it will not be given up
    entry = find_given_up()
  end
end

--- Runs the tasks that a step has begun and had no time for: whoever waits outside of tasks may wait for them.
function storing.run_queued()
  if not queue[1] then return end
  local queued = {}
  for _, task in ipairs(queue) do
    if task.queued then queued[#queued + 1] = task end
  end
  for _, task in ipairs(queued) do tasks.run_now(task) end
end

return storing
