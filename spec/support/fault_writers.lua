-- Everything that writes, for the matrix of faults.
--
-- Owns: the table. Must not know: faults. An entry:
--
--   name        for messages
--   version     of the API
--   effect      "create"; "again" (creates, and the user allowed to send it twice); "change" or "delete"
--   answer      what it takes: "object"; "maybe" (an object, null or none); "any" (any data, or no content at all);
--               "envelope" (any data, but in an envelope)
--   is_upload   it sends a file: a broken connection may tell that not all of it went out
--   is_read_once      what it sends can be read one time only, so that a refused one may end there
--   prepare()   makes what is to be changed or deleted, without the library; returns its id, or nil
--   run(client, id) -> result, or nil and an error
--   done(id)    for changes and deletes: has the service carried it out?

local files = require "spec.support.files"

local writers = {}

local BYTES = ("x"):rep(1000)

-- The methods that send a file, from all that they take.
local function add_files(list, service, is_gone)
  local path = files.write(files.folder() .. "/new.txt", BYTES)
  for name, source in pairs {
    data = function() return { name = "new.txt", data = BYTES } end,
    path = function() return path end,
    reader = function() return { name = "new.txt", size = #BYTES, read = files.reader(BYTES, 300) } end,
  } do
    list[#list + 1] = { name = "create_file, " .. name, version = "v3", effect = "create", answer = "object",
      is_upload = true, is_read_once = name == "reader", run = function(c) return c:create_file(source()) end }
  end
  list[#list + 1] = { name = "delete_file", version = "v3", effect = "delete", answer = "any",
    prepare = function() return service:make_file({ size = 10 }).id end, done = is_gone "/v3/files/",
    run = function(c, id) return c:delete_file(id) end }
end

-- Writing without a method of its own. What is read of an answer is its data, or the error in their place.
local function data_of(data, more)
  return data, data == nil and more or nil
end

local function add_requests(list, projects, new_record, is_changed, is_gone)
  local function add(name, effect, run, prepare, done)
    list[#list + 1] = { name = "request, " .. name, version = "v3", effect = effect, answer = "envelope",
      run = function(c, id) return data_of(run(c, id)) end, prepare = prepare, done = done }
  end
  local function create(c, repeatable)
    return c:request("POST", "/records/apps/" .. projects, { body = { title = "new" }, repeatable = repeatable })
  end
  add("POST", "create", function(c) return create(c) end)
  add("repeatable POST", "again", function(c) return create(c, true) end)
  add("PUT", "change", function(c, id)
    return c:request("PUT", "/records/" .. id, { body = { title = "after" } })
  end, new_record, is_changed)
  add("DELETE", "delete", function(c, id) return c:request("DELETE", "/records/" .. id) end, new_record,
    is_gone "/v3/records/")
end

function writers.all(service)
  service:config { validate = false }
  local projects = service.apps.projects
  local record = assert(service:truth(projects).ids[1])

  local function made(answer)
    if answer.status ~= 200 then error(answer.status .. " " .. answer.body, 2) end
    return answer.json.data.id
  end

  local function new_record()
    return made(service:post("/v3/records/apps/" .. projects, { title = "before" }))
  end

  local function new_discussion()
    return made(service:post("/v3/discussions/records/" .. record, { message = "before" }))
  end

  local function is_changed(id)
    return service:get("/v3/records/" .. id).json.data.title == "after"
  end

  local function is_gone(path)
    return function(id) return service:get(path .. id).status == 404 end
  end

  local discussion = new_discussion()
  local list = {}
  for _, version in ipairs { "v1", "v2", "v3" } do
    local answer = version == "v1" and "maybe" or "object"
    list[#list + 1] = { name = "create_record, " .. version, version = version, effect = "create", answer = answer,
      run = function(c) return c:create_record(projects, { title = "new" }) end }
    list[#list + 1] = { name = "update_record, " .. version, version = version, effect = "change", answer = answer,
      prepare = new_record, done = is_changed,
      run = function(c, id) return c:update_record(id, { title = "after" }) end }
    list[#list + 1] = { name = "delete_record, " .. version, version = version, effect = "delete", answer = "any",
      prepare = new_record, done = is_gone "/v3/records/",
      run = function(c, id) return c:delete_record(id) end }
  end
  list[#list + 1] = { name = "create_discussion", version = "v3", effect = "create", answer = "object",
    run = function(c) return c:create_discussion(record, "new") end }
  list[#list + 1] = { name = "create_comment", version = "v3", effect = "create", answer = "object",
    run = function(c) return c:create_comment(discussion, "new") end }
  list[#list + 1] = { name = "delete_discussion", version = "v3", effect = "delete", answer = "any",
    prepare = new_discussion, done = is_gone "/v3/discussions/",
    run = function(c, id) return c:delete_discussion(id) end }
  add_files(list, service, is_gone)
  add_requests(list, projects, new_record, is_changed, is_gone)
  table.sort(list, function(a, b) return a.name < b.name end) -- pairs has no order
  return list
end

return writers
