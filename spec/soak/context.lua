-- What the operations of one worker share: its clients, which come and go, its random numbers, its model.
--
-- Owns: the clients, the judging of errors by their kind. Must not know: which operations there are.

local fusioo = require "fusioo"
local model = require "spec.soak.model"
local tally = require "spec.soak.tally"

local context = {}
context.__index = context

local CLIENTS = 4
local RETIRED = 20

-- What may come back while the service has faults. Anything else is a difference: nothing that a worker asks for is
-- wrong or missing.
local EXPECTED = {
  network = true, timeout = true, decode = true, api = true, auth = true, rate_limit = true, cancelled = true,
  closed = true,
}

-- A generator with a seed of its own, the same on every Lua: random(n) is 1 to n.
local function new_random(seed)
  local state = seed % 2147483646 + 1
  for _ = 1, 3 do state = state * 16807 % 2147483647 end
  return function(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end
end

-- `plan`: worker (its number), seed, url, token, oauth (options of a sign-in), store (a path that all workers share),
-- runtime, ledger, folder, apps, expected (lists of ids), users.
function context.new(plan)
  local self = setmetatable({
    plan = plan, random = new_random(plan.seed * 64 + plan.worker), model = model.new(plan.worker), tally = tally.new(),
    clients = {}, retired = {}, apps = plan.apps, files = 0, moved = 0, gaps = 0,
  }, context)
  self.auths = { self:new_auth(fusioo.store.file(plan.store)), self:new_auth(fusioo.store.memory()) }
  for i = 1, CLIENTS do self.clients[i] = self:new_client(i == 1 and "v3" or nil) end
  return self
end

function context:one_of(list)
  return list[self.random(#list)]
end

-- True once in `n` times.
function context:once_in(n)
  return self.random(n) == 1
end

-- ---- Clients ----

function context:new_auth(store)
  local options = { grant = "password", store = store, runtime = self.plan.runtime }
  for name, value in pairs(self.plan.oauth) do options[name] = value end
  return fusioo.oauth.new(options)
end

-- The option token: the token, or a function that returns it, or one that now and then returns an old one first.
function context:new_token()
  local token, calls = self.plan.token, 0
  return self:one_of {
    token, function() return token end,
    function()
      calls = calls + 1
      return calls % 20 == 0 and "an-old-token" or token
    end,
  }
end

function context:new_client(version)
  local plan, token = self.plan, self.plan.token
  local auth = self:once_in(2) and self:one_of(self.auths) or nil
  return fusioo.new {
    base_url = plan.url, runtime = plan.runtime, version = version or self:one_of { "v3", "v3", "v2", "v1" },
    token = not auth and self:new_token() or nil, auth = auth,
    rate = { calls = plan.calls, window = plan.window, ledger = plan.ledger, key = "soak",
      max_wait = self:one_of { 3, 10, 30 } },
    retry = { attempts = self:one_of { 1, 2, 4, 6 }, base = 0.01, cap = 0.1 },
    timeout = { connect = 2, idle = self:one_of { 0.5, 1 }, total = self:one_of { 2, 5, 20 } },
    concurrency = self.random(6), max_body = 4 * 1048576,
    on_event = self:once_in(3) and function(event)
      if tostring(event.path):find(token, 1, true) then self.model:differ("an event shows the token") end
    end or nil,
  }
end

-- A client for an operation; `version`: it has to speak that one.
function context:client(version)
  local client = version and self.clients[1] or self:one_of(self.clients)
  if self:once_in(6) then return client:with { tag = "view", timeout = { idle = 1 } } end
  return client
end

-- Closes a client in the midst of what it does, and puts a fresh one in its place.
function context:replace_client()
  local place = self.random(CLIENTS)
  local old = self.clients[place]
  self.clients[place] = self:new_client(place == 1 and "v3" or nil)
  old:close()
  table.insert(self.retired, old) -- a view of it may go on, and count
  if #self.retired > RETIRED then self.tally:note_client(table.remove(self.retired, 1):stats()) end
  local value, err = old:ping()
  if value ~= nil or err.kind ~= "closed" then self.model:differ("a closed client answers") end
end

-- Closes a view, which ends what is under way over it and nothing else.
function context:close_view()
  local view, is_closed = self:client():with { tag = "closed" }, false
  local results = fusioo.all {
    function()
      local value, err = view:get_app(self.apps.projects)
      if not value and err.kind == "closed" and not is_closed then self.model:differ("a view is closed too early") end
      return value, err
    end,
    function()
      is_closed = true
      view:close()
    end,
  }
  self:ended("close_view", results[1].err)
end

-- The run is over.
function context:close()
  for _, list in ipairs { self.clients, self.retired } do
    for _, client in ipairs(list) do
      client:close()
      self.tally:note_client(client:stats())
    end
  end
end

-- ---- Errors ----

-- An operation has ended. Returns whether it succeeded.
function context:ended(name, err)
  if err ~= nil and (type(err) ~= "table" or err.kind == nil) then
    error(err, 0) -- a mistake of the soak's, or of the library's
  end
  self.tally:note(name, err)
  if err == nil then return true end
  if not EXPECTED[err.kind] then self.model:differ("%s: %s", name, tostring(err)) end
  if tostring(err):find(self.plan.token, 1, true) then self.model:differ("%s: the error shows the token", name) end
  return false
end

return context
