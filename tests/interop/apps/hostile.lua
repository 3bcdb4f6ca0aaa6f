-- hostile.lua: a little of everything, for clients that mean harm.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"

atrium.io:on("connection", function(socket)
  socket:on("echo", function(...) socket:emit("echo", ...) end)
  socket:on("reflect", function(...)
    local args, n = { ... }, select("#", ...)
    if type(args[n]) == "function" then args[n](unpack(args, 1, n - 1)) end
  end)
  socket:on("flood", function(n)
    for _ = 1, n do socket:emit("drop", ("x"):rep(1000)) end
  end)
end)

atrium.engine { path = "/engine.io" }:on("connection", function(socket)
  socket:on("message", function(data) socket:send(data) end)
end)

atrium.http:get("/hello", function(_, res) res:send "hello" end)
atrium.http:get("/secret", function(_, res) res:send "smuggled" end)
atrium.http:post("/echo", function(req, res) res:send(req.body) end)
