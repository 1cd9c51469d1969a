-- What the specs of OAuth share: sign-ins and clients for an emulator, programs that use them in processes of their
-- own, the requests that the emulator's token endpoint got.
--
-- Owns: nothing that lasts. Must not know: how the library gets tokens.

local files = require "spec.support.files"
local fusioo = require "fusioo"

local sign_ins = {}

-- The emulator's registered application and its addresses, as options of fusioo.oauth.new, with `given` over them.
function sign_ins.options(service, given)
  local registered = service.oauth_client
  local options = {
    client_id = registered.client_id, client_secret = registered.client_secret,
    authorize_url = registered.authorize_url, token_url = registered.token_url,
    redirect_uri = "http://127.0.0.1:9/signed-in",
  }
  for name, value in pairs(given or {}) do options[name] = value end
  if options.grant == "password" then
    options.username = options.username or registered.username
    options.password = options.password or registered.password
  end
  return options
end

function sign_ins.new(service, given)
  return fusioo.oauth.new(sign_ins.options(service, given))
end

-- A client that gets its token from `auth`; the window plays no part.
function sign_ins.client(service, auth, given)
  local options = {
    base_url = service.url, auth = auth, rate = {calls = 1000000, window = 3600, ledger = false},
    retry = {attempts = 4, base = 0.001, cap = 0.002},
  }
  for name, value in pairs(given or {}) do options[name] = value end
  return fusioo.new(options)
end

-- Signs a person in as a browser would; returns what oauth:finish returns.
function sign_ins.sign_in(service, auth, wish)
  local url, state = auth:authorize_url()
  return auth:finish(service:sign_in(url, wish), state)
end

-- The requests that the token endpoint got, those with that grant_type if one is given.
function sign_ins.token_requests(service, grant_type)
  local found = {}
  for _, entry in ipairs(service:log()) do
    if entry.endpoint == "token" and (not grant_type or entry.grant_type == grant_type) then
      found[#found + 1] = entry
    end
  end
  return found
end

-- ---- Programs ----

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local PROGRAM = [[
local service = %s
local sign_ins = require "spec.support.sign_ins"
local fusioo = require "fusioo"
io.stdout:setvbuf "line"
%s
]]

-- Starts a program in a process of its own: `text` is Lua, and finds `service` (url and oauth_client), `sign_ins` and
-- `fusioo`. `environment`: "NAME=value ..." for it; `interpreter`: the beginning of the command, where it is not the
-- specs' own Lua. Returns a pipe to read what it prints from.
function sign_ins.start(service, text, environment, interpreter)
  local plain = assert(fusioo.json.encode{url = service.url, oauth_client = service.oauth_client})
  local program = PROGRAM:format("require 'fusioo'.json.decode(" .. ("%q"):format(plain) .. ")", text)
  local path = files.folder() .. "/program.lua"
  local file = assert(io.open(path, "w"))
  file:write(program)
  file:close()
  local command = ("exec 2>&1 </dev/null; LUA_PATH=%s %s %s %s"):format(
    quoted("./?.lua;" .. (os.getenv "LUA_PATH" or ";;")), environment or "",
    interpreter or "exec " .. (os.getenv "LUA" or "lua5.4"), quoted(path))
  return assert(io.popen(command, "r"))
end

-- Reads all that it prints until it ends.
function sign_ins.finish(pipe)
  local text = pipe:read("*a")
  pipe:close()
  return text
end

return sign_ins
