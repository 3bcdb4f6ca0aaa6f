-- backpressure.lua: a namespace, an engine and a WebSocket endpoint per policy. A good client orders floods; the
-- others are for clients that do not read.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local io = atrium.io

local KB = 1024
local policies = {
  disconnect = {},
  oldest = { overflow = "dropOldest" },
  latest = { overflow = "keepLatest" },
  new = { overflow = "drop" },
  small = { overflow = "dropOldest", maxBufferedBytes = 256 * KB, highWaterMark = 16 * KB },
  block = { overflow = "block", blockTimeout = 600000 },
  impatient = { overflow = "block", blockTimeout = 200 },
}

io:configure { maxBufferedBytes = 1024 * KB, highWaterMark = 64 * KB, pingInterval = 600000 }

local state = {} -- what became of sockets, by id
local waits = {} -- second results of emits that waited, by namespace

local function note(id, field, value)
  state[id] = state[id] or { drains = 0 }
  state[id][field] = value
end

local function serve(nsp)
  nsp:on("connection", function(socket)
    local id = socket.id
    note(id, "open", true)
    -- flood(first, last, filler, names): events to everyone, numbered; of those names in turn, else "item".
    socket:on("flood", function(first, last, filler, names, ack)
      for i = first, last do
        nsp:emit(names and names[i % #names + 1] or "item", i, filler)
      end
      ack(last)
    end)
    -- Each shout goes to everyone, the sender too.
    socket:on("shout", function(i, filler)
      local _, drained = nsp:emit("item", i, filler)
      if drained ~= nil then
        local seen = waits[nsp.name] or { drained = 0, late = 0 }
        waits[nsp.name] = seen
        seen[drained and "drained" or "late"] = seen[drained and "drained" or "late"] + 1
      end
    end)
    socket:on("blob", function(first, last, filler, ack)
      for i = first, last do
        nsp:emit("blob", i, atrium.bytes(filler), atrium.bytes(tostring(i)))
      end
      ack(last)
    end)
    socket:on("ask", function(first, last, filler, ack)
      for i = first, last do
        nsp:timeout(600000):emit("question", i, filler, function() end)
      end
      ack(last)
    end)
    -- Sends to itself until some of it waits, then says so and counts "drain".
    socket:on("fill", function(filler)
      while socket:bufferedAmount() < 32 * KB do
        socket:emit("fill", filler)
        atrium.sleep(0)
      end
      note(id, "filled", socket:bufferedAmount())
    end)
    socket:on("drain", function(...)
      note(id, "drains", state[id].drains + 1)
      note(id, "arguments", select("#", ...))
    end)
    socket:on("echo", function(what, ack) ack(what) end)
    socket:on("disconnect", function(reason)
      note(id, "open", false)
      note(id, "reason", reason)
    end)
  end)
end

for name, options in pairs(policies) do
  local nsp = io:of("/" .. name)
  nsp:configure(options)
  serve(nsp)
end
serve(io:of("/"))
serve(io:of(atrium.pattern "^/child%-%d+$"):configure { overflow = "dropOldest", maxBufferedBytes = 128 * KB })

local engines = {}
for _, name in ipairs { "oldest", "latest", "disconnect" } do
  local options = { path = "/engine-" .. name, maxBufferedBytes = 1024 * KB, highWaterMark = 64 * KB,
    overflow = policies[name].overflow, pingInterval = 600000 }
  local engine, sockets = atrium.engine(options), {}
  engine:on("connection", function(socket)
    sockets[socket.id] = socket
    socket:on("drain", function() note(socket.id, "drained", true) end)
    socket:on("message", function(text)
      local first, last, size = text:match "^flood (%d+) (%d+) (%d+)$"
      for i = tonumber(first), tonumber(last) do
        for _, other in pairs(sockets) do
          other:send(i .. " " .. ("x"):rep(tonumber(size)), "key" .. i % 3)
        end
      end
    end)
    socket:on("close", function() sockets[socket.id] = nil end)
  end)
end

for name, options in pairs { oldest = policies.oldest, latest = policies.latest, new = policies.new, block = policies.block,
  disconnect = policies.disconnect } do
  local all = { maxBufferedBytes = 1024 * KB, highWaterMark = 64 * KB, pingInterval = 0, idleTimeout = 0 }
  for key, value in pairs(options) do all[key] = value end
  all.onOpen = function(ws) ws:subscribe(name) end
  all.onDrain = function(ws) note("ws " .. name, "drains", (state["ws " .. name] or { drains = 0 }).drains + 1) end
  all.onClose = function(_, code) note("ws " .. name, "code", code) end
  all.onMessage = function(ws, text)
    local how, first, last, size = text:match "^(%a+) (%d+) (%d+) (%d+)$"
    local filler = ("x"):rep(tonumber(size))
    for i = tonumber(first), tonumber(last) do
      local key = how == "keys" and "key" .. i % 3 or nil
      atrium.publish(name, i .. " " .. filler, false, key)
    end
    ws:send("done " .. last, false, "done")
  end
  atrium.websocket("/ws/" .. name, all)
end

atrium.http:get("/state", function(_, res) res:json { sockets = state, waits = waits } end)
