-- The fault plan: which requests are to go wrong, and how. init.lua describes the rules for users.
--
-- Owns: the names of faults and what they take, the checking of rules, the choice of a rule for a request.
-- Must not know: how a fault is made (damage.lua), nginx. Plain Lua, all versions.

local faults = {}

local MIB = 1048576

local function is_whole(value, least, most)
  return type(value) == "number" and value % 1 == 0 and value >= least and value <= (most or 2 ^ 53)
end

-- Checks of single values.
local is = {}

function is.count(value) return is_whole(value, 0) end
function is.natural(value) return is_whole(value, 1) end
function is.difference(value) return is_whole(value, -2 ^ 31, 2 ^ 31) and value ~= 0 end
function is.status(value) return is_whole(value, 200, 599) end
function is.interim(value) return is_whole(value, 100, 199) end
function is.redirect(value) return is_whole(value, 300, 399) end
function is.seconds(value) return type(value) == "number" and value >= 0 and value <= 3600 end
function is.share(value) return type(value) == "number" and value >= 0 and value <= 1 end
function is.text(value) return type(value) == "string" end
function is.boolean(value) return type(value) == "boolean" end
function is.size(value) return is_whole(value, 1, 1024 * MIB) end
function is.code(value) return is_whole(value, -2 ^ 53) end
function is.retry_after(value) return type(value) == "string" or is.seconds(value) end

local function one_of(...)
  local words = {}
  for _, word in ipairs { ... } do words[word] = true end
  return function(value) return words[value] == true end
end

-- What each fault takes: name -> {check, default}. All take `done`, see check_done.
local FAULTS = {
  drop = {},
  lose = {},
  close = {},
  cut = { bytes = { is.count } },
  length = { by = { is.difference, 1 } },
  stall = { bytes = { is.count }, seconds = { is.seconds, 30 } },
  drip = { bytes = { is.natural }, seconds = { is.seconds, 0.002 } },
  garbage = { text = { is.text } },
  html = { status = { is.status, 502 } },
  body = { text = { is.text, "" } },
  data = { json = { is.text } },
  utf8 = {},
  nul = { place = { one_of("body", "header"), "body" } },
  deep = { depth = { is.natural, 100000 } },
  large = { bytes = { is.size, 64 * MIB + 1 }, gzip = { is.boolean, false } },
  status = {
    status = { is.status, 500 }, code = { is.code }, envelope = { is.boolean, true },
    retry_after = { is.retry_after }, date = { is.boolean, false },
  },
  code = { code = { is.code, 10001 } },
  redirect = { status = { is.redirect, 302 }, location = { is.text, "http://127.0.0.1:9/" } },
  interim = { status = { is.interim, 103 } },
  chunks = { how = { one_of("cut", "size", "whole"), "cut" } },
  header = { bytes = { is.size, 110000 } },
  extra = {},
}

-- These stand in the answer's place, so that they need none: the service may break before it does what it is asked.
local NEEDS_NO_ANSWER = {
  lose = true, stall = true, garbage = true, html = true, body = true, data = true, deep = true, large = true,
  status = true, code = true, redirect = true,
}

-- Does the request go wrong before the service has even counted it?
function faults.is_unhandled(rule)
  return rule.fault == "drop" or rule.fault == "status" and (rule.status == 401 or rule.status == 429)
end

-- Which requests a rule means.
local REQUESTS = {
  endpoint = { is.text }, version = { is.text }, method = { is.text }, path = { is.text }, agent = { is.text },
  from = { is.natural, 1 }, to = { is.natural }, every = { is.natural, 1 },
  probability = { is.share, 1 }, seed = { is.count, 1 }, times = { is.count },
}

