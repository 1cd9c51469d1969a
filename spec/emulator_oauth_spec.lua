-- The emulator's OAuth side: the authorize page, the token endpoint, what ends a token, what the log keeps.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local http = require "spec.support.http"

local CLIENT, SECRET = "fusioo-emulator-client", "fusioo-emulator-secret"
local BACK = "http://127.0.0.1:9/back"

local function encode(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = name .. "=" .. tostring(value):gsub("[^%w]", function(c)
      return ("%%%02X"):format(c:byte())
    end)
  end
  return table.concat(parts, "&")
end

describe("emulator", function()
  local service

  setup(function() service = emulator.start() end)
  teardown(function() service:stop() end)
  before_each(function() service:reset() end)

  local function post(text, headers)
    headers = headers or {}
    headers["Content-Type"] = headers["Content-Type"] or "application/x-www-form-urlencoded"
    return http.request("POST", service.url .. "/oauth/token", {body = text, headers = headers})
  end

  local function ask(fields)
    fields.client_id, fields.client_secret = fields.client_id or CLIENT, fields.client_secret or SECRET
    return post(encode(fields))
  end

  local function page_url(fields)
    fields.client_id, fields.redirect_uri = fields.client_id or CLIENT, fields.redirect_uri or BACK
    fields.response_type = fields.response_type or "code"
    return service.url .. "/oauth/authorize?" .. encode(fields)
  end

  local function accepts(token)
    return http.request("GET", service.url .. "/v3/apps", {token = token}).status == 200
  end

  local function refused(answer, code, status)
    assert.equal(status or 400, answer.status)
    assert.equal(code, answer.json.error)
    assert.is_nil(answer.json.access_token)
  end

  local function code_of(location) return location:match("[?&]code=([^&]*)") end

  local function exchange(code, uri)
    return ask{grant_type = "authorization_code", code = code, redirect_uri = uri or BACK}
  end

  local function sign_in() return exchange(code_of(service:sign_in(page_url{state = "s"}))).json end

  describe("authorize page", function()
    it("is a form that leads back with a code and the state", function()
      local page = http.request("GET", page_url{state = 'a "b" <c>&d'})
      assert.equal(200, page.status)
      assert.matches("text/html", page.headers["content-type"])
      assert.is_truthy(page.body:find('name="state" value="a &quot;b&quot; &lt;c&gt;&amp;d"', 1, true))
      local location = service:sign_in(page_url{state = "a b&c"})
      assert.matches("^http://127%.0%.0%.1:9/back%?code=[%w_%-]+&state=a%+b%%26c$", location)
      location = service:sign_in(page_url{redirect_uri = "http://localhost/x?y=1"})
      assert.matches("^http://localhost/x%?y=1&code=", location)
    end)

    it("leads back with a token in the fragment", function()
      local location = service:sign_in(page_url{response_type = "token", state = "s"})
      local token = location:match("^" .. BACK:gsub("%p", "%%%0") .. "#access_token=([%w_%-]+)&token_type=Bearer&" ..
        "expires_in=3600&state=s$")
      assert.is_true(accepts(token))
    end)

    it("leads back with what the person or the request did not want", function()
      assert.equal(BACK .. "?error=access_denied&error_description=Access+denied&state=s",
        service:sign_in(page_url{state = "s"}, {decision = "deny"}))
      assert.equal(BACK .. "#error=access_denied&error_description=Access+denied",
        service:sign_in(page_url{response_type = "token"}, {decision = "deny"}))
      assert.equal(BACK .. "?error=unsupported_response_type&state=s",
        http.request("GET", page_url{response_type = "x", state = "s"}).headers.location)
    end)

    it("shows itself again after a wrong password", function()
      local page = service:fill_form(page_url{}, {password = "wrong"})
      assert.equal(200, page.status)
      assert.matches("Wrong e%-mail or password", page.body)
    end)

    it("takes no other requests", function()
      local answer = http.request("PUT", page_url{})
      assert.equal(405, answer.status)
      assert.equal("GET, POST", answer.headers.allow)
    end)

    it("leads nowhere for an unknown application or address", function()
      for _, url in ipairs{page_url{client_id = "x"}, page_url{redirect_uri = "https://evil.example/"},
          page_url{redirect_uri = "http://127.0.0.1@evil.example/"}, page_url{redirect_uri = "http://localhost.evil/"},
          page_url{redirect_uri = "http://127.0.0.1:9@evil.example/"}, page_url{redirect_uri = "http://[::1]@evil/"},
          page_url{redirect_uri = "http://127.0.0.1:9\r\nX: y"}, page_url{redirect_uri = "http://localhost/\n"},
          page_url{redirect_uri = "http://localhost:/"}, page_url{redirect_uri = "http://[::1].evil/"},
          service.url .. "/oauth/authorize"} do
        local page = http.request("GET", url)
        assert.equal(400, page.status)
        assert.is_nil(page.headers.location)
      end
      service:config{oauth = {redirect_uris = {"https://app.example/back"}}}
      assert.equal(400, http.request("GET", page_url{}).status)
      local uri = "https://app.example/back"
      assert.matches("^https://app.example/back%?code=", service:sign_in(page_url{redirect_uri = uri}))
    end)
  end)

  describe("token endpoint", function()
    it("gives a token for each grant", function()
      local token = sign_in()
      assert.equal("Bearer", token.token_type)
      assert.equal(3600, token.expires_in)
      assert.equal(1100, #token.access_token)
      assert.is_true(accepts(token.access_token))
      local password = {grant_type = "password", username = "user@example.com", password = "fusioo-emulator-password"}
      assert.is_string(ask(password).json.refresh_token)
      local own = ask{grant_type = "client_credentials"}
      assert.is_true(accepts(own.json.access_token))
      assert.is_nil(own.json.refresh_token)
      assert.equal("no-store", own.headers["cache-control"])
      assert.is_true(accepts(ask{grant_type = "refresh_token", refresh_token = token.refresh_token}.json.access_token))
    end)

    it("takes the client's secret from the form or from the header", function()
      local basic = {Authorization = "Basic " .. require "mime".b64(CLIENT .. ":" .. SECRET)}
      assert.equal(200, post("grant_type=client_credentials", basic).status)
      basic.Authorization = "Basic " .. require "mime".b64(CLIENT .. ":x")
      local answer = post("grant_type=client_credentials", basic)
      refused(answer, "invalid_client", 401)
      assert.matches("Basic", answer.headers["www-authenticate"])
      refused(ask{grant_type = "client_credentials", client_secret = "x"}, "invalid_client", 401)
      refused(post("grant_type=client_credentials"), "invalid_client", 401)
    end)

    it("refuses what is no request for a token", function()
      refused(ask{}, "invalid_request")
      refused(ask{grant_type = "x"}, "unsupported_grant_type")
      refused(ask{grant_type = "password", username = "x"}, "invalid_request")
      refused(ask{grant_type = "password", username = "x", password = "y"}, "invalid_grant")
      refused(ask{grant_type = "authorization_code", code = "x"}, "invalid_request")
      refused(exchange("x"), "invalid_grant")
      refused(ask{grant_type = "refresh_token"}, "invalid_request")
      refused(ask{grant_type = "refresh_token", refresh_token = "x"}, "invalid_grant")
      refused(post("grant_type=client_credentials&grant_type=password"), "invalid_request")
      refused(post(cjson.encode{grant_type = "password"}, {["Content-Type"] = "application/json"}), "invalid_request")
      local answer = http.request("GET", service.url .. "/oauth/token?grant_type=client_credentials")
      assert.equal(405, answer.status)
    end)

    it("takes a code once, for its address, and not for long", function()
      local code = code_of(service:sign_in(page_url{}))
      refused(exchange(code, BACK .. "2"), "invalid_grant")
      local token = exchange(code).json
      refused(exchange(code), "invalid_grant")
      assert.is_true(accepts(token.access_token))
      service:config{oauth = {code_life = 1e-9}}
      code = code_of(service:sign_in(page_url{}))
      refused(exchange(code), "invalid_grant")
    end)

    it("revokes all that came of a sign-in where a code or a refresh token is used twice", function()
      service:config{oauth = {reuse = "revoke"}}
      local code = code_of(service:sign_in(page_url{}))
      local token = exchange(code).json
      refused(exchange(code), "invalid_grant")
      assert.is_false(accepts(token.access_token))
      local first = sign_in()
      local other = sign_in()
      local second = ask{grant_type = "refresh_token", refresh_token = first.refresh_token}.json
      refused(ask{grant_type = "refresh_token", refresh_token = first.refresh_token}, "invalid_grant")
      refused(ask{grant_type = "refresh_token", refresh_token = second.refresh_token}, "invalid_grant")
      assert.is_false(accepts(second.access_token))
      assert.is_true(accepts(other.access_token))
    end)

    it("obeys its settings", function()
      local first = sign_in()
      service:config{oauth = {rotate = false}}
      local second = ask{grant_type = "refresh_token", refresh_token = first.refresh_token}.json
      assert.is_nil(second.refresh_token)
      assert.is_true(accepts(first.access_token))
      service:config{oauth = {rotate = true, revoke_old = true, expires_in = false, token_type = "bearer",
        access_size = 20}}
      local third = ask{grant_type = "refresh_token", refresh_token = first.refresh_token}.json
      assert.is_string(third.refresh_token)
      assert.is_nil(third.expires_in)
      assert.equal("bearer", third.token_type)
      assert.equal(20, #third.access_token)
      assert.is_false(accepts(first.access_token) or accepts(second.access_token))
      service:config{oauth = {refresh_tokens = false}}
      local bare = ask{grant_type = "refresh_token", refresh_token = third.refresh_token}.json
      assert.is_string(bare.access_token)
      assert.is_nil(bare.refresh_token)
      assert.is_nil(sign_in().refresh_token)
      service:config{oauth = {refresh_tokens = "always"}}
      assert.is_string(ask{grant_type = "client_credentials"}.json.refresh_token)
      service:config{oauth = {next_tokens = {{access_token = "made-up", refresh_token = "made-up-too"}}}}
      assert.equal("made-up", ask{grant_type = "client_credentials"}.json.access_token)
      assert.equal(20, #ask{grant_type = "client_credentials"}.json.access_token)
      assert.is_true(accepts("made-up"))
      service:config{oauth = {access_life = 1e-9}}
      assert.is_false(accepts(ask{grant_type = "client_credentials"}.json.access_token))
      service:config{oauth = {echo = true}}
      local answer = ask{grant_type = "refresh_token", refresh_token = "wrong-one"}
      assert.matches("wrong%-one", answer.json.error_description)
      assert.matches("wrong%-one", http.request("GET", service.url .. "/v3/apps", {token = "wrong-one"}).json.message)
    end)

    it("breaks as the plan says, after the work is done or before", function()
      local first = sign_in()
      for _, fault in ipairs{"lose", "drop", "cut", "garbage"} do
        service:config{faults = {{endpoint = "token", fault = fault, times = 1}}}
        local ok, answer = pcall(ask, {grant_type = "client_credentials"})
        assert.is_falsy(ok and answer.json)
      end
      service:config{faults = {{endpoint = "token", fault = "status", status = 503, retry_after = 7, done = false}}}
      local answer = ask{grant_type = "refresh_token", refresh_token = first.refresh_token}
      assert.equal(503, answer.status)
      assert.equal("7", answer.headers["retry-after"])
      assert.equal(0, service:oauth().refreshed)
      service:config{faults = {{endpoint = "token", fault = "html", times = 1}}}
      assert.equal(502, ask{grant_type = "refresh_token", refresh_token = first.refresh_token}.status)
      assert.equal(1, service:oauth().refreshed)
      refused(ask{grant_type = "refresh_token", refresh_token = first.refresh_token}, "invalid_grant")
      service:config{faults = {{endpoint = "authorize", fault = "close", times = 1}}}
      local page = files.output_of("curl -is '" .. page_url{} .. "'")
      assert.equal(1, select(2, page:gsub("[Cc]ontent%-[Tt]ype: text/html", "")))
      assert.equal(0, select(2, page:gsub("[Cc]ontent%-[Tt]ype: application", "")))
      service:config{faults = {{endpoint = "authorize", fault = "status"}}}
      assert.equal(500, http.request("GET", page_url{}).status)
    end)
  end)

  describe("control of tokens", function()
    it("counts, ends and revokes them", function()
      local token = sign_in()
      service:sign_in(page_url{})
      assert.same({
        access = 1, refresh = 1, codes = 1, issued = 1, refreshed = 0, refused = 0, spoilt = 0, requests = 5,
      }, service:oauth())
      service:expire_tokens()
      assert.is_false(accepts(token.access_token))
      local next_one = ask{grant_type = "refresh_token", refresh_token = token.refresh_token}.json
      service:revoke_tokens{refresh = true}
      assert.is_true(accepts(next_one.access_token))
      assert.equal(0, service:oauth().refresh)
      service:revoke_tokens{}
      assert.is_false(accepts(next_one.access_token))
      service:register_tokens{access_token = "mine", refresh_token = "mine-too"}
      assert.is_true(accepts("mine"))
      assert.equal(200, ask{grant_type = "refresh_token", refresh_token = "mine-too"}.status)
      service:reset()
      assert.is_false(accepts("mine"))
      assert.is_true(accepts(service.token))
    end)

    it("refuses settings that are none", function()
      for key, value in pairs{access_life = 0, rotate = 1, reuse = "x", redirect_uris = "x", client_id = "",
          nonsense = 1, refresh_tokens = "never", access_size = 1, next_tokens = {{access_token = 1}}} do
        local ok, err = pcall(service.config, service, {oauth = {[key] = value}})
        assert.is_false(ok)
        assert.is_truthy(tostring(err):find("oauth." .. key, 1, true), tostring(err))
      end
      assert.is_false(pcall(service.config, service, {oauth = {redirect_uris = {"/back"}}}))
      assert.is_false(pcall(service.config, service, {oauth = {redirect_uris = {"http://a/\r\nX: y"}}}))
      assert.is_false(pcall(service.config, service, {oauth = {next_tokens = {{refresh = "x"}}}}))
    end)

    it("keeps no secret in the log, and spends no call", function()
      local token = sign_in()
      ask{grant_type = "refresh_token", refresh_token = "not-good"}
      http.request("GET", service.url .. "/v3/apps", {headers = {Referer = BACK .. "?code=abc"}})
      local log = service:log()
      log[#log] = nil
      local last = log[#log]
      assert.equal("token", last.endpoint)
      assert.equal("refresh_token", last.grant_type)
      assert.equal("invalid_grant", last.error)
      assert.is_true(log[#log - 1].issued)
      assert.equal("authorize", log[1].endpoint)
      local raw = http.request("GET", service.url .. "/_emulator/log").body
      for _, secret in ipairs{token.access_token, token.refresh_token, SECRET, "fusioo-emulator-password",
          "fusioo%-emulator%-password", "not-good", "code="} do
        assert.is_nil(raw:find(secret, 1, true))
      end
      assert.equal(0, service:stats().window.used)
    end)
  end)
end)
