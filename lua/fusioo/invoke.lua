--- Making one call of the core and waiting for it.
--
-- Owns the way from a client to an answer. Must not know which methods there are, paths or HTTP.

local core = require "fusioo.core"
local List = require "fusioo.list"
local scheduler = require "fusioo.scheduler"
local where = require "fusioo.where"

local invoke = {}

local function is_done(call)
  return call:done()
end

--- Waits until a call has ended.
-- @param client whose call it is
-- @param call a call of the core, or nil
-- @param err where it is nil: why
-- @return the call, or nil and the error
function invoke.finish(client, call, err)
  if not call then return nil, err end
  if not call:done() then
    scheduler.wait(call, client._runtime, client.engine, is_done)
  end
  return call
end

-- Reads what a call that may have failed to start has brought; `read` names the core's function.
local function read_answer(client, read, call, err)
  call, err = invoke.finish(client, call, err)
  if not call then return nil, err end
  local result
  if read == "items" then
    result, err = List.of_call(call)
  else
    result, err = call[read](call)
  end
  call:free() -- the answer's memory: the collector sees a small userdata alone
  return result, err
end

--- A query as the core takes it.
-- @param query the user's
-- @return table, or nil and an error where its `where` cannot be JSON
function invoke.query(query)
  local filter, err = where._filter("where", query.where)
  if err then return nil, err end
  return {filter = filter, sort_by = query.sort_by, order = query.order, limit = query.limit, offset = query.offset}
end

--- Makes one call that sends no body but a filter.
-- @param client the client
-- @param read what is read of the answer: "data", "items" or "count"
-- @param method its name in the flat layer
-- @param id of the app, record, ...; nil where the method takes none
-- @param query as the core takes it, or nil
-- @return what was read, or nil and an error
function invoke.call(client, read, method, id, query)
  scheduler.check(client._runtime)
  return read_answer(client, read, client._core:call(method, id, query))
end

--- Makes one call that sends an object.
-- @param client the client
-- @param method its name in the flat layer
-- @param id of the app, record, ...
-- @param name what the object is called in messages
-- @param object field id → value
-- @return the answer's data, or nil and an error
function invoke.send(client, method, id, name, object)
  local body, err = core.json_encode(object, name)
  if not body then return nil, err end
  if body:byte() ~= 0x7B then -- "{"
    return nil, core.error{kind = "invalid", message = name .. " is an array; it holds values by field id"}
  end
  scheduler.check(client._runtime)
  return read_answer(client, "data", client._core:send(method, id, body))
end

return invoke
