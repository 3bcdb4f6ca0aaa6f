-- What the load generator wants of a plain WebSocket server: echoes; what begins with "*" goes to everyone.
local atrium = require "atrium"

atrium.websocket("/", {
  onOpen = function(ws) ws:subscribe "everyone" end,
  onMessage = function(ws, data)
    if type(data) == "string" and data:byte() == 42 then
      atrium.publish("everyone", data)
    else
      ws:send(data)
    end
  end,
})
