-- One state of the emulated service, from one reset to the next.
--
-- Owns: apps, users, window, log, kept pages, what was created, tokens, fault plan, settings in force. Must not know:
-- HTTP. A request that began before a reset goes on in the world it began in, and leaves no trace in the new one.

local app = require "fusioo.emulator.app"
local churn = require "fusioo.emulator.churn"
local creates = require "fusioo.emulator.creates"
local data = require "fusioo.emulator.data"
local faults = require "fusioo.emulator.faults"
local hash = require "fusioo.emulator.hash"
local log = require "fusioo.emulator.log"
local pages = require "fusioo.emulator.pages"
local schema = require "fusioo.emulator.schema"
local tokens = require "fusioo.emulator.tokens"
local window = require "fusioo.emulator.window"

local world = {}
world.__index = world

local START = 1546300800 -- 2019-01-01, when the made-up company's first record was created

local function add_apps(self)
  self.apps, self.app_by_id = {}, {}
  for i, definition in ipairs(schema.apps) do
    local one = app.new(self, definition, schema.by_key)
    self.apps[i], self.app_by_id[one.id] = one, one
  end
end

local function add_users(self)
  self.users, self.user_by_id = {}, {}
  for i = 1, schema.user_count do
    local text = data.user(self, i - 1)
    self.users[i] = text
    self.user_by_id[self.id(schema.user_kind, i - 1)] = text
  end
end

-- Makes settings that can change without a reset effective.
local function apply(self, settings)
  self.settings = settings
  self.tokens = {}
  for _, token in ipairs(settings.tokens) do self.tokens[token] = true end
  self.window:resize(settings.rate.calls, settings.rate.window)
  self.log.limit = settings.log_limit
  self.pages.limit = settings.cached_pages
end

-- A fresh world; `settings` are whole and checked (settings.lua).
function world.new(settings)
  local self = setmetatable({ seed = settings.seed, start = START, counts = settings.records }, world)
  self.id, self.number_of = hash.ids(settings.seed)
  self.window = window.new(settings.rate.calls, settings.rate.window)
  self.log = log.new(settings.log_limit)
  self.pages = pages.new(settings.cached_pages)
  self.creates = creates.new()
  self.oauth = tokens.new()
  self.random = hash.random(settings.seed)
  self.answered = {} -- endpoint -> status -> how many
  add_apps(self)
  add_users(self)
  apply(self, settings)
  self.churn = settings.churn and churn.new(settings.churn)
  self.faults = faults.plan(settings.faults, hash.random)
  return self
end

-- Other settings in the same world; the rows and what was counted stay.
function world:configure(settings)
  if settings.oauth.next_tokens ~= self.settings.oauth.next_tokens then self.oauth.next = 1 end
  if settings.churn ~= self.settings.churn then
    self.churn = settings.churn and churn.new(settings.churn)
  end
  if settings.faults ~= self.settings.faults then
    self.faults = faults.plan(settings.faults, hash.random)
  end
  apply(self, settings)
end

-- The app and the number of a record that is there, or nil.
function world:find(record_id)
  local kind, number = self.number_of(record_id)
  for _, one in ipairs(self.apps) do
    if one.kind == kind then
      if one:has(number) then return one, number end
      return nil
    end
  end
  return nil
end

-- To be called after each answered page of records.
function world:page_answered(one)
  if self.churn then self.churn(one) end
end

-- Seconds that the next answer is to take.
function world:latency()
  local latency = self.settings.latency
  if latency.max <= latency.min then return latency.min end
  return latency.min + (latency.max - latency.min) * self.random(1000001) / 1000000
end

function world:count_answer(endpoint, status)
  local by_status = self.answered[endpoint]
  if not by_status then
    by_status = {}
    self.answered[endpoint] = by_status
  end
  status = tostring(status)
  by_status[status] = (by_status[status] or 0) + 1
end

return world
