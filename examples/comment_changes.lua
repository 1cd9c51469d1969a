-- comment_changes.lua: says in each changed record's discussion which fields changed since the last run, once a change.
--
--     FUSIOO_ACCESS_TOKEN=... lua5.4 examples/comment_changes.lua APP_ID STATE_FILE
--
-- To try it without spending calls, start `fusioo-emulator` (in a checkout: `make emulator`) in another terminal; it
-- prints the values of FUSIOO_BASE_URL and FUSIOO_ACCESS_TOKEN that point a script at it.
--
-- The first run only learns the records; each later one reads from the newest change back to what it knows. Two
-- runs at the same time would comment twice: from cron, call it under `flock -n STATE_FILE.lock`. The state file holds
-- a copy of the records: fine for some ten thousand.

local fusioo = require "fusioo"

local function fail(...)
  error(string.format(...), 0)
end

-- As assert, whose error Lua 5.1 wants to be a string.
local function must(value, err)
  if not value then error(err, 0) end
  return value
end

-- ---- The state ----

-- {app =, newest = last_modified, records = {id = record}, discussions = {record id = discussion id}, open = {{record
-- =, message =}, ...}}. `open`: messages that were to be written, and may have been.
local function load(path, app_id)
  local file = io.open(path, "rb")
  if not file then return {app = app_id, records = {}, discussions = {}, open = fusioo.array{}} end
  local state = fusioo.json.decode(file:read("*a"))
  file:close()
  if type(state) ~= "table" or not (state.records and state.discussions and state.open) then
    fail("%s is no state file of this script; remove it to begin anew", path)
  end
  if state.app ~= app_id then fail("%s belongs to the app %s", path, tostring(state.app)) end
  return state
end

-- Whole or not at all.
local function save(path, state)
  local file = assert(io.open(path .. ".new", "wb"))
  assert(file:write(must(fusioo.json.encode(state))))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- ---- What changed ----

local function is_same(a, b)
  if a == nil then a = fusioo.null end
  if b == nil then b = fusioo.null end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key in pairs(a) do
    if not is_same(a[key], b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- The message about a record, or nil: a record that changed in nothing that its fields show is not worth one.
local function message_of(app, old, new)
  if not old then return "New record, " .. new.last_modified end
  if is_same(old, new) then return nil end
  local names = {}
  for _, field in ipairs(must(app:schema()).fields) do
    if not is_same(old[field.id], new[field.id]) then names[#names + 1] = field.name end
  end
  return names[1] and ("Changed, %s: %s"):format(new.last_modified, table.concat(names, ", "))
end

-- Brings the state's records up to date; returns the messages that this calls for.
local function find_changes(app, state)
  local is_first, newest, changes = state.newest == nil, nil, {}
  -- One page ahead of what is needed is enough, once there is an end to what is needed.
  for record in app:records{sort_by = "last_modified", order = "desc", concurrency = is_first and 4 or 1} do
    newest = newest or record.last_modified
    local known = state.records[record.id]
    -- Everything older than this one was read before. Only of the newest moment there may be more than was seen.
    local is_old = known and known.last_modified == record.last_modified
    if is_old and record.last_modified ~= state.newest then break end
    local message = not is_first and message_of(app, known, record)
    if message then changes[#changes + 1] = {record = record.id, message = message} end
    state.records[record.id] = record
  end
  state.newest = newest or state.newest or ""
  return changes, is_first
end

-- ---- Saying so ----

-- Writes a message where the record's earlier ones are. Returns something true, or nil and an error.
local function post(client, state, change)
  local id = state.discussions[change.record]
  if id then
    local comment, err = client:create_comment(id, change.message)
    if comment or err.kind ~= "not_found" then return comment, err end -- not found: somebody deleted the discussion
  end
  local discussion, err = client:create_discussion(change.record, change.message)
  if not discussion then return nil, err end
  state.discussions[change.record] = discussion.id
  return discussion
end

-- Is the message of an earlier run there? Its answer may have been lost, or the script killed.
local function is_posted(client, state, change)
  local function has(said) return type(said.message) == "string" and said.message:find(change.message, 1, true) end
  for discussion in client:discussions(change.record) do
    if has(discussion) then
      state.discussions[change.record] = discussion.id
      return true
    elseif discussion.id == state.discussions[change.record] then
      for _, comment in ipairs(must(client:get_discussion(discussion.id)).comments or {}) do
        if has(comment) then return true end
      end
    end
  end
  return false
end

-- Works off messages; returns those that are still open. Those of an earlier run (`is_doubtful`) are looked for first.
local function post_all(client, state, changes, is_doubtful)
  local jobs, open = {}, fusioo.array{}
  for i, change in ipairs(changes) do
    jobs[i] = function()
      if is_doubtful and is_posted(client, state, change) then return true end
      return post(client, state, change)
    end
  end
  for i, result in ipairs(fusioo.all(jobs, is_doubtful and 1 or 4)) do
    local is_gone = result.err and result.err.kind == "not_found" -- nothing is left to comment on
    if result.err then io.stderr:write(("%s: %s\n"):format(changes[i].record, tostring(result.err))) end
    if result.err and not is_gone then open[#open + 1] = changes[i] end
  end
  if #changes > 0 then print(("%d of %d messages written"):format(#changes - #open, #changes)) end
  return open
end

local function run(app_id, path)
  local client, state = fusioo.new(), load(path, app_id)
  local still_open = post_all(client, state, state.open, true)
  local changes, is_first = find_changes(client:app(app_id), state)
  print(is_first and "first run: learned what is there" or ("%d records changed"):format(#changes))

  -- First written down, then said: whatever happens in between, the next run knows what to look for.
  state.open = fusioo.array{}
  for _, list in ipairs{still_open, changes} do
    for _, change in ipairs(list) do state.open[#state.open + 1] = change end
  end
  save(path, state)
  for _, change in ipairs(post_all(client, state, changes)) do still_open[#still_open + 1] = change end
  state.open = still_open
  save(path, state)
  if #still_open > 0 then fail("%d messages are not written, or not surely: run this again to go on", #still_open) end
end

local ok, err = pcall(function()
  if #arg ~= 2 then fail "usage: comment_changes.lua APP_ID STATE_FILE" end
  run(arg[1], arg[2])
end)
if not ok then
  io.stderr:write("comment_changes: ", tostring(err), "\n")
  os.exit(1)
end