-- Is `done` possible: has the service carried out what it was asked when things go wrong? Without it: true, unless the
-- request is not even counted. Returns its value, or nil and a message.
local function check_done(rule)
  local done = rule.done
  if done == nil then return not faults.is_unhandled(rule) end
  if type(done) ~= "boolean" then return nil, ".done must be true or false" end
  if done and faults.is_unhandled(rule) then
    return nil, ".done: nothing is done before the fault " .. rule.fault
  elseif not done and not NEEDS_NO_ANSWER[rule.fault] and rule.fault ~= "drop" then
    return nil, ".done: the fault " .. rule.fault .. " needs the answer of what was done"
  end
  return done
end

-- A rule with its defaults; nil and a message where it is none.
local function check_rule(rule)
  if type(rule) ~= "table" then return nil, " must be an object" end
  local own = FAULTS[rule.fault]
  if not own then return nil, ".fault is unknown: " .. tostring(rule.fault) end
  local result = { fault = rule.fault }
  for name, value in pairs(rule) do
    local known = REQUESTS[name] or own[name]
    if name ~= "fault" and name ~= "done" then
      if not known or not known[1](value) then
        return nil, "." .. tostring(name) .. " is unknown or ill-typed for the fault " .. rule.fault
      end
      result[name] = value
    end
  end
  for _, known in ipairs { REQUESTS, own } do
    for name, parts in pairs(known) do
      if result[name] == nil then result[name] = parts[2] end
    end
  end
  if not pcall(string.find, "", result.path or "") then return nil, ".path is no Lua pattern" end
  local why
  result.done = rule.done
  result.done, why = check_done(result)
  if why then return nil, why end
  return result
end

-- An array of rules, each with its defaults; nil and a message where one is wrong.
function faults.check(rules)
  if type(rules) ~= "table" then return nil, "must be an array of rules" end
  local result, size = {}, 0
  for _ in pairs(rules) do size = size + 1 end
  if size ~= #rules then return nil, "must be an array of rules" end
  for i, rule in ipairs(rules) do
    local checked, why = check_rule(rule)
    if not checked then return nil, "[" .. i .. "]" .. why end
    result[i] = checked
  end
  return result
end

-- ---- Choosing ----

-- Does the rule mean a request like this one, whatever its number?
local function is_meant(rule, request)
  return (not rule.endpoint or rule.endpoint == request.endpoint)
    and (not rule.version or rule.version == request.version)
    and (not rule.method or rule.method == request.method)
    and (not rule.agent or rule.agent == request.agent)
    and (not rule.path or request.uri:find(rule.path) ~= nil)
end

-- Is it the turn of the n-th of these requests?
local function is_due(entry, n)
  local rule = entry.rule
  if n < rule.from or n > (rule.to or n) or (n - rule.from) % rule.every ~= 0 then return false end
  if rule.times and entry.hit >= rule.times then return false end
  return rule.probability >= 1 or entry.random(1000000) < rule.probability * 1000000
end

local plan = {}
plan.__index = plan

-- A plan of checked rules that has seen no request yet. `new_random(seed)` makes generators as hash.random does.
function faults.plan(rules, new_random)
  local entries = {}
  for i, rule in ipairs(rules) do
    entries[i] = { rule = rule, met = 0, hit = 0, random = new_random(rule.seed) }
  end
  return setmetatable({ entries = entries }, plan)
end

-- The rule for a request {endpoint =, version =, method =, uri =, agent =}, or nil. The first rule that is due is
-- taken; all of them count the requests that they mean.
function plan:choose(request)
  local chosen
  for _, entry in ipairs(self.entries) do
    if is_meant(entry.rule, request) then
      entry.met = entry.met + 1
      if is_due(entry, entry.met) and not chosen then
        chosen = entry
      end
    end
  end
  if not chosen then return nil end
  chosen.hit = chosen.hit + 1
  return chosen.rule
end

-- {{fault =, met =, hit =}, ...}: how many requests each rule meant, and how many went wrong by it.
function plan:counts()
  local result = {}
  for i, entry in ipairs(self.entries) do
    result[i] = { fault = entry.rule.fault, met = entry.met, hit = entry.hit }
  end
  return result
end

return faults
