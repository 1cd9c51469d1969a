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

--- What the core wants of a store now: `name`, "load", "save", "lock" or "end"; `id`, the number of the sign-in;
-- `number`, that of the wish. Where `is_open` nobody has begun with it, or whoever did was interrupted (`oauth`: the
-- sign-in). It is written without a call, since each call may want memory, and the core says it once.
storing.wish = {is_open = false, id = 0, name = false, number = 0, oauth = false}

local wish = storing.wish

-- ---- Telling the core ----

-- Tells how it went, where memory may end. Returns what gives a lock back that came too late.
local function answer(oauth, name, number, ...)
  local ok, unlock = pcall(oauth._answer_store, oauth, name, number, ...)
  if ok then return unlock end
  oauth:_answer_store(name, number, false, NO_MEMORY)
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
local function run_here(id, name, number, run, on_end)
  local thread, is_main = coroutine.running()
  if not thread or is_main then
    on_end(pcall(run))
    return
  end
  local entry = {id = id, name = name, number = number, holder = setmetatable({thread}, {__mode = "v"})}
  here[entry] = true
  thread = nil -- luacheck: ignore
  on_end(pcall(run))
  here[entry] = nil
end

local function fulfil(oauth, id, name, number, in_step)
  wish.is_open, wish.oauth = false, false
  local run = oauth:_for_store(name, number)
  if name == "end" then at_work[id] = nil elseif run then at_work[id] = oauth end
  if not run then return end
  local function on_end(...)
    local unlock = answer(oauth, name, number, ...)
    if not unlock then
      return
    elseif not (in_step and pcall(run_as_task, oauth, unlock, type)) then
      pcall(unlock)
    end
  end
  if in_step then run_as_task(oauth, run, on_end) else run_here(id, name, number, run, on_end) end
end

-- Does what is wished; where there is no memory for it the wish fails; where there is none even to say so, that is
-- raised, and the wish stays.
local function do_wish(in_step, sign_ins)
  local id, name, number = wish.id, wish.name, wish.number
  local oauth = wish.oauth or at_work[id] or sign_ins[id]
  wish.oauth = oauth or false -- whoever holds it may go
  if not oauth then
    wish.is_open = false
  elseif oauth:_has_lock_to_tell() or not pcall(fulfil, oauth, id, name, number, in_step) then
    wish.is_open, wish.id, wish.name, wish.number, wish.oauth = true, id, name, number, oauth
    local unlock = oauth:_answer_store(name, number, false, NO_MEMORY)
    wish.is_open, wish.oauth = false, false
    if unlock then pcall(unlock) end
  end
end

-- A coroutine that nobody can resume any more is collected. (Its status does not tell: nginx keeps threads of its own.)
local function find_given_up()
  for entry in pairs(here) do
    if not entry.holder[1] then return entry end
  end
end

--- Lets a store do what is wished, and once more what was interrupted. Raises where memory ends; the next call goes on.
-- @param in_step may it run as a task?
-- @param sign_ins number → sign-in
function storing.settle(in_step, sign_ins)
  if wish.is_open then do_wish(in_step, sign_ins) end
  local entry = next(here) and find_given_up()
  while entry do
    wish.is_open, wish.id, wish.name, wish.number = true, entry.id, entry.name, entry.number
    here[entry] = nil
    do_wish(in_step, sign_ins) -- where it will not be given up
    entry = find_given_up()
  end
end

--- Runs the tasks that a step has begun and had no time for: whoever waits outside of tasks may wait for them.
-- @return true where one has given up its turn, and can go on
function storing.run_queued()
  if not queue[1] then return false end
  local queued, goes_on = {}, false
  for _, task in ipairs(queue) do
    if task.queued then queued[#queued + 1] = task end
  end
  for _, task in ipairs(queued) do
    tasks.run_now(task)
    goes_on = goes_on or not (task.results or task.pending)
  end
  return goes_on
end

return storing
