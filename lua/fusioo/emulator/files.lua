-- Files: upload, metadata, deletion, and what specs want to know of them.
--
-- Owns: these methods, what they keep (world.files), and the receiving of an upload. Must not know: how a file is sent
-- (files_download.lua), how a form is read, where bytes are kept.
--
-- A method takes (world, call) and returns an answer, as in methods.lua; create_file finds in `call.upload` what
-- files.receive returned.

local bytes = require "fusioo.emulator.files_bytes"
local cjson = require "cjson.safe"
local download = require "fusioo.emulator.files_download"
local form = require "fusioo.emulator.files_form"
local reply = require "fusioo.emulator.reply"

local files = {}

local FILE = 103                -- what ids are made with, see schema.user_kind
local PIECE = 65536             -- bytes that are taken at once
local KEPT = 16384              -- bytes of a body that the log may show
local MOST_AT_ONCE = 64 * 1048576 -- bytes of a body over HTTP/2, which nginx's Lua can only take in one piece

-- What a world keeps: by_id, how many ids were given, and the requests that the other host got.
local function kept(world)
  if not world.files then world.files = { by_id = {}, last = 0, other = {} } end
  return world.files
end

-- ---- Receiving ----

-- Hands the body of the current request to `take`, piece by piece. Returns true, or nil and a message.
local function pull(take)
  if ngx.req.http_version() >= 2 then
    if (tonumber(ngx.var.http_content_length) or 0) > MOST_AT_ONCE then
      return nil, "over HTTP/2 the emulator takes 64 MiB at most"
    end
    ngx.req.read_body()
    take(ngx.req.get_body_data() or "")
    return true
  end
  local left = tonumber(ngx.var.http_content_length)
  if not left then return nil, "an upload needs a Content-Length" end
  if left == 0 then return true end
  local socket, why = ngx.req.socket()
  while socket and left > 0 do
    local piece
    piece, why = socket:receive(math.min(left, PIECE))
    if not piece then break end
    take(piece)
    left = left - #piece
  end
  if left > 0 then return nil, "the body is shorter than it was said to be: " .. tostring(why) end
  return true
end

-- Takes the body of the current request, a form, to disk. Returns an upload: `bytes` (files_bytes.lua), `name`,
-- `content_type`; or `why`, a message, where it is none; `head` is how the body began.
-- `folder`: see bytes.store.
function files.receive(folder)
  local upload = { head = "" }
  local store, why = bytes.store(folder)
  if not store then
    upload.why = why
    return upload
  end
  local reader = form.new(ngx.var.http_content_type, function(chunk) store:write(chunk) end)
  local ok
  ok, why = pull(function(piece)
    if #upload.head < KEPT then upload.head = upload.head .. piece:sub(1, KEPT - #upload.head) end
    reader:feed(piece)
  end)
  if ok then ok, why = reader:finish() end
  if not ok then
    upload.why = why
    return upload
  end
  store:finish()
  upload.bytes, upload.name = store, reader.name
  upload.content_type = reader.content_type or "application/octet-stream"
  return upload
end

-- ---- Methods ----

local function add(world, file)
  local all = kept(world)
  file.id = world.id(FILE, all.last)
  all.last = all.last + 1
  all.by_id[file.id] = file
  return file
end

local function find(world, call)
  local file = kept(world).by_id[call.arguments.file_id]
  if file then return file end
  return nil, reply.not_found("File not found")
end

local function shown(file)
  return string.format('{"id":"%s","name":%s,"size":%.0f,"content_type":%s}', file.id, cjson.encode(file.name),
    file.bytes.size, cjson.encode(file.content_type))
end

function files.create_file(world, call)
  local upload = call.upload
  if upload.why then return reply.bad_request(upload.why) end
  local file = add(world, { name = upload.name, content_type = upload.content_type, bytes = upload.bytes })
  world.creates:add("file", file.id, call.request)
  return reply.success(shown(file))
end

function files.get_file(world, call)
  local file, refusal = find(world, call)
  return refusal or reply.success(shown(file))
end

function files.delete_file(world, call)
  local by_id, id = kept(world).by_id, call.arguments.file_id
  if not by_id[id] then return reply.not_found("File not found") end
  by_id[id] = nil
  collectgarbage() -- which gives its place on disk back
  return reply.success("{}")
end

function files.download_file(world, call)
  local file, refusal = find(world, call)
  return refusal or download.answer(world, file, call.query)
end

-- ---- The other host ----

-- Answers a request to the other host, where downloads may be redirected to. It knows no token: whoever has the
-- address gets the file.
function files.answer_elsewhere(world)
  local path = ngx.var.uri
  local file = kept(world).by_id[path:match("^/kept/([^/]+)$") or ""]
  local headers = ngx.req.get_headers(0)
  table.insert(kept(world).other, {
    method = ngx.req.get_method(), path = path, protocol = ngx.var.server_protocol,
    authorization = headers.authorization and "sent" or "none", range = headers.range, if_range = headers["if-range"],
    user_agent = headers["user-agent"], cookie = headers.cookie and "sent" or "none",
  })
  if not file then
    return { status = 404, headers = { ["Content-Type"] = "text/plain" }, body = "no such file\n" }
  end
  return download.bytes(world, file)
end

-- ---- For specs ----

-- The requests that the other host got, as JSON.
function files.other_requests(world)
  local list = kept(world).other
  return #list == 0 and "[]" or cjson.encode(list)
end

-- Makes a file without an upload: size, and perhaps name, seed (0 to 65535), content_type. Returns JSON, or nil and a
-- message.
function files.make(world, wish)
  local size, seed = wish.size, wish.seed or 0
  if type(size) ~= "number" or size < 0 or size % 1 ~= 0 or size > 2 ^ 47 then
    return nil, "size must be a whole number of bytes"
  end
  if type(seed) ~= "number" or seed % 1 ~= 0 or seed < 0 or seed > 65535 then return nil, "seed must be 0 to 65535" end
  local file = add(world, {
    name = tostring(wish.name or "made.bin"), bytes = bytes.make(size, seed),
    content_type = tostring(wish.content_type or "application/octet-stream"),
  })
  return shown(file)
end

-- What a file is, with the MD5 of its bytes, as JSON; nil where there is none. Without an id: how many there are.
function files.describe(world, id)
  if not id then
    local count = 0
    for _ in pairs(kept(world).by_id) do count = count + 1 end
    return '{"count":' .. count .. "}"
  end
  local file = kept(world).by_id[id]
  return file and shown(file):sub(1, -2) .. ',"md5":"' .. file.bytes:md5() .. '"}'
end

return files
