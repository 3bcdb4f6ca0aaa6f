-- careless.lua: an application that calls everything at the worst moment.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local kept = {}                                   -- sockets that have gone

local worst = {}                                  -- what a client may order to happen to it, inside a handler

function worst.disconnect(s) s:disconnect() s:disconnect() s:disconnect(true) end
function worst.close(s) s:disconnect(true) s:emit("never", 1) s:join "x" end
function worst.kick_all(s) s.nsp:disconnectSockets(true) s.broadcast:emit "never" end
function worst.ack_twice(_, ack) ack(1) ack(2) end
function worst.ack_gone(s, ack) s:disconnect(true) ack "never" end
function worst.ack_later(s, ack)
  s:disconnect()
  atrium.sleep(5)
  ack "never"
  s:emit("never", 1)
end
function worst.ask_and_go(s)
  atrium.spawn(function() pcall(function() s:timeout(1000):emitWithAck "who" end) end)
  s:emit("who", function() end)
  s:disconnect(true)
end
function worst.ask_many_and_go(s)
  io:timeout(50):emit("who", function() s:emit "never" end)
  s:disconnect(true)
end
function worst.off(s)
  s:off "do"
  s:off()
  s:on("do", function(_, ack) ack "new" end)
end
function worst.listen_forever(s) for i = 1, 200 do s:on("event " .. i, function() end) end end
function worst.new_namespace(s, ack)
  local n = io:of("/made at " .. s.id)
  n:on("connection", function(other) other:disconnect(true) end)
  ack(n.name)
end
function worst.new_engine(_, ack)
  local path = "/engine-" .. math.random(1e9)
  local engine = atrium.engine { path = path }
  engine:on("connection", function(e)
    e:on("message", function(data)
      e:send(data)
      if data == "close" then e:close() e:close(true) e:send "never" end
      if data == "all" then engine:close() end
    end)
    e:on("close", function() e:send "never" e:close() end)
  end)
  ack(path)
end
function worst.throw_away(s)
  kept[#kept + 1] = s
  s:disconnect(true)
  collectgarbage()
  collectgarbage()
end
function worst.use_kept(_, ack)
  for _, s in ipairs(kept) do
    s:emit("x") s:join "r" s:leave "r" s:disconnect(true)
    s.broadcast:to("r"):emit "x"
    local _ = s.id, s.rooms, s.data, s.handshake.headers, s.conn.transport, s.connected
    s:onAny(function() end)
    s:use(function() end)
    s:removeAllListeners()
  end
  ack(#kept)
end
function worst.deep_emit(s) -- a listener for what goes out, which sends, which ...
  s:onAnyOutgoing(function(event) if event == "deep" then s:emit("deep", 1) end end)
  s:emit("deep", 0)
  s:offAnyOutgoing()
end
function worst.timer_storm(_, ack)
  local timers = {}
  for i = 1, 1000 do timers[i] = atrium.timer.every(1, function() end) end
  atrium.sleep(10)
  for i = 1, 1000 do timers[i]:stop() end
  ack(#timers)
end
function worst.spawn_storm(_, ack)
  local n = 0
  for _ = 1, 2000 do atrium.spawn(function() atrium.sleep(1) n = n + 1 end) end
  while n < 2000 do atrium.sleep(1) end
  ack(n)
end

local function serve(socket)
  socket:on("do", function(what, ack)
    local fn = assert(worst[what], what)
    return fn(socket, type(ack) == "function" and ack or function() end)
  end)
  socket:on("alive", function(ack) ack "yes" end)
  socket:on("disconnecting", function() socket:emit "never" socket:join "limbo" socket:disconnect(true) io:emit("left", socket.id) end)
  socket:on("disconnect", function()
    socket:emit "never"
    socket:join "limbo"
    socket:disconnect(true)
    socket.nsp:to("limbo"):emit "never"
    io:to("limbo"):emit "never"
  end)
end
io:on("connection", serve)

-- Doors: each does something unwise in the middleware or the listener.
local function door(name, use, connection)
  local n = io:of(name)
  if use then n:use(use) end
  n:on("connection", function(s)
    if connection then connection(s) end
    serve(s)
  end)
end
door("/next-twice", function(_, next) next() next() next "too late" end)
door("/next-never", function() end)
door("/next-late", function(_, next)
  atrium.sleep(30)
  next()
end)
door("/disconnects-in-use", function(s, next) s:disconnect(true) next() end)
door("/disconnects-then-waits", function(s, next)
  s:disconnect()
  atrium.sleep(5)
  next()
end)
door("/emits-in-use", function(s, next) s:emit("early", 1) s:join "room" io:of("/emits-in-use"):to("room"):emit("early", 2) next() end)
door("/disconnects-at-the-door", nil, function(s) s:disconnect(true) s:emit "never" end)
door("/kicks-at-the-door", nil, function(s) s.nsp:disconnectSockets(true) end)
door("/raises-in-use", function() error "in the middleware" end)
door("/refuses-oddly", function(_, next) next { message = "odd", data = { f = print } } end)
door("/refuses-with-number", function(_, next) next(42) end)

-- A parent that answers twice, and one that never does.
io:of(function(name, _, next)
  if name == "/parent-never" then return end
  next(nil, name == "/parent-twice")
  next(nil, false)
  next "too late"
end):on("connection", serve)

atrium.http:get("/slow/:ms", function(req, res)
  atrium.sleep(tonumber(req.params.ms))
  res:send "late"
  pcall(res.send, res, "again")
end)
