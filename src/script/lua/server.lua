-- Namespaces and the server: atrium.io.
--
-- SPDX-License-Identifier: MIT
local core = ...

local VOLATILE, LOCAL, NO_COMPRESS = 1, 2, 4
local new_operator, add_rooms, check = core.new_operator, core.add_rooms, core.check
local check_timeout = core.check_timeout

------------------------------------------------------------------------------------------------
-- Namespaces

local namespace = {
  emit = core.broadcast,
  fetchSockets = core.fetch_everywhere,
  serverSideEmit = core.server_side,
  serverSideEmitWithAck = core.server_side_with_ack,
  disconnectSockets = core.disconnect_sockets,
  on = core.on,
  addListener = core.on,
  once = core.once,
  off = core.off,
  removeListener = core.off,
  removeAllListeners = core.off,
  listeners = core.listeners,
}

local function check_middleware(fn)
  if type(fn) ~= "function" then
    error("use: function expected, got " .. type(fn), 3)
  end
end

function namespace:use(fn)
  check_middleware(fn)
  core.namespace_use(self, fn)
  return self
end
function namespace:configure(options)
  if type(options) ~= "table" then
    error("configure: a table of options expected, got " .. type(options), 2)
  end
  core.namespace_configure(self, options)
  return self
end
function namespace:listenerCount(event)
  return #core.listeners(self, event)
end
function namespace:socketsJoin(rooms)
  core.sockets_join(self, add_rooms(false, rooms))
end
function namespace:socketsLeave(rooms)
  core.sockets_leave(self, add_rooms(false, rooms))
end
function namespace:to(room)
  return new_operator(self[1], 0, false, false, add_rooms(false, room), false)
end
namespace.in_, namespace["in"] = namespace.to, namespace.to
function namespace:except(room)
  return new_operator(self[1], 0, false, false, false, add_rooms(false, room))
end
function namespace:timeout(ms)
  return new_operator(self[1], 0, false, check_timeout(ms), false, false)
end
function namespace:compress(on)
  return new_operator(self[1], on == false and NO_COMPRESS or 0, false, false, false, false)
end
function namespace:emitWithAck(...)
  return check(core.broadcast_with_ack(self, ...))
end
function namespace:send(...)
  return core.broadcast(self, "message", ...)
end
namespace.write = namespace.send

local getters = {}
function getters:volatile()
  return new_operator(self[1], VOLATILE, false, false, false, false)
end
getters["local"] = function(self)
  return new_operator(self[1], LOCAL, false, false, false, false)
end
getters.local_ = getters["local"]
-- A snapshot: id to socket.
function getters:sockets()
  local sockets = {}
  for _, socket in ipairs(core.fetch_sockets(self)) do
    sockets[socket.id] = socket
  end
  return sockets
end
function getters:server()
  return core.io
end

-- What tells of its rooms.
local Adapter = core.class({ __name = "atrium.adapter" }, {
  on = core.on,
  addListener = core.on,
  once = core.once,
  off = core.off,
  removeListener = core.off,
  removeAllListeners = core.off,
  listeners = core.listeners,
  serverCount = function()
    return core.server_count()
  end,
  allRooms = function(self)
    return core.all_rooms(self.nsp)
  end,
}, {})
function getters:adapter()
  local adapter = setmetatable({ false, nsp = self }, Adapter)
  rawset(self, "adapter", adapter)
  core.watch_rooms(self)
  return adapter
end

core.namespace_type.__name = "atrium.namespace"
core.namespace_type.__tostring = function(self)
  return "namespace " .. self.name
end
core.class(core.namespace_type, namespace, getters)

------------------------------------------------------------------------------------------------
-- Patterns for io:of()

local Pattern = { __name = "atrium.pattern" }
Pattern.__index = Pattern

function core.pattern(text)
  if type(text) ~= "string" then
    error("atrium.pattern: a Lua pattern (a string) expected", 2)
  end
  local ok, message = pcall(string.find, "", text)
  if not ok then -- here, not when a client comes
    error("atrium.pattern: " .. message, 2)
  end
  return setmetatable({ text }, Pattern)
end

------------------------------------------------------------------------------------------------
-- The server. It is its main namespace, and more.

local main = core.namespace("/")
local server, io = {}, { 0 }

-- io.emit("event") would be an event called by its first argument, and say nothing.
local function check_self(self, name)
  if self ~= io then
    error("call it with a colon: io:" .. name .. "(...)", 3)
  end
end

