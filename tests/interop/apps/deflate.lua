-- deflate.lua: echoes, and says everything to everyone.
--
-- SPDX-License-Identifier: MIT
local io = require("atrium").io

io:on("connection", function(socket)
  socket:on("echo", function(value, ack) ack(value) end)
  socket:on("all", function(...) io:emit("all", ...) end)
  socket:on("plain", function(text) socket:compress(false):emit("plain", text) end)
end)
