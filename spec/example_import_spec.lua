-- examples/import_csv.lua, as its users start it, against the emulator.

local examples = require "spec.support.examples"
local read, write = examples.read, examples.write
local UNKNOWN = "i00000000000000000000000000000000"

describe("examples/import_csv", function()
  local t = examples.prepare()
  local path

  -- How many of each title an app has.
  local function titles(app)
    local counts = {}
    for record in t.client:records(t.service.apps[app]) do
      local title = record.title or record.name
      counts[title] = (counts[title] or 0) + 1
    end
    return counts
  end

  before_each(function() path = t.folder .. "/rows.csv" end)

  -- A file of tasks with the titles t1, t2, ...
  local function tasks(n)
    local lines = {"title,Stage"}
    for i = 1, n do lines[#lines + 1] = ("t%d,Fixed"):format(i) end
    return write(path, table.concat(lines, "\r\n") .. "\r\n")
  end

  -- Asserts that each of the n titles is there so often: once, or as `others` has it.
  local function has_tasks(n, others)
    local counts = titles "tasks"
    for i = 1, n do
      local title = ("t%d"):format(i)
      assert.equal((others or {})[title] or 1, counts[title] or 0, title)
    end
  end

  local function titles_in(file)
    local list = {}
    for title in (read(file) or ""):gmatch("\n(t%d+),") do list[#list + 1] = title end
    return list
  end

  it("reads quotes, commas, line ends in cells, byte order marks, and all kinds of values", function()
    write(path, '\239\187\191title,Budget,progress,approved,Tags,status,"Start date",notes\r\n'
      .. '"A ""quoted"", title",12.5,7,yes,indoor; urgent,In Progress,2024-02-29,"two\r\nlines"\r\n'
      .. ",,,,,,,\r\n\r\n"
      .. "Grün,,-3,false,,Done,,")
    local output = t.succeeds("import_csv", {t.service.apps.projects, path})
    assert.truthy(output:find("2 rows are 2 calls", 1, true), output)
    assert.truthy(output:find("499 of 500 left", 1, true), output)
    assert.truthy(output:find("2 created, 0 failed, 0 unclear", 1, true), output)
    local by_title = {}
    for record in t.client:records(t.service.apps.projects) do by_title[record.title] = record end
    local first, second = by_title['A "quoted", title'], by_title["Grün"]
    assert.equal(12.5, first.budget)
    assert.equal(7, first.progress)
    assert.is_true(first.approved)
    assert.same({"indoor", "urgent"}, first.tags)
    assert.same({"In Progress"}, first.status)
    assert.equal("2024-02-29", first.start_date)
    assert.equal("two\r\nlines", first.notes)
    assert.is_nil(second.budget)
    assert.is_nil(second.tags)
    assert.is_nil(second.notes)
    assert.equal(-3, second.progress)
    assert.is_false(second.approved)
    assert.is_nil(read(path .. ".failed.csv"))
    assert.is_nil(read(path .. ".unclear.csv"))
  end)

  it("creates each of many rows once, and writes it down nowhere", function()
    tasks(60)
    t.succeeds("import_csv", {t.service.apps.tasks, path})
    assert.equal(1 + 60, t.calls())
    has_tasks(60)
    assert.equal(60, #t.service:creates())
  end)

  it("keeps failed rows, and sends just those in the second run", function()
    tasks(20)
    t.service:config {faults = {{endpoint = "create_record", from = 3, times = 4, fault = "status", status = 400,
      done = false}}}
    local output = t.fails({"4 rows failed", path .. ".failed.csv", "400"}, "import_csv", {t.service.apps.tasks, path})
    assert.truthy(output:find("16 created, 4 failed, 0 unclear", 1, true), output)
    local failed = titles_in(path .. ".failed.csv")
    assert.equal(4, #failed)
    local missing = {}
    for _, title in ipairs(failed) do missing[title] = 0 end
    has_tasks(20, missing)

    t.service:clear_log()
    output = t.succeeds("import_csv", {t.service.apps.tasks, path})
    assert.truthy(output:find("4 rows are 4 calls", 1, true), output)
    assert.equal(4, t.calls "create_record")
    has_tasks(20)
    assert.is_nil(read(path .. ".failed.csv"))
    t.fails({"cannot be read"}, "import_csv", {t.service.apps.tasks, path .. ".failed.csv"})
    has_tasks(20)
  end)

  it("takes the name of the failed rows as well", function()
    tasks(3)
    t.refuse("create_record", 2)
    t.fails({"2 rows failed"}, "import_csv", {t.service.apps.tasks, path})
    t.refuse("create_record", 1)
    t.fails({"1 rows failed"}, "import_csv", {t.service.apps.tasks, path .. ".failed.csv"})
    t.succeeds("import_csv", {t.service.apps.tasks, path .. ".failed.csv"})
    has_tasks(3)
    assert.is_nil(read(path .. ".failed.csv"))
  end)

  it("sets unclear rows aside, and never sends them again", function()
    tasks(20)
    t.service:config {faults = {
      {endpoint = "create_record", from = 5, times = 1, fault = "status", status = 400, done = false},
      {endpoint = "create_record", from = 9, times = 1, fault = "lose"},
      {endpoint = "create_record", from = 12, times = 1, fault = "lose", done = false},
    }}
    local output = t.fails({"1 rows failed", "2 rows may be there or not"}, "import_csv", {t.service.apps.tasks, path})
    assert.truthy(output:find("17 created, 1 failed, 2 unclear", 1, true), output)
    local unclear = titles_in(path .. ".unclear.csv")
    assert.equal(2, #unclear)
    assert.equal(1, #titles_in(path .. ".failed.csv"))
    assert.equal(20, t.calls "create_record")
    assert.equal(18, #t.service:creates())

    t.succeeds("import_csv", {t.service.apps.tasks, path})
    assert.equal(21, t.calls "create_record")
    assert.same(unclear, titles_in(path .. ".unclear.csv"))
    -- Everything but those is done: nothing is sent until they were looked for.
    t.fails({path .. ".unclear.csv", "look for"}, "import_csv", {t.service.apps.tasks, path})
    assert.equal(21, t.calls "create_record")
    assert.equal(19, #t.service:creates())
  end)

  it("calls all rows unclear that were on their way when it was killed", function()
    tasks(8)
    t.service:config {faults = {{endpoint = "create_record", from = 6, fault = "stall", seconds = 60, done = false}}}
    local started = "echo $$; exec " .. t.command("import_csv", {t.service.apps.tasks, path}) .. " >/dev/null 2>&1"
    local pipe = io.popen(started)
    local pid, deadline = tonumber(pipe:read("*l")), os.time() + 60
    repeat until t.calls "create_record" >= 6 or os.time() > deadline
    os.execute("kill -KILL " .. ("%d"):format(pid))
    pipe:close()
    assert.equal(8, #titles_in(path .. ".unclear.csv"))
    t.service:config {faults = {}}
    t.service:clear_log()
    t.fails({"look for"}, "import_csv", {t.service.apps.tasks, path})
    assert.equal(0, t.calls())
  end)

  it("tells all bad lines before anything is sent", function()
    write(path, 'title,budget,status,approved,notes\n'
      .. 'good,1,Done,yes,"on\ntwo lines"\n'
      .. "bad,much,Done,yes,\n"
      .. "good,1,Done,no,\n"
      .. "bad,1,Gone,maybe,\n"
      .. ",1,Done,no,\n"
      .. "bad,1,Done\n"
      .. "b\255d,1,Done,no,\n")
    local _, _, errors = t.run("import_csv", {t.service.apps.projects, path})
    for line, text in pairs {[4] = "budget", [6] = "Gone", [7] = "title", [8] = "3 cells", [9] = "UTF-8"} do
      local told = errors:match("rows%.csv:" .. line .. ": ([^\n]*)")
      assert.truthy(told and told:find(text, 1, true), errors)
    end
    assert.is_nil(errors:match("rows%.csv:[235]:"))
    t.fails({"5 of 7 rows are wrong"}, "import_csv", {t.service.apps.projects, path})
    assert.equal(0, t.calls "create_record")
    assert.is_nil(read(path .. ".failed.csv"))
    assert.is_nil(read(path .. ".unclear.csv"))
  end)

  it("refuses numbers that would change", function()
    write(path, "title,status,ledger_number\nA,Done,123456789012345678901234567890\n")
    t.fails({"rows.csv:2", "ledger_number"}, "import_csv", {t.service.apps.projects, path})
    assert.equal(0, t.calls "create_record")
  end)

  it("says what is wrong with the file, without a call", function()
    for text, message in pairs {
      ['title\n"A\n'] = "line 2: a quote is not closed", ['title\n"A"B\n'] = "line 2: a cell goes on",
      [""] = "there is no header line",
    } do
      write(path, text)
      t.fails({message}, "import_csv", {t.service.apps.tasks, path})
    end
    t.fails({"cannot be read"}, "import_csv", {t.service.apps.tasks, t.folder .. "/none.csv"})
    assert.equal(0, t.calls())
  end)

  it("knows the columns by the schema", function()
    write(path, "titel\nA\n")
    t.fails({"line 1", "titel", "Title"}, "import_csv", {t.service.apps.tasks, path})
    write(path, "title,Title\nA,B\n")
    t.fails({"line 1", "twice"}, "import_csv", {t.service.apps.tasks, path})
    assert.equal(0, t.calls "create_record")
  end)

  it("says what it would have needed", function()
    tasks(1)
    t.fails({"FUSIOO_ACCESS_TOKEN"}, "import_csv", {t.service.apps.tasks, path}, {FUSIOO_ACCESS_TOKEN = false})
    assert.equal(0, t.calls())
    t.fails({"401"}, "import_csv", {t.service.apps.tasks, path}, {FUSIOO_ACCESS_TOKEN = "wrong"})
    t.fails({"404", "App not found"}, "import_csv", {UNKNOWN, path})
    t.fails({"usage"}, "import_csv", {t.service.apps.tasks})
    assert.equal(0, t.calls "create_record")
  end)
end)
