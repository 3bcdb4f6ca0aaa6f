-- cluster.lua: a worker among several, which does for its clients whatever crosses workers.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io
local me = os.getenv "NODE_APP_INSTANCE"
local heard = atrium.array {}

local function sorted(set)
  local list = atrium.array {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

-- What { to =, except =, broadcast =, here =, volatile = } chooses.
local function choose(socket, spec)
  local op = spec.broadcast and socket.broadcast or io
  if spec.here then op = op.local_ end
  for _, room in ipairs(spec.to or {}) do op = op:to(room) end
  for _, room in ipairs(spec.except or {}) do op = op:except(room) end
  return op
end

local orders = {}
function orders.who() return me end
function orders.state(socket)
  return { id = socket.id, recovered = socket.recovered, rooms = sorted(socket.rooms), value = socket.data.value, me = me }
end
function orders.join(socket, ...) socket:join { ... } end
function orders.remember(socket, value) socket.data.value = value end
function orders.emit(socket, spec, ...) choose(socket, spec):emit(...) end
function orders.ask(socket, spec, ...)
  local ok, answers = pcall(function(op, ...) return op:emitWithAck(...) end, choose(socket, spec):timeout(spec.timeout or 10000), ...)
  return ok and { answers = answers } or { error = tostring(answers) }
end
function orders.fetch(socket, spec)
  local list = atrium.array {}
  for _, s in ipairs(choose(socket, spec):fetchSockets()) do
    list[#list + 1] = { id = s.id, rooms = sorted(s.rooms), value = s.data.value, agent = s.handshake.query.agent }
  end
  return list
end
function orders.fetchSizes(socket, spec)
  local list = atrium.array {}
  for _, s in ipairs(choose(socket, spec):fetchSockets()) do list[#list + 1] = #(s.data.value or "") end
  return list
end
function orders.roomCount() return #sorted((io.sockets.adapter:allRooms())) end
function orders.emit_to_fetched(socket, spec, ...)
  for _, s in ipairs(choose(socket, spec):fetchSockets()) do s:emit(...) end
end
function orders.socketsJoin(socket, spec, rooms) choose(socket, spec):socketsJoin(rooms) end
function orders.socketsLeave(socket, spec, rooms) choose(socket, spec):socketsLeave(rooms) end
function orders.disconnectSockets(socket, spec, close) choose(socket, spec):disconnectSockets(close) end
function orders.side(_, ...) io:serverSideEmit("side", ...) end
function orders.sideAsk(_, ...)
  local ok, answers = pcall(io.serverSideEmitWithAck, io, "side", ...)
  return ok and { answers = answers } or { error = tostring(answers) }
end
function orders.heard() return heard end
function orders.rooms() return sorted((io.sockets.adapter:allRooms())) end
function orders.count() return io:serverCount() end

io:on("side", function(value, ack)
  heard[#heard + 1] = { me = me, value = value }
  if value == "silence" then return end
  if ack then ack(me .. " heard " .. tostring(value)) end
end)

io:on("connection", function(socket)
  socket:on("order", function(what, ...)
    local args = { ... }
    local answer = table.remove(args)
    answer((orders[what](socket, unpack(args))))
  end)
  -- As fast as it can, to everybody: { n } or, with rooms, to them.
  socket:on("say", function(spec, n) choose(socket, spec):emit("n", n, me) end)
end)

atrium.http:get("/who", function() return me end)
atrium.http:post("/say/:n", function(req)
  local n = tonumber(req.params.n)
  local op = n % 3 == 0 and io or n % 3 == 1 and io:to "room" or io:to "room":to "other":except "nobody"
  op:emit("n", n, me)
  return me
end)
