-- attach_files.lua: uploads files side by side and attaches them to a record; what is attached already stays.
--
--     FUSIOO_ACCESS_TOKEN=... lua5.4 examples/attach_files.lua RECORD_ID FIELD_ID PATH...
--
-- To try it without spending calls, start `fusioo-emulator` (in a checkout: `make emulator`) in another terminal; it
-- prints the values of FUSIOO_BASE_URL and FUSIOO_ACCESS_TOKEN that point a script at it.
--
-- Costs a call for each file, and three for the record. The record changes only when all files are there; otherwise
-- the script says which ones the service has, under which ids.

local fusioo = require "fusioo"

local function fail(...)
  error(string.format(...), 0)
end

-- The ids of the files in a record's field. Files are read as objects and written as ids.
local function attached(record, field_id)
  local value, ids = record[field_id], fusioo.array{}
  if value == nil or value == fusioo.null then return ids end
  if not fusioo.is_array(value) then fail("the field %s holds no files, but %s", field_id, tostring(value)) end
  for i, file in ipairs(value) do
    ids[i] = type(file) == "table" and file.id or file
    if type(ids[i]) ~= "string" then fail("the field %s holds something else than files", field_id) end
  end
  return ids
end

-- A missing file is found before the first one is on its way.
local function check(paths)
  for _, path in ipairs(paths) do
    local file, why = io.open(path, "rb")
    if not file or not file:read(0) and file:seek("end") ~= 0 then fail("cannot read %s", why or path) end
    file:close()
  end
end

-- Uploads all of them. Returns their ids, a line about each, and how many failed.
local function upload(client, paths)
  local jobs, ids, lines = {}, {}, {}
  for i, path in ipairs(paths) do
    jobs[i] = function() return client:create_file(path) end
  end
  for i, result in ipairs(fusioo.all(jobs)) do
    local file, err = result.value, result.err
    if file then
      ids[#ids + 1] = file.id
      lines[i] = ("uploaded %s: %s"):format(paths[i], file.id)
    else
      lines[i] = ("%s %s: %s"):format(type(err) == "table" and err.maybe_done and "may be there, or not:" or "failed",
        paths[i], tostring(err))
    end
  end
  return ids, lines, #paths - #ids
end

local function attach(record_id, field_id, paths)
  check(paths)
  local client = fusioo.new()
  local record, err = client:get_record(record_id)
  if not record then error(err, 0) end
  attached(record, field_id)

  local ids, lines, failures = upload(client, paths)
  print(table.concat(lines, "\n"))
  if failures > 0 then
    fail("%d of %d files failed; the record is as it was, what was uploaded is attached to nothing", failures, #paths)
  end

  -- Uploads can take long, and others work meanwhile: what stands in the field now is what must stay.
  record, err = client:get_record(record_id)
  local all = record and attached(record, field_id)
  for _, id in ipairs(record and ids or {}) do all[#all + 1] = id end
  if record then record, err = client:update_record(record_id, {[field_id] = all}) end
  if not record then fail("%s\nthe files are uploaded (see above), but not attached", tostring(err)) end
  print(("%s of %s: %d files, %d of them new"):format(field_id, record_id, #all, #ids))
end

local ok, err = pcall(function()
  if #arg < 3 then fail "usage: attach_files.lua RECORD_ID FIELD_ID PATH..." end
  attach(arg[1], arg[2], {(unpack or table.unpack)(arg, 3)})
end)
if not ok then
  io.stderr:write("attach_files: ", tostring(err), "\n")
  os.exit(1)
end
