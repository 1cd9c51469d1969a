-- Cutting a JSON object into its members, each with its text exactly as it came.
--
-- Owns: JSON's grammar (RFC 8259, UTF-8), as far as finding the end of a value takes. Must not know: what members mean.
-- Plain Lua, all versions.
--
-- Nothing is decoded but names: what the service is given it gives back byte for byte, `1.0`, `9007199254740993` and
-- `"\u00e9"` included.

local cjson = require "cjson.safe"

local members = {}

local DEPTH = 500 -- arrays and objects in each other

-- The characters of UTF-8 that are more than one byte.
local WIDE = {
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]", "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]", "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
}

-- The place of the first byte that is no UTF-8, or nil.
local function not_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local last
    for _, pattern in ipairs(WIDE) do
      last = last or select(2, text:find(pattern, at))
    end
    if not last then return at end
    at = text:find("[\128-\255]", last + 1)
  end
  return nil
end

local function skip_space(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

-- Each of these takes a text and the place of a value's first byte, and returns the place after the value, or nil and
-- the place where it is wrong.

local function after_string(text, at)
  at = at + 1
  while true do
    local stop = text:find('["\\%z\1-\31]', at)
    if not stop then return nil, #text + 1 end
    local byte = text:byte(stop)
    if byte == 34 then return stop + 1 end
    if byte ~= 92 then return nil, stop end
    local _, last = text:find('^["\\/bfnrt]', stop + 1)
    if not last then _, last = text:find("^u%x%x%x%x", stop + 1) end
    if not last then return nil, stop end
    at = last + 1
  end
end

local function after_number(text, at)
  local _, last = text:find("^%-?[1-9]%d*", at)
  if not last then _, last = text:find("^%-?0", at) end
  if not last then return nil, at end
  local _, fraction = text:find("^%.%d+", last + 1)
  last = fraction or last
  local _, exponent = text:find("^[eE][+-]?%d+", last + 1)
  return (exponent or last) + 1
end

local function after_word(text, at)
  for _, word in ipairs { "true", "false", "null" } do
    if text:sub(at, at + #word - 1) == word then return at + #word end
  end
  return nil, at
end

-- The place of a member's value, when the member's name begins at `at`, and the place after the name.
local function after_name(text, at)
  if text:byte(at) ~= 34 then return nil, at end
  local name_end, wrong = after_string(text, at)
  if not name_end then return nil, wrong end
  local colon = skip_space(text, name_end)
  if text:byte(colon) ~= 58 then return nil, colon end
  return skip_space(text, colon + 1), name_end
end

local after_value

-- Goes through what stands between the bracket at `at` and its partner. `visit`, where there is one, is called with
-- the places of each member: first and last byte of its name, first and last byte of its value.
local function after_brackets(text, at, depth, visit)
  local is_object = text:byte(at) == 123
  local close = is_object and 125 or 93
  at = skip_space(text, at + 1)
  if text:byte(at) == close then return at + 1 end
  while true do
    local name, value, name_end = at, at, at
    local wrong
    if is_object then
      value, name_end = after_name(text, at)
      if not value then return nil, name_end end
    end
    at, wrong = after_value(text, value, depth)
    if not at then return nil, wrong end
    if visit then visit(name, name_end - 1, value, at - 1) end
    at = skip_space(text, at)
    local byte = text:byte(at)
    if byte == close then return at + 1 end
    if byte ~= 44 then return nil, at end
    at = skip_space(text, at + 1)
  end
end

function after_value(text, at, depth)
  local byte = text:byte(at)
  if byte == 34 then return after_string(text, at) end
  if byte == 123 or byte == 91 then
    if depth == DEPTH then return nil, at end
    return after_brackets(text, at, depth + 1)
  end
  if byte == 45 or byte and byte >= 48 and byte <= 57 then return after_number(text, at) end
  return after_word(text, at)
end

-- The value of a JSON text, decoded: nil where it cannot be (half a surrogate pair, for one).
function members.decode(text)
  local list = cjson.decode("[" .. text .. "]")
  return list and list[1]
end

-- The members of the JSON object that a text is: an array of {id = name decoded, name = name's text, text = value's
-- text} in the order in which they came; of members with the same name the last one, in the first one's place. nil
-- and a message where the text is no object.
function members.cut(text)
  local broken = not_utf8(text)
  if broken then return nil, "the body is no UTF-8: byte " .. broken end
  local begin = skip_space(text, 1)
  if text:byte(begin) ~= 123 then return nil, "the body must be a JSON object" end
  local list, places = {}, {}
  local at, wrong = after_brackets(text, begin, 1, function(name, name_end, value, value_end)
    local member = { name = text:sub(name, name_end), text = text:sub(value, value_end) }
    member.id = members.decode(member.name) or member.name
    local place = places[member.id] or #list + 1
    list[place], places[member.id] = member, place
  end)
  if at then
    at = skip_space(text, at)
    if at <= #text then wrong = at end
  end
  if wrong then return nil, "the body is no JSON: byte " .. wrong .. " is not understood" end
  return list
end

return members
