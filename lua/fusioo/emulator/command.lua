-- The command `fusioo-emulator`: the Fusioo service in miniature, on this machine.
--
-- Owns: the command line and what is printed. Must not know: nginx, the emulator's inside. Runs under Lua 5.1 to
-- 5.4 and LuaJIT; needs lua-argparse.

-- Run as a file, the modules beside it are meant; installed as a command, those that Lua finds.
local here = (arg and arg[0] or ""):match("^(.*)command%.lua$")
if here then
  package.path = here .. "../../?.lua;" .. package.path
end

local argparse = require "argparse"
local launch = require "fusioo.emulator.launch"
local settings = require "fusioo.emulator.settings"

local DESCRIPTION = [[
The Fusioo service in miniature, on 127.0.0.1: made-up apps and records, the API's versions v1, v2 and v3, the hourly
limit. For trying scripts without spending calls.]]

local EPILOG = [[
Example, in two terminals:
  fusioo-emulator --port 8080 --records 5000
  FUSIOO_BASE_URL=http://127.0.0.1:8080 FUSIOO_ACCESS_TOKEN=]] .. settings.TOKEN .. [[ lua5.4 script.lua

It ends with Ctrl-C, with POST /_emulator/stop, and whenever the program that started it ends. Requests under
/_emulator (log, rows, settings, reset) are described in fusioo/emulator/init.lua.
Needs nginx with its Lua module (Debian, Ubuntu: nginx-light libnginx-mod-http-lua lua-cjson).]]

local function whole(text)
  local number = tonumber(text)
  if not number or number % 1 ~= 0 or number < 0 then return nil, "not a whole number: " .. text end
  return number
end

local function parser()
  local p = argparse("fusioo-emulator", DESCRIPTION, EPILOG)
  p:option("--port", "Port to listen on; 0 picks a free one.", 0, whole)
  p:option("--records", "Records of the app Projects, 0 to 1000000.", nil, whole)
  p:option("--seed", "Seed of the made-up data.", nil, whole)
  p:option("--calls", "Calls in the company's window.", nil, whole)
  p:option("--window", "Seconds of the company's window.", nil, tonumber)
  p:option("--retry-after", "Send Retry-After with a 429: none, seconds or date."):choices {
    "none", "seconds", "date" }
  p:option("--latency", "Seconds that each answer takes.", nil, tonumber)
  p:option("--token", "An access token to accept (may be repeated)."):count("*")
  p:flag("--gzip", "Compress answers for who accepts it.")
  p:option("--certificate", "Certificate file (PEM): serve TLS with HTTP/2 as well.")
  p:option("--key", "Key file (PEM) of the certificate.")
  p:option("--tls-port", "Port for TLS; 0 picks a free one.", 0, whole)
  p:option("--nginx", "The nginx to use.")
  p:flag("--stay", "Go on when the program that started this one ends.")
  p:flag("--quiet", "Print the first line only.")
  return p
end

-- The settings that the options stand for.
local function settings_of(options)
  local changes = {
    seed = options.seed, records = options.records, latency = options.latency,
    rate = { calls = options.calls, window = options.window, retry_after = options.retry_after },
    gzip = options.gzip or nil,
  }
  if #options.token > 0 then changes.tokens = options.token end
  return settings.merge(settings.defaults, changes)
end

local function absolute(path)
  if not path or path:sub(1, 1) == "/" then return path end
  local pipe = io.popen("pwd", "r")
  local folder = pipe:read("*l")
  pipe:close()
  return folder .. "/" .. path
end

-- What the examples of signing in read.
local function say_oauth(url, oauth)
  io.stdout:write("Or let it sign in, as ", oauth.username, " with the password ", oauth.password, ":\n",
    "  export FUSIOO_CLIENT_ID=", oauth.client_id, "\n",
    "  export FUSIOO_CLIENT_SECRET=", oauth.client_secret, "\n",
    "  export FUSIOO_AUTHORIZE_URL=", url, "/oauth/authorize\n",
    "  export FUSIOO_TOKEN_URL=", url, "/oauth/token\n")
end

local function greet(options, wanted)
  io.stdout:write("fusioo-emulator: listening on http://127.0.0.1:", string.format("%d", options.port), "\n")
  if not wanted.quiet then
    if options.certificate then
      io.stdout:write("  and, with HTTP/2, on https://127.0.0.1:", string.format("%d", options.tls_port), "\n")
    end
    io.stdout:write("Point a script at it:\n",
      "  export FUSIOO_BASE_URL=http://127.0.0.1:", string.format("%d", options.port), "\n",
      "  export FUSIOO_ACCESS_TOKEN=", options.settings.tokens[1], "\n")
    say_oauth(string.format("http://127.0.0.1:%d", options.port), options.settings.oauth)
    io.stdout:write("Apps: GET /v3/apps. Requests so far: GET /_emulator/log. Ctrl-C ends it.\n")
  end
  io.stdout:flush()
end

local function main()
  local p = parser()
  local wanted = p:parse()
  if (wanted.certificate == nil) ~= (wanted.key == nil) then
    p:error("--certificate and --key belong together")
  end
  local checked, why = settings_of(wanted)
  if not checked then p:error(why) end
  local ok
  ok, why = launch.run({
    nginx = wanted.nginx, port = wanted.port, tls_port = wanted.tls_port,
    certificate = absolute(wanted.certificate), key = absolute(wanted.key), stay = wanted.stay,
    settings = checked,
  }, function(options) greet(options, wanted) end)
  if not ok then
    io.stderr:write("fusioo-emulator: ", why, "\n")
    os.exit(1)
  end
end

local ok, err = pcall(main)
if not ok then
  -- The interpreter calls Ctrl-C an error; 130 is what shells make of it.
  if tostring(err):find("interrupted!", 1, true) then os.exit(130) end
  io.stderr:write("fusioo-emulator: ", tostring(err), "\n")
  os.exit(1)
end
