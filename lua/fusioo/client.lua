--- The client: one method for each method of Fusioo's guide, iterators, and what belongs to a client.
--
-- Owns options, views, iterators and what belongs to the client as a whole; the methods stand in `fusioo.methods` and
-- `fusioo.files`. Must not know paths, versions or HTTP (the core does).

local core = require "fusioo.core"
local App = require "fusioo.app"
local files = require "fusioo.files"
local invoke = require "fusioo.invoke"
local List = require "fusioo.list"
local methods = require "fusioo.methods"
local options = require "fusioo.options"
local runtimes = require "fusioo.runtime"
local scheduler = require "fusioo.scheduler"

local Client = {}
Client.__index = Client
Client.__name = "fusioo.client"

for _, part in ipairs{methods, files} do
  for name, method in pairs(part) do Client[name] = method end
end

-- ---- Making one ----

-- The options as the core takes them: flat, without what belongs to Lua.
local function flatten(given)
  local rate, retry, timeout = given.rate or {}, given.retry or {}, given.timeout or {}
  return {
    token = type(given.token) == "string" and given.token or nil,
    token_on_need = type(given.token) == "function",
    auth = given.auth and given.auth._core,
    events = given.on_event ~= nil,
    version = given.version, base_url = given.base_url, tag = given.tag,
    ca_file = given.ca_file, proxy = given.proxy, user_agent = given.user_agent,
    rate_calls = rate.calls, rate_window = rate.window, rate_reserve = rate.reserve, rate_key = rate.key,
    rate_ledger = rate.ledger == false and "" or rate.ledger,
    rate_max_wait = rate.max_wait, rate_error = rate.on_limit == "error",
    retry_attempts = retry.attempts, retry_base = retry.base, retry_cap = retry.cap,
    timeout_connect = timeout.connect, timeout_idle = timeout.idle, timeout_total = timeout.total,
    concurrency = given.concurrency, max_body = given.max_body,
  }
end

local function new(engine, client_core, given)
  local self = setmetatable({
    engine = engine,
    _core = client_core,
    _options = given,
    _token = type(given.token) == "function" and given.token or nil,
    _on_event = given.on_event,
    _runtime = runtimes.find(given.runtime),
    _schemas = {},
    _names = {},
  }, Client)
  scheduler.register(client_core:id(), self)
  return self
end

local function environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- A token comes from one place.
local function check_one_way(where, given)
  if given.token and given.auth then
    error(where .. ": options 'token' and 'auth' are two ways to the same: give one of them", 0)
  end
end

local function set_endpoints(client_core, endpoints)
  for name, request in pairs(endpoints) do
    if type(name) ~= "string" or type(request) ~= "string" then
      error("fusioo.new: endpoints holds names and requests, such as get_users = \"GET /users\"", 0)
    end
    local ok, err = client_core:set_endpoint(name, request)
    if not ok then error("fusioo.new: option 'endpoints': " .. err.message, 0) end
  end
end

--- Makes a client; `fusioo.new` is this function.
-- @param given options, see the README
-- @return client
-- @local
function Client._new(given)
  given = options.merge(options.client("fusioo.new", given), {})
  check_one_way("fusioo.new", given)
  given.token = given.token or (not given.auth and environment("FUSIOO_ACCESS_TOKEN")) or nil
  given.base_url = given.base_url or environment("FUSIOO_BASE_URL")
  local engine, err = core.engine()
  if not engine then error(err, 0) end
  local client_core
  client_core, err = core.client(engine, flatten(given))
  if not client_core then error("fusioo.new: " .. err.message, 0) end
  set_endpoints(client_core, given.endpoints or {})
  return new(engine, client_core, given)
end

--- A view on the same engine and statistics with other options; what is not named stays as it is.
-- @param given `token`, `auth`, `rate`, `retry`, `timeout`, `concurrency`, `on_event`, `tag`
-- @return client; closing it ends its own calls alone
-- @usage local nightly = client:with{tag = "nightly", rate = {reserve = 100}}
function Client:with(given)
  given = options.view("client:with", given)
  check_one_way("client:with", given)
  local merged = options.merge(self._options, given)
  if given.token then merged.auth = nil end
  if given.auth then merged.token = nil end
  given = merged
  local client_core, err = self._core:view(flatten(given))
  if not client_core then error("client:with: " .. err.message, 0) end
  return new(self.engine, client_core, given)
end

--- Ends what the client has under way; every later call returns nil and an error of kind `closed`.
-- @usage client:close()
function Client:close()
  self._core:close()
end

function Client:__tostring()
  return ("fusioo.client (%s, %s)"):format(self._options.version or "v3",
    self._options.base_url or "https://api.fusioo.com")
end

-- ---- Iterators ----

local function record_list(self, app_id, query)
  return List.new(self, function()
    local q, err = invoke.query(query)
    if not q then return nil, err end
    return self._core:pager("get_records", app_id, {filter = q.filter, sort_by = q.sort_by, order = q.order,
      offset = q.offset}, query)
  end, query)
end

--- A list of an app's records, for the handles.
-- @param name the function's name in messages
-- @param app_id the app's id
-- @param query as of `client:records`
-- @return list
-- @local
function Client:_records(name, app_id, query)
  options.string(name, "app_id", app_id)
  return record_list(self, app_id, options.list(name, query))
end

