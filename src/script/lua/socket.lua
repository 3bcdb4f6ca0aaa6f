-- Sockets, and the emitters that sockets and namespaces hand out. Names are Socket.IO's.
--
-- SPDX-License-Identifier: MIT
local core = ...

local VOLATILE, LOCAL, NO_COMPRESS = 1, 2, 4
local ANY, USE, OUT = 1, 2, 4

local bit_or = require("bit").bor
local rawget, rawset, setmetatable, type, ipairs, select, error =
  rawget, rawset, setmetatable, type, ipairs, select, error

-- A class whose objects look up methods first, then getters. Objects keep what they were given.
local function class(type_table, methods, getters)
  type_table.__index = function(self, key)
    local method = methods[key]
    if method ~= nil then
      return method
    end
    local getter = getters[key]
    if getter then
      return getter(self)
    end
  end
  type_table.__metatable = false
  return type_table
end
core.class = class

-- What a waiting call was resumed with: true and values, or false and the reason.
local function check(ok, ...)
  if ok then
    return ...
  end
  core.raise((...))
end
core.check = check

local function as_list(rooms)
  return type(rooms) == "table" and rooms or { rooms }
end

-- Rooms of an operator are false, one name, or a list; adding makes a new value.
local function add_rooms(old, new)
  if type(new) == "number" then
    new = tostring(new)
  elseif type(new) ~= "string" and type(new) ~= "table" then
    error("room or list of rooms expected, got " .. type(new), 3)
  end
  if not old and type(new) == "string" then
    return new
  end
  local all = {}
  for _, room in ipairs(as_list(old or {})) do
    all[#all + 1] = room
  end
  for _, room in ipairs(as_list(new)) do
    if type(room) == "number" then
      room = tostring(room)
    elseif type(room) ~= "string" then
      error("rooms must be strings, got " .. type(room), 3)
    end
    all[#all + 1] = room
  end
  return all
end
core.add_rooms = add_rooms

local function check_timeout(ms)
  if type(ms) ~= "number" or not (ms >= 0 and ms <= 0x7fffffff) then
    error("timeout: milliseconds from 0 to 2147483647 expected, got "
      .. (type(ms) == "number" and ms or type(ms)), 3)
  end
  return ms
end
core.check_timeout = check_timeout

------------------------------------------------------------------------------------------------
-- Operators: { namespace index, flags, sender, timeout, rooms, exceptions }, never changed.

local Operator = { __name = "atrium.operator" }
local operator = {}

local function new_operator(index, flags, sender, timeout, rooms, except)
  return setmetatable({ index, flags, sender, timeout, rooms, except }, Operator)
end
core.new_operator = new_operator

function operator:to(room)
  return new_operator(self[1], self[2], self[3], self[4], add_rooms(self[5], room), self[6])
end
function operator:except(room)
  return new_operator(self[1], self[2], self[3], self[4], self[5], add_rooms(self[6], room))
end
function operator:timeout(ms)
  return new_operator(self[1], self[2], self[3], check_timeout(ms), self[5], self[6])
end
function operator:compress(on)
  local flags = on == false and bit_or(self[2], NO_COMPRESS) or self[2]
  return new_operator(self[1], flags, self[3], self[4], self[5], self[6])
end
operator.in_, operator["in"] = operator.to, operator.to
operator.emit = core.broadcast
function operator:fetchSockets()
  return core.fetch_everywhere(self)
end
function operator:socketsJoin(rooms)
  core.sockets_join(self, add_rooms(false, rooms))
end
function operator:socketsLeave(rooms)
  core.sockets_leave(self, add_rooms(false, rooms))
end
operator.disconnectSockets = core.disconnect_sockets
function operator:emitWithAck(...)
  return check(core.broadcast_with_ack(self, ...))
end
function operator:send(...)
  return core.broadcast(self, "message", ...)
end
operator.write = operator.send

local function flagged_operator(flag)
  return function(self)
    return new_operator(self[1], bit_or(self[2], flag), self[3], self[4], self[5], self[6])
  end
end
local operator_getters = { volatile = flagged_operator(VOLATILE), ["local"] = flagged_operator(LOCAL) }
operator_getters.local_ = operator_getters["local"]
function operator_getters:broadcast()
  return self
end
class(Operator, operator, operator_getters)

------------------------------------------------------------------------------------------------
-- Flagged emitters of one socket: { socket, flags, timeout or false }.

local Flagged = { __name = "atrium.socket" }
local flagged = { emit = core.flagged_emit }

function flagged:emitWithAck(...)
  return check(core.flagged_emit_with_ack(self, ...))
end
function flagged:send(...)
  return core.flagged_emit(self, "message", ...)
end
flagged.write = flagged.send
function flagged:timeout(ms)
  return setmetatable({ self[1], self[2], check_timeout(ms) }, Flagged)
end
function flagged:compress(on)
  local flags = on == false and bit_or(self[2], NO_COMPRESS) or self[2]
  return setmetatable({ self[1], flags, self[3] }, Flagged)
end

-- What a socket that has gone emits to when its namespace has ended too: like everything done to
-- such a socket, it does nothing.
local Nobody = { __name = "atrium.operator" }
local nobody = setmetatable({}, Nobody)
local function same(self)
  return self
end
local function sent()
  return true
end
local function none()
  return core.array {}
end
local function nothing() end
class(Nobody, {
  to = same, in_ = same, ["in"] = same, except = same, timeout = same, compress = same,
  emit = sent, send = sent, write = sent, emitWithAck = none, fetchSockets = none,
  socketsJoin = nothing, socketsLeave = nothing, disconnectSockets = nothing,
}, { volatile = same, ["local"] = same, local_ = same, broadcast = same })

-- Everyone but the socket. A socket that has gone is in no namespace any more: its last one serves.
local function everyone_else(socket, flags, timeout)
  local nsp = socket.nsp
  if nsp and nsp[1] == 0 then
    return nobody
  end
  return new_operator(nsp and nsp[1] or 0, flags, socket, timeout, false, false)
end
function flagged:to(room)
  return everyone_else(self[1], self[2], self[3]):to(room)
end
function flagged:except(room)
  return everyone_else(self[1], self[2], self[3]):except(room)
end
flagged.in_, flagged["in"] = flagged.to, flagged.to

local function flagged_flagged(flag)
  return function(self)
    return setmetatable({ self[1], bit_or(self[2], flag), self[3] }, Flagged)
  end
end
local flagged_getters = { volatile = flagged_flagged(VOLATILE), ["local"] = flagged_flagged(LOCAL) }
flagged_getters.local_ = flagged_getters["local"]
function flagged_getters:broadcast()
  return everyone_else(self[1], self[2], self[3])
end
class(Flagged, flagged, flagged_getters)

------------------------------------------------------------------------------------------------
-- Sockets

local socket = {
  emit = core.emit,
  join = core.join,
  leave = core.leave,
  disconnect = core.disconnect,
  on = core.on,
  addListener = core.on,
  once = core.once,
  off = core.off,
  removeListener = core.off,
  removeAllListeners = core.off,
  listeners = core.listeners,
  bufferedAmount = core.buffered,
}

function socket:listenerCount(event)
  return #core.listeners(self, event)
end
function socket:emitWithAck(...)
  return check(core.emit_with_ack(self, ...))
end
function socket:send(...)
  return core.emit(self, "message", ...)
end
socket.write = socket.send
function socket:timeout(ms)
  return setmetatable({ self, 0, check_timeout(ms) }, Flagged)
end
function socket:compress(on)
  return setmetatable({ self, on == false and NO_COMPRESS or 0, false }, Flagged)
end
function socket:to(room)
  return everyone_else(self, 0, false):to(room)
end
function socket:except(room)
  return everyone_else(self, 0, false):except(room)
end
socket.in_, socket["in"] = socket.to, socket.to

-- Lists of functions that a socket keeps under a name of ours; replaced, never changed.
local function change(self, field, flag, fn, front)
  if type(fn) ~= "function" then
    error("function expected, got " .. type(fn), 2) -- called last: our caller is the script
  end
  local list = { unpack(rawget(self, field) or {}) }
  table.insert(list, front and 1 or #list + 1, fn)
  rawset(self, field, list)
  core.watch(self, flag)
  return self
end

local function remove(self, field, flag, fn)
  local list = { unpack(rawget(self, field) or {}) }
  for i = fn and #list or 0, 1, -1 do
    if list[i] == fn then
      table.remove(list, i)
      break
    end
  end
  if not fn or #list == 0 then
    rawset(self, field, nil)
    core.unwatch(self, flag)
  else
    rawset(self, field, list)
  end
  return self
end

function socket:use(fn)
  return change(self, "\2use", USE, fn)
end
function socket:onAny(fn)
  return change(self, "\2any", ANY, fn)
end
function socket:prependAny(fn)
  return change(self, "\2any", ANY, fn, true)
end
function socket:offAny(fn)
  return remove(self, "\2any", ANY, fn)
end
function socket:listenersAny()
  return { unpack(rawget(self, "\2any") or {}) }
end
function socket:onAnyOutgoing(fn)
  return change(self, "\2out", OUT, fn)
end
function socket:prependAnyOutgoing(fn)
  return change(self, "\2out", OUT, fn, true)
end
function socket:offAnyOutgoing(fn)
  return remove(self, "\2out", OUT, fn)
end
function socket:listenersAnyOutgoing()
  return { unpack(rawget(self, "\2out") or {}) }
end

-- The way of an event when there are catch-all listeners or middleware.
local function deliver(self, ack, event, count)
  if ack then
    count = count + 1
    event[count] = ack
  end
  if not core.connected(self) then
    return -- it left while its middleware waited
  elseif event[1] == "drain" then
    return -- told by us: a client cannot pretend it
  end
  core.emit_local(self, tostring(event[1]), unpack(event, 2, count))
end

local function through(self, ack, event, count, list, at)
  local fn = list and list[at]
  if not fn then
    return deliver(self, ack, event, count)
  end
  local called = false
  core.spawn(fn, event, function(err)
    if called then
      return
    end
    called = true
    if err and err ~= core.null then
      core.emit_local(self, "error", err)
    else
      -- A middleware may have changed the event.
      through(self, ack, event, math.max(count, #event), list, at + 1)
    end
  end)
end

core.set_callback("any_event", function(self, ack, ...)
  local any, count = rawget(self, "\2any"), select("#", ...)
  if any then
    for _, fn in ipairs(any) do
      if ack then
        local args = { ... }
        args[count + 1] = ack
        core.spawn(fn, unpack(args, 1, count + 1))
      else
        core.spawn(fn, ...)
      end
    end
  end
  through(self, ack, { ... }, count, rawget(self, "\2use"), 1)
end)

core.set_callback("any_outgoing", function(self, ...)
  for _, fn in ipairs(rawget(self, "\2out") or {}) do
    core.spawn(fn, ...)
  end
end)

------------------------------------------------------------------------------------------------
-- Properties. What is costly to make is kept only as long as somebody uses it.

local getters = { id = core.id, connected = core.connected, rooms = core.rooms,
  recovered = core.recovered, handedOver = core.handed_over }

-- nil once the socket has gone, but for what "disconnect" handlers keep.
function getters:nsp()
  return core.socket_namespace(self)
end
function getters:data()
  local data = {}
  rawset(self, "data", data)
  return data
end
function getters:volatile()
  return setmetatable({ self, VOLATILE, false }, Flagged)
end
getters["local"] = function(self)
  return setmetatable({ self, LOCAL, false }, Flagged)
end
getters.local_ = getters["local"]
function getters:broadcast()
  return everyone_else(self, 0, false)
end
function getters:disconnected()
  return not core.connected(self)
end
function getters:server()
  return core.io
end
getters.io = getters.server

local Handshake = {
  __index = function(self, key)
    local of, value = rawget(self, 1), nil
    if key == "time" then
      local issued = core.handshake(of, "issued")
      value = issued
        and os.date("!%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", issued / 1000)
    elseif key == "headers" or key == "query" or key == "auth" or key == "address"
      or key == "issued" or key == "url" or key == "secure" or key == "clientCert"
      or key == "xdomain" then
      value = core.handshake(of, key)
    end
    if value ~= nil then
      rawset(self, key, value)
    end
    return value
  end,
  -- What the script puts there stays for the socket's life.
  __newindex = function(self, key, value)
    rawset(rawget(self, 1), "handshake", self)
    rawset(self, key, value)
  end,
}
local handshakes = setmetatable({}, { __mode = "kv" })

function getters:handshake()
  local handshake = handshakes[self]
  if not handshake then
    handshake = setmetatable({ self }, Handshake)
    handshakes[self] = handshake
  end
  return handshake
end

local Conn = {
  __index = function(self, key)
    local of = rawget(self, 1)
    if key == "id" then
      return core.handshake(of, "sid")
    elseif key == "transport" then
      return { name = core.handshake(of, "transport") }
    elseif key == "protocol" then
      return core.handshake(of, "protocol")
    elseif key == "close" then
      return function()
        of:disconnect(true)
      end
    elseif key == "remoteAddress" then
      return core.handshake(of, "address")
    elseif key == "bufferedAmount" then
      return core.handshake(of, "buffered")
    end
  end,
}
function getters:conn()
  return setmetatable({ self }, Conn)
end

core.socket_type.__name = "atrium.socket"
core.socket_type.__tostring = function(self)
  return "socket " .. tostring(self.id)
end
class(core.socket_type, socket, getters)
