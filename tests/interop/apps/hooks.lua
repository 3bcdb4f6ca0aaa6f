-- hooks.lua: what an application does to the requests of its engines. Headers of a request are orders.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

io:configure { cors = { origin = "*" }, cookie = true }

local log, errors = {}, {}

local function note(what, req)
  log[#log + 1] = ("%s %s %s"):format(what, req.method, req.query.transport or "")
end

-- The engine beneath Socket.IO: middlewares and headers.
io.engine:use(function(req, res, next)
  note("first", req)
  res:setHeader("X-First", "1")
  res:setHeader("Set-Cookie", { "a=1", "b=2" })
  res:setHeader("Content-Type", "not/this")
  local order = req:get("x-order")
  if order == "refuse" then return next("no") end
  if order == "raise" then error "the middleware is broken" end
  if order == "answer" then return res:status(418):send("a teapot") end
  if order == "header" then return res:setHeader("Content-Length", "3") end
  if order == "never" then return end
  if order == "late" then
    atrium.timer.sleep(30)
    res:setHeader("X-Late", "1")
  end
  next()
  next("twice does nothing")
end)
io.engine:use(function(req, res, next)
  note("second", req)
  res:setHeader("X-Second", res:getHeader("x-first") .. #res:getHeader("set-cookie"))
  res:setHeader("X-Gone", "x"):removeHeader("x-gone")
  next()
end)
io.engine:on("initial_headers", function(headers, req)
  note("initial_headers", req)
  headers["X-Initial"] = { "a", "b" }
end)
io.engine:on("headers", function(headers, req)
  note("headers", req)
  headers["X-Type"] = headers["Content-Type"] or "none"
  headers["CACHE-CONTROL"] = "no-store, private"
  headers["Access-Control-Allow-Origin"] = nil
  if req.headers["x-order"] == "length" then headers["Content-Length"] = "1" end
end)
io.engine:on("connection_error", function(err)
  errors[#errors + 1] = { code = err.code, message = err.message, context = err.context.name }
end)

io:on("connection", function(socket)
  socket:on("echo", function(text, ack) ack(text) end)
end)

-- Bare engines: ids, the initial packet.
local next_id = "first-id"
local named = atrium.engine { path = "/named", cookie = true, initialPacket = "hello" }
named.generateId = function(req)
  if req.headers["x-order"] == "late" then atrium.timer.sleep(30) end
  if next_id == "raise" then error "no more ids" end
  if next_id == "nothing" then return nil end
  return next_id
end
assert(named.generateId ~= nil)
named:on("connection", function(socket)
  assert(socket.id == next_id)
  socket:on("message", function(data) socket:send(data) end)
end)
named:on("connection_error", function(err)
  errors[#errors + 1] = { code = err.code, message = err.message, context = err.context.name }
end)

-- One whose hooks were taken back.
local plain = atrium.engine { path = "/plain" }
plain.generateId = function() return "unused" end
plain.generateId = nil
plain:once("headers", function(headers) headers["X-Once"] = "1" end)
plain.note = "any other field stays a field"
assert(plain.note)

-- Hooks that do what they can to upset the engine they are called by.
local rude = atrium.engine { path = "/rude" }
local sessions = {}
rude:on("connection", function(socket)
  sessions[#sessions + 1] = socket
  socket:on("message", function(data) socket:send(data) end)
end)
rude:on("headers", function(_, req)
  local order = req.headers["x-order"]
  for _, socket in ipairs(sessions) do
    if order == "close" then socket:close(true) end
    if order == "send" then socket:send("from a hook") end
  end
  if order == "raise" then error "the hook is broken" end
end)

atrium.http:get("/log", function(_, res)
  local told = { log = atrium.array(log), errors = atrium.array(errors) }
  log, errors = {}, {}
  res:json(told)
end)
atrium.http:get("/next/:id", function(req, res)
  next_id = req.params.id
  res:send("ok")
end)
