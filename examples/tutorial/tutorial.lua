-- tutorial.lua: the chat of the Socket.IO tutorial after its last step: every core, one conversation.
--
--   atrium start tutorial.lua -i max --increment-var PORT      a port each: 3000, 3001, ...
--   atrium start tutorial.lua -i max                           one port for all
--
-- Workers share the database, and io:emit reaches the clients of all of them. The page is examples/page.
--
-- SPDX-License-Identifier: MIT

local atrium = require "atrium"
local io = atrium.io

io:configure { connectionStateRecovery = { maxDisconnectionDuration = 120000 } }
atrium.http:static("/", "../page")

local db = atrium.sqlite.open(os.getenv "CHAT_DB" or "chat.db")
db:exec [[
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_offset TEXT UNIQUE,
    content TEXT NOT NULL
  );
]]

io:on("connection", function(socket)
  socket:on("chat message", function(text, offset, done)
    if type(text) ~= "string" or type(offset) ~= "string" or #offset > 100 or not done then return end
    local ok, stored = pcall(db.query, db, "INSERT INTO messages (content, client_offset) VALUES (?, ?)", text, offset)
    if ok then
      io:emit("chat message", text, stored.lastInsertRowid)
    elseif not stored:find "UNIQUE" then
      return                      -- not stored: the client says it again
    end
    done()                        -- stored, now or before: a repeat is answered, and that is all
  end)

  if socket.recovered then return end -- it has had what it missed
  local seen = tonumber(socket.handshake.auth.serverOffset) or 0
  for _, row in ipairs(db:query("SELECT id, content FROM messages WHERE id > ? ORDER BY id", seen)) do
    socket:emit("chat message", row.content, row.id)
  end
end)

atrium.on("listening", function(url) print("server running at " .. url) end)
