// The peer: ws on Node. Echoes messages; those that begin with "*" go to everyone. Prints the port.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false }, () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
server.on("connection", (socket) => {
  socket.on("message", (data, binary) => {
    if (data[0] !== 42) return socket.send(data, { binary });
    for (const client of server.clients) client.send(data, { binary });
  });
});
