-- The soak's operations on files.
--
-- Owns: these. Must not know: records, what is really there. An operation takes a context.

local content = require "spec.soak.content"
local shared = require "spec.support.files"

local files = {}

local LARGEST = 300000 -- bytes, more than the library keeps at once

-- A name in the worker's folder that was not used before.
local function new_path(context)
  context.files = context.files + 1
  return ("%s/%d"):format(context.plan.folder, context.files)
end

local sources = {}

function sources.data(_, name, bytes) return { name = name, data = bytes } end

function sources.reader(context, name, bytes)
  return { name = name, size = #bytes, read = shared.reader(bytes, context.random(100000)) }
end

function sources.path(context, name, bytes)
  local folder = new_path(context)
  os.execute("mkdir " .. folder)
  return shared.write(folder .. "/" .. name, bytes), folder
end

function files.create(context)
  local seed = context.random(1000000)
  local size = context:once_in(4) and context.random(LARGEST) or context.random(3000) - 1
  local entry = context.model:begin("file", { seed = seed, size = size })
  local way = context:one_of { "data", "reader", "data", "reader", "path" }
  local source, folder = sources[way](context, entry.key, content.bytes(seed, size))
  local file, err = context:client("v3"):create_file(source)
  if folder then os.execute("rm -r " .. folder) end
  context:ended("create_file", err)
  context.model:created_as(entry, file, err)
end

local function with_file(work)
  return function(context)
    local entry = context.model:pick("file", context.random)
    if not entry then return files.create(context) end
    entry.busy = true
    local ok, err = pcall(work, context, entry)
    entry.busy = nil
    if not ok then error(err, 0) end
  end
end

files.get = with_file(function(context, entry)
  local file, err = context:client("v3"):get_file(entry.id)
  if context:ended("get_file", err) and (file.name ~= entry.key or file.size ~= entry.size) then
    context.model:differ("%s came as '%s', %s bytes", entry.key, tostring(file.name), tostring(file.size))
  end
end)

-- ---- Downloads ----

-- What came: the whole file where there is no error, else its beginning, or nothing under its name.
local function check(context, entry, err, got, may_be_part)
  local truth = content.bytes(entry.seed, entry.size)
  if err == nil then
    if got ~= truth then context.model:differ("%s: other bytes came", entry.key) end
  elseif may_be_part and truth:sub(1, #got) ~= got then
    context.model:differ("%s: a sink got other bytes", entry.key)
  elseif not may_be_part and got ~= nil then
    context.model:differ("%s: a failed download left something", entry.key)
  end
end

local sinks = {}

function sinks.memory(context, client, entry)
  local bytes, err = client:download_file(entry.id)
  check(context, entry, err, bytes)
  return err
end

sinks["function"] = function(context, client, entry)
  local chunks = {}
  local _, err = client:download_file(entry.id, function(chunk) chunks[#chunks + 1] = chunk end)
  check(context, entry, err, table.concat(chunks), true)
  return err
end

function sinks.path(context, client, entry)
  local path = new_path(context)
  local _, err = client:download_file(entry.id, path)
  check(context, entry, err, shared.read(path))
  os.remove(path)
  return err
end

files.download = with_file(function(context, entry)
  local way = context:one_of { "memory", "function", "path" }
  context:ended("download_file", sinks[way](context, context:client("v3"), entry))
end)

files.delete = with_file(function(context, entry)
  if context.model:count("file") < 10 then return end
  local _, err = context:client("v3"):delete_file(entry.id)
  context:ended("delete_file", err)
  context.model.deleted(entry, err)
end)

return files
