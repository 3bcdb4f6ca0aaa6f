// The application of both peers that speak Socket.IO: five handlers.
export function handle(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (text) => socket.emit("echo", text));
    socket.on("broadcast", (text) => io.emit("broadcast", text));
    socket.on("one", () => {});
    socket.on("two", () => {});
    socket.on("three", () => {});
  });
}
