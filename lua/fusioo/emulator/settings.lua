-- The emulator's settings: their names, defaults and checks. init.lua describes them for users.
--
-- Owns: which settings exist and what they may be. Must not know: where they come from (command line,
-- control API) or who obeys them. Plain Lua, all versions.

local faults = require "fusioo.emulator.faults"

local settings = {}

settings.TOKEN = "fusioo-emulator-development-token"
settings.MOST_RECORDS = 1000000

settings.defaults = {
  seed = 1,
  records = { projects = 1205, tasks = 350, clients = 60 },
  rate = { calls = 500, window = 3600, retry_after = "none" },
  latency = { min = 0, max = 0 },
  tokens = { settings.TOKEN },
  gzip = false,
  validate = true,
  downloads = {
    redirect = false, redirect_status = 302, etag = "strong", modified = true, ranges = true, length = true,
    cut_after = false, cuts = 1, wrong_range = false,
  },
  oauth = {
    client_id = "fusioo-emulator-client", client_secret = "fusioo-emulator-secret",
    username = "user@example.com", password = "fusioo-emulator-password",
    access_life = 3600, refresh_life = false, code_life = 60, access_size = 1100, token_type = "Bearer",
    rotate = true, reuse = "refuse", refresh_tokens = true, revoke_old = false, expires_in = true, echo = false,
    redirect_uris = {}, next_tokens = {},
  },
  page_cap = 200,
  churn = false,
  faults = {},
  log_limit = 10000,
  cached_pages = 16,
}

local check = {}

local function is_whole(value, least, most)
  return type(value) == "number" and value % 1 == 0 and value >= least and value <= most
end

function check.seed(value)
  if not is_whole(value, 0, 2 ^ 31 - 1) then return nil, "must be a whole number, 0 to 2147483647" end
  return value
end

function check.records(value, current)
  if type(value) == "number" then value = { projects = value } end
  if type(value) ~= "table" then return nil, "must be a number or an object" end
  local result = {}
  for key, count in pairs(current) do result[key] = count end
  for key, count in pairs(value) do
    if current[key] == nil then return nil, "knows no app " .. tostring(key) end
    if not is_whole(count, 0, settings.MOST_RECORDS) then
      return nil, "must be whole numbers, 0 to 1000000"
    end
    result[key] = count
  end
  return result
end

function check.rate(value, current)
  if type(value) ~= "table" then return nil, "must be an object" end
  local result = { calls = current.calls, window = current.window, retry_after = current.retry_after }
  for key, part in pairs(value) do
    if key == "calls" and is_whole(part, 0, 10000000) then
      result.calls = part
    elseif key == "window" and type(part) == "number" and part > 0 then
      result.window = part
    elseif key == "retry_after" and (part == "none" or part == "seconds" or part == "date") then
      result.retry_after = part
    else
      return nil, "." .. tostring(key) .. " is unknown or ill-typed"
    end
  end
  return result
end

function check.latency(value)
  if type(value) == "number" then value = { min = value, max = value } end
  if type(value) ~= "table" then return nil, "must be seconds or {min, max}" end
  local min, max = value.min or 0, value.max or value.min
  if type(min) ~= "number" or type(max) ~= "number" or min < 0 or max < min then
    return nil, "must be seconds or {min, max}, min not above max"
  end
  return { min = min, max = max }
end

function check.tokens(value)
  if type(value) ~= "table" then return nil, "must be an array of strings" end
  local result = {}
  for i, token in ipairs(value) do
    if type(token) ~= "string" or token == "" then return nil, "must be an array of strings" end
    result[i] = token
  end
  return result
end

local function yes_or_no(value)
  if type(value) ~= "boolean" then return nil, "must be true or false" end
  return value
end

check.gzip, check.validate = yes_or_no, yes_or_no

function check.page_cap(value)
  if not is_whole(value, 1, 200) then return nil, "must be a whole number, 1 to 200" end
  return value
end

local function one_of(...)
  local values = {}
  for _, value in ipairs { ... } do values[value] = true end
  return function(value) return values[value] == true end
end

