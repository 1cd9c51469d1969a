-- nginx's configuration for the emulator.
--
-- Owns: the text of the configuration file. Must not know: where nginx is, what the emulator does. Plain Lua, all
-- versions.
--
-- One process that stays in the foreground, listens on the loopback address alone, and keeps every file it wants in a
-- folder of its own. A system's nginx is not touched.

local conf = {}

local TEMPLATE = [[
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
$modules
events {
  worker_connections 4096;
}
http {
  access_log off;
  default_type application/json;
  server_tokens off;
  merge_slashes off;
  keepalive_requests 10000000;
  keepalive_timeout 600s;
  large_client_header_buffers 8 32k;
  client_max_body_size 1m;
  client_body_buffer_size 1m;
  client_body_in_single_buffer on;
$temp_paths
  gzip on;
  gzip_types application/json;
  gzip_min_length 200;
  gzip_comp_level 1;
  gzip_proxied any;
  lua_package_path "$root/?.lua;;";
  lua_socket_log_errors off;
  lua_max_running_timers 4096;
  init_by_lua_block { require("fusioo.emulator.server").init() }
  init_worker_by_lua_block { require("fusioo.emulator.server").init_worker() }
  exit_worker_by_lua_block { require("fusioo.emulator.server").exit_worker() }
  server {
    listen 127.0.0.1:$port;
$tls
    location / {
      content_by_lua_block { require("fusioo.emulator.server").handle() }
    }
    location /v3/files {
      client_max_body_size 0;
      client_body_buffer_size 64m;
      content_by_lua_block { require("fusioo.emulator.server").handle() }
    }
  }
  server {
    listen 127.0.0.1:$other_port;
    location / {
      content_by_lua_block { require("fusioo.emulator.server").handle_elsewhere() }
    }
  }
}
]]

local TLS = [[
    listen 127.0.0.1:$tls_port ssl$http2;
    ssl_certificate "$certificate";
    ssl_certificate_key "$key";
]]

local TEMP_PATHS = { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }

local function quoted(text)
  return (text:gsub('[\\"]', "\\%0"))
end

local function fill(template, values)
  return (template:gsub("%$([%w_]+)", values))
end

local function temp_paths(nginx)
  local lines = {}
  for _, name in ipairs(TEMP_PATHS) do
    if name == "client_body" or not nginx.without[name] then
      lines[#lines + 1] = "  " .. name .. "_temp_path " .. name .. ";"
    end
  end
  return table.concat(lines, "\n")
end

local function tls(nginx, options)
  if not options.certificate then return "" end
  local new_style = nginx.version >= 1025001 -- where `http2` became a directive of its own
  return fill(TLS, {
    tls_port = string.format("%d", options.tls_port),
    http2 = new_style and "" or " http2",
    certificate = quoted(options.certificate), key = quoted(options.key),
  }) .. (new_style and "    http2 on;\n" or "")
end

-- The configuration. `nginx`: what launch.lua found out about the program: version (1.22.1 as 1022001),
-- modules (paths to load), without (names of parts it was built without). `options`: root (the folder that holds
-- fusioo/), port, other_port, and for TLS tls_port, certificate, key.
function conf.text(nginx, options)
  local modules = {}
  for i, path in ipairs(nginx.modules) do modules[i] = 'load_module "' .. quoted(path) .. '";' end
  return fill(TEMPLATE, {
    modules = table.concat(modules, "\n"), temp_paths = temp_paths(nginx),
    root = quoted(options.root), port = string.format("%d", options.port),
    other_port = string.format("%d", options.other_port),
    tls = tls(nginx, options),
  })
end

return conf
