-- rewrite.lua: a replacer and a reviver, and what they saw.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local Money = {}
local function money(cents) return setmetatable({ cents = cents }, Money) end
local seen -- keys in the order they came; nil: not watched

local function saw(key)
  if seen then seen[#seen + 1] = key end
end

io:configure {
  replacer = function(key, value, holder)
    saw(key)
    assert(holder[key] == value, "the holder holds it")
    if getmetatable(value) == Money then return { money = value.cents } end
    if key == "password" then return nil end
    if type(value) == "function" then return "a function" end
    if value == "nothing at all" then return nil end
    if value == "raise outside" then error "not this, outside" end
    return value
  end,
  reviver = function(key, value, holder)
    saw(key)
    assert(holder[key] == value, "the holder holds it")
    if type(value) == "table" and value.money then return money(value.money) end
    if key == "forget" then return nil end
    if value == "raise" then error "not this" end
    if value == "wait" then atrium.sleep(1) end
    if key == "" and holder[""][2] == "not a list" then return "not a list" end
    return value
  end,
}

io:on("connection", function(socket)
  socket:join "all"
  socket:on("echo", function(...) socket:emit("echo", ...) end)
  socket:on("everyone", function(...) io:to("all"):emit("news", ...) end)
  socket:on("double", function(amount, ack) ack(money(amount.cents * 2), { { money(1) } }, { password = "x", open = 1 }) end)
  socket:on("watch", function(ack)
    seen = atrium.array {}
    ack()
  end)
  socket:on("seen", function(ack)
    local list = seen
    seen = nil
    ack(list)
  end)
  socket:on("keys out", function()
    seen = atrium.array {}
    socket:emit("x", { a = { b = { 1 } } })
  end)
  socket:on("original", function(ack) -- what the script holds stays as it is
    local held = { list = { money(5) }, password = "kept" }
    socket:emit("held", held)
    ack(getmetatable(held.list[1]) == Money, held.password)
  end)
  socket:on("fail", function(ack)
    local ok, err = pcall(socket.emit, socket, "x", "raise outside")
    ack(ok, tostring(err):match "[^:]*$")
  end)
  socket:on("unsayable", function() socket:emit("said", function() end, { 1, "nothing at all", 3 }, "nothing at all") end)
  socket:on("ask", function(ack)
    local ok, reply = pcall(function() return socket:emitWithAck "question" end)
    ack(ok, ok and reply.cents or tostring(reply):match "[^:]*$")
  end)
  socket:on("ask all", function(ack)
    local list = atrium.array {}
    for i, reply in ipairs(io:to("all"):timeout(5000):emitWithAck "question") do
      list[i] = type(reply) == "table" and reply.cents or reply
    end
    ack(list)
  end)
end)
