-- surface.lua: what an application can reach from require "atrium": each kind of object, and its names.
--
-- Objects keep their methods and properties in upvalues of their metatables' __index (script/lua/socket.lua, class).
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local kinds = {}

local function add(names, from)
  for name in pairs(from) do
    if type(name) == "string" and not name:find "^_" then names[name] = true end
  end
end

local function see(kind, value, only_methods)
  local names = {}
  if type(value) == "table" and not only_methods then add(names, value) end
  local meta = debug.getmetatable(value)
  local index = meta and meta.__index
  if type(index) == "table" then
    add(names, index)
  elseif index then
    local found = false
    for i = 1, 60 do
      local name, upvalue = debug.getupvalue(index, i)
      if name == "methods" or name == "getters" then
        found = true
        add(names, upvalue)
      end
    end
    assert(found, "cannot look into " .. kind)
  end
  assert(next(names), "nothing in " .. kind)
  local list = atrium.array {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  kinds[kind] = list
end

see("atrium", atrium)
for _, name in ipairs { "timer", "log", "json", "sqlite", "store", "http" } do see(name, atrium[name]) end
local timer = atrium.timer.after(1000, function() end)
see("timer object", timer)
timer:stop()
local db = atrium.sqlite.open ":memory:"
see("database", db)
db:close()
atrium.spawn(function() see("lease", (atrium.store.lease("surface", 1000))) end)
see("bytes", atrium.bytes "x")
see("io", io)
see("io.engine", io.engine)
see("namespace", io:of "/other")
see("adapter", io:of("/other").adapter)
see("operator", io:to "room")

local engine = atrium.engine {}
see("engine", engine)
engine:on("connection", function(socket) see("engine socket", socket) end)
atrium.websocket("/ws", { onOpen = function(ws) see("websocket", ws) end })
io:on("connection", function(socket)
  see("socket", socket)
  see("flagged socket", socket.volatile)
  see("operator of a socket", socket.broadcast)
end)
atrium.http:get("/surface", function(req, res)
  see("request", req)
  see("response", res, true) -- its fields are its own affair
  return kinds
end)
