--- Tasks at work: functions that run side by side while their calls are under way.
--
-- Owns who waits for what, and the answering of the engine's needs. Must not know what calls ask for, or how tasks run
-- (`fusioo.task`).
--
-- A call waits in one of two ways. Inside a task it yields to this scheduler, which resumes it when the engine says
-- that the call has something to say. Anywhere else it moves the engine itself, and its runtime says how to wait in
-- between.

local core = require "fusioo.core"
local storing = require "fusioo.storing"
local tasks = require "fusioo.task"

local scheduler = {}

local WAIT = tasks.WAIT
local waiting = {}  -- number of a call or pager → the task that waits for it
local clients = setmetatable({}, {__mode = "v"})  -- number of a client or sign-in → itself
local outside = setmetatable({}, {__mode = "k"})  -- calls and pagers that are waited for outside of tasks
local outer_runtime                               -- how the client that waited last in a task waits outside of them
local deadline                                    -- in a step with a budget: when tasks give up their turn

local outside_message = "under runtime 'step' nothing may block: make calls inside client:spawn(function() ... end)"
local inline_message = "under runtime 'step' Lua 5.1 cannot wait inside a for loop's iterator: use app:list or LuaJIT"
local stuck_message = "a task cannot wait inside a C function's callback or a metamethod: make the call outside of it"

local NO_MEMORY = tasks.NO_MEMORY[2]
local wish = storing.wish
local NO_MEMORY_ENTRY = {err = NO_MEMORY}

--- Makes a client or a sign-in known by its number, so that its events and its needs find it.
-- @param id the number
-- @param client the client or sign-in
function scheduler.register(id, client)
  clients[id] = client
end

-- ---- Needs ----

-- Gives a call what its client's token function returned, or raised.
local function give_token(engine, id, ok, token, why)
  if not ok then
    local shown, text = pcall(tostring, token)
    token, why = nil, "the function given as option token raised" .. (shown and ": " .. text or " an error")
  elseif type(token) ~= "string" then
    why = type(why) == "string" and why or "the function given as option token returned " ..
      (token == nil and "nil" or "a " .. type(token))
    token = nil
  end
  engine:give_token(id, token, why)
end

-- The same where memory may end: then the call has an error instead of a token.
local function give_token_or_none(engine, id, ...)
  if not pcall(give_token, engine, id, ...) then engine:give_token(id, nil, NO_MEMORY) end
end

-- A token function of a client that must not block may make calls of its own: it runs as a task.
local function need_token(engine, id, client)
  if not (client and client._token) then
    engine:give_token(id, nil, "its client is gone")
  elseif client._runtime.in_tasks then
    -- What it raises is the call's error.
    local task = tasks.new(client._token, client, function(ended)
      local results = ended.results
      if ended.failed then
        give_token_or_none(engine, id, false, results[2])
      else
        give_token_or_none(engine, id, true, results[1], results[2])
      end
    end)
    tasks.make_runnable(task)
  else
    give_token_or_none(engine, id, pcall(client._token))
  end
end

-- Does what the engine wants done. What a handler of events raises is raised at the end, when everything is in order
-- again. `in_step`: may stores run as tasks?
local function answer_needs(engine, in_step)
  local ok, err = true, nil
  storing.settle(in_step, clients)
  while true do
    local kind, a, b, number = engine:next_need()
    if kind == nil then
      break
    elseif kind == "ready" then
      local task = waiting[a]
      waiting[a] = nil
      if task then tasks.make_runnable(task) end
    elseif kind == "token" then
      if not pcall(need_token, engine, a, clients[b]) then engine:give_token(a, nil, NO_MEMORY) end
    elseif kind == "store" then
      wish.is_open, wish.id, wish.name, wish.number = true, a, b, number
      storing.settle(in_step, clients)
    else
      local client = clients[a]
      if client and client._on_event then
        local good, raised = pcall(client._on_event, b)
        if not good and ok then ok, err = false, raised end
      end
    end
  end
  if not ok then error(err, 0) end
end

-- ---- Waiting ----

local function take_back(object)
  if object.id then waiting[object:id()] = nil end
  object:cancel()
  if not object.id then object.group = false end
  error(stuck_message, 0)
end

