-- The pages that were made last, to hand out again.
--
-- Owns: how many texts are kept, and for how long they are right. Must not know: what is in them. Plain Lua.

local pages = {}
pages.__index = pages

-- Keeps the latest `limit` texts.
function pages.new(limit)
  return setmetatable({ limit = limit, texts = {}, keys = {}, first = 1, last = 0 }, pages)
end

-- The text kept under a key, or the one that make() gives, kept from now on.
function pages:text(key, make)
  local text = self.texts[key]
  if text then return text end
  text = make()
  self.last = self.last + 1
  self.keys[self.last], self.texts[key] = key, text
  while self.last - self.first >= self.limit do
    self.texts[self.keys[self.first]] = nil
    self.keys[self.first] = nil
    self.first = self.first + 1
  end
  return text
end

return pages
