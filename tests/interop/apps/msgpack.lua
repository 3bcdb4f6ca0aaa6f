-- msgpack.lua: sets its parser by what the test says, and tells what values are to Lua.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

if os.getenv "PARSER" then io:configure { parser = os.getenv "PARSER" } end

local function kind(value)
  if value == atrium.null then return "null" end
  return getmetatable(value) == getmetatable(atrium.bytes "") and "bytes " .. #value or type(value)
end

io:on("connection", function(socket)
  socket:emit("auth", socket.handshake.auth or atrium.null)
  socket:on("echo", function(...) socket:emit("echo", ...) end)
  socket:on("reflect", function(...)
    local args, n = { ... }, select("#", ...)
    args[n](unpack(args, 1, n - 1))
  end)
  socket:on("kinds", function(...)
    local list, args = atrium.array {}, { ... }
    for i = 1, #args - 1 do list[i] = kind(args[i]) end
    args[#args](list)
  end)
  socket:on("members", function(object, ack)
    local names = atrium.array {}
    for name in pairs(object) do names[#names + 1] = name end
    table.sort(names)
    ack(names)
  end)
end)
