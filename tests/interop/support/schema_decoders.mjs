/* The decoders of @colyseus/schema 3, 4 and 5, as the SDKs of Colyseus 0.16, 0.17 and 0.18 use them.
 *
 * SPDX-License-Identifier: MIT
 */
import * as schema3 from "schema3";
import * as schema4 from "schema4";
import * as schema5 from "schema5";

export const GENERATIONS = { 16: schema3, 17: schema4, 18: schema5 };

/* The length that JOIN_ROOM has in front of the types. */
function length_prefix(n) {
  if (n < 0x80) return Buffer.from([n]);
  if (n < 0x100) return Buffer.from([0xcc, n]);
  const out = Buffer.from([0xcd, 0, 0]);
  out.writeUInt16LE(n, 1);
  return out;
}

/* What decoders print, kept: most of it means that bytes were not understood. */
export function quiet(fn) {
  const said = [];
  const { warn, error } = console;
  console.warn = (...args) => said.push(args.map(String).join(" "));
  console.error = console.warn;
  try {
    return [fn(), said];
  } finally {
    console.warn = warn;
    console.error = error;
  }
}

/* A client of that generation, which got `types`. `shared`: they are in the form for all, with the length in front. */
export function open_decoder(generation, types, shared) {
  const lib = GENERATIONS[generation];
  let bytes = types;
  const it = { offset: 0 };
  if (shared) {
    bytes = Buffer.concat([length_prefix(types.length), types]);
    if (generation === 18) it.offset = bytes.length - types.length;
  }
  const [decoder] = quiet(() => lib.Reflection.decode(bytes, it));
  return {
    generation,
    decoder,
    decode(patch, where = "") {
      const [, said] = quiet(() => decoder.decode(patch, { offset: 0 }));
      if (said.length) throw new Error(`${where}, generation ${generation}, ${this.name}: ${said[0]}, of ${patch.toString("hex")}`);
    },
    json: () => decoder.state.toJSON(),
    refs: () => decoder.root.refs.size,
  };
}
