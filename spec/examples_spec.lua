-- examples/*.lua, as their users start them, against the emulator; import_csv has a spec of its own.

local examples = require "spec.support.examples"
local fusioo = require "fusioo"

local read, write = examples.read, examples.write
local UNKNOWN = "i00000000000000000000000000000000"

describe("the examples", function()
  local t = examples.prepare()

  describe("attach_files", function()
    local record, paths

    before_each(function()
      record = t.client:app(t.service.apps.projects):first()
      paths = {write(t.folder .. "/a.txt", "first"), write(t.folder .. "/b.bin", ("\0\255"):rep(100000)),
        write(t.folder .. "/empty.txt", "")}
      t.service:clear_log()
    end)

    local function attached()
      local contents = {}
      for i, file in ipairs(assert(t.client:get_record(record.id)).attachments) do
        contents[i] = assert(t.client:download_file(file.id))
      end
      return contents
    end

    it("attaches files, and keeps what is attached", function()
      local output = t.succeeds("attach_files", {record.id, "attachments", paths[1], paths[2]})
      assert.truthy(output:find("2 files, 2 of them new", 1, true), output)
      assert.equal(2 + 3, t.calls())
      assert.same({"first", ("\0\255"):rep(100000)}, attached())
      output = t.succeeds("attach_files", {record.id, "attachments", paths[3]})
      assert.truthy(output:find("3 files, 1 of them new", 1, true), output)
      assert.same({"first", ("\0\255"):rep(100000), ""}, attached())
    end)

    it("says what was uploaded when one fails, and leaves the record", function()
      t.refuse("create_file", 1)
      local output = t.fails({"1 of 3 files failed"}, "attach_files",
        {record.id, "attachments", paths[1], paths[2], paths[3]})
      assert.equal(2, select(2, output:gsub("uploaded [^\n]*: i%x+\n", "")))
      assert.equal(1, select(2, output:gsub("failed [^\n]*HTTP 400", "")))
      assert.equal(0, t.calls "update_record")
      assert.same({}, attached())
    end)

    it("says what was uploaded when the record cannot be changed", function()
      t.refuse("update_record", 1)
      local output = t.fails({"400", "uploaded (see above), but not attached"}, "attach_files",
        {record.id, "attachments", paths[1]})
      local id = output:match("uploaded [^\n]*: (i%x+)\n")
      assert.equal("first", t.client:download_file(id))
    end)

    it("calls a file unclear whose answer was lost", function()
      t.service:config {faults = {{endpoint = "create_file", fault = "lose"}}}
      local output = t.fails({"1 of 1 files failed"}, "attach_files", {record.id, "attachments", paths[1]})
      assert.truthy(output:find("may be there, or not: " .. paths[1], 1, true), output)
      assert.equal(1, t.calls "create_file")
    end)

    it("uploads nothing where it can know that it is in vain", function()
      t.fails({"none.txt"}, "attach_files", {record.id, "attachments", paths[1], t.folder .. "/none.txt"})
      t.fails({"cannot read " .. t.folder}, "attach_files", {record.id, "attachments", t.folder})
      t.fails({"usage"}, "attach_files", {record.id, "attachments"})
      t.fails({"FUSIOO_ACCESS_TOKEN"}, "attach_files", {record.id, "attachments", paths[1]},
        {FUSIOO_ACCESS_TOKEN = false})
      assert.equal(0, t.calls())
      t.fails({"404"}, "attach_files", {UNKNOWN, "attachments", paths[1]})
      t.fails({"title holds no files"}, "attach_files", {record.id, "title", paths[1]})
      assert.equal(0, t.calls "create_file")
    end)
  end)

  describe("comment_changes", function()
    local app, state, ids

    before_each(function()
      app, state = t.service.apps.tasks, t.folder .. "/state.json"
      ids = t.service:truth(app).ids
    end)

    local function comment()
      return t.succeeds("comment_changes", {app, state})
    end

    -- What was said about a record: an array for each discussion, its message and its comments.
    local function said(id)
      local list = {}
      for discussion in t.client:discussions(id) do
        local messages = {discussion.message}
        for _, one in ipairs(assert(t.client:get_discussion(discussion.id)).comments) do
          messages[#messages + 1] = one.message
        end
        list[#list + 1] = messages
      end
      return list
    end

    local function update(id, changes)
      return assert(t.client:update_record(id, changes))
    end

    it("says once what changed, in one discussion a record", function()
      assert.truthy(comment():find("first run", 1, true))
      assert.equal(0, #t.service:creates())
      update(ids[1], {title = "new", stage = {"Fixed"}, estimate = 4.25})
      local new = assert(t.client:create_record(app, {title = "one more"}))
      assert.truthy(comment():find("2 records changed", 1, true))
      local first = said(ids[1])
      assert.equal(1, #first)
      assert.equal(1, #first[1])
      assert.truthy(first[1][1]:find("^Changed, [%d:T+-]+: .*Title"), first[1][1])
      assert.truthy(first[1][1]:find("Estimate", 1, true))
      assert.is_nil(first[1][1]:find("Due date", 1, true))
      assert.truthy(said(new.id)[1][1]:find("New record", 1, true))
      assert.same({}, said(ids[2]))

      assert.truthy(comment():find("0 records changed", 1, true))
      -- The same second or not: a further change is one.
      update(ids[1], {details = "more"})
      comment()
      comment()
      local again = said(ids[1])
      assert.equal(1, #again)
      assert.equal(2, #again[1])
      assert.truthy(again[1][2]:find(": Details$"), again[1][2])
      assert.equal(3, #t.service:creates() - 1)
    end)

    it("reads no more than it must", function()
      t.service:reset {records = {tasks = 1000}}
      comment()
      t.service:clear_log()
      comment()
      assert.is_true(t.calls() <= 2, t.calls())
      update(t.service:truth(app).ids[500], {title = "new"})
      t.service:clear_log()
      assert.truthy(comment():find("1 records changed", 1, true))
      assert.is_true(t.calls() <= 4, t.calls())
    end)

    it("goes on where it failed", function()
      comment()
      for i = 1, 3 do update(ids[i], {title = "new"}) end
      t.refuse("create_discussion", 2)
      t.fails({"2 messages are not written", "400"}, "comment_changes", {app, state})
      assert.equal(1, #t.service:creates())
      comment()
      comment()
      assert.equal(3, #t.service:creates())
      for i = 1, 3 do assert.equal(1, #said(ids[i])) end
    end)

    it("looks for what may have been said, and does not say it again", function()
      comment()
      update(ids[1], {title = "new"})
      update(ids[2], {title = "new"})
      t.service:config {faults = {
        {endpoint = "create_discussion", times = 1, fault = "lose"},
        {endpoint = "create_discussion", times = 1, fault = "lose", done = false},
      }}
      t.fails({"2 messages are not written, or not surely"}, "comment_changes", {app, state})
      comment()
      for i = 1, 2 do assert.equal(1, #said(ids[i])) end

      update(ids[1], {title = "newer"})
      t.service:config {faults = {{endpoint = "create_comment", times = 1, fault = "lose"}}}
      t.fails({"1 messages are not written"}, "comment_changes", {app, state})
      comment()
      local all = said(ids[1])
      assert.equal(1, #all)
      assert.equal(2, #all[1])
    end)

    it("says everything once, though it is killed after it said it", function()
      comment()
      update(ids[1], {title = "new"})
      comment()
      -- What a killed run leaves: the message is written down, and whether it was sent is not.
      local left = assert(fusioo.json.decode(read(state)))
      left.open, left.discussions = {{record = ids[1], message = said(ids[1])[1][1]}}, {}
      write(state, assert(fusioo.json.encode(left)))
      comment()
      assert.equal(1, #t.service:creates())
      update(ids[1], {title = "newer"})
      comment()
      assert.equal(2, #said(ids[1])[1])
    end)

    it("begins another discussion where the first was deleted, and forgets deleted records", function()
      comment()
      update(ids[1], {title = "new"})
      update(ids[2], {title = "new"})
      t.refuse("create_discussion", 2)
      t.fails({"2 messages"}, "comment_changes", {app, state})
      assert(t.client:delete_record(ids[2]))
      local status, _, errors = t.run("comment_changes", {app, state})
      assert.equal(0, status, errors)
      assert.truthy(errors:find("404", 1, true), errors)
      assert(t.client:delete_discussion(assert(t.client:get_discussions(ids[1]))[1].id))
      update(ids[1], {title = "newer"})
      comment()
      assert.equal(1, #said(ids[1]))
      comment()
    end)

    it("says what is wrong, and leaves the state", function()
      t.fails({"FUSIOO_ACCESS_TOKEN"}, "comment_changes", {app, state}, {FUSIOO_ACCESS_TOKEN = false})
      t.fails({"usage"}, "comment_changes", {app})
      assert.equal(0, t.calls())
      t.fails({"404"}, "comment_changes", {UNKNOWN, state})
      assert.is_nil(read(state))
      comment()
      t.fails({"belongs to the app " .. app}, "comment_changes", {t.service.apps.clients, state})
      local text = read(state)
      t.service:config {faults = {{endpoint = "get_records", fault = "status", status = 400}}}
      t.fails({"400"}, "comment_changes", {app, state})
      assert.equal(text, read(state))
      write(state, text:sub(1, 100))
      t.fails({"no state file"}, "comment_changes", {app, state})
      assert.equal(text:sub(1, 100), read(state))
    end)
  end)

  describe("quickstart", function()
    it("shows apps, fields, records by status, and what is left, of a service of one's own", function()
      t.service:reset {records = {projects = 450}}
      t.service:clear_log()
      local output = t.succeeds("quickstart", {t.service.apps.projects})
      local truth = {}
      for record in t.client:records(t.service.apps.projects) do
        truth[record.status[1]] = (truth[record.status[1]] or 0) + 1
      end
      for status, count in pairs(truth) do
        assert.equal(tostring(count), output:match("\n  " .. status .. " +(%d+) "), output)
      end
      assert.truthy(output:find("\n  all +450\n"), output)
      assert.truthy(output:find(t.service.apps.clients, 1, true))
      assert.truthy(output:find("4%d%d of 500 calls left"), output)
    end)

    it("says where the token is to come from", function()
      local status, _, errors = t.run("quickstart", {t.service.apps.projects}, {FUSIOO_ACCESS_TOKEN = false})
      assert.equal(1, status)
      -- The assert of Lua 5.1 takes strings alone.
      if _VERSION ~= "Lua 5.1" or rawget(_G, "jit") then
        assert.truthy(errors:find("FUSIOO_ACCESS_TOKEN", 1, true), errors)
      end
      assert.equal(0, t.calls())
    end)
  end)
end)
