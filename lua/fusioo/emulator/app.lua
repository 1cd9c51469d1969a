-- One app of the emulator: its schema, its rows, the text of its records.
--
-- Owns: which records exist, their ids, the JSON text of a record and of a field. Must not know: HTTP,
-- filters, page sizes, which values are right.
--
-- A record is a number. Numbers below `initial` were there from the beginning; each row that comes
-- later takes the next free number, and no number is used twice. Values are made up (data.lua); what somebody wrote
-- lies over them, and stays when the record goes: orders that are kept compare by it.

local cjson = require "cjson.safe"
local data = require "fusioo.emulator.data"
local rows = require "fusioo.emulator.rows"

local app = {}
app.__index = app

-- Field types that only v3 shows in records.
local FILE_TYPES = { file = true, image = true }

local function json_of(value)
  if type(value) ~= "table" then return cjson.encode(value) end
  local parts = {}
  for i, item in ipairs(value) do parts[i] = cjson.encode(item) end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- A field's options as JSON, keys in a fixed order.
local function options_json(options, by_key)
  local parts = {}
  if options and options.items then parts[#parts + 1] = '"items":' .. json_of(options.items) end
  if options and options.app then
    parts[#parts + 1] = '"app_id":' .. json_of(by_key[options.app].id)
  end
  if options then
    parts[#parts + 1] = '"allow_multiple":' .. json_of(options.allow_multiple or false)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function schema_json(definition, by_key)
  local fields = {}
  for i, field in ipairs(definition.fields) do
    fields[i] = string.format(
      '{"id":%s,"name":%s,"type":%s,"is_required":%s,"can_update":%s,"options":%s}',
      json_of(field[1]), json_of(field[2]), json_of(field[3]), json_of(field.required or false),
      json_of(not field.read_only), options_json(field.options, by_key))
  end
  return string.format('{"id":%s,"name":%s,"single_record_name":%s,"fields":[%s]}',
    json_of(definition.id), json_of(definition.name), json_of(definition.single_record_name),
    table.concat(fields, ","))
end

-- The value function of a field: what was written, else what is made up. A record that somebody created has nothing
-- made up but what the service fills in.
local function with_written(written, id, made, is_filled_in)
  return function(number)
    local own = written[number]
    if not own then return made(number) end
    local text = own.texts[id]
    if text or own.created and not is_filled_in then return text end
    return made(number)
  end
end

-- `definition`: of schema.lua; nil for what every record has beside its fields.
local function add_field(self, id, kind, made, definition)
  local is_filled_in = not definition or definition.read_only or false
  local field = {
    id = id, type = kind, made = made, value = with_written(self.written, id, made, is_filled_in),
    prefix = ',"' .. id .. '":', file = FILE_TYPES[kind] or false,
    own = not definition, -- the service's own, beside the schema's
    required = definition and definition.required or false, read_only = is_filled_in,
    options = definition and definition.options,
  }
  self.fields[#self.fields + 1] = field
  self.by_id[id] = field
end

-- An app of schema.lua in a world (see data.lua), filled with world.counts[key] records.
function app.new(world, definition, by_key)
  local count = world.counts[definition.key]
  local self = setmetatable({
    world = world, key = definition.key, kind = definition.kind, id = definition.id,
    json = schema_json(definition, by_key),
    fields = {}, by_id = {},
    rows = rows.new(count), initial = count, next_number = count,
    gone = {},      -- number -> true: was there, is no more
    moved = {},     -- number -> true: stands elsewhere than it did
    written = {},   -- number -> {created =, texts = {field id -> JSON text}, others = ids of unknown fields, names =}
    changes = 0,    -- edits since the beginning; whoever caches rows or texts compares it
    indexes = {},   -- owned by query.lua
  }, app)
  local common = data.common(world, definition)
  add_field(self, "id", "id", common.id)
  add_field(self, "created", "date_time", common.created)
  add_field(self, "last_modified", "date_time", common.last_modified)
  for place, field in ipairs(definition.fields) do
    add_field(self, field[1], field[3], data.field(world, definition, place, field), field)
  end
  return self
end

function app:record_id(number)
  return self.world.id(self.kind, number)
end

-- Whether a record of this number is there now.
function app:has(number)
  return number >= 0 and number < self.next_number and not self.gone[number]
end

-- The same for the fields that are none of the schema's, in the order in which they were first written.
local function render_others(own, pieces, n)
  for _, id in ipairs(own.others) do
    pieces[n + 1], pieces[n + 2], pieces[n + 3], pieces[n + 4] = ",", own.names[id], ":", own.texts[id]
    n = n + 4
  end
  return n
end

-- Appends the JSON text of a record to an array of pieces that ends at n; returns the new end.
local function render(self, number, with_files, pieces, n)
  local fields = self.fields
  n = n + 1
  pieces[n] = '{"id":'
  n = n + 1
  pieces[n] = fields[1].value(number)
  for i = 2, #fields do
    local field = fields[i]
    if with_files or not field.file then
      local text = field.value(number)
      if text then
        pieces[n + 1] = field.prefix
        pieces[n + 2] = text
        n = n + 2
      end
    end
  end
  local own = self.written[number]
  if own then n = render_others(own, pieces, n) end
  n = n + 1
  pieces[n] = "}"
  return n
end

-- Used again for every page: making a table of some ten thousand pieces takes longer than filling it.
local scratch = {}

-- The JSON text of one record as API version 1, 2 or 3 shows it.
function app:record(number, version)
  local n = render(self, number, version >= 3, scratch, 0)
  return table.concat(scratch, "", 1, n)
end

-- The JSON text of an array of records.
function app:records(numbers, version)
  local pieces, n, with_files = scratch, 1, version >= 3
  pieces[1] = "["
  for i = 1, #numbers do
    if i > 1 then
      n = n + 1
      pieces[n] = ","
    end
    n = render(self, numbers[i], with_files, pieces, n)
  end
  pieces[n + 1] = "]"
  return table.concat(pieces, "", 1, n + 1)
end

-- New records at a position; returns the first new number.
function app:insert(position, count)
  local first = self.next_number
  self.next_number = first + count
  self.rows:insert(position, first, first + count - 1)
  self.changes = self.changes + 1
  return first
end

-- Puts values over those of a record. `list`: as members.cut gives it. Who keeps orders or verdicts is told by nobody.
function app:write(number, list)
  local own = self.written[number] or { texts = {}, others = {}, names = {} }
  for _, member in ipairs(list) do
    if not self.by_id[member.id] and not own.texts[member.id] then
      own.others[#own.others + 1] = member.id
    end
    own.texts[member.id], own.names[member.id] = member.text, member.name
  end
  self.written[number] = own
  self.changes = self.changes + 1
  return own
end

-- A new record, the last one, with the values of a list and no others; returns its number.
function app:create(list)
  local number = self:insert(self.rows.count, 1)
  self:write(number, list).created = true
  return number
end

-- The record at a position goes; returns its number.
function app:remove(position)
  local number = self.rows:remove(position)
  self.gone[number] = true
  self.changes = self.changes + 1
  return number
end

-- The record at position `from` is taken out and put back at position `to` of the rest.
function app:move(from, to)
  local number = self.rows:remove(from)
  self.rows:insert(to, number, number)
  self.moved[number] = true
  self.changes = self.changes + 1
  return number
end

return app
