// The peer: socket.io on Bun with @socket.io/bun-engine, as its documentation starts one. Prints its address.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { handle } from "./handlers.mjs";

const io = new Server();
const engine = new Engine({ path: "/socket.io/", pingInterval: Number(process.env.PING_INTERVAL ?? 25000) });

io.bind(engine);
handle(io);
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", ...engine.handler() });
console.log(`http://127.0.0.1:${server.port}`);
