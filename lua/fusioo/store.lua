--- Stores: where a token is kept between two calls, and between two runs of a program.
--
-- A store is a table with two functions, `load()` and `save(token)`; a program may bring its own. A token is
-- `{access_token=, token_type=, expires_at=, refresh_token=}`, all but the first may be missing; `save` and `load` keep
-- further fields with plain values as they are, but a renewed token has none. A store that several processes share has
-- a third function, `lock()`: it returns a function that unlocks the store, or nil while somebody else has locked it.
-- Then the token is renewed by one of them.
--
-- Owns: the two stores that the library brings. Must not know: where a token comes from, what it is used for.

local core = require "fusioo.core"

local store = {}

local files = setmetatable({}, {__mode = "k"}) -- store → what makes it one in a file

local FIELDS = { access_token = "string", token_type = "string", expires_at = "number", refresh_token = "string" }
local PLAIN = { string = true, number = true, boolean = true }

-- What is wrong with a token, in words that hold none of it; nil: nothing.
local function fault_of(token)
  if type(token) ~= "table" then return "it is a " .. type(token) .. ", not a table" end
  if token.access_token == nil then return "it has no access_token" end
  for name, wanted in pairs(FIELDS) do
    local found = type(token[name])
    if found ~= "nil" and found ~= wanted then return ("%s is a %s, not a %s"):format(name, found, wanted) end
  end
  if token.access_token == "" then return "its access_token is empty" end
  for name, value in pairs(token) do
    if type(name) ~= "string" then return "it has a key that is no string" end
    if not PLAIN[type(value)] and value ~= core.null then return ("%s is a %s"):format(name, type(value)) end
  end
end

store._fault_of = fault_of

local function check(where, token)
  local fault = fault_of(token)
  if fault then error(where .. ": this is no token: " .. fault, 0) end
end

local function copy(token)
  local result = {}
  for name, value in pairs(token) do result[name] = value end
  return result
end

local function read(path)
  local text, err = core.token_file_read(path)
  if not text then return nil, err end
  if text == "" then return nil end
  local token = core.json_decode(text)
  if type(token) == "table" then
    token.kept_for, token.comes_from = nil, nil -- whose it is: for the core
    for name in pairs(FIELDS) do
      if token[name] == core.null then token[name] = nil end
    end
  end
  local fault = fault_of(token)
  if fault then
    -- Not the reader's own words: they might quote the token.
    return nil, core.error {
      kind = "invalid",
      message = ("the token file '%s' holds no token; if it is the right file, remove it and sign in again")
        :format(path),
    }
  end
  return token
end

--- Keeps a token in a file. It has mode 0600 and is replaced in one piece; a folder that is missing is made with mode
-- 0700; a file that others can read or write is refused, and so is one that a sign-in with another `client_id` or
-- `token_url` has kept its token in. Nothing is read or written before the first use.
-- @param path the file; a relative path begins in the folder that the program is in now; nil: `token.json` in
-- `$XDG_STATE_HOME/fusioo`, else in `~/.local/state/fusioo`
-- @return store: `load()` returns the token, nil where there is none, or nil and an error of kind `invalid`;
-- `save(token)` returns true, or nil and an error of kind `invalid`, and raises on what is no token
-- @usage local store = fusioo.store.file("/var/lib/report/token.json")
function store.file(path)
  if path ~= nil and type(path) ~= "string" then
    error("fusioo.store.file: path is a " .. type(path) .. ", not a string", 0)
  elseif path == "" or (path and path:find("\0", 1, true)) then
    error("fusioo.store.file: path is empty or holds a NUL byte", 0)
  end
  if path then
    -- The program may go to another folder.
    local err
    path, err = core.token_file_place(path)
    if not path then error("fusioo.store.file: " .. err.message, 0) end
  end
  local function place()
    if path then return path end
    return core.state_path("token.json")
  end
  local result = {
    load = function()
      local at, err = place()
      if not at then return nil, err end
      return read(at)
    end,
    save = function(token)
      check("store.save", token)
      local at, err = place()
      if not at then return nil, err end
      local text
      text, err = core.json_encode(token, "token")
      if not text then return nil, err end
      return core.token_file_write(at, text .. "\n")
    end,
  }
  files[result] = {path = path, load = result.load, save = result.save}
  return result
end

--- Is it a store that `fusioo.store.file` made, and is as it was made? The core can keep a token there by itself, and
-- lock it.
-- @param value a store
-- @return boolean, and its path, nil: the default
-- @local
function store._is_file(value)
  local made = files[value]
  local same = made and made.load == value.load and made.save == value.save and value.lock == nil
  return same or false, same and made.path or nil
end

--- Keeps a token in memory, for as long as the store lives.
-- @return store: as that of `fusioo.store.file`, and `lock()`
-- @usage local store = fusioo.store.memory()
function store.memory()
  local kept
  local holder, process = false, 0 -- what gives the lock back; a child of the process that has it has none
  return {
    lock = function()
      if holder and process == core.process_id() then return nil end
      local function unlock() if holder == unlock then holder = false end end
      holder, process = unlock, core.process_id()
      return unlock
    end,
    load = function() return kept and copy(kept) end,
    save = function(token)
      check("store.save", token)
      kept = copy(token)
      return true
    end,
  }
end

return store