-- Yields from a task. Some places cannot yield: callbacks of table.sort and string.gsub, metamethods. Where Lua
-- tells, that is found out before; LuaJIT tells by failing, and then what was started is taken back before it is
-- sent.
local function yield(object, what)
  if coroutine.isyieldable then
    if not coroutine.isyieldable() then take_back(object) end
    coroutine.yield(what)
  elseif rawget(_G, "jit") then
    if not pcall(coroutine.yield, what) then take_back(object) end
  else
    coroutine.yield(what)
  end
end

-- Lua 5.1 cannot yield across pcall, and a runtime may yield; nor does it tell beforehand where a task cannot yield.
local tells_by_raising = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local function protected(runtime, f, ...)
  if tells_by_raising and runtime and not runtime.blocks then return true, f(...) end
  return pcall(f, ...)
end

-- Where a runtime lets several coroutines wait, the step of one may end what another waits for, whose descriptor
-- then stays silent: it is made readable.
local function wake_others(engine, object)
  for other, is_ready in pairs(outside) do
    local ready = other ~= object and is_ready(other)
    if ready then
      engine:wake()
      return
    elseif ready == nil then
      outside[other] = nil -- its waiting raised, and it is collected already
    end
  end
end

--- Raises where a call of a client with this runtime cannot be made here; to be asked before it is started.
-- @param runtime the client's
-- @param inline true where a task must not yield
function scheduler.check(runtime, inline)
  if runtime.in_tasks then
    if inline then error(inline_message, 0) end
    if not tasks.current() then error(outside_message, 0) end
  end
  if tells_by_raising and not inline and tasks.current() then
    coroutine.yield() -- where that fails, it fails before anything is sent
  end
end

-- A store's task that looks again in each frame is let look again soon.
local LOOK_AGAIN = 0.005
local function timeout_of(engine, goes_on)
  local seconds = engine:timeout()
  return goes_on and math.min(seconds or LOOK_AGAIN, LOOK_AGAIN) or seconds
end

--- Waits until a call has ended, or a pager has something to say.
-- @param object a call or pager of the core
-- @param runtime how to wait outside of tasks
-- @param engine the engine
-- @param is_ready function that tells whether the waiting is over
-- @param inline true where a task must not yield
function scheduler.wait(object, runtime, engine, is_ready, inline)
  local task = not inline and tasks.current()
  if task then
    outer_runtime = runtime
    waiting[object:id()] = task
    task.pending = object
    object:watch()
    repeat yield(object, WAIT) until is_ready(object) ~= false -- nil: it is closed
    task.pending = false
    return
  end
  if is_ready(object) then return end
  outside[object] = is_ready
  repeat
    engine:step()
    local goes_on = storing.run_queued()
    local ok, err = pcall(answer_needs, engine)
    if ok and not is_ready(object) then
      wake_others(engine, object)
      ok, err = protected(runtime, runtime.wait, engine, timeout_of(engine, goes_on))
    end
    if not ok then
      outside[object] = nil
      object:cancel()
      error(err, 0)
    end
  until is_ready(object)
  outside[object] = nil
  wake_others(engine, object)
end

--- In a task whose step has used up its budget: gives up the turn until the next step.
-- @param object what the task is busy with, for `task:cancel`
function scheduler.pause(object)
  if deadline and core.now() >= deadline then
    local task = tasks.current()
    if task then
      task.pending = object
      yield(object)
      task.pending = false
    end
  end
end

--- Is there a budget that a task must keep to?
-- @return boolean
function scheduler.is_budgeted()
  return deadline ~= nil
end

-- ---- Frame loops ----

--- Starts a task; it runs in the steps that follow.
-- @param run function without parameters
-- @return task
function scheduler.spawn(run)
  local task = tasks.new(run)
  tasks.make_runnable(task)
  return task
end

