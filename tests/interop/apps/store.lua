-- store.lua: the store by HTTP: POST /ask [op, ...] does it in this server and answers what came of it.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local store, http = atrium.store, atrium.http
local held = {}

local ops = {
  get = store.get,
  set = store.set,
  del = store.del,
  incr = store.incr,
  expire = store.expire,
  holder = store.holder,
  lease = function(name, ttl, owner)
    local lease, other = store.lease(name, ttl, owner)
    if not lease then return nil, other end
    held[name] = lease
    return lease.epoch
  end,
  renew = function(name, ttl) return held[name]:renew(ttl) end,
  release = function(name) return held[name]:release() end,
  fenced = function(name, key, value) return store.set(key, value, { fence = held[name] }) end,
  pid = function() return tonumber((io.open "/proc/self/stat"):read "*n") end,
}

http:post("/ask", function(request, response)
  local order = request:json()
  local results = { pcall(ops[order[1]], unpack(order, 2, 5)) }
  local list = atrium.array {}
  for i = 1, 4 do list[i] = results[i] == nil and atrium.null or results[i] end
  response:json(list)
end)
