-- admin.lua: something to look at for administrators. Instrumented by the test's settings, or by this script when
-- INSTRUMENT says with what.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local options = os.getenv("INSTRUMENT")
if options then
  io:instrument(atrium.json.decode(options))
  local again, why = pcall(io.instrument, io, { auth = false })
  assert(not again and why:find("instrumented already"), why)
end
for wrong, says in pairs {
  ["{}"] = "auth option must be specified", ['{"auth":{"type":"basic","username":"a","password":"plain"}}'] = "bcrypt",
  ['{"auth":false,"store":1}'] = "no option \"store\"",
} do
  local good, why = pcall(io.configure, io, { admin = atrium.json.decode(wrong) })
  assert(not good and why:find(says, 1, true), why)
end

local function welcome(socket)
  socket:on("echo", function(...)
    local args = { ... }
    local ack = args[#args]
    if type(ack) == "function" then
      args[#args] = nil
      ack(unpack(args))
    else
      socket:emit("echo", ...)
    end
  end)
  socket:on("join", function(room, ack) socket:join(room) ack() end)
  socket:on("leave", function(room, ack) socket:leave(room) ack() end)
  socket:on("remember", function(name, value, ack)
    socket.data[name] = value
    ack()
  end)
  socket:on("remember odd things", function(ack)
    socket.data.fn = print
    socket.data.bytes = atrium.bytes("x")
    socket.data.self = {}
    socket.data.self.self = socket.data.self
    socket.data.long = ("x"):rep(100000)
    socket.data.good = 1
    ack()
  end)
  socket:on("remember later", function(value, ack)
    ack()
    atrium.sleep(50)
    socket.data.later = value
  end)
  socket:on("everyone", function(...) io:emit(...) end)
end

io:use(function(socket, next)
  socket.data.early = true
  next()
end)
io:on("connection", welcome)
io:of(atrium.pattern("^/dynamic%-")):on("connection", welcome)

-- The application may listen among the administrators, too.
io:of("/admin"):on("connection", function(socket)
  socket:on("own", function(ack) ack("heard") end)
end)
