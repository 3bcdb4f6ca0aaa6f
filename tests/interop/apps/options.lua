-- options.lua: a Socket.IO server with settings that are not the usual ones.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local refused = atrium.array {}
local made = atrium.array {}

io:configure {
  path = "/live/chat",
  cleanupEmptyChildNamespaces = true,
  cors = { origin = { "http://one.test", "http://two.test" }, credentials = true },
  cookie = "route",
  allowRequest = function(req, callback)
    local word = req.query.word or req.headers["x-word"]
    if word == "slowly" or word == "slowly no" then atrium.sleep(30) end
    if word == "no" or word == "slowly no" then return callback(nil, false) end
    if word == "why" then return callback("not today", false) end
    callback(nil, true)
  end,
}
io.engine:on("connection_error", function(err)
  refused[#refused + 1] = { code = err.code, message = err.message, context = err.context.name, url = err.req.url }
end)

local count = 0
io:once("connection", function() count = count + 1 end)
io:on("connection", function(socket)
  local heard = 0
  socket:once("once", function() heard = heard + 1 end)
  socket:on("heard", function(ack) ack(heard, count) end)
  local function listener() heard = heard + 100 end
  socket:on("off", listener)
  socket:on("off", function() socket:off("off", listener) end)
  socket:on("close server", function() io:close() end)
  socket:on("namespaces", function(ack) ack(made) end)
  socket:on("disconnect", function(reason) atrium.log.info("left", { why = (reason:gsub(" ", "-")) }) end)
end)

io:of(atrium.pattern "^/child%-%d+$"):on("connection", function(socket)
  socket:on("echo", function(text, ack) ack(text) end)
end)
io:on("new_namespace", function(nsp) made[#made + 1] = nsp.name end)

atrium.http:get("/refused", function(_, res) res:json(refused) end)
