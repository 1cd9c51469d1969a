-- The emulator's filters and sorted orders.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"

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

  local function filtered(filter, query)
    return service:post("/v3/records/apps/" .. projects .. "/filter" .. (query and "?" .. query or ""), filter)
  end

  local function counted(filter)
    local answer = service:post("/v3/records/apps/" .. projects .. "/count/filter", filter)
    assert.equal(200, answer.status, answer.body)
    return answer.json.data.count
  end

  describe("filters", function()
    local records

    before_each(function()
      service:reset { records = 400 }
      records = {}
      for offset = 0, 200, 200 do
        for _, record in ipairs(page("v3", "offset=" .. offset).json.data) do records[#records + 1] = record end
      end
    end)

    local function has(list, value)
      for _, item in ipairs(list) do
        if item == value then return true end
      end
      return false
    end

    -- Asserts that a filter finds exactly the records that `holds`.
    local function finds(filter, holds)
      local expected = {}
      for _, record in ipairs(records) do
        if holds(record) then expected[#expected + 1] = record.id end
      end
      local found = emulator.ids(filtered(filter, "limit=200"))
      for _, id in ipairs(emulator.ids(filtered(filter, "limit=200&offset=200"))) do found[#found + 1] = id end
      assert.same(expected, found)
      assert.equal(#expected, counted(filter))
      return #expected
    end

    it("know equal, not_equal and contains", function()
      assert.is_true(finds({ title = { contains = "café" } }, function(r) return r.title:find("café", 1, true) end) > 0)
      assert.is_true(finds({ tags = { contains = "R&D" } }, function(r) return has(r.tags, "R&D") end) > 0)
      assert.is_true(finds({ status = { equal = "Done" } }, function(r) return r.status[1] == "Done" end) > 0)
      assert.is_true(finds({ approved = { equal = true } }, function(r) return r.approved end) > 0)
      assert.is_true(finds({ progress = { not_equal = 5 } }, function(r) return r.progress ~= 5 end) < 400)
      assert.is_true(finds({ notes = { equal = cjson.null } }, function(r)
        return r.notes == nil or r.notes == cjson.null
      end) > 0)
      finds({ title = { equal = records[9].title } }, function(r) return r.title == records[9].title end)
      finds({ tags = { equal = records[3].tags[1] and records[3].tags or "indoor" } }, function(r)
        local wanted = records[3].tags[1] and records[3].tags or { "indoor" }
        return table.concat(r.tags, "|") == table.concat(wanted, "|")
      end)
      assert.equal(400, finds({}, function() return true end))
    end)

    it("see through escapes", function()
      finds({ description = { contains = "25 °C" } }, function(r) return r.description:find("25 °C", 1, true) end)
    end)

    it("compare dates as days and as instants", function()
      local day = records[1].created:sub(1, 10)
      finds({ created = { not_equal = day } }, function(r) return r.created:sub(1, 10) ~= day end)
      assert.equal(1, counted { created = { equal = records[7].created } })
      local hour, rest = records[7].created:match("^.*T(%d%d)(:%d%d:%d%d)")
      local shifted = day .. string.format("T%02d%s+0200", (tonumber(hour) + 2) % 24, rest)
      assert.equal(tonumber(hour) < 22 and 1 or 0, counted { created = { equal = shifted } })
    end)

    it("must all hold", function()
      finds({ approved = { equal = true }, title = { contains = "e", not_equal = records[1].title } }, function(r)
        return r.approved and r.title:find("e", 1, true) and r.title ~= records[1].title
      end)
    end)

    it("are refused when they make no sense", function()
      for _, body in ipairs {
        "", "[]", "x", '"a"', '{"nothing":{"equal":1}}', '{"title":"a"}', '{"title":{"like":"a"}}',
        '{"title":{"equal":5}}', '{"approved":{"equal":"true"}}', '{"progress":{"contains":5}}',
        '{"created":{"equal":"yesterday"}}', '{"tags":{"contains":["a"]}}',
      } do
        assert.equal(400, filtered(body).status, body)
      end
    end)

    it("go together with sort_by, offset and limit", function()
      local filter = { approved = { equal = false } }
      local expected = {}
      for _, record in ipairs(records) do
        if not record.approved then expected[#expected + 1] = record end
      end
      table.sort(expected, function(a, b) return a.created > b.created end)
      local wanted = {}
      for i = 11, 30 do wanted[#wanted + 1] = expected[i].id end
      assert.same(wanted, emulator.ids(filtered(filter, "sort_by=created&order=desc&offset=10&limit=20")))
    end)
  end)

  describe("sorting", function()
    local function sorted(field, order)
      local list, offset, records = {}, 0
      repeat
        records = page("v3", string.format("sort_by=%s&order=%s&offset=%d", field, order, offset)).json.data
        for _, record in ipairs(records) do list[#list + 1] = record end
        offset = offset + 200
      until #records < 200
      return list
    end

    it("puts every kind of value in order, and desc is the reverse", function()
      for _, field in ipairs {
        "title", "budget", "spent", "start_date", "due_date", "last_modified", "label", "margin", "approved",
      } do
        local up, down = sorted(field, "asc"), sorted(field, "desc")
        assert.equal(1000, #up)
        local previous
        for i, record in ipairs(up) do
          assert.equal(record.id, down[1001 - i].id)
          local value = record[field]
          if value == cjson.null then value = nil end
          if type(value) == "boolean" then value = value and 1 or 0 end
          assert.is_true(previous == nil or value ~= nil and previous <= value, field .. " at " .. i)
          previous = value
        end
      end
    end)

    it("compares times of different offsets as instants", function()
      local list = sorted("kickoff", "asc")
      local function instant(text)
        local hour, minute, sign, hours, minutes = text:match("T(%d+):(%d+):%d+([+-])(%d%d)(%d%d)")
        local shift = (hours * 60 + minutes) * (sign == "+" and 1 or -1)
        local year, month, day = text:match("^(%d+)-(%d+)-(%d+)")
        return os.time { year = year, month = month, day = day, hour = 12 } + (hour * 60 + minute - shift) * 60
      end
      local previous = -math.huge
      for _, record in ipairs(list) do
        if record.kickoff ~= cjson.null then
          local now = instant(record.kickoff)
          assert.is_true(previous <= now + 3600) -- a local summer time may stand between two noons
          previous = now
        end
      end
    end)

    it("follows rows that come and go", function()
      sorted("title", "asc")
      service:rows { app_id = projects, delete = { 3, 500 }, insert = { { position = 10, count = 5 } } }
      local list = sorted("title", "asc")
      assert.equal(1003, #list)
      for i = 2, #list do assert.is_true(list[i - 1].title <= list[i].title) end
      local there = {}
      for _, record in ipairs(list) do there[record.id] = true end
      for _, id in ipairs(service:truth(projects).ids) do assert.is_true(there[id]) end
    end)
  end)
end)
