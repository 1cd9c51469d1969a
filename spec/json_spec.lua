-- The codec: JSON text to Lua values and back, as scripts see it.

local cjson = require "cjson"
local fusioo = require "fusioo"

local json, null = fusioo.json, fusioo.null
local has_integers = math.type ~= nil

local function decode(text)
  local value, err = json.decode(text)
  assert.is_nil(err, err and err.message)
  return value
end

local function encode(value)
  local text, err = json.encode(value)
  assert.is_nil(err, err and err.message)
  return text
end

-- Same type of number, same sign of zero, same keys; metatables do not count.
local function same(left, right)
  if type(left) ~= "table" or type(right) ~= "table" then
    return left == right and type(left) == type(right)
      and (not has_integers or math.type(left) == math.type(right))
      and (left ~= 0 or 1 / left == 1 / right)
  end
  for key, value in pairs(left) do
    if not same(value, right[key]) then return false end
  end
  for key in pairs(right) do
    if left[key] == nil then return false end
  end
  return true
end

-- As `same`, but for a codec that makes floats of integers.
local function alike(left, right)
  if type(left) ~= "table" or type(right) ~= "table" then return left == right end
  for key, value in pairs(left) do
    if not alike(value, right[key]) then return false end
  end
  for key in pairs(right) do
    if left[key] == nil then return false end
  end
  return true
end

local function nested(depth, open, close)
  return open:rep(depth) .. close:rep(depth)
end

