-- rates.lua: a server under limits, which the test sets by flags. Tells how connections ended, and who clients are.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local ends = {}

io:on("connection", function(socket)
  socket:emit("address", socket.handshake.address)
  socket:on("echo", function(text, ack) return ack and ack(text) end)
  socket:on("disconnect", function(reason, description) ends[#ends + 1] = { "io", reason, description or "" } end)
end)

atrium.websocket("/ws", {
  onOpen = function(ws) ws:send(ws.address) end,
  onMessage = function(ws, data) ws:send(data) end,
  onClose = function(_, code, reason) ends[#ends + 1] = { "ws", code, reason } end,
})

atrium.http:get("/ends", function(_, res)
  res:json(atrium.array(ends))
  ends = {}
end)
atrium.http:get("/address", function(req, res) res:send(req.address) end)
