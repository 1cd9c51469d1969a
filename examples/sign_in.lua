-- sign_in.lua: signs a person in from a terminal, and keeps the token for the scripts and cron jobs that come later.
--
--     FUSIOO_CLIENT_ID=... FUSIOO_CLIENT_SECRET=... lua5.4 examples/sign_in.lua [TOKEN_FILE]
--
-- The registered application needs the redirect URI http://127.0.0.1:8080/signed-in; another one goes into
-- FUSIOO_REDIRECT_URI. A script that runs later finds the token with the same client id, secret and file:
--
--     local auth = fusioo.oauth.new{client_id = ..., client_secret = ..., store = fusioo.store.file(TOKEN_FILE)}
--     local client = fusioo.new{auth = auth}
--
-- It renews the token by itself, and several of them may run at once.
--
-- To try it without an account, start `fusioo-emulator` in another terminal; it prints the variables to set, and whom
-- to sign in as.

local fusioo = require "fusioo"

local function setting(name, otherwise)
  local value = os.getenv(name)
  if value and value ~= "" then return value end
  return otherwise or error("set " .. name .. "; see the beginning of this script", 0)
end

local function main(path)
  local auth = fusioo.oauth.new{
    client_id = setting "FUSIOO_CLIENT_ID", client_secret = setting "FUSIOO_CLIENT_SECRET",
    redirect_uri = setting("FUSIOO_REDIRECT_URI", "http://127.0.0.1:8080/signed-in"),
    authorize_url = os.getenv "FUSIOO_AUTHORIZE_URL", token_url = os.getenv "FUSIOO_TOKEN_URL",
    store = fusioo.store.file(path),
  }
  print("Open this address in a browser of this machine, and sign in:\n\n  " .. auth:authorize_url() .. "\n")
  io.stdout:flush()
  local token, err = auth:listen{timeout = 300}
  if not token then error(err, 0) end
  local apps
  apps, err = fusioo.new{auth = auth}:get_apps()
  if not apps then error(err, 0) end
  print(("Signed in; %d apps can be seen."):format(#apps))
end

local ok, err = pcall(main, arg[1])
if not ok then
  io.stderr:write("sign_in: " .. tostring(err) .. "\n")
  os.exit(1)
end
