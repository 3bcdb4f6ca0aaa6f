-- websocket.lua: plain WebSocket endpoints, one per path and set of options. Each echoes; some texts are orders.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"

local closed, drained, pongs, named = {}, 0, {}, {}

local function forget(ws, code, reason)
  table.insert(closed, { id = ws.id, code = code, reason = reason, open = ws.open, channels = atrium.array(ws:channels()) })
end

local function orders(ws, data, binary)
  if type(data) ~= "string" then return ws:send(data) end
  local order, rest = data:match "^!(%a+) ?(.*)$"
  if not order then
    ws:send(data, binary)
  elseif order == "id" then
    named[ws.id] = ws
    ws:send(ws.id)
  elseif order == "count" then
    ws.data.count = (ws.data.count or 0) + 1
    ws:send(tostring(ws.data.count))
  elseif order == "join" then
    ws:send(tostring(ws:subscribe(rest)))
  elseif order == "leave" then
    ws:send(tostring(ws:unsubscribe(rest)))
  elseif order == "channels" then
    local list = ws:channels()
    table.sort(list)
    ws:send(table.concat(list, ","))
  elseif order == "others" then
    local channel, text = rest:match "^(%S+) (.*)$"
    ws:send("to " .. ws:publish(channel, text))
  elseif order == "all" then
    local channel, text = rest:match "^(%S+) (.*)$"
    ws:send("to " .. atrium.publish(channel, text))
  elseif order == "bytes" then
    ws:send("to " .. atrium.publish(rest, atrium.bytes "\0\1\2\255"))
  elseif order == "subscribers" then
    ws:send(tostring(atrium.subscribers(rest)))
  elseif order == "ping" then
    ws:ping(rest)
  elseif order == "address" then
    ws:send(ws.address)
  elseif order == "close" then
    local code, reason = rest:match "^(%d+) ?(.*)$"
    ws:send "last words"
    ws:close(tonumber(code), reason)
    ws:send "too late"
  elseif order == "badly" then
    ws:send(tostring(select(2, pcall(ws.send, ws, "\255")):match "valid UTF%-8" ~= nil))
  elseif order == "codes" then
    local refused = 0
    for _, code in ipairs { 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1 } do
      if not pcall(ws.close, ws, code) then refused = refused + 1 end
    end
    ws:send(tostring(refused))
  elseif order == "flood" then
    local refused, piece = 0, ("x"):rep(1000)
    for _ = 1, tonumber(rest) do
      if not ws:send(piece) then refused = refused + 1 end
    end
    ws:send("refused " .. refused)
  elseif order == "later" then
    atrium.sleep(30)
    ws:send "later"
  elseif order == "raise" then
    error "on purpose"
  end
end

local function serve(path, options)
  options.onMessage = options.onMessage or orders
  options.onClose = options.onClose or forget
  atrium.websocket(path, options)
end

serve("/echo", { maxPayload = 20 * 1024 * 1024, maxBufferedBytes = 40 * 1024 * 1024 })
serve("/plain", { onMessage = function(ws, data) ws:send(data) end })
serve("/small", { maxPayload = 100 })
serve("/hello", {
  onOpen = function(ws, req)
    ws:send(("hello %s %s"):format(req.query.name or "", req.headers["x-word"] or ""))
  end,
})
serve("/rooms/:id", { onOpen = function(ws, req) ws:send(req.path) end })
serve("/protocols", { protocols = { "chat.v2", "chat.v1" } })
serve("/allow", {
  allow = function(req)
    local word = req.headers["x-word"]
    if word == "no" then return false end
    if word == "reason" then return false, "not today" end
    if word == "raise" then error "the gate is broken" end
    if word == "late" then
      atrium.sleep(30)
      return false, "late"
    end
    if word == "choose" then return req.protocols[#req.protocols] end
    if word == "wrong" then return "not offered" end
    return true
  end,
})
serve("/one", { maxConnections = 1 })
serve("/beat", { pingInterval = 100, idleTimeout = 400, onPong = function(ws) pongs[ws.id] = (pongs[ws.id] or 0) + 1 end })
serve("/quiet", { pingInterval = 0, idleTimeout = 1000 })
serve("/pong", { onPong = function(ws, payload) ws:send("pong " .. payload) end })
serve("/cut", { maxBufferedBytes = 65536 })
serve("/drop", { maxBufferedBytes = 65536, overflow = "drop", onDrain = function() drained = drained + 1 end })

local errors = atrium.array {}
for _, bad in ipairs {
  { "no-slash", {} }, { "/x", { maxPayload = 0 } }, { "/x", { nonsense = 1 } }, { "/x", { onMesage = function() end } },
  { "/x", { protocols = { "a b" } } }, { "/x", { overflow = "panic" } }, { "/x", { onOpen = 3 } }, { "/x" },
} do
  local ok, message = pcall(atrium.websocket, bad[1], bad[2])
  table.insert(errors, ok and atrium.null or message)
end

atrium.http:get("/state", function(_, res)
  res:json { closed = atrium.array(closed), drained = drained, pongs = pongs, errors = errors }
end)
-- A connection that has gone is still a value, and does nothing.
atrium.http:get("/gone/:id", function(req, res)
  local ws = named[req.params.id]
  res:json {
    open = ws.open, sent = ws:send "x", joined = ws:subscribe "c", left = ws:unsubscribe "c", pinged = ws:ping(),
    buffered = ws:bufferedAmount(), id = ws.id, closed = pcall(ws.close, ws),
  }
end)
