-- Made-up values: the JSON text of a field of a record, computed from the record's number.
--
-- Owns: the generators named in schema.lua. Must not know: rows, filters, HTTP.
--
-- A generator takes (key, world, field), where `key` is this field's hash key, and gives back
-- `value(number)`, which answers the field's JSON text in record `number`. The same seed and number always give the
-- same text, so a million records need no memory.
-- `world` offers: seed, id(kind, number), counts (records of each app when the world began), start (seconds).

local bit = require "bit"
local hash = require "fusioo.emulator.hash"
local schema = require "fusioo.emulator.schema"
local values = require "fusioo.emulator.values"
local words = require "fusioo.emulator.words"

local band, rshift, of = bit.band, bit.rshift, hash.of
local floor = math.floor

local data = {}
local make = {}

local function quoted(text)
  return '"' .. text:gsub('[%z\1-\31\\"]', function(c)
    return string.format("\\u%04x", c:byte())
  end) .. '"'
end

function make.title(key)
  local adjective, noun, task = words.adjective, words.noun, words.task
  return function(number)
    local h = of(key, number)
    return '"' .. adjective[band(h, 0xff) % #adjective + 1] .. " "
      .. noun[rshift(h, 8) % #noun + 1] .. " " .. task[rshift(h, 24) % #task + 1] .. '"'
  end
end

function make.ordinal()
  return function(number) return tostring(number + 1) end
end

function make.sentences(key, _, field)
  local sentence, least = words.sentence, field.make[2]
  local spread = field.make[3] - least + 1
  return function(number)
    local h = rshift(of(key, number), 1)
    local text = '"' .. sentence[h % #sentence + 1]
    for i = 2, least + rshift(h, 24) % spread do
      text = text .. (i == 3 and "\\n" or " ") .. sentence[(h + i * rshift(h, 12)) % #sentence + 1]
    end
    return text .. '"'
  end
end

-- One of a list of ready JSON texts.
local function choice(key, texts)
  local n = #texts
  return function(number)
    return texts[rshift(of(key, number), 1) % n + 1]
  end
end

function make.note(key)
  local texts = {}
  for i, note in ipairs(words.note) do texts[i] = '"' .. note .. '"' end
  return choice(key, texts)
end

function make.one_of(key, _, field)
  local texts = {}
  for i, item in ipairs(field.options.items) do texts[i] = "[" .. quoted(item) .. "]" end
  return choice(key, texts)
end

function make.some_of(key, _, field)
  local texts = {}
  for i, item in ipairs(field.options.items) do texts[i] = quoted(item) end
  local most = field.make[2]
  return function(number)
    local h = rshift(of(key, number), 1)
    local first, size = h % #texts, rshift(h, 16) % (most + 1)
    if size == 0 then return "[]" end
    local text = "[" .. texts[first + 1]
    for i = 1, size - 1 do text = text .. "," .. texts[(first + i) % #texts + 1] end
    return text .. "]"
  end
end

-- Money: mostly two digits after the point, sometimes a whole number.
function make.amount(key, _, field)
  local most = field.make[2]
  return function(number)
    local h = rshift(of(key, number), 1)
    local cents = rshift(h, 8) % 100
    if cents < 10 then return tostring(h % most) end
    return (h % most) .. "." .. cents
  end
end

function make.tenths(key, _, field)
  local most = field.make[2]
  return function(number)
    local tenths = rshift(of(key, number), 1) % most
    local whole = floor(tenths / 10)
    return whole .. "." .. (tenths - 10 * whole)
  end
end

function make.integer(key, _, field)
  local most = field.make[2]
  return function(number) return tostring(rshift(of(key, number), 1) % most) end
end

-- 16 digits from 9007199254740993 on: more than a double can count.
function make.large_integer(key)
  return function(number)
    return "90071992547" .. (40993 + rshift(of(key, number), 1) % 50000)
  end
end

function make.date(key, world, field)
  local first = floor(world.start / 86400) + field.make[2]
  return function(number)
    return '"' .. values.date_text(first + rshift(of(key, number), 1) % 1500) .. '"'
  end
end

function make.date_time(key, world)
  local offsets = { "+0000", "-0500", "+0200", "+0530" }
  local first = world.start
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"' .. values.time_text(first + h % 1500 * 86400 + rshift(h, 12) % 1440 * 60,
      offsets[band(h, 3) + 1]) .. '"'
  end
end

function make.yes(key, _, field)
  local percent = field.make[2]
  return function(number)
    return rshift(of(key, number), 1) % 100 < percent and "true" or "false"
  end
end

function make.person(key)
  local name = words.name
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"' .. name[h % #name + 1] .. " " .. name[rshift(h, 12) % #name + 1] .. '"'
  end
end

function make.company(key)
  local name, form = words.name, words.company_form
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"' .. name[h % #name + 1] .. " " .. form[rshift(h, 12) % #form + 1] .. '"'
  end
end

function make.email(key)
  local domain = words.domain
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"office' .. (h % 900 + 100) .. "@" .. domain[rshift(h, 12) % #domain + 1] .. '"'
  end
end

function make.phone(key)
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"+99 ' .. (h % 900 + 100) .. " " .. (rshift(h, 10) % 9000 + 1000) .. '"'
  end
end

-- Slashes are escaped in some of the addresses, as some JSON writers do.
function make.url(key)
  local domain, noun = words.domain, { "about", "projects", "news", "contact" }
  return function(number)
    local h = rshift(of(key, number), 1)
    local host = domain[h % #domain + 1]
    if band(h, 0x700) == 0 then return '"https:\\/\\/' .. host .. '\\/"' end
    return '"https://' .. host .. "/" .. noun[rshift(h, 12) % #noun + 1] .. '"'
  end
end

function make.address(key)
  local name = words.name
  return function(number)
    local h = rshift(of(key, number), 1)
    return '"' .. (h % 140 + 1) .. " " .. name[rshift(h, 8) % #name + 1] .. " Lane\\n"
      .. name[rshift(h, 16) % #name + 1] .. '"'
  end
end

-- A link to one record of another app; every eighth comes as a bare string, as the service does.
function make.link(key, world, field)
  local target = schema.by_key[field.options.app]
  local kind, count, id = target.kind, world.counts[target.key], world.id
  return function(number)
    if count == 0 then return "[]" end
    local h = rshift(of(key, number), 1)
    local text = '"' .. id(kind, h % count) .. '"'
    if rshift(h, 28) == 0 then return text end
    return "[" .. text .. "]"
  end
end

local function id_list(key, kind, count, least, most, id)
  local spread = most - least + 1
  return function(number)
    local h = rshift(of(key, number), 1)
    local size = least + rshift(h, 24) % spread
    if size > count then size = count end
    if size == 0 then return "[]" end
    local first = h % count
    local text = '["' .. id(kind, first)
    for i = 1, size - 1 do
      text = text .. '","' .. id(kind, (first + i) % count)
    end
    return text .. '"]'
  end
end

function make.links(key, world, field)
  local target = schema.by_key[field.options.app]
  return id_list(key, target.kind, world.counts[target.key], 0, field.make[2], world.id)
end

function make.users(key, world, field)
  return id_list(key, schema.user_kind, schema.user_count, field.make[2], field.make[3], world.id)
end

function make.empty()
  return function() return "[]" end
end

function make.label()
  local task = words.task
  return function(number)
    return '"P-' .. (number + 1) .. " " .. task[number % #task + 1] .. '"'
  end
end

-- Some of the values are null, some are not there.
local function with_gaps(value, key, field)
  local null, gone = field.null or 0, (field.null or 0) + (field.absent or 0)
  if gone == 0 then return value end
  local gap_key = hash.key(key, 0x676170)
  return function(number)
    local percent = rshift(of(gap_key, number), 1) % 100
    if percent >= gone then return value(number) end
    if percent < null then return "null" end
    return nil
  end
end

-- The value function of one field of an app of schema.lua.
function data.field(world, app, place, field)
  local key = hash.key(world.seed, app.kind * 1000 + place)
  return with_gaps(make[field.make[1]](key, world, field), key, field)
end

-- The value functions of what every record has beside its fields. Records come into being one after the other, some
-- 97 seconds apart; last_modified is up to 30 days later.
function data.common(world, app)
  local created_key = hash.key(world.seed, app.kind * 1000 + 998)
  local modified_key = hash.key(world.seed, app.kind * 1000 + 999)
  local function created(number)
    return world.start + number * 97 + rshift(of(created_key, number), 1) % 90
  end
  return {
    id = function(number) return '"' .. world.id(app.kind, number) .. '"' end,
    created = function(number)
      return '"' .. values.time_text(created(number), "+0000") .. '"'
    end,
    last_modified = function(number)
      local later = rshift(of(modified_key, number), 1) % (30 * 86400)
      return '"' .. values.time_text(created(number) + later, "+0000") .. '"'
    end,
  }
end

-- The JSON text of user number 0 to schema.user_count - 1.
function data.user(world, number)
  local key = hash.key(world.seed, 0x75736572)
  local name = words.name
  local h = rshift(of(key, number), 1)
  local given, family = name[h % #name + 1], name[rshift(h, 12) % #name + 1]
  return string.format('{"id":"%s","name":"%s %s","email":"user%d@%s"}',
    world.id(schema.user_kind, number), given, family, number + 1, words.domain[1])
end

return data
