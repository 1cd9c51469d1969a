-- Sending a file, in all the ways in which a service may do it.
--
-- Owns: ranges, validators, redirects, and the ways of a download to go wrong. Must not know: which file is meant, who
-- may have it. settings.lua has the setting `downloads`, init.lua describes it for users.

local download = {}

local PIECE = 65536
local DROPPED = 444       -- nginx's word for: close the connection
local MOST_AS_TEXT = 8 * 1048576

-- ---- What the answer says of the file ----

-- How many answers brought a file since the setting was made; and this one's number.
local function count(world)
  world.downloads = world.downloads or {}
  if world.downloads.of ~= world.settings.downloads then
    world.downloads = { of = world.settings.downloads, answers = 0, cuts = 0 }
  end
  world.downloads.answers = world.downloads.answers + 1
  return world.downloads
end

-- The file's ETag and Last-Modified, nil where the setting says so.
local function validators(world, file, number)
  local set = world.settings.downloads
  local etag = '"' .. file.id .. (set.etag == "changing" and "-" .. number or "") .. '"'
  if set.etag == "none" then etag = nil elseif set.etag == "weak" then etag = "W/" .. etag end
  return etag, set.modified and ngx.http_time(world.start) or nil
end

-- The part that is asked for: first and last byte; nil: all of it; false: there is no such part. One range is
-- understood, as services may restrict themselves to.
local function wanted_part(set, size, etag, modified)
  local first, last = (ngx.var.http_range or ""):match("^bytes=(%d*)%-(%d*)$")
  if not set.ranges or not first or first == "" and last == "" then return nil end
  local condition = ngx.var.http_if_range
  if condition and condition ~= modified and (condition ~= etag or condition:find("^W/")) then return nil end
  if set.ranges == "refused" then return false end
  if first == "" then
    first, last = math.max(0, size - tonumber(last)), size - 1
  else
    first, last = tonumber(first), math.min(tonumber(last) or size - 1, size - 1)
  end
  if first >= size or last < first then return false end
  return first, last
end

-- ---- Sending ----

-- How many bytes of this answer go out before its connection dies; nil: all.
local function cut_of(set, counts)
  if not set.cut_after or counts.cuts >= set.cuts then return nil end
  counts.cuts = counts.cuts + 1
  return set.cut_after
end

-- Sends the bytes from first to last through `send` (which answers false where the client has gone), as far as `cut`.
-- Returns whether all of them went out.
local function send_bytes(source, first, last, cut, send)
  local stop = math.min(last, cut and first + cut - 1 or last)
  while first <= stop do
    local piece = source:read(first, math.min(PIECE, stop - first + 1))
    if not send(piece) then return false end
    first = first + #piece
  end
  return stop == last
end

local function print_piece(piece)
  return ngx.print(piece) and ngx.flush(true)
end

local function set_head(answer, length)
  ngx.status = answer.status
  for name, value in pairs(answer.headers) do ngx.header[name] = value end
  if length then ngx.header["Content-Length"] = string.format("%.0f", length) end
end

-- An answer that ends where the connection does: nginx would not write one for HTTP/1.1.
local function send_unframed(answer, source, first, last, cut)
  local socket = ngx.req.http_version() < 2 and ngx.req.socket(true)
  if not socket then return ngx.exit(DROPPED) end
  local lines = { "HTTP/1.1 " .. answer.status .. " OK", "Connection: close" }
  for name, value in pairs(answer.headers) do lines[#lines + 1] = name .. ": " .. value end
  socket:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
  send_bytes(source, first, last, cut, function(piece) return socket:send(piece) end)
end

local function send(answer, set, source, first, last, cut)
  if set.length == "none" then return send_unframed(answer, source, first, last, cut) end
  set_head(answer, set.length and last - first + 1)
  if first > last then ngx.send_headers() end
  if not send_bytes(source, first, last, cut, print_piece) then
    ngx.send_headers()
    ngx.flush(true)
    ngx.exit(DROPPED)
  end
end

-- ---- Answers ----

-- An answer with these bytes. Faults (damage.lua) want the body as a text: they get that of a small file.
local function with_bytes(answer, set, source, first, last, cut)
  answer.send = function() send(answer, set, source, first, last, cut) end
  return setmetatable(answer, { __index = function(_, key)
    if key ~= "body" then return nil end
    local pieces = {}
    send_bytes(source, first, math.min(last, first + MOST_AS_TEXT), nil, function(piece)
      pieces[#pieces + 1] = piece
      return true
    end)
    return table.concat(pieces)
  end })
end

-- The file's bytes, or the part of them that the current request asks for.
function download.bytes(world, file)
  local set, counts = world.settings.downloads, count(world)
  local source = file.bytes
  if set.etag == "changing" and source.changed then source = source:changed(counts.answers) end
  local etag, modified = validators(world, file, counts.answers)
  local size = source.size
  local answer = { status = 200, headers = {
    ["Content-Type"] = file.content_type, ["ETag"] = etag, ["Last-Modified"] = modified,
    ["Accept-Ranges"] = set.ranges and "bytes" or "none",
  } }
  local first, last = wanted_part(set, size, etag, modified)
  if first == false then
    answer.status, answer.body = 416, ""
    answer.headers["Content-Range"] = string.format("bytes */%.0f", size)
    return answer
  end
  if first then
    if set.wrong_range then first = math.max(0, first - 1) end
    answer.status = 206
    answer.headers["Content-Range"] = string.format("bytes %.0f-%.0f/%.0f", first, last, size)
  end
  return with_bytes(answer, set, source, first or 0, last or size - 1, cut_of(set, counts))
end

-- Where a redirect leads; nil: nowhere (any more).
local function target(set, file, query)
  local here = "/v3/files/" .. file.id .. "/download"
  if set.redirect == "same" then
    return not query.redirected and here .. "?redirected=1"
  elseif set.redirect == "loop" then
    return here .. "?redirected=" .. ((tonumber(query.redirected) or 0) + 1)
  elseif set.redirect == "other" then
    return string.format("http://127.0.0.1:%d/kept/%s", download.other_port, file.id)
  elseif set.redirect == "plain" then
    return "http://example.invalid/kept/" .. file.id
  end
  return nil
end

-- The answer to DownloadFile; `query`: the request's parameters.
function download.answer(world, file, query)
  local set = world.settings.downloads
  local location = target(set, file, query)
  if not location then return download.bytes(world, file) end
  return { status = set.redirect_status, headers = {
    ["Location"] = location, ["Content-Type"] = "text/html",
  }, body = "<html><body>The file is elsewhere.</body></html>\n" }
end

return download