local DOWNLOADS = {
  redirect = one_of(false, "same", "other", "loop", "plain"),
  redirect_status = one_of(301, 302, 303, 307, 308),
  etag = one_of("strong", "weak", "none", "changing"),
  modified = one_of(true, false),
  ranges = one_of(true, false, "refused"),
  length = one_of(true, false, "none"),
  cut_after = function(value) return value == false or is_whole(value, 0, 2 ^ 53) end,
  cuts = function(value) return is_whole(value, 0, 1000000) end,
  wrong_range = one_of(true, false),
}

-- What is left out is as in the defaults.
function check.downloads(value)
  if type(value) ~= "table" then return nil, "must be an object" end
  local result = {}
  for key, default in pairs(settings.defaults.downloads) do result[key] = default end
  for key, part in pairs(value) do
    if not DOWNLOADS[key] or not DOWNLOADS[key](part) then
      return nil, "." .. tostring(key) .. " is unknown or ill-typed"
    end
    result[key] = part
  end
  return result
end

local function is_text(value) return type(value) == "string" and value ~= "" end
local function is_life(value) return type(value) == "number" and value > 0 and value < 1e12 end

local function all(is)
  return function(value)
    if type(value) ~= "table" then return false end
    local count = 0
    for _, part in pairs(value) do
      if not is(part) then return false end
      count = count + 1
    end
    return count == #value
  end
end

local function is_redirect_uri(value)
  return is_text(value) and value:find("^%a[%w+.-]*://") and not value:find("[%c #]")
end

local function is_pair(value)
  if type(value) ~= "table" then return false end
  for name, token in pairs(value) do
    if (name ~= "access_token" and name ~= "refresh_token") or not is_text(token) then return false end
  end
  return true
end

local OAUTH = {
  client_id = is_text, client_secret = is_text, username = is_text, password = is_text, token_type = is_text,
  access_life = is_life, code_life = is_life,
  refresh_life = function(value) return value == false or is_life(value) end,
  access_size = function(value) return is_whole(value, 16, 100000) end,
  rotate = one_of(true, false), reuse = one_of("refuse", "revoke"), refresh_tokens = one_of(true, false, "always"),
  revoke_old = one_of(true, false), expires_in = one_of(true, false), echo = one_of(true, false),
  redirect_uris = all(is_redirect_uri), next_tokens = all(is_pair),
}

-- What is left out stays as it is.
function check.oauth(value, current)
  if type(value) ~= "table" then return nil, "must be an object" end
  local result = {}
  for key, part in pairs(current) do result[key] = part end
  for key, part in pairs(value) do
    if not OAUTH[key] or not OAUTH[key](part) then return nil, "." .. tostring(key) .. " is unknown or ill-typed" end
    result[key] = part
  end
  return result
end

local function up_to_a_million(value)
  if not is_whole(value, 0, 1000000) then return nil, "must be a whole number, 0 to 1000000" end
  return value
end

check.log_limit, check.cached_pages = up_to_a_million, up_to_a_million

local CHURN = {
  seed = 1, per_request = 1, insert = 1, delete = 1, move = 0, min_position = 0, operations = 2 ^ 53,
}

function check.churn(value)
  if value == false then return false end
  if type(value) ~= "table" then return nil, "must be an object or false" end
  local result = {}
  for key, default in pairs(CHURN) do result[key] = default end
  for key, part in pairs(value) do
    if key == "app_id" then
      if type(part) ~= "string" then return nil, ".app_id must be a string" end
    elseif CHURN[key] == nil or type(part) ~= "number" or part < 0
        or (key == "seed" or key == "min_position") and not is_whole(part, 0, 2 ^ 31 - 1) then
      return nil, "." .. tostring(key) .. " is unknown or ill-typed"
    end
    result[key] = part
  end
  return result
end

function check.faults(value)
  return faults.check(value)
end

-- Whole settings: `base` with `changes` on top, checked; neither is changed. Returns nil and a message
-- that names the setting where one is unknown or ill-typed.
function settings.merge(base, changes)
  local result = {}
  for name, value in pairs(base) do result[name] = value end
  for name, value in pairs(changes) do
    if not check[name] then return nil, "unknown setting: " .. tostring(name) end
    local checked, why = check[name](value, base[name])
    if checked == nil then
      return nil, name .. (why:find("^[.[]") and "" or " ") .. why
    end
    result[name] = checked
  end
  return result
end

return settings
