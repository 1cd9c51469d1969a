-- The emulator's writing methods over plain HTTP: what is kept, what is refused, what reads see of it, and the two
-- moments at which a fault can fall on a write.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "spec.support.http"

local RECORDS = { projects = 40, tasks = 30, clients = 5 }

-- No JSON objects.
local BROKEN = { "", "[]", "nonsense", '{"title":', '{"title":"x"}x', '{"title":"x",}', '{"title":01}', "{'title':1}" }

-- Bodies for the tasks' schema that must be refused, and what the message must say.
local WRONG = {
  { '{"titel":"A"}', "titel", "no field" },
  { '{"title":5}', "title", "is 5" },
  { '{"title":{"a":1}}', "title", "an object" },
  { '{"estimate":"5"}', "estimate", "'5'" },
  { '{"done":1}', "done", "true or false" },
  { '{"due_date":"15.9.2016"}', "due_date", "'15.9.2016'" },
  { '{"due_date":"2015-02-29"}', "due_date", "2015-02-29" },
  { '{"stage":"Fixed"}', "stage", "array" },
  { '{"stage":{}}', "stage", "an object" },
  { '{"stage":["Open"]}', "stage", "'Open'" },
  { '{"stage":["Fixed","In Progress"]}', "stage", "2 choices" },
  { '{"stage":[1]}', "stage", "place 1" },
  { '{"assignees":"i1"}', "assignees", "array" },
  { '{"title":null}', "title", "required" },
  { '{"id":"i1"}', "id", "own" },
  { '{"created":"2016-09-15T07:00:00-0500"}', "created", "own" },
  { '{"last_modified":null}', "last_modified", "own" },
}

