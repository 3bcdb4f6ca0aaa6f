-- http.lua: routes and files.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local http = atrium.http
local io = atrium.io -- the browser client is served beside it

http:static("/files", os.getenv "SITE")

http:get("/hello", function(_, res) res:send "hello" end)
http:get("/users/:id", function(req, res) res:json { params = req.params, query = req.query, path = req.path, url = req.url } end)
http:get("/users/:id/posts/:post", function(req, res) res:json { id = req.params.id, post = req.params.post } end)
http:get("/rest/*", function(req, res) res:json { rest = req.params["*"] } end)
http:post("/echo", function(req, res) res:type(req.headers["content-type"] or "text/plain"):send(req.body) end)
http:post("/json", function(req, res) res:json { got = req:json(), null = atrium.null, list = atrium.array {} } end)
http:put("/thing/:id", function(req, res) res:send("put " .. req.params.id) end)
http:delete("/thing/:id", function(req, res) res:send("delete " .. req.params.id) end)
http:patch("/thing/:id", function(req, res) res:send("patch " .. req.params.id) end)
http:any("/any", function(req, res) res:send(req.method) end)
http:get("/status/:code", function(req, res) res:status(tonumber(req.params.code)):send "" end)
http:get("/headers", function(req, res)
  res:set("X-One", "1"):set("X-Agent", req.headers["x-agent"] or "none"):json(req.headers)
end)
http:get("/bad/header", function(_, res) res:set("X-One", "a\r\nX-Two: b"):send "never" end)
http:get("/redirect", function(_, res) res:redirect "/hello" end)
http:get("/html", function(_, res) res:type "html":send "<p>hi</p>" end)
http:get("/late", function(_, res)
  atrium.sleep(50)
  res:send "late"
end)
http:get("/never", function() end)
http:get("/raise", function() error "something broke" end)
http:get("/refuse", function() error { status = 422, message = "not like this" } end)
http:get("/twice", function(_, res)
  res:send "once"
  res:send "twice"
end)
http:get("/bytes", function(_, res) res:send(atrium.bytes "\0\1\2\255") end)
http:get("/large/:n", function(req, res) res:send(("x"):rep(tonumber(req.params.n))) end)
http:get("/address", function(req, res) res:send(req.address) end)

io:on("connection", function(socket) socket:emit("greeting", "hello from Lua") end)