--- One step: moves the network and the tasks for about `budget` seconds. Raises what a task raised and nobody caught.
-- @param engine the engine
-- @param budget seconds
function scheduler.step(engine, budget)
  local start = core.now()
  local outer = deadline
  deadline = start + budget
  -- The network has half of the time at most: its work comes in larger pieces than the tasks'.
  engine:step(budget / 2)
  local ok, err = pcall(answer_needs, engine, true)
  local ran, why = pcall(tasks.run, deadline)
  if deadline - core.now() > budget / 4 then
    engine:step(deadline - core.now()) -- what the tasks have just asked for goes out in this frame
    local good, raised = pcall(answer_needs, engine, true)
    if ok and not good then ok, err = good, raised end
  end
  deadline = outer
  if not ok then error(err, 0) end
  if not ran then error(why, 0) end
  local first = tasks.take_uncaught()
  if first then error(first[1], 0) end
end

-- ---- Side by side ----

local function entry_of(task)
  local results = task.results
  if task.failed then
    return {err = results[2]}
  elseif results[1] == nil and results[2] ~= nil then
    return {err = results[2]}
  end
  return {value = results[1]}
end

-- Makes a function's task. A group may be cancelled before the child's turn comes.
local function add_child(group, index, end_child)
  local child = tasks.new(function()
    if group.cancelled then
      return nil, core.error{kind = "cancelled", message = "cancelled before it began"}
    end
    return group.run(index)
  end, group, function(ended) end_child(group, index, ended) end)
  group.children[#group.children + 1] = child
  tasks.make_runnable(child)
  group.running, group.left = group.running + 1, group.left + 1
end

-- Starts the next functions. Those there is no memory to start have ended with that.
local function start_next(group, end_child)
  while group.next <= group.count and group.running < group.concurrency do
    local index = group.next
    group.next, group.left = index + 1, group.left - 1
    pcall(add_child, group, index, end_child)
  end
end

local function end_child(group, index, child)
  if not child.counted then
    group.running, group.left, child.counted = group.running - 1, group.left - 1, true
  end
  local ok, entry = pcall(entry_of, child)
  if ok then group.results[index] = entry end
  for i, other in ipairs(group.children) do
    if other == child then
      table.remove(group.children, i)
      break
    end
  end
  start_next(group, end_child)
  if group.left == 0 and group.task then
    tasks.make_runnable(group.task)
  end
end

-- Gives up a group: nothing more of it is started, what is under way ends, and its tasks never go on.
local function abandon(group)
  group.next = group.count + 1
  for _, child in ipairs(group.children) do
    child.abandoned = true
    child:cancel()
    for id, task in pairs(waiting) do
      if task == child then waiting[id] = nil end
    end
    if coroutine.close and child.thread then coroutine.close(child.thread) end
  end
end

-- One turn of a group outside of tasks: whoever asked for it has to move the engine and the tasks.
local function turn(group, engine)
  tasks.run()
  if group.left == 0 then return end
  if outer_runtime and outer_runtime.in_tasks then error(outside_message, 0) end
  engine:step()
  answer_needs(engine)
  if not tasks.is_any_runnable() then
    if outer_runtime then
      outer_runtime.wait(engine, engine:timeout())
    else
      engine:poll(engine:timeout())
    end
  end
end

local function drive(group)
  local engine = core.engine()
  outer_runtime = nil
  while group.left > 0 do
    local ok, err = protected(outer_runtime, turn, group, engine)
    if not ok then
      abandon(group)
      error(err, 0)
    end
  end
end

--- Runs a function for 1, 2 ... side by side, each time as a task; no more tasks are there than run at once.
-- @param count how often
-- @param run function(index)
-- @param concurrency how many at once
-- @return array of {value =} or {err =}, in the order of the indices
function scheduler.each(count, run, concurrency)
  local group = {count = count, run = run, concurrency = concurrency, results = {}, children = {}, running = 0,
    left = count, next = 1, task = false, cancelled = false}
  local task = tasks.current()
  for index = 1, count do group.results[index] = NO_MEMORY_ENTRY end
  start_next(group, end_child)
  if not task then
    drive(group)
  elseif group.left > 0 then
    group.task = task
    task.group = group
    repeat yield(task, WAIT) until group.left == 0
    task.group = false
  end
  return group.results
end

--- Runs functions side by side, as tasks.
-- @param functions array of functions
-- @param concurrency how many at once
-- @return array of {value =} or {err =}, in the order of the functions
function scheduler.all(functions, concurrency)
  return scheduler.each(#functions, function(index) return functions[index]() end, concurrency)
end

return scheduler
