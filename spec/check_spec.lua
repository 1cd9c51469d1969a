-- Values against a schema, without a service: what is refused, in which words, and what passes.

local cjson = require "cjson"
local check = require "fusioo.check"
local fusioo = require "fusioo"

local null, array = fusioo.null, fusioo.array

local function field(id, kind, more)
  local result = {id = id, name = id:gsub("^%l", string.upper), type = kind, is_required = false, can_update = true}
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

local function choices(multiple, ...)
  return {options = {items = {...}, allow_multiple = multiple}}
end

local APP = {
  id = "ia4f42", name = "Projects",
  fields = {
    field("title", "text", {is_required = true}),
    field("number", "auto_number", {is_required = true, can_update = false}),
    field("body", "text_area"),
    field("hours", "number"),
    field("budget", "currency"),
    field("due", "date", {name = "Due date"}),
    field("kickoff", "date_time"),
    field("approved", "checkbox"),
    field("stage", "list", choices(false, "In Progress", "Fixed")),
    field("tags", "list", choices(true, "a", "b", "c")),
    field("tasks", "app_link"),
    field("owner", "user_link"),
    field("code", "text", {can_update = false}),
    field("margin", "formula", {can_update = false}),
    field("shape", "polygon"),
    field("rollup", "tally", {is_required = true, can_update = false}),
  },
}

local function errors_of(values, mode, app)
  local err = check.record(app or APP, values, mode, "create", "fields")
  if err == nil then return nil end
  assert.equal("invalid", err.kind)
  assert.truthy(tostring(err):find(err.message:sub(1, 100), 1, true))
  return err.message
end

-- What is refused: the values (a title is there already where a row has none), parts of the message, the mode.
local REFUSED = {
  -- fields that there are not
  {{stag = {"Fixed"}}, "create: fields.stag: the app Projects has no field 'stag' (did you mean 'stage'?)"},
  {{Stage = {"Fixed"}}, "fields.Stage: the app Projects has no field 'Stage' (did you mean 'stage'?"},
  {{["Due date"] = "2016-09-15"}, "(did you mean 'due'? its name is no id)"},
  {{["due dat"] = "2016-09-15"}, "(did you mean 'due'?)"},
  {{completely_else = 1}, "fields.completely_else: the app Projects has no field 'completely_else'"},
  {{stag = {"Fixed"}}, "'stage'", "update"},
  {{[1] = "x"}, "fields is an array; it holds values by field id"},
  {{[7] = "x"}, "fields[7]: the keys are field ids, which are strings"},
  {{[true] = "x"}, "fields[true]: the keys are field ids"},
  {{["a\r\nb"] = 1}, "fields.a??b: the app Projects has no field 'a??b'"},
  {{[("x"):rep(5000)] = 1}, "fields." .. ("x"):rep(57) .. "...: the app"},
  {array {1}, "fields is an array"},
  -- the service's own
  {{id = "ia"}, "fields.id: the service sets it by itself: leave it out"},
  {{created = "2016-09-15"}, "fields.created: the service sets it"},
  {{last_modified = null}, "fields.last_modified: the service sets it"},
  {{id = "ia"}, "fields.id: the service sets it by itself", "update"},
  -- required
  {{title = false}, "fields.title: is false; a text is a string"},
  {{title = null}, "fields.title: is required, and null"},
  {{title = null}, "fields.title: is required and cannot be cleared", "update"},
  -- not to be written
  {{number = 5}, "fields.number: is read only"},
  {{margin = "5"}, "fields.margin: is read only: a formula"},
  {{margin = null}, "fields.margin: is read only"},
  {{margin = "5"}, "fields.margin: is read only", "update"},
  {{code = "K1"}, "fields.code: cannot be changed once the record is there", "update"},
  {{rollup = 5}, "fields.rollup: cannot be changed", "update"},
  -- types
  {{body = 5}, "fields.body: is 5; "},
  {{hours = "5"}, "fields.hours: is '5'; a number is a number"},
  {{hours = 0 / 0}, "fields.hours: "},
  {{hours = 1 / 0}, "fields.hours: "},
  {{budget = true}, "fields.budget: is true; "},
  {{due = "15.9.2016"}, "fields.due: is '15.9.2016'; a date looks like '2016-09-15'"},
  {{due = "2016-02-30"}, "fields.due: "},
  {{due = "2016-09-15T07:00:00-0500"}, "fields.due: "},
  {{due = 20160915}, "fields.due: is 20160915; "},
  {{kickoff = "2016-09-15"}, "fields.kickoff: "},
  {{kickoff = "2016-09-15T07:00:00"}, "fields.kickoff: "},
  {{approved = "yes"}, "fields.approved: is 'yes'; a checkbox is true or false"},
  {{approved = 1}, "fields.approved: is 1; "},
  {{stage = "Fixed"}, "fields.stage: is 'Fixed'; it takes an array of strings"},
  {{stage = {"Open"}}, "fields.stage: has no choice 'Open'; there are: 'In Progress', 'Fixed'"},
  {{stage = {"fixed"}}, "fields.stage: has no choice 'fixed'"},
  {{stage = {"Fixed", "In Progress"}}, "fields.stage: has 2 choices; it takes one"},
  {{stage = {5}}, "fields.stage: has 5 at place 1"},
  {{stage = {}}, "(an empty one is written fusioo.array{})"},
  {{stage = {first = "Fixed"}}, "fields.stage: is an object; it takes an array"},
  {{tags = {"a", "d"}}, "fields.tags: has no choice 'd'"},
  {{tags = {"a", nil, "c"}}, "fields.tags: "},
  {{tasks = 5}, "fields.tasks: is 5; "},
  {{tasks = {{id = "i1"}}}, "fields.tasks: has an object at place 1"},
  {{tasks = {}}, "fusioo.array{}"},
  {{owner = "iu1"}, "fields.owner: "},
  {{body = print}, "fields.body: is a function"},
  {{hours = "5"}, "fields.hours: is '5'", "update"},
}