describe("json.decode", function()
  it("reads words, strings and numbers", function()
    assert.is_true(decode "true")
    assert.is_false(decode " false\n")
    assert.equal(null, decode "null")
    assert.equal("", decode '""')
    assert.equal("a\"\\/\b\f\n\r\tz", decode [["a\"\\\/\b\f\n\r\tz"]])
    assert.equal("A\195\169\226\130\172\240\159\152\128", decode [["\u0041\u00e9\u20AC\ud83d\ude00"]])
    assert.equal("a\0b", decode [["a\u0000b"]])
    assert.equal(25, decode "25")
    assert.equal(-1.5e-3, decode "-1.5e-3")
    assert.equal(0, decode "1e-400")
  end)

  it("takes null for what cjson takes for it", function()
    assert.equal(cjson.null, null)
    assert.equal(cjson.null, decode '{"a":null}'.a)
  end)

  it("keeps integers of 64 bits where Lua has them", function()
    if not has_integers then
      assert.equal(9007199254740992, decode "9007199254740993")
      return
    end
    assert.equal("integer", math.type(decode "25"))
    assert.equal("float", math.type(decode "25.0"))
    assert.equal("float", math.type(decode "1e2"))
    assert.equal("float", math.type(decode "-0"))
    assert.is_true(decode "9007199254740993" == math.tointeger("9007199254740993"))
    assert.is_true(decode "9223372036854775807" == math.maxinteger)
    assert.is_true(decode "-9223372036854775808" == math.mininteger)
    assert.equal("float", math.type(decode "9223372036854775808"))
    assert.equal(2 ^ 63, decode "9223372036854775808")
  end)

  it("keeps the sign of zero", function()
    assert.equal(-math.huge, 1 / decode "-0")
    assert.equal(-math.huge, 1 / decode "-0.0")
    assert.equal(math.huge, 1 / decode "0.0")
  end)

  it("reads arrays of any length", function()
    for _, length in ipairs { 1, 2, 31, 32, 33, 63, 64, 65, 1000 } do
      local list = {}
      for i = 1, length do list[i] = i end
      local value = decode("[" .. table.concat(list, ",") .. "]")
      assert.equal(length, #value)
      assert.is_true(alike(list, value))
    end
  end)

  it("reads objects of any size", function()
    for _, size in ipairs { 1, 2, 15, 16, 17, 33, 1000 } do
      local members, expected = {}, {}
      for i = 1, size do
        members[i] = ('"key%d": [%d]'):format(i, i)
        expected["key" .. i] = { i }
      end
      assert.is_true(alike(expected, decode("{" .. table.concat(members, " , ") .. "}")))
    end
  end)

  it("takes the last of equal keys, however they are written", function()
    assert.equal(3, decode [[{"a":1,"b":2,"\u0061":3}]].a)
    local members = {}
    for i = 1, 100 do members[i] = ('"k%d":%d'):format(i % 40, i) end
    local value = decode("{" .. table.concat(members, ",") .. "}")
    assert.equal(100, value.k20)
    assert.equal(99, value.k19)
    assert.equal(80, value.k0)
  end)

  it("reads long strings with escapes", function()
    local text = ("0123456789\n\195\169"):rep(1000)
    assert.equal(text, decode('"' .. text:gsub("\n", "\\n") .. '"'))
  end)

  it("reads 128 levels and no more", function()
    assert.is_table(decode(nested(128, "[", "]")))
    assert.is_table(decode(("[1,2,3,"):rep(127) .. "[]" .. ("]"):rep(127)))
    assert.is_table(decode(('{"a":'):rep(128) .. "1" .. ("}"):rep(128)))
    local value, err = json.decode(nested(129, "[", "]"))
    assert.is_nil(value)
    assert.equal(129, err.position)
    value, err = json.decode(("["):rep(100000))
    assert.is_nil(value)
    assert.equal(129, err.position)
  end)

  it("says what is wrong and where", function()
    local cases = {
      { "", 1 }, { "  ", 3 }, { "\239\187\191{}", 1 }, { "1 1", 3 }, { "nul", 4 }, { "NaN", 1 },
      { "[1,]", 4 }, { "[1 2]", 4 }, { "[]]", 3 }, { "[1]//", 4 },
      { "{'a':1}", 2 }, { '{"a":1,}', 8 }, { '{"a" 1}', 6 }, { '{"a":1', 7 },
      { "01", 2 }, { "1.", 3 }, { ".5", 1 }, { "+1", 1 }, { "[1e400]", 2 }, { "-1e309", 1 },
      { '"a\nb"', 3 }, { '"a\0b"', 3 }, { "1\0", 2 }, { [["\x"]], 2 }, { [["\u12g4"]], 2 },
      { '"\255"', 2 }, { '"ab\192\128"', 4 }, { '"\237\160\128"', 2 }, { '"\244\144\128\128"', 2 }, { '"\226\130"', 2 },
    }
    for _, case in ipairs(cases) do
      local value, err = json.decode(case[1])
      assert.is_nil(value, case[1])
      assert.equal("decode", err.kind)
      assert.equal(case[2], err.position, case[1])
      assert.is_string(err.message)
      assert.truthy(err.message:find("byte " .. case[2], 1, true))
    end
  end)

  it("raises where it is not given a text", function()
    assert.has_error(function() json.decode() end)
    assert.has_error(function() json.decode({}) end)
    assert.has_error(function() json.decode(1) end)
  end)
end)

describe("json.encode", function()
  it("writes words, strings and numbers", function()
    assert.equal("true", encode(true))
    assert.equal("null", encode(null))
    assert.equal("null", encode(cjson.null))
    assert.equal([["a\"\\/\b\f\n\r\t\u0001\u0000]] .. "\195\169\"", encode "a\"\\/\b\f\n\r\t\1\0\195\169")
    assert.equal("25", encode(25))
    assert.equal("0.1", encode(0.1))
    assert.equal("1e300", encode(1e300))
    assert.equal("5e-324", encode(5e-324))
  end)

  it("marks floats where Lua tells them from integers", function()
    assert.equal(has_integers and "25.0" or "25", encode(decode "25.0"))
    assert.equal(has_integers and "-0.0" or "-0", encode(-0.0))
    assert.equal(has_integers and "9007199254740993" or "9007199254740992", encode(decode "9007199254740993"))
  end)

  it("tells arrays from objects", function()
    assert.equal("{}", encode {})
    assert.equal("[]", encode(fusioo.array {}))
    assert.equal("[1,[2],{}]", encode { 1, { 2 }, {} })
    assert.equal('{"a":[]}', encode { a = fusioo.array {} })
    assert.equal('{"1":true}', encode { ["1"] = true })
  end)

  it("never loses a bit of a double", function()
    for _ = 1, 2000 do
      local number = (math.random() - 0.5) * 10 ^ math.random(-300, 300)
      assert.equal(number, decode(encode(number)))
    end
  end)

  it("writes a lone surrogate as the escape that it was", function()
    for _, text in ipairs { [["\ud800"]], [["a\udfffz"]], [["\ude00\ud83d"]], [[{"\ud800":1}]] } do
      assert.equal(text, encode(decode(text)))
    end
    assert.equal("\237\160\128", decode [["\ud800"]])
  end)

  it("runs no metamethods", function()
    local trap = function() error "a metamethod ran" end
    local meta = { __index = trap, __pairs = trap, __len = trap, __ipairs = trap, __tostring = trap, __eq = trap }
    assert.equal('{"a":[1,2]}', encode(setmetatable({ a = setmetatable({ 1, 2 }, meta) }, meta)))
    assert.equal("{}", encode(setmetatable({}, meta)))
    assert.is_false(fusioo.is_array(setmetatable({}, meta)))
  end)

  it("refuses what cannot be JSON, and says where", function()
    local loop = { list = {} }
    loop.list[1] = loop
    local deep = {}
    for _ = 1, 128 do deep = { deep } end
    local cases = {
      { 0 / 0, "value is NaN" },
      { { math.huge }, "value[1] is infinite" },
      { { a = -math.huge }, "value.a is infinite" },
      { print, "value cannot be JSON: its type is function" },
      { { items = { 1, 2, coroutine.create(function() end) } }, "value.items[3] cannot be JSON: its type is thread" },
      { { a = io.stdout }, "value.a cannot be JSON: its type is userdata" },
      { { 1, 2, nil, 4 }, "value is neither an array" },
      { { [2] = 1 }, "value is neither an array" },
      { { [0] = 1 }, "value is neither an array" },
      { { [1.5] = 1 }, "value is neither an array" },
      { { 1, 2, x = 3 }, "value is neither an array" },
      { { a = { b = { [true] = 1 } } }, "value.a.b is neither an array" },
      { { a = { x = 1, [1] = 2 } }, "value.a is neither an array" },
      { { [{}] = 1 }, "value is neither an array" },
      { { text = "\255" }, "value.text is text that is not UTF-8" },
      { { "\237\160\189\237\184\128" }, "value[1] is text that is not UTF-8" },
      { { ["\255"] = 1 }, 'value["?"] has a name that is not UTF-8' },
      { { ["two words"] = { print } }, 'value["two words"][1] cannot be JSON' },
      { { [("k"):rep(50)] = print }, 'value["' .. ("k"):rep(40) .. '..."] cannot be JSON' },
      { loop, "value.list[1] contains itself" },
      { deep, "is nested too deep" },
      { fusioo.array { a = 1 }, "value is neither an array" },
      { fusioo.array { 1, nil, 3 }, "value is neither an array" },
    }
    for _, case in ipairs(cases) do
      local text, err = json.encode(case[1])
      assert.is_nil(text)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find(case[2], 1, true), err.message .. " / " .. case[2])
    end
  end)

  it("takes the same table twice where that is no cycle", function()
    local tag = { "a" }
    assert.equal('[["a"],["a"]]', encode { tag, tag })
  end)

  it("writes 128 levels", function()
    local text = nested(127, "[", "]"):gsub("%[%]", "[[]]")
    assert.equal(text, encode(decode(text)))
  end)
end)

describe("array marks", function()
  it("say what an empty table is", function()
    assert.is_true(fusioo.is_array(fusioo.array {}))
    assert.is_false(fusioo.is_array {})
    assert.is_true(fusioo.is_array(decode "[]"))
    assert.is_false(fusioo.is_array(decode "{}"))
  end)

  it("are not needed where the keys are 1 to n", function()
    assert.is_true(fusioo.is_array { 1, 2, 3 })
    assert.is_true(fusioo.is_array(decode "[null]"))
    assert.is_false(fusioo.is_array { 1, 2, x = 3 })
    assert.is_false(fusioo.is_array { [2] = 1 })
    assert.is_false(fusioo.is_array { a = 1 })
    for _, value in ipairs { 1, "[]", true, null } do assert.is_false(fusioo.is_array(value)) end
    assert.is_false(fusioo.is_array(nil))
  end)

  it("are put on the table itself", function()
    local list = {}
    assert.equal(list, fusioo.array(list))
    assert.equal(list, fusioo.array(list))
    assert.is_true(fusioo.is_array(list))
    list[1] = "a"
    assert.equal('["a"]', encode(list))
  end)

  it("do not take the place of another metatable", function()
    local meta = {}
    local list = setmetatable({}, meta)
    assert.has_error(function() fusioo.array(list) end)
    assert.equal(meta, getmetatable(list))
    assert.has_error(function() fusioo.array(1) end)
  end)

  it("of the user's cjson count too", function()
    local before = { cjson.array_mt, cjson.empty_array_mt }
    local array_mt, empty_array_mt = before[1] or {}, before[2] or {}
    cjson.array_mt, cjson.empty_array_mt = array_mt, empty_array_mt
    finally(function() cjson.array_mt, cjson.empty_array_mt = before[1], before[2] end)
    assert.is_true(fusioo.is_array(setmetatable({}, array_mt)))
    assert.is_true(fusioo.is_array(setmetatable({}, empty_array_mt)))
    assert.is_false(fusioo.is_array(setmetatable({ a = 1 }, empty_array_mt)))
    assert.equal("[]", encode(setmetatable({}, array_mt)))
    assert.equal("[]", encode(setmetatable({}, empty_array_mt)))
    assert.equal('{"a":1}', encode(setmetatable({ a = 1 }, empty_array_mt)))
  end)
end)

describe("the codec, by random values", function()
  local pieces = { "a", "Z", " ", "\195\169", "\226\130\172", "\240\159\152\128", "/", "\127" }
  local escapes = { [[\n]], [[\"]], [[\\]], [[\u00e9]], [[\ud83d\ude00]], [[\u0000]], [[\/]], [[\u001f]] }

  local function random_string()
    local parts = {}
    for i = 1, math.random(0, 40) do
      parts[i] = math.random(8) == 1 and escapes[math.random(#escapes)] or pieces[math.random(#pieces)]
    end
    return '"' .. table.concat(parts) .. '"'
  end

  -- Numbers that a double holds as they are written: what cjson keeps as well.
  local function random_number()
    local kind = math.random(4)
    if kind == 1 then return tostring(math.random(-1000, 1000)) end
    if kind == 2 then return ("%.0f"):format(math.random() * 2 ^ 53) end
    if kind == 3 then return ("%d.%02d"):format(math.random(-10000, 10000), math.random(0, 99)) end
    return ("%d.%03de%d"):format(math.random(0, 9), math.random(0, 999), math.random(-20, 20))
  end

  local words = { "true", "false", "null" }
  local random_value

  local function random_items(depth, item)
    local parts = {}
    for i = 1, math.random(0, depth > 0 and 6 or 0) do parts[i] = item(depth - 1) end
    return table.concat(parts, math.random(2) == 1 and "," or " ,\n\t")
  end

  local function random_member(depth)
    return random_string() .. ": " .. random_value(depth)
  end

  function random_value(depth)
    local kind = math.random(6)
    if kind == 1 then return words[math.random(3)] end
    if kind == 2 then return random_number() end
    if kind == 3 then return random_string() end
    if kind < 6 then return "[" .. random_items(depth, random_value) .. "]" end
    return "{" .. random_items(depth, random_member) .. "}"
  end

  it("reads what cjson reads", function()
    for _ = 1, 2000 do
      local text = random_value(5)
      assert.is_true(alike(decode(text), cjson.decode(text)), text)
    end
  end)

  it("writes what cjson reads as the same", function()
    for _ = 1, 2000 do
      local value = decode(random_value(5))
      assert.is_true(alike(value, cjson.decode(encode(value))))
    end
  end)

  it("reads back what it wrote, types and empty arrays included", function()
    for _ = 1, 2000 do
      local value = decode(random_value(5))
      local again = decode(encode(value))
      assert.is_true(same(value, again))
      assert.equal(fusioo.is_array(value), fusioo.is_array(again))
    end
  end)

  it("refuses or reads any damaged text, and never crashes", function()
    for _ = 1, 5000 do
      local text = random_value(4)
      local place = math.random(#text)
      local damaged = text:sub(1, place - 1) .. string.char(math.random(0, 255)) .. text:sub(place + math.random(0, 1))
      local value, err = json.decode(damaged)
      if value == nil then
        assert.equal("decode", err.kind)
        assert.is_true(err.position >= 1 and err.position <= #damaged + 1)
      else
        assert.is_true(same(value, decode(encode(value))), damaged)
      end
    end
  end)
end)

describe("an outside suite of JSON texts", function()
  local folder = os.getenv "JSON_SUITE"
  if not folder or folder == "" then
    pending("is not run: the environment variable JSON_SUITE names no folder")
    return
  end

  local function read(name)
    local file = assert(io.open(folder .. "/" .. name, "rb"))
    local text = file:read "*a"
    file:close()
    return text
  end

  it("is read as its file names say (y_ accepted, n_ refused, i_ either)", function()
    local count = 0
    for name in require "lfs".dir(folder) do
      local kind = name:match "^([yni])_.*%.json$"
      if kind then
        local value, err = json.decode(read(name))
        assert.is_true((value == nil) == (err ~= nil), name)
        if kind ~= "i" then assert.equal(kind == "y", err == nil, name) end
        if err == nil then assert.is_true(same(value, decode(encode(value))), name) end
        count = count + 1
      end
    end
    assert.is_true(count > 0, "no files y_*.json, n_*.json, i_*.json in " .. folder)
  end)
end)
