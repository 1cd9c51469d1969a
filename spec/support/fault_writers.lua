-- Everything that writes, for the matrix of faults.
--
-- Owns: the table. Must not know: faults. An entry:
--
--   name        for messages
--   version     of the API
--   effect      "create", "change" or "delete"
--   answer      the kind of data it takes: "object"; "maybe" (an object, null or none); "any" (no content, too);
--               "envelope" (one with any data)
--   prepare()   makes what is to be changed or deleted, without the library; returns its id, or nil
--   run(client, id) -> result, or nil and an error
--   done(id)    for changes and deletes: has the service carried it out?
--   stuck       what it sends cannot be given a second time

local writers = {}

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

  local function new_file()
    return service:make_file { size = 1000, name = "before.txt" }.id
  end

  -- client:request returns the envelope, too, or the error.
  local function data_of(data, more)
    return data, data == nil and more or nil
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
  list[#list + 1] = { name = "create_file", version = "v3", effect = "create", answer = "object",
    run = function(c) return c:create_file { name = "new.txt", data = ("x"):rep(1000) } end }
  list[#list + 1] = { name = "create_file, path", version = "v3", effect = "create", answer = "object",
    run = function(c) return c:create_file "spec/support/fault_writers.lua" end }
  list[#list + 1] = { name = "create_file, reader", version = "v3", effect = "create", answer = "object", stuck = true,
    run = function(c)
      local left = 10
      return c:create_file { name = "new.txt", size = 1000, read = function()
        left = left - 1
        return left >= 0 and ("x"):rep(100) or nil
      end }
    end }
  list[#list + 1] = { name = "delete_file", version = "v3", effect = "delete", answer = "any",
    prepare = new_file, done = is_gone "/v3/files/",
    run = function(c, id) return c:delete_file(id) end }
  list[#list + 1] = { name = "request, POST", version = "v3", effect = "create", answer = "envelope",
    run = function(c)
      return data_of(c:request("POST", "/records/apps/" .. projects, { body = { title = "new" } }))
    end }
  list[#list + 1] = { name = "request, PUT", version = "v3", effect = "change", answer = "envelope",
    prepare = new_record, done = is_changed,
    run = function(c, id)
      return data_of(c:request("PUT", "/records/" .. id, { body = { title = "after" } }))
    end }
  list[#list + 1] = { name = "request, DELETE", version = "v3", effect = "delete", answer = "envelope",
    prepare = new_record, done = is_gone "/v3/records/",
    run = function(c, id) return data_of(c:request("DELETE", "/records/" .. id)) end }
  return list
end

return writers
