-- Which records a request for a page, or for a count, is about.
--
-- Owns: sorting, and the compact arrays that remember filtered and sorted orders while rows do not change.
-- Must not know: HTTP, the text of records.
--
-- Without filter and sort_by nothing is remembered: the rows answer by themselves. Otherwise
--   * a sorted order is an array of record numbers by (value, number), 4 bytes each. When rows come and go it is
--     mended, not made again: new numbers, and those whose values were written, are inserted by binary search, those
--     that went are skipped;
--   * a filter remembers its verdict on each number, 1 byte each.

local ffi = require "ffi"
local filter = require "fusioo.emulator.filter"
local values = require "fusioo.emulator.values"

local query = {}

local KEEP = 8 -- remembered filters, and sorted orders, of one app

local NOT_SORTABLE = {
  text_area = true, list = true, app_link = true, user_link = true, file = true, image = true,
}

-- Whether a page can be sorted by this field.
function query.sortable(field)
  return not NOT_SORTABLE[field.type]
end

-- What stands for null and absent in a sorted order: less than every value of the field. Only a look at
-- values tells whether a formula gives texts or numbers.
local function least(field)
  if field.type == "date_time" then return -math.huge end
  for number = 0, 999 do
    local sample = values.read(field.made(number))
    if sample ~= nil then return type(sample) == "string" and "" or -math.huge end
  end
  return -math.huge
end

-- record number -> something that `<` orders.
local function sort_key(field)
  local value, none, is_time = field.value, least(field), field.type == "date_time"
  return function(number)
    local v = values.read(value(number))
    if v == nil then return none end
    if is_time then return type(v) == "string" and values.seconds(v) or none end
    if v == true then v = 1 elseif v == false then v = 0 end
    if type(v) ~= type(none) then return none end -- written where nothing is validated
    return v
  end
end

-- Merges from[low..middle-1] and from[middle..high-1], each in order of keys, into to[low..high-1].
local function merge(from, to, keys, low, middle, high)
  local a, b = low, middle
  for i = low, high - 1 do
    if a < middle and (b >= high or not (keys[from[b]] < keys[from[a]])) then
      to[i] = from[a]
      a = a + 1
    else
      to[i] = from[b]
      b = b + 1
    end
  end
end

-- The numbers 0 to n - 1 in order of (key, number), as an int32 array with room for `room`.
local function sorted_numbers(n, key, room)
  local keys = {}
  local from, to = ffi.new("int32_t[?]", room), ffi.new("int32_t[?]", room)
  for number = 0, n - 1 do
    keys[number] = key(number)
    from[number] = number
  end
  local width = 1
  while width < n do
    for low = 0, n - 1, 2 * width do
      merge(from, to, keys, low, math.min(low + width, n), math.min(low + 2 * width, n))
    end
    from, to, width = to, from, 2 * width
  end
  return from
end

-- Inserts a number into a sorted order.
local function insert_sorted(order, number)
  local key = order.key(number)
  local low, high = 0, order.n
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = order.numbers[middle]
    local other_key = order.key(other)
    if key < other_key or key == other_key and number < other then high = middle else low = middle + 1 end
  end
  if order.n == order.room then
    local room = order.room * 2
    local wider = ffi.new("int32_t[?]", room)
    ffi.copy(wider, order.numbers, 4 * order.n)
    order.numbers, order.room = wider, room
  end
  for i = order.n, low + 1, -1 do order.numbers[i] = order.numbers[i - 1] end
  order.numbers[low] = number
  order.n = order.n + 1
end

-- Puts a number whose value has changed where it belongs now.
local function mend_sorted(order, number)
  if number >= order.known then return end -- it is not in there yet
  local numbers, place = order.numbers, 0
  while numbers[place] ~= number do place = place + 1 end
  order.n = order.n - 1
  for i = place, order.n - 1 do numbers[i] = numbers[i + 1] end
  insert_sorted(order, number)
end

