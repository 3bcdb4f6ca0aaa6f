-- metrics.lua: does whatever moves a figure. Settings come from the test.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local db = atrium.sqlite.open ":memory:"

io:use(function(socket, next)
  next(socket.handshake.auth.refuse and "refused" or nil)
end)

io:on("connection", function(socket)
  socket:on("echo", function(value, ack) return ack and ack(value) end)
  socket:on("fail", function() error "the handler is broken" end)
  socket:on("ask", function(ms, ack)
    ack((pcall(function() return socket:timeout(ms):emitWithAck "question" end)))
  end)
  socket:on("all", function(n, filler, ack) -- several at once, so that their flushes are shared
    for i = 1, n do io:emit("item", i, filler) end
    return ack and ack()
  end)
  socket:on("shed", function(filler, ack) -- more than a connection takes at once
    for _ = 1, 64 do socket.volatile:emit("shed", filler) end
    return ack and ack()
  end)
  socket:on("rooms", function(n, ack)
    local joined = 0
    for i = 1, n do joined = joined + (pcall(socket.join, socket, "room " .. i) and 1 or 0) end
    ack(joined)
  end)
  socket:on("wait", function(ms, ack)
    atrium.sleep(ms)
    ack()
  end)
  socket:on("count", function(key, ack)
    if key == "b" then atrium.store.set(key, "no number") end
    ack((pcall(atrium.store.incr, key)))
  end)
  socket:on("query", function(sql, ack)
    local ok, result = pcall(db.query, db, sql)
    ack(ok, ok and #result or tostring(result))
  end)
end)

-- Handshakes that nobody ever decides about.
atrium.engine { path = "/held", allowRequest = function() end }

atrium.websocket("/ws", {
  pingInterval = 30, idleTimeout = 600, maxConnections = 3,
  onOpen = function(ws) ws:subscribe "all" end,
  onMessage = function(ws, data)
    if data == "flood" then
      local filler = ("x"):rep(1024 * 1024)
      for _ = 1, 12 do ws:send(filler) end
    else
      atrium.publish("all", data)
    end
  end,
})
atrium.websocket("/closed", { allow = function() return false end })

atrium.http:post("/hello", function(_, res) res:send "hello" end)
atrium.http:get("/broken", function() error "the route is broken" end)
