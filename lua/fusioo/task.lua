--- Tasks, and the queue of those that can go on.
--
-- Owns the coroutines and how they end. Must not know calls, engines, or what a task waits for.
--
-- Memory may end at any place, in any call of a function, and yet each task ends, and who waits for it goes on. So a
-- task has all its fields from the beginning, queues are chains of tasks, and what was interrupted is settled in the
-- next round: what is done at an end may be done once more.

local core = require "fusioo.core"

local Task = {}
Task.__index = Task
Task.__name = "fusioo.task"

local tasks = {}

-- What a task yields while it waits; anything else that it yields means "go on later".
tasks.WAIT = {}

-- The results of a task for whose results there was no memory.
tasks.NO_MEMORY = {n = 2, nil, "not enough memory"}

local by_thread = setmetatable({}, {__mode = "k"})  -- coroutine → task
local runnable = {first = false, last = false}      -- tasks that can go on, first come, first served
local uncaught = {first = false, last = false}      -- spawned tasks that raised, whose errors nobody caught
local interrupted = false                           -- the task that was resumed when memory ended

local unpack = table.unpack or unpack

local function pack(...)
  return {n = select("#", ...), ...}
end

--- Has the task's function ended, well or not?
-- @return boolean
-- @usage if task:done() then print(task:result()) end
function Task:done()
  return self.results ~= false
end

--- What the task's function returned.
-- @return its results; nothing while it runs; nil and the error where it raised one
-- @usage local record, err = task:result()
function Task:result()
  if self.results then
    return unpack(self.results, 1, self.results.n)
  end
end

--- Ends what the task waits for: its pending call returns nil and an error of kind `cancelled`, a loop over records
-- raises it. Where it waits for functions side by side, those that have not begun end with such an error, too. The
-- task itself goes on from there. A task that waits for nothing is left alone.
-- @usage task:cancel()
function Task:cancel()
  if self.group then
    self.group.cancelled = true
    for _, child in ipairs(self.group.children) do child:cancel() end
  elseif self.pending then
    self.pending:cancel()
  end
end

-- ---- Queues ----

-- A task stands in one queue at a time: it has ended where it comes into the second.
local function append(queue, task)
  task.following = false
  if queue.last then queue.last.following = task else queue.first = task end
  queue.last = task
end

local function take_first(queue)
  local task = queue.first
  if task then
    queue.first = task.following
    if not queue.first then queue.last = false end
  end
  return task
end

--- Lets a task go on in the next round, unless it has ended.
-- @param task the task
function tasks.make_runnable(task)
  if not task.queued and not task.results and not task.abandoned then
    append(runnable, task)
    task.queued = true
  end
end

--- Can any task go on?
-- @return boolean
function tasks.is_any_runnable()
  return runnable.first ~= false
end

--- The error of a spawned task that nobody has caught yet, in a table; it is told once.
-- @return {error}, or nil
function tasks.take_uncaught()
  local task = take_first(uncaught)
  return task and {task.results[2]} or nil
end

-- ---- Life ----

--- Makes a task that does not run yet.
-- @param run its function
-- @param parent what cares for the error that it may raise; nil: nobody
-- @param on_end function(task), called when it has ended; a second time where memory ended in the first
-- @return task
function tasks.new(run, parent, on_end)
  local task = setmetatable({
    thread = coroutine.create(run), parent = parent or false, on_end = on_end or false, results = false, failed = false,
    queued = false, following = false, abandoned = false, pending = false, group = false, counted = false, told = false,
  }, Task)
  by_thread[task.thread] = task
  return task
end

--- The task that runs now.
-- @return task, or nil
function tasks.current()
  local thread = coroutine.running()
  return thread and by_thread[thread]
end

local function conclude(task)
  if task.failed and not task.parent and not task.told then
    append(uncaught, task)
    task.told = true
  end
  if task.on_end then task.on_end(task) end
end

local function finish(task, ok, ...)
  -- A weak table whose values hold on to their keys keeps them for ever in Lua 5.1.
  by_thread[task.thread] = nil
  task.thread = false
  local packed, results
  if ok then packed, results = pcall(pack, ...) else packed, results = pcall(pack, nil, (...)) end
  task.failed = not (ok and packed)
  task.results = packed and results or tasks.NO_MEMORY
  conclude(task)
end

local function after_resume(task, ok, first, ...)
  if coroutine.status(task.thread) == "dead" then
    finish(task, ok, first, ...)
  elseif first ~= tasks.WAIT then
    tasks.make_runnable(task)
  end
end

local function resume(task)
  after_resume(task, coroutine.resume(task.thread))
end

-- Brings in order what an error in the middle of `resume` has left: it can only have been want of memory.
local function settle(task)
  if not task.results then
    if task.thread and coroutine.status(task.thread) ~= "dead" then
      tasks.make_runnable(task) -- where it waits it looks and waits on
      return
    end
    if task.thread then by_thread[task.thread] = nil end
    task.thread, task.failed = false, true
    task.results = tasks.NO_MEMORY
  end
  conclude(task)
end

--- One round: runs the tasks that can go on until there is none, or the time is up; those that become runnable
-- meanwhile by giving up their turn wait for the next round.
-- @param deadline when the time is up; nil: never
function tasks.run(deadline)
  if interrupted then
    settle(interrupted)
    interrupted = false
  end
  local last, task = runnable.last, false
  while task ~= last do
    task = take_first(runnable)
    if not task then return end -- a task made a round of its own
    local outer = interrupted
    interrupted, task.queued = task, false
    if not task.abandoned and not task.results then resume(task) end
    interrupted = outer
    if deadline and core.now() >= deadline then return end
  end
end

--- Lets a task that can go on do so at once; it goes on in the next round, too, which does no harm to who waits.
-- @param task the task
function tasks.run_now(task)
  if not task.results and not task.abandoned then
    local outer = interrupted
    interrupted = task
    resume(task)
    interrupted = outer
  end
end

return tasks
