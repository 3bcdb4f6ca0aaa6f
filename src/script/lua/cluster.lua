-- The other servers of an application: their sockets, their rooms, events between servers.
--
-- SPDX-License-Identifier: MIT
local core = ...

local LOCAL = 2
local bit_and = require("bit").band
local ipairs, setmetatable, error, type, select = ipairs, setmetatable, error, type, select

------------------------------------------------------------------------------------------------
-- Sockets of other servers. Everything done to one is done to a room named by its id.

local Remote = { __name = "atrium.remote-socket" }
local remote = {}

local function only(self)
  return core.new_operator(self[1], 0, false, false, self.id, false)
end
function remote:emit(...)
  return core.broadcast(only(self), ...)
end
function remote:send(...)
  return core.broadcast(only(self), "message", ...)
end
remote.write = remote.send
-- One socket is asked, so its one answer is what comes back.
local function ask(operator, ...)
  return core.check(core.broadcast_with_ack(operator, ...))[1]
end
function remote:emitWithAck(...)
  return ask(only(self), ...)
end
function remote:timeout(ms)
  local operator = only(self):timeout(ms)
  return {
    emit = function(_, ...)
      return core.broadcast(operator, ...)
    end,
    emitWithAck = function(_, ...)
      return ask(operator, ...)
    end,
  }
end
function remote:join(rooms)
  core.sockets_join(only(self), core.add_rooms(false, rooms))
end
function remote:leave(rooms)
  core.sockets_leave(only(self), core.add_rooms(false, rooms))
end
function remote:disconnect(close)
  core.disconnect_sockets(only(self), close)
  return self
end
core.class(Remote, remote, {})

local function new_remote(index, described)
  local rooms = {}
  for _, room in ipairs(described.rooms) do
    rooms[room] = true
  end
  return setmetatable({
    index, id = described.id, handshake = described.handshake, rooms = rooms, data = described.data or {},
  }, Remote)
end

-- The sockets of a target everywhere; then a message when not all servers have answered.
function core.fetch_everywhere(target)
  local sockets = core.fetch_sockets(target)
  if bit_and(type(target[2]) == "number" and target[2] or 0, LOCAL) ~= 0 or core.server_count() == 1 then
    return sockets
  end
  local ok, err, others = core.fetch_remote(target)
  if ok then
    err, others = nil, err
  end
  for _, described in ipairs(others) do
    sockets[#sockets + 1] = new_remote(target[1], described)
  end
  return sockets, err
end

-- The names of all rooms with members, those of socket ids included, as a set.
function core.all_rooms(nsp)
  local rooms = {}
  for _, room in ipairs(core.local_rooms(nsp)) do
    rooms[room] = true
  end
  for _, socket in ipairs(core.fetch_sockets(nsp)) do
    rooms[socket.id] = true
  end
  if core.server_count() == 1 then
    return rooms
  end
  local ok, err, lists = core.fetch_remote_rooms(nsp)
  if ok then
    err, lists = nil, err
  end
  for _, list in ipairs(lists) do
    for _, room in ipairs(list) do
      rooms[room] = true
    end
  end
  return rooms, err
end

------------------------------------------------------------------------------------------------
-- Events between servers

local reserved = { connection = true, connect = true, new_namespace = true }

local function check_event(event, name)
  if type(event) ~= "string" then
    error(name .. ": the name of an event expected, got " .. type(event), 3)
  elseif reserved[event] then
    error(name .. ": \"" .. event .. "\" is a reserved event name", 3)
  end
end

function core.server_side(nsp, event, ...)
  check_event(event, "serverSideEmit")
  local last = select("#", ...)
  if last > 0 and type((select(last, ...))) == "function" then
    core.server_side_ask(nsp, event, ...)
  else
    core.server_side_emit(nsp, event, ...)
  end
  return true
end

function core.server_side_with_ack(nsp, event, ...)
  check_event(event, "serverSideEmitWithAck")
  return core.check(core.server_side_ask(nsp, event, ...))
end
