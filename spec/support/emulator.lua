-- The emulator, started and steered from specs.
--
--   local emulator = require "spec.support.emulator"
--   local service = emulator.start { records = 1000, calls = 100 }
--   service.url, service.tls_url, service.token, service.apps.projects
--   service:reset { records = 500 }   service:config { latency = 0.1 }
--   service:log()   service:clear_log()   service:truth(app_id)   service:rows { … }   service:stats()
--   service.oauth_client    {client_id =, client_secret =, username =, password =, authorize_url =, token_url =}
--   service:sign_in(authorize_url)   what a person and a browser do; returns where the browser is led
--   service:oauth()   service:expire_tokens()   service:revoke_tokens { … }   service:register_tokens { … }
--   service:creates()       what was created since the last reset: {{id =, kind =, request = number in the log}, …}
--   service:get(path) / service:post(path, body) / service:put(path, body) / service:delete(path)
--                           a call of the API, with the token
--   service:stop()
--
-- Owns: the process of `fusioo-emulator` that it starts. Must not know: the library under test.
-- The emulator ends with the process that runs the specs, however that ends.

local cjson = require "cjson"
local http = require "spec.support.http"

local emulator = {}

local service = {}
service.__index = service

-- The interpreter that runs the specs.
local function interpreter()
  local program, i = nil, -1
  while arg and arg[i] do
    program, i = arg[i], i - 1
  end
  if program and not program:find("busted") then return program end
  return jit and "luajit" or "lua" .. _VERSION:match("%d%.%d")
end

