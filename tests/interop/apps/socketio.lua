-- socketio.lua: a Socket.IO server that does what its clients ask, so that each test says what it wants done.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local gone = {}                                   -- socket id -> how it went
local seen = atrium.array {}                      -- names of namespaces that came to be

---- Operators from a description: { to = {...}, in_ = {...}, except = {...}, volatile = true, ... } ----

local function operator(base, spec)
  local at = base
  if spec.broadcast then at = at.broadcast end
  if spec.volatile then at = at.volatile end
  if spec.local_ then at = at["local"] end
  for _, room in ipairs(spec.to or {}) do at = at:to(room) end
  for _, room in ipairs(spec.in_ or {}) do at = at["in"](at, room) end
  if spec.rooms then at = at:to(spec.rooms) end
  for _, room in ipairs(spec.except or {}) do at = at:except(room) end
  if spec.timeout then at = at:timeout(spec.timeout) end
  if spec.compress ~= nil then at = at:compress(spec.compress) end
  return at
end

local function sorted(set)
  local list = atrium.array {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

---- What clients may order. Each gets the socket, its namespace, and the arguments; what it returns is acknowledged. ----

local orders = {}

function orders.join(socket, _, rooms) socket:join(rooms) end
function orders.leave(socket, _, room) socket:leave(room) end
-- What the namespace's adapter told of rooms whose names begin so, and forgets then.
local told = {}
function orders.watch_rooms(_, nsp, prefix)
  local list = {}
  told[nsp.name] = list
  for _, what in ipairs { "create-room", "delete-room", "join-room", "leave-room" } do
    nsp.adapter:on(what, function(room, id)
      if room:sub(1, #prefix) == prefix then list[#list + 1] = atrium.array { what, room, id } end
    end)
  end
end
function orders.room_news(_, nsp)
  local list = atrium.array { unpack(told[nsp.name]) }
  for i = #told[nsp.name], 1, -1 do told[nsp.name][i] = nil end
  return list
end
function orders.rooms(socket) return sorted(socket.rooms) end

-- From this socket, or from the server.
function orders.send(socket, _, spec, ...) operator(socket, spec):emit(...) end
function orders.publish(_, nsp, spec, ...) operator(nsp, spec):emit(...) end

function orders.fetch(_, nsp, spec)
  local list = atrium.array {}
  for _, other in ipairs(operator(nsp, spec):fetchSockets()) do
    list[#list + 1] = { id = other.id, rooms = sorted(other.rooms), name = other.data.name, agent = other.handshake.headers["x-agent"] }
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end
function orders.name(socket, _, name) socket.data.name = name end
function orders.move(_, nsp, spec, rooms) operator(nsp, spec):socketsJoin(rooms) end
function orders.remove(_, nsp, spec, rooms) operator(nsp, spec):socketsLeave(rooms) end
function orders.kick(_, nsp, spec, close) operator(nsp, spec):disconnectSockets(close) end

-- Acknowledgements that the server asks for.
function orders.ask(socket, _, event, ...) return atrium.array { socket:emitWithAck(event, ...) } end
function orders.ask_within(socket, _, ms, event, ...)
  local ok, reply = pcall(function(...) return socket:timeout(ms):emitWithAck(event, ...) end, ...)
  return ok, ok and reply or tostring(reply)
end
function orders.ask_callback(socket, _, ms, event, ...)
  local done
  local args = { event, ... }
  args[#args + 1] = function(err, reply) done = { err = err and tostring(err) or atrium.null, reply = reply or atrium.null } end
  socket:timeout(ms):emit(unpack(args))
  while not done do atrium.sleep(5) end
  return done
end
function orders.ask_all(_, nsp, spec, event, ...)
  local done
  local args = { event, ... }
  args[#args + 1] = function(err, replies) done = { err = err and tostring(err) or atrium.null, replies = replies } end
  operator(nsp, spec):emit(unpack(args))
  while not done do atrium.sleep(5) end
  return done
end
function orders.ask_all_with_ack(_, nsp, spec, event, ...) return operator(nsp, spec):emitWithAck(event, ...) end

function orders.burst(socket, _, spec, event, n) -- n emits in one go
  for i = 1, n do operator(socket, spec):emit(event, i) end
end
function orders.large(socket, _, event, n) socket:emit(event, ("x"):rep(n)) end
function orders.binary(socket, _, event)
  socket:emit(event, { a = atrium.bytes "\0\1\255", b = { atrium.bytes "", "text" } }, atrium.bytes "last")
end
function orders.nothing() end
function orders.null() return atrium.null end
function orders.empty() return atrium.array {} end
function orders.slow(_, _, ms, value)
  atrium.sleep(ms)
  return value
end

function orders.handshake(socket)
  local h = socket.handshake
  return {
    auth = h.auth, query = h.query, headers = h.headers, address = h.address, issued = h.issued, url = h.url,
    secure = h.secure, xdomain = h.xdomain, time = h.time, transport = socket.conn.transport.name,
    protocol = socket.conn.protocol, nsp = socket.nsp.name,
  }
end
function orders.gone(_, _, id) return gone[id] or atrium.null end
function orders.seen() return seen end
function orders.exists(_, _, name) return #io:of(name):fetchSockets() end

---- Catch-all listeners, switched on by whoever wants them ----

function orders.watch(socket)
  local log = atrium.array {}
  socket:onAny(function(event, first) log[#log + 1] = { "in", event, first } end)
  socket:prependAny(function(event) log[#log + 1] = { "before", event } end)
  socket:onAnyOutgoing(function(event, first) log[#log + 1] = { "out", event, first } end)
  socket:prependAnyOutgoing(function(event) log[#log + 1] = { "before out", event } end)
  socket.data.log = log
end
function orders.unwatch(socket)
  local log = socket.data.log
  socket:offAny()
  socket:offAnyOutgoing()
  return log
end

function orders.guard(socket) -- socket middleware
  socket:use(function(event, next)
    if event[1] == "forbidden" then return next { message = "not this", data = { code = 7 } } end
    if event[1] == "slow" then atrium.sleep(30) end
    if event[1] == "change" then event[2] = "changed" end
    next()
  end)
  socket:on("error", function(err) socket:emit("refused", err.message, err.data) end)
  socket:on("slow", function(n) socket:emit("passed", n) end)
  socket:on("change", function(text) socket:emit("passed", text) end)
  socket:on("forbidden", function() socket:emit("passed", "forbidden") end)
end

---- What every socket of every namespace can do ----

local function serve(socket)
  local nsp = socket.nsp
  socket:on("order", function(name, ...)
    local args, n = { ... }, select("#", ...)
    local ack = args[n]
    assert(type(ack) == "function", "an order wants its acknowledgement")
    ack(orders[name](socket, nsp, unpack(args, 1, n - 1)))
  end)
  socket:on("echo", function(...) socket:emit("echo", ...) end)
  socket:on("reflect", function(...) -- acknowledged with its own arguments
    local args, n = { ... }, select("#", ...)
    args[n](unpack(args, 1, n - 1))
  end)
  socket:on("leave me", function(close) socket:disconnect(close) end)
  socket:on("twice", function(ack)
    ack "first"
    ack "second"
  end)
  socket:on("disconnecting", function() gone[socket.id] = { rooms = sorted(socket.rooms) } end)
  socket:on("disconnect", function(reason)
    gone[socket.id] = { reason = reason, rooms_before = (gone[socket.id] or {}).rooms, rooms_after = sorted(socket.rooms) }
  end)
end

io:on("connection", serve)

---- Other namespaces ----

io:of("/chat"):on("connection", serve)

-- Middleware: in order, some of it slow; sets data, joins a room, refuses with and without data.
local gate = io:of "/gate"
gate:use(function(socket, next)
  socket.data.steps = atrium.array { "first" }
  socket:join "seen by the gate"
  atrium.sleep(20)
  next()
end)
gate:use(function(socket, next)
  table.insert(socket.data.steps, "second")
  local word = socket.handshake.auth and socket.handshake.auth.word
  if word == "text" then return next "wrong word" end
  if word == "table" then return next { message = "wrong word", data = { retry = false, after = { 1, 2 } } } end
  if word == "raise" then error "the gate is broken" end
  atrium.timer.after(20, function() next() end)
end)
gate:on("connection", function(socket)
  socket:emit("let in", socket.data.steps, sorted(socket.rooms))
  serve(socket)
end)

-- By pattern, and by function, which may take its time. Children have the parent's middleware and listeners.
local numbered = io:of(atrium.pattern "^/room%-%d+$")
numbered:use(function(socket, next)
  socket.data.parent = "numbered"
  next()
end)
numbered:on("connection", function(socket)
  socket:emit("welcome", socket.nsp.name, socket.data.parent)
  serve(socket)
end)
function orders.parent(_, _, ...) numbered:emit(...) end

io:of(function(name, auth, next)
  atrium.sleep(10)
  next(nil, name:sub(1, 5) == "/own/" and auth ~= nil and auth.owner == name:sub(6))
end):on("connection", function(socket)
  socket:emit("welcome", socket.nsp.name)
  serve(socket)
end)

io:on("new_namespace", function(nsp) seen[#seen + 1] = nsp.name end)

atrium.http:get("/gone/:id", function(req, res) res:json(gone[req.params.id] or atrium.null) end)