-- What passes; a title is there already where a row has none.
local PASSES = {
  {},
  {title = ""},
  {body = null, hours = null, due = null, stage = null, tasks = null, owner = null, approved = null},
  {body = cjson.null, stage = cjson.null},
  {hours = 5}, {hours = 0.1}, {hours = -0.0}, {hours = 9007199254740993}, {budget = 12.5},
  {due = "2016-09-15"}, {due = "2016-02-29"},
  {kickoff = "2016-09-15T07:00:00-0500"}, {kickoff = "2016-09-15T07:00:00+02:00"}, {kickoff = "2016-09-15T07:00:00Z"},
  {kickoff = "2016-09-15T07:00:00.250Z"},
  {approved = true}, {approved = false},
  {stage = {"Fixed"}}, {stage = array {}}, {stage = array {"Fixed"}}, {tags = {"a", "b", "c"}}, {tags = array {}},
  {tags = fusioo.json.decode "[]"},
  {tasks = "i1"}, {tasks = {"i1", "i2"}}, {tasks = array {}}, {owner = {"iu1"}},
  {code = "K1"}, -- set at creation, unchanged ever after
  {shape = {any = {"thing"}}}, {shape = {}}, {shape = 1 / 0}, {shape = null}, {rollup = 5},
}

describe("check", function()
  for i, row in ipairs(REFUSED) do
    it(("refuses row %d: %s"):format(i, row[2]:sub(1, 60)), function()
      local values, mode = row[1], row[3] or "create"
      if mode == "create" and values.title == nil and not fusioo.is_array(values) then values.title = "x" end
      local message = errors_of(values, mode)
      assert.is_string(message)
      assert.truthy(message:find(row[2], 1, true), message)
      assert.is_nil(message:find("more", 1, true))
      assert.is_nil(message:find("%c"))
    end)
  end

  for i, values in ipairs(PASSES) do
    it(("lets row %d pass, in both modes"):format(i), function()
      local changes = {}
      for key, value in pairs(values) do changes[key] = value end
      if values.title == nil then values.title = "x" end
      assert.is_nil(errors_of(values, "create"))
      changes.code, changes.rollup = nil, nil
      assert.is_nil(errors_of(changes, "update"))
    end)
  end

  it("wants what is required at creation, and only there", function()
    assert.equal("create: fields.title: is required, and missing", errors_of({}, "create"))
    assert.is_nil(errors_of({}, "update"))
  end)

  it("wants what is required of a type that it does not know", function()
    local app = {id = "i1", name = "A", fields = {field("a", "polygon", {is_required = true})}}
    assert.equal("create: fields.a: is required, and missing", errors_of({}, "create", app))
    assert.is_nil(errors_of({a = {1, 2}}, "create", app))
  end)

  it("tells the first five faults in the order of the schema, unknown fields last, and how many more there are",
    function()
      local values = {
        zebra = 1, apple = 1, approved = 1, hours = "x", body = 1, number = 1, due = "x", kickoff = "x",
      }
      for _ = 1, 10 do
        local message = errors_of(values, "create")
        local last = 0
        for _, id in ipairs {"title", "number", "body", "hours", "due"} do
          local at = message:find("fields." .. id .. ":", 1, true)
          assert.truthy(at and at > last, message)
          last = at
        end
        assert.is_nil(message:find("fields.kickoff", 1, true))
        assert.equal("; and 4 more", message:sub(-12))
      end
      local message = errors_of({zebra = 1, apple = 1, title = "x"}, "create")
      assert.truthy(message:find("fields.apple: .*; fields.zebra: "))
    end)

  it("keeps keys that are no strings in order, too", function()
    local message = errors_of({title = "x", [30] = 1, [4] = 1, [2.5] = 1, [true] = 1, [false] = 1}, "create")
    local places = {}
    for place in message:gmatch("fields(%[%w+%.?%w*%]): ") do places[#places + 1] = place end
    assert.same({"[false]", "[true]", "[2.5]", "[4]", "[30]"}, places)
  end)

  it("keeps within what an error's text can hold", function()
    local app = {id = "i1", name = ("N"):rep(500), fields = {}}
    local values = {}
    for i = 1, 9 do
      local items = {}
      for j = 1, 50 do items[j] = ("item %d "):format(j):rep(30) end
      app.fields[i] = field(("%d"):format(i):rep(200), "list", {options = {items = items, allow_multiple = true}})
      values[app.fields[i].id] = {("ä"):rep(300)}
    end
    local err = check.record(app, values, "create", "create", "fields")
    assert.is_true(#err.message < 768)
    assert.truthy(err.message:find("; and [1-8] more$"), err.message)
    assert.truthy(tostring(err):find("more", 1, true))
    assert.is_string(fusioo.json.encode(err.message)) -- cut between characters
  end)

  it("names the function and the place that it is told", function()
    local err = check.record(APP, {hours = "5"}, "update", "update", "changes")
    assert.equal("update: changes.hours: is '5'; a number is a number, such as 25", err.message)
  end)

  describe("of a schema that is odd", function()
    local odd = {
      {}, {fields = null}, {fields = "x"}, {fields = {}}, {name = null, fields = {{}, 5, null, "x", {id = 5}}},
      {fields = {{id = "a"}}}, {fields = {{id = "a", type = null, name = null, options = null}}},
      {fields = {{id = "a", type = {}, is_required = null, can_update = null}}},
      {fields = {{id = "a", type = "list"}}}, {fields = {{id = "a", type = "list", options = null}}},
      {fields = {{id = "a", type = "list", options = {items = null}}}},
      {fields = {{id = "a", type = "list", options = {items = {}}}}},
      {fields = {{id = "a", type = "list", options = {items = {{id = 1}, 5, null}}}}},
      {fields = {{id = "a", type = "list", options = {items = {"x"}, allow_multiple = null}}}},
      {fields = {{id = "a", name = 5, type = "text"}, {id = "a", type = "number"}}},
    }

    it("does not fail", function()
      for _, app in ipairs(odd) do
        for _, values in ipairs {{}, {a = {"x", "x"}}, {a = "x"}, {b = 1}, {id = 1}, {[3] = 1}, {a = null}} do
          for _, mode in ipairs {"create", "update"} do
            local message = errors_of(values, mode, app)
            assert.is_true(message == nil or #message > 0)
          end
        end
      end
    end)

    it("lets pass what cannot be judged", function()
      for i, app in ipairs(odd) do
        if i ~= 4 and i ~= #odd then assert.is_nil(errors_of({a = {"x", "x"}}, "create", app)) end
        if app.fields == nil or i == 5 then assert.is_nil(errors_of({b = 1}, "create", app)) end
      end
      local message = errors_of({a = 1}, "create", {id = "i1", fields = {}})
      assert.equal("create: fields.a: the app i1 has no field 'a'", message)
    end)
  end)

  it("changes nothing", function()
    local values = {title = "x", stage = {"Fixed"}, tags = {}}
    errors_of(values, "create")
    assert.same({title = "x", stage = {"Fixed"}, tags = {}}, values)
    assert.is_false(fusioo.is_array(values.tags))
  end)
end)
