-- service.lua: a fast server for the benchmarks: nginx and files.
--
-- Owns: the pages in build/bench/pages (made once, by the emulator) and the nginx that serves them. Must not know: who
-- asks. What is started here ends with stop(), and with bench/run whatever happens.

local emulator = require "spec.support.emulator"
local socket = require "socket"

local service = {}

service.RECORDS = 105000 -- in the pages
service.PAGE = 200
service.STRIDE = 199     -- neighbouring pages share one record
service.PAGES = math.ceil((service.RECORDS - 1) / service.STRIDE)

local CONFIGURATION = [[
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 256; }
http {
  access_log off;
  default_type application/json;
  keepalive_requests 10000000;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=2000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:$port;
    root $pages;
    location ~ ^/v3/records/apps/[^/]+/count$ {
      return 200 '{"code":10000,"message":"Success","data":{"count":$records}}';
    }
    location ~ ^/v3/records/apps/[^/]+$ { try_files /$arg_offset.json =404; }
    location = /v3/ping { return 200 '{"code":10000,"message":"Success","data":{}}'; }
  }
}
]]

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Makes the pages where they are not there yet. Returns their folder.
function service.pages(folder)
  local stamp = folder .. "/complete"
  if exists(stamp) then return folder end
  io.stderr:write("bench: making ", service.PAGES, " pages in ", folder, " (once)\n")
  assert(os.execute("mkdir -p '" .. folder .. "'"))
  local source = emulator.start { records = service.RECORDS, calls = 1000000 }
  local path = "/v3/records/apps/" .. source.apps.projects .. "?limit=200&offset="
  for page = 0, service.PAGES - 1 do
    local offset = string.format("%d", page * service.STRIDE)
    local answer = source:get(path .. offset)
    assert(answer.status == 200, answer.body)
    write(folder .. "/" .. offset .. ".json", answer.body)
  end
  source:stop()
  write(stamp, "")
  return folder
end

local function free_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return string.format("%d", port)
end

local function wait_until_up(port)
  for _ = 1, 500 do
    local connection = socket.connect("127.0.0.1", tonumber(port))
    if connection then
      connection:close()
      return
    end
    socket.sleep(0.01)
  end
  error("bench: nginx did not start")
end

-- Starts nginx; `work` is a folder for its own files. Returns {url =, stop =}.
function service.start(pages, work)
  local port = free_port()
  local values = { port = port, pages = pages, records = string.format("%d", service.RECORDS) }
  write(work .. "/nginx.conf", (CONFIGURATION:gsub("%$(%l+)", values)))
  local pipe = assert(io.popen("PATH=$PATH:/usr/sbin exec nginx -e stderr -p '" .. work .. "/' -c '" .. work
    .. "/nginx.conf' </dev/null 2>&1 & echo $!", "r"))
  local pid = pipe:read("*l")
  wait_until_up(port)
  return {
    url = "http://127.0.0.1:" .. port, pid = pid,
    stop = function()
      -- nginx says goodbye to its connections first.
      os.execute(("kill %s; for i in $(seq 200); do kill -0 %s 2>/dev/null || break; sleep 0.01; done"):format(
        pid, pid))
      pipe:close()
    end,
  }
end

return service
