-- The service's methods: their requests, and the API version that each came with.
--
-- Owns: the one table of methods and paths, and finding the method that a request means. Must not know: what the
-- methods do (methods.lua).

local routes = {}

-- name (as in the library's flat layer), HTTP method, path, first version. Where two paths fit, the upper one is
-- meant. `free`: does not count in the window.
local TABLE = {
  { "ping", "GET", "/ping", 1, free = true },
  { "get_apps", "GET", "/apps", 1 },
  { "get_app", "GET", "/apps/{app_id}", 1 },
  { "record_count", "GET", "/records/apps/{app_id}/count", 1 },
  { "record_count_filter", "POST", "/records/apps/{app_id}/count/filter", 1 },
  { "get_records", "GET", "/records/apps/{app_id}", 1 },
  { "get_records_filter", "POST", "/records/apps/{app_id}/filter", 1 },
  { "create_record", "POST", "/records/apps/{app_id}", 1 },
  { "get_record", "GET", "/records/{record_id}", 1 },
  { "update_record", "PUT", "/records/{record_id}", 1 },
  { "delete_record", "DELETE", "/records/{record_id}", 1 },
  { "create_file", "POST", "/files", 3 },
  { "get_file", "GET", "/files/{file_id}", 3 },
  { "download_file", "GET", "/files/{file_id}/download", 3 },
  { "delete_file", "DELETE", "/files/{file_id}", 3 },
  { "create_discussion", "POST", "/discussions/records/{record_id}", 3 },
  { "get_discussions", "GET", "/discussions/records/{record_id}", 3 },
  { "get_discussion", "GET", "/discussions/{discussion_id}", 3 },
  { "delete_discussion", "DELETE", "/discussions/{discussion_id}", 3 },
  { "create_comment", "POST", "/discussions/{discussion_id}/comments", 3 },
  { "get_users", "GET", "/users", 3 },
  { "get_user", "GET", "/users/{user_id}", 3 },
}

-- The segments of a path; a slash at the end makes none, two slashes in a row make an empty one.
local function split(path)
  local segments = {}
  for segment in path:gsub("/$", ""):gmatch("/([^/]*)") do
    segments[#segments + 1] = segment
  end
  return segments
end

local function decode(segment)
  return (segment:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- http method -> array of routes
local by_method = {}
for _, row in ipairs(TABLE) do
  local route = { name = row[1], since = row[4], free = row.free or false, segments = split(row[3]) }
  by_method[row[2]] = by_method[row[2]] or {}
  table.insert(by_method[row[2]], route)
end

local function match(route, segments)
  if #route.segments ~= #segments - 1 then return nil end
  local arguments = {}
  for i, wanted in ipairs(route.segments) do
    local name = wanted:match("^{(.*)}$")
    local given = segments[i + 1]
    if name and given ~= "" then
      arguments[name] = given
    elseif wanted ~= given then
      return nil
    end
  end
  return arguments
end

-- The route that a method and a raw path mean, its arguments by name, and the version (1, 2, 3); nil where there is
-- none. Each segment is percent-decoded once, after splitting: %2F in an id is no separator.
function routes.find(method, path)
  local segments = split(path)
  for i, segment in ipairs(segments) do segments[i] = decode(segment) end
  local version = tonumber((segments[1] or ""):match("^v([123])$"))
  if not version then return nil end
  for _, route in ipairs(by_method[method] or {}) do
    local arguments = match(route, segments)
    if arguments then
      if route.since > version then return nil end
      return route, arguments, version
    end
  end
  return nil
end

return routes