for name, fn in pairs(namespace) do
  server[name] = function(self, ...)
    if self ~= io then
      check_self(self, name)
    end
    return fn(main, ...)
  end
end

local own_events = { new_namespace = true }
for _, name in ipairs { "on", "addListener", "once", "off", "removeListener", "listeners",
  "listenerCount", "removeAllListeners" } do
  local fn = namespace[name]
  server[name] = function(self, event, ...)
    check_self(self, name)
    if (name == "on" or name == "once" or name == "addListener") and type((...)) ~= "function" then
      error(name .. ": a function expected, got " .. type((...)), 2)
    end
    local result = fn(own_events[event] and self or main, event, ...)
    return result == main and self or result
  end
end

function server:use(fn)
  check_self(self, "use")
  check_middleware(fn)
  core.namespace_use(main, fn)
  return self
end

-- A matcher answers with next(err, allow).
local function matcher(fn)
  return function(name, auth, decide)
    return fn(name, auth, function(err, allow)
      if err and err ~= core.null then
        decide(err)
      else
        decide(not allow and "Invalid namespace" or nil)
      end
    end)
  end
end

function server:of(name, fn)
  check_self(self, "of")
  local nsp
  if type(name) == "string" then
    nsp = core.namespace(name)
  elseif type(name) == "function" then
    nsp = core.namespace(matcher(name))
  elseif getmetatable(name) == Pattern then
    local pattern = name[1]
    nsp = core.namespace(function(asked, _, decide)
      decide(not asked:find(pattern) and "Invalid namespace" or nil)
    end)
  else
    error("io:of: a name, a function or atrium.pattern() expected", 2)
  end
  if fn then
    nsp:on("connection", fn)
  end
  return nsp
end

-- allowRequest(req, callback): callback(err, allow).
local function allow_request(fn)
  if type(fn) ~= "function" then
    error("allowRequest: function(req, callback) expected, got " .. type(fn), 3)
  end
  core.allow_request(function(request, decide)
    fn(request, function(err, allow)
      if err and err ~= core.null then
        decide(err)
      else
        decide(not allow and "Forbidden" or nil)
      end
    end)
  end)
end

function server:configure(options)
  check_self(self, "configure")
  if type(options) ~= "table" then
    error("io:configure: a table of settings expected", 2)
  end
  for name, value in pairs(options) do
    if name == "allowRequest" then
      allow_request(value)
    elseif name == "replacer" or name == "reviver" then
      if value and type(value) ~= "function" then
        error(name .. ": function(key, value, holder) or false expected, got " .. type(value), 2)
      end
      core.rewrite(name, value)
    else
      core.configure(name, value)
    end
  end
  return self
end

function server:serverCount()
  check_self(self, "serverCount")
  return core.server_count()
end

function server:instrument(options)
  check_self(self, "instrument")
  if type(options) ~= "table" then
    error("io:instrument: a table of options expected", 2)
  end
  core.instrument(options)
  return self
end

function server:close()
  core.close()
end

local server_getters = {
  sockets = function()
    return main
  end,
  volatile = getters.volatile,
  ["local"] = getters["local"],
  local_ = getters["local"],
}
for _, name in ipairs { "volatile", "local", "local_" } do
  local getter = server_getters[name]
  server_getters[name] = function()
    return getter(main)
  end
end

-- The Engine.IO server beneath, for its "connection_error", and what engine_hooks.lua adds.
local engine = {}
local engine_methods, engine_getters = {
  on = function(self, event, fn)
    core.watch_errors()
    return core.on(self, event, fn)
  end,
  once = function(self, event, fn)
    core.watch_errors()
    return core.once(self, event, fn)
  end,
  off = core.off,
}, {}
local Engine = core.class({ __name = "atrium.engine" }, engine_methods, engine_getters)
core.engine_classes = { { Engine, engine_methods, engine_getters } }
setmetatable(engine, Engine)
server.engine = engine

core.io = setmetatable(io, core.class({ __name = "atrium.io" }, server, server_getters))

-- Events of the program: atrium.on("listening" | "close", fn).
local program = {}
function core.on_program(event, fn, also)
  if type(event) == "table" then -- called as atrium:on(...)
    event, fn = fn, also
  end
  if event ~= "listening" and event ~= "close" then
    error("atrium.on: \"listening\" or \"close\" expected, got " .. tostring(event), 2)
  elseif type(fn) ~= "function" then
    error("atrium.on: a function expected, got " .. type(fn), 2)
  end
  core.on(program, event, fn)
end
core.server(core.io, engine, program)
