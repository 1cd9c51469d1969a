-- Stores: a token comes back as it was saved, from a file that nobody else can see; what is no token is refused.

local files = require "spec.support.files"
local fusioo = require "fusioo"
local lfs = require "lfs"

local SECRET = "canary-access-of-the-store-spec"
local TOKEN = {
  access_token = SECRET, token_type = "bearer", expires_at = 1800000000,
  refresh_token = "canary-refresh-of-the-store-spec",
}

local NO_TOKENS = {
  {"text", "it is a string, not a table"}, {nil, "it is a nil, not a table"}, {{}, "it has no access_token"},
  {{access_token = ""}, "its access_token is empty"}, {{access_token = 1}, "access_token is a number, not a string"},
  {{access_token = "x", expires_at = "soon"}, "expires_at is a string, not a number"},
  {{access_token = "x", refresh_token = {}}, "refresh_token is a table, not a string"},
  {{access_token = "x", scope = {}}, "scope is a table"}, {{access_token = "x", scope = print}, "scope is a function"},
  {{access_token = "x", "y"}, "it has a key that is no string"},
}

-- Asserts what every store does; `make` makes an empty one.
local function behaves(make)
  it("has nothing at first", function()
    local token, err = make().load()
    assert.same({nil, nil}, {token, err})
  end)

  it("gives back what was saved last", function()
    local store = make()
    assert.is_true(store.save(TOKEN))
    assert.same(TOKEN, store.load())
    local other = {access_token = "another one", scope = "records", id = 7, own = true, none = fusioo.null}
    assert.is_true(store.save(other))
    assert.same(other, store.load())
  end)

  it("keeps what was saved, whatever happens to the tables", function()
    local store = make()
    local token = {access_token = "as it was"}
    store.save(token)
    token.access_token = "changed"
    store.load().access_token = "changed, too"
    assert.same({access_token = "as it was"}, store.load())
  end)

  it("refuses what is no token, and keeps what it had", function()
    local store = make()
    store.save(TOKEN)
    for _, case in pairs(NO_TOKENS) do
      local ok, err = pcall(store.save, case[1])
      assert.same({false, "store.save: this is no token: " .. case[2]}, {ok, err})
    end
    assert.same(TOKEN, store.load())
  end)
end

describe("fusioo.store.memory", function()
  behaves(fusioo.store.memory)

  it("shares nothing with another one", function()
    local one, other = fusioo.store.memory(), fusioo.store.memory()
    one.save(TOKEN)
    assert.is_nil(other.load())
  end)

  it("is locked once at a time", function()
    local store = fusioo.store.memory()
    local unlock = store.lock()
    assert.is_nil(store.lock())
    unlock()
    local other = store.lock()
    unlock() -- once more, and too late
    assert.is_nil(store.lock())
    other()
    assert.is_function(store.lock())
  end)

  it("is not locked in a forked child, which cannot unlock it", function()
    local core = require "fusioo.core"
    local process_id = core.process_id
    finally(function() core.process_id = process_id end)
    local store = fusioo.store.memory()
    assert(store.lock())
    core.process_id = function() return process_id() + 1 end
    assert.is_function(store.lock())
    assert.is_nil(store.lock())
  end)
end)

describe("fusioo.store.file", function()
  local folder, path

  before_each(function()
    folder = files.folder()
    path = folder .. "/below/token.json"
  end)

  behaves(function() return fusioo.store.file(path) end)

  it("stays where it is when the program goes to another folder", function()
    local before = lfs.currentdir()
    finally(function() lfs.chdir(before) end)
    assert(lfs.chdir(folder))
    local store = fusioo.store.file("token.json")
    assert(lfs.chdir("/"))
    assert(store.save(TOKEN))
    assert.same(TOKEN, fusioo.store.file(folder .. "/token.json").load())
  end)

  it("is shared by all who name the file", function()
    fusioo.store.file(path).save(TOKEN)
    assert.same(TOKEN, fusioo.store.file(path).load())
  end)

  it("makes a file and a folder for the user alone, and leaves nothing beside them", function()
    local store = fusioo.store.file(path)
    assert.equal("", files.names(folder)) -- nothing before the first use
    store.save(TOKEN)
    store.save(TOKEN)
    assert.equal("600", files.mode(path))
    assert.equal("700", files.mode(folder .. "/below"))
    assert.equal("token.json", files.names(folder .. "/below"))
  end)

  it("refuses a file that others can read or write, and says what to do", function()
    local store = fusioo.store.file(path)
    store.save(TOKEN)
    for _, mode in ipairs {"640", "604", "620", "602"} do
      os.execute(("chmod %s '%s'"):format(mode, path))
      local token, err = store.load()
      assert.is_nil(token)
      assert.equal("invalid", err.kind)
      for _, words in ipairs {path, "mode 0" .. mode, "chmod 600", "sign in again"} do
        assert.truthy(tostring(err):find(words, 1, true), tostring(err))
      end
    end
    assert.is_true(store.save(TOKEN)) -- a new one is for the user alone again
    assert.same(TOKEN, store.load())
  end)

  it("refuses a file that holds no token, without repeating it", function()
    local whole = fusioo.json.encode(TOKEN)
    local store = fusioo.store.file(path)
    store.save(TOKEN)
    for _, text in ipairs {
      SECRET, whole:sub(1, -2), whole .. whole, "[]", "null", "{}", "\0\0\0", "\n", '{"access_token":7}',
      ('{"access_token":null,"x":"%s"}'):format(SECRET),
    } do
      files.write(path, text)
      local token, err = store.load()
      assert.is_nil(token, text)
      assert.equal("invalid", err.kind)
      assert.truthy(tostring(err):find(path, 1, true))
      assert.is_nil(tostring(err):find("canary", 1, true))
    end
    files.write(path, "")
    assert.same({n = 1}, {n = select("#", store.load())}) -- an empty file is no token, and no error
  end)

  it("says why it cannot save, and tells no secret", function()
    files.write(folder .. "/file", "x")
    local done, err = fusioo.store.file(folder .. "/file/token").save(TOKEN)
    assert.is_nil(done)
    assert.equal("invalid", err.kind)
    assert.truthy(tostring(err):find(folder .. "/file", 1, true))
    assert.is_nil(tostring(err):find("canary", 1, true))
    assert.truthy(select(2, fusioo.store.file(path).save {access_token = "\255"}).kind == "invalid")
    assert.is_nil(fusioo.store.file(path).load())
  end)

  it("stands in the user's state folder where no path is given", function()
    local default = os.getenv "XDG_STATE_HOME" .. "/fusioo/token.json"
    fusioo.store.file().save(TOKEN)
    assert.same(TOKEN, fusioo.store.file(default).load())
    assert.equal("600", files.mode(default))
    os.remove(default)
    assert.is_nil(fusioo.store.file().load())
  end)

  it("refuses a path that is none", function()
    for _, given in ipairs {1, {}, true, "", "a\0b"} do
      local ok, err = pcall(fusioo.store.file, given)
      assert.is_false(ok)
      assert.truthy(err:find("fusioo.store.file: path", 1, true), err)
    end
  end)
end)
