-- What is called wrongly says so: what was wrong, with the file and line of the script.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local expect = require "support.expect"
local io, http, timer = atrium.io, atrium.http, atrium.timer
local nsp = io:of("/mistakes")

-- The message has the line that fn is written on, and what is wrong.
local function wrong(said, fn)
  expect.error(("mistakes.lua:%d: %s"):format(debug.getinfo(fn, "S").linedefined, said), fn)
end

-- A dot for a colon, JavaScript's way: io.emit("news") would be an event without a name.
wrong("call it with a colon: io:emit", function() io.emit("news", 1) end)
wrong("call it with a colon: io:on", function() io.on("connection", print) end)
wrong("call it with a colon: io:to", function() return io.to("room"):emit("news") end)
wrong("call it with a colon: io:of", function() io.of("/x") end)
wrong("call it with a colon: io:use", function() io.use(print) end)
wrong("call it with a colon: io:configure", function() io.configure({}) end)
wrong("call it with a colon: http:get", function() http.get("/x", print) end)
wrong("call it with a colon", function() nsp.on("connection", print) end)

wrong("a function expected", function() nsp:on("connection", nil) end)
wrong("on: a function expected", function() io:on("connection") end)
wrong("an event's name expected, got nil", function() nsp:on(nil, print) end)
wrong("use: function expected", function() io:use(nil) end)
wrong("use: function expected", function() nsp:use({}) end)
wrong("room or list of rooms expected, got nil", function() io:to(nil):emit("x") end)
wrong("rooms must be strings, got table", function() io:to({ {} }):emit("x") end)
wrong("room or list of rooms expected", function() io:except(print):emit("x") end)
wrong("room or list of rooms expected", function() io:socketsJoin() end)
wrong("rooms must be strings", function() nsp:socketsLeave { true } end)
wrong("timeout: milliseconds", function() io:timeout():emit("x", print) end)
wrong("timeout: milliseconds", function() nsp:timeout(-1):emit("x", print) end)
wrong("timeout: milliseconds", function() io:to("a"):timeout("1"):emit("x", print) end)
wrong("atrium.pattern: malformed pattern", function() atrium.pattern("[") end)
wrong("allowRequest: function", function() io:configure { allowRequest = 3 } end)
wrong("replacer: function(key, value, holder) or false expected, got number", function() io:configure { replacer = 3 } end)
wrong("reviver: function(key, value, holder) or false expected, got string", function() io:configure { reviver = "x" } end)
wrong("allowRequest: function", function() atrium.engine { path = "/e", allowRequest = 3 } end)
wrong("atrium.on: \"listening\" or \"close\" expected, got listning", function() atrium.on("listning", print) end)
wrong("atrium.on: a function expected", function() atrium.on("close") end)
wrong("atrium.http: a function expected", function() http:get("/x") end)
wrong("atrium.websocket: unknown option onMesage", function() atrium.websocket("/x", { onMesage = print }) end)
wrong("option \"maxPayload\"", function() atrium.websocket("/x", { maxPayload = "much" }) end)
wrong("database expected", function() atrium.sqlite.open(":memory:").query("select 1") end)
wrong("bad argument #1 to 'after'", function() timer.after(print, 10) end)

-- Numbers are room names wherever names are.
io:to({ 1, "two" }):except(3):emit("x")
io:socketsJoin(5)
nsp:socketsLeave({ 5, "x" })
local rooms = { "a" }
local op = io:to(rooms)
rooms[2] = {} -- an operator is not changed by what is done to the list
op:emit("x")

expect.equal(io:listenerCount("connection"), 0)
io:on("connection", print)
expect.equal(io:listenerCount("connection"), 1)
expect.equal(nsp:listenerCount("connection"), 0)

-- Tasks that start tasks end in an error, not in the end of the C stack.
local deep = 0
local ok, message = true, nil
local function dive()
  deep = deep + 1
  local done, why = pcall(atrium.spawn, dive)
  if not done then
    ok, message = done, why
  end
end
dive()
expect.equal(ok, false)
expect.equal(message:find("without end", 1, true) ~= nil, true, message)
expect.equal(deep > 50, true)
local ran = false
atrium.spawn(function() ran = true end)
expect.equal(ran, true)
