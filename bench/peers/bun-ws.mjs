// The peer: Bun.serve. Echoes messages; when started with "publish", those that begin with "*" go to everyone,
// by its own publish and subscribe. Prints its address.
const publish = process.argv[2] === "publish";
const { TLS_CERT, TLS_KEY } = process.env;

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: TLS_CERT ? { cert: Bun.file(TLS_CERT), key: Bun.file(TLS_KEY) } : undefined,
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("", { status: 426 });
  },
  websocket: {
    open(socket) {
      if (publish) socket.subscribe("everyone");
    },
    message(socket, data) {
      if (data[0] === "*") server.publish("everyone", data);
      else socket.send(data);
    },
  },
});
console.log(`http://127.0.0.1:${server.port}`);
