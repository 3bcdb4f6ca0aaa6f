// The peer: socket.io on Node, as its documentation starts one. Prints the port it listens on.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("echo", (text) => socket.emit("echo", text));
  socket.on("broadcast", (text) => io.emit("broadcast", text));
  socket.on("one", () => {});
  socket.on("two", () => {});
  socket.on("three", () => {});
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
