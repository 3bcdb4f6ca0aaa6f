-- traffic.lua: what support/traffic.mjs talks to. A client tells who it is and which rooms it wants; it says numbers to
-- itself, to its id or to rooms, and hears which number of its own was the last before.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local me = os.getenv "NODE_APP_INSTANCE"

io:on("connection", function(socket)
  local who = socket.handshake.auth.who
  if not socket.recovered then socket:join(socket.handshake.auth.rooms) end
  socket:on("say", function(n, to, ack)
    local before = socket.data.said or 0
    socket.data.said = n
    if to == "self" then
      socket:emit("heard", who, to, n)
    else
      io:to(to == "id" and socket.id or to):emit("heard", who, to, n)
    end
    ack(before, me)
  end)
end)
atrium.http:get("/who", function() return me end)
