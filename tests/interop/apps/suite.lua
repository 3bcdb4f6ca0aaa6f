-- suite.lua: the server that the official protocol suites of Engine.IO v4 and Socket.IO v5 expect; with EIO3=1 in the
-- environment, of Engine.IO v3 (that of v4 wants other versions refused).
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

io:configure { pingInterval = 300, pingTimeout = 200, maxHttpBufferSize = 1000000, cors = { origin = "*" } }

atrium.engine {
  path = "/engine.io",
  pingInterval = 300,
  pingTimeout = 200,
  maxHttpBufferSize = 1000000,
  allowEIO3 = os.getenv("EIO3") == "1",
  cors = { origin = "*" },
}
  :on("connection", function(socket)
    socket:on("message", function(data) socket:send(data) end)
  end)

io:on("connection", function(socket)
  socket:emit("auth", socket.handshake.auth)
  socket:on("message", function(...) socket:emit("message-back", ...) end)
  socket:on("message-with-ack", function(...)
    local args, n = { ... }, select("#", ...)
    args[n](unpack(args, 1, n - 1))
  end)
end)

io:of("/custom"):on("connection", function(socket) socket:emit("auth", socket.handshake.auth) end)