local function quoted(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function plain(value)
  return type(value) == "number" and string.format("%.14g", value) or value
end

-- Settings that the command line takes; the others go out with a reset.
local FLAGS = {
  port = "--port", tls_port = "--tls-port", certificate = "--certificate", key = "--key", nginx = "--nginx",
  calls = "--calls", window = "--window", seed = "--seed",
}

-- The command that starts the emulator. `options`: those of FLAGS, `records` (number), `tokens` (array), `gzip`.
function emulator.command(options)
  local parts = { quoted(interpreter()), "lua/fusioo/emulator/command.lua --quiet" }
  for name, flag in pairs(FLAGS) do
    if options[name] then parts[#parts + 1] = flag .. " " .. quoted(plain(options[name])) end
  end
  if type(options.records) == "number" then
    parts[#parts + 1] = "--records " .. plain(options.records)
  end
  for _, token in ipairs(options.tokens or {}) do
    parts[#parts + 1] = "--token " .. quoted(token)
  end
  if options.gzip then parts[#parts + 1] = "--gzip" end
  return table.concat(parts, " ")
end

-- Starts an emulator on a free port and returns a handle once it answers; raises when it does not start.
-- `options`: see emulator.command, and `latency`, `retry_after`, `page_cap`, `churn` as in a reset.
function emulator.start(options)
  options = options or {}
  local pipe = assert(io.popen("exec " .. emulator.command(options) .. " </dev/null", "r"))
  local line = pipe:read("*l")
  local url = line and line:match("^fusioo%-emulator: listening on (http://%S+)$")
  if not url then
    pipe:close()
    error("the emulator did not start: " .. tostring(line), 2)
  end
  local self = setmetatable({ url = url, pipe = pipe }, service)
  self.token = options.tokens and options.tokens[1] or "fusioo-emulator-development-token"
  if type(options.records) == "table" or options.latency or options.page_cap or options.churn
      or options.retry_after then
    self:reset {
      records = options.records, latency = options.latency, page_cap = options.page_cap,
      churn = options.churn, rate = { retry_after = options.retry_after },
    }
  end
  local stats = self:stats()
  self.apps = {}
  for key, app in pairs(stats.apps) do self.apps[key] = app.id end
  self.oauth_client = {
    client_id = "fusioo-emulator-client", client_secret = "fusioo-emulator-secret",
    username = "user@example.com", password = "fusioo-emulator-password",
    authorize_url = url .. "/oauth/authorize", token_url = url .. "/oauth/token",
  }
  self.tls_url = stats.tls_port and string.format("https://127.0.0.1:%d", stats.tls_port)
  return self
end

-- A control request; returns the decoded answer.
function service:control(method, path, body)
  local answer = http.request(method, self.url .. "/_emulator/" .. path, {
    body = body and (next(body) and cjson.encode(body) or "{}"),
  })
  if answer.status ~= 200 then error("emulator: " .. answer.body, 2) end
  return answer.json
end

-- Fresh data, window, log; the settings given (fusioo.emulator describes them), else those of the start.
function service:reset(settings)
  return self:control("POST", "reset", settings or {})
end

-- Other settings, nothing else changed.
function service:config(settings)
  return self:control("POST", "config", settings)
end

-- The requests since the last reset or clear_log, oldest first.
function service:log()
  return self:control("GET", "log").requests
end

function service:clear_log()
  return self:control("POST", "log/clear", {})
end

-- {ids =, stayed =, moved =, changes =} of an app.
function service:truth(app_id)
  return self:control("GET", "truth?app_id=" .. app_id)
end

-- Rows come and go by hand: {app_id =, delete =, insert =, move =}.
function service:rows(edits)
  return self:control("POST", "rows", edits)
end

-- What was created since the last reset, in order, also what was deleted again: {{id =, kind = "record", "file",
-- "discussion" or "comment", request = the log's number of the request}, ...}.
function service:creates()
  return self:control("GET", "creates").creates
end

-- Makes a file without an upload: {size =, name =, seed =, content_type =}; returns its metadata. Each 16 of its bytes
-- are the seed in 4 hexadecimal digits and their own offset in 12.
function service:make_file(wish)
  return self:control("POST", "files", wish)
end

-- {size =, md5 =, name =, content_type =} of a file; without an id {count = how many there are}.
function service:file(id)
  return self:control("GET", id and "files?id=" .. id or "files")
end

-- The requests that the host got to which downloads may be redirected: {{path =, authorization = "sent" or "none",
-- range =, if_range =, cookie =}, ...}.
function service:other_requests()
  return self:control("GET", "files/elsewhere").requests
end

-- {access =, refresh =, codes =, issued =, refreshed =}: how many tokens are good, and how many were given.
function service:oauth()
  return self:control("GET", "oauth")
end

-- All access tokens that were given end now.
function service:expire_tokens()
  self:control("POST", "oauth/expire", {})
end

-- {access = true}, {refresh = true}, or {} for both.
function service:revoke_tokens(which)
  self:control("POST", "oauth/revoke", which)
end

-- {access_token =, refresh_token =, expires_in =}: are good from now on.
function service:register_tokens(made_up)
  self:control("POST", "oauth/tokens", made_up)
end

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', ["#39"] = "'" }

-- Opens the page, fills in its form and sends it; returns the answer. `wish`: decision ("allow"), username, password.
function service:fill_form(authorize_url, wish)
  wish = wish or {}
  local page = http.request("GET", authorize_url)
  if page.status ~= 200 then return page end
  local fields = {
    username = wish.username or self.oauth_client.username, password = wish.password or self.oauth_client.password,
    decision = wish.decision or "allow",
  }
  for name, value in page.body:gmatch('<input type="hidden" name="([^"]*)" value="([^"]*)">') do
    fields[name] = value:gsub("&(#?%w+);", ENTITIES)
  end
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = name .. "=" .. value:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
  end
  local action = page.body:match('<form method="post" action="([^"]*)">')
  return http.request("POST", self.url .. action, {
    body = table.concat(parts, "&"), headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
  })
end

-- Signs in as a person with a browser would; returns the address that the browser is led to. `wish`: as fill_form.
function service:sign_in(authorize_url, wish)
  local answer = self:fill_form(authorize_url, wish)
  if answer.status ~= 302 then error("emulator: no redirect: " .. answer.status .. " " .. answer.body, 2) end
  return answer.headers.location
end

function service:stats()
  return self:control("GET", "stats")
end

-- A call of the API with the token; path with the version. Returns what http.request returns.
function service:get(path)
  return http.request("GET", self.url .. path, { token = self.token })
end

local function send(self, method, path, body)
  if type(body) == "table" then body = next(body) and cjson.encode(body) or "{}" end
  return http.request(method, self.url .. path, {
    token = self.token, body = body, headers = { ["Content-Type"] = "application/json" },
  })
end

-- The same for a POST of a JSON text or a table.
function service:post(path, body)
  return send(self, "POST", path, body)
end

-- The same for a PUT.
function service:put(path, body)
  return send(self, "PUT", path, body)
end

function service:delete(path)
  return http.request("DELETE", self.url .. path, { token = self.token })
end

-- The ids of the records of a page, from what service:get or service:post gave; raises unless it is a success.
function emulator.ids(answer)
  if answer.status ~= 200 then error(answer.status .. " " .. answer.body, 2) end
  local ids = {}
  for i, record in ipairs(answer.json.data) do ids[i] = record.id end
  return ids
end

-- Ends the emulator and waits until it is gone. Does nothing the second time.
function service:stop()
  if not self.pipe then return end
  pcall(http.request, "POST", self.url .. "/_emulator/stop")
  self.pipe:close()
  self.pipe = nil
end

return emulator
