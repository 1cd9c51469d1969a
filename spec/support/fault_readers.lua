-- Everything that reads, for the matrix of faults: methods, and iterators with the pages on which a fault can fall.
--
-- Owns: the two tables. Must not know: faults. They ask for the ids of an emulator with RECORDS records, all of which
-- are needed for the pages below to be the first, a middle and the last one.

local readers = { RECORDS = 70, PAGE = 20, DISCUSSIONS = 25 }

local WHERE = { title = { not_equal = "no project has this title" } }

-- A record that has DISCUSSIONS discussions, the first of them with a comment; makes them where they are not there yet.
local function discussed(service)
  local record = service:truth(service.apps.projects).ids[7]
  local path = "/v3/discussions/records/" .. record
  for i = #service:get(path).json.data + 1, readers.DISCUSSIONS do
    local discussion = service:post(path, { message = "message " .. i }).json.data.id
    if i == 1 then service:post("/v3/discussions/" .. discussion .. "/comments", { message = "comment" }) end
  end
  return record, service:get(path).json.data
end

-- The methods for a service. An entry: name; version of the API, where it is not v3; answer, the kind of data it takes
-- ("any", "object", "list", "count"); run(client) -> result, or nil and an error.
function readers.methods(service)
  local projects = service.apps.projects
  local record, discussions = discussed(service)
  local discussion, file = discussions[1].id, service:make_file({ size = 100 }).id
  local user = service:get("/v3/users?limit=1").json.data[1].id
  local function page(where)
    return { limit = readers.PAGE, offset = 3, where = where }
  end
  local function get_page(c) return c:get_records(projects, page()) end
  return {
    { name = "ping", answer = "any", run = function(c) return c:ping() end },
    { name = "get_apps", answer = "list", run = function(c) return c:get_apps() end },
    { name = "get_app", answer = "object", run = function(c) return c:get_app(projects) end },
    { name = "record_count", answer = "count", run = function(c) return c:record_count(projects) end },
    { name = "record_count, filter", answer = "count", run = function(c) return c:record_count(projects, WHERE) end },
    { name = "get_records", answer = "list", run = get_page },
    { name = "get_records, v1", version = "v1", answer = "list", run = get_page },
    { name = "get_records, v2", version = "v2", answer = "list", run = get_page },
    { name = "get_records, where", answer = "list", run = function(c) return c:get_records(projects, page(WHERE)) end },
    { name = "get_record", answer = "object", run = function(c) return c:get_record(record) end },
    { name = "get_file", answer = "object", run = function(c) return c:get_file(file) end },
    { name = "get_discussions", answer = "list", run = function(c) return c:get_discussions(record) end },
    { name = "get_discussion", answer = "object", run = function(c) return c:get_discussion(discussion) end },
    { name = "get_users", answer = "list", run = function(c) return c:get_users() end },
    { name = "get_user", answer = "object", run = function(c) return c:get_user(user) end },
    { name = "request", answer = "any", run = function(c)
      local data, more = c:request("GET", "/apps") -- more: the envelope, or the error
      return data, data == nil and more or nil
    end },
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

-- Where v1 differs: there the first record is number 1.
local OLD_PLACES = {
  { name = "first page", rule = offset(1), first = true }, { name = "last page", rule = offset(58) },
}

-- Users and discussions.
local SHORT_PLACES = {
  { name = "first page", rule = offset(0), first = true }, { name = "middle page", rule = offset(9) },
  { name = "last page", rule = offset(18) },
}

-- The iterators for a service. An entry: name; version, where it is not v3; places, with the part of a rule that means
-- them; truth, all ids; run(client, ids, from), which adds to `ids` what it reads from an offset on, and raises;
-- `at_once`: it adds all or nothing.
function readers.iterators(service)
  local projects = service.apps.projects
  local records = service:truth(projects).ids
  local about, discussions = discussed(service)

  local function ids_of(list)
    local ids = {}
    for i, one in ipairs(list) do ids[i] = one.id end
    return ids
  end

  local users = ids_of(service:get("/v3/users").json.data)

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
    { name = "records, v1", version = "v1", places = OLD_PLACES, truth = records, run = function(c, ids, from)
      add(ids, c:records(projects, query(from)))
    end },
    { name = "pages", places = RECORD_PLACES, truth = records, run = function(c, ids, from)
      for page in c:pages(projects, query(from)) do
        for _, record in ipairs(page) do ids[#ids + 1] = record.id end
      end
    end },
    { name = "users", places = SHORT_PLACES, truth = users, run = function(c, ids, from)
      add(ids, c:users { page_size = 10, offset = from })
    end },
    { name = "discussions", places = SHORT_PLACES, truth = ids_of(discussions), run = function(c, ids, from)
      add(ids, c:discussions(about, { page_size = 10, offset = from }))
    end },
    { name = "list", places = RECORD_PLACES, truth = records, at_once = true, run = function(c, ids, from)
      local list, err = c:app(projects):list(query(from))
      if not list then error(err, 0) end
      for i, record in ipairs(list) do ids[i] = record.id end
    end },
  }
end

return readers
