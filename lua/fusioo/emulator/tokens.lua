-- The tokens and codes that the emulated service has given out.
--
-- Owns: which of them are good, and until when. Must not know: HTTP, forms, pages.
--
-- All tokens of one sign-in belong to a family: where a code or a refresh token is used twice, the whole family may be
-- revoked. Tokens are made of the system's randomness, so that nobody takes one run's for another's.

local process = require "fusioo.emulator.process"

local tokens = {}
tokens.__index = tokens

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local REFRESH_SIZE, CODE_SIZE = 64, 40

local function random_text(size)
  local source = assert(io.open("/dev/urandom", "rb"))
  local bytes = source:read(size)
  source:close()
  return (bytes:gsub(".", function(byte)
    local place = byte:byte() % 64 + 1
    return ALPHABET:sub(place, place)
  end))
end

-- None were given out yet.
function tokens.new()
  return setmetatable({ access = {}, refresh = {}, codes = {}, issued = 0, refreshed = 0, refused = 0, spoilt = 0,
    requests = 0, next = 1 }, tokens)
end

local function ends_in(life)
  return life and process.monotonic() + life or math.huge
end

local function is_good(entry)
  return entry and not entry.used and process.monotonic() < entry.ends
end

-- ---- Tokens ----

-- A new family: what comes of one sign-in.
function tokens.family()
  return { access = {}, refresh = {} }
end

-- Gives out a pair in a family; `settings`: those of OAuth. Returns the answer's fields.
function tokens:issue(family, settings, with_refresh)
  local wish = settings.next_tokens[self.next] or {}
  self.next = self.next + 1
  self.issued = self.issued + 1
  local access = wish.access_token or random_text(settings.access_size)
  self.access[access] = { family = family, ends = ends_in(settings.access_life) }
  family.access[access] = true
  local refresh
  if with_refresh then
    refresh = wish.refresh_token or random_text(REFRESH_SIZE)
    self.refresh[refresh] = { family = family, ends = ends_in(settings.refresh_life) }
    family.refresh[refresh] = true
  end
  return {
    access_token = access, token_type = settings.token_type, refresh_token = refresh,
    expires_in = settings.expires_in and settings.access_life or nil,
  }
end

-- Registers tokens that somebody else has made up.
function tokens:register(access, refresh, life)
  local family = tokens.family()
  if access then
    self.access[access] = { family = family, ends = ends_in(life) }
    family.access[access] = true
  end
  if refresh then
    self.refresh[refresh] = { family = family, ends = math.huge }
    family.refresh[refresh] = true
  end
end

-- A request of the page or the endpoint came; `spoilt`: it brought tokens, and its answer goes wrong by the fault plan.
function tokens:note(spoilt)
  self.requests = self.requests + 1
  if spoilt then self.spoilt = self.spoilt + 1 end
end

-- Is this access token good?
function tokens:accepts(access)
  return is_good(self.access[access]) or false
end

-- Revokes all that came of a sign-in.
function tokens:revoke_family(family)
  for access in pairs(family.access) do self.access[access] = nil end
  for refresh in pairs(family.refresh) do
    if self.refresh[refresh] then self.refresh[refresh].used = true end
  end
end

-- Uses a refresh token; returns the answer's fields, or nil.
function tokens:renew(refresh, settings)
  local entry = self.refresh[refresh]
  if not is_good(entry) then
    self.refused = self.refused + 1
    if entry and entry.used and settings.reuse == "revoke" then self:revoke_family(entry.family) end
    return nil
  end
  if settings.revoke_old then
    for access in pairs(entry.family.access) do self.access[access] = nil end
  end
  self.refreshed = self.refreshed + 1
  entry.used = settings.rotate
  return self:issue(entry.family, settings, settings.rotate and settings.refresh_tokens ~= false)
end

-- ---- Codes ----

-- A code for what a redirect URI was told.
function tokens:new_code(redirect_uri, settings)
  local code = random_text(CODE_SIZE)
  self.codes[code] = { family = tokens.family(), redirect_uri = redirect_uri, ends = ends_in(settings.code_life) }
  return code
end

-- Uses a code; returns its family, or nil.
function tokens:use_code(code, redirect_uri, settings)
  local entry = self.codes[code]
  if not is_good(entry) or entry.redirect_uri ~= redirect_uri then
    if entry and entry.used and settings.reuse == "revoke" then self:revoke_family(entry.family) end
    return nil
  end
  entry.used = true
  return entry.family
end

-- ---- By hand ----

-- All access tokens that there are end now.
function tokens:expire()
  for _, entry in pairs(self.access) do entry.ends = 0 end
end

-- Revokes tokens of both kinds, or of those that are named.
function tokens:revoke(access, refresh)
  if access then self.access = {} end
  if refresh then
    for _, entry in pairs(self.refresh) do entry.used = true end
  end
end

-- How many are good, and how many were given out.
function tokens:counts()
  local counts = { access = 0, refresh = 0, codes = 0 }
  for _, name in ipairs { "issued", "refreshed", "refused", "spoilt", "requests" } do counts[name] = self[name] end
  for _, kind in ipairs { "access", "refresh", "codes" } do
    for _, entry in pairs(self[kind]) do
      if is_good(entry) then counts[kind] = counts[kind] + 1 end
    end
  end
  return counts
end

return tokens
