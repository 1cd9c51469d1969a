-- store_by_command.lua: a store for tokens in the secret service of a desktop (GNOME Keyring, KWallet), by the command
-- `secret-tool` (Debian: libsecret-tools).
--
--     local store_by_command = require "store_by_command"
--     local auth = fusioo.oauth.new{client_id = ..., client_secret = ..., store = store_by_command.new("reports")}
--
-- The token goes to the command over a pipe: what stands in a command line everybody on the machine can read. Another
-- secret service is reached the same way; `load` and `save` are all there is to it. It has no lock: one
-- program at a time.

local fusioo = require "fusioo"

local store_by_command = {}

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function run(command, input)
  local pipe, err = io.popen(command, input and "w" or "r")
  if not pipe then return nil, err end
  local output = input and pipe:write(input) or pipe:read("*a")
  pipe:close()
  return output
end

-- `account`: what tells this token from others.
function store_by_command.new(account)
  local attributes = " service fusioo account " .. quoted(account)
  local store = {}

  function store.load()
    local text, err = run("secret-tool lookup" .. attributes .. " 2>/dev/null")
    if not text then return nil, err end
    if text == "" then return nil end
    return fusioo.json.decode(text)
  end

  -- Lua 5.1 does not tell how a command ended: what it has kept does.
  function store.save(token)
    local text, err = fusioo.json.encode(token)
    if not text then return nil, err end
    -- The shell reads what the command leaves: writing to a command that has ended would end this program.
    run("{ secret-tool store --label=" .. quoted("Fusioo: " .. account) .. attributes .. "; cat > /dev/null; }", text)
    local kept = store.load()
    if not kept or kept.access_token ~= token.access_token then
      return nil, "secret-tool did not keep the token: is it installed, and the keyring unlocked?"
    end
    return true
  end

  return store
end

return store_by_command
