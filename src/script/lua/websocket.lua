-- Plain WebSocket endpoints: atrium.websocket(path, options), and channels: atrium.publish().
--
-- A connection is { ref, data = table once asked for, and whatever the script puts there }.
--
-- SPDX-License-Identifier: MIT
local core = ...

local open, publish = core.open_websocket, core.websocket_publish
local rawset, type, pairs, error = rawset, type, pairs, error

core.websocket_type.__name = "atrium.websocket"
core.class(core.websocket_type, {
  send = core.websocket_send,
  ping = core.websocket_ping,
  close = core.websocket_close,
  subscribe = core.websocket_subscribe,
  unsubscribe = core.websocket_unsubscribe,
  publish = publish,
  channels = core.websocket_channels,
  bufferedAmount = core.websocket_buffered,
}, {
  id = core.websocket_id,
  address = core.websocket_address,
  open = core.websocket_is_open,
  data = function(self)
    local data = {}
    rawset(self, "data", data)
    return data
  end,
})

function core.websocket(path, options)
  if type(path) ~= "string" then
    error("atrium.websocket: a path expected", 2)
  elseif type(options) ~= "table" then
    error("atrium.websocket: a table of options expected", 2)
  end
  local plain, functions = {}, {}
  for name, value in pairs(options) do
    if type(value) == "function" or name == "allow" or tostring(name):find "^on%u" then
      functions[name] = value
    elseif name == "protocols" and type(value) == "table" then
      plain[name] = core.array { unpack(value) }
    else
      plain[name] = value
    end
  end
  for name in pairs(functions) do
    if not ({ onOpen = 1, onMessage = 1, onClose = 1, onDrain = 1, onPong = 1, allow = 1 })[name] then
      error("atrium.websocket: unknown option " .. tostring(name), 2)
    end
  end
  open(path, functions, plain)
end

function core.publish(channel, data, binary, key)
  return publish(nil, channel, data, binary, key)
end
