--[[
The emulator: the Fusioo service in miniature, to try scripts and to test without spending calls.

Owns: this description, and the constants that a script may want to know. Must not know: how any of it works.

Start it with the command `fusioo-emulator` (`--help` lists its options), point a script at it with the environment
variables FUSIOO_BASE_URL and FUSIOO_ACCESS_TOKEN. It listens on 127.0.0.1 alone, keeps everything in memory, and
ends with whoever started it.


WHAT IT DOES LIKE THE SERVICE

Versions v1, v2, v3; the envelope {"code", "message", "data"}; tokens (401, code 10003); the reading methods
ping, get_apps, get_app, record_count, get_records, their filter forms, get_record, get_users, get_user;
`limit` (1 to 200, default 200), `offset` in each version's own meaning, `sort_by`, `order`; the hourly window
(429). create_record, update_record, delete_record; discussions, comments and files (v3). OAuth 2: the authorize page
(/oauth/authorize, a plain form) and the token endpoint (/oauth/token) with the grants authorization_code, implicit,
password, client_credentials and refresh_token; their requests count in no window.

WHERE THE SERVICE'S BEHAVIOUR IS NOT KNOWN, it does this:

  limit above 200, below 1       400
  unknown query parameters       ignored
  code of a 400, 429, 501        90400, 90429, 90501: numbers of its own
  what counts in the window      every request with an accepted token that names a method, ping excepted,
                                 whatever its answer; neither 401, nor 429, nor an unknown path. It counts at
                                 the moment it is handled: after the latency
  filter conditions              equal, not_equal, contains (filter.lua says what they mean); others 400
  sort_by                        any field but long texts, lists, links and files; null and absent come first; equal
                                 values in the order in which the records were created; desc is exactly the reverse
  no sort_by                     the order of rows (see "rows" below)
  order=desc without sort_by     the order of rows reversed
  values that are written        obey the app's schema, or the answer is 400 and names the field: fields that are not
                                 there or read only, values of another type, choices that a list does not have,
                                 required fields missing. Whether a linked record is there nobody asks
  a value comes back             byte for byte as it was written: 1.0 as 1.0, "\u00e9" as "\u00e9"; of members with the
                                 same name the last one
  a field that is not given      is not there in a new record; formulas and numbers are filled in
  a file field                   takes ids of files that are there, and shows the files as get_file does
  a new record                   is the last row
  a deleted record               takes its discussions with it
  an upload                      is one part named "file" with a filename, of any size, and has a Content-Length; all
                                 else is 400. %22, %0D, %0A in the filename are decoded. Over HTTP/2: 64 MiB at most
  a download                     has Content-Length, a strong ETag, Last-Modified; takes one range, with If-Range
  an author                      created_by is the first user, whatever the token


THE DATA

Three apps, made up from a seed: Projects (31 fields with id, created and last_modified, about 1,095 bytes a
record), Tasks, Clients; 25 users. The same seed gives the same records, byte for byte. App ids are always the same:
see `apps` below. Record number n of an app depends on nothing but seed, app and n, apart from links, which
stay within the number of records that the linked app began with.


THE CONTROL API

Requests under /_emulator. JSON in and out; no token; neither logged nor counted. Refusals come as HTTP 400 or 404
with {"error": message}, and nothing is changed, except that "rows" keeps the edits before the refused one.

POST /_emulator/reset      fresh data, window and log. Body: settings; those left out are as on the command line
POST /_emulator/config     settings change, all else stays. Body: settings, but not seed and records

  seed         whole number, default 1
  records      number of records of Projects, or {"projects":, "tasks":, "clients":}; up to 1,000,000 each
  rate         {"calls": 500, "window": 3600 (seconds), "retry_after": "none", "seconds" or "date"}
  latency      seconds that each answer takes, or {"min":, "max":} for random ones
  tokens       array of access tokens that are accepted
  gzip         whether answers are compressed for clients that accept it
  validate     default true; false: any value may be written to any field, also to one that is not in the schema;
               id, created and last_modified in a body are then passed over
  oauth        {...}, see below; what is left out of it stays as it is
  page_cap     at most so many records come in one page, whatever `limit` says
  churn        false, or rows that come and go by themselves, see below
  faults       array of rules that let answers go wrong, see below; [] for none
  downloads    how files are sent, see below; {} for the defaults
  log_limit    entries that the log keeps, default 10,000; older ones are dropped
  cached_pages       pages that are kept ready, default 16; a page takes about 3 ms to make and 220 KB to keep

GET /_emulator/log         {"requests": [entry, ...]}, oldest first. An entry, in the order of arrival:

  number          1, 2, 3 ... since the last reset
  method, path, query        as they were sent, not decoded
  version, endpoint          "v3", "get_records"; the names of the library's flat layer, and get_records_filter and
                             record_count_filter; absent where the path means none
  status, code    of the answer; absent while there is none yet
  fault           the fault that the plan chose for it; absent where none was
  time, finished  seconds since the start, on a clock that never goes back: arrival, answer
  connection, protocol       a number for each connection; "HTTP/1.1" or "HTTP/2.0"
  headers         the request's headers, names in lower case, without those that may hold secrets
  authorization   "ok", "wrong" or "none"; the token itself is never kept
  body            the request's body, its first 16 KiB
  grant_type, error, issued  of a request to the token endpoint: what was asked for, RFC 6749's code where it was
                  refused, true where tokens were given. Of "authorize" and "token" neither query nor body is kept

GET /_emulator/creates     {"creates": [{"id", "kind": "record", "file", "discussion" or "comment", "request": number in
                           the log}, ...]} since the last reset, in order; also what was deleted again
POST /_emulator/files      makes a file without an upload, which takes no place however large it is. Body: size, name,
                           seed (0 to 65535), content_type. Each 16 of its bytes are the seed in 4 hexadecimal digits
                           and their own offset in 12. Answer: its metadata
GET /_emulator/files?id=ID its metadata and "md5" of its bytes; without an id: {"count"} of files there are
GET /_emulator/files/elsewhere
                           {"requests": [{"method", "path", "authorization": "sent" or "none", "range", ...}, ...]} of
                           the second host: another port of this machine, where downloads may be redirected to, and that
                           knows no token
POST /_emulator/log/clear  empties the log; numbers go on
GET /_emulator/oauth       {"access", "refresh", "codes": how many are good now, "issued": answers with tokens,
                           "refreshed": how many of them for a refresh token, "refused": refresh tokens that were not
                           good, "spoilt": answers with tokens that a fault spoilt, "requests": of both endpoints}
POST /_emulator/oauth/expire
                           all access tokens that were given end now
POST /_emulator/oauth/revoke
                           revokes them: {"access": true}, {"refresh": true}, {} for both
POST /_emulator/oauth/tokens
                           makes tokens of your own good: {"access_token", "refresh_token", "expires_in" (seconds)}
GET /_emulator/truth?app_id=ID
                           {"ids": ids of all rows now, in order, "stayed": those that were there throughout since
                           the last reset, in order, "moved": those that a move took elsewhere, "changes": edits}
POST /_emulator/rows       rows come and go by hand. Body:

  app_id       the app
  delete       [record id or position, ...], all as they stand before the first one goes
  insert       [{"position":, "count": 1}, ...], one after the other
  move         [{"from":, "to":}, ...], after those: taken out at `from`, put back at `to` of the rest

                           Positions count from 0. Answer: {"deleted": ids, "inserted": ids, "count": rows now}
GET /_emulator/stats       {"apps": {name: {"id", "count", "changes"}}, "answered": {endpoint: {status: times}},
                           "faults": [{"fault", "met": requests that the rule means, "hit": that went wrong}],
                           "requests", "window": {"calls", "seconds", "used"}, "settings", "memory" (bytes of the
                           Lua heap), "pid", "port", "tls_port"}
POST /_emulator/stop       the emulator ends

Churn: after each answered page of records, random rows come and go. The same setting and the same sequence of pages
give the same edits. Counting starts anew with each reset or config that names it.

  app_id         pages of this app only; left out: of every app
  seed           of the random numbers, default 1
  per_request    edits after each page, default 1; 0.25 means one after every fourth page on average
  insert, delete, move       weights of the three kinds of edit, default 1, 1, 0
  min_position   rows before this position stay as they are, default 0
  operations     no more edits than this in all

OAuth: one application is registered, one person may sign in.

  client_id, client_secret   "fusioo-emulator-client", "fusioo-emulator-secret"; in the form or by HTTP Basic
  username, password         "user@example.com", "fusioo-emulator-password"
  redirect_uris  array of those that are allowed, exactly so; empty, the default: any http:// address of this machine
  access_life    seconds, default 3600; refresh_life: false, the default: for ever; code_life: 60
  rotate         true, the default: a refresh gives another refresh token, and the old one is good no more
  reuse          what using a refresh token or a code twice does: "refuse", the default, or "revoke": all that came of
                 that sign-in is revoked, too
  revoke_old     true: a refresh revokes the old access token at once; default false
  refresh_tokens false: none are given; "always": also with client_credentials
  expires_in     false: answers do not say it
  token_type     default "Bearer"
  access_size    characters of an access token, default 1100
  next_tokens    array of {"access_token", "refresh_token"} to give out in place of made-up ones
  echo           true: refusals repeat the token, secret or password that they refuse, as a careless service might

Downloads: {} is what the service is taken to do; each config that names it begins to count anew.

  redirect       "same": to the same host; "other": to the second host; "loop": without an end; "plain": to http://
                 somewhere (example.invalid)
  redirect_status            default 302
  etag           "strong"; "weak"; "none"; "changing": another one each time, and other bytes where they are made up
  modified       false: no Last-Modified
  ranges         false: ranges are not understood; "refused": 416 to each of them
  length         false: chunks, and no Content-Length; "none": neither, the connection's end is the file's (HTTP/1.1)
  cut_after      the connection dies after so many bytes of the body, in the first "cuts" (default 1) answers
  wrong_range    true: a part begins a byte earlier than the one that was asked for


FAULTS

A rule says which requests it means and what happens to them. The first rule whose turn it is is taken; each rule
counts, from 1, all requests that it means, also those that another one took. Counting starts anew with each reset or
config that names "faults". All that a rule leaves out means every request, every time.

  endpoint       of the log's names: "get_records", "record_count_filter" ...
  version, method, agent     "v3"; "GET"; the whole User-Agent header
  path           Lua pattern, looked for in path and query: "offset=199&", "^/v3/users"
  from, to       the first and the last of these requests that may go wrong
  every          3: the one at "from", and every third one after it
  probability    0 to 1, "seed" of its random numbers (default 1)
  times          no more than so many in all
  done           has the service carried out what it was asked when things go wrong? true, the default: it has, and the
                 answer is lost or spoilt. false: it has counted the request, and done nothing; for faults that stand in
                 the answer's place: lose, stall, garbage, redirect, status, code, html, body, data, deep, large
  fault          what happens; with what else the rule may say:

  drop           the connection is closed before the request is read. The service has not counted it
  lose           the request is handled and counted, then the connection is closed without an answer
  close          the answer as it is, then the connection is closed
  cut            the body ends after "bytes" (default: half of it), then the connection is closed
  length         Content-Length is "by" more (or less) than there are bytes, default 1
  stall          nothing comes, not even a status line; with "bytes": nothing after so many of the body. Until the
                 client goes away, "seconds" at most (default 30)
  drip           the answer "bytes" at a time (default: a sixteenth), "seconds" apart (default 0.002)
  interim        an interim answer, "status" 103 (the default) or 100, comes before the answer
  extra          a second answer that nobody asked for follows at once
  garbage        "text" in place of HTTP; it has a default
  chunks         the answer comes in chunks; "how": "cut" (the default): the connection is closed before the last one,
                 "size": a chunk's size is no number, "whole": nothing is wrong
  header         the answer has a header of so many "bytes", default 110,000
  redirect       "status" (default 302) to "location" (default: a port of this machine that is closed)
  status         "status" (default 500), with "code", or with "envelope": false and an empty body. "retry_after": text
                 for that header, or a number of seconds; with "date": true the date that they lead to
  code           200 with another "code", default 10001
  html           a gateway's page with "status" (default 502)
  body           "text" for a body, default none
  data           200 and success, with "json" for the data; without it there is none
  utf8           the answer, with bytes that are no UTF-8 in its last string
  nul            the answer, with a zero byte in its last string, or with "place": "header" in a header
  deep           data of "depth" arrays in each other, default 100,000
  large          a body of "bytes", default 64 MiB and 1; with "gzip": true in 160 times fewer, whether the client
                 accepts that or not

The service has counted what goes wrong, drop and a "status" of 401 or 429 excepted: then it has neither counted nor
done anything. Faults of the connection (cut, stall and their like) need HTTP/1.1; over HTTP/2 the stream ends with an
error.
]]

local schema = require "fusioo.emulator.schema"
local settings = require "fusioo.emulator.settings"

local emulator = {
  token = settings.TOKEN, -- the access token that is accepted unless others are named
  apps = {},              -- "projects", "tasks", "clients" -> id
}

for _, app in ipairs(schema.apps) do
  emulator.apps[app.key] = app.id
end

return emulator
