-- The ledger: one window for all processes of a company, and the file that it is kept in. Two clients whose ledgers are
-- spelled differently stand for two processes where nothing of the process matters.

local files = require "spec.support.files"
local fusioo = require "fusioo"
local ledgers = require "spec.support.ledgers"
local spender = require "spec.support.spender"

describe("the ledger", function()
  local t = ledgers.prepare()

  -- Events of type "ledger", as they come.
  local function listener()
    local heard = {}
    return heard, function(event)
      if event.type == "ledger" then heard[#heard + 1] = event end
    end
  end

  describe("is shared", function()
    it("by processes: what one has spent the other cannot", function()
      local client = t.new_client {calls = 5}
      local pipe = spender.start(t.service, {ledger = t.path, calls = 5, window = 1000, count = 3})
      assert.equal(3, (spender.finish(pipe)))
      local budget = client:budget()
      assert.equal(3, budget.used)
      assert.equal(2, budget.remaining)
      assert.equal(0, budget.free_in)
      t.spend(client, 2)
      budget = client:budget()
      assert.same({5, 0}, {budget.used, budget.remaining})
      assert.is_true(budget.free_in > 0 and budget.free_in <= 1000)
      assert.equal(5, #t.service:log()) -- looking costs no call
    end)

    it("and tells exactly when the next call is free", function()
      local one, other = t.new_client {calls = 3, on_limit = "error"}, t.other_client {calls = 3, on_limit = "error"}
      t.spend(one, 1)
      t.spend(other, 2)
      local _, err = one:get_app(t.projects)
      local _, same = other:get_app(t.projects)
      assert.equal("rate_limit", err.kind)
      assert.equal(0, err.attempts)
      assert.is_true(err.retry_after > 990 and err.retry_after <= 1000)
      assert.is_true(math.abs(err.retry_after - same.retry_after) < 5)
      assert.equal(3, #t.service:log())
    end)

    it("by what was started later", function()
      t.spend(t.new_client(), 7)
      assert.equal(7, t.other_client():budget().used)
    end)

    it("and a call that is under way counts", function()
      t.service:config {latency = 0.2}
      local one, other = t.new_client(), t.other_client()
      local results = fusioo.all {
        function() return one:get_app(t.projects) end,
        function()
          while #t.service:log() == 0 do coroutine.yield() end
          return other:budget().used
        end,
      }
      assert.equal(1, results[2].value)
      assert.equal(1, other:budget().used)
    end)

    it("but ping and what was refused here are no calls", function()
      local one = t.new_client()
      assert(one:ping())
      one:get_app("..")
      assert.equal(0, t.other_client():budget().used)
    end)

    it("with a reserve that leaves calls to the others", function()
      local modest, other = t.new_client {calls = 5, reserve = 2, on_limit = "error"}, t.other_client {calls = 5}
      t.spend(other, 2)
      assert.equal(1, modest:budget().remaining)
      t.spend(modest, 1)
      local _, err = modest:get_app(t.projects)
      assert.equal("rate_limit", err.kind)
      assert.equal(2, other:budget().remaining)
      t.spend(other, 2)
    end)

    it("and says whose calls they were", function()
      t.spend(t.new_client():with {tag = "nightly-mirror"}, 1)
      assert.truthy(files.read(t.path):find("nightly-mirror", 1, true))
    end)

    it("by clients of other limits", function()
      t.spend(t.new_client {calls = 20000}, 3)
      t.spend(t.other_client {calls = 10}, 2)
      local third = t.new_client {calls = 700, ledger = t.folder .. "/././company.ledger"}
      assert.equal(5, third:budget().used)
    end)
  end)

  describe("stands", function()
    local state = os.getenv "XDG_STATE_HOME" .. "/fusioo"

    local function in_state_folder(options, rate)
      local given = {base_url = t.service.url, token = t.service.token}
      for name, value in pairs(options or {}) do given[name] = value end
      given.rate = {calls = 100, window = 1000}
      for name, value in pairs(rate or {}) do given.rate[name] = value end
      return fusioo.new(given)
    end

    before_each(function() os.execute(("rm -rf '%s'; mkdir -p -m 700 '%s'"):format(state, state)) end)

    it("in the user's state folder, for the user alone", function()
      os.execute("rm -rf '" .. state .. "'")
      t.spend(in_state_folder(), 1)
      local name = files.names(state)
      assert.truthy(name:match("^127%.0%.0%.1_%d+%-%x+%.ledger$"), name)
      assert.equal("700", files.mode(state))
      assert.equal("600", files.mode(state .. "/" .. name))
      local bytes = files.read(state .. "/" .. name)
      assert.is_nil(bytes:find(t.service.token, 1, true))
      assert.is_nil(bytes:find("first%-token"))
    end)

    it("under one name for one token, and another for another", function()
      t.spend(in_state_folder(), 1)
      assert.equal(1, in_state_folder():budget().used)
      assert.equal(0, in_state_folder({token = "second-token"}):budget().used)
      assert.truthy(files.names(state):match("^%S+ %S+$"))
    end)

    it("under one name for one key, whatever the token", function()
      t.spend(in_state_folder({}, {key = "acme"}), 1)
      assert.equal(1, in_state_folder({token = "second-token"}, {key = "acme"}):budget().used)
      assert.equal(0, in_state_folder({}, {key = "other"}):budget().used)
    end)

    it("where another process finds it", function()
      local pipe = spender.start(t.service, {calls = 100, window = 1000, count = 2})
      assert.equal(2, (spender.finish(pipe)))
      assert.equal(2, in_state_folder():budget().used)
    end)

    it("until nobody has written to it for a month", function()
      t.spend(in_state_folder(), 1)
      local old, young = files.names(state), "127.0.0.1_1-0123456789abcdef.ledger"
      files.write(state .. "/" .. young, "")
      files.write(state .. "/token.json", "")
      os.execute(("touch -d '40 days ago' %s/%s %s/token.json"):format(state, old, state))
      local client = in_state_folder {token = "second-token"}
      t.spend(client, 1)
      local names = files.names(state)
      assert.is_nil(names:find(old, 1, true))
      assert.truthy(names:find(young, 1, true))
      assert.truthy(names:find("token.json", 1, true))
    end)

    it("nowhere before a token function has told whose company it is", function()
      local client = in_state_folder {token = function() return t.service.token end}
      assert.equal("", files.names(state))
      t.spend(client, 2)
      assert.equal(2, client:budget().used)
      assert.equal(2, in_state_folder():budget().used)
    end)

    it("nowhere with ledger = false, and none of it with more calls than a file holds", function()
      t.spend(in_state_folder({}, {ledger = false}), 1)
      t.spend(in_state_folder({}, {calls = 40000}), 1)
      assert.equal("", files.names(state))
    end)

    it("under rate.ledger, which a view keeps or changes", function()
      local client = t.new_client()
      t.spend(client, 1)
      t.spend(client:with {tag = "a view"}, 1)
      t.spend(client:with {rate = {reserve = 1}}, 1)
      assert.equal(3, client:budget().used)
      assert.equal(0, client:with({rate = {ledger = t.folder .. "/another"}}):budget().used)
      assert.equal(0, client:with({rate = {ledger = false}}):budget().used)
    end)
  end)

  describe("named by rate.ledger that cannot be used is refused:", function()
    local function refused(rate, ...)
      local ok, message = pcall(t.new_client, rate)
      assert.is_false(ok)
      for _, text in ipairs {"rate.ledger", ...} do assert.truthy(tostring(message):find(text, 1, true), message) end
      assert.is_nil(message:find("memory", 1, true)) -- there is no client that could count there
      assert.equal(0, #t.service:log())
    end

    it("a folder that is not there", function()
      refused({ledger = t.folder .. "/nowhere/x"}, t.folder .. "/nowhere/x", "No such file or directory")
    end)

    it("a folder", function()
      refused({ledger = t.folder}, t.folder, "Is a directory")
    end)

    it("a file that holds something else, which stays as it is", function()
      files.write(t.path, "# my notes\n" .. ("x"):rep(70000))
      refused({}, t.path, "is no ledger")
      assert.equal("# my notes\n" .. ("x"):rep(70000), files.read(t.path))
    end)

    it("a pipe", function()
      os.execute("mkfifo " .. t.path)
      refused({}, t.path, "no regular file")
    end)

    it("a limit that no file holds", function()
      refused({calls = 40000}, "40000")
    end)
  end)

  describe("that is damaged is rebuilt, and said once:", function()
    -- Damages the file with a function of its bytes; asserts what a client that knew it makes of it, and a stranger.
    local function rebuilt(damage, unknown)
      local heard, on_event = listener()
      local client = t.new_client({}, {on_event = on_event})
      t.spend(client, 3)
      damage(files.read(t.path))
      t.spend(client, 2)
      assert.equal(1, #heard)
      assert.truthy(heard[1].why:find("rebuilt", 1, true), heard[1].why)
      assert.truthy(heard[1].why:find("company.ledger", 1, true))
      assert.equal(5, client:budget().used)
      assert.equal(5, t.other_client():budget().used)
      assert.equal(1, #heard)
      if unknown then
        damage(files.read(t.path))
        local stranger_heard, stranger_on_event = listener()
        local stranger = t.new_client({ledger = t.folder .. "/././company.ledger"}, {on_event = stranger_on_event})
        assert.equal(unknown, stranger:budget().used)
        t.spend(stranger, 2)
        assert.equal(1, #stranger_heard)
      end
    end

    local function write(text) files.write(t.path, text) end

    it("a byte of its head", function()
      rebuilt(function(bytes) write(bytes:sub(1, 20) .. "?" .. bytes:sub(22)) end, 5)
    end)

    it("its first bytes", function()
      rebuilt(function(bytes) write("garbage!" .. bytes:sub(9)) end, 5)
    end)

    it("an entry, which whoever wrote it does not miss", function()
      local client = t.new_client()
      t.spend(client, 3)
      local bytes = files.read(t.path)
      write(bytes:sub(1, 140) .. "??" .. bytes:sub(143))
      local heard, on_event = listener()
      local other = t.other_client({}, {on_event = on_event})
      assert.equal(2, other:budget().used)
      t.spend(other, 2)
      assert.equal(1, #heard)
      assert.truthy(heard[1].why:find("an entry is damaged", 1, true), heard[1].why)
      t.spend(client, 1)
      assert.equal(5, other:budget().used)
    end)

    it("all of it zeros, as after a crash", function()
      rebuilt(function(bytes) write(("\0"):rep(#bytes)) end, 0)
    end)

    it("cut off", function()
      rebuilt(function(bytes) write(bytes:sub(1, 300)) end)
    end)

    it("emptied", function()
      rebuilt(function() write("") end)
    end)

    it("removed", function()
      rebuilt(function() os.remove(t.path) end)
    end)

    it("replaced by a copy of how it was", function()
      local client = t.new_client()
      t.spend(client, 1)
      local before = files.read(t.path)
      t.spend(client, 2)
      os.remove(t.path)
      files.write(t.path, before)
      t.spend(client, 1)
      assert.is_true(client:budget().used >= 2)
    end)
  end)

  it("that cannot be had any more leaves the window in memory, which is said once", function()
    local heard, on_event = listener()
    local client = t.new_client({calls = 8}, {on_event = on_event})
    t.spend(client, 3)
    os.remove(t.path)
    os.execute("mkdir " .. t.path)
    t.spend(client, 4)
    assert.equal(7, client:budget().used)
    assert.equal(1, client:budget().remaining)
    assert.equal(1, #heard)
    assert.truthy(heard[1].why:find("counted in memory", 1, true), heard[1].why)
    local text = tostring(heard[1].why)
    assert.is_nil(text:find(t.service.token, 1, true))
  end)

  it("default that cannot be made is no reason to refuse a client, and is said once", function()
    local notes = files.write(t.folder .. "/file", "a file in the folder's place")
    local script = files.write(t.folder .. "/script.lua", [[
      local fusioo = require "fusioo"
      local client = fusioo.new {base_url = arg[1], token = arg[2], rate = {calls = 10}, on_event = function(event)
        if event.type == "ledger" then print(event.why) end
      end}
      for _ = 1, 3 do assert(client:get_apps()) end
      print(client:budget().used)]])
    local command = "XDG_STATE_HOME=%s %s %s %s %s 2>&1"
    local lua = os.getenv "LUA" or "lua5.4"
    local text = files.output_of(command:format(notes, lua, script, t.service.url, t.service.token))
    assert.truthy(text:match("^cannot make the folder '[^\n]+counted in memory[^\n]*\n3$"), text)
  end)
end)
