// The peer: socket.io on Node, as its documentation starts one. Prints the port it listens on.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { handle } from "./handlers.mjs";

const server = createServer();
const io = new Server(server, { perMessageDeflate: false, pingInterval: Number(process.env.PING_INTERVAL ?? 25000) });

handle(io);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
