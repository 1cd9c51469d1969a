-- Discussions of records, and their comments.
--
-- Owns: these methods and what they keep (world.discussions). Must not know: what records are, tokens, the window,
-- nginx.
--
-- A method takes (world, call) and returns an answer, as in methods.lua. Messages are kept as the text that came. With
-- its record a discussion goes too: nothing finds it any more.

local members = require "fusioo.emulator.members"
local paging = require "fusioo.emulator.paging"
local reply = require "fusioo.emulator.reply"
local schema = require "fusioo.emulator.schema"
local values = require "fusioo.emulator.values"

local discussions = {}

-- What ids are made with, see schema.user_kind.
local DISCUSSION, COMMENT = 101, 102

-- What a world keeps: by_id, by_record (record id -> array in order of creation), and how many ids were given.
local function kept(world)
  if not world.discussions then
    world.discussions = { by_id = {}, by_record = {}, last = 0, last_comment = 0 }
  end
  return world.discussions
end

-- The message's JSON text; nil and an answer where there is none that can be taken.
local function message_of(call)
  local list, why = members.cut(call.body or "")
  if not list then return nil, reply.bad_request(why) end
  for _, member in ipairs(list) do
    if member.id == "message" then
      local value = members.decode(member.text)
      if type(value) == "string" and value:find("%S") then return member.text end
    end
  end
  return nil, reply.bad_request("message must be a string that is not empty")
end

-- The JSON text of a message without the closing bracket. Its author is whom the token belongs to: the first user.
local function begin(world, id, message)
  return string.format('{"id":"%s","message":%s,"created":"%s","created_by":"%s"', id, message,
    values.time_text(os.time(), "+0000"), world.id(schema.user_kind, 0))
end

local function find(world, call)
  local one = kept(world).by_id[call.arguments.discussion_id]
  if one and world:find(one.record_id) then return one end
  return nil, reply.not_found("Discussion not found")
end

function discussions.create_discussion(world, call)
  local record_id, all = call.arguments.record_id, kept(world)
  if not world:find(record_id) then return reply.not_found("Record not found") end
  local message, refusal = message_of(call)
  if not message then return refusal end
  local id = world.id(DISCUSSION, all.last)
  all.last = all.last + 1
  local one = { id = id, record_id = record_id, comments = {} }
  one.text = begin(world, id, message) .. ',"record_id":"' .. record_id .. '"'
  all.by_id[id] = one
  all.by_record[record_id] = all.by_record[record_id] or {}
  table.insert(all.by_record[record_id], one)
  world.creates:add("discussion", id, call.request)
  return reply.success(one.text .. "}")
end

function discussions.get_discussions(world, call)
  local record_id, texts = call.arguments.record_id, {}
  if not world:find(record_id) then return reply.not_found("Record not found") end
  for i, one in ipairs(kept(world).by_record[record_id] or {}) do texts[i] = one.text .. "}" end
  local page, why = paging.page(call, texts)
  if not page then return reply.bad_request(why) end
  return reply.success(page)
end

function discussions.get_discussion(world, call)
  local one, refusal = find(world, call)
  if not one then return refusal end
  return reply.success(one.text .. ',"comments":[' .. table.concat(one.comments, ",") .. "]}")
end

function discussions.delete_discussion(world, call)
  local one, refusal = find(world, call)
  if not one then return refusal end
  local all = kept(world)
  all.by_id[one.id] = nil
  local beside = all.by_record[one.record_id]
  for i = #beside, 1, -1 do
    if beside[i] == one then table.remove(beside, i) end
  end
  return reply.success("{}")
end

function discussions.create_comment(world, call)
  local one, refusal = find(world, call)
  if not one then return refusal end
  local message
  message, refusal = message_of(call)
  if not message then return refusal end
  local all = kept(world)
  local id = world.id(COMMENT, all.last_comment)
  all.last_comment = all.last_comment + 1
  local text = begin(world, id, message) .. "}"
  table.insert(one.comments, text)
  world.creates:add("comment", id, call.request)
  return reply.success(text)
end

return discussions
