-- Values on their way out and back: what is read of a record and written again leaves the service with the same JSON
-- text, and what cannot be JSON is refused before a call.
--
-- The service keeps the text of each field as it came. Texts are compared apart from the library's codec; the order of
-- an object's members, which Lua's tables do not know, is left aside.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local fusioo = require "fusioo"
local members = require "fusioo.emulator.members"
local reading = require "spec.support.reading"

local HAS_INTEGERS = math.type ~= nil

-- What stands in a field, in the form in which the library writes it: it has to come back byte for byte. `integers`:
-- only where Lua tells integers from floats; elsewhere all numbers are doubles, and 25.0 is written 25.
local TEXTS = {
  {"25"}, {"-25"}, {"0"}, {"9007199254740991"}, {"-9007199254740991"}, {"1e300"}, {"-1e300"}, {"5e-324"}, {"0.1"},
  {"-0.1"}, {"0.30000000000000004"}, {"123456.789"}, {"1.7976931348623157e308"}, {"2.2250738585072014e-308"},
  {"9007199254740993", integers = true}, {"9223372036854775807", integers = true},
  {"-9223372036854775808", integers = true}, {"-0.0", integers = true}, {"25.0", integers = true},
  {"true"}, {"false"}, {"null"}, {"[]"}, {"{}"}, {"[[]]"}, {"[{}]"}, {"[null]"}, {"[null,null]"}, {'{"a":null}'},
  {'{"a":[],"b":{},"c":""}'}, {'[[],{},null,"",0,false]'}, {'{"":1}'}, {'{"1":"one","2":"two"}'},
  {'{"a":{"b":{"c":[{"d":[1,2,[3,[]]]}]}},"z":[true,null]}'},
  {'""'}, {'" "'}, {'"null"'}, {'"[]"'}, {'"0"'}, {'"Start using the API"'}, {'"2016-09-15T07:00:00-0500"'},
  {'["In Progress"]'}, {'"\240\159\152\128"'}, {'"a\226\128\168b\226\128\169c"'},
  {'"\195\169 \230\151\165 \239\191\191"'},
  {[["a\u0000b"]]}, {[["\u0000"]]}, {[["\u001f\b\f\n\r\t\"\\/"]]}, {[["\ud800"]]}, {[["a\udfff\ud800z"]]},
  {'"\127"'}, {'["\240\159\152\128",{"\226\130\172":"\226\130\172"}]'},
}

-- Other ways to write the same: what comes back is the value, written as the library writes it. The second text is for
-- Luas with integers, the third, where it differs, for the others.
local OTHER_TEXTS = {
  {"1e2", "100.0", "100"}, {"1E+2", "100.0", "100"}, {"0.10", "0.1"}, {"10e-1", "1.0", "1"},
  {"100000000000000000000", "1e20"}, {"-0", "-0.0", "-0"}, {"-0.0", "-0.0", "-0"}, {"25.0", "25.0", "25"},
  {"9007199254740992.0", "9007199254740992.0", "9007199254740992"}, {"0.0000001", "1e-7"}, {"1e-07", "1e-7"},
  {[["\ud83d\ude00"]], '"\240\159\152\128"'}, {[["\u00e9\/"]], '"\195\169/"'}, {[["\u000A\u0009"]], [["\n\t"]]},
  {' [ 1 ,\n2 ]', "[1,2]"}, {'{"a":1,"a":2}', '{"a":2}'},
}

-- ---- Texts apart from the library ----

local canonical_value

local function string_end(text, at)
  repeat
    at = text:find('["\\]', at + 1)
    local escape = text:byte(at) == 92
    if escape then at = at + 1 end
  until not escape
  return at
end

local function skip(text, at)
  return text:match("^[%s,:]*()", at)
end

