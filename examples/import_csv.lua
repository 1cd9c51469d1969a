-- import_csv.lua: creates a record for each row of a CSV file, side by side, none of them twice.
--
--     FUSIOO_ACCESS_TOKEN=... lua5.4 examples/import_csv.lua APP_ID FILE.csv
--
-- To try it without spending calls, start `fusioo-emulator` (in a checkout: `make emulator`) in another terminal; it
-- prints the values of FUSIOO_BASE_URL and FUSIOO_ACCESS_TOKEN that point a script at it.
--
-- The first line names the columns' fields, by id or by name. All rows are checked before the first is sent. Rows that
-- fail go to FILE.csv.failed.csv, and the next run of the same command takes just those. Rows that may or may not have
-- been created (the answer was lost, or the script was killed) go to FILE.csv.unclear.csv and are never sent again by
-- itself: look for them in the app, move those that are missing to FILE.csv.failed.csv, remove the rest.

local fusioo = require "fusioo"

local SEPARATOR = ","      -- of cells; some spreadsheets write ";"
local LIST_SEPARATOR = ";" -- of the choices, links or users within one cell

local function fail(...)
  error(string.format(...), 0)
end

-- ---- CSV and files ----

-- The quoted cell that begins at `at`, and the place behind it.
local function quoted_cell(text, at, line)
  local parts = {}
  repeat
    local stop = text:find('"', at + 1, true) or fail("line %d: a quote is not closed", line)
    parts[#parts + 1] = text:sub(at + 1, stop - 1)
    at = stop + 1
  until text:sub(at, at) ~= '"'
  return table.concat(parts, '"'), at
end

-- Rows as arrays of cells; `line` is where a row begins. Rows without any text are left out.
local function parse(text)
  if text:sub(-1) ~= "\n" then text = text .. "\n" end
  local rows, row, line, at = {}, {line = 1}, 1, text:match("^\239\187\191()") or 1 -- behind a byte order mark
  while at <= #text do
    local cell, after
    if text:sub(at, at) == '"' then
      cell, after = quoted_cell(text, at, line)
    else
      cell, after = text:match("^([^\r\n" .. SEPARATOR .. "]*)()", at)
    end
    row[#row + 1] = cell
    line = line + select(2, cell:gsub("\n", ""))
    if text:sub(after, after) == SEPARATOR then
      at = after + 1
    else
      at = text:match("^\r?\n()", after) or fail("line %d: a cell goes on behind its closing quote", line)
      if table.concat(row) ~= "" then rows[#rows + 1] = row end
      line = line + 1
      row = {line = line}
    end
  end
  return rows
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text and parse(text)
end

-- Writes rows below their head, whole or not at all; without rows there is no file.
local function write(path, head, rows)
  if #rows == 0 then return os.remove(path) end
  local file = assert(io.open(path .. ".new", "wb"))
  for i = 0, #rows do
    local cells = {}
    for j, cell in ipairs(rows[i] or head) do
      cells[j] = cell:find('["\r\n' .. SEPARATOR .. "]") and '"' .. cell:gsub('"', '""') .. '"' or cell
    end
    assert(file:write(table.concat(cells, SEPARATOR), "\n"))
  end
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- ---- From cells to values ----

local BOOLEANS = {["true"] = true, yes = true, ["1"] = true, ["false"] = false, no = false, ["0"] = false}

local of = {} -- a field's type → the value that a text stands for; what stands for none stays text, for app:check

function of.number(text)
  local number = text:find("^[-+]?%.?%d[%d.eE+-]*$") and tonumber(text)
  -- Whole numbers that this Lua cannot hold exactly are no numbers either.
  if not number or text:find("^%-?%d+$") and #text > 15 and fusioo.json.encode(number) ~= text then return text end
  return number
end

function of.checkbox(text)
  local value = BOOLEANS[text:lower()]
  if value == nil then return text end
  return value
end

function of.list(text)
  local items = fusioo.array{}
  for item in text:gmatch("[^" .. LIST_SEPARATOR .. "]+") do items[#items + 1] = item:match("^%s*(.-)%s*$") end
  return items
end

of.currency, of.app_link, of.user_link, of.file, of.image = of.number, of.list, of.list, of.list, of.list

-- What a row is as a record; empty cells are left out. Or nil and what is wrong.
local function record_of(app, columns, row)
  if #row ~= #columns then return nil, ("%d cells, but %d columns"):format(#row, #columns) end
  local record = {}
  for i, field in ipairs(columns) do
    if row[i] ~= "" then record[field.id] = (of[field.type] or tostring)(row[i]) end
  end
  local ok, err = fusioo.json.encode(record) -- is it UTF-8?
  if ok then ok, err = app:check(record) end
  return ok and record, err
end

-- ---- The import ----

-- The fields that the header line names. A name that no field has is an error, before anything is sent.
local function columns_of(app, head)
  local columns, seen = {}, {}
  for i, name in ipairs(head) do
    columns[i] = app:field(name) or fail("line 1: %s", select(2, app:field(name)).message)
    if seen[columns[i].id] then fail("line 1: the field %s stands there twice", columns[i].id) end
    seen[columns[i].id] = true
  end
  return columns
end

-- The rows as records, or an error after all bad lines were told.
local function records_of(app, path, head, rows)
  local columns, records, bad = columns_of(app, head), {}, 0
  for i, row in ipairs(rows) do
    local record, why = record_of(app, columns, row)
    records[i] = record
    if not record then
      bad = bad + 1
      io.stderr:write(("%s:%d: %s\n"):format(path, row.line, type(why) == "table" and why.message or why))
    end
  end
  if bad > 0 then fail("%s: %d of %d rows are wrong; nothing was sent", path, bad, #rows) end
  return records
end

-- What is to be sent: its path, its rows, the unclear rows of earlier runs.
local function open(path, failed_path, unclear_path)
  local rows, unclear = read(failed_path), read(unclear_path) or {}
  if unclear[2] and not rows then
    fail("look for the rows of %s in the app; move those that are missing to %s, remove the rest", unclear_path,
      failed_path)
  end
  table.remove(unclear, 1)
  if rows then return failed_path, rows, unclear end
  return path, read(path) or fail("%s: cannot be read", path), unclear
end

local function import(app_id, path)
  local base = path:match("^(.+)%.failed%.csv$") or path -- either name goes on with what failed
  local failed_path, unclear_path = base .. ".failed.csv", base .. ".unclear.csv"
  local source, rows, unclear = open(path, failed_path, unclear_path)
  local head = table.remove(rows, 1) or fail("%s: there is no header line", source)
  local client = fusioo.new{on_event = function(event)
    if event.type == "wait" then print(("waiting %.0f s: %s"):format(event.seconds, event.why)) end
  end}
  local app = client:app(app_id)
  local _, err = app:schema()
  if err then error(err, 0) end
  local records = records_of(app, source, head, rows)
  local budget = client:budget()
  print(("%s: %d rows are %d calls; the window has %d of %d left%s"):format(source, #rows, #rows, budget.remaining,
    budget.calls, #rows > budget.remaining and ", so some rows will wait for it" or ""))

  -- Whoever kills the script leaves behind which rows were on their way.
  local before = #unclear
  for _, row in ipairs(rows) do unclear[#unclear + 1] = row end
  write(unclear_path, head, unclear)
  os.remove(failed_path)
  local results = app:create_all(records)
  for i = #unclear, before + 1, -1 do unclear[i] = nil end

  local failed = {}
  for i, result in ipairs(results) do
    if result.err then
      local to = result.err.maybe_done and unclear or failed
      to[#to + 1] = rows[i]
      io.stderr:write(("%s:%d: %s\n"):format(source, rows[i].line, tostring(result.err)))
    end
  end
  write(failed_path, head, failed)
  write(unclear_path, head, unclear)
  local lost = #unclear - before
  print(("%d created, %d failed, %d unclear"):format(#rows - #failed - lost, #failed, lost))
  if lost > 0 then io.stderr:write(("%d rows may be there or not: see %s\n"):format(lost, unclear_path)) end
  if #failed > 0 then fail("%d rows failed: run this again to send just those, kept in %s", #failed, failed_path) end
  if lost > 0 then fail "not all is done" end
end

local ok, err = pcall(function()
  if #arg ~= 2 then fail "usage: import_csv.lua APP_ID FILE.csv" end
  import(arg[1], arg[2])
end)
if not ok then
  io.stderr:write("import_csv: ", tostring(err), "\n")
  os.exit(1)
end
