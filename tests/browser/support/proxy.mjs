/* A TCP proxy that fails on request: refuses, cuts, or swallows what the server says. */
import { connect, createServer } from "node:net";
import { once } from "node:events";

export class Proxy {
  #target;
  #server = null;
  #pairs = new Set();
  port = 0;
  deaf = false;              /* while true, bytes from the server vanish */
  swallowed = 0;             /* how many did */

  constructor(target) {
    this.#target = target;
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  async open() {
    this.#server = createServer((client) => this.#accept(client));
    this.#server.listen(this.port, "localhost");
    await once(this.#server, "listening");
    this.port = this.#server.address().port;
    return this;
  }

  #accept(client) {
    const server = connect(this.#target, "localhost");
    const pair = [client, server];
    const end = () => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (bytes) => server.write(bytes));
    server.on("data", (bytes) => {
      if (this.deaf) this.swallowed += bytes.length;
      else client.write(bytes);
    });
  }

  /* Ends every connection and refuses new ones until restore(). */
  async cut() {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pairs.clear();
    await closed;
  }

  async restore() {
    this.deaf = false;
    await this.open();
  }

  async close() {
    if (this.#server.listening) await this.cut();
  }
}

const opened = new Set();

export async function openProxy(target) {
  const proxy = await new Proxy(target).open();
  opened.add(proxy);
  return proxy;
}

/* For afterEach. */
export async function closeProxies() {
  for (const proxy of opened) await proxy.close();
  opened.clear();
}
