-- Everything that reads, for the matrix of faults: methods, and iterators with the pages on which a fault can fall.
--
-- Owns: the two tables. Must not know: faults. They ask for the ids of an emulator with RECORDS records, all of which
-- are needed for the pages below to be the first, a middle and the last one.

local readers = { RECORDS = 70, PAGE = 20 }

local WHERE = { title = { not_equal = "no project has this title" } }

-- client:request returns the envelope, too, or the error.
local function data_of(data, more)
  return data, data == nil and more or nil
end

-- The discussions of a record; the emulator begins with none. Returns the record's id and theirs.
local function discussed(service)
  local record = service:truth(service.apps.projects).ids[7]
  local list = service:get("/v3/discussions/records/" .. record).json.data
  for i = #list + 1, 25 do
    list[i] = service:post("/v3/discussions/records/" .. record, { message = "number " .. i }).json.data
  end
  local ids = {}
  for i, discussion in ipairs(list) do ids[i] = discussion.id end
  return record, ids
end

-- The methods for a service. An entry: name; answer, the kind of data it takes ("any", "object", "list", "count");
-- version, absent: v3; unknown: it may write, for all that the library knows; run(client) -> result, or nil and an
-- error.
function readers.methods(service)
  local projects = service.apps.projects
  local record, discussions = discussed(service)
  local user = service:get("/v3/users?limit=1").json.data[1].id
  local file = service:make_file { size = 1000, name = "plan.txt" }.id
  local function page(where)
    return { limit = readers.PAGE, offset = 3, where = where }
  end
  return {
    { name = "ping", answer = "any", run = function(c) return c:ping() end },
    { name = "get_apps", answer = "list", run = function(c) return c:get_apps() end },
    { name = "get_app", answer = "object", run = function(c) return c:get_app(projects) end },
    { name = "record_count", answer = "count", run = function(c) return c:record_count(projects) end },
    { name = "record_count, filter", answer = "count", run = function(c) return c:record_count(projects, WHERE) end },
    { name = "get_records", answer = "list", run = function(c) return c:get_records(projects, page()) end },
    { name = "get_records, where", answer = "list", run = function(c) return c:get_records(projects, page(WHERE)) end },
    { name = "get_record", answer = "object", run = function(c) return c:get_record(record) end },
    { name = "get_users", answer = "list", run = function(c) return c:get_users() end },
    { name = "get_user", answer = "object", run = function(c) return c:get_user(user) end },
    { name = "get_file", answer = "object", run = function(c) return c:get_file(file) end },
    { name = "get_discussions", answer = "list", run = function(c) return c:get_discussions(record) end },
    { name = "get_discussion", answer = "object", run = function(c) return c:get_discussion(discussions[3]) end },
    { name = "get_apps, v1", version = "v1", answer = "list", run = function(c) return c:get_apps() end },
    { name = "get_records, v1", version = "v1", answer = "list", run = function(c)
      return c:get_records(projects, page())
    end },
    { name = "get_records, where, v2", version = "v2", answer = "list", run = function(c)
      return c:get_records(projects, page(WHERE))
    end },
    { name = "get_record, v2", version = "v2", answer = "object", run = function(c) return c:get_record(record) end },
    { name = "request, POST that may be repeated", answer = "any", unknown = true, run = function(c)
      local path = "/records/apps/" .. projects .. "/count/filter"
      return data_of(c:request("POST", path, { body = WHERE, repeatable = true }))
    end },
    { name = "request", answer = "any", run = function(c) return data_of(c:request("GET", "/apps")) end },
  }
end

local function offset(n)
  return { path = "offset=" .. n .. "%f[%D]" }
end

local RECORD_PLACES = {
  { name = "first page", rule = offset(0), first = true }, { name = "second page", rule = offset(19) },
  { name = "middle page", rule = offset(38) }, { name = "last page", rule = offset(57) },
  { name = "count", rule = { path = "/count" }, count = true },
}

local USER_PLACES = {
  { name = "first page", rule = offset(0), first = true }, { name = "middle page", rule = offset(9) },
  { name = "last page", rule = offset(18) },
}

-- The iterators for a service. An entry: name; places, with the part of a rule that means them; truth, all ids;
-- run(client, ids, from), which adds to `ids` what it reads from an offset on, and raises; `at_once`: it adds all or
-- nothing.
function readers.iterators(service)
  local projects = service.apps.projects
  local records, users = service:truth(projects).ids, {}
  local discussed_record, discussions = discussed(service)
  for i, user in ipairs(service:get("/v3/users").json.data) do users[i] = user.id end

  local function add(ids, ...)
    for record in ... do ids[#ids + 1] = record.id end
  end

  local function query(from, where)
    return { page_size = readers.PAGE, offset = from, where = where }
  end

  return {
    { name = "records", places = RECORD_PLACES, truth = records, run = function(c, ids, from)
      add(ids, c:records(projects, query(from)))
    end },
    { name = "records, where", places = RECORD_PLACES, truth = records, run = function(c, ids, from)
      add(ids, c:records(projects, query(from, WHERE)))
    end },
    { name = "pages", places = RECORD_PLACES, truth = records, run = function(c, ids, from)
      for page in c:pages(projects, query(from)) do
        for _, record in ipairs(page) do ids[#ids + 1] = record.id end
      end
    end },
    { name = "users", places = USER_PLACES, truth = users, run = function(c, ids, from)
      add(ids, c:users { page_size = 10, offset = from })
    end },
    { name = "discussions", places = USER_PLACES, truth = discussions, run = function(c, ids, from)
      add(ids, c:discussions(discussed_record, { page_size = 10, offset = from }))
    end },
    { name = "list", places = RECORD_PLACES, truth = records, at_once = true, run = function(c, ids, from)
      local list, err = c:app(projects):list(query(from))
      if not list then error(err, 0) end
      for i, record in ipairs(list) do ids[i] = record.id end
    end },
  }
end

return readers
