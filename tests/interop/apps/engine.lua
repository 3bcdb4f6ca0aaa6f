-- engine.lua: bare Engine.IO servers, one per path and set of options. Each echoes; some texts are orders.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"

local closed, upgraded, refused = {}, {}, {}

local function on_message(socket, data)
  if data == "!close" then
    socket:send "last words"
    socket:close()
  elseif data == "!late close" then
    atrium.timer.sleep(50)
    socket:close()
  elseif type(data) == "string" and data:match "^!flood %d+$" then
    for i = 1, tonumber(data:match "%d+") do socket:send("flood " .. i) end
  elseif type(data) == "string" and data:match "^!large %d+$" then
    socket:send(("x"):rep(tonumber(data:match "%d+")))
  elseif data == "!protocol" then
    socket:send("protocol " .. socket.protocol)
  else
    socket:send(data)
  end
end

local function serve(path, options)
  options.path = path
  local engine = atrium.engine(options)
  refused[path] = atrium.array {}
  engine:on("connection", function(socket)
    socket:on("message", function(data) on_message(socket, data) end)
    socket:on("upgrade", function() upgraded[socket.id] = true end)
    socket:on("close", function(reason) closed[socket.id] = reason end)
  end)
  engine:on("connection_error", function(err)
    table.insert(refused[path], { code = err.code, message = err.message, context = err.context.name })
  end)
  return engine
end

serve("/echo", {})
serve("/beat", { pingInterval = 300, pingTimeout = 200 })
serve("/quick", { pingInterval = 50, pingTimeout = 5000 })
serve("/small", { maxHttpBufferSize = 100 })
serve("/hurry", { upgradeTimeout = 200 })
serve("/bare", { addTrailingSlash = false })
serve("/deep/down/path", {})
serve("/polling", { transports = { "polling" } })
serve("/websocket", { transports = { "websocket" } })
serve("/stay", { allowUpgrades = false })
serve("/old", { allowEIO3 = true })
serve("/plain", { httpCompression = false })
serve("/cookie", { cookie = true })
serve("/named", {
  cookie = { name = "route", path = "/app", httpOnly = false, secure = true, sameSite = "strict", maxAge = 60, domain = "a.test" },
})

serve("/cors/any", { cors = { origin = "*" } })
serve("/cors/one", { cors = { origin = "http://one.test", credentials = true } })
serve("/cors/list", {
  cors = {
    origin = { "http://one.test", "http://two.test" }, methods = { "GET", "POST" },
    allowedHeaders = { "X-One", "X-Two" }, exposedHeaders = { "X-Three" }, maxAge = 600,
  },
})

serve("/allow", {
  allowRequest = function(req, decide)
    if req.headers["x-word"] == "no" then return decide(nil, false) end
    if req.headers["x-word"] == "reason" then return decide("not today", false) end
    if req.headers["x-word"] == "raise" then error "the gate is broken" end
    decide(nil, true)
  end,
})
serve("/allow/late", {
  allowRequest = function(req, decide)
    atrium.timer.sleep(50)
    decide(nil, req.headers["x-word"] ~= "no")
  end,
})

-- How a session ended (null: not yet); whether it was upgraded; what an engine refused last.
atrium.http:get("/session/:id", function(req, res)
  res:json { closed = closed[req.params.id] or atrium.null, upgraded = upgraded[req.params.id] or false }
end)
atrium.http:get("/refused", function(req, res)
  local list = refused[req.query.path]
  res:json(list[#list] or atrium.null)
end)
