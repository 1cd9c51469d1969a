-- The flat layer's writing methods and discussions in each version: what goes out, what comes back, what an error says.
-- Every fault on every write is write_faults_spec's subject, values on their way out and back round_trip_spec's.

local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local reading = require "spec.support.reading"

local VERSIONS = {"v1", "v2", "v3"}
local RECORDS = {projects = 4, tasks = 30, clients = 5}
local TITLE = "Start using the API"
local MESSAGE = "Who takes this one? \195\169 \"now\"\n"

-- A decoded answer without the metatables that tell arrays.
local function plain(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, part in pairs(value) do result[key] = plain(part) end
  return result
end

describe("client", function()
  local service, tasks, ids, client

  setup(function()
    service = emulator.start {records = RECORDS, calls = 1000000}
    tasks = service.apps.tasks
    ids = service:truth(tasks).ids
    client = reading.client(service)
  end)

  teardown(function() service:stop() end)

  before_each(function() service:reset {records = RECORDS} end)

  -- A client whose repeats come at once.
  local function quick(given)
    local options = {retry = {attempts = 3, base = 0.001, cap = 0.001}}
    for name, value in pairs(given or {}) do options[name] = value end
    return reading.client(service, options)
  end

  -- The one request in the log.
  local function only_request()
    local log = service:log()
    assert.equal(1, #log)
    return log[1]
  end

  local function assert_request(entry, method, path, body)
    assert.equal(method .. " " .. path, entry.method .. " " .. entry.path)
    assert.same(body, entry.body and reading.decode(entry.body))
    assert.equal("application/json", entry.headers["content-type"])
  end

  local function assert_failed(kind, status, code, result, err)
    assert.is_nil(result)
    assert.equal(kind, err.kind)
    assert.equal(status, err.status)
    assert.equal(code, err.code)
    assert.is_nil(err.maybe_done)
  end

  for _, version in ipairs(VERSIONS) do
    describe("writing records in " .. version, function()
      local with
      local own_id_alone = version == "v1"

      setup(function() with = reading.client(service, {version = version}) end)

      it("create_record", function()
        local given = {title = TITLE, stage = {"Fixed"}, estimate = 25, done = true, details = fusioo.null,
          assignees = fusioo.array {}}
        local record = assert(with:create_record(tasks, given))
        assert_request(only_request(), "POST", "/" .. version .. "/records/apps/" .. tasks,
          {title = TITLE, stage = {"Fixed"}, estimate = 25, done = true, details = reading.decode("null"),
            assignees = {}})
        assert.equal("create_record", only_request().endpoint)
        assert.equal(service:creates()[1].id, record.id)
        local read = assert(with:get_record(record.id))
        for name, value in pairs(given) do assert.same(plain(value), plain(read[name]), name) end
        assert.is_true(fusioo.is_array(read.assignees))
        if own_id_alone then read = {id = record.id} end
        assert.same(plain(read), plain(record))
      end)

      it("create_record without fields", function()
        service:config {validate = false}
        local record = assert(with:create_record(tasks, {}))
        assert.equal("{}", only_request().body)
        assert.equal(service:creates()[1].id, record.id)
        assert.is_nil(assert(with:get_record(record.id)).title)
      end)

      it("update_record", function()
        local before = assert(with:get_record(ids[3]))
        service:clear_log()
        local record = assert(with:update_record(ids[3], {title = TITLE, due_date = "2016-09-15"}))
        assert_request(only_request(), "PUT", "/" .. version .. "/records/" .. ids[3],
          {title = TITLE, due_date = "2016-09-15"})
        local read = assert(with:get_record(ids[3]))
        assert.equal(TITLE, read.title)
        assert.equal("2016-09-15", read.due_date)
        assert.equal(before.estimate, read.estimate)
        if own_id_alone then read = {id = ids[3]} end
        assert.same(plain(read), plain(record))
        assert.same({}, service:creates())
      end)

      it("update_record with null, which is neither absent nor empty", function()
        assert(with:update_record(ids[5], {details = "some", stage = {"Fixed"}}))
        assert(with:update_record(ids[5], {details = fusioo.null, stage = fusioo.array {}}))
        local read = assert(with:get_record(ids[5]))
        assert.equal(fusioo.null, read.details)
        assert.is_true(fusioo.is_array(read.stage))
        assert.equal(0, #read.stage)
        assert(with:update_record(ids[5], {details = ""}))
        assert.equal("", assert(with:get_record(ids[5])).details)
      end)

      it("delete_record", function()
        assert.is_true(with:delete_record(ids[7]))
        assert_request(only_request(), "DELETE", "/" .. version .. "/records/" .. ids[7])
        assert.equal(29, with:record_count(tasks))
        assert_failed("not_found", 404, 10002, with:get_record(ids[7]))
      end)

      it("says what the service refused, and why", function()
        local function check(result, err)
          assert_failed("api", 400, 90400, result, err)
          assert.truthy(tostring(err):find("field 'due_date' is '15.9.2016'", 1, true))
          assert.equal(1, err.attempts)
        end
        check(with:create_record(tasks, {title = TITLE, due_date = "15.9.2016"}))
        check(with:update_record(ids[1], {due_date = "15.9.2016"}))
        assert.equal(2, #service:log())
        assert.same({}, service:creates())
        local _, err = with:create_record(tasks, {titel = TITLE})
        assert.truthy(err.message:find("titel", 1, true))
      end)

      it("tells what is not there", function()
        assert_failed("not_found", 404, 30000, with:create_record("i00", {title = TITLE}))
        assert_failed("not_found", 404, 10002, with:update_record("i00", {title = TITLE}))
        assert_failed("not_found", 404, 10002, with:delete_record("i00"))
        assert.equal(3, #service:log())
      end)

      it("creates once, and says that the record may be there where the answer was lost", function()
        for _, done in ipairs {true, false} do
          for _, rule in ipairs {{fault = "lose"}, {fault = "status", status = 503}, {fault = "body"}} do
            service:reset {records = RECORDS}
            rule.done, rule.times = done, 1
            service:config {faults = {rule}}
            local record, err = quick {version = version}:create_record(tasks, {title = TITLE})
            assert.is_nil(record)
            assert.is_true(err.maybe_done)
            assert.equal(1, #service:log())
            assert.equal(done and 1 or 0, #service:creates())
          end
        end
      end)

      it("repeats a create that certainly did not happen", function()
        service:config {faults = {{fault = "status", status = 429, retry_after = 0, times = 1}}}
        local record = assert(quick {version = version}:create_record(tasks, {title = TITLE}))
        assert.equal(2, #service:log())
        assert.equal(1, #service:creates())
        assert.equal(service:creates()[1].id, record.id)
      end)

      it("repeats an update whose answer was lost", function()
        for _, done in ipairs {true, false} do
          service:reset {records = RECORDS}
          service:config {faults = {{fault = "lose", done = done, times = 1}}}
          local record = assert(quick {version = version}:update_record(ids[2], {title = TITLE}))
          assert.equal(ids[2], record.id)
          assert.equal(2, #service:log())
          assert.equal(TITLE, assert(with:get_record(ids[2])).title)
        end
      end)

      it("says that an update may have happened when its repeats are used up", function()
        service:config {faults = {{fault = "status", status = 500}}}
        local record, err = quick {version = version}:update_record(ids[2], {title = TITLE})
        assert.is_nil(record)
        assert.equal("api", err.kind)
        assert.is_true(err.maybe_done)
        assert.equal(3, err.attempts)
        assert.equal(3, #service:log())
      end)

      it("takes a record for deleted when the answer was lost and it is gone", function()
        for _, rule in ipairs {{fault = "lose"}, {fault = "status", status = 503}, {fault = "cut"}} do
          service:reset {records = RECORDS}
          rule.done, rule.times = true, 1
          service:config {faults = {rule}}
          assert.is_true(quick {version = version}:delete_record(ids[9]))
          local log = service:log()
          assert.equal(2, #log)
          assert.equal(404, log[2].status)
        end
      end)

      it("deletes in the second try when nothing happened in the first", function()
        service:config {faults = {{fault = "status", status = 503, done = false, times = 1}}}
        assert.is_true(quick {version = version}:delete_record(ids[9]))
        assert.equal(200, service:log()[2].status)
        assert.equal(29, #service:truth(tasks).ids)
      end)
    end)
  end

  it("refuses arguments of the wrong type, and what is no object, without a call", function()
    for _, work in ipairs {
      function() client:create_record(nil, {}) end, function() client:create_record(tasks) end,
      function() client:update_record(ids[1], "title") end, function() client:update_record({}, {}) end,
      function() client:delete_record() end, function() client:create_discussion(ids[1]) end,
      function() client:create_comment(ids[1], 5) end,
    } do
      assert.is_false(pcall(work))
    end
    for _, fields in ipairs {{"title"}, fusioo.array {}, {title = print}} do
      assert_failed("invalid", nil, nil, client:create_record(tasks, fields))
      assert_failed("invalid", nil, nil, client:update_record(ids[1], fields))
    end
    for _, message in ipairs {"", " \n\t"} do
      assert_failed("invalid", nil, nil, client:create_discussion(ids[1], message))
      assert_failed("invalid", nil, nil, client:create_comment(ids[1], message))
    end
    assert.same({}, service:log())
  end)

  describe("discussions", function()
    for _, version in ipairs {"v1", "v2"} do
      it("are not there in " .. version .. ", which takes no call to tell", function()
        local with = reading.client(service, {version = version})
        for name, arguments in pairs {
          create_discussion = {ids[1], MESSAGE}, get_discussions = {ids[1]}, get_discussion = {ids[1]},
          delete_discussion = {ids[1]}, create_comment = {ids[1], MESSAGE},
        } do
          local result, err = with[name](with, arguments[1], arguments[2])
          assert_failed("unsupported", nil, nil, result, err)
          assert.truthy(err.message:find(name, 1, true))
          assert.truthy(err.message:find("v3", 1, true))
        end
        local ok, err = pcall(function()
          for _ in with:discussions(ids[1]) do error "a discussion" end
        end)
        assert.is_false(ok)
        assert.equal("unsupported", err.kind)
        assert.same({}, service:log())
      end)
    end

    it("create_discussion", function()
      local discussion = assert(client:create_discussion(ids[1], MESSAGE))
      assert_request(only_request(), "POST", "/v3/discussions/records/" .. ids[1], {message = MESSAGE})
      assert.equal(MESSAGE, discussion.message)
      assert.equal(ids[1], discussion.record_id)
      assert.equal(service:creates()[1].id, discussion.id)
      assert.equal("string", type(discussion.created_by))
    end)

    it("get_discussions and the iterator", function()
      local made = {}
      for i = 1, 5 do made[i] = assert(client:create_discussion(ids[1], "discussion " .. i)).id end
      service:clear_log()
      local list = assert(client:get_discussions(ids[1]))
      assert_request(only_request(), "GET", "/v3/discussions/records/" .. ids[1])
      assert.is_true(fusioo.is_array(list))
      assert.same(made, reading.ids_of(list))
      assert.same(reading.slice(made, 2, 3), reading.ids_of(assert(client:get_discussions(ids[1],
        {limit = 2, offset = 1}))))
      assert.same(made, reading.ids(client:discussions(ids[1])))
      assert.same(made, reading.ids(client:discussions(ids[1], {page_size = 2})))
      assert.equal(0, #assert(client:get_discussions(ids[2])))
    end)

    it("get_discussion and create_comment", function()
      local id = assert(client:create_discussion(ids[1], MESSAGE)).id
      service:clear_log()
      local comment = assert(client:create_comment(id, "I do."))
      assert_request(only_request(), "POST", "/v3/discussions/" .. id .. "/comments", {message = "I do."})
      assert.equal("I do.", comment.message)
      assert.equal(service:creates()[2].id, comment.id)
      local discussion = assert(client:get_discussion(id))
      assert.equal(MESSAGE, discussion.message)
      assert.same({comment.id}, reading.ids_of(discussion.comments))
    end)

    it("delete_discussion", function()
      local id = assert(client:create_discussion(ids[1], MESSAGE)).id
      service:clear_log()
      assert.is_true(client:delete_discussion(id))
      assert_request(only_request(), "DELETE", "/v3/discussions/" .. id)
      assert_failed("not_found", 404, 10002, client:delete_discussion(id))
      assert_failed("not_found", 404, 10002, client:get_discussion(id))
    end)

    it("delete_discussion: one that is gone after a lost answer is deleted", function()
      local id = assert(client:create_discussion(ids[1], MESSAGE)).id
      service:clear_log()
      service:config {faults = {{fault = "lose", times = 1}}}
      assert.is_true(quick():delete_discussion(id))
      assert.equal(2, #service:log())
      assert.equal(404, service:log()[2].status)
    end)

    it("tell what is not there", function()
      assert_failed("not_found", 404, 10002, client:create_discussion("i00", MESSAGE))
      assert_failed("not_found", 404, 10002, client:get_discussions("i00"))
      assert_failed("not_found", 404, 10002, client:get_discussion("i00"))
      assert_failed("not_found", 404, 10002, client:delete_discussion("i00"))
      assert_failed("not_found", 404, 10002, client:create_comment("i00", MESSAGE))
    end)

    it("and comments are created once, and may be there where the answer was lost", function()
      local id = assert(client:create_discussion(ids[1], MESSAGE)).id
      local writes = {
        create_discussion = function(with) return with:create_discussion(ids[1], "again") end,
        create_comment = function(with) return with:create_comment(id, "again") end,
      }
      for name, write in pairs(writes) do
        for _, done in ipairs {true, false} do
          local before = #service:creates()
          service:clear_log()
          service:config {faults = {{fault = "status", status = 504, done = done, endpoint = name, times = 1}}}
          local result, err = write(quick())
          assert.is_nil(result)
          assert.equal(504, err.status)
          assert.is_true(err.maybe_done)
          only_request()
          assert.equal(before + (done and 1 or 0), #service:creates())
        end
      end
    end)
  end)

  describe("endpoints", function()
    -- The request that a call of a client with such an override makes; whatever its answer.
    local function request_of(endpoints, work)
      local with = reading.client(service, {endpoints = endpoints})
      service:clear_log()
      work(with)
      return only_request()
    end

    it("put an id that has no place into the body", function()
      assert_request(request_of({create_comment = "POST /comments"}, function(with)
        assert_failed("not_found", 404, 10002, with:create_comment("ia4f42", MESSAGE))
      end), "POST", "/v3/comments", {message = MESSAGE, discussion_id = "ia4f42"})
      assert_request(request_of({create_discussion = "POST /discussions"}, function(with)
        with:create_discussion(ids[1], MESSAGE)
      end), "POST", "/v3/discussions", {message = MESSAGE, record_id = ids[1]})
      assert_request(request_of({create_record = "POST /records"}, function(with)
        with:create_record(tasks, {title = TITLE})
      end), "POST", "/v3/records", {title = TITLE, app_id = tasks})
    end)

    it("put it into the query where there is no body", function()
      local entry = request_of({delete_discussion = "DELETE /discussions"}, function(with)
        with:delete_discussion("ia4f42")
      end)
      assert_request(entry, "DELETE", "/v3/discussions")
      assert.equal("discussion_id=ia4f42", entry.query)
    end)

    it("lead to the same method where they say the same", function()
      local record
      local entry = request_of({create_record = "POST /records/apps/{app_id}/"}, function(with)
        record = assert(with:create_record(tasks, {title = TITLE}))
      end)
      assert.equal("create_record", entry.endpoint)
      assert.equal(service:creates()[1].id, record.id)
    end)
  end)
end)
