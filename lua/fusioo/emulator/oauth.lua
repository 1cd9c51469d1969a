-- The OAuth 2 side of the emulated service: the authorize page and the token endpoint.
--
-- Owns: what they ask and answer (RFC 6749). Must not know: which tokens are good (tokens.lua), sockets.

local cjson = require "cjson.safe"
local tokens = require "fusioo.emulator.tokens"

local oauth = {}

local PATHS = { ["/oauth/authorize"] = "authorize", ["/oauth/token"] = "token" }

-- The endpoint that a path means, or nil.
function oauth.find(path)
  return PATHS[path]
end

-- A parameter that is there once and has a value.
local function single(parameters, name)
  local value = parameters[name]
  return type(value) == "string" and value or nil
end

local function escape(text)
  return (text:gsub('[&<>"\']', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }))
end

-- ---- The authorize page ----

local PAGE = [[
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>%s</title></head>
<body><h1>%s</h1>
%s</body></html>
]]

local FORM = [[
<p>%s</p>
<form method="post" action="/oauth/authorize">
%s<p><label>E-mail <input name="username"></label></p>
<p><label>Password <input name="password" type="password"></label></p>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form>
]]

local KEPT = { "response_type", "client_id", "redirect_uri", "state" }

local function page(status, title, text)
  return {
    status = status, headers = { ["Content-Type"] = "text/html; charset=utf-8", ["Cache-Control"] = "no-store" },
    body = PAGE:format(title, title, text),
  }
end