-- The text of the array or object that begins at `at`, its members by name, and the place behind it.
local function canonical_table(text, at)
  local is_object, parts = text:byte(at) == 123, {}
  at = skip(text, at + 1)
  while not text:find("^[%]}]", at) do
    local name = ""
    if is_object then
      local last = string_end(text, at)
      name, at = text:sub(at, last) .. ":", last + 1
    end
    local value
    value, at = canonical_value(text, skip(text, at))
    parts[#parts + 1] = name .. value
    at = skip(text, at)
  end
  if is_object then table.sort(parts) end
  local inner = table.concat(parts, ",")
  return is_object and "{" .. inner .. "}" or "[" .. inner .. "]", at + 1
end

function canonical_value(text, at)
  local byte = text:byte(at)
  if byte == 123 or byte == 91 then return canonical_table(text, at) end
  local last = byte == 34 and string_end(text, at) or text:match("^[^,%]}%s]+()", at) - 1
  return text:sub(at, last), last + 1
end

local function canonical(text)
  return (canonical_value(text, skip(text, 1)))
end

-- The texts of an object's members, by name.
local function cut(text)
  local texts = {}
  for _, member in ipairs(assert(members.cut(text))) do texts[member.id] = member.text end
  return texts
end

-- ---- Values ----

-- The same value to the last bit, type of number and mark of an array?
local function same(a, b)
  if type(a) ~= type(b) then return false end
  if type(a) ~= "table" then
    return a == b and (not HAS_INTEGERS or math.type(a) == math.type(b)) and (a ~= 0 or 1 / a == 1 / b)
  end
  if fusioo.is_array(a) ~= fusioo.is_array(b) then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

describe("a value", function()
  local service, clients, client

  setup(function()
    service = emulator.start {records = 60, calls = 1000000}
    clients = service.apps.clients
  end)

  teardown(function() service:stop() end)

  before_each(function()
    service:config {validate = false}
    service:clear_log()
    client = reading.client(service)
  end)

  -- A record with these texts as fields, made apart from the library; returns its id.
  local function make(texts)
    local parts = {}
    for id, text in pairs(texts) do parts[#parts + 1] = ('"%s":%s'):format(id, text) end
    local answer = service:post("/v3/records/apps/" .. clients, "{" .. table.concat(parts, ",") .. "}")
    assert.equal(200, answer.status, answer.body)
    return cut(cut(answer.body).data).id:match '"(.*)"' -- cjson reads no half of a surrogate pair
  end

  -- The texts of a record's fields as the service has them.
  local function texts_of(id)
    local answer = service:get("/v3/records/" .. id)
    assert.equal(200, answer.status, answer.body)
    return cut(cut(answer.body).data)
  end

  -- Field ids and texts, and the texts that are to come back.
  local function identical_texts()
    local texts = {}
    for i, row in ipairs(TEXTS) do
      if HAS_INTEGERS or not row.integers then texts["field_" .. i] = row[1] end
    end
    return texts, texts
  end

  local function other_texts()
    local texts, wanted = {}, {}
    for i, row in ipairs(OTHER_TEXTS) do
      texts["field_" .. i] = row[1]
      wanted["field_" .. i] = not HAS_INTEGERS and row[3] or row[2]
    end
    return texts, wanted
  end

  local function expect(wanted, id)
    local there = texts_of(id)
    for field, text in pairs(wanted) do
      assert.equal(canonical(text), there[field] and canonical(there[field]), field)
    end
    assert.is_nil(there.absent)
  end

  -- ---- Read, and written back ----

  for _, version in ipairs {"v1", "v2", "v3"} do
    it("read and written back keeps its text, in " .. version, function()
      local view = reading.client(service, {version = version})
      local texts = identical_texts()
      local source, target = make(texts), make {title = '"x"'}
      local record = assert(view:get_record(source))
      local copy = assert(view:create_record(clients, record))
      assert.are_not.equal(source, copy.id)
      expect(texts, copy.id)
      assert(view:update_record(target, record))
      expect(texts, target)
      assert.equal('"x"', texts_of(target).title)
      assert(view:update_record(source, record))
      expect(texts, source)
    end)
  end

  it("written otherwise keeps its value", function()
    local texts, wanted = other_texts()
    local record = assert(client:get_record(make(texts)))
    expect(wanted, assert(client:create_record(clients, record)).id)
  end)

  it("read by pages and by handles keeps its text", function()
    service:reset {records = {clients = 0}, validate = false}
    local texts = identical_texts()
    make(texts)
    local app = client:app(clients)
    for record in client:records(clients) do expect(texts, assert(app:create(record)).id) end
    for _, record in ipairs(assert(client:get_records(clients))) do
      expect(texts, assert(app:update(record, record)).id)
    end
    local results = app:create_all(assert(app:list()))
    assert.is_true(#results >= 2)
    for _, result in ipairs(results) do expect(texts, result.value.id) end
  end)

  it("in an answer to a write is the value that was written", function()
    local record = assert(client:get_record(make(identical_texts())))
    local copy = assert(client:create_record(clients, record))
    for id, value in pairs(record) do
      if id:find("^field_") then assert.is_true(same(value, copy[id]), id) end
    end
  end)

  it("of the service's made-up records survives a copy", function()
    local projects = service.apps.projects
    service:reset {records = 60, validate = false}
    local before, copies = reading.all(service, projects), {}
    for i, record in ipairs(assert(client:app(projects):list())) do
      copies[i] = assert(client:create_record(projects, record)).id
    end
    local after = reading.all(service, projects)
    assert.equal(60, #before)
    assert.equal(120, #after)
    for i, record in ipairs(before) do
      local copy = after[60 + i]
      assert.equal(copies[i], copy.id)
      for _, own in ipairs {"id", "created", "last_modified"} do record[own], copy[own] = nil, nil end
      assert.same(record, copy)
    end
  end)

  -- ---- Out of Lua ----

  it("of Lua goes out as the JSON that it stands for", function()
    local rows = {
      {fusioo.null, "null"}, {cjson.null, "null"}, {fusioo.array {}, "[]"}, {fusioo.array {"a"}, '["a"]'},
      {{"a", "b"}, '["a","b"]'}, {{}, "{}"}, {{a = {b = fusioo.array {}}}, '{"a":{"b":[]}}'},
      {{fusioo.null, fusioo.array {}, {}}, "[null,[],{}]"}, {{{{}}}, "[[{}]]"},
      {25, "25"}, {-0.0, HAS_INTEGERS and "-0.0" or "-0"}, {0.1, "0.1"}, {1e-7, "1e-7"}, {1e300, "1e300"},
      {2 ^ 53, HAS_INTEGERS and "9007199254740992.0" or "9007199254740992"}, {1 / 3, "0.3333333333333333"},
      {true, "true"}, {false, "false"}, {"", '""'}, {"a\0b", [["a\u0000b"]]},
      {"\240\159\152\128", '"\240\159\152\128"'}, {"\226\128\168", '"\226\128\168"'}, {"\237\160\128", [["\ud800"]]},
    }
    if cjson.empty_array then rows[#rows + 1] = {cjson.empty_array, "[]"} end
    if cjson.array_mt then rows[#rows + 1] = {setmetatable({}, cjson.array_mt), "[]"} end
    local fields, wanted = {}, {}
    for i, row in ipairs(rows) do fields["field_" .. i], wanted["field_" .. i] = row[1], row[2] end
    local record = assert(client:create_record(clients, fields))
    expect(wanted, record.id)
    for id, value in pairs(fields) do
      if value ~= cjson.empty_array then assert.is_true(same(value, record[id]), id .. " " .. wanted[id]) end
    end
  end)

  it("of Lua keeps each bit of a double", function()
    local list = {}
    for i = 1, 1000 do list[i] = (math.random() - 0.5) * 10 ^ math.random(-300, 300) end
    local record = assert(client:create_record(clients, {list = list}))
    assert.is_true(same(list, assert(client:get_record(record.id)).list))
  end)

  it("that is absent stays apart from null and from empty", function()
    local id = make {a = "null", b = '""', c = "[]", d = "{}"}
    local record = assert(client:get_record(id))
    assert.equal(fusioo.null, record.a)
    assert.equal("", record.b)
    assert.is_true(fusioo.is_array(record.c))
    assert.is_false(fusioo.is_array(record.d))
    assert.is_nil(record.absent)
    assert(client:update_record(id, {}))
    assert.equal("{}", service:log()[3].body)
    assert(client:update_record(id, {a = "", b = fusioo.null, c = {}, d = fusioo.array {}}))
    local texts = texts_of(id)
    assert.same({'""', "null", "{}", "[]"}, {texts.a, texts.b, texts.c, texts.d})
    assert.is_nil(texts.absent)
  end)

  it("decoded by lua-cjson is taken as it is", function()
    -- An empty array is one of cjson's empty tables, which are objects here; its numbers may all be floats.
    local text = '{"title":"x","list":["a",null,[true,false]],"object":{"a":{"b":null}},"none":null,"number":2.5,' ..
      '"whole":25,"text":"\195\169\240\159\152\128\\u0000","empty":{}}'
    local record = assert(client:create_record(clients, cjson.decode(text)))
    local texts = texts_of(record.id)
    for id, wanted in pairs(cut(text)) do
      if id == "whole" then
        assert.equal(25, tonumber(texts.whole))
      else
        assert.equal(canonical(wanted), canonical(texts[id]), id)
      end
    end
  end)

  -- ---- Refused ----

  local function deep(levels)
    local value = "x"
    for _ = 1, levels do value = {value} end
    return value
  end

  local function loop()
    local one = {}
    one.list = {1, {two = one}}
    return one
  end

  -- The fields, and the message behind the argument's name.
  local REFUSED = {
    {{items = {1, 2, print}}, ".items[3] cannot be JSON: its type is function"},
    {{items = {1, 2, 0 / 0}}, ".items[3] is NaN"},
    {{items = {1, {a = 1 / 0}}}, ".items[2].a is infinite"},
    {{number = -1 / 0}, ".number is infinite"},
    {{number = 0 / 0}, ".number is NaN"},
    {{done = print}, ".done cannot be JSON: its type is function"},
    {{file = io.stdout}, ".file cannot be JSON: its type is userdata"},
    {{task = coroutine.create(function() end)}, ".task cannot be JSON: its type is thread"},
    {{title = "\255"}, ".title is text that is not UTF-8"},
    {{title = "caf\233"}, ".title is text that is not UTF-8"},
    {{title = "\192\128"}, ".title is text that is not UTF-8"},
    {{title = "\244\144\128\128"}, ".title is text that is not UTF-8"},
    {{tags = {"ok", "\226\130"}}, ".tags[2] is text that is not UTF-8"},
    {{["\255"] = 1}, "has a name that is not UTF-8"},
    {{object = {["a\255"] = 1}}, '.object["a?"] has a name that is not UTF-8'},
    {{tags = {"a", "b", x = "c"}}, ".tags is neither an array"},
    {{tags = {"a", nil, "c"}}, ".tags is neither an array"},
    {{tags = {[0] = "a"}}, ".tags is neither an array"},
    {{tags = {[2] = "a"}}, ".tags is neither an array"},
    {{tags = {[1.5] = "a"}}, ".tags is neither an array"},
    {{tags = {[true] = "a"}}, ".tags is neither an array"},
    {{tags = fusioo.array {a = 1}}, ".tags is neither an array"},
    {{a = {b = {{1, x = 2}}}}, ".a.b[1] is neither an array"},
    {{[1] = "a", title = "x"}, " is neither an array"},
    {{"a"}, " is an array; it holds values by field id"},
    {fusioo.array {}, " is an array; it holds values by field id"},
    {loop(), ".list[2].two contains itself"},
    {{deep = deep(128)}, "[1] is nested too deep"},
  }

  it("that cannot be JSON is refused without a call, and the place is told", function()
    local app = client:app(clients)
    for i, row in ipairs(REFUSED) do
      for name, write in pairs {
        fields = function() return client:create_record(clients, row[1]) end,
        changes = function() return client:update_record("i1", row[1]) end,
        ["fields "] = function() return app:create(row[1]) end,
        ["changes "] = function() return app:update({id = "i1"}, row[1]) end,
      } do
        local record, err = write()
        assert.is_nil(record)
        assert.equal("invalid", err.kind)
        assert.is_nil(err.maybe_done)
        local message = err.message
        assert.equal(1, message:find(name:match("%a+"), 1, true), i .. " " .. message)
        assert.truthy(message:find(row[2], 1, true), i .. " " .. message)
        assert.truthy(tostring(err):find(row[2], 1, true))
      end
    end
    assert.equal(0, reading.calls(service))
  end)

  it("that cannot be JSON ends its row alone", function()
    local list = {}
    for i, row in ipairs(REFUSED) do list[i] = row[1] end
    list[#list + 1] = {title = "good"}
    local results = client:app(clients):create_all(list)
    for i, row in ipairs(REFUSED) do
      assert.is_nil(results[i].value)
      assert.equal("invalid", results[i].err.kind)
      assert.truthy(results[i].err.message:find(row[2], 1, true), results[i].err.message)
    end
    assert.equal("good", results[#list].value.title)
    assert.equal(1, reading.calls(service))
  end)

  -- A field may be 127 levels deep by the codec's bounds; answers have an envelope and an array around the record.
  it("goes 125 levels deep below the fields, also in a page, and the same table twice", function()
    service:reset {records = {clients = 0}, validate = false}
    local tags = {"a"}
    local record = assert(client:create_record(clients, {deep = deep(125), one = tags, two = tags}))
    local texts = texts_of(record.id)
    assert.equal(("["):rep(125) .. '"x"' .. ("]"):rep(125), texts.deep)
    assert.equal('["a"]', texts.one)
    assert.equal('["a"]', texts.two)
    assert.is_true(same(record, assert(client:get_record(record.id))))
    assert.is_true(same(record, assert(client:get_records(clients))[1]))
  end)
end)
