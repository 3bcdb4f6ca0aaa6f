// The peer with several workers: socket.io on Node's cluster, with @socket.io/sticky and @socket.io/cluster-adapter, as their
// documentation starts them. Usage: cluster.mjs WORKERS. Prints the port it listens on, once all workers are there.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { createAdapter, setupPrimary } from "@socket.io/cluster-adapter";
import { setupMaster, setupWorker } from "@socket.io/sticky";
import { Server } from "socket.io";
import { handle } from "./handlers.mjs";

if (cluster.isPrimary) {
  const server = createServer(), count = Number(process.argv[2] ?? 2);
  setupMaster(server, { loadBalancingMethod: "least-connection" });
  setupPrimary();
  cluster.setupPrimary({ serialization: "advanced" });
  let ready = 0;
  cluster.on("message", (_, message) => {
    if (message === "ready" && ++ready === count) server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
  });
  for (let i = 0; i < count; i++) cluster.fork();
} else {
  const io = new Server(createServer(), { perMessageDeflate: false, pingInterval: Number(process.env.PING_INTERVAL ?? 25000) });
  io.adapter(createAdapter());
  setupWorker(io);
  handle(io);
  process.send("ready");
}
