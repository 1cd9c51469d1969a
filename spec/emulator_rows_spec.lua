-- The emulator's rows: how they are kept, and how they come and go.

local emulator = require "spec.support.emulator"
local rows = require "fusioo.emulator.rows"

local function slice(list, first, last)
  local part = {}
  for i = first, math.min(last, #list) do part[#part + 1] = list[i] end
  return part
end

local function resident_kib(service)
  local entry = assert(io.open(string.format("/proc/%d/status", service:stats().pid)))
  local text = entry:read("*a")
  entry:close()
  return tonumber(text:match("VmRSS:%s*(%d+)"))
end

describe("emulator", function()
  local service, projects

  setup(function()
    service = emulator.start { records = 1000 }
    projects = service.apps.projects
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset() end)

  local function page(version, query)
    return service:get("/" .. version .. "/records/apps/" .. projects .. (query and "?" .. query or ""))
  end

  describe("rows", function()
    it("come, go and move by hand", function()
      local before = service:truth(projects).ids
      local answer = service:rows {
        app_id = projects, delete = { before[1], 9 }, insert = { { position = 0, count = 2 }, { position = 1000 } },
        move = { { from = 4, to = 2 } },
      }
      assert.same({ before[1], before[10] }, answer.deleted)
      assert.equal(1001, answer.count)
      local truth = service:truth(projects)
      -- 2 new ones, then 2 to 9 with the third of them moved to the front, then 11 to 1000, then a new one
      local expected = { answer.inserted[1], answer.inserted[2], before[4], before[2], before[3] }
      for i = 5, 9 do expected[#expected + 1] = before[i] end
      for i = 11, 1000 do expected[#expected + 1] = before[i] end
      expected[#expected + 1] = answer.inserted[3]
      assert.same(expected, truth.ids)
      assert.same({ before[4] }, truth.moved)
      assert.equal(998, #truth.stayed)
      assert.same(slice(expected, 1, 200), emulator.ids(page("v3")))
      assert.equal(404, service:get("/v3/records/" .. before[1]).status)
      assert.equal(200, service:get("/v3/records/" .. answer.inserted[3]).status)
      assert.equal(1001, service:get("/v3/records/apps/" .. projects .. "/count").json.data.count)
    end)

    it("that are not there are refused", function()
      for _, edits in ipairs {
        { app_id = "i00" }, { app_id = projects, delete = { 1000 } }, { app_id = projects, delete = { "i00" } },
        { app_id = projects, insert = { { position = 1001 } } },
        { app_id = projects, move = { { from = 0, to = 1000 } } },
      } do
        assert.has_error(function() service:rows(edits) end)
      end
      assert.equal(0, service:truth(projects).changes)
    end)

    it("stand where a plain list would have them", function()
      for seed = 1, 5 do
        math.randomseed(seed)
        local list, model, next_number = rows.new(50), {}, 50
        for i = 1, 50 do model[i] = i - 1 end
        for _ = 1, 2000 do
          local action = math.random(3)
          if action == 1 then
            local position, count = math.random(0, #model), math.random(3)
            list:insert(position, next_number, next_number + count - 1)
            for i = 1, count do table.insert(model, position + i, next_number + i - 1) end
            next_number = next_number + count
          elseif action == 2 and #model > 0 then
            local position = math.random(0, #model - 1)
            assert(table.remove(model, position + 1) == list:remove(position))
          elseif #model > 0 then
            local number = list:remove(math.random(0, #model - 1))
            for i, other in ipairs(model) do
              if other == number then table.remove(model, i) break end
            end
            local to = math.random(0, #model)
            list:insert(to, number, number)
            table.insert(model, to + 1, number)
          end
        end
        assert.equal(#model, list.count)
        assert.same(model, list:slice(0, #model + 10))
        assert.same(slice(model, 8, 27), list:slice(7, 20))
        for i, number in ipairs(model) do assert(list:position(number) == i - 1) end
        assert.is_nil(list:position(next_number))
      end
    end)
  end)

  describe("churn", function()
    local CHURN = { app_id = nil, seed = 7, per_request = 5, insert = 2, delete = 2, move = 1, min_position = 100 }

    local function walk()
      service:reset { churn = CHURN }
      for offset = 0, 800, 100 do page("v3", "limit=100&offset=" .. offset) end
      return service:truth(projects)
    end

    it("is the same for the same sequence of pages, and other for another seed", function()
      local first = walk()
      assert.equal(45, first.changes)
      assert.same(first, walk())
      CHURN.seed = 8
      assert.are_not.same(first.ids, walk().ids)
      CHURN.seed = 7
    end)

    it("leaves rows before min_position alone, and stops when told", function()
      local before = service:truth(projects).ids
      local after = walk()
      assert.same(slice(before, 1, 100), slice(after.ids, 1, 100))
      local alive, expected = {}, {}
      for _, id in ipairs(after.ids) do alive[id] = true end
      for _, id in ipairs(before) do
        if alive[id] then expected[#expected + 1] = id end
      end
      table.sort(expected)
      table.sort(after.stayed)
      assert.same(expected, after.stayed)
      service:config { churn = false }
      local changes = service:truth(projects).changes
      page("v3")
      assert.equal(changes, service:truth(projects).changes)
    end)

    it("keeps to a number of operations, and only of its app", function()
      service:reset { churn = { app_id = projects, per_request = 4, operations = 6 } }
      service:get("/v3/records/apps/" .. service.apps.tasks)
      assert.equal(0, service:truth(projects).changes + service:truth(service.apps.tasks).changes)
      for _ = 1, 3 do page("v3") end
      assert.equal(6, service:truth(projects).changes)
    end)
  end)

  it("holds a million records in little memory", function()
    service:reset { records = 1000000, rate = { calls = 1000000 } }
    for offset = 0, 999000, 27000 do
      assert.equal(200, #page("v3", "offset=" .. offset).json.data)
    end
    local last = page("v3", "offset=999999").json.data
    assert.equal(1, #last)
    assert.equal(1000000, last[1].number)
    assert.equal(200, service:get("/v3/records/" .. last[1].id).status)
    for _ = 1, 500 do
      service:rows { app_id = projects, delete = { 123456, 777777 }, insert = { { position = 500000 } } }
    end
    assert.equal(1, #emulator.ids(page("v3", "offset=999499")))
    assert.equal(0, #emulator.ids(page("v3", "offset=999500")))
    assert.is_true(resident_kib(service) < 64 * 1024)
  end)

  it("starts with no records at all", function()
    service:reset { records = { projects = 0, tasks = 0, clients = 0 } }
    assert.same({}, emulator.ids(page("v3")))
    assert.equal("[]", page("v3").body:match('"data":(.*)}$'))
    assert.same({}, emulator.ids(page("v3", "sort_by=title&order=desc")))
    service:rows { app_id = projects, insert = { { position = 0, count = 3 } } }
    assert.equal(3, #emulator.ids(page("v3", "sort_by=title&order=desc")))
  end)
end)
