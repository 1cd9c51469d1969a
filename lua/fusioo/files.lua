--- Methods of the guide that move a file's bytes, and those about files. From v3 on.
--
-- Owns the moving of chunks between the core and sources (`fusioo.source`) and sinks (`fusioo.sink`), so that memory
-- does not grow with the file. Must not know HTTP.

local invoke = require "fusioo.invoke"
local options = require "fusioo.options"
local scheduler = require "fusioo.scheduler"
local sinks = require "fusioo.sink"
local sources = require "fusioo.source"

local files = {}

local MAX_BODY = 64 * 1024 * 1024 -- bytes that a file without a sink may have

-- ---- Moving chunks ----

local function is_ready(call)
  return call:ready()
end

-- Lua 5.1 cannot yield across pcall, and in a coroutine a user's function may make calls of its own.
local is_stuck = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local function calls_plainly()
  return is_stuck and coroutine.running() ~= nil
end

local function after_pcall(call, ok, ...)
  if not ok then
    call:cancel()
    error((...), 0)
  end
  return ...
end

-- Runs a function of the user's; what it raises ends the call first.
local function run_for(call, f, ...)
  if calls_plainly() then return f(...) end
  return after_pcall(call, pcall(f, ...))
end

local function tell_progress(client, call)
  if client._on_event then
    local done, total = call:progress()
    run_for(call, client._on_event, {type = "progress", done = done, total = total, tag = client._options.tag})
  end
end

-- Waits until the call has something to give or take, or has ended.
local function wait(client, call)
  scheduler.wait(call, client._runtime, client.engine, is_ready)
end

-- ---- Up ----

local function feed(client, call, source)
  while not call:done() do
    local offset = call:wants()
    if offset then
      local chunk, why = run_for(call, source.read, source, offset)
      if not chunk then
        call:give_up(why)
      else
        local ok, err = call:give(chunk)
        if not ok then call:give_up(err.message) end
        tell_progress(client, call)
        scheduler.pause(call)
      end
    else
      wait(client, call)
    end
  end
end

local function upload(client, source)
  local ok, err = sources.check_name(source.name)
  if not ok then return nil, err end
  scheduler.check(client._runtime)
  local call
  call, err = client._core:upload{name = source.name, size = source.size, rewindable = source.rewindable}
  if not call then return nil, err end
  feed(client, call, source)
  local file
  file, err = call:data()
  call:free()
  return file, err
end

--- CreateFile: uploads a file; its id goes into a file field of a record. From v3 on. Never sent twice, unless the
-- service certainly did not take it. Counts as one call, however large.
-- @param source a path; or `{name =, data =}`; or `{name =, size =, read = function() → chunk or nil}` with the size in
-- bytes (such a source cannot be begun again after a 429 or an expired token)
-- @return file, `{id =, name =, size =, ...}`, or nil and an error (`invalid` where the source cannot be read)
-- @usage local file = assert(client:create_file("/tmp/plan.pdf"))
-- assert(client:update_record(record.id, {plans = {file.id}}))
function files:create_file(source)
  local opened, err = sources.open(source)
  if not opened then return nil, err end
  if calls_plainly() then
    local file
    file, err = upload(self, opened)
    opened:close()
    return file, err
  end
  local ok, file
  ok, file, err = pcall(upload, self, opened)
  opened:close()
  if not ok then error(file, 0) end
  return file, err
end

-- ---- Down ----

-- Moves what comes into the sink until the file is whole.
local function drain(client, call, sink)
  while true do
    local chunk, why = call:take()
    local ok, err = true, nil
    if chunk then
      ok, err = run_for(call, sink.write, sink, chunk)
      tell_progress(client, call)
      scheduler.pause(call)
    elseif why == "wait" then
      wait(client, call)
    elseif why == "restart" then
      ok, err = sink:restart()
    elseif why == "end" then
      return sink:finish()
    else
      ok, err = nil, why
    end
    if not ok then return nil, err end
  end
end

local function download(client, file_id, sink)
  scheduler.check(client._runtime)
  local is_disk = type(sink) == "string"
  local call, err = client._core:download(file_id, sink == nil or is_disk)
  if not call then return nil, err end
  local opened
  opened, err = sinks.open(sink, client._options.max_body or MAX_BODY)
  if not opened then
    call:free() -- nothing was sent yet
    return nil, err
  end
  local ok, result
  if calls_plainly() then
    ok, result, err = true, drain(client, call, opened)
  else
    ok, result, err = pcall(drain, client, call, opened)
  end
  call:free()
  if not ok or result == nil then opened:discard() end
  if not ok then error(result, 0) end
  return result, err
end

--- DownloadFile: fetches a file's bytes. From v3 on. Where the connection breaks, the download goes on where it
-- stopped, if the service knows how, else it begins again; into a function it only ever goes on. Redirects are
-- followed, without the token where they lead to another host.
-- @param file_id the file's id
-- @param sink nil: the bytes are returned; a path: the file is written beside it and renamed when it is whole; or
-- function(chunk)
-- @return bytes, or true with a sink; nil and an error
-- @usage assert(client:download_file(file.id, "plan.pdf"))
function files:download_file(file_id, sink)
  options.string("download_file", "file_id", file_id)
  return download(self, file_id, sink)
end

-- ---- About files ----

--- GetFile: what is known of a file. From v3 on.
-- @param file_id the file's id
-- @return file, `{id =, name =, size =, content_type =}`, or nil and an error
-- @usage print(assert(client:get_file(id)).size)
function files:get_file(file_id)
  options.string("get_file", "file_id", file_id)
  return invoke.call(self, "data", "get_file", file_id)
end

--- DeleteFile: deletes a file. From v3 on.
-- @param file_id the file's id
-- @return true, or nil and an error
-- @usage assert(client:delete_file(file.id))
function files:delete_file(file_id)
  options.string("delete_file", "file_id", file_id)
  local data, err = invoke.call(self, "data", "delete_file", file_id)
  if data == nil then return nil, err end
  return true
end

return files
