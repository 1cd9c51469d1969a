-- The order of an app's rows: a list of record numbers that may be a million long and takes no memory for it.
--
-- Owns: which record number stands at which position. Must not know: ids, fields, HTTP.
-- Plain Lua.
--
-- The list is kept as runs of consecutive numbers. Untouched rows are one run; each edit splits at
-- most one. Positions count from 0. Looking up a position walks the runs, which is quick for the some thousand
-- runs that edits leave behind.

local rows = {}
rows.__index = rows

-- A list that holds the numbers 0 to count - 1.
function rows.new(count)
  local self = setmetatable({ first = {}, last = {}, count = count }, rows)
  if count > 0 then
    self.first[1], self.last[1] = 0, count - 1
  end
  return self
end

-- The run that holds a position, and how far into it; one past the last run for position == count.
local function locate(self, position)
  local first, last = self.first, self.last
  for run = 1, #first do
    local size = last[run] - first[run] + 1
    if position < size then return run, position end
    position = position - size
  end
  return #first + 1, 0
end

-- Puts the numbers first to last at a position (0 to count).
function rows:insert(position, first, last)
  assert(position >= 0 and position <= self.count and first <= last)
  local run, offset = locate(self, position)
  if offset > 0 then
    table.insert(self.first, run + 1, self.first[run] + offset)
    table.insert(self.last, run + 1, self.last[run])
    self.last[run] = self.first[run] + offset - 1
    run = run + 1
  end
  self.count = self.count + last - first + 1
  if run > 1 and self.last[run - 1] + 1 == first then
    self.last[run - 1] = last
    return
  end
  table.insert(self.first, run, first)
  table.insert(self.last, run, last)
end

-- Takes the row at a position out (0 to count - 1) and returns its number.
function rows:remove(position)
  assert(position >= 0 and position < self.count)
  local run, offset = locate(self, position)
  local first, last = self.first[run], self.last[run]
  local number = first + offset
  self.count = self.count - 1
  if first == last then
    table.remove(self.first, run)
    table.remove(self.last, run)
  elseif number == first then
    self.first[run] = first + 1
  elseif number == last then
    self.last[run] = last - 1
  else
    self.last[run] = number - 1
    table.insert(self.first, run + 1, number + 1)
    table.insert(self.last, run + 1, last)
  end
  return number
end

-- The position of a number, or nil when it is not in the list.
function rows:position(number)
  local first, last = self.first, self.last
  local before = 0
  for run = 1, #first do
    if number >= first[run] and number <= last[run] then
      return before + number - first[run]
    end
    before = before + last[run] - first[run] + 1
  end
  return nil
end

-- Up to `limit` numbers from a position on, as an array; empty past the end.
function rows:slice(position, limit)
  local result, n = {}, 0
  if position >= self.count then return result end
  local run, offset = locate(self, position)
  local first, last = self.first, self.last
  while n < limit and first[run] do
    for number = first[run] + offset, math.min(last[run], first[run] + offset + limit - n - 1) do
      n = n + 1
      result[n] = number
    end
    run, offset = run + 1, 0
  end
  return result
end

-- Calls visit(first, last) for each run of consecutive numbers, in order.
function rows:runs(visit)
  for run = 1, #self.first do
    visit(self.first[run], self.last[run])
  end
end

return rows
