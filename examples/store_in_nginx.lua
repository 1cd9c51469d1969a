-- store_in_nginx.lua: a store for tokens in a shared dictionary of nginx, for all workers of a server.
--
--     http {
--       lua_shared_dict fusioo_tokens 1m;
--       ...
--     }
--
--     local store_in_nginx = require "store_in_nginx"
--     local auth = fusioo.oauth.new{
--       client_id = ..., client_secret = ..., grant = "client_credentials",
--       store = store_in_nginx.new(ngx.shared.fusioo_tokens, "reports", 180),
--       timeout = {total = 20},
--     }
--     local client = fusioo.new{auth = auth, timeout = {total = 20}}
--
-- One worker renews the token, the others find the new one. A dictionary lives as long as nginx: a token that a person
-- has signed in for should be in a file as well, or in a database.
--
-- A worker that is killed while it renews leaves the lock behind until that runs out. It must not run out before a
-- renewal has: the request and the saving may each take a minute more than the greatest timeout.total of the sign-in
-- and of the clients that use it. The default is enough for their default of 300 seconds; where all of them have
-- timeout = {total = 20}, 180 seconds are.

local fusioo = require "fusioo"

local store_in_nginx = {}

local number = 0

-- `dict`: of ngx.shared; `name`: of the token in it; `lock_seconds`: see above.
function store_in_nginx.new(dict, name, lock_seconds)
  local lock_name = name .. ":lock"
  return {
    load = function()
      local text, err = dict:get(name)
      if not text then return nil, err end
      return fusioo.json.decode(text)
    end,

    -- safe_set: no other worker's token is thrown out to make room.
    save = function(token)
      local text, err = fusioo.json.encode(token)
      if not text then return nil, err end
      return dict:safe_set(name, text)
    end,

    lock = function()
      number = number + 1
      local mine = ("%d.%d"):format(ngx and ngx.worker.pid() or 0, number)
      local ok, err = dict:add(lock_name, mine, lock_seconds or 900)
      if ok then
        return function()
          if dict:get(lock_name) == mine then dict:delete(lock_name) end -- it may have run out, and be another's
        end
      elseif err == "exists" then
        return nil
      end
      return nil, err
    end,
  }
end

return store_in_nginx
