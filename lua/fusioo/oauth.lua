--- Signing in with OAuth 2: tokens that are got, kept and renewed by themselves.
--
-- One sign-in stands for one user (or, with the credentials grant, for the application). It is given to clients as the
-- option `auth`, or asked for its token. However many calls wait for a new token, and however many processes share the
-- store, it is renewed once.
--
-- Owns: what a program says to a sign-in, and its store. Must not know: how a token is got (the core does).

local core = require "fusioo.core"
local options = require "fusioo.options"
local runtimes = require "fusioo.runtime"
local scheduler = require "fusioo.scheduler"
local stores = require "fusioo.store"
local tasks = require "fusioo.task"

local OAuth = {}
OAuth.__index = OAuth
OAuth.__name = "fusioo.oauth"

local oauth = {}

local LISTEN_SECONDS = 300

-- The options as the core takes them: flat, without what belongs to Lua.
local function flatten(given)
  local timeout = given.timeout or {}
  local is_file, path = false, nil
  if given.store then is_file, path = stores._is_file(given.store) end
  return {
    client_id = given.client_id, client_secret = given.client_secret, redirect_uri = given.redirect_uri,
    grant = given.grant, username = given.username, password = given.password,
    authorize_url = given.authorize_url, token_url = given.token_url,
    store_on_disk = is_file, store_file = path, store_on_need = given.store ~= nil and not is_file,
    store_locks = given.store ~= nil and given.store.lock ~= nil,
    events = given.on_event ~= nil, ca_file = given.ca_file, proxy = given.proxy, user_agent = given.user_agent,
    timeout_connect = timeout.connect, timeout_idle = timeout.idle, timeout_total = timeout.total,
  }
end

-- What locks and unlocks is there from the beginning, and notes what it has got before anything else can fail: wherever
-- memory ends, a lock is given back.
local function prepare_locking(self)
  self._got = false     -- what gives a lock back that the core has not heard of yet
  self._locked = false  -- the number under which the core asked for the lock that it holds
  self._unlock = false  -- what gives that back
  self._process = 0     -- the process that has it: a forked child has not
  function self._take()
    local unlock, err = self._store.lock()
    if type(unlock) == "function" then self._got = unlock end
    return unlock, err
  end
  function self._give_back()
    local unlock = self._unlock
    if unlock and self._process == core.process_id() then unlock() end
    if self._unlock == unlock then self._locked, self._unlock = false, false end
  end
end

--- Makes a sign-in. Raises on an unknown, ill-typed or missing option; nothing is read or asked before the first use.
-- @param given `client_id`, `client_secret`, `redirect_uri`: those of the registered application; `grant`:
-- `"authorization_code"` (default) or `"implicit"`, where a person signs in on Fusioo's page, `"password"` (with
-- `username`, `password`) or `"client_credentials"`; `store`: where the token is kept, default: in memory alone;
-- `authorize_url`, `token_url`: other addresses than Fusioo's; `timeout`, `ca_file`, `proxy`, `user_agent`, `on_event`,
-- `runtime`: as for a client; where a client's call needs the token, the client's own count
-- @return oauth
-- @usage local auth = fusioo.oauth.new{client_id = id, client_secret = secret, grant = "client_credentials"}
-- local client = fusioo.new{auth = auth}
function oauth.new(given)
  given = options.oauth("fusioo.oauth.new", given)
  local engine, err = core.engine()
  if not engine then error(err, 0) end
  local sign_in
  sign_in, err = core.oauth(engine, flatten(given))
  if not sign_in then error("fusioo.oauth.new: " .. err.message, 0) end
  local self = setmetatable({
    engine = engine,
    _core = sign_in,
    _store = given.store,
    _grant = given.grant or "authorization_code",
    _client_id = given.client_id,
    _on_event = given.on_event,
    _runtime = runtimes.find(given.runtime),
  }, OAuth)
  prepare_locking(self)
  scheduler.register(sign_in:id(), self)
  return self
end

function OAuth:__tostring()
  return ("fusioo.oauth (%s, client_id %s)"):format(self._grant, self._client_id)
end

-- ---- Asking ----

local function is_done(ask)
  return ask:done()
end

-- Waits for the answer to a question that may have failed to be asked.
local function answer(self, ask, err)
  if not ask then return nil, err end
  if not ask:done() then scheduler.wait(ask, self._runtime, self.engine, is_done) end
  local token
  token, err = ask:result()
  ask:free() -- it holds a token
  return token, err
end

--- The address of the page where a person signs in. No call.
-- @return url, and the `state` that the redirect has to bring back: fresh, random, for this one sign-in. A web
-- application keeps it in the person's session. Raises where the grant has no such page or `redirect_uri` is missing
-- @usage local url, state = auth:authorize_url()
function OAuth:authorize_url()
  local url, state = self._core:authorize_url()
  if not url then error("oauth:authorize_url: " .. state.message, 0) end
  return url, state
end

--- Ends a sign-in: reads what the page has brought, and gets the token for it, which is kept in the store.
-- @param redirected_url the whole address to which the browser was led, `redirect_uri` with something behind it; with
-- the implicit grant also what stands behind the `#`
-- @param state the one that `oauth:authorize_url` gave
-- @return token, or nil and an error: of kind `invalid` where state, host or path are others or there is no code, of
-- kind `auth` where the person or the service said no (`access_denied`), and what else can befall a request
-- @usage local token, err = auth:finish(url, session.state)
function OAuth:finish(redirected_url, state)
  options.string("oauth:finish", "redirected_url", redirected_url)
  options.string("oauth:finish", "state", state)
  if (redirected_url .. state):find("\0", 1, true) then
    return nil, core.error{kind = "invalid", message = "the redirected address, or the state, holds a NUL byte"}
  end
  scheduler.check(self._runtime)
  return answer(self, self._core:finish(redirected_url, state))
