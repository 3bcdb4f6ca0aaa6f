-- What the load generator wants of a server: five handlers per socket, and a bare engine that echoes.
local atrium = require "atrium"
local io = atrium.io

io:on("connection", function(socket)
  socket:on("echo", function(text) socket:emit("echo", text) end)
  socket:on("broadcast", function(text) io:emit("broadcast", text) end)
  socket:on("one", function() end)
  socket:on("two", function() end)
  socket:on("three", function() end)
end)

local engine = atrium.engine { path = "/engine.io/" }
engine:on("connection", function(socket)
  socket:on("message", function(data) socket:send(data) end)
end)
