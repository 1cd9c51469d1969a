-- The examples of signing in, as their users start them, against the emulator.

local emulator = require "spec.support.emulator"
local files = require "spec.support.files"
local fusioo = require "fusioo"
local http = require "spec.support.http"
local sign_ins = require "spec.support.sign_ins"
local socket = require "socket"

describe("the examples of signing in", function()
  local service, folder, port

  setup(function() service = emulator.start{records = 3} end)
  teardown(function() service:stop() end)

  before_each(function()
    service:reset()
    folder = files.folder()
    local probe = assert(socket.bind("127.0.0.1", 0))
    port = tonumber((select(2, probe:getsockname())))
    probe:close()
  end)

  local function variables(more)
    local registered, words = service.oauth_client, {"FUSIOO_BASE_URL=" .. service.url, more}
    for _, name in ipairs{"client_id", "client_secret", "authorize_url", "token_url"} do
      words[#words + 1] = ("FUSIOO_%s=%s"):format(name:upper(), registered[name])
    end
    return table.concat(words, " ")
  end

  -- Starts a script; the first line that comes is its process number.
  local function start(settings, script, argument)
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; echo $$; exec env %s %s examples/%s.lua %s"):format(settings,
      os.getenv "LUA" or "lua5.4", script, argument or "")))
    return pipe, assert(pipe:read("*l"))
  end

  -- The answer of a server that may not listen yet.
  local function visit(url, cookie)
    for _ = 1, 1000 do
      local ok, answer = pcall(http.request, "GET", url, {headers = {Cookie = cookie}})
      if ok then return answer end
      socket.sleep(0.01)
    end
    error("nobody listens at " .. url)
  end

  it("sign in from a terminal, and leave the token to others", function()
    local path = folder .. "/token.json"
    local pipe = start(variables(("FUSIOO_REDIRECT_URI=http://127.0.0.1:%d/signed-in"):format(port)), "sign_in", path)
    local url
    repeat url = assert(pipe:read("*l")):match("^%s+(http%S+)") until url
    assert.equal(200, visit(service:sign_in(url)).status)
    assert.matches("Signed in; 3 apps", sign_ins.finish(pipe))
    local auth = sign_ins.new(service, {store = fusioo.store.file(path)})
    assert.equal(3, #assert(sign_ins.client(service, auth):get_apps()))
    assert.equal(1, #sign_ins.token_requests(service))
  end)

  it("say what is missing", function()
    local output = sign_ins.finish((start("FUSIOO_CLIENT_ID=x", "sign_in")))
    assert.matches("^sign_in: set FUSIOO_CLIENT_SECRET", output)
    output = sign_ins.finish((start("FUSIOO_CLIENT_ID=x FUSIOO_CLIENT_SECRET=y FUSIOO_REDIRECT_URI=nonsense",
      "sign_in")))
    assert.matches("redirect_uri", output)
  end)

  it("sign visitors of a web application in, each as oneself", function()
    local pipe, pid = start(variables(), "web_sign_in", port)
    local base = ("http://127.0.0.1:%d"):format(port)
    local function cookie_of(answer) return answer.headers["set-cookie"]:match("^(session=%x*)") end
    assert.matches("/sign%-in", visit(base .. "/").body)

    local function sign_in()
      local begun = visit(base .. "/sign-in")
      local first = cookie_of(begun)
      local redirected = service:sign_in(begun.headers.location)
      -- A visitor with another session, or none, cannot end this sign-in.
      assert.equal(400, visit(redirected).status)
      assert.equal(403, visit(redirected, cookie_of(visit(base .. "/sign-in"))).status)
      local back = visit(redirected, first)
      assert.equal(303, back.status)
      assert.not_equal(first, cookie_of(back))
      assert.matches("/sign%-in", visit(base .. "/", first).body)
      assert.equal(400, visit(redirected, cookie_of(back)).status) -- nor once more
      return cookie_of(back)
    end

    local ada, ben = sign_in(), sign_in()
    for _, cookie in ipairs{ada, ben} do assert.matches("<li>Projects</li>", visit(base .. "/", cookie).body) end
    service:expire_tokens()
    assert.matches("<li>Projects</li>", visit(base .. "/", ada).body)
    assert.equal(1, #sign_ins.token_requests(service, "refresh_token"))
    visit(base .. "/sign-out", ada)
    assert.matches("/sign%-in", visit(base .. "/", ada).body)
    service:revoke_tokens{}
    assert.equal(502, visit(base .. "/", ben).status)
    assert.equal(404, visit(base .. "/nowhere").status)
    os.execute("kill " .. pid)
    local output = sign_ins.finish(pipe)
    assert.matches("sign in", output)
    assert.is_nil(output:find("traceback", 1, true))
  end)

  describe("keep tokens", function()
    local path_before

    setup(function()
      path_before = package.path
      package.path = "examples/?.lua;" .. package.path
    end)

    teardown(function() package.path = path_before end)

    -- A dictionary as ngx.shared has them, by its documentation.
    local function new_dict()
      local values = {}
      return {
        values = values,
        get = function(_, key) return values[key] end,
        safe_set = function(self, key, value)
          if self.is_full then return nil, "no memory" end
          values[key] = value
          return true
        end,
        add = function(_, key, value)
          if values[key] ~= nil then return false, "exists", false end
          values[key] = value
          return true, nil, false
        end,
        delete = function(_, key) values[key] = nil end,
      }
    end

    it("in a dictionary that nginx's workers share", function()
      local stores = require "store_in_nginx"
      local dict, clients = new_dict(), {}
      for i = 1, 3 do
        local auth = sign_ins.new(service, {grant = "password", store = stores.new(dict, "one")})
        clients[i] = sign_ins.client(service, auth)
      end
      local functions = {}
      for i = 1, 12 do functions[i] = function() return clients[i % 3 + 1]:get_apps() end end
      for _, result in ipairs(fusioo.all(functions, 12)) do assert(result.value, tostring(result.err)) end
      assert.equal(1, #sign_ins.token_requests(service))
      service:expire_tokens()
      for _, result in ipairs(fusioo.all(functions, 12)) do assert(result.value, tostring(result.err)) end
      assert.equal(1, #sign_ins.token_requests(service, "refresh_token"))
      assert.is_nil(dict.values["one:lock"])
      dict.is_full = true
      local token, err = sign_ins.new(service, {grant = "client_credentials", store = stores.new(dict, "two")}):token()
      assert.is_nil(token)
      assert.matches("no memory", tostring(err))
    end)

    it("in a secret service, by its command", function()
      local tool = folder .. "/secret-tool"
      files.write(tool, ([[#!/bin/sh
        echo "$@" >> '%s/lines'
        case $1 in
        store) cat > '%s/secret' ;;
        lookup) cat '%s/secret' ;;
        esac]]):format(folder, folder, folder))
      os.execute("chmod 700 '" .. tool .. "'")
      -- os.setenv is none of Lua's: a program of its own has the tool in its PATH.
      local text = [[
        package.path = "examples/?.lua;" .. package.path
        local store = require "store_by_command".new "it's me"
        local auth = sign_ins.new(service, {grant = "password", store = store})
        local token = assert(auth:token())
        assert(require "store_by_command".new "it's me".load().access_token == token.access_token)
        print(#assert(sign_ins.client(service, auth):get_apps()))
      ]]
      assert.equal("3\n", sign_ins.finish(sign_ins.start(service, text, "PATH='" .. folder .. "':$PATH")))
      local lines = files.read(folder .. "/lines")
      assert.matches("lookup service fusioo account it's me\n", lines)
      local token = assert(fusioo.json.decode(files.read(folder .. "/secret")))
      assert.is_nil(lines:find(token.access_token, 1, true))
      assert.matches("nil\n$", sign_ins.finish(sign_ins.start(service, [[
        package.path = "examples/?.lua;" .. package.path
        local token, err = sign_ins.new(service, {grant = "password",
          store = require "store_by_command".new "me"}):token()
        assert(tostring(err):find("keyring unlocked", 1, true), tostring(err))
        print(token)
      ]], "PATH='" .. folder .. "':$PATH; chmod 000 '" .. folder .. "/secret-tool'; PATH=$PATH")))
    end)

    it("in a secret service whose command ends before it has read them", function()
      files.write(folder .. "/secret-tool", "#!/bin/sh\nexit 1\n")
      os.execute("chmod 700 '" .. folder .. "/secret-tool'")
      files.write(folder .. "/save.lua", [[
        package.path = "examples/?.lua;" .. package.path
        local kept, err = require "store_by_command".new "me".save{access_token = ("x"):rep(200000)}
        print(kept, err)
      ]])
      local command = ("env --default-signal=PIPE PATH='%s':\"$PATH\" %s '%s/save.lua' 2>&1; echo $?")
      local output = files.output_of(command:format(folder, os.getenv "LUA" or "lua5.4", folder))
      assert.matches("keyring unlocked.*\n0$", output)
    end)
  end)
end)
