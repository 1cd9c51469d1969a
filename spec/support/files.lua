-- What the specs of files share: clients, made-up bytes, folders, what the service has got.
--
-- Owns: the folders that it makes. Must not know: how the library moves files.

local fusioo = require "fusioo"
local socket = require "socket"

local files = {}

-- A client of a service (emulator or scripted server), with `given` over its options. The window plays no part, and
-- what is repeated is repeated at once.
function files.client(service, given)
  local options = {
    base_url = service.url, token = service.token or "token-of-files-spec",
    rate = {calls = 1000000, window = 3600, ledger = false},
    retry = {attempts = 4, base = 0.001, cap = 0.002},
  }
  for name, value in pairs(given or {}) do options[name] = value end
  return fusioo.new(options)
end

-- The bytes of a file that service:make_file made.
function files.made(size, seed)
  local slots = {}
  for offset = 0, size - 1, 16 do slots[#slots + 1] = ("%04x%012x"):format(seed or 0, offset) end
  return table.concat(slots):sub(1, size)
end

local function output_of(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("\n$", ""))
end
files.output_of = output_of

-- A fresh folder; spec/run removes it.
function files.folder()
  return output_of 'mktemp -d "${TMPDIR:-/tmp}/files.XXXXXX"'
end

-- The names in a folder, hidden ones too, in order, with spaces in between.
function files.names(folder)
  return (output_of("ls -A " .. folder):gsub("\n", " "))
end

-- The permissions of a file, as in "640".
function files.mode(path)
  return output_of("stat -c %a " .. path)
end

function files.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

-- The bytes of a file; nil where there is none.
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

-- A function that hands out a text in pieces, and then nil.
function files.reader(text, piece)
  local at = 1
  return function()
    if at > #text then return nil end
    at = at + piece
    return text:sub(at - piece, at - 1)
  end
end

-- A sink, and the array of what it got.
function files.sink()
  local chunks = {}
  return function(chunk) chunks[#chunks + 1] = chunk end, chunks
end

-- Waits until `is_so()` is true; raises after 20 s.
function files.wait_until(is_so)
  local stop = socket.gettime() + 20
  while not is_so() do
    if socket.gettime() > stop then error("it did not come about", 2) end
    socket.sleep(0.005)
  end
end

-- The requests of the log for one endpoint.
function files.requests(service, endpoint)
  local list = {}
  for _, entry in ipairs(service:log()) do
    if entry.endpoint == endpoint then list[#list + 1] = entry end
  end
  return list
end

return files
