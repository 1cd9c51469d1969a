--- Lists of any length: what iterators, `app:list` and the like stand on.
--
-- Owns the way from a pager to single records and pages. Must not know how pages are planned (the core does).

local core = require "fusioo.core"
local scheduler = require "fusioo.scheduler"

local List = {}
List.__index = List

-- A list with nothing in it stays an array when it is written as JSON.
local function marked(records)
  return records[1] ~= nil and records or core.array(records)
end

-- How many records a frame loop turns into tables before it looks at the clock.
local FEW = 4

local function has_answer(pager)
  return pager:ready()
end

--- Makes a list; nothing is asked for before its first record is.
-- @param client the client
-- @param start function that returns a pager, or nil and an error
-- @param query the user's query: `on_progress` and `page_size` are read here
-- @return list
function List.new(client, start, query)
  return setmetatable({
    client = client, start = start, on_progress = query.on_progress, stride = math.max((query.page_size or 200) - 1, 1),
    told = -1,
  }, List)
end

-- Tells the progress when the total becomes known, and about once a page.
local function tell(self, at_end)
  local done, total = self.pager:progress()
  if total ~= self.total or done - self.told >= self.stride or (at_end and done ~= self.told) then
    self.told, self.total = done, total
    self.on_progress(done, total)
  end
end

local function open(self)
  scheduler.check(self.client._runtime, self.inline)
  local pager, err = self.start()
  self.pager, self.err = pager, err
  return pager ~= nil
end

-- What a pager said that has no record for us now. True: ask again.
local function look(self, why)
  if why == "wait" then
    if self.on_progress then tell(self) end
    scheduler.wait(self.pager, self.client._runtime, self.client.engine, has_answer, self.inline)
    return true
  end
  if why == "end" then
    if self.on_progress then tell(self, true) end
  else
    self.err = why
  end
  self.ended = true
  return false
end

--- The next record.
-- @return record; nil at the end; nil and an error where the reading failed
function List:next()
  if self.ended or not (self.pager or open(self)) then
    self.ended = true
    return nil, self.err
  end
  local pager = self.pager
  if self.on_progress then tell(self) end
  if scheduler.is_budgeted() and not self.inline then scheduler.pause(pager) end
  while true do
    local record, why = pager:next()
    if record then return record end
    if not look(self, why) then return nil, self.err end
  end
end

--- The next page: what is new of it, never an empty table.
-- @return array of records; nil at the end; nil and an error where the reading failed
function List:next_page()
  if self.ended or not (self.pager or open(self)) then
    self.ended = true
    return nil, self.err
  end
  local pager, page = self.pager, {}
  if self.on_progress then tell(self) end
  while true do
    local few = scheduler.is_budgeted() and FEW or nil
    if few and not self.inline then scheduler.pause(pager) end
    local left, why = pager:fill(page, few)
    if left == 0 then return page end
    if not left and not look(self, why) then return nil, self.err end
  end
end

--- Ends what is under way.
function List:cancel()
  self.ended = true
  if self.pager then self.pager:cancel() end
end

-- A generic `for` of Lua 5.4 closes its fourth value when the loop is left, however that happens.
local has_close = _VERSION ~= "Lua 5.1" and _VERSION ~= "Lua 5.2" and _VERSION ~= "Lua 5.3"

-- Lua 5.1 calls iterators from C and cannot yield in them (LuaJIT can): there they wait on the spot, also inside a
-- task.
local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

local function iterate(self, step)
  self.inline = is_stuck
  local function following()
    local value, err = step(self)
    if value == nil and err then error(err, 0) end
    return value
  end
  if has_close then
    return following, nil, nil, setmetatable({}, {__close = function() self:cancel() end})
  end
  return following
end

--- An iterator for a generic `for`, over records.
-- @return what `for` wants
function List:records()
  return iterate(self, List.next)
end

--- An iterator for a generic `for`, over pages.
-- @return what `for` wants
function List:pages()
  return iterate(self, List.next_page)
end

--- All records, as an array.
-- @return array, or nil and an error
function List:all()
  local records, n = {}, 0
  while true do
    local record, err = self:next()
    if record == nil then
      if err then return nil, err end
      return marked(records)
    end
    n = n + 1
    records[n] = record
  end
end

--- All objects of a call that lists; in a frame loop a few at a time.
-- @param call a call of the core that has ended
-- @return array, or nil and an error
function List.of_call(call)
  local records = {}
  while true do
    local few = scheduler.is_budgeted() and FEW or nil
    local left, err = call:items(records, few)
    if left == nil then return nil, err end
    if left == 0 then return marked(records) end
    scheduler.pause(call)
  end
end

return List
