-- The emulator's discussions and comments over plain HTTP.

local emulator = require "spec.support.emulator"

local RECORDS = { projects = 5, tasks = 12, clients = 2 }

describe("emulator", function()
  local service, records

  setup(function()
    service = emulator.start { records = RECORDS, calls = 1000000 }
    records = service:truth(service.apps.tasks).ids
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset { records = RECORDS } end)

  local function data(answer)
    assert.equal(200, answer.status, answer.body)
    return answer.json.data
  end

  local function begin(record_id, message)
    return data(service:post("/v3/discussions/records/" .. record_id, { message = message }))
  end

  local function comment(id, message)
    return data(service:post("/v3/discussions/" .. id .. "/comments", { message = message }))
  end

  local function outcome(answer)
    return answer.status .. " " .. ("%d"):format(answer.json.code)
  end

  describe("discussions", function()
    it("are there with all that belongs to them", function()
      local one = begin(records[3], "Who takes this one?")
      assert.equal("Who takes this one?", one.message)
      assert.equal(records[3], one.record_id)
      assert.equal(33, #one.id)
      assert.truthy(one.created:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%+0000$")
      assert.equal(data(service:get("/v3/users?limit=1"))[1].id, one.created_by)
      assert.equal(200, service:get("/v3/users/" .. one.created_by).status)
      assert.same({ one }, data(service:get("/v3/discussions/records/" .. records[3])))
      one.comments = {}
      assert.same(one, data(service:get("/v3/discussions/" .. one.id)))
    end)

    it("have comments, in order", function()
      local one, other = begin(records[1], "A"), begin(records[1], "B")
      local comments = {}
      for i = 1, 5 do comments[i] = comment(one.id, "comment " .. i) end
      assert.equal("comment 2", comments[2].message)
      assert.equal(one.created_by, comments[2].created_by)
      assert.is_nil(comments[2].record_id)
      assert.same(comments, data(service:get("/v3/discussions/" .. one.id)).comments)
      assert.same({}, data(service:get("/v3/discussions/" .. other.id)).comments)
    end)

    it("keep messages as they came", function()
      local text = '"\\u00e9\\/\\n \\"q\\" \\ud83d\\ude00"'
      local answer = service:post("/v3/discussions/records/" .. records[1], '{"message": ' .. text .. "}")
      local one = data(answer)
      assert.truthy(answer.body:find('"message":' .. text .. ",", 1, true))
      service:post("/v3/discussions/" .. one.id .. "/comments", '{"message": ' .. text .. "}")
      local _, times = service:get("/v3/discussions/" .. one.id).body:gsub(text:gsub("%p", "%%%0"), "")
      assert.equal(2, times)
    end)

    it("come in pages", function()
      assert.same({}, data(service:get("/v3/discussions/records/" .. records[2])))
      local ids = {}
      for i = 1, 7 do
        ids[i] = begin(records[2], "discussion " .. i).id
        begin(records[4], "elsewhere")
      end
      local function page(query)
        return emulator.ids(service:get("/v3/discussions/records/" .. records[2] .. query))
      end
      assert.same(ids, page "")
      assert.same({ ids[1], ids[2], ids[3] }, page "?limit=3")
      assert.same({ ids[4], ids[5], ids[6] }, page "?limit=3&offset=3")
      assert.same({ ids[7] }, page "?limit=3&offset=6")
      assert.same({}, page "?offset=7")
      assert.same({}, page "?offset=9007199254740992")
      assert.equal("400 90400", outcome(service:get("/v3/discussions/records/" .. records[2] .. "?limit=201")))
    end)

    it("go, with their comments", function()
      local one, other = begin(records[1], "A"), begin(records[1], "B")
      comment(one.id, "C")
      assert.same({}, data(service:delete("/v3/discussions/" .. one.id)))
      assert.same({ other.id }, emulator.ids(service:get("/v3/discussions/records/" .. records[1])))
      for _, answer in ipairs {
        service:get("/v3/discussions/" .. one.id), service:delete("/v3/discussions/" .. one.id),
        service:post("/v3/discussions/" .. one.id .. "/comments", { message = "D" }),
      } do
        assert.equal("404 10002", outcome(answer))
      end
    end)

    it("go with their record", function()
      local one = begin(records[1], "A")
      assert.equal(200, service:delete("/v3/records/" .. records[1]).status)
      assert.equal("404 10002", outcome(service:get("/v3/discussions/" .. one.id)))
      assert.equal("404 10002", outcome(service:get("/v3/discussions/records/" .. records[1])))
      assert.equal("404 10002", outcome(service:post("/v3/discussions/records/" .. records[1], { message = "A" })))
    end)

    it("take a message, and no other thing for one", function()
      local one = begin(records[1], "A")
      for _, path in ipairs { "/v3/discussions/records/" .. records[1], "/v3/discussions/" .. one.id .. "/comments" } do
        for _, body in ipairs { "{}", '{"message":""}', '{"message":" \\n"}', '{"message":5}', '{"message":null}',
          '{"message":["A"]}' } do
          local answer = service:post(path, body)
          assert.equal("400 90400", outcome(answer))
          assert.truthy(answer.json.message:find("message", 1, true))
        end
        assert.equal("400 90400", outcome(service:post(path, "A")))
      end
      assert.equal(1, #service:creates())
    end)

    it("are none of v1 and v2, nor of what is not there", function()
      local one = begin(records[1], "A")
      for _, version in ipairs { "/v1", "/v2" } do
        for _, answer in ipairs {
          service:get(version .. "/discussions/" .. one.id), service:delete(version .. "/discussions/" .. one.id),
          service:get(version .. "/discussions/records/" .. records[1]),
          service:post(version .. "/discussions/records/" .. records[1], { message = "B" }),
          service:post(version .. "/discussions/" .. one.id .. "/comments", { message = "B" }),
        } do
          assert.equal("404 10002", outcome(answer))
        end
      end
      assert.equal("404 10002", outcome(service:get("/v3/discussions/" .. records[1])))
      assert.equal("404 10002", outcome(service:get("/v3/discussions/records/" .. one.id)))
      assert.equal(1, #service:creates())
    end)

    it("are counted as created, comments too", function()
      local one = begin(records[1], "A")
      local two = comment(one.id, "B")
      local creates, log = service:creates(), service:log()
      assert.equal(2, #creates)
      assert.same({ "discussion", one.id }, { creates[1].kind, creates[1].id })
      assert.same({ "comment", two.id }, { creates[2].kind, creates[2].id })
      assert.equal("create_discussion", log[creates[1].request].endpoint)
      assert.equal("create_comment", log[creates[2].request].endpoint)
    end)

    it("are begun before or after a fault, as its rule says", function()
      for _, done in ipairs { true, false } do
        service:reset { records = RECORDS }
        service:config { faults = { { fault = "status", status = 503, done = done, method = "POST" } } }
        assert.equal(503, service:post("/v3/discussions/records/" .. records[1], { message = "A" }).status)
        assert.equal(done and 1 or 0, #data(service:get("/v3/discussions/records/" .. records[1])))
      end
    end)
  end)
end)
