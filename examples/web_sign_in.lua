-- web_sign_in.lua: a small web application whose visitors sign in with Fusioo, and see their apps.
--
--     FUSIOO_CLIENT_ID=... FUSIOO_CLIENT_SECRET=... lua5.4 examples/web_sign_in.lua [PORT]
--
-- Needs lua-socket. The registered application (a public one) needs the redirect URI http://127.0.0.1:8080/back, with
-- the port that is listened at. One process serves everybody: each visitor has a sign-in of their own, all of them
-- share one engine and its connections, and while one waits for Fusioo the others go on. It keeps its sessions in
-- memory; behind a web server that speaks https:// add "; Secure" to the cookie.
--
-- To try it without an account, start `fusioo-emulator` in another terminal; it prints the variables to set, and whom
-- to sign in as.

local fusioo = require "fusioo"
local socket = require "socket"

local function setting(name)
  local value = os.getenv(name)
  if not value or value == "" then error("set " .. name .. "; see the beginning of this script", 0) end
  return value
end

local port = tonumber(arg[1] or 8080)
local own_url = ("http://127.0.0.1:%d"):format(port)
local client_id, client_secret = setting "FUSIOO_CLIENT_ID", setting "FUSIOO_CLIENT_SECRET"

-- The engine's calls are made in tasks, which `client:step` carries on. This client itself makes none; its views have
-- their visitors' tokens. They share one window, as the users of one company do: where visitors of several companies
-- come, name the companies apart with rate = {key = ...}.
local client = fusioo.new{runtime = "step", rate = {ledger = false}}

-- ---- Sessions ----

local sessions = {} -- id → {auth =, state =, since = the last visit, client = once signed in}
local MOST_SESSIONS = 10000
local SIGN_IN_SECONDS = 600 -- for who does not come back from the sign-in
local IDLE_SECONDS = 12 * 3600 -- for who has signed in

-- Makes room: those who have not come for long go, and where that is not enough nobody comes in.
local function has_room()
  local count, now = 0, os.time()
  for id, session in pairs(sessions) do
    if now - session.since > (session.client and IDLE_SECONDS or SIGN_IN_SECONDS) then
      sessions[id] = nil
    else
      count = count + 1
    end
  end
  return count < MOST_SESSIONS
end

local function new_id()
  local source = assert(io.open("/dev/urandom", "rb"))
  local bytes = source:read(16)
  source:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function new_session()
  local id = new_id()
  sessions[id] = {
    since = os.time(),
    auth = fusioo.oauth.new{
      client_id = client_id, client_secret = client_secret, redirect_uri = own_url .. "/back",
      authorize_url = os.getenv "FUSIOO_AUTHORIZE_URL", token_url = os.getenv "FUSIOO_TOKEN_URL", runtime = "step",
    },
  }
  return id, sessions[id]
end

-- ---- Answers ----

local function answer(status, body, headers)
  return ("HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n"
    .. "Cache-Control: no-store\r\n%s\r\n%s"):format(status, #body, headers or "", body)
end

local function escape(text)
  return (tostring(text):gsub('[&<>"]', {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"}))
end

local function page(status, text, headers)
  return answer(status, "<!DOCTYPE html>\n<title>Apps</title>\n" .. text .. "\n", headers)
end

local function redirect(where, cookie)
  return answer("303 See Other", "", ("Location: %s\r\n"):format(where)
    .. (cookie and ("Set-Cookie: session=%s; HttpOnly; SameSite=Lax; Path=/\r\n"):format(cookie) or ""))
end

-- ---- What visitors may ask for ----

local routes = {}

routes["/"] = function(session)
  if not (session and session.client) then
    return page("200 OK", '<p><a href="/sign-in">Sign in with Fusioo</a></p>')
  end
  local apps, err = session.client:get_apps()
  if not apps then
    -- The sign-in may have ended; the log has the details, the visitor another try.
    io.stderr:write(tostring(err) .. "\n")
    return page("502 Bad Gateway", '<p>Fusioo did not answer. <a href="/sign-in">Sign in again</a></p>')
  end
  local items = {}
  for i, app in ipairs(apps) do items[i] = "<li>" .. escape(app.name) .. "</li>" end
  return page("200 OK", "<ul>" .. table.concat(items) .. '</ul><p><a href="/sign-out">Sign out</a></p>')
end

routes["/sign-in"] = function()
  if not has_room() then return page("503 Service Unavailable", "<p>Too many visitors. Try again later.</p>") end
  local id, session = new_session()
  local url
  url, session.state = session.auth:authorize_url()
  return redirect(url, id)
end

-- The state in the redirect must be that of this visitor's session: a link that somebody else has prepared signs nobody
-- in. It is good for one try.
routes["/back"] = function(session, target, id)
  local state = session and session.state
  if not state then return page("400 Bad Request", '<p><a href="/sign-in">Sign in</a></p>') end
  session.state = nil
  local token, err = session.auth:finish(own_url .. target, state)
  sessions[id] = nil
  if not token then
    io.stderr:write(tostring(err) .. "\n")
    return page("403 Forbidden", '<p>You are not signed in. <a href="/sign-in">Try again</a></p>')
  end
  session.client = client:with{auth = session.auth}
  local fresh = new_id() -- who knew the id from before the sign-in has nothing of it
  sessions[fresh] = session
  return redirect("/", fresh)
end

routes["/sign-out"] = function(_, _, id)
  if id then sessions[id] = nil end
  return redirect("/", "")
end

-- ---- The server ----

-- Reads up to the empty line, but neither for ever nor without end.
local function read_head(connection)
  local text, until_when = "", os.time() + 10
  while not text:find("\r?\n\r?\n") do
    local piece, why, part = connection:receive(1024)
    text = text .. (piece or part)
    if #text > 16384 or os.time() > until_when or (not piece and why ~= "timeout") then return "" end
    if not piece and part == "" then coroutine.yield() end
  end
  return text
end

local function read_request(connection)
  local head = read_head(connection)
  local cookies = head:match("\n[Cc]ookie:%s*([^\r\n]*)") or ""
  return head:match("^GET (/%S*) HTTP/1%.[01]"), ("; " .. cookies):match("; session=(%x+)")
end

local function serve(connection)
  local target, id = read_request(connection)
  local route = target and routes[target:match("^[^?]*")]
  local session = id and sessions[id]
  if session and session.client then session.since = os.time() end
  local text = route and route(session, target, session and id)
    or page("404 Not Found", "<p>There is nothing here.</p>")
  local sent = 0
  while sent < #text do
    local last, why, part = connection:send(text, sent + 1)
    sent = last or part
    if not last and why ~= "timeout" then break end
    if not last then coroutine.yield() end
  end
  connection:close()
end

local server = assert(socket.bind("127.0.0.1", port))
server:settimeout(0)
print("listening on " .. own_url)
io.stdout:flush()
while true do
  local connection = server:accept()
  if connection then
    connection:settimeout(0)
    client:spawn(function() serve(connection) end)
  end
  -- A task that raises is its visitor's trouble.
  local ok, err = pcall(client.step, client, 0.005)
  if not ok then io.stderr:write(tostring(err) .. "\n") end
  if not connection then client.engine:poll(0.005) end
end
