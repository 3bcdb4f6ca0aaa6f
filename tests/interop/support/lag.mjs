/* A proxy in front of a server that makes WebSockets slow and leaves polling fast, so that an upgrade takes its time.
 *
 * SPDX-License-Identifier: MIT
 */
import net from "node:net";
import { after } from "node:test";

export async function lag(server, ms) {
  const sockets = new Set();
  const proxy = net.createServer((client) => {
    const upstream = net.connect(server.port, "localhost");
    let slow = false;
    const pipe = (from, to) => {
      sockets.add(from);
      from.on("data", (data) => {
        slow ||= /\r\nupgrade: websocket/iu.test(data.toString("latin1"));
        if (slow) setTimeout(() => to.write(data), ms);
        else to.write(data);
      });
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), slow ? ms : 0);
      });
    };
    pipe(client, upstream);
    pipe(upstream, client);
  });
  await new Promise((done) => proxy.listen(0, done));
  after(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://localhost:${proxy.address().port}`, check: () => server.check() };
}
