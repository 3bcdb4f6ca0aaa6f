// The peer: ws on Node. Echoes messages; those that begin with "*" go to everyone. Prints the port.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { WebSocketServer } from "ws";

const { TLS_CERT, TLS_KEY } = process.env;
const server = TLS_CERT ? https.createServer({ cert: fs.readFileSync(TLS_CERT), key: fs.readFileSync(TLS_KEY) }) : http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (socket) => {
  socket.on("message", (data, binary) => {
    if (data[0] !== 42) return socket.send(data, { binary });
    for (const client of sockets.clients) client.send(data, { binary });
  });
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
