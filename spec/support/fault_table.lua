-- What can go wrong with an answer, and what the library must make of it.
--
-- Owns: the table. Must not know: who reads. An entry:
--
--   name        for messages
--   rule        the fault, as the emulator takes it
--   kind        err.kind; false: no harm is done, the result is the right one
--   status, code      of the error; absent: it has none
--   repeated    is the request sent again?
--   fits        kinds of answer ("any", "object", "list", "count") in which there is nothing wrong with it
--   waits       it is repeated by the company's window, not by the retry policy
--   slow        it takes its time: cells run side by side

local faults = {}

local function add(name, rule, verdict)
  verdict.name, verdict.rule = name, rule
  verdict.fits = verdict.fits or {}
  faults[#faults + 1] = verdict
end

-- ---- The connection ----

add("drop", { fault = "drop" }, { kind = "network", repeated = true })
add("lose", { fault = "lose" }, { kind = "network", repeated = true })
add("cut after 0", { fault = "cut", bytes = 0 }, { kind = "network", status = 200, repeated = true })
add("cut after 1", { fault = "cut", bytes = 1 }, { kind = "network", status = 200, repeated = true })
add("cut in the middle", { fault = "cut" }, { kind = "network", status = 200, repeated = true })
add("longer length", { fault = "length", by = 1 }, { kind = "network", status = 200, repeated = true })
add("much longer length", { fault = "length", by = 100000 }, { kind = "network", status = 200, repeated = true })
add("shorter length", { fault = "length", by = -1 }, { kind = "decode", status = 200, repeated = true })
add("stall before the first byte", { fault = "stall" }, { kind = "timeout", repeated = true, slow = true })
add("stall before the body", { fault = "stall", bytes = 0 },
  { kind = "timeout", status = 200, repeated = true, slow = true })
add("stall in the body", { fault = "stall", bytes = 30 },
  { kind = "timeout", status = 200, repeated = true, slow = true })
add("drip", { fault = "drip", seconds = 0.0005 }, { kind = false })
add("early hints", { fault = "interim", status = 103 }, { kind = false })
add("continue", { fault = "interim", status = 100 }, { kind = false })
add("an answer too many", { fault = "extra" }, { kind = false })

-- ---- HTTP ----

add("garbage", { fault = "garbage" }, { kind = "decode", repeated = true })
add("chunks", { fault = "chunks", how = "whole" }, { kind = false })
add("chunks cut off", { fault = "chunks", how = "cut" }, { kind = "network", status = 200, repeated = true })
add("chunk size", { fault = "chunks", how = "size" }, { kind = "network", status = 200, repeated = true })
add("header too long", { fault = "header" }, { kind = "decode", status = 200, repeated = true })
add("NUL in a header", { fault = "nul", place = "header" }, { kind = "decode", status = 200, repeated = true })
for _, status in ipairs { 301, 302, 303, 307, 308 } do
  add("redirect " .. status, { fault = "redirect", status = status }, { kind = "api", status = status })
end

-- ---- Statuses ----

local REFUSALS = { [400] = "api", [401] = "auth", [403] = "api", [404] = "not_found", [408] = "api" }
for status, kind in pairs(REFUSALS) do
  local code = ({ [401] = 10003, [404] = 10002 })[status] or 90000 + status
  add("status " .. status, { fault = "status", status = status }, { kind = kind, status = status, code = code })
  add("bare status " .. status, { fault = "status", status = status, envelope = false },
    { kind = kind, status = status })
  add("page with status " .. status, { fault = "html", status = status }, { kind = kind, status = status })
end

for _, status in ipairs { 500, 502, 503, 504 } do
  add("status " .. status, { fault = "status", status = status },
    { kind = "api", status = status, code = 10001, repeated = true })
  add("bare status " .. status, { fault = "status", status = status, envelope = false },
    { kind = "api", status = status, repeated = true })
  add("page with status " .. status, { fault = "html", status = status },
    { kind = "api", status = status, repeated = true })
end

for name, after in pairs { ["in seconds"] = { retry_after = 0 }, ["as date"] = { retry_after = 0, date = true },
  ["unreadable"] = { retry_after = "soon" } } do
  add("503, Retry-After " .. name, {
    fault = "status", status = 503, retry_after = after.retry_after, date = after.date,
  }, { kind = "api", status = 503, code = 10001, repeated = true })
end

add("429, Retry-After in seconds", { fault = "status", status = 429, retry_after = 0 },
  { kind = "rate_limit", status = 429, code = 90429, repeated = true, waits = true, slow = true })
add("429, Retry-After as date", { fault = "status", status = 429, retry_after = 0, date = true },
  { kind = "rate_limit", status = 429, code = 90429, repeated = true, waits = true, slow = true })
add("429", { fault = "status", status = 429 },
  { kind = "rate_limit", status = 429, code = 90429, repeated = true, waits = true, slow = true })
add("bare 429", { fault = "status", status = 429, envelope = false },
  { kind = "rate_limit", status = 429, repeated = true, waits = true, slow = true })

-- ---- Codes with HTTP 200 ----

for code, kind in pairs { [10001] = "api", [10002] = "not_found", [10003] = "auth", [30000] = "not_found",
  [30001] = "api", [12345] = "api", [0] = "api", [-1] = "api" } do
  add("code " .. code, { fault = "code", code = code }, { kind = kind, status = 200, code = code })
end

-- ---- Bodies ----

local function unreadable(name, rule)
  add(name, rule, { kind = "decode", status = 200, repeated = true })
end

unreadable("empty body", { fault = "body" })
unreadable("a gateway's page", { fault = "html", status = 200 })
add("no content", { fault = "status", status = 204, envelope = false },
  { kind = "decode", status = 204, repeated = true })
unreadable("bad UTF-8", { fault = "utf8" })
unreadable("NUL", { fault = "nul" })
unreadable("deep", { fault = "deep" })
unreadable("129 deep", { fault = "deep", depth = 128 })
for name, text in pairs {
  ["a space"] = " ", ["half an object"] = '{"code":10000,"message":"Success","data":[{"id":"i1"}',
  ["two objects"] = '{"code":10000,"data":[]}{}', ["an array"] = "[]", ["a string"] = '"Success"', ["null"] = "null",
  ["no code"] = '{"message":"Success","data":[]}', ["a text for a code"] = '{"code":"10000","data":[]}',
  ["a broken code"] = '{"code":10000.5,"data":[]}', ["an object"] = "{}",
  ["a byte order mark"] = '\239\187\191{"code":10000,"data":[]}', ["single quotes"] = "{'code':10000,'data':[]}",
  ["a comma too many"] = '{"code":10000,"data":[],}', ["a lone word"] = '{"code":10000,"data":[nil]}',
} do
  unreadable("body: " .. name, { fault = "body", text = text })
end

-- Data of the wrong type. What takes any data takes these.
for name, case in pairs {
  ["none"] = { nil }, ["null"] = { "null" }, ["a text"] = { '"data"' }, ["a number"] = { "7" }, ["true"] = { "true" },
  ["numbers"] = { "[1,2,3]" }, ["texts"] = { '["i1","i2"]' }, ["arrays"] = { "[[],[]]" }, ["null in it"] = { "[null]" },
  ["an object last"] = { '[1,{"id":"i1"}]' },
  ["a text for a count"] = { '{"count":"12"}', "object" }, ["half a count"] = { '{"count":1.5}', "object" },
  ["less than none"] = { '{"count":-1}', "object" }, ["null for a count"] = { '{"count":null}', "object" },
  ["a count too large"] = { '{"count":99999999999999999999}', "object" },
  ["other members"] = { '{"counts":12}', "object" },
} do
  local fits = { any = true }
  if case[2] then fits[case[2]] = true end
  add("data: " .. name, { fault = "data", json = case[1] },
    { kind = "decode", status = 200, repeated = true, fits = fits })
end

-- ---- Size ----

-- The clients of the matrix keep 1 MiB at most.
faults.MAX_BODY = 1048576
add("too large", { fault = "large", bytes = faults.MAX_BODY + 1 }, { kind = "too_large", status = 200 })
add("a bomb", { fault = "large", bytes = faults.MAX_BODY + 1, gzip = true }, { kind = "too_large", status = 200 })

-- By name: pairs has no order.
table.sort(faults, function(a, b) return a.name < b.name end)

return faults
