-- What a program does while memory is short (spec/c/test_lua_allocation.c): it reads, it writes, it does several things
-- at once. Each scenario raises what went wrong; what it returns is right.
--
-- Owns the scenarios and their checks. Must not know which allocation fails, nor when.

local fusioo = require "fusioo"

local scarce = {}

local RECORDS, FILE = 95, 5000 -- as spec/c/small_server.h has them

local function new_client(url, more)
  local options = {
    base_url = url, token = function() return "a-token" end, rate = { calls = 1000000000, ledger = false },
    retry = { attempts = 2, base = 0.001, cap = 0.001 }, on_event = function() end, concurrency = 3,
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return fusioo.new(options)
end

-- A store that several processes might share.
local function new_store()
  local store = { held = false, kept = nil }
  local function unlock() store.held = false end
  function store.lock()
    if store.held then return nil end
    store.held = true
    return unlock
  end
  function store.load() return store.kept end
  function store.save(token)
    store.kept = token
    return true
  end
  return store
end

local function new_sign_in(url, store, grant)
  return fusioo.oauth.new {
    client_id = "an-application", client_secret = "its-secret", username = grant == "password" and "me" or nil,
    password = grant == "password" and "my-password" or nil, redirect_uri = "http://127.0.0.1:9/back",
    token_url = url .. "/oauth/token", grant = grant, store = store, timeout = { total = 2 },
  }
end

-- Opens what the scenarios need, with all the memory it wants.
function scarce.open(url)
  scarce.client = new_client(url)
  scarce.framed = new_client(url, { runtime = "step" })
  scarce.created, scarce.uploaded, scarce.doubt = 0, 0, 0
  scarce.store = new_store()
  assert(new_sign_in(url, scarce.store, "password"):token())
  scarce.auth = new_sign_in(url, scarce.store, "authorization_code")
end

local function check_record(record, number)
  if record.id ~= "r" .. number or record.title ~= "with ä in it" or record.items[3] ~= fusioo.null then
    error(("record %d is not as it was sent"):format(number), 0)
  end
end

local function read_loop(client)
  local count = 0
  for record in client:records("i1", { page_size = 20, where = { status = { contains = "A" } } }) do
    check_record(record, count)
    count = count + 1
  end
  if count ~= RECORDS then error(("the list ended after %d records"):format(count), 0) end
end

-- A program that does not give up at the first error: what an iterator says after it must be right, too.
local function read_stubbornly(client)
  local following = client:records("i1", { page_size = 20 })
  local count, failures, first = 0, 0, nil
  while true do
    local ok, record = pcall(following)
    if not ok then
      scarce.enough()
      failures, first = failures + 1, first or record
      if failures > 2 then error(first, 0) end
    elseif record then
      check_record(record, count)
      count = count + 1
    else
      break
    end
  end
  if count ~= RECORDS then error(("the list ended after %d records"):format(count), 0) end
end

function scarce.read()
  local client = scarce.client
  read_loop(client)
  read_stubbornly(client:with { tag = "stubborn", token = "another-token" })
  local count = 0
  for page in client:pages("i1", { page_size = 30 }) do
    for _, record in ipairs(page) do
      check_record(record, count)
      count = count + 1
    end
  end
  if count ~= RECORDS then error(("the pages ended after %d records"):format(count), 0) end
  assert(assert(client:record_count("i1")) == RECORDS)
  assert(#assert(client:get_records("i1", { limit = 50 })) == 50)
  assert(#assert(client:get_apps()) == 1)
  local app, err = client:get_app("absent")
  if app or err.kind ~= "not_found" then error(err or "what is absent was found", 0) end
  assert(tostring(err):find("not_found", 1, true) and client:stats().calls > 0)
end

-- A create that raised may have been carried out.
local function create(counter, f, ...)
  scarce.doubt = scarce.doubt + 1
  local made, err = f(...)
  if not made and not err.maybe_done then scarce.doubt = scarce.doubt - 1 end
  if not made then error(err, 0) end
  scarce.doubt = scarce.doubt - 1
  scarce[counter] = scarce[counter] + 1
  return made
end

function scarce.write()
  local client = scarce.client
  local app = client:app "i1"
  assert(create("created", client.create_record, client, "i1", { title = "A", items = { 1, 2.5, fusioo.null } }).id)
  assert(client:update_record("r1", { title = ("long "):rep(200), tags = fusioo.array {} }))
  assert(app:delete("r1"))
  create("uploaded", client.create_file, client, { name = "plan \"a\".txt", data = ("u"):rep(3000) })
  local bytes = assert(client:download_file "f1")
  assert(#bytes == FILE and bytes:sub(27, 30) == "abcd")
  assert(client:download_file("f1", scarce.path))
  local file = assert(io.open(scarce.path, "rb"))
  local same = file:read "a" == bytes
  file:close()
  os.remove(scarce.path)
  assert(same, "the file on disk is another one")
end

local function read_page(client, number)
  local records, err = client:get_records("i1", { limit = 20, offset = number * 10 })
  if not records then return nil, err end
  check_record(records[1], number * 10)
  return #records
end

-- Side by side, outside of tasks.
function scarce.group()
  local functions = {}
  for i = 1, 5 do functions[i] = function() return read_page(scarce.client, i) end end
  for i, result in ipairs(fusioo.all(functions, 3)) do
    if result.err then error(result.err, 0) end
    assert(result.value == 20, i)
  end
end

-- In a frame loop that goes on whatever a step raises; every task ends.
function scarce.frames()
  local client = scarce.framed
  local tasks, steps = {}, 0
  local first
  for i = 1, 3 do
    tasks[i] = client:spawn(function()
      local results = fusioo.all({ function() return read_page(client, i) end, function() read_loop(client) end }, 2)
      for _, result in ipairs(results) do
        if result.err then error(result.err, 0) end
      end
      return i
    end)
  end
  for _, task in ipairs(tasks) do
    repeat
      local ok, err = pcall(client.step, client, 0.01)
      if not ok then
        scarce.enough()
        first = first or err
      end
      client.engine:poll(0.0005)
      steps = steps + 1
      if steps == 20000 then error("a task does not end", 0) end
    until ok and task:done() -- each step tells one error
  end
  if first then error(first, 0) end
end

local function check_renewal(token, err)
  if not token then error(err, 0) end
  if scarce.store.kept.access_token ~= token.access_token then error("the store has another token", 0) end
end

-- Renews a token that stands in a store with a lock; whoever does not get that has an error of another kind.
function scarce.renew()
  check_renewal(scarce.auth:refresh())
  if scarce.store.held then error("the store is locked still", 0) end
end

-- The same in a frame loop.
function scarce.renew_in_frames()
  local task = scarce.framed:spawn(function() check_renewal(scarce.auth:refresh()) end)
  local first
  local steps = 0
  repeat
    local ok, err = pcall(scarce.framed.step, scarce.framed, 0.01)
    if not ok then
      scarce.enough()
      first = first or err
    end
    scarce.framed.engine:poll(0.0005)
    steps = steps + 1
    if steps == 20000 then error("a task does not end, or a lock is not given back", 0) end
  until ok and task:done() and not scarce.store.held
  if first then error(first, 0) end
end

return scarce
