-- Handles: finding apps and fields by name, writing single records, the check before.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

describe("handle", function()
  local service, projects, clients, client, app

  setup(function()
    service = emulator.start {records = 10, calls = 1000000}
    projects, clients = service.apps.projects, service.apps.clients
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:reset {records = {projects = 10, tasks = 0, clients = 0}}
    client = reading.client(service, {retry = {attempts = 1}})
    app = client:app(clients)
  end)

  -- Answers every request of a method with these data, from now on.
  local function answer(endpoint, data)
    service:config {faults = {{endpoint = endpoint, fault = "data", json = data}}}
  end

  local function refused(words, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.truthy(tostring(err):find(words, 1, true), tostring(err))
  end

  describe("client:app{name =}", function()
    it("finds an app with one call, once", function()
      for _ = 1, 2 do assert.equal(projects, assert(client:app{name = "Projects"}).id) end
      assert.equal(1, reading.calls(service, "get_apps"))
      assert.equal(1, reading.calls(service))
    end)

    it("says which name was probably meant", function()
      local found, err = client:app{name = "Project"}
      assert.is_nil(found)
      assert.equal("not_found", err.kind)
      assert.truthy(err.message:find("no app is named 'Project' (did you mean 'Projects'?)", 1, true), err.message)
    end)

    it("says which names there are", function()
      local _, err = client:app{name = "Something else"}
      assert.equal("not_found", err.kind)
      assert.truthy(err.message:find("no app is named 'Something else'; there are: Projects, Tasks, Clients", 1, true))
    end)

    it("says some of the names where there are many", function()
      local parts = {}
      for i = 1, 300 do parts[i] = ('{"id":"i%d","name":"A long name of number %d"}'):format(i, i) end
      answer("get_apps", "[" .. table.concat(parts, ",") .. "]")
      local _, err = client:app{name = "x"}
      assert.truthy(err.message:find("number 10 and 290 more", 1, true), err.message)
      assert.truthy(tostring(err):find("and 290 more", 1, true))
    end)

    it("says that there are none", function()
      answer("get_apps", "[]")
      local _, err = client:app{name = "x"}
      assert.equal("not_found", err.kind)
      assert.truthy(err.message:find("there are none that this token may see", 1, true))
    end)

    it("says which ids a name has that several apps have", function()
      answer("get_apps", '[{"id":"i1","name":"Twin"},{"id":"i2","name":"One"},{"id":"i3","name":"Twin"}]')
      local found, err = client:app{name = "Twin"}
      assert.is_nil(found)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("2 apps are named 'Twin': use an id, one of i1, i3", 1, true), err.message)
      assert.equal("i2", assert(client:app{name = "One"}).id)
    end)

    it("asks again for a name that was not there", function()
      assert.is_nil(client:app{name = "Later"})
      answer("get_apps", '[{"id":"i7","name":"Later"}]')
      assert.equal("i7", assert(client:app{name = "Later"}).id)
    end)

    it("fails as the call does", function()
      local _, err = reading.client(service, {token = "wrong"}):app{name = "Projects"}
      assert.equal("auth", err.kind)
    end)

    it("raises on wrong arguments", function()
      refused("name", client.app, client, {})
      refused("nam", client.app, client, {nam = "Projects"})
      refused("id", client.app, client, nil)
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("app:field", function()
    it("finds by id and by name, with one call", function()
      local handle = client:app(projects)
      assert.equal("date", assert(handle:field("due_date")).type)
      assert.equal("due_date", assert(handle:field("Due date")).id)
      assert.equal(1, reading.calls(service))
    end)

    it("says which was probably meant, or which there are", function()
      local found, err = client:app(projects):field("Due dat")
      assert.is_nil(found)
      assert.equal("not_found", err.kind)
      assert.truthy(err.message:find("no field is named 'Due dat' (did you mean 'Due date'?)", 1, true))
      found, err = client:app(projects):field("x")
      assert.is_nil(found)
      assert.truthy(err.message:find("there are: Title, Number", 1, true))
      assert.truthy(err.message:find("and 18 more", 1, true), err.message)
    end)

    it("says which ids a name has that several fields have", function()
      answer("get_app", '{"id":"i1","name":"A","fields":[{"id":"a","name":"Twin"},null,{"id":"b","name":"Twin"}]}')
      local found, err = client:app(projects):field("Twin")
      assert.is_nil(found)
      assert.equal("invalid", err.kind, tostring(err))
      assert.truthy(err.message:find("2 fields are named 'Twin': use an id, one of a, b", 1, true), err.message)
    end)

    it("says that there are none", function()
      answer("get_app", '{"id":"i1","name":"A","fields":null}')
      local _, err = client:app(projects):field("x")
      assert.equal("not_found", err.kind)
      assert.truthy(err.message:find("there are none", 1, true), err.message)
    end)
  end)

  describe("app:check", function()
    it("fetches the schema once", function()
      assert.is_true(app:check{name = "x"})
      assert.is_true(app:check({active = true}, "update"))
      assert.equal(1, reading.calls(service, "get_app"))
      assert.equal(1, reading.calls(service))
    end)

    it("says what is wrong", function()
      local ok, err = app:check{nam = "x"}
      assert.is_nil(ok)
      assert.equal("invalid", err.kind)
      assert.equal("check: fields.name: is required, and missing; fields.nam: the app Clients has no field 'nam' " ..
        "(did you mean 'name'?)", err.message)
      ok, err = app:check({active = "yes"}, "update")
      assert.is_nil(ok)
      assert.truthy(err.message:find("fields.active: is 'yes'; ", 1, true))
      assert.truthy(err.message:find("a new client reads it anew", 1, true))
      assert.equal(1, reading.calls(service))
    end)

    it("fails as the call does", function()
      local ok, err = client:app("nothing"):check{}
      assert.is_nil(ok)
      assert.equal("not_found", err.kind)
    end)

    it("raises on wrong arguments", function()
      refused("check: fields", app.check, app, nil)
      refused("check: fields", app.check, app, "x")
      refused("'delete'", app.check, app, {}, "delete")
      refused("a table", app.check, app, {}, {})
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("app:create", function()
    it("makes a record, without asking for the schema", function()
      local record = assert(app:create{name = "new", discount = 0.1})
      assert.equal("new", record.name)
      assert.equal(1, reading.calls(service))
      assert.same(record, assert(client:get_record(record.id)))
    end)

    it("checks where the schema is in memory, without a call", function()
      assert(app:schema())
      service:clear_log()
      local record, err = app:create{name = "new", discont = 5}
      assert.is_nil(record)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("create: fields.discont: the app Clients has no field 'discont' (did you mean " ..
        "'discount'?)", 1, true))
      assert.truthy(err.message:find("a new client reads it anew", 1, true))
      assert.equal(0, reading.calls(service))
      assert(app:create{name = "new", discount = 5})
      assert.equal(1, #service:creates())
    end)

    it("hands on what the service says without a schema", function()
      local record, err = app:create{nam = "new"}
      assert.is_nil(record)
      assert.equal("api", err.kind)
      assert.equal(400, err.status)
    end)

    it("of v1 returns the id", function()
      local first = reading.client(service, {version = "v1"})
      local record = assert(first:app(clients):create{name = "new"})
      assert.equal("new", assert(client:get_record(record.id)).name)
    end)

    it("raises on wrong arguments", function()
      refused("create: fields", app.create, app, nil)
      refused("create: fields", app.create, app, "x")
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("app:update and app:delete", function()
    it("take a record or an id", function()
      local record = assert(app:create{name = "new"})
      assert.equal("second", assert(app:update(record, {name = "second"})).name)
      assert.equal("third", assert(app:update(record.id, {name = "third"})).name)
      assert.equal("third", assert(client:get_record(record.id)).name)
      assert.is_true(app:delete(record))
      local again, err = app:delete(record.id)
      assert.is_nil(again)
      assert.equal("not_found", err.kind)
    end)

    it("check where the schema is in memory", function()
      local record = assert(app:create{name = "new"})
      assert(app:schema())
      service:clear_log()
      for _, case in ipairs {
        {{name = fusioo.null}, "update: changes.name: is required and cannot be cleared"},
        {{active = 1}, "update: changes.active: is 1; "},
        {record, "changes.id: the service sets it by itself"},
      } do
        local changed, err = app:update(record, case[1])
        assert.is_nil(changed)
        assert.equal("invalid", err.kind)
        assert.truthy(err.message:find(case[2], 1, true), err.message)
      end
      assert.equal(0, reading.calls(service))
      assert(app:update(record, {discount = 5}))
    end)

    it("raise on what is neither a record nor an id", function()
      for _, name in ipairs {"update", "delete"} do
        refused(name .. ": record_or_id", app[name], app, nil, {})
        refused(name .. ": record_or_id", app[name], app, 5, {})
        refused(name .. ": record_or_id", app[name], app, fusioo.null, {})
        refused(name .. ": record_or_id.id", app[name], app, {}, {})
        refused(name .. ": record_or_id.id", app[name], app, {id = 5}, {})
      end
      refused("update: changes", app.update, app, "i1", nil)
      refused("update: changes", app.update, app, "i1", "x")
      assert.equal(0, reading.calls(service))
    end)
  end)
end)
