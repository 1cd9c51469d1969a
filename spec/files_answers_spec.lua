-- Answers to downloads that are not what they seem: a refusal in the place of a file, a file whose last mark is lost,
-- another host that is busy. From a scripted server.

local files = require "spec.support.files"
local scripted = require "spec.support.scripted_server"

describe("an answer to download_file", function()
  local server, client, folder

  setup(function() server = scripted.start() end)

  teardown(function() server:stop() end)

  before_each(function()
    client = files.client(server)
    folder = files.folder()
  end)

  local JSON = "Content-Type: application/json; charset=utf-8"
  local REFUSAL = '{"code":30001,"message":"App access denied","data":null}'

  -- Downloads in the three ways what the script gives to each. Returns what came, or the errors.
  local function in_all_ways(...)
    local script = {...}
    local sink, chunks = files.sink()
    local results, errors = {}, {}
    for i, target in ipairs {false, folder .. "/file", sink} do
      server:script(script)
      results[i], errors[i] = client:download_file("i1", target or nil)
      assert.equal(results[i] == nil, errors[i] ~= nil)
    end
    return {results[1], files.read(folder .. "/file"), table.concat(chunks)}, errors
  end

  local function assert_file(bytes, ...)
    local got, errors = in_all_ways(...)
    assert.same({}, errors)
    assert.same({bytes, bytes, bytes}, got)
  end

  it("that is an envelope which says no is an error, and no file", function()
    local script = scripted.answer {headers = {JSON}, body = REFUSAL}
    local got, errors = in_all_ways(script)
    for i = 1, 3 do
      assert.equal("api", errors[i].kind)
      assert.equal(200, errors[i].status)
      assert.equal(30001, errors[i].code)
      assert.equal("App access denied", errors[i].message)
      assert.equal(1, errors[i].attempts)
    end
    assert.is_nil(got[1])
    assert.is_nil(got[2])
    assert.equal("", got[3])
    assert.equal("", files.names(folder))
  end)

  it("that is a file of JSON is one, also where it has a code", function()
    for _, text in ipairs {
      '{"code":30001}', '{"code":10000,"message":"Success","data":[]}', '{"message":"no"}', "[1,2]", "{", "",
      '{"code":30001,"message":"no","data":"' .. ("x"):rep(5000) .. '"}',
    } do
      assert_file(text, scripted.answer {headers = {JSON}, body = text})
    end
    assert_file(REFUSAL, scripted.answer {headers = {"Content-Type: text/plain"}, body = REFUSAL})
    assert_file(REFUSAL, scripted.answer {
      headers = {JSON, 'Content-Disposition: attachment; filename="a.json"'}, body = REFUSAL,
    })
  end)

  it("in chunks whose last mark was lost is whole, if the service says so", function()
    local tag = 'ETag: "1"'
    assert_file("01234567", scripted.answer {
      length = false, headers = {"Transfer-Encoding: chunked", tag}, body = "8\r\n01234567\r\n", after = "close",
    }, scripted.answer {status = 416, headers = {"Content-Range: bytes */8", tag}})
  end)

  it("in chunks is not whole where the service has more of it, or another one", function()
    for _, headers in ipairs {{"Content-Range: bytes */9", 'ETag: "1"'}, {"Content-Range: bytes */8", 'ETag: "2"'}} do
      server:script {
        scripted.answer {
          length = false, headers = {"Transfer-Encoding: chunked", 'ETag: "1"'}, body = "8\r\n01234567\r\n",
          after = "close",
        },
        scripted.answer {status = 416, headers = headers},
      }
      local sink = files.sink()
      local ok, err = client:download_file("i1", sink)
      assert.is_nil(ok)
      assert.equal("network", err.kind)
    end
  end)

  it("of another host that is busy is asked for again, from the service on, and no call of the window", function()
    local there = {status = 302, headers = {"Location: http://localhost:" .. server.port .. "/x"}}
    server:script {
      scripted.answer(there), scripted.answer {status = 429, headers = {"Retry-After: 0"}},
      scripted.answer(there), scripted.answer {body = "the file"},
    }
    local before = client:budget().used
    assert.equal("the file", client:download_file("i1"))
    assert.equal(0, client:budget().free_in)
    assert.equal(before + 2, client:budget().used)
    local busy = scripted.answer {status = 429}
    there = scripted.answer(there)
    server:script {there, busy, there, busy, there, busy, there, busy}
    local bytes, err = client:download_file("i1")
    assert.is_nil(bytes)
    assert.equal(429, err.status)
    assert.equal("api", err.kind)
  end)

  it("to a POST, where an override wants one, follows a body of JSON and not of a form", function()
    client = files.client(server, {endpoints = {download_file = "POST /files/download"}})
    server:script {scripted.answer {body = "the file"}}
    assert.equal("the file", client:download_file("i1"))
    local request = server:requests()[1]
    assert.equal("POST", request.method)
    assert.equal("application/json", request.headers["content-type"])
    assert.truthy(request.body:find("i1", 1, true))
  end)
end)
