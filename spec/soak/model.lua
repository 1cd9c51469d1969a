-- What one worker of the soak believes about the service.
--
-- Owns: the records, discussions, comments and files that the worker wrote, and how each attempt ended. Must not know:
-- how they were written, what is really there (judge.lua).
--
-- An entry: key (its title, name or message: no two are the same), kind ("record", "discussion", "comment", "file"),
-- state, and what belongs to the kind. States:
--
--   sent        its creation is under way
--   there       it was created: `id`; v1 may leave that out, then nobody here can touch it again
--   maybe       its creation may have been carried out
--   none        the creation failed: it is not there
--   gone        it was deleted
--   fading      its deletion, or that of its record, may have been carried out
--
-- `values` of a record: field -> array of what it may hold: one value, or two after a change that may have been carried
-- out. An entry that is `busy` is in somebody's hands; one that is `frozen` is written no more, since requests that
-- were given up may still arrive.

local model = {}
model.__index = model

function model.new(worker)
  return setmetatable({ worker = worker, entries = {}, there = {}, created = 0, differences = {} }, model)
end

-- What is not as it should be; the run has failed.
function model:differ(...)
  self.differences[#self.differences + 1] = ("worker %d: "):format(self.worker) .. string.format(...)
end

-- A new entry whose creation is about to be sent. `more`: fields of the entry.
function model:begin(kind, more)
  self.created = self.created + 1
  local entry = more or {}
  entry.kind, entry.state = kind, "sent"
  entry.key = ("%s %d-%d"):format(kind, self.worker, self.created)
  self.entries[#self.entries + 1] = entry
  return entry
end

-- The creation has ended: with an object, or an error.
function model:created_as(entry, object, err)
  if object then
    entry.state, entry.id = "there", object.id
    if not entry.id then return end
    local list = self.there[entry.kind] or {}
    self.there[entry.kind] = list
    list[#list + 1] = entry
  else
    entry.state = err.maybe_done and "maybe" or "none"
  end
end

-- One that is there and that nobody has in hand, at random; nil where there is none.
function model:pick(kind, random)
  local list = self.there[kind] or {}
  for _ = 1, math.min(#list, 5) do
    local place = random(#list)
    local entry = list[place]
    if entry.state ~= "there" or entry.frozen then
      list[place] = list[#list]
      list[#list] = nil
      if #list == 0 then return nil end
    elseif not entry.busy then
      return entry
    end
  end
  return nil
end

-- How many are there that can be picked, or a little fewer.
function model:count(kind)
  return #(self.there[kind] or {})
end

-- A change of one field has ended.
function model.changed(entry, field, value, err)
  if not err then
    entry.values[field] = { value }
  elseif err.maybe_done then
    entry.values[field] = { entry.values[field][1], value }
    entry.frozen = true
  end
end

-- A deletion has ended.
function model.deleted(entry, err)
  if not err then
    entry.state = "gone"
  elseif err.maybe_done then
    entry.state = "fading"
  end
end

-- May a field hold this value?
function model.may_hold(entry, field, value)
  for _, one in ipairs(entry.values[field]) do
    if one == value then return true end
  end
  return false
end

return model
