-- Reading page by page, users, values, and what a list of an app's handle brings. Rows stand still here.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local USERS = 25

-- Where a value of the library differs from what reading.decode made of the same JSON; nil where it does not.
local function difference(value, wanted, place)
  if wanted == reading.null then
    return value ~= fusioo.null and place .. " is not null" or nil
  end
  if type(wanted) ~= "table" then
    if value ~= wanted or type(value) ~= type(wanted) then return place .. ": " .. tostring(value) end
    if math.type and math.type(value) ~= math.type(wanted) then return place .. " is a " .. math.type(value) end
    return nil
  end
  if type(value) ~= "table" then return place .. " is no table" end
  if fusioo.is_array(value) ~= (getmetatable(wanted).__jsontype == "array") then
    return place .. ": array or object?"
  end
  for key, part in pairs(wanted) do
    local found = difference(value[key], part, place .. "." .. tostring(key))
    if found then return found end
  end
  for key in pairs(value) do
    if wanted[key] == nil then return place .. "." .. tostring(key) .. " is too much" end
  end
end

describe("client", function()
  local service, projects, client

  setup(function()
    service = emulator.start {records = 1000, calls = 1000000}
    projects = service.apps.projects
    client = reading.client(service)
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  describe("pages", function()
    -- Reads pages; returns all ids, and how many each page had.
    local function read(query)
      local ids, sizes = {}, {}
      for page in client:pages(projects, query) do
        sizes[#sizes + 1] = #page
        for _, record in ipairs(page) do ids[#ids + 1] = record.id end
      end
      return ids, sizes
    end

    it("hold, one after the other, what records hands out, and are never empty", function()
      for _, n in ipairs {0, 1, 199, 200, 201, 399, 400, 1000} do
        service:reset {records = n}
        local truth = service:truth(projects).ids
        for _, query in ipairs {
          {}, {concurrency = 1}, {page_size = 50}, {page_size = 1, limit = 20}, {page_size = 2, limit = 33},
          {offset = 150}, {limit = 210}, {seams = false}, {expect = n}, {expect = n + 500}, {limit = 0},
        } do
          local from = (query.offset or 0) + 1
          local expected = reading.slice(truth, from, query.limit and query.limit + from - 1)
          local ids, sizes = read(query)
          assert.same(expected, ids)
          for _, size in ipairs(sizes) do
            assert.is_true(size > 0 and size <= (query.page_size or 200))
          end
        end
      end
    end)

    it("cost what records costs", function()
      service:clear_log()
      read()
      assert.is_true(reading.calls(service) <= reading.most_calls(1000))
    end)

    it("tell the progress", function()
      local steps = {}
      read {on_progress = function(done, total) steps[#steps + 1] = {done, total} end}
      assert.same({1000, 1000}, steps[#steps])
    end)

    it("are nobody else's tables", function()
      local seen = {}
      for page in client:pages(projects, {page_size = 100}) do
        assert.is_nil(seen[page])
        seen[page] = true
      end
    end)
  end)

  describe("users", function()
    local function truth()
      return reading.ids_of(reading.decode(service:get("/v3/users?limit=200&offset=0").body).data)
    end

    it("come in the service's order, across pages", function()
      local expected = truth()
      assert.equal(USERS, #expected)
      for _, size in ipairs {1, 2, 10, 12, 13, 25, 26, 200} do
        for _, concurrency in ipairs {1, 4} do
          service:clear_log()
          assert.same(expected, reading.ids(client:users {page_size = size, concurrency = concurrency}))
          assert.equal(reading.calls(service), reading.calls(service, "get_users")) -- there is no count of users
          assert.is_true(reading.calls(service) <= reading.most_calls(USERS, size))
          assert.equal(1, reading.most_at_once(service))
        end
      end
      assert.same(expected, reading.ids(client:users()))
    end)

    it("take limit, offset and seams", function()
      local expected = truth()
      assert.same(reading.slice(expected, 6), reading.ids(client:users {offset = 5, page_size = 7}))
      assert.same(reading.slice(expected, 6, 16), reading.ids(client:users {offset = 5, page_size = 7, limit = 11}))
      assert.same({}, reading.ids(client:users {offset = 25}))
      assert.same({}, reading.ids(client:users {limit = 0}))
      service:clear_log()
      assert.same(expected, reading.ids(client:users {page_size = 5, seams = false}))
      assert.equal(6, reading.calls(service))
    end)

    it("tell how many were handed out, and the total once the last page is there", function()
      local steps = {}
      reading.ids(client:users {page_size = 10, on_progress = function(done, total)
        steps[#steps + 1] = {done, total}
      end})
      assert.same({USERS, USERS}, steps[#steps])
      for i = 1, #steps - 1 do
        assert.is_true(steps[i][1] <= steps[i + 1][1])
        assert.is_true(steps[i][2] == nil or steps[i][2] == USERS)
      end
    end)

    it("are refused in v1 and v2, before a call", function()
      service:clear_log()
      for _, version in ipairs {"v1", "v2"} do
        local old = reading.client(service, {version = version})
        local ok, err = pcall(function()
          for _ in old:users() do error("there is none", 0) end
        end)
        assert.is_false(ok)
        assert.equal("unsupported", err.kind)
      end
      assert.equal(0, reading.calls(service))
    end)
  end)

  describe("values", function()
    for _, version in ipairs {"v1", "v2", "v3"} do
      it("are those of the wire in " .. version, function()
        local wanted = reading.all(service, projects, version)
        local i = 0
        for record in reading.client(service, {version = version}):records(projects) do
          i = i + 1
          assert.is_nil(difference(record, wanted[i], "record"))
          assert.is_nil(getmetatable(record))
        end
        assert.equal(#wanted, i)
      end)
    end

    it("are the same from every method", function()
      local wanted = reading.all(service, projects)
      local page = assert(client:get_records(projects, {limit = 30, offset = 40}))
      assert.equal(30, #page)
      for i, record in ipairs(page) do
        assert.is_nil(difference(record, wanted[40 + i], "record"))
        assert.is_nil(difference(client:get_record(record.id), wanted[40 + i], "record"))
      end
      local at = 0
      for records in client:pages(projects, {limit = 30, offset = 40}) do
        for _, record in ipairs(records) do
          at = at + 1
          assert.is_nil(difference(record, wanted[40 + at], "record"))
        end
      end
    end)

    it("show null, absent and empty as three things", function()
      local null, absent, present, empty = 0, 0, 0, 0
      for record in client:records(projects) do
        if record.notes == nil then
          absent = absent + 1
        elseif record.notes == fusioo.null then
          null = null + 1
        else
          present = present + 1
        end
        if #record.attachments == 0 and fusioo.is_array(record.attachments) then empty = empty + 1 end
      end
      assert.is_true(null > 0 and absent > 0 and present > 0)
      assert.equal(1000, empty)
    end)

    it("keep large integers where Lua has them", function()
      local largest = 0
      for record in client:records(projects) do
        local number = record.ledger_number
        if type(number) == "number" then
          largest = math.max(largest, number)
          if math.type then assert.equal("integer", math.type(number)) end
        end
      end
      assert.is_true(largest > 2 ^ 53)
    end)
  end)

  describe("app", function()
    local app

    before_each(function() app = client:app(projects) end)

    it("reads what the client reads", function()
      local truth = service:truth(projects).ids
      assert.same(truth, reading.ids(app:records()))
      assert.same(truth, reading.ids_of(assert(app:list())))
      assert.same(reading.slice(truth, 3, 300), reading.ids_of(assert(app:list {offset = 2, limit = 298})))
      local ids = {}
      for page in app:pages {page_size = 60} do
        for _, record in ipairs(page) do ids[#ids + 1] = record.id end
      end
      assert.same(truth, ids)
      assert.equal(1000, app:count())
    end)

    it("lists nothing as an array", function()
      local list = assert(app:list {where = {title = "no project has this title"}})
      assert.same({}, list)
      assert.is_true(fusioo.is_array(list))
      assert.equal("[]", fusioo.json.encode(list))
    end)

    it("lists for what an iteration costs", function()
      service:clear_log()
      app:list()
      assert.is_true(reading.calls(service) <= reading.most_calls(1000))
    end)

    it("has a first record, or none, for one call", function()
      local truth = service:truth(projects).ids
      service:clear_log()
      assert.equal(truth[1], app:first().id)
      assert.equal(truth[8], app:first({offset = 7}).id)
      assert.equal(truth[1000], app:first({order = "desc"}).id)
      assert.equal(3, reading.calls(service))
      local record, err = app:first {where = {title = "no project has this title"}}
      assert.is_nil(record)
      assert.is_nil(err)
    end)

    it("counts those that match", function()
      local expected = reading.ids_where(reading.all(service, projects), function(r) return r.approved == true end)
      assert.equal(#expected, app:count {approved = true})
      assert.equal(1000 - #expected, app:count {approved = fusioo.where.not_equal(true)})
      assert.same(expected, reading.ids_of(app:list {where = {approved = {equal = true}}}))
      if math.type then assert.equal("integer", math.type(app:count())) end
    end)

    it("is found by its name for one call, once", function()
      service:clear_log()
      assert.equal(projects, client:app({name = "Projects"}).id)
      assert.equal(projects, client:app({name = "Projects"}).id)
      assert.equal(1, reading.calls(service))
      assert.equal(1, reading.calls(service, "get_apps"))
    end)

    it("that has no such name is not found, and the error says which there are", function()
      local found, err = client:app {name = "Project"}
      assert.is_nil(found)
      assert.equal("not_found", err.kind)
      assert.truthy(tostring(err):find("Projects", 1, true))
    end)

    it("asks for its schema once", function()
      service:clear_log()
      local schema = assert(app:schema())
      assert.equal("Projects", schema.name)
      assert.equal(schema, app:schema())
      assert.equal("number", assert(app:field("progress")).type)
      assert.equal("progress", assert(app:field("Progress")).id)
      assert.equal(schema, client:app(projects):schema())
      assert.equal(1, reading.calls(service))
      local field, err = app:field("Progres")
      assert.is_nil(field)
      assert.equal("not_found", err.kind)
      assert.truthy(tostring(err):find("Progress", 1, true))
    end)

    it("returns the error of a list that fails, with where to go on", function()
      local short = client:with {rate = {calls = 4, on_limit = "error", key = "short"}}
      local list, err = short:app(projects):list()
      assert.is_nil(list)
      assert.equal("rate_limit", err.kind)
      assert.equal("number", type(err.resume))
    end)
  end)
end)
