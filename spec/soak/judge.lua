-- The end of the soak: what the workers believe beside what the service has.
--
-- Owns: the comparison. Must not know: how anything was written.
--
-- Looks at the emulator's list of all that was ever created, and at each thing by itself, without the library.

local content = require "spec.soak.content"
local shared = require "spec.support.files"

local judge = {}
judge.__index = judge

-- `service`: spec.support.emulator's; `reports`: the workers'; `folder`: for files on the way to md5sum.
function judge.new(service, reports, folder)
  local self = setmetatable({ service = service, folder = folder, checks = 0, faults = {}, by_id = {}, by_key = {} },
    judge)
  for _, report in ipairs(reports) do
    for _, entry in ipairs(report.entries) do
      entry.record = entry.record and report.entries[entry.record]
      entry.discussion = entry.discussion and report.entries[entry.discussion]
      entry.found = 0
      self.by_key[entry.key] = entry
      if entry.id then
        if self.by_id[entry.id] then self:fail("%s and %s are one", entry.key, self.by_id[entry.id].key) end
        self.by_id[entry.id] = entry
      end
    end
  end
  return self
end

function judge:fail(...)
  self.faults[#self.faults + 1] = string.format(...)
end

-- One thing was looked at; the rest is what is wrong with it, where something is.
function judge:check(good, ...)
  self.checks = self.checks + 1
  if not good then self:fail(...) end
end

-- ---- What the service has ----

local PATHS = { record = "/v3/records/", discussion = "/v3/discussions/", file = "/v3/files/" }

local function key_of(kind, data)
  return kind == "record" and data.title or kind == "file" and data.name or data.message
end

-- The data of something, or nil where it is not there. Comments are seen with their discussion.
function judge:fetch(kind, id)
  local answer = self.service:get(PATHS[kind] .. id)
  if answer.status == 200 then return answer.json.data end
  if answer.status ~= 404 then self:fail("%s %s: HTTP %d", kind, id, answer.status) end
  return nil
end

-- Finds out which entry each creation of the service's list belongs to.
function judge:assign(creates)
  local lost = {}
  for _, created in ipairs(creates) do
    local entry = self.by_id[created.id]
    if entry then
      self:check(entry.kind == created.kind, "%s is a %s", entry.key, created.kind)
      entry.found = entry.found + 1
    else
      lost[#lost + 1] = created
    end
  end
  self.unclaimed = #lost
  for _, created in ipairs(lost) do
    local data = created.kind ~= "comment" and self:fetch(created.kind, created.id)
    local entry = data and self.by_key[key_of(created.kind, data)]
    if entry then
      entry.found = entry.found + 1
      entry.id = entry.id or created.id
    elseif data then
      self:fail("%s %s is nobody's", created.kind, created.id)
    end
    -- Without data: a comment, or it went with its record.
  end
end

-- ---- One by one ----

local function may_be_gone(entry)
  local holder = entry.record or entry.discussion
  return entry.state == "gone" or entry.state == "fading" or holder and may_be_gone(holder)
end

local function must_be_gone(entry)
  local holder = entry.record or entry.discussion
  return entry.state == "gone" or holder and must_be_gone(holder)
end

local compare = {}

function compare.record(self, entry, data)
  for field, values in pairs(entry.values) do
    local held = false
    for _, value in ipairs(values) do held = held or value == data[field] end
    self:check(held, "%s: %s is '%s', not '%s'", entry.key, field, tostring(data[field]), tostring(values[#values]))
  end
  self:check(data.title == entry.key, "%s is called %s", entry.key, tostring(data.title))
end

function compare.file(self, entry)
  local file = self.service:file(entry.id)
  self:check(file.size == entry.size, "%s has %s bytes, not %d", entry.key, tostring(file.size), entry.size)
  local path = shared.write(self.folder .. "/content", content.bytes(entry.seed, entry.size))
  local md5 = shared.output_of("md5sum <" .. path):match("^%x+")
  self:check(file.md5 == md5, "%s has other bytes", entry.key)
end

function compare.discussion(self, entry, data)
  for _, comment in ipairs(data.comments) do
    local own = self.by_key[comment.message]
    self:check(own and own.discussion == entry, "%s has a comment that nobody made: %s", entry.key, comment.message)
    if own and comment.id ~= own.id then own.found = own.found + 1 end
    if own then own.seen = (own.seen or 0) + 1 end
  end
end

-- Is what was created there, and what was deleted not?
function judge:look(entry)
  if entry.kind == "comment" or not entry.id then return end
  local data = self:fetch(entry.kind, entry.id)
  if entry.state == "gone" or must_be_gone(entry) then
    self:check(not data, "%s was deleted, and is there", entry.key)
  elseif data then
    compare[entry.kind](self, entry, data)
  else
    self:check(may_be_gone(entry), "%s is not there", entry.key)
  end
end

-- Was it created as often as its creator believes?
function judge:count(entry)
  local is_visible = entry.kind ~= "comment" or not may_be_gone(entry.discussion)
  if entry.state == "none" then
    self:check(entry.found == 0, "%s failed, and is there", entry.key)
  elseif entry.state == "maybe" or entry.state == "sent" then
    self:check(entry.found <= 1, "%s is there %d times", entry.key, entry.found)
    if entry.state == "sent" then self:fail("%s never ended", entry.key) end
  else
    self:check(entry.found == 1, "%s was created %d times", entry.key, entry.found)
    if entry.kind == "comment" and is_visible then
      self:check(entry.seen == 1, "%s is there %d times", entry.key, entry.seen or 0)
    end
  end
end

-- The numbers must do, too: no creation that nobody can have made.
function judge:balance(creates)
  local counts = {}
  for _, entry in pairs(self.by_key) do
    local count = counts[entry.kind] or { least = 0, most = 0, found = 0 }
    counts[entry.kind] = count
    local sure = entry.state ~= "maybe" and entry.state ~= "none"
    count.least = count.least + (sure and 1 or 0)
    count.most = count.most + (entry.state ~= "none" and 1 or 0)
  end
  for _, created in ipairs(creates) do
    local count = counts[created.kind]
    if count then count.found = count.found + 1 end
  end
  for kind, count in pairs(counts) do
    self:check(count.found >= count.least and count.found <= count.most,
      "%d creations of a %s, and %d to %d are known of", count.found, kind, count.least, count.most)
  end
end

-- Compares all of it. `before`: how many creations there were when the workers began.
function judge:compare(before)
  local creates = {}
  for i, created in ipairs(self.service:creates()) do
    if i > before then creates[#creates + 1] = created end
  end
  self:assign(creates)
  for _, entry in pairs(self.by_key) do self:look(entry) end
  for _, entry in pairs(self.by_key) do self:count(entry) end
  self:balance(creates)
end

return judge
