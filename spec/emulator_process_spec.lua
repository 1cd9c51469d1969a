-- The command fusioo-emulator: how it starts, says so, serves TLS, and ends with whoever started it.
--
-- Linux only where it looks into /proc.

local emulator = require "spec.support.emulator"
local http = require "spec.support.http"
local socket = require "socket"

local function output_of(command)
  local pipe = io.popen(command .. " 2>&1", "r")
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- Whether a process runs: it is there and no zombie.
local function runs(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then return false end
  local state = file:read("*a"):match("^.*%) (%S)")
  file:close()
  return state ~= "Z" and state ~= "X"
end

-- Waits until a process has ended, and asserts that it does so at all.
local function wait_for_end(pid)
  for _ = 1, 2000 do
    if not runs(pid) then return end
    socket.sleep(0.01)
  end
  error("process " .. pid .. " goes on")
end

-- Starts the command under a shell that stays its parent. Returns pid of shell and launcher, and the URL.
local function start_under_shell(prefix)
  local command = emulator.command {}
  local pipe = io.popen("exec sh -c 'echo $$; " .. (prefix or "") .. command:gsub("'", '"')
    .. " <&- & echo $!; wait' 2>/dev/null", "r")
  local shell, launcher = pipe:read("*l"), pipe:read("*l")
  local url = assert(pipe:read("*l")):match("(http://%S+)$")
  return { shell = tonumber(shell), launcher = tonumber(launcher), url = url, pipe = pipe }
end

local function nginx_of(url)
  return string.format("%d", http.request("GET", url .. "/_emulator/stats").json.pid)
end

describe("fusioo-emulator", function()
  it("answers as soon as it says that it listens, and ends when told", function()
    local service = emulator.start()
    local pid = string.format("%d", service:stats().pid)
    assert.equal(200, service:get("/v3/ping").status)
    service:stop()
    assert.is_false(runs(pid))
  end)

  it("keeps nothing on disk", function()
    local service = emulator.start()
    local pid = string.format("%d", service:stats().pid)
    local folder = output_of("tr '\\0 ' '\\n\\n' </proc/" .. pid .. "/cmdline"):match("(/%S*fusioo%-emulator%.%w+)")
    assert.truthy(folder)
    assert.truthy(output_of("ls -d " .. folder):find("No such file"))
    service:stop()
  end)

  it("runs several times side by side", function()
    local one, two = emulator.start { records = 1 }, emulator.start { records = 2 }
    local path = "/v3/records/apps/" .. one.apps.projects .. "/count"
    assert.equal(1, one:get(path).json.data.count)
    assert.equal(2, two:get(path).json.data.count)
    one:stop()
    two:stop()
  end)

  it("takes its settings from the command line", function()
    local service = emulator.start { calls = 1, window = 60, seed = 4, tokens = { "other" } }
    assert.equal(200, service:get("/v3/apps").status)
    assert.equal(429, service:get("/v3/apps").status)
    service:reset()
    assert.equal(200, service:get("/v3/apps").status)
    assert.equal(4, service:stats().settings.seed)
    service:stop()
  end)

  for _, signal in ipairs { "KILL", "TERM", "INT", "HUP" } do
    it("ends when its launcher gets SIG" .. signal, function()
      local started = start_under_shell(signal == "INT" and "trap - INT; exec env --default-signal=INT " or nil)
      local nginx = nginx_of(started.url)
      os.execute("kill -" .. signal .. " " .. started.launcher)
      wait_for_end(nginx)
      wait_for_end(started.launcher)
      started.pipe:close()
    end)
  end

  it("ends when the program that started it is killed", function()
    local started = start_under_shell()
    local nginx = nginx_of(started.url)
    os.execute("kill -KILL " .. started.shell)
    wait_for_end(nginx)
    wait_for_end(started.launcher)
    started.pipe:close()
  end)

  it("says what to install where nginx or its Lua module is missing", function()
    for program, why in pairs { ["/nonexistent"] = "nginx was not found", ["/bin/true"] = "/bin/true is no nginx" } do
      local text = output_of(emulator.command { nginx = program })
      assert.truthy(text:find(why, 1, true))
      assert.truthy(text:find("nginx-light libnginx-mod-http-lua", 1, true))
    end
  end)

  it("says that a port is taken", function()
    local service = emulator.start()
    local port = service.url:match("%d+$")
    assert.truthy(output_of(emulator.command { port = tonumber(port) }):find("port " .. port .. " is taken", 1, true))
    service:stop()
  end)

  it("refuses what makes no sense", function()
    assert.truthy(output_of(emulator.command { records = 2000000 }):find("records", 1, true))
    assert.truthy(output_of(emulator.command { certificate = "x" }):find("belong together", 1, true))
    assert.truthy(output_of(emulator.command {} .. " --help"):find("FUSIOO_BASE_URL", 1, true))
  end)

  it("serves TLS with HTTP/2 as well", function()
    if not output_of("curl --version"):find("HTTP2", 1, true) then return pending("needs curl with HTTP/2") end
    local folder = output_of("mktemp -d"):gsub("\n", "")
    output_of("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
      .. "subjectAltName=IP:127.0.0.1 -keyout " .. folder .. "/key -out " .. folder .. "/certificate")
    local service = emulator.start { certificate = folder .. "/certificate", key = folder .. "/key" }
    local text = output_of("curl -sS --cacert " .. folder .. "/certificate -H 'Authorization: Bearer "
      .. service.token .. "' " .. service.tls_url .. "/v3/ping")
    assert.equal('{"code":10000,"message":"Success","data":{}}', text)
    assert.equal("HTTP/2.0", service:log()[1].protocol)
    assert.equal(200, service:get("/v3/ping").status)
    service:stop()
    os.execute("rm -r " .. folder)
  end)
end)