describe("emulator", function()
  local service, projects, tasks

  setup(function()
    service = emulator.start { records = RECORDS, calls = 1000000 }
    projects, tasks = service.apps.projects, service.apps.tasks
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset { records = RECORDS } end)

  local function create(app, body, version)
    return service:post("/" .. (version or "v3") .. "/records/apps/" .. app, body)
  end

  local function update(id, body, version)
    return service:put("/" .. (version or "v3") .. "/records/" .. id, body)
  end

  local function read(id, version)
    return service:get("/" .. (version or "v3") .. "/records/" .. id)
  end

  local function created(app, body)
    local answer = create(app, body)
    assert.equal(200, answer.status, answer.body)
    return answer.json.data.id
  end

  -- The text of the answer's data.
  local function data(answer)
    return answer.body:match('^{"code":10000,"message":"Success","data":(.*)}$')
  end

  local function assert_refused(answer, ...)
    assert.equal("400 90400", answer.status .. " " .. ("%d"):format(answer.json.code))
    for _, word in ipairs { ... } do
      assert.truthy(answer.json.message:find(word, 1, true), answer.json.message .. " does not say " .. word)
    end
  end

  describe("create", function()
    it("answers as each version does", function()
      for version, whole in pairs { v1 = false, v2 = true, v3 = true } do
        local answer = create(tasks, '{"title":"A"}', version)
        local id = answer.json.data.id
        assert.equal(33, #id)
        if whole then
          assert.equal(data(read(id, version)), data(answer))
          assert.equal("A", answer.json.data.title)
        else
          assert.equal('{"id":"' .. id .. '"}', data(answer))
        end
      end
    end)

    it("keeps each value as it came", function()
      local values = {
        title = '"\\u00e9\\/\\ud83d\\ude00 \\"q\\""', estimate = "9007199254740993", details = "null",
        stage = '[ "Fixed" ]', done = "false", assignees = "[]", project = '"i1"',
      }
      local parts = {}
      for name, text in pairs(values) do parts[#parts + 1] = ' "' .. name .. '" :\t' .. text .. "\n" end
      local id = created(tasks, "{" .. table.concat(parts, ",") .. "}")
      local body = data(read(id))
      for name, text in pairs(values) do
        assert.truthy((body .. ","):gsub("}", ","):find('"' .. name .. '":' .. text .. ",", 1, true), name)
      end
      assert.is_nil(body:find("due_date", 1, true))
      for _, text in ipairs { "1.0", "-0", "1E+2", "0.1", "123456789012345678901234567890" } do
        assert.equal(200, update(id, '{"estimate":' .. text .. "}").status)
        assert.truthy(data(read(id)):find('"estimate":' .. text .. ",", 1, true))
      end
    end)

    it("takes the last one of members with the same name", function()
      local id = created(tasks, '{"title":"first","estimate":1,"\\u0074itle":"last"}')
      local _, times = data(read(id)):gsub('"title"', "")
      assert.equal(1, times)
      assert.equal("last", read(id).json.data.title)
    end)

    it("fills in what is the service's own", function()
      local before = service:get("/v3/records/apps/" .. projects .. "?limit=1").json.data[1]
      local record = create(projects, '{"title":"A","status":["Done"]}').json.data
      assert.equal(41, record.number)
      assert.equal("string", type(record.label))
      assert.equal("number", type(record.margin))
      assert.equal(record.created, record.last_modified)
      assert.truthy(record.created:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%+0000$")
      assert.is_true(record.created > before.created)
      assert.is_nil(record.description)
    end)

    it("makes the last row, and is counted once for each", function()
      local ids = service:truth(tasks).ids
      for i = 1, 3 do ids[#ids + 1] = created(tasks, '{"title":"new ' .. i .. '"}') end
      create(tasks, "{}")
      assert.same(ids, service:truth(tasks).ids)
      assert.equal(33, service:get("/v3/records/apps/" .. tasks .. "/count").json.data.count)
      local log, creates = service:log(), service:creates()
      assert.equal(3, #creates)
      for i, one in ipairs(creates) do
        assert.equal("record", one.kind)
        assert.equal(ids[30 + i], one.id)
        assert.truthy(log[one.request].body:find("new " .. i, 1, true))
      end
      service:reset { records = RECORDS }
      assert.same({}, service:creates())
    end)

    it("refuses what the schema does not allow, and names the field", function()
      for _, case in ipairs(WRONG) do
        local body = case[1]:find '"title"' and case[1] or case[1]:gsub("^{", '{"title":"A",')
        assert_refused(create(tasks, body), case[2], case[3])
      end
      assert_refused(create(tasks, "{}"), "title", "missing")
      assert_refused(create(projects, '{"title":"A","status":["Done"],"label":"B"}'), "label", "read only")
      assert_refused(create(projects, '{"title":"A","status":["Done"],"kickoff":"2016-09-15"}'), "kickoff")
      assert_refused(create(projects, '{"title":"A","status":["Done"],"attachments":[]}', "v2"), "attachments")
      assert.equal(200, create(projects, '{"title":"A","status":["Done"],"attachments":[]}').status)
      for _, body in ipairs(BROKEN) do assert_refused(create(tasks, body), "body") end
      assert_refused(create(tasks, '{"title":"\255"}'), "UTF-8")
      assert_refused(create(tasks, '{"title":"\\ud800"}'), "title")
      assert.equal(1, #service:creates())
    end)

    it("takes ids of files, and shows the files", function()
      local file = service:control("POST", "files", { size = 5, name = "a.txt" })
      local record = create(projects, { title = "A", status = { "Done" }, attachments = { file.id } }).json.data
      assert.same({ file }, record.attachments)
      assert.same({ file }, read(record.id).json.data.attachments)
      assert.is_nil(read(record.id, "v2").json.data.attachments)
      local found = service:post("/v3/records/apps/" .. projects .. "/filter",
        { attachments = { contains = file.id } })
      assert.same({ record.id }, emulator.ids(found))
      assert_refused(update(record.id, '{"attachments":["i00"]}'), "attachments", "i00")
      assert.equal(200, update(record.id, '{"attachments":null}').status)
      assert.equal(cjson.null, read(record.id).json.data.attachments)
    end)

    it("tells unknown apps and records", function()
      assert.equal(30000, create("i00", '{"title":"A"}').json.code)
      assert.equal("404 10002", update("i00", "{}").status .. " " .. ("%d"):format(update("i00", "{}").json.code))
      assert.equal(404, service:delete("/v3/records/i00").status)
    end)
  end)

  describe("update", function()
    it("answers as each version does", function()
      local id = service:truth(tasks).ids[4]
      for version, whole in pairs { v1 = false, v2 = true, v3 = true } do
        local answer = update(id, '{"title":"' .. version .. '"}', version)
        assert.equal(whole and data(read(id, version)) or "{}", data(answer))
        assert.equal(version, read(id).json.data.title)
      end
    end)

    it("changes what is named, and leaves the rest as it was", function()
      local id = service:truth(projects).ids[7]
      local before = read(id).json.data
      assert.equal(200, update(id, '{"budget":1.50,"notes":null,"tags":["urgent","indoor"]}').status)
      local after = read(id).json.data
      assert.is_true(after.last_modified > before.last_modified)
      assert.equal(cjson.null, after.notes)
      assert.same({ "urgent", "indoor" }, after.tags)
      assert.truthy(read(id).body:find('"budget":1.50,', 1, true))
      for name, value in pairs(before) do
        if name ~= "budget" and name ~= "notes" and name ~= "tags" and name ~= "last_modified" then
          assert.same(value, after[name], name)
        end
      end
      assert.equal(200, update(id, "{}").status)
      assert.same({}, service:creates())
    end)

    it("refuses what the schema does not allow, and changes nothing", function()
      local id = service:truth(tasks).ids[1]
      local before = read(id).body
      for _, case in ipairs(WRONG) do assert_refused(update(id, case[1]), case[2], case[3]) end
      for _, body in ipairs(BROKEN) do assert_refused(update(id, body), "body") end
      assert_refused(update(id, '{"title":"A","estimate":"B"}'), "estimate")
      assert.equal(before, read(id).body)
    end)
  end)

  describe("delete", function()
    it("takes a record away in each version, a created one too", function()
      for i, version in ipairs { "v1", "v2", "v3" } do
        for _, id in ipairs { service:truth(tasks).ids[i], created(tasks, '{"title":"A"}') } do
          local answer = service:delete("/" .. version .. "/records/" .. id)
          assert.equal("{}", data(answer))
          assert.equal(404, read(id).status)
          assert.equal(404, update(id, "{}").status)
          assert.equal(404, service:delete("/" .. version .. "/records/" .. id).status)
        end
      end
      assert.equal(27, #service:truth(tasks).ids)
      assert.equal(3, #service:creates())
    end)
  end)

  describe("what was written", function()
    local function page(query)
      return emulator.ids(service:get("/v3/records/apps/" .. tasks .. "?" .. query))
    end

    local function filtered(filter)
      return emulator.ids(service:post("/v3/records/apps/" .. tasks .. "/filter", filter))
    end

    -- What a page sorted by the estimate must hold: by (value, age).
    local function by_estimate()
      local records = service:get("/v3/records/apps/" .. tasks .. "?limit=200").json.data
      for place, record in ipairs(records) do record.place = place end
      table.sort(records, function(a, b)
        local x, y = tonumber(a.estimate) or -math.huge, tonumber(b.estimate) or -math.huge
        if x == y then return a.place < b.place end
        return x < y
      end)
      local ids = {}
      for i, record in ipairs(records) do ids[i] = record.id end
      return ids
    end

    it("is where a sorted page looks for it, also when the order was made before", function()
      local ids = page "sort_by=estimate"
      assert.same(by_estimate(), ids)
      local made = created(tasks, '{"title":"A","estimate":-5}')
      assert.equal(made, page("sort_by=estimate&limit=1")[1])
      for i, text in ipairs { "1000000", "-10", "null", "200.5", "200.5", "0" } do
        assert.equal(200, update(ids[3 * i], '{"estimate":' .. text .. "}").status)
        assert.equal(200, update(made, '{"estimate":' .. i * 40 .. "}").status)
        assert.same(by_estimate(), page "sort_by=estimate")
      end
      service:delete("/v3/records/" .. ids[6])
      assert.same(by_estimate(), page "sort_by=estimate")
      assert.equal(200, update(ids[1], '{"title":"newest"}').status)
      assert.is_true(page("sort_by=last_modified&order=desc&limit=1")[1] ~= nil)
    end)

    it("is the newest by last_modified", function()
      page "sort_by=last_modified"
      local id = service:truth(tasks).ids[12]
      assert.equal(200, update(id, '{"details":"B"}').status)
      assert.equal(id, page("sort_by=last_modified&order=desc&limit=1")[1])
    end)

    it("is what filters and counts see, also when they looked before", function()
      local filter = '{"title":{"equal":"a title of nobody\'s"}}'
      local function count()
        return service:post("/v3/records/apps/" .. tasks .. "/count/filter", filter).json.data.count
      end
      local id = service:truth(tasks).ids[9]
      assert.equal(0, count())
      assert.equal(200, update(id, '{"title":"a title of nobody\'s"}').status)
      local made = created(tasks, '{"title":"a title of nobody\'s"}')
      assert.same({ id, made }, filtered(filter))
      assert.equal(2, count())
      assert.equal(200, update(id, '{"title":"B"}').status)
      assert.same({ made }, filtered(filter))
      service:delete("/v3/records/" .. made)
      assert.equal(0, count())
    end)

    it("goes together with rows that come and go by hand", function()
      local made = created(tasks, '{"title":"A"}')
      service:rows { app_id = tasks, delete = { 0 }, insert = { { position = 29, count = 2 } } }
      local ids = service:truth(tasks).ids
      assert.equal(made, ids[#ids])
      service:rows { app_id = tasks, delete = { made } }
      assert.equal(404, read(made).status)
    end)
  end)

  describe("validate = false", function()
    before_each(function() service:config { validate = false } end)

    it("lets any value into any field, also one that is not there", function()
      local values = {
        title = '{"a":[1.0]}', estimate = '"no number"', done = "[[]]", due_date = "17", ["caf\\u00e9 \\\""] = "1e5",
        other = '[null,{}]',
      }
      local parts = {}
      for name, text in pairs(values) do parts[#parts + 1] = '"' .. name .. '":' .. text end
      local id = created(tasks, "{" .. table.concat(parts, ",") .. "}")
      for _, part in ipairs(parts) do assert.truthy(data(read(id)):find(part, 1, true), part) end
      assert.equal(200, update(id, '{"other":2.0}').status)
      assert.truthy(data(read(id, "v1")):find('"other":2.0', 1, true))
      local answer = service:get("/v3/records/apps/" .. tasks .. "?limit=200")
      assert.truthy(answer.body:find(data(read(id)), 1, true))
    end)

    it("keeps id, created and last_modified the service's own", function()
      local record = create(tasks, '{"id":"mine","created":1,"last_modified":2}').json.data
      assert.truthy(record.id:find "^i%x+$")
      assert.equal("string", type(record.created))
      assert.equal("string", type(record.last_modified))
    end)

    it("sorts and filters though values are of other types", function()
      local id = service:truth(tasks).ids[5]
      for _, text in ipairs { '"a"', "[]", "{}", "true", "null", "3" } do
        for _, name in ipairs { "title", "estimate", "due_date", "done", "stage" } do
          assert.equal(200, update(id, '{"' .. name .. '":' .. text .. "}").status)
        end
        for _, name in ipairs { "title", "estimate", "due_date", "done", "last_modified" } do
          assert.equal(30, #emulator.ids(service:get("/v3/records/apps/" .. tasks .. "?sort_by=" .. name)), name)
        end
        for _, filter in ipairs { '{"title":{"contains":"a"}}', '{"due_date":{"not_equal":"2016-09-15"}}',
          '{"stage":{"contains":"Fixed"}}', '{"estimate":{"equal":3}}' } do
          assert.equal(200, service:post("/v3/records/apps/" .. tasks .. "/filter", filter).status)
        end
      end
    end)
  end)

  describe("a fault on a write", function()
    -- Runs work() while a rule holds for writes; whether it got an answer.
    local function under(rule, work)
      service:config { faults = { rule } }
      local ok, answer = pcall(work)
      service:config { faults = setmetatable({}, { __jsontype = "array" }) }
      return ok and answer or nil
    end

    local BEFORE = { { fault = "drop" }, { fault = "status", status = 429 }, { fault = "status", status = 401 } }

    local BOTH = {
      { fault = "lose" }, { fault = "stall", seconds = 0.01 }, { fault = "stall", bytes = 10, seconds = 0.01 },
      { fault = "garbage" }, { fault = "html" }, { fault = "body" }, { fault = "data" }, { fault = "deep" },
      { fault = "large", bytes = 100000 }, { fault = "code" }, { fault = "redirect" },
      { fault = "status", status = 500 }, { fault = "status", status = 503 }, { fault = "status", status = 504 },
      { fault = "status", status = 503, envelope = false, retry_after = 0 }, { fault = "status", status = 400 },
    }

    local AFTER = {
      { fault = "close" }, { fault = "cut" }, { fault = "length" }, { fault = "interim" }, { fault = "extra" },
      { fault = "chunks" }, { fault = "header" }, { fault = "utf8" }, { fault = "nul" },
      { fault = "drip", seconds = 0.0001 },
    }

    -- Each write under a rule: is it carried out just when `done` says so?
    local function check(rule, done)
      local name = cjson.encode(rule)
      service:reset { records = RECORDS }
      local ids = service:truth(tasks).ids
      under(rule, function() return create(tasks, '{"title":"A"}') end)
      assert.equal(done and 1 or 0, #service:creates(), name)
      assert.equal(done and 31 or 30, #service:truth(tasks).ids, name)
      under(rule, function() return update(ids[1], '{"title":"changed"}') end)
      assert.equal(done, read(ids[1]).json.data.title == "changed", name)
      under(rule, function() return service:delete("/v3/records/" .. ids[2]) end)
      assert.equal(done, read(ids[2]).status == 404, name)
    end

    local function with(rule, done)
      local result = { done = done }
      for key, value in pairs(rule) do result[key] = value end
      return result
    end

    it("comes before or after it is carried out, as the rule says", function()
      for _, rule in ipairs(BEFORE) do check(rule, false) end
      for _, rule in ipairs(BOTH) do
        check(rule, true)
        check(with(rule, true), true)
        check(with(rule, false), false)
      end
      for _, rule in ipairs(AFTER) do check(with(rule, true), true) end
    end)

    it("answers the same in both cases, and counts", function()
      for _, status in ipairs { 500, 503, 504 } do
        for _, done in ipairs { true, false } do
          service:reset { records = RECORDS }
          local answer = under({ fault = "status", status = status, done = done }, function()
            return create(tasks, '{"title":"A"}')
          end)
          assert.equal(status, answer.status)
          assert.equal(10001, answer.json.code)
          assert.equal(1, service:stats().window.used)
          assert.equal("create_record", service:log()[1].endpoint)
          assert.equal("status", service:log()[1].fault)
        end
      end
    end)

    it("is refused where it cannot be so", function()
      local function refusal(rule)
        local answer = http.request("POST", service.url .. "/_emulator/config", {
          body = cjson.encode { faults = { rule } },
        })
        assert.equal(400, answer.status, cjson.encode(rule))
        assert.truthy(answer.json.error:find("faults[1].done", 1, true), answer.json.error)
      end
      for _, rule in ipairs(BEFORE) do refusal(with(rule, true)) end
      for _, rule in ipairs(AFTER) do refusal(with(rule, false)) end
      refusal { fault = "lose", done = "yes" }
    end)
  end)
end)
