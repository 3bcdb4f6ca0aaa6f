-- Bare Engine.IO servers: atrium.engine{ path = ... }.
--
-- SPDX-License-Identifier: MIT
local core = ...

local socket = {
  send = core.engine_send,
  write = core.engine_send,
  close = core.engine_socket_close,
  on = core.on,
  once = core.once,
  off = core.off,
  bufferedAmount = core.engine_buffered,
}
core.engine_socket_type.__name = "atrium.engine.socket"
core.class(core.engine_socket_type, socket, {
  transport = function(self)
    return { name = core.engine_transport(self) }
  end,
  protocol = core.engine_protocol,
  handedOver = core.engine_handed_over,
  readyState = function(self)
    return self[1] and "open" or "closed"
  end,
})

local methods, getters = {
  on = core.on,
  once = core.once,
  off = core.off,
  close = core.engine_close,
}, { clientsCount = core.engine_count }
local Server = core.class({ __name = "atrium.engine" }, methods, getters)
table.insert(core.engine_classes, { Server, methods, getters })

function core.new_engine(options)
  options = options or {}
  if type(options) ~= "table" then
    error("atrium.engine: a table of options expected", 2)
  end
  local plain, allow = {}, nil
  for name, value in pairs(options) do
    if name == "allowRequest" then
      allow = value
      if type(allow) ~= "function" then
        error("allowRequest: function(req, callback) expected, got " .. type(allow), 2)
      end
    else
      plain[name] = value
    end
  end
  local server = setmetatable({ false }, Server)
  core.open_engine(server, plain, allow and function(request, decide)
    allow(request, function(err, yes)
      decide(err and err ~= core.null and err or not yes and "Forbidden" or nil)
    end)
  end or nil)
  return server
end
