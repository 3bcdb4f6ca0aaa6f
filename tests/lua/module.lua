-- The module as a whole: what it offers, settings, modules beside the script, names of objects.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local expect = require "support.expect"
local io = atrium.io

expect.equal(require "atrium", atrium)
expect.equal(type(atrium.version), "string")
expect.equal(require("beside").name, "beside")
expect.equal(require("beside").dir, atrium.dir)

-- A module may wait while it is loaded, and is loaded once.
local waits = require "beside.waits"
expect.equal(waits.db:get("SELECT count(*) AS n FROM t").n, 0)
expect.equal(require "beside.waits", waits)
waits.db:close()
expect.error("module 'beside.none' not found", require, "beside.none")
expect.error("beside/none.lua", require, "beside.none")
expect.error("loop or previous error", require, "beside.loops")
expect.error("while loading", require, "beside.fails")
expect.error("loop or previous error", require, "beside.fails")
expect.error("string expected", require)
expect.equal(require "string", string)

-- Settings.
expect.equal(io:configure { pingInterval = 1000, cors = { origin = "*" }, transports = atrium.array { "websocket" } }, io)
expect.error('did you mean "pingTimeout"?', io.configure, io, { pingTimout = 1 })
expect.error("module.lua:", function() io:configure { nothing = 1 } end)
expect.error("pingInterval", io.configure, io, { pingInterval = "soon" })
expect.error("pingInterval", io.configure, io, { pingInterval = -1 })
expect.error("cannot encode function", io.configure, io, { path = print })
expect.error("a table of settings", io.configure, io)
io:configure { allowRequest = function(_, callback) callback(nil, true) end }

-- Namespaces: one object per name.
expect.equal(io:of "/", io.sockets)
expect.equal(io:of "/chat", io:of "chat")
expect.equal(io:of("/chat").name, "/chat")
expect.equal(tostring(io:of "/chat"), "namespace /chat")
expect.equal(io:of("/chat").server, io)
expect.error("a name, a function or atrium.pattern", io.of, io, 5)
expect.error("malformed pattern", atrium.pattern, "[")
expect.error("a Lua pattern", atrium.pattern)
assert(io:of(atrium.pattern "^/a") ~= io:of(function() end))

-- Nobody is there yet.
expect.equal(#io:fetchSockets(), 0)
expect.equal(next(io.sockets.sockets), nil)
expect.equal(#io:to("room"):fetchSockets(), 0)
expect.equal(io:emit("x", 1), true)
expect.equal(io:to("a"):to({ "b", "c" }):except("d"):except({ "e" }):emit "x", true)
expect.equal(io.volatile["local"]:compress(false):to("a"):emit "x", true)
expect.equal(io.local_.volatile:emit "x", true)
expect.equal(io["in"](io, "r"):emit "x", true)
expect.equal(io:in_("r"):timeout(10):emit("x", function() end), true)
expect.equal(#io:timeout(10):emitWithAck "x", 0)
expect.equal(io:send "x", true)
io:socketsJoin "r"
io:to("r"):socketsJoin { "a", "b" }
io:to("r"):socketsLeave { "a", "b" }
io:disconnectSockets(true)

-- Operators do not change.
local one = io:to "a"
local two, three = one:to "b", one.volatile
expect.equal(one[5], "a")
expect.equal(#two[5], 2)
expect.equal(one[2], 0)
expect.equal(three[2], 1)

-- Mistakes.
for _, name in ipairs { "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener" } do
  expect.error('"' .. name .. '" is a reserved event name', io.emit, io, name)
end
expect.error("string expected", io.emit, io)
expect.error("room or list of rooms expected, got nil", io.to, io, nil)
expect.error("rooms must be strings", function() io:to({ {} }):emit "x" end)
expect.error("function expected", io.on, io, "connection")
expect.error("function expected", io.use, io, 1)
expect.error("milliseconds", function() io:timeout(-1):emit "x" end)
expect.error("cannot encode function at [1]", io.emit, io, "x", print, 1)
expect.error("module.lua:", function() io:emit("x", print, 1) end)

-- Listeners of a namespace.
local function handler() end
expect.equal(io:on("connection", handler), io)
expect.equal(#io:listeners "connection", 1)
io:off("connection", handler)
expect.equal(#io:listeners "connection", 0)

-- Routes.
expect.error("bad route", function() atrium.http:get("no slash", handler) end)
expect.error("a function expected", function() atrium.http:get "/" end)
expect.error("none", function() atrium.http:static("/files", "none") end)
expect.equal(atrium.http:get("/x", handler), atrium.http)

-- Engines.
expect.error('did you mean "path"?', atrium.engine, { pth = "/x" })
expect.error("a table of options", atrium.engine, 5)
local engine = atrium.engine { path = "/engine" }
expect.equal(engine.clientsCount, 0)
expect.error("taken", atrium.engine, { path = "/engine" })
engine:close()

-- The log takes anything.
atrium.log.debug("event", { a = 1, b = "two words", c = atrium.null, [1] = true })
atrium.log.debug("some text", "more")
atrium.log.debug(nil)
atrium.log.debug({})