--- Iterates over an app's records, in the service's order, each handed out once, whatever others edit meanwhile.
-- Stands on GetRecords and RecordCount. Raises an error where the reading fails; `err.resume` is the offset to go on
-- from.
-- @param app_id the app's id
-- @param query `where`, `sort_by`, `order`; `limit`: how many in all (default: every one); `offset`; `page_size` (1
-- to 200); `concurrency`: requests under way at once; `expect`: about how many will come, which saves the count;
-- `seams = false`: no overlap of pages; `on_progress`: function(done, total); or nil
-- @return what a generic `for` wants
-- @usage for record in client:records(app_id) do print(record.id) end
function Client:records(app_id, query)
  return self:_records("records", app_id, query):records()
end

--- Iterates over an app's records page by page, see `client:records`.
-- @param app_id the app's id
-- @param query as of `client:records`
-- @return what a generic `for` wants: each time an array of records, never empty
-- @usage for page in client:pages(app_id) do store(page) end
function Client:pages(app_id, query)
  return self:_records("pages", app_id, query):pages()
end

--- Iterates over the company's users. Stands on GetUsers. From v3 on.
-- @param query `limit`, `offset`, `page_size`, `concurrency`, `seams`, `on_progress`, or nil
-- @return what a generic `for` wants
-- @usage for user in client:users() do print(user.id) end
function Client:users(query)
  query = options.users_list("users", query)
  return List.new(self, function()
    return self._core:pager("get_users", nil, {offset = query.offset}, query)
  end, query):records()
end

--- Iterates over a record's discussions. Stands on GetDiscussions. From v3 on.
-- @param record_id the record's id
-- @param query `limit`, `offset`, `page_size`, `concurrency`, `seams`, `on_progress`, or nil
-- @return what a generic `for` wants
-- @usage for discussion in client:discussions(record.id) do print(discussion.message) end
function Client:discussions(record_id, query)
  options.string("discussions", "record_id", record_id)
  query = options.users_list("discussions", query)
  return List.new(self, function()
    return self._core:pager("get_discussions", record_id, {offset = query.offset}, query)
  end, query):records()
end

-- ---- Calls of the company ----

--- What the company's window holds now, as far as this process knows. Spends no call.
-- @return `{calls =, window =, used =, remaining =, free_in =}`: the limit, its seconds, calls in it, what this
-- client may spend now, seconds until one is free
-- @usage print(client:budget().remaining)
function Client:budget()
  return self._core:budget()
end

--- What an iteration would cost. Spends one call, RecordCount.
-- @param app_id the app's id
-- @param query as of `client:records`
-- @return `{records =, calls =, wait =}` (`wait`: seconds that the window would make it wait), or nil and an error
-- @usage local cost = assert(client:estimate(app_id)); print(cost.calls, cost.wait)
function Client:estimate(app_id, query)
  query = options.list("estimate", query)
  local count, err = self:record_count(app_id, query.where)
  if not count then return nil, err end
  local records = math.max(count - (query.offset or 0), 0)
  local page_size = query.page_size or 200
  local calls
  if query.limit and query.limit < records then records = query.limit end
  local seam = query.seams ~= false and page_size > 1 and 1 or 0
  if query.limit and query.limit <= page_size then
    calls = query.limit > 0 and 1 or 0
  elseif query.limit and query.limit <= 2 * page_size - seam then
    calls = records < page_size and 1 or 2 -- two pages will do: the count is not asked for
  else
    calls = core.pager_cost(records, page_size, query.seams ~= false)
  end
  return {records = records, calls = calls, wait = self._core:forecast(calls)}
end

--- What this client and its views did so far.
-- @return `{calls =, retries =, waited =, bytes_in =, bytes_out =, by_tag = {NAME = {calls =, retries =}}}`:
-- requests sent, repeats among them, seconds waited for the window, bytes of bodies
-- @usage print(client:stats().calls)
function Client:stats()
  return self._core:stats()
end

-- ---- Handles ----

--- A handle of an app.
-- @param id the app's id: no call; or `{name = "Projects"}`: finds it by name, one GetApps, then remembered
-- @return app handle, or nil and an error
-- @usage local projects = assert(client:app{name = "Projects"})
function Client:app(id)
  if type(id) == "table" then
    for key in pairs(id) do
      if key ~= "name" then error(("app: unknown key '%s'; there is: name"):format(tostring(key)), 0) end
    end
    options.string("app", "name", id.name)
    return App._find(self, id.name)
  end
  options.string("app", "id", id)
  return App._new(self, id)
end

-- ---- Frame loops ----

--- Starts a task: a function whose calls do not block. For runtime "step".
-- @param run_task the function
-- @return task, with `task:done()`, `task:result()`, `task:cancel()`
-- @usage local task = client:spawn(function() return client:get_apps() end)
function Client:spawn(run_task) -- luacheck: no self
  options["function"]("spawn", "function", run_task)
  return scheduler.spawn(run_task)
end

--- Carries tasks on for about `budget` seconds and returns; to be called once a frame. Raises what a task raised and
-- nobody caught.
-- @param budget seconds, default 0.001
-- @usage function love.update() client:step() end
function Client:step(budget)
  if budget ~= nil and (type(budget) ~= "number" or not (budget >= 0)) then
    error("step: budget is no number of seconds", 0)
  end
  scheduler.step(self.engine, budget or 0.001)
end

return Client
