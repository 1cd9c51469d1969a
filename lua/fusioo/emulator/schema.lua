-- The apps of the made-up company, their fields, and its users.
--
-- Owns: ids, names and types of apps and fields, and which generator of data.lua fills a field.
-- Must not know: how values are generated, stored or sent. App ids are the same for every seed, so that
-- a script can name them.
--
-- A field: its id, its name, its type, then
--   make       the generator in data.lua that gives its values, and the generator's arguments
--   null       percent of records in which it is null; absent: in which it is not there at all
--   required, read_only, options    as the schema shows them

local schema = {}

local function list(items, multiple)
  return { items = items, allow_multiple = multiple or false }
end

schema.user_count = 25
schema.user_kind = 100 -- what ids of users are made with; an app's records are made with its `kind`

schema.apps = {
  {
    key = "projects", kind = 1,
    id = "i5f0c1a7e9b3d48268c4e7a1f2b6d9e03", name = "Projects", single_record_name = "Project",
    fields = {
      { "title", "Title", "text", make = { "title" }, required = true },
      { "number", "Number", "auto_number", make = { "ordinal" }, read_only = true },
      { "description", "Description", "text_area", make = { "sentences", 3, 6 } },
      { "notes", "Notes", "text_area", make = { "note" }, null = 25, absent = 25 },
      { "status", "Status", "list", make = { "one_of" }, required = true,
        options = list { "Planned", "In Progress", "On Hold", "Done", "Cancelled" } },
      { "tags", "Tags", "list", make = { "some_of", 3 },
        options = list({ "indoor", "outdoor", "urgent", "Façade", "R&D", "2nd \"look\"" }, true) },
      { "priority", "Priority", "list", make = { "one_of" }, absent = 10,
        options = list { "Low", "Normal", "High" } },
      { "budget", "Budget", "currency", make = { "amount", 250000 } },
      { "spent", "Spent", "currency", make = { "amount", 180000 }, null = 10 },
      { "hours", "Hours", "number", make = { "tenths", 4000 } },
      { "progress", "Progress", "number", make = { "integer", 101 } },
      { "ledger_number", "Ledger number", "number", make = { "large_integer" }, absent = 5 },
      { "start_date", "Start date", "date", make = { "date", 0 } },
      { "due_date", "Due date", "date", make = { "date", 120 }, null = 15 },
      { "kickoff", "Kick-off", "date_time", make = { "date_time" }, null = 20 },
      { "approved", "Approved", "checkbox", make = { "yes", 70 } },
      { "billable", "Billable", "checkbox", make = { "yes", 40 } },
      { "contact_name", "Contact", "text", make = { "person" } },
      { "contact_email", "Contact's e-mail", "email", make = { "email" } },
      { "contact_phone", "Contact's phone", "phone", make = { "phone" }, null = 10 },
      { "website", "Website", "url", make = { "url" }, absent = 20 },
      { "client", "Client", "app_link", make = { "link" }, options = { app = "clients" } },
      { "tasks", "Tasks", "app_link", make = { "links", 2 },
        options = { app = "tasks", allow_multiple = true } },
      { "owner", "Owner", "user_link", make = { "users", 1, 1 } },
      { "team", "Team", "user_link", make = { "users", 0, 2 }, options = { allow_multiple = true } },
      { "attachments", "Attachments", "file", make = { "empty" }, options = { allow_multiple = true } },
      { "margin", "Margin", "formula", make = { "tenths", 600 }, read_only = true },
      { "label", "Label", "formula", make = { "label" }, read_only = true },
    },
  },
  {
    key = "tasks", kind = 2,
    id = "i9d27b64c0e8f4a13b5c2d6e7f8091a4b", name = "Tasks", single_record_name = "Task",
    fields = {
      { "title", "Title", "text", make = { "title" }, required = true },
      { "details", "Details", "text_area", make = { "sentences", 1, 2 }, null = 30 },
      { "stage", "Stage", "list", make = { "one_of" }, options = list { "In Progress", "Fixed" } },
      { "due_date", "Due date", "date", make = { "date", 30 }, null = 20 },
      { "estimate", "Estimate", "number", make = { "tenths", 400 } },
      { "done", "Done", "checkbox", make = { "yes", 50 } },
      { "assignees", "Assignees", "user_link", make = { "users", 0, 2 },
        options = { allow_multiple = true } },
      { "project", "Project", "app_link", make = { "links", 1 }, options = { app = "projects" } },
    },
  },
  {
    key = "clients", kind = 3,
    id = "i1c83e5f7a2604b9d8e7f6a5b4c3d2e1f", name = "Clients", single_record_name = "Client",
    fields = {
      { "name", "Name", "text", make = { "company" }, required = true },
      { "email", "E-mail", "email", make = { "email" } },
      { "phone", "Phone", "phone", make = { "phone" }, null = 10 },
      { "website", "Website", "url", make = { "url" }, null = 10 },
      { "address", "Address", "text_area", make = { "address" } },
      { "since", "Client since", "date", make = { "date", 0 } },
      { "active", "Active", "checkbox", make = { "yes", 80 } },
      { "discount", "Discount", "number", make = { "tenths", 200 }, absent = 40 },
    },
  },
}

schema.by_key = {}
for _, app in ipairs(schema.apps) do
  schema.by_key[app.key] = app
end

return schema
