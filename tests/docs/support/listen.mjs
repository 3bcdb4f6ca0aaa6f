/* Loaded before a Node server of the docs: port 3000 becomes a free one, which the parent is told.
 *
 * SPDX-License-Identifier: MIT
 */
import net from "node:net";

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...rest) {
  this.once("listening", () => process.send({ port: this.address().port }));
  return listen.call(this, port === 3000 ? 0 : port, ...rest);
};
