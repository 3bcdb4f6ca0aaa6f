-- tls.lua: says who the clients are, as far as TLS knows, and echoes.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local allowed = {}

io:configure {
  allowRequest = function(req, callback)
    allowed[req.address] = { secure = req.secure, clientCert = req.clientCert or atrium.null }
    callback(nil, true)
  end,
}

io:on("connection", function(socket)
  socket:on("echo", function(value, ack) ack(value) end)
  socket:on("who", function(ack)
    local h = socket.handshake
    ack { secure = h.secure, clientCert = h.clientCert or atrium.null, transport = socket.conn.transport.name,
          allowed = allowed[h.address] }
  end)
end)

atrium.http:get("/who", function(req, res)
  res:json { secure = req.secure, clientCert = req.clientCert or atrium.null }
end)
