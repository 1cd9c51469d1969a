--- Checking what users pass: options, queries, arguments.
--
-- Owns the lists of names that are allowed and the words of refusals. Must not know what becomes of the values.
-- A mistake raises at once, before anything is sent, and names the argument.

local options = {}

-- How far apart two words are: insertions, deletions and changes, for "did you mean".
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(row[j], row[j - 1]) + 1
      corner, row[j] = row[j], math.min(best, corner + (same and 0 or 1))
    end
  end
  return row[#b]
end

--- The one of `names` that is nearest to `word`.
-- @param word what was written
-- @param names array of the right ones
-- @return a name, or nil where none is near
function options.nearest(word, names)
  local best, best_distance
  word = tostring(word):lower()
  for _, name in ipairs(names) do
    local d = distance(word, name:lower())
    if not best_distance or d < best_distance then
      best, best_distance = name, d
    end
  end
  if best and best_distance <= math.max(2, #word / 3) then
    return best
  end
end

local function fail(where, text)
  -- Position 0: the message names the function itself, and the caller's line is in the traceback.
  error(where .. ": " .. text, 0)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- Checks of single values: each returns true, or false and what is wanted.
local function is_whole(value)
  return type(value) == "number" and value == math.floor(value) and value >= -2 ^ 53 and value <= 2 ^ 53
end

local check = {}

local function has_nul(value)
  return type(value) == "string" and value:find("\0", 1, true) ~= nil
end

function check.string(value)
  return type(value) == "string" and value ~= "" and not has_nul(value),
    has_nul(value) and "a string without NUL bytes" or "a string that is not empty"
end

function check.boolean(value)
  return type(value) == "boolean", "true or false"
end

function check.positive(value)
  return type(value) == "number" and value > 0 and value <= 1e9, "a number greater than 0, 1e9 at most"
end

function check.seconds(value)
  return type(value) == "number" and value >= 0 and value <= 1e9, "seconds, 0 or more"
end

function check.natural(value)
  return is_whole(value) and value >= 1, "a whole number, 1 or more"
end

function check.count(value)
  return is_whole(value) and value >= 0, "a whole number, 0 or more"
end

function check.concurrency(value)
  return is_whole(value) and value >= 1 and value <= 1000, "a whole number from 1 to 1000"
end

function check.page_limit(value)
  return is_whole(value) and value >= 1 and value <= 200, "a whole number from 1 to 200"
end

check["function"] = function(value)
  return type(value) == "function", "a function"
end

check["table"] = function(value)
  return type(value) == "table", "a table"
end

function check.token(value)
  return type(value) == "function" or (type(value) == "string" and value ~= ""),
    "a string that is not empty, or a function that returns one"
end

function check.auth(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.__name == "fusioo.oauth", "what fusioo.oauth.new returned"
end

function check.store(value)
  return type(value) == "table" and type(value.load) == "function" and type(value.save) == "function"
    and (value.lock == nil or type(value.lock) == "function"),
    "a table with the functions load and save, and maybe lock"
end

function check.port(value)
  return is_whole(value) and value >= 1 and value <= 65535, "a whole number from 1 to 65535"
end

function check.ledger(value)
  return value == false or (type(value) == "string" and value ~= "" and not value:find("\0", 1, true)),
    "the path of a file, or false to keep the window in memory"
end

-- One of some words.
local function one_of(...)
  local words = {...}
  local wanted = "'" .. table.concat(words, "', '") .. "'"
  return function(value)
    for _, word in ipairs(words) do
      if value == word then return true end
    end
    return false, "one of " .. wanted
  end
end

function check.runtime(value)
  if type(value) == "table" then
    return type(value.wait) == "function", "a table with a function wait(engine, seconds)"
  end
  return value == "blocking" or value == "step", "'blocking', 'step' or a table with wait(engine, seconds)"
end

-- A value is written as it is where it says something; secrets are not.
local function show(value, secret)
  if value == "" then
    return "an empty string"
  elseif secret then
    return "a " .. type(value)
  elseif value ~= value then
    return "NaN" -- which each Lua writes in its own way
  elseif type(value) == "string" and #value <= 60 then
    return string.format("%q", value)
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return "a " .. type(value)
end

-- What is not repeated in a message.
local SECRETS = {token = true, client_secret = true, password = true}

local function check_fields(where, prefix, given, spec)
  if type(given) ~= "table" then
    -- What stands in the place of all options may be a token.
    fail(where, prefix == "" and ("the argument is %s, not a table"):format(show(given, true))
      or ("option '%s' is %s; it must be a table of: %s"):format(prefix, show(given),
        table.concat(sorted_keys(spec), ", ")))
  end
  for key, value in pairs(given) do
    local rule = spec[key]
    if rule == nil then
      local near = options.nearest(key, sorted_keys(spec))
      fail(where, ("unknown option '%s%s'%s"):format(prefix ~= "" and prefix .. "." or "", tostring(key),
        near and (" (did you mean '%s'?)"):format(near) or "; there are: " .. table.concat(sorted_keys(spec), ", ")))
    end
    local name = (prefix ~= "" and prefix .. "." or "") .. key
    if type(rule) == "table" then
      check_fields(where, name, value, rule)
    else
      local good, wanted = rule(value)
      if not good then
        fail(where, ("option '%s' is %s; it must be %s"):format(name, show(value, SECRETS[key]), wanted))
      end
    end
  end
end

local rate = {
  calls = check.natural, window = check.positive, ledger = check.ledger, key = check.string,
  on_limit = one_of("wait", "error"), max_wait = check.seconds, reserve = check.count,
}
local retry = {attempts = check.natural, base = check.seconds, cap = check.seconds}
local timeout = {connect = check.positive, idle = check.positive, total = check.positive}

local client_spec = {
  token = check.token, auth = check.auth, version = one_of("v1", "v2", "v3"), base_url = check.string,
  endpoints = check.table,
  rate = rate, retry = retry, timeout = timeout, concurrency = check.concurrency, max_body = check.natural,
  ca_file = check.string, proxy = check.string, user_agent = check.string, on_event = check["function"],
  runtime = check.runtime,
}

local view_spec = {
  token = check.token, auth = check.auth, rate = rate, retry = retry, timeout = timeout,
  concurrency = check.concurrency,
  on_event = check["function"], tag = check.string,
}

local oauth_spec = {
  client_id = check.string, client_secret = check.string, redirect_uri = check.string,
  grant = one_of("authorization_code", "implicit", "password", "client_credentials"),
  username = check.string, password = check.string, store = check.store,
  authorize_url = check.string, token_url = check.string,
  timeout = timeout, ca_file = check.string, proxy = check.string, user_agent = check.string,
  on_event = check["function"], runtime = check.runtime,
}

local listen_spec = {port = check.port, timeout = check.positive}

local page_spec = {
  where = check.table, sort_by = check.string, order = one_of("asc", "desc"), limit = check.page_limit,
  offset = check.count,
}

local users_page_spec = {limit = check.page_limit, offset = check.count}

local list_spec = {
  where = check.table, sort_by = check.string, order = one_of("asc", "desc"), limit = check.count,
  offset = check.count, page_size = check.page_limit, concurrency = check.concurrency, expect = check.count,
  seams = check.boolean, on_progress = check["function"],
}

local users_list_spec = {
  limit = check.count, offset = check.count, page_size = check.page_limit, concurrency = check.concurrency,
  seams = check.boolean, on_progress = check["function"],
}

local request_spec = {query = check.table, body = function() return true end, repeatable = check.boolean}

-- Checks `given` against `spec`; nil stands for an empty table.
local function checked(spec)
  return function(where, given)
    if given == nil then return {} end
    check_fields(where, "", given, spec)
    return given
  end
end

--- Checks the options of `fusioo.new`.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.client = checked(client_spec)

--- Checks the options of `client:with`.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.view = checked(view_spec)

--- Checks the options of `fusioo.oauth.new`.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.oauth = checked(oauth_spec)

--- Checks the options of `oauth:listen`.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.listen = checked(listen_spec)

--- Checks the query of one page of records.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.page = checked(page_spec)

--- Checks the query of one page of users.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.users_page = checked(users_page_spec)

--- Checks the query of an iterator over records.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.list = checked(list_spec)

--- Checks the query of an iterator over users.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.users_list = checked(users_list_spec)

--- Checks the options of `client:request`.
-- @param where the function's name, for the message
-- @param given what the user passed, or nil
-- @return a table
options.request = checked(request_spec)

--- Raises unless `value` is a string.
-- @param where the function's name, for the message
-- @param name the argument's name
-- @param value what the user passed
function options.string(where, name, value)
  if type(value) ~= "string" then
    fail(where, ("%s is %s, not a string"):format(name, value == nil and "nil" or show(value)))
  end
end

--- Raises unless `value` is a table.
-- @param where the function's name, for the message
-- @param name the argument's name
-- @param value what the user passed
function options.table(where, name, value)
  if type(value) ~= "table" then
    fail(where, ("%s is %s, not a table"):format(name, value == nil and "nil" or show(value)))
  end
end

--- Raises unless `value` is a function.
-- @param where the function's name, for the message
-- @param name the argument's name
-- @param value what the user passed
options["function"] = function(where, name, value)
  if type(value) ~= "function" then
    fail(where, ("%s is %s, not a function"):format(name, value == nil and "nil" or show(value)))
  end
end

--- Raises unless `value` is a whole number, 1 or more.
-- @param where the function's name, for the message
-- @param name the argument's name
-- @param value what the user passed
function options.natural(where, name, value)
  if not check.natural(value) then
    fail(where, ("%s is %s, not a whole number, 1 or more"):format(name, value == nil and "nil" or show(value)))
  end
end

--- Takes over what `over` names into a copy of `base`, also inside `rate`, `retry` and `timeout`.
-- @param base a table of options
-- @param over another one
-- @return a new table
function options.merge(base, over)
  local result = {}
  for key, value in pairs(base) do result[key] = value end
  for key, value in pairs(over) do
    if type(value) == "table" and client_spec[key] ~= check.table and type(client_spec[key]) == "table" then
      value = options.merge(base[key] or {}, value)
    end
    result[key] = value
  end
  return result
end

return options
