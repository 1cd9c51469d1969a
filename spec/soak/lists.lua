-- The soak's operations that read many things at once.
--
-- Owns: these, and what a list must hold: of the rows that nobody touches all those between the first and the last that
-- came, once and in their order, whatever comes and goes around them. Must not know: who writes. An operation takes a
-- context.

local lists = {}

-- The queries; plan.expected holds for each of them the ids of the rows that nobody touches, in order.
lists.QUERIES = {
  plain = {}, where = { where = { approved = true } }, sorted = { sort_by = "title", order = "asc" },
  both = { where = { approved = true }, sort_by = "title", order = "asc" },
}

local function query_of(context, name)
  local query = {
    page_size = context:one_of { 200, 200, 100, 50, 20 }, concurrency = context.random(6),
    expect = context:once_in(4) and context.random(1500) or nil,
    limit = context:once_in(5) and context.random(900) or nil,
    offset = context:once_in(6) and context.random(300) or nil,
  }
  for key, value in pairs(lists.QUERIES[name]) do query[key] = value end
  return query
end

-- Places of ids in a list that stays the same.
local places = setmetatable({}, { __mode = "k" })
local function places_of(expected)
  if not places[expected] then
    places[expected] = {}
    for i, id in ipairs(expected) do places[expected][id] = i end
  end
  return places[expected]
end

-- What is wrong with the ids that came; nil where nothing is. `whole`: the list came to its end.
local function fault_in(context, ids, expected, whole, from_start)
  local known, place_of, last = {}, places_of(expected), from_start and 0 or nil
  for _, id in ipairs(ids) do
    if known[id] then return id .. " came twice" end
    known[id] = true
    local place = place_of[id]
    if place then
      if last and place ~= last + 1 then return ("row %d came after row %d"):format(place, last) end
      last = place
    end
  end
  if not whole or last == #expected then return nil end
  if last == #expected - 1 and ids[#ids] == expected[last] then
    context.gaps = context.gaps + 1 -- the README's one case that is left
    return nil
  end
  return ("the last row is %s, not %d"):format(tostring(last), #expected)
end

-- Leaves the loop after `stop` records, where that is a number.
local ways = {}

function ways.records(client, app, query, ids, stop)
  for record in client:records(app, query) do
    ids[#ids + 1] = record.id
    if #ids == stop then return end
  end
end

function ways.pages(client, app, query, ids, stop)
  for page in client:pages(app, query) do
    for _, record in ipairs(page) do ids[#ids + 1] = record.id end
    if stop and #ids >= stop then return end
  end
end

function ways.list(client, app, query, ids)
  local list, err = client:app(app):list(query)
  if not list then error(err, 0) end
  for i, record in ipairs(list) do ids[i] = record.id end
end

function lists.iterate(context)
  local name = context:one_of { "plain", "plain", "where", "sorted", "both" }
  local way = context:one_of { "records", "records", "pages", "list" }
  local query, ids = query_of(context, name), {}
  local stop = way ~= "list" and context:once_in(4) and context.random(700) or nil
  local ok, err = pcall(ways[way], context:client(), context.apps.projects, query, ids, stop)
  if not ok and type(err) == "table" and err.kind == "moved" then
    context.moved = context.moved + 1
    err = nil
    context:ended("moved")
  else
    context:ended(way, not ok and err or nil)
  end
  local whole = ok and not query.limit and not (stop and #ids >= stop)
  local wrong = fault_in(context, ids, context.plan.expected[name], whole, not query.offset)
  if query.limit and #ids > query.limit then wrong = "more than the limit" end
  if wrong then
    context.model:differ("%s, %s, page_size %d, concurrency %d, expect %s, offset %s: %s (%d records; %s)", way, name,
      query.page_size, query.concurrency, tostring(query.expect), tostring(query.offset), wrong, #ids, tostring(err))
  end
end

function lists.count(context)
  local name = context:one_of { "plain", "where" }
  local count, err = context:client():record_count(context.apps.projects, lists.QUERIES[name].where)
  if context:ended("count", err) and count < #context.plan.expected[name] then
    context.model:differ("%d records are counted, %s", count, name)
  end
end

function lists.get_records(context)
  local offset = context.random(#context.plan.expected.plain)
  local page, err = context:client():get_records(context.apps.projects, { limit = 50, offset = offset })
  if context:ended("get_records", err) then
    local ids = {}
    for i, record in ipairs(page) do ids[i] = record.id end
    local wrong = fault_in(context, ids, context.plan.expected.plain, false)
    if wrong then context.model:differ("get_records: %s", wrong) end
  end
end

local function ids_of(list)
  local ids = {}
  for i, one in ipairs(list) do ids[i] = one.id end
  return table.concat(ids, " ")
end

function lists.users(context)
  local list, err = {}
  if context:once_in(2) then
    list, err = context:client("v3"):get_users()
  else
    local ok, raised = pcall(function()
      for user in context:client("v3"):users { page_size = 7 } do list[#list + 1] = user end
    end)
    err = not ok and raised or nil
  end
  if context:ended("users", err) and ids_of(list) ~= ids_of(context.plan.users) then
    context.model:differ("other users came")
  end
end

function lists.small(context)
  local client, name = context:client(), context:one_of { "ping", "get_apps", "get_app", "request" }
  local value, err
  if name == "get_app" then
    value, err = client:get_app(context.apps.projects)
  elseif name == "request" then
    value, err = client:request("GET", "/apps")
    err = value == nil and err or nil
  else
    value, err = client[name](client)
  end
  if context:ended(name, err) and not value then context.model:differ("%s: no value", name) end
end

return lists
