-- Limits on what an answer may cost, whatever a server sends: lines before and behind the body, interim answers,
-- compression, error pages without end. Those on bodies (max_body) stand in retry_spec.lua, those on redirects in
-- files_download_spec.lua.

local fusioo = require "fusioo"
local scripted = require "spec.support.scripted_server"

local ENDLESS = 1000000 -- blocks of 64 KiB
local START = "HTTP/1.1 200 OK\r\n"

describe("an answer without end", function()
  local server, client

  before_each(function()
    server = scripted.start()
    client = fusioo.new {
      base_url = server.url, token = "token-of-limits-spec", rate = { calls = 100000, ledger = false },
      retry = { attempts = 1 }, timeout = { total = 5, idle = 5 },
    }
  end)

  after_each(function()
    client:close()
    server:stop()
  end)

  local function assert_refused(words, step)
    server:script { step, scripted.success '{"id":"i1"}' }
    collectgarbage()
    local app, err = client:get_app("i1")
    assert.is_nil(app)
    assert.equal("decode", err.kind)
    assert.truthy(err.message:find(words, 1, true), err.message)
    assert.equal(1, err.attempts)
    assert.equal("i1", assert(client:get_app("i1")).id)
  end

  local function assert_taken(step)
    server:script { step }
    assert.equal("i1", assert(client:get_app("i1")).id)
  end

  local body = '{"code":10000,"message":"Success","data":{"id":"i1"}}'

  local function with_lines(count, line)
    local lines = {}
    for i = 1, count do lines[i] = line end
    return scripted.answer { headers = lines, body = body }
  end

  it("made of header lines ends", function()
    assert_refused("header lines", { bytes = START, filler = "X-Line: and another one\r\n", filling = ENDLESS })
    assert_refused("header lines", with_lines(1100, "A: b"))
    assert_refused("header lines", with_lines(4, "A: " .. ("b"):rep(80000)))
  end)

  it("is not seen in many header lines", function()
    assert_taken(with_lines(900, "A: b"))
    assert_taken(with_lines(3, "A: " .. ("b"):rep(80000)))
  end)

  it("made of interim answers ends", function()
    assert_refused("header lines", { bytes = "", filler = "HTTP/1.1 100 Continue\r\n\r\n", filling = ENDLESS })
    assert_refused("header lines", { bytes = "", filler = "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n",
      filling = ENDLESS })
  end)

  it("made of trailers ends", function()
    assert_refused("header lines", { bytes = START .. "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
      filler = "X-Line: and another one\r\n", filling = ENDLESS })
  end)

  it("made of one header line ends", function()
    assert_refused("", { bytes = START .. "A: ", filling = ENDLESS })
  end)

  it("is not unpacked twice", function()
    assert_refused("compressed more than once",
      scripted.answer { headers = { "Content-Encoding: gzip, gzip" }, body = body })
    assert_refused("compressed more than once",
      scripted.answer { headers = { "Content-Encoding: gzip", "Content-Encoding: br" }, body = body })
  end)

  it("is an error page, where a file was asked for, and its status counts", function()
    server:script { { bytes = "HTTP/1.1 404 Not Found\r\n\r\n", filling = ENDLESS } }
    for _, sink in ipairs { false, function() error "these are no bytes of the file" end } do
      local bytes, err = client:download_file("f1", sink or nil)
      assert.is_nil(bytes)
      assert.equal("not_found", err.kind)
    end
  end)

  it("is the page of a redirect, which is not followed then", function()
    server:script {
      { bytes = ("HTTP/1.1 302 Found\r\nLocation: %s/kept\r\n\r\n"):format(server.url), filling = ENDLESS },
      scripted.answer { headers = {}, body = "the file" },
    }
    local bytes, err = client:download_file("f1")
    assert.is_nil(bytes)
    assert.same({ "api", 302 }, { err.kind, err.status })
  end)
end)
