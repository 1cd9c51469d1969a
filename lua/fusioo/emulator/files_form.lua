-- Reading an upload: a form of one part, as it comes in pieces.
--
-- Owns: the grammar of multipart/form-data, as far as an upload needs it; strictly. Must not know: nginx, where the
-- bytes go. Plain Lua, all versions.

local members = require "fusioo.emulator.members"
local cjson = require "cjson.safe"

local form = {}
form.__index = form

local MOST_HEAD = 16384 -- bytes of a part's header

-- The boundary that a Content-Type names, or nil.
local function boundary_of(content_type)
  local kind, parameters = (content_type or ""):match("^%s*([^;%s]+)%s*;(.*)$")
  if not kind or kind:lower() ~= "multipart/form-data" then return nil end
  local boundary = parameters:match('^%s*[Bb][Oo][Uu][Nn][Dd][Aa][Rr][Yy]="([^"]+)"%s*$')
    or parameters:match('^%s*[Bb][Oo][Uu][Nn][Dd][Aa][Rr][Yy]=([^%s;"]+)%s*$')
  return boundary and #boundary <= 70 and boundary or nil
end

-- A form under way. `content_type`: the request's header; `take(bytes)` is called with the file's bytes, piece by
-- piece. A form that is none has `why`, a message, from then on.
function form.new(content_type, take)
  local boundary = boundary_of(content_type)
  return setmetatable({
    take = take, state = "head", rest = "", begin = "--" .. (boundary or "") .. "\r\n",
    delimiter = "\r\n--" .. (boundary or ""),
    why = not boundary and "the body must be multipart/form-data with a boundary" or nil,
  }, form)
end

-- What browsers write for the three characters that a quoted name cannot have.
local PLAIN = { ["%22"] = '"', ["%0D"] = "\r", ["%0d"] = "\r", ["%0A"] = "\n", ["%0a"] = "\n" }

-- Reads the part's header lines. Returns true, or nil and a message.
local function read_head(self, text)
  local disposition
  for line in (text .. "\r\n"):gmatch("(.-)\r\n") do
    local name, value = line:match("^([%w-]+):%s*(.-)%s*$")
    if not name then return nil, "a part has a header line that is none" end
    if name:lower() == "content-disposition" then disposition = value end
    if name:lower() == "content-type" then self.content_type = value end
  end
  if not disposition or not disposition:find("^form%-data;") then
    return nil, "the part has no Content-Disposition: form-data"
  end
  if disposition:match(';%s*name="([^"]*)"') ~= "file" then return nil, 'the part\'s name must be "file"' end
  local name = disposition:match(';%s*filename="([^"]*)"')
  if not name or name == "" then return nil, "the part has no filename" end
  self.name = name:gsub("%%%x%x", PLAIN)
  if not members.cut(cjson.encode { name = self.name }) then return nil, "the filename is no UTF-8" end
  return true
end

local state = {}

-- Each of these takes what is there and returns whether there may be more to do with the rest.

function state.head(self)
  local rest = self.rest
  local stop = rest:find("\r\n\r\n", 1, true)
  if rest:sub(1, #self.begin) ~= self.begin:sub(1, #rest) then
    self.why = "the body does not begin with the boundary"
  elseif stop then
    local ok, why = read_head(self, rest:sub(#self.begin + 1, stop - 1))
    self.why = not ok and why or nil
    -- A file without a byte: its last line break is the one that ends the header.
    self.rest, self.state = rest:sub(stop + 4), "content"
    return true
  elseif #rest > MOST_HEAD then
    self.why = "the part's header is too long"
  end
  return false
end

function state.content(self)
  local rest = self.rest
  local stop = rest:find(self.delimiter, 1, true)
  local size = stop and stop - 1 or math.max(0, #rest - #self.delimiter + 1)
  if size > 0 then self.take(rest:sub(1, size)) end
  self.rest = rest:sub(size + (stop and #self.delimiter or 0) + 1)
  if stop then self.state = "tail" end
  return stop ~= nil
end

function state.tail(self)
  local rest = self.rest
  if rest:find("^\r\n") then
    self.why = "the form must have one part, the file"
  elseif rest ~= ("--\r\n"):sub(1, #rest) then
    self.why = "the body goes on after the closing boundary"
  end
  return false
end

-- Takes the next bytes of the body.
function form:feed(bytes)
  if self.why then return end
  self.rest = self.rest .. bytes
  while not self.why and state[self.state](self) do end
end

-- To be called at the end of the body: true where the form is whole, else nil and a message.
function form:finish()
  if not self.why and (self.state ~= "tail" or self.rest:sub(1, 2) ~= "--") then
    self.why = "the body ends before its closing boundary"
  end
  if self.why then return nil, self.why end
  return true
end

return form
