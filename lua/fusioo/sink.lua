--- Where the bytes of a download go.
--
-- Owns what a user may pass as a sink, and the writing to it. Must not know calls.
-- Each sink: `rewindable` (can it forget what came?), `write`, `restart`, `finish`, `discard`.

local core = require "fusioo.core"

local sinks = {}

local function invalid(message)
  return core.error{kind = "invalid", message = message}
end

local Memory, Disk, Call = {}, {}, {}

--- Bytes in memory.
-- @param most how many at most
-- @return sink
function Memory.open(most)
  return setmetatable({rewindable = true, chunks = {}, size = 0, most = most}, {__index = Memory})
end

--- Takes a chunk.
-- @param chunk bytes
-- @return true, or nil and an error of kind `too_large`
function Memory:write(chunk)
  self.size = self.size + #chunk
  if self.size > self.most then
    return nil, core.error{kind = "too_large", message = ("download_file: the file is larger than max_body, %.0f "
      .. "bytes: give a path or a function as sink"):format(self.most)}
  end
  self.chunks[#self.chunks + 1] = chunk
  return true
end

--- Forgets what came.
-- @return true
function Memory:restart()
  self.chunks, self.size = {}, 0
  return true
end

--- All that came.
-- @return bytes
function Memory:finish()
  return table.concat(self.chunks)
end

--- Nothing to clean up.
function Memory.discard() end

--- A file on disk, which stands beside its name until it is whole.
-- @param path its name
-- @return sink, or nil and an error
function Disk.open(path)
  local file, err = core.file(path)
  if not file then return nil, invalid("download_file: " .. err.message) end
  return setmetatable({rewindable = true, file = file}, {__index = Disk})
end

--- Writes a chunk.
-- @param chunk bytes
-- @return true, or nil and an error (the disk is full, say)
function Disk:write(chunk)
  return self.file:write(chunk)
end

--- Forgets what came.
-- @return true, or nil and an error
function Disk:restart()
  return self.file:restart()
end

--- Gives the file its name.
-- @return true, or nil and an error
function Disk:finish()
  return self.file:commit()
end

--- Removes what came.
function Disk:discard()
  self.file:discard()
end

--- A function of the user's.
-- @param sink function(chunk)
-- @return sink
function Call.open(sink)
  return setmetatable({rewindable = false, sink = sink}, {__index = Call})
end

--- Hands a chunk over.
-- @param chunk bytes
-- @return true
function Call:write(chunk)
  self.sink(chunk)
  return true
end

--- What was handed over cannot be taken back.
-- @return nil and an error
function Call.restart()
  return nil, invalid("download_file: the file began again, and its first bytes were handed out already")
end

--- Nothing more to do.
-- @return true
function Call.finish()
  return true
end

--- Nothing to clean up.
function Call.discard() end

--- Opens what a user passed as a sink. Raises where it is of the wrong type.
-- @param sink nil, a path or a function
-- @param most bytes that may be kept in memory
-- @return sink, or nil and an error
function sinks.open(sink, most)
  if sink == nil then return Memory.open(most) end
  if type(sink) == "function" then return Call.open(sink) end
  if type(sink) ~= "string" then
    error(("download_file: sink is a %s, not a path or a function"):format(type(sink)), 0)
  end
  if sink == "" or sink:find("%z") then return nil, invalid("download_file: the path is empty or has a NUL byte") end
  return Disk.open(sink)
end

return sinks