local function form(parameters, message)
  local hidden = {}
  for _, name in ipairs(KEPT) do
    local value = single(parameters, name)
    if value then hidden[#hidden + 1] = ('<input type="hidden" name="%s" value="%s">\n'):format(name, escape(value)) end
  end
  return page(200, "Sign in", FORM:format(message, table.concat(hidden)))
end

-- A loopback address, unless the settings name others.
local function is_allowed(settings, uri)
  if #settings.redirect_uris > 0 then
    for _, allowed in ipairs(settings.redirect_uris) do
      if uri == allowed then return true end
    end
    return false
  end
  if uri:find("[%c #]") then return false end
  local authority = uri:match("^http://([^/?]*)") or ""
  local host = authority:match("^(.*):%d+$") or authority
  return host == "127.0.0.1" or host == "localhost" or host == "[::1]"
end

local function redirect(uri, mark, fields)
  local parts = {}
  for _, field in ipairs(fields) do
    -- As in a form, where a space is a plus.
    if field[2] then parts[#parts + 1] = field[1] .. "=" .. ngx.escape_uri(field[2]):gsub("%%20", "+") end
  end
  if mark == "?" and uri:find("?", 1, true) then mark = "&" end
  local answer = page(302, "Signed in", "<p>Your browser goes on by itself.</p>\n")
  answer.headers["Location"] = uri .. mark .. table.concat(parts, "&")
  return answer
end

local function allow(world, parameters, uri, state)
  local settings = world.settings.oauth
  if single(parameters, "response_type") == "code" then
    return redirect(uri, "?", { { "code", world.oauth:new_code(uri, settings) }, { "state", state } })
  end
  local answer = world.oauth:issue(tokens.family(), settings, false)
  return redirect(uri, "#", {
    { "access_token", answer.access_token }, { "token_type", answer.token_type },
    { "expires_in", answer.expires_in and ("%.14g"):format(answer.expires_in) }, { "state", state },
  })
end

-- The page asked for, or its form sent; `parameters` are those of the query or of the form.
local function authorize(world, method, parameters)
  local settings = world.settings.oauth
  local uri, state = single(parameters, "redirect_uri"), single(parameters, "state")
  local kind = single(parameters, "response_type")
  if method ~= "GET" and method ~= "POST" then
    local answer = page(405, "Not so", "<p>This page is asked for by GET, and its form sent by POST.</p>\n")
    answer.headers["Allow"] = "GET, POST"
    return answer
  elseif single(parameters, "client_id") ~= settings.client_id then
    return page(400, "Unknown application", "<p>No application has this client_id.</p>\n")
  elseif not uri or not is_allowed(settings, uri) then
    return page(400, "Wrong address", "<p>The redirect_uri is none that the application has registered.</p>\n")
  elseif kind ~= "code" and kind ~= "token" then
    return redirect(uri, "?", { { "error", "unsupported_response_type" }, { "state", state } })
  elseif method == "GET" then
    return form(parameters, "An application wants to use Fusioo in your name.")
  elseif single(parameters, "decision") == "deny" then
    -- As the guide shows it; the state comes back where there was one.
    return redirect(uri, kind == "token" and "#" or "?",
      { { "error", "access_denied" }, { "error_description", "Access denied" }, { "state", state } })
  elseif single(parameters, "username") ~= settings.username or single(parameters, "password") ~= settings.password then
    return form(parameters, "Wrong e-mail or password.")
  end
  return allow(world, parameters, uri, state)
end

-- ---- The token endpoint ----

local function json(status, fields)
  return {
    status = status, headers = { ["Cache-Control"] = "no-store", ["Pragma"] = "no-cache" },
    body = cjson.encode(fields),
  }
end

-- `secret`: what a careless service would repeat.
local function refuse(world, status, code, description, secret)
  if world.settings.oauth.echo and secret then description = description .. ": " .. secret end
  local answer = json(status, { error = code, error_description = description })
  answer.error = code
  return answer
end

-- The client's id and secret, from the header (HTTP Basic) or the form.
local function credentials(parameters, header)
  local basic = header and header:match("^[Bb][Aa][Ss][Ii][Cc] +(%S+)$")
  if not basic then return single(parameters, "client_id"), single(parameters, "client_secret"), false end
  local id, secret = (ngx.decode_base64(basic) or ""):match("^([^:]*):(.*)$")
  return id and ngx.unescape_uri(id), secret and ngx.unescape_uri(secret), true
end

local grants = {}

function grants.authorization_code(world, parameters)
  local settings = world.settings.oauth
  local code = single(parameters, "code")
  if not code or not single(parameters, "redirect_uri") then
    return refuse(world, 400, "invalid_request", "code or redirect_uri is missing")
  end
  local family = world.oauth:use_code(code, parameters.redirect_uri, settings)
  if not family then return refuse(world, 400, "invalid_grant", "The code is not good", code) end
  return world.oauth:issue(family, settings, settings.refresh_tokens ~= false)
end

function grants.password(world, parameters)
  local settings = world.settings.oauth
  local username, password = single(parameters, "username"), single(parameters, "password")
  if not username or not password then
    return refuse(world, 400, "invalid_request", "username or password is missing")
  elseif username ~= settings.username or password ~= settings.password then
    return refuse(world, 400, "invalid_grant", "Wrong username or password", password)
  end
  return world.oauth:issue(tokens.family(), settings, settings.refresh_tokens ~= false)
end

function grants.client_credentials(world)
  local settings = world.settings.oauth
  return world.oauth:issue(tokens.family(), settings, settings.refresh_tokens == "always")
end

function grants.refresh_token(world, parameters)
  local refresh = single(parameters, "refresh_token")
  if not refresh then return refuse(world, 400, "invalid_request", "refresh_token is missing") end
  return world.oauth:renew(refresh, world.settings.oauth)
    or refuse(world, 400, "invalid_grant", "The refresh token is not good", refresh)
end

local function token(world, method, parameters, headers)
  local settings = world.settings.oauth
  if method ~= "POST" then
    local answer = refuse(world, 405, "invalid_request", "Tokens are asked for by POST")
    answer.headers["Allow"] = "POST"
    return answer
  elseif not (headers.content_type or ""):find("^application/x%-www%-form%-urlencoded") then
    return refuse(world, 400, "invalid_request", "The body must be a form")
  end
  for name, value in pairs(parameters) do
    if type(value) == "table" then return refuse(world, 400, "invalid_request", name .. " is there twice") end
  end
  local id, secret, basic = credentials(parameters, headers.authorization)
  if id ~= settings.client_id or secret ~= settings.client_secret then
    local answer = refuse(world, 401, "invalid_client", "No such application", secret)
    if basic then answer.headers["WWW-Authenticate"] = 'Basic realm="fusioo-emulator"' end
    return answer
  end
  local kind = single(parameters, "grant_type")
  if not kind then return refuse(world, 400, "invalid_request", "grant_type is missing") end
  if not grants[kind] then return refuse(world, 400, "unsupported_grant_type", "No such grant") end
  local answer = grants[kind](world, parameters)
  if answer.access_token then
    answer = json(200, answer)
    answer.issued = true
  end
  return answer
end

-- The answer to a request of one of both endpoints. `headers`: content_type and authorization. Nothing of what is asked
-- or given goes to the log but `entry.grant_type`, `entry.error` and `entry.issued`.
function oauth.answer(world, entry, request, body, headers)
  local text = request.method == "GET" and request.query or body or ""
  local parameters = ngx.decode_args(text, 0)
  local answer
  if request.endpoint == "authorize" then
    answer = authorize(world, request.method, parameters)
  else
    entry.grant_type = grants[single(parameters, "grant_type") or ""] and parameters.grant_type or nil
    answer = token(world, request.method, parameters, headers)
  end
  entry.error, entry.issued = answer.error, answer.issued
  return answer
end

return oauth
