--- Where the bytes of an upload come from.
--
-- Owns what a user may pass as a source, and the reading of it. Must not know calls.
-- Each source: `name`, `size` in bytes, `rewindable` (can it be read again from its beginning?), `read`, `close`.

local core = require "fusioo.core"
local options = require "fusioo.options"

local sources = {}

local CHUNK = 128 * 1024 -- bytes of one read

local function invalid(message)
  return core.error{kind = "invalid", message = message}
end

local Path, Text, Reader = {}, {}, {}

--- A file on disk.
-- @param path where it is
-- @return source, or nil and an error
function Path.open(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, invalid("create_file: cannot read " .. why) end
  -- A folder can be opened and not read; a pipe can be read and not sized.
  local _, read_why = file:read(0)
  local size = not read_why and file:seek("end")
  if not size then
    file:close()
    return nil, invalid(("create_file: '%s' is no file that can be read: %s"):format(path,
      read_why or "its size is not known beforehand; use {name =, size =, read =}"))
  end
  return setmetatable({name = path:match("[^/\\]+$"), size = size, rewindable = true, file = file, path = path},
    {__index = Path})
end

--- The next chunk.
-- @param offset its place in the file
-- @return chunk, or nil and what is wrong
function Path:read(offset)
  self.file:seek("set", offset)
  local chunk = self.file:read(math.min(CHUNK, self.size - offset))
  if chunk then return chunk end
  return nil, ("create_file: '%s' became shorter while it was sent: %.0f of %.0f bytes"):format(self.path, offset,
    self.size)
end

--- Closes the file.
function Path:close()
  self.file:close()
end

--- Bytes in memory.
-- @param name the file's name
-- @param data its bytes
-- @return source
function Text.open(name, data)
  return setmetatable({name = name, size = #data, rewindable = true, data = data}, {__index = Text})
end

--- The next chunk.
-- @param offset its place
-- @return chunk
function Text:read(offset)
  return self.data:sub(offset + 1, offset + CHUNK)
end

--- Nothing to close.
function Text.close() end

-- The reader's next chunk that is not empty.
local function next_chunk(self)
  local chunk
  repeat
    chunk = self.reader()
    if chunk ~= nil and type(chunk) ~= "string" then
      error(("create_file: read returned a %s, not a string or nil"):format(type(chunk)), 0)
    end
  until chunk ~= ""
  return chunk
end

local function too_long(self)
  return ("create_file: read gave more than the %.0f bytes of size"):format(self.size)
end

--- Bytes from a function of the user's.
-- @param name the file's name
-- @param size its bytes
-- @param read returns a chunk, or nil at the end
-- @return source, or nil and an error
function Reader.open(name, size, read)
  local source = setmetatable({name = name, size = size, rewindable = false, reader = read, given = 0},
    {__index = Reader})
  -- Nobody asks for a chunk of an empty file.
  if size == 0 and next_chunk(source) then return nil, invalid(too_long(source)) end
  return source
end

--- The next chunk; it cannot be asked for twice.
-- @return chunk, or nil and what is wrong
function Reader:read()
  local chunk = next_chunk(self)
  if not chunk then
    return nil, ("create_file: read ended after %.0f of %.0f bytes"):format(self.given, self.size)
  end
  self.given = self.given + #chunk
  -- The last chunk makes the file whole at the service: before it goes out it must be clear that nothing follows.
  if self.given > self.size or (self.given == self.size and next_chunk(self)) then
    return nil, too_long(self)
  end
  return chunk
end

--- Nothing to close.
function Reader.close() end

local source_keys = {name = true, data = true, size = true, read = true}

local function is_size(size)
  return type(size) == "number" and size >= 0 and size == math.floor(size) and size <= 2 ^ 53
end

local function open_table(source)
  for key in pairs(source) do
    if not source_keys[key] then
      error(("create_file: unknown key '%s' in source; there are: name, data, or name, size, read")
        :format(tostring(key)), 0)
    end
  end
  options.string("create_file", "source.name", source.name)
  if source.data ~= nil then
    options.string("create_file", "source.data", source.data)
    if source.read ~= nil or source.size ~= nil then
      error("create_file: source has data; size and read belong to a source without", 0)
    end
    return Text.open(source.name, source.data)
  end
  options["function"]("create_file", "source.read", source.read)
  if not is_size(source.size) then error("create_file: source.size is no number of bytes", 0) end
  return Reader.open(source.name, source.size, source.read)
end

--- Opens what a user passed as a source. Raises where it is of the wrong type.
-- @param source a path, `{name =, data =}` or `{name =, size =, read =}`
-- @return source, or nil and an error
function sources.open(source)
  if type(source) == "table" then
    return open_table(source)
  end
  options.string("create_file", "source", source)
  if source:find("%z") then return nil, invalid("create_file: the path has a NUL byte") end
  return Path.open(source)
end

--- Is that a name for a file?
-- @param name the name
-- @return true (or something like it), or nil and an error
function sources.check_name(name)
  if name == nil or name == "" then return nil, invalid("create_file: the file has no name") end
  if name:find("%z") then return nil, invalid("create_file: the file's name has a NUL byte") end
  return core.json_encode(name, "create_file: the file's name") -- is it UTF-8?
end

return sources
