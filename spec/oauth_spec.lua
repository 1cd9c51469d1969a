-- Signing in: each grant from its first request to a call of the API, what is refused, what people are told.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local scripted = require "spec.support.scripted_server"
local sign_ins = require "spec.support.sign_ins"

describe("signing in", function()
  local service

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)
  before_each(function() service:reset() end)

  local function can_call(auth)
    return #assert(sign_ins.client(service, auth):get_apps()) == 3
  end

  local function grants()
    local found = {}
    for i, entry in ipairs(sign_ins.token_requests(service)) do found[i] = entry.grant_type end
    return found
  end

  local function assert_token(token)
    assert.is_string(token.access_token)
    assert.equal("bearer", token.token_type:lower())
    assert.is_true(math.abs(token.expires_at - os.time() - 3600) < 60)
    assert.is_true(can_call(fusioo.oauth.new(sign_ins.options(service, {
      store = {load = function() return token end, save = function() end},
    }))))
  end

  -- ---- The grants ----

  describe("with a code", function()
    it("leads to a token that calls use", function()
      local auth = sign_ins.new(service)
      local token = assert(sign_ins.sign_in(service, auth))
      assert_token(token)
      assert.is_string(token.refresh_token)
      assert.same(token, auth:token())
      assert.is_true(can_call(auth))
      assert.same({"authorization_code"}, grants())
    end)

    it("is renewed with the refresh token", function()
      local auth = sign_ins.new(service)
      local first = assert(sign_ins.sign_in(service, auth))
      local second = assert(auth:refresh())
      assert.not_equal(first.access_token, second.access_token)
      assert.not_equal(first.refresh_token, second.refresh_token)
      assert.same(second, auth:token())
      assert.same({"authorization_code", "refresh_token"}, grants())
    end)

    it("keeps the refresh token of a service that gives no other", function()
      service:config{oauth = {rotate = false}}
      local auth = sign_ins.new(service)
      local first = assert(sign_ins.sign_in(service, auth))
      local second = assert(auth:refresh())
      assert.equal(first.refresh_token, second.refresh_token)
      assert.is_truthy(auth:refresh())
    end)

    it("is good once", function()
      local auth = sign_ins.new(service)
      local url, state = auth:authorize_url()
      local redirected = service:sign_in(url)
      assert(auth:finish(redirected, state))
      local token, err = auth:finish(redirected, state)
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.matches("invalid_grant", tostring(err))
      assert.matches("sign in again", tostring(err))
    end)

    it("says what the person said", function()
      local auth = sign_ins.new(service)
      local token, err = sign_ins.sign_in(service, auth, {decision = "deny"})
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.matches("access_denied", tostring(err))
      assert.same({}, grants())
    end)

    it("goes where redirect_uri says, with what belongs to that", function()
      local auth = sign_ins.new(service, {redirect_uri = "http://127.0.0.1:9/a/b?c=d"})
      assert.is_truthy(sign_ins.sign_in(service, auth))
    end)
  end)

  describe("with the implicit grant", function()
    it("brings the token in the fragment, and spends no request", function()
      local auth = sign_ins.new(service, {grant = "implicit"})
      local token = assert(sign_ins.sign_in(service, auth))
      assert_token(token)
      assert.is_nil(token.refresh_token)
      assert.is_true(can_call(auth))
      assert.same({}, grants())
    end)

    it("ends where the token ends", function()
      local auth = sign_ins.new(service, {grant = "implicit"})
      assert(sign_ins.sign_in(service, auth))
      service:expire_tokens()
      local apps, err = sign_ins.client(service, auth):get_apps()
      assert.is_nil(apps)
      assert.equal("auth", err.kind)
      assert.equal(401, err.status)
      assert.matches("sign in", tostring(err))
      assert.same({}, grants())
    end)

    it("needs the fragment", function()
      local auth = sign_ins.new(service, {grant = "implicit"})
      local url, state = auth:authorize_url()
      local redirected = service:sign_in(url):match("^[^#]*")
      local token, err = auth:finish(redirected .. "?state=" .. state, state)
      assert.is_nil(token)
      assert.equal("invalid", err.kind)
      assert.matches("#", tostring(err))
    end)
  end)

  describe("with a password", function()
    it("leads to a token", function()
      local auth = sign_ins.new(service, {grant = "password"})
      assert_token(assert(auth:token()))
      assert.is_true(can_call(auth))
      assert.same({"password"}, grants())
    end)

    it("is used again where the refresh token is dead", function()
      local auth = sign_ins.new(service, {grant = "password"})
      assert(auth:token())
      service:revoke_tokens{}
      assert.is_true(can_call(auth))
      assert.same({"password", "refresh_token", "password"}, grants())
    end)

    it("says that it is wrong", function()
      local auth = sign_ins.new(service, {grant = "password", password = "not-the-password"})
      local token, err = auth:token()
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.equal(400, err.status)
      assert.matches("username and password", tostring(err))
    end)
  end)

  describe("with the application's own credentials", function()
    it("leads to a token", function()
      local auth = sign_ins.new(service, {grant = "client_credentials"})
      local token = assert(auth:token())
      assert_token(token)
      assert.is_nil(token.refresh_token)
      assert.is_true(can_call(auth))
      assert.same({"client_credentials"}, grants())
    end)

    it("gets another one where the service refuses the first", function()
      local auth = sign_ins.new(service, {grant = "client_credentials"})
      assert(auth:token())
      service:expire_tokens()
      assert.is_true(can_call(auth))
      assert.same({"client_credentials", "client_credentials"}, grants())
    end)

    it("says that they are wrong", function()
      local auth = sign_ins.new(service, {grant = "client_credentials", client_secret = "not-the-secret"})
      local token, err = auth:token()
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.equal(401, err.status)
      assert.matches("client_id and client_secret", tostring(err))
    end)
  end)

  -- ---- What is refused ----

  it("refuses a redirect of another sign-in", function()
    local auth = sign_ins.new(service)
    local url, state = auth:authorize_url()
    local other_url, other_state = auth:authorize_url()
    assert.not_equal(state, other_state)
    assert.matches("^%x+$", state)
    assert.equal(32, #state)
    local token, err = auth:finish(service:sign_in(other_url), state)
    assert.is_nil(token)
    assert.equal("invalid", err.kind)
    assert.matches("state", tostring(err))
    assert.is_truthy(auth:finish(service:sign_in(url), state))
  end)

  it("refuses a redirect where no state was kept", function()
    local auth = sign_ins.new(service)
    local redirected = service:sign_in((auth:authorize_url()))
    for _, forged in ipairs{redirected, (redirected:gsub("state=%x+", "state="))} do
      local token, err = auth:finish(forged, "")
      assert.is_nil(token)
      assert.equal("invalid", err.kind)
    end
    assert.same({}, grants())
  end)

  it("repeats no secret that a redirect brings", function()
    local auth = sign_ins.new(service)
    local url, state = auth:authorize_url()
    local secret = service.oauth_client.client_secret
    local redirected = service:sign_in(url, {decision = "deny"}):gsub("%?.*", "?error=server_error&state=" .. state ..
      "&error_description=not+" .. secret .. "+nor+" .. state)
    local token, err = auth:finish(redirected, state)
    assert.is_nil(token)
    assert.matches("server_error: not %*%*%* nor %*%*%*", tostring(err))
  end)

  it("refuses another host or path", function()
    local auth = sign_ins.new(service)
    local url, state = auth:authorize_url()
    local redirected = service:sign_in(url)
    for _, other in ipairs{redirected:gsub("127.0.0.1", "localhost"), redirected:gsub("/signed%-in", "/elsewhere"),
        redirected:gsub(":9/", ":10/")} do
      if type(other) == "string" then
        local token, err = auth:finish(other, state)
        assert.is_nil(token)
        assert.equal("invalid", err.kind)
        assert.matches("redirect_uri", tostring(err))
      end
    end
    assert.same({}, grants())
  end)

  it("tells before any request that nobody has signed in", function()
    local auth = sign_ins.new(service)
    local token, err = auth:token()
    assert.is_nil(token)
    assert.equal("auth", err.kind)
    local apps
    apps, err = sign_ins.client(service, auth):get_apps()
    assert.is_nil(apps)
    assert.equal("auth", err.kind)
    assert.matches("nobody has signed in", tostring(err))
    assert.equal(0, #service:log())
  end)

  it("raises on options that make no sense, and repeats no secret", function()
    local function message(options)
      local ok, err = pcall(fusioo.oauth.new, options)
      assert.is_false(ok)
      assert.is_string(err)
      assert.is_nil(err:find("canary", 1, true))
      return err
    end
    assert.matches("client_id", message{})
    assert.matches("UTF%-8", message{client_id = "caf\233"})
    assert.matches("did you mean 'client_id'", message{client_idd = "x"})
    assert.matches("client_secret", message{client_id = "x", grant = "client_credentials"})
    assert.matches("username or password", message{client_id = "x", grant = "password", password = "canary"})
    assert.matches("grant", message{client_id = "x", grant = "passwords"})
    assert.matches("client_secret", message{client_id = "x", client_secret = {"canary"}})
    assert.is_nil(message{client_id = "x", grant = "password", username = "u", password = 1234567}:find("1234567"))
    assert.matches("store", message{client_id = "x", store = "a path"})
    assert.matches("store", message{client_id = "x", store = {load = print}})
    assert.matches("redirect_uri", message{client_id = "x", redirect_uri = "/back"})
    assert.matches("token_url", message{client_id = "x", token_url = "http://fusioo.example/oauth/token"})
    assert.matches("authorize_url", message{client_id = "x", authorize_url = "ftp://fusioo.example"})
    assert.matches("auth", select(2, pcall(fusioo.new, {auth = {}})))
    assert.matches("two ways", select(2, pcall(fusioo.new, {auth = sign_ins.new(service), token = "canary"})))
  end)

  it("tells in a call's error, too, what the token endpoint did", function()
    local server = scripted.start()
    local function fail(step)
      server:script{step}
      local auth = sign_ins.new(service, {grant = "client_credentials", token_url = server.url .. "/oauth/token"})
      local apps, err = sign_ins.client(service, auth, {timeout = {total = 0.3}}):get_apps()
      assert.is_nil(apps)
      return err
    end
    local err = fail(scripted.answer{status = 401, body = "<html>"})
    assert.equal("auth", err.kind)
    assert.matches("^fusioo: GET /v3/apps: there is no token: POST /oauth/token: HTTP 401: .*check client_id",
      tostring(err))
    err = fail(scripted.answer{status = 404, body = '{"error":"invalid_request"}'})
    assert.is_nil(err.status) -- of the call, which was not sent
    assert.matches("no token: HTTP 404: the token endpoint %(POST /oauth/token%) says invalid_request", tostring(err))
    err = fail(scripted.answer{body = '{"access_token":"a","token_type":"mac"}'})
    assert.matches("token_type is not Bearer", tostring(err))
    err = fail(scripted.answer{body = ("x"):rep(300000)})
    assert.matches("POST /oauth/token: .*check token_url %[api%]$", tostring(err))
    err = fail{bytes = "", after = "stall"}
    assert.equal("timeout", err.kind)
    assert.matches("the token endpoint %(POST /oauth/token%) brought no token, requests sent: 1", tostring(err))
    server:stop()
  end)

  it("spends no more calls on a sign-in that has ended", function()
    local auth = sign_ins.new(service)
    assert(sign_ins.sign_in(service, auth))
    service:revoke_tokens{}
    local client = sign_ins.client(service, auth)
    for _ = 1, 3 do
      local apps, err = client:get_apps()
      assert.is_nil(apps)
      assert.equal("auth", err.kind)
      assert.is_nil(auth:token())
    end
    assert.equal(1, client:stats().calls)
    assert(sign_ins.sign_in(service, auth))
    assert(client:get_apps())
  end)

  it("raises where there is no page to sign in on", function()
    local auth = sign_ins.new(service, {grant = "client_credentials"})
    assert.has_error(function() auth:authorize_url() end,
      "oauth:authorize_url: this grant has no page where a person signs in")
    assert.has_error(function() fusioo.oauth.new{client_id = "x"}:authorize_url() end)
    assert.has_error(function() auth:finish("http://127.0.0.1:9/signed-in") end)
  end)

  it("shows no secret of itself", function()
    local auth = sign_ins.new(service, {grant = "password"})
    assert(auth:token())
    assert.equal("fusioo.oauth (password, client_id fusioo-emulator-client)", tostring(auth))
    assert.is_nil(tostring(sign_ins.client(service, auth)):find("secret", 1, true))
  end)

  -- ---- Stores ----

  it("finds the token of the run before", function()
    local path = files.folder() .. "/deep/token.json"
    local first = assert(sign_ins.sign_in(service, sign_ins.new(service, {store = fusioo.store.file(path)})))
    local auth = sign_ins.new(service, {store = fusioo.store.file(path)})
    assert.same(first, auth:token())
    assert.same(first, fusioo.store.file(path).load())
    assert.equal("600", files.output_of("stat -c %a '" .. path .. "'"))
    assert.same({"authorization_code"}, grants())
  end)

  -- The default file is one for all: nobody's token may go to another's service, or be refreshed by another.
  it("leaves another application's token alone", function()
    local path = files.folder() .. "/token.json"
    local function new(given)
      given.grant, given.store = given.grant or "password", fusioo.store.file(path)
      return sign_ins.new(service, given)
    end
    local kept = assert(new{}:token())
    service:clear_log()
    local elsewhere = service.oauth_client.token_url:gsub("127.0.0.1", "localhost")
    for _, other in ipairs{{client_id = "another"}, {token_url = elsewhere}} do
      for _, ask in ipairs{"token", "refresh"} do
        local token, err = new(other)[ask](new(other))
        assert.is_nil(token)
        assert.equal("invalid", err.kind)
        assert.matches("needs a file of its own", tostring(err))
      end
    end
    local auth = new{client_id = "another", grant = "authorization_code"}
    local _, state = auth:authorize_url()
    local token, err = auth:finish("http://127.0.0.1:9/signed-in?code=1&state=" .. state, state)
    assert.is_nil(token)
    assert.matches("needs a file of its own", tostring(err))
    assert.same({}, grants())
    assert.same(kept, fusioo.store.file(path).load())
    assert(fusioo.store.file(path).save(kept)) -- a program may put one there for anybody
    assert.same(kept, new{client_id = "another"}:token())
  end)

  it("removes nobody's files", function()
    local folder = files.folder()
    files.write(folder .. "/database.secret", "x")
    os.execute("touch -d '1 day ago' '" .. folder .. "/database.secret'")
    assert(sign_ins.new(service, {grant = "password", store = fusioo.store.file(folder .. "/token.json")}):token())
    assert.equal("x", files.read(folder .. "/database.secret"))
  end)

  it("keeps it in the state folder unless told otherwise", function()
    local auth = sign_ins.new(service, {grant = "client_credentials", store = fusioo.store.file()})
    local token = assert(auth:token())
    local file = assert(io.open(os.getenv "XDG_STATE_HOME" .. "/fusioo/token.json"))
    assert.is_truthy(file:read("*a"):find(token.access_token, 1, true))
    file:close()
  end)

  it("does not start where the token could not be kept", function()
    local path = files.folder() .. "/token.json"
    os.execute("ln -s /dev/full '" .. path .. "'")
    local token, err = sign_ins.new(service, {grant = "password", store = fusioo.store.file(path)}):token()
    assert.is_nil(token)
    assert.equal("invalid", err.kind)
    assert.same({}, grants())
  end)

  it("refuses a token file that others can read", function()
    local path = files.folder() .. "/token.json"
    assert(sign_ins.new(service, {grant = "password", store = fusioo.store.file(path)}):token())
    os.execute("chmod 644 '" .. path .. "'")
    service:clear_log()
    local auth = sign_ins.new(service, {grant = "password", store = fusioo.store.file(path)})
    local apps, err = sign_ins.client(service, auth):get_apps()
    assert.is_nil(apps)
    assert.equal("invalid", err.kind)
    assert.matches("others can read", tostring(err))
    assert.same({}, grants())
  end)

  -- ---- Clients ----

  it("lets one program serve many users", function()
    service:config{oauth = {client_id = "of-many-users"}} -- whose window no other test has used
    local function new() return sign_ins.new(service, {client_id = "of-many-users"}) end
    local client = sign_ins.client(service, new(), {rate = {calls = 10, window = 3600, ledger = false}})
    local ada, ben = new(), new()
    assert(sign_ins.sign_in(service, ada))
    assert(sign_ins.sign_in(service, ben))
    local one, other = client:with{auth = ada, tag = "ada"}, client:with{auth = ben, tag = "ben"}
    assert(one:get_apps())
    assert(other:get_apps())
    -- All of them are the application's: they share its window.
    assert.equal(8, client:budget().remaining)
    local own = client:with{auth = ben, rate = {key = "another company"}}
    assert(own:get_apps())
    assert.equal(9, own:budget().remaining)
    assert.equal(8, client:budget().remaining)
    assert.equal(1, client:stats().by_tag.ada.calls)
  end)

  it("shares the ledger of an application's processes by its client id", function()
    local rate = {calls = 10, window = 3600}
    local one = sign_ins.client(service, sign_ins.new(service, {grant = "client_credentials"}), {rate = rate})
    assert(one:get_apps())
    local text = [[
      local auth = sign_ins.new(service, {grant = "client_credentials", client_id = %q})
      print(fusioo.new{base_url = service.url, auth = auth, rate = {calls = 10, window = 3600}}:budget().used)
    ]]
    local registered = service.oauth_client.client_id
    assert.equal("1\n", sign_ins.finish(sign_ins.start(service, text:format(registered))))
    assert.equal("0\n", sign_ins.finish(sign_ins.start(service, text:format("another-one"))))
  end)

  it("changes from a token to a sign-in and back", function()
    local client = files.client(service)
    local view = client:with{auth = sign_ins.new(service, {grant = "client_credentials"})}
    assert(view:get_apps())
    assert(view:with{token = service.token}:get_apps())
    assert.same({"client_credentials"}, grants())
    assert.has_error(function() client:with{auth = sign_ins.new(service), token = "x"} end)
  end)

  it("tells what happens to the token", function()
    local events = {}
    local function note(event) events[#events + 1] = event end
    local auth = sign_ins.new(service, {grant = "password", on_event = note})
    local token = assert(auth:token())
    assert.same({{type = "token", why = "missing", expires_at = token.expires_at}}, events)
    assert(auth:refresh())
    assert.equal("asked for", events[2].why)
    service:expire_tokens()
    local of_client = {}
    local client = sign_ins.client(service, auth, {
      on_event = function(event) of_client[#of_client + 1] = event.type end,
    })
    assert(client:get_apps())
    assert.same({"request", "response", "token", "request", "response"}, of_client)
    assert.equal(2, #events)
  end)
end)