-- A remembered thing of an app, made by `create` where it is not there; the oldest one makes room.
local function remembered(app, name, create)
  local kept = app.indexes
  for i = 1, #kept do
    if kept[i].name == name then
      table.insert(kept, table.remove(kept, i))
      return kept[#kept].thing
    end
  end
  local thing = create()
  if #kept == 2 * KEEP then table.remove(kept, 1) end
  kept[#kept + 1] = { name = name, thing = thing }
  return thing
end

-- The sorted order of all records that there have been, up to date.
local function sorted_order(app, field)
  local order = remembered(app, "sort " .. field.id, function()
    local n, key = app.next_number, sort_key(field)
    local room = n + 1024
    return { key = key, n = n, known = n, room = room, numbers = sorted_numbers(n, key, room), mend = mend_sorted }
  end)
  for number = order.known, app.next_number - 1 do insert_sorted(order, number) end
  order.known = app.next_number
  return order
end

-- A function from record number to true or false that remembers its verdicts.
local function verdicts(app, text, version, test)
  local thing = remembered(app, "filter " .. (version < 3 and "2" or "3") .. text, function()
    local room = app.next_number + 1024
    local known = ffi.new("uint8_t[?]", room)
    local function mend(_, number)
      if number < room then known[number] = 0 end
    end
    return { mend = mend, holds = function(number)
      if number >= room then
        local wider = ffi.new("uint8_t[?]", 2 * number)
        ffi.copy(wider, known, room)
        known, room = wider, 2 * number
      end
      local verdict = known[number]
      if verdict == 0 then
        verdict = test(number) and 2 or 1
        known[number] = verdict
      end
      return verdict == 2
    end }
  end)
  return thing.holds
end

-- Calls visit(number) for each record that is there, in the order asked for, until it returns true.
local function walk(app, plan, visit)
  local gone = app.gone
  if not plan.field then
    local first, last = app.rows.first, app.rows.last
    local from, to, step = 1, #first, 1
    if plan.descending then from, to, step = to, from, -1 end
    for run = from, to, step do
      local a, b = first[run], last[run]
      if plan.descending then a, b = b, a end
      for number = a, b, step do
        if visit(number) then return end
      end
    end
    return
  end
  local order = sorted_order(app, plan.field)
  local numbers, from, to, step = order.numbers, 0, order.n - 1, 1
  if plan.descending then from, to, step = to, from, -1 end
  for i = from, to, step do
    local number = numbers[i]
    if not gone[number] and visit(number) then return end
  end
end

-- To be called after values of a record were written: what is remembered of them is mended.
function query.written(app, number)
  for _, kept in ipairs(app.indexes) do
    if kept.thing.mend then kept.thing.mend(kept.thing, number) end
  end
end

-- A text that tells plans of an app apart.
function query.name(plan)
  return table.concat({ plan.field and plan.field.id or "", plan.descending and "desc" or "asc",
    plan.filter or "" }, " ")
end

-- The numbers that a plan with filter or order stands for, remembered until rows change.
local function result(app, plan)
  local kept = remembered(app, "result " .. query.name(plan), function() return { changes = -1 } end)
  if kept.changes == app.changes then return kept end
  local numbers, n = ffi.new("int32_t[?]", math.max(app.rows.count, 1)), 0
  local test = plan.filter and verdicts(app, plan.filter, plan.version, plan.test)
  walk(app, plan, function(number)
    if not test or test(number) then
      numbers[n] = number
      n = n + 1
    end
  end)
  kept.numbers, kept.n, kept.changes = numbers, n, app.changes
  return kept
end

-- A plan: what a request asks for. `filter_text`: JSON or nil; `sort_by`: a field id or nil;
-- `order`: "asc", "desc" or nil. Returns nil and a message where it cannot be done.
function query.plan(app, version, filter_text, sort_by, order)
  local plan = { filter = filter_text, version = version }
  if filter_text then
    local why
    plan.test, why = filter.compile(app, filter_text, version)
    if not plan.test then return nil, why end
  end
  if order and order ~= "asc" and order ~= "desc" then return nil, "order must be asc or desc" end
  if sort_by then
    local field = app.by_id[sort_by]
    if not field or field.file and version < 3 then
      return nil, "sort_by: unknown field " .. tostring(sort_by)
    end
    if not query.sortable(field) then
      return nil, "sort_by: fields of type " .. field.type .. " cannot be sorted by: " .. sort_by
    end
    plan.field = field
  end
  plan.descending = order == "desc"
  return plan
end

-- How many records a plan is about.
function query.count(app, plan)
  if not plan.filter then return app.rows.count end
  return result(app, plan).n
end

-- Up to `limit` record numbers of a plan after skipping some, as an array.
function query.page(app, plan, skip, limit)
  if not plan.filter and not plan.field and not plan.descending then
    return app.rows:slice(skip, limit)
  end
  local kept, page = result(app, plan), {}
  for i = skip, math.min(skip + limit, kept.n) - 1 do
    page[#page + 1] = kept.numbers[i]
  end
  return page
end

return query
