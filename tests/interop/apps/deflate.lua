-- deflate.lua: echoes, and says everything to everyone.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

io:on("connection", function(socket)
  socket:on("echo", function(value, ack) ack(value) end)
  socket:on("all", function(...) io:emit("all", ...) end)
  socket:on("plain", function(text) socket:compress(false):emit("plain", text) end)
  socket:on("to me", function(on, text) socket:compress(on):emit("said", text) end)
  socket:on("to all", function(on, text) io:compress(on):emit("said", text) end)
end)

-- The same without Socket.IO. A message goes back; one that begins with * goes to everyone.
local function endpoint(path, options)
  function options.onOpen(ws) ws:subscribe(path) end
  function options.onMessage(ws, data, binary)
    if not binary and data:sub(1, 1) == "*" then
      atrium.publish(path, data)
    else
      ws:send(data, binary)
    end
  end
  atrium.websocket(path, options)
end
endpoint("/off", {})
endpoint("/shared", { perMessageDeflate = true, pingInterval = 20 })
endpoint("/own", { perMessageDeflate = { serverNoContextTakeover = false, threshold = 0 }, maxPayload = 100000 })
