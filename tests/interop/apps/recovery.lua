-- recovery.lua: a server whose clients come back. The settings come from the test.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local asked = 0                                   -- how often the middleware ran
local kept_tables = setmetatable({}, { __mode = "k" })

io:use(function(socket, next)
  asked = asked + 1
  if socket.handshake.auth.refuse then return next("refused") end
  next()
end)

local function sorted(set)
  local list = atrium.array {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

local orders = {}

function orders.join(socket, ...) socket:join { ... } end
function orders.leave(socket, room) socket:leave(room) end
function orders.remember(socket, value)
  socket.data.value = value
  kept_tables[socket.data] = true
end
function orders.state(socket)
  return {
    id = socket.id, recovered = socket.recovered, rooms = sorted(socket.rooms), value = socket.data.value,
    same = kept_tables[socket.data] or false, asked = asked, time = socket.handshake.issued,
  }
end
function orders.ask(socket, event) return atrium.array { socket:emitWithAck(event) } end
function orders.leave_politely(socket) socket:disconnect() end

io:on("connection", function(socket)
  socket:on("order", function(what, ...)
    local args = { ... }
    local answer = args[#args]
    local result = orders[what](socket, unpack(args, 1, #args - 1))
    answer(result)
  end)
end)

-- What the test has the server say, to whom: to rooms, or to everyone.
atrium.http:post("/say", function(req, res)
  local spec = atrium.json.decode(req.body)
  local to = spec.volatile and io.volatile or io
  for _, room in ipairs(spec.to or {}) do to = to:to(room) end
  for _, room in ipairs(spec.except or {}) do to = to:except(room) end
  if spec.bytes then
    to:emit(spec.event, { bytes = atrium.bytes(spec.bytes) })
  else
    to:emit(spec.event, unpack(spec.args or {}))
  end
  res:json { ok = true }
end)

-- Counts in front of everybody, as fast as the timer goes: some to everyone, some to a room, some to single ones.
local counting
atrium.http:post("/count", function(req, res)
  local spec = atrium.json.decode(req.body)
  local at = 0
  counting = atrium.timer.every(2, function()
    for _ = 1, 3 do
      at = at + 1
      if at > spec.to then
        counting:stop()
        return
      end
      if at % 3 == 0 then io:emit("n", at)
      elseif at % 3 == 1 then io:to("counted"):emit("n", at)
      else for _, id in ipairs(spec.ids) do io:to(id):emit("n", at) end end
    end
  end)
  res:json { ok = true }
end)