end

--- Waits on this machine for the redirect of a person who signs in here, and ends the sign-in: for programs in a
-- terminal. Call `oauth:authorize_url` first and show its address. Listens at 127.0.0.1 alone, and for one request.
-- @param given `port`: default: that of `redirect_uri`; `timeout`: seconds to wait, default 300
-- @return token, or nil and an error, as `oauth:finish`; of kind `timeout` where nobody came
-- @usage print("Open " .. auth:authorize_url())
-- local token = assert(auth:listen{port = 8080})
function OAuth:listen(given)
  given = options.listen("oauth:listen", given)
  scheduler.check(self._runtime)
  return answer(self, self._core:listen(given.port, given.timeout or LISTEN_SECONDS))
end

--- The token: the stored one, renewed or got where it is due.
-- @return token, or nil and an error: of kind `auth` where a person has to sign in (again)
-- @usage local token = assert(auth:token())
function OAuth:token()
  scheduler.check(self._runtime)
  return answer(self, self._core:token())
end

--- Renews the token now.
-- @return token, or nil and an error, as `oauth:token`
-- @usage local token = assert(auth:refresh())
function OAuth:refresh()
  scheduler.check(self._runtime)
  return answer(self, self._core:refresh())
end

-- ---- The store ----

local NO_MEMORY = tasks.NO_MEMORY[2]

-- What went wrong there, for the core: an error of this library's as it is, anything else in words.
local function trouble(wish, raised, err)
  if err == NO_MEMORY or (type(err) == "table" and type(err.kind) == "string") then return err end
  local shown, text = pcall(tostring, err)
  return ("the store's function %s %s: %s"):format(wish, raised and "raised an error" or "failed",
    shown and text or "it cannot be shown")
end

local answers = {}

-- Only these fields, and read once: the core reads a table, whatever it was that the store gave. Databases and JSON
-- have a null.
local function plain(token)
  local result = {
    access_token = token.access_token, token_type = token.token_type, refresh_token = token.refresh_token,
    expires_at = token.expires_at,
  }
  for name, value in pairs(result) do
    if value == core.null then result[name] = nil end
  end
  return result
end

-- Returns what is wrong with it; nil: nothing.
local function give_token(self, number, token)
  if type(token) ~= "table" then return "it is a " .. type(token) .. ", not a table" end
  local result = plain(token)
  local fault = stores._fault_of(result)
  if not fault then self._core:loaded(number, result) end
  return fault
end

function answers.load(self, number, ok, token, err)
  if not ok then
    self._core:loaded(number, nil, trouble("load", true, token))
  elseif token == nil then
    self._core:loaded(number, nil, err ~= nil and trouble("load", false, err) or nil)
  else
    local read, fault = pcall(give_token, self, number, token)
    if not read and fault ~= NO_MEMORY then fault = "its fields cannot be read" end
    if fault then
      self._core:loaded(number, nil, fault == NO_MEMORY and fault or
        "the store's function load returned what is no token: " .. fault)
    end
  end
end

function answers.save(self, number, ok, saved, err)
  if not ok then
    self._core:stored(number, "failed", trouble("save", true, saved))
  elseif saved == false or (saved == nil and err ~= nil) then
    self._core:stored(number, "failed", trouble("save", false, err ~= nil and err or "it returned false"))
  else
    self._core:stored(number, "stored")
  end
end

function answers.lock(self, number, ok, unlock, err)
  local got = self._got
  if got then
    local process, held = core.process_id(), self._core:stored(number, "stored")
    self._got = false
    if not held then return got end
    self._locked, self._unlock, self._process = number, got, process
  elseif not ok then
    self._core:stored(number, "failed", trouble("lock", true, unlock))
  elseif not unlock and err ~= nil then
    self._core:stored(number, "failed", trouble("lock", false, err))
  elseif unlock then
    self._core:stored(number, "failed", "the store's function lock returned a " .. type(unlock) ..
      "; it returns a function that unlocks, or nil")
  else
    self._core:stored(number, "busy")
  end
end

-- It was given back already, unless there was no memory even for that: then whoever tells is to tell it again.
answers["end"] = function(self, number, ok, err)
  if self._locked ~= number then return end
  if not ok and err == NO_MEMORY then
    local given, why = pcall(self._give_back)
    if not given and why == NO_MEMORY then error(NO_MEMORY, 0) end
  end
  self._locked, self._unlock = false, false
end

--- Tells the core how the store's function went.
-- @param wish "load", "save", "lock" or "end"
-- @param number the one of the wish
-- @param ok did it return?
-- @param ... what it returned, or raised
-- @return nil, or a function that is to be called yet: it gives back a lock that came too late
-- @local
function OAuth:_answer_store(wish, number, ok, ...)
  return answers[wish](self, number, ok, ...)
end

--- Has the store been locked, and the core not heard of it yet?
-- @return boolean
-- @local
function OAuth:_has_lock_to_tell()
  return self._got ~= false
end

--- What the store has to do for the core, as a function that is called once.
-- @param wish "load", "save", "lock" or "end"
-- @param number the one of the wish; of an end, that of the lock which is to be given back
-- @return function, or nil: nothing
-- @local
function OAuth:_for_store(wish, number)
  if wish == "end" then
    if self._locked == number then return self._give_back end
    self._locked, self._unlock = false, false -- of the parent, before a fork
    return nil
  elseif not self._core:awaits(number) then
    return nil -- it was given up, and the core has gone on without it
  elseif wish == "lock" then
    return self._take
  elseif wish == "save" then
    local token, save = self._core:to_save(), self._store.save
    return function() return save(token) end
  end
  return self._store.load
end

return oauth
