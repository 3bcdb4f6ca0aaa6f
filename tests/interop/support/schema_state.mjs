/* A state at two places: in proto/schema.h, at the other end of a pipe (schema_driver.c), and here as plain objects that
 * look like those of @colyseus/schema. What is done to these is done to both; json() is what decoders should arrive at.
 *
 * SPDX-License-Identifier: MIT
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/* --- The other end --- */

export function open_driver(build) {
  const child = spawn(`${build}/tests/interop/schema_driver`, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [];
  let failure = null;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("error ")) failure ??= line;
    const next = waiting.shift();
    if (failure && next) next.fail(new Error(failure)), (failure = null);
    else if (next) next.done(line);
  });
  child.on("exit", (code, signal) => {
    for (const next of waiting.splice(0)) next.fail(new Error(`the driver ended: ${code ?? signal}`));
  });
  child.stdin.on("error", () => {});
  return {
    say: (line) => child.stdin.write(line + "\n"),
    ask: (line) =>
      new Promise((done, fail) => {
        waiting.push({ done, fail });
        child.stdin.write(line + "\n");
      }),
    bytes: async function (line) {
      return Buffer.from(await this.ask(line), "hex");
    },
    close: () =>
      new Promise((done) => {
        child.once("exit", (code) => done(code));
        child.stdin.end();
      }),
  };
}

/* --- What looks like the library --- */

const hex = (text) => Buffer.from(text, "utf8").toString("hex");
const is_object = (value) => typeof value === "object" && value !== null;
const raw = (value) => value?.$raw ?? value;

/* types: [[name, {field: type}, parent?], ...] as in schema_vectors.json; views: {type: {field: tag}}. */
export function open_library(driver, types, views = {}) {
  const classes = {};
  let next_id = 0;
  driver.say("reset");

  const word = (spec, value) => {
    if (value === undefined || value === null) return "-";
    if (is_object(value)) return `o:${bind(raw(value), spec).$id}`;
    if (typeof value === "string") return `t:${hex(value)}`;
    if (typeof value === "boolean") return `b:${value ? 1 : 0}`;
    if (typeof value === "bigint") return `${value < 0n ? "i" : "u"}:${value}`;
    return `n:${Number.isNaN(value) ? "nan" : Number.isFinite(value) ? value : value > 0 ? "inf" : "-inf"}`;
  };
  const field_words = (spec) => `${spec.kind} ${spec.child ?? "-"} ${spec.type ?? "-"}`;
  const item_spec = (spec) => ({ kind: spec.child, type: spec.type });

  /* Containers learn what they hold when they get their place; only then does the other end have them. */
  function bind(value, spec) {
    if (value.$id === undefined) {
      value.$id = next_id++;
      value.spec = spec;
      driver.say(`container ${value.$id} ${field_words(spec)}`);
      value.replay();
    }
    return value;
  }

  class Container {
    say(command, ...words) {
      if (this.$id !== undefined) driver.say([command, this.$id, ...words].join(" "));
    }
    word(value) {
      return this.$id === undefined ? "-" : word(item_spec(this.spec), value);
    }
  }

  class MapSchema extends Container {
    items = new Map();
    replay() {
      for (const [key, value] of this.items) this.say("mapset", `k:${hex(key)}`, this.word(value));
    }
    set(key, value) {
      this.items.set(key, value);
      this.say("mapset", `k:${hex(key)}`, this.word(value));
    }
    delete(key) {
      this.items.delete(key);
      this.say("mapset", `k:${hex(key)}`, "-");
    }
    clear() {
      this.items.clear();
      this.say("clear");
    }
    get = (key) => this.items.get(key);
    keys = () => this.items.keys();
    values = () => this.items.values();
    get size() {
      return this.items.size;
    }
    json = () => Object.fromEntries([...this.items].map(([key, value]) => [key, json(value)]));
  }

  class Values extends Container {
    items = [];
    replay() {
      for (const value of this.items) this.say("add", this.word(value));
    }
    add(value) {
      if (this.unique && this.items.includes(value)) return;
      this.items.push(value);
      this.say("add", this.word(value));
    }
    delete(value) {
      const at = this.items.indexOf(value);
      if (at < 0) return;
      this.items.splice(at, 1);
      this.say("take", this.word(value));
    }
    clear() {
      this.items.length = 0;
      this.say("clear");
    }
    values = () => this.items.values();
    get size() {
      return this.items.length;
    }
    json = () => this.items.map(json);
  }
  class SetSchema extends Values {
    unique = true;
  }
  class CollectionSchema extends Values {}

  class List extends Container {
    items = [];
    replay() {
      this.items.forEach((value, i) => this.say("insert", i, this.word(value)));
    }
    get length() {
      return this.items.length;
    }
    put(index, value) {
      this.items[index] = value;
      this.say("arrayset", index, this.word(value));
    }
    push(...values) {
      this.splice(this.items.length, 0, ...values);
    }
    pop() {
      return this.splice(this.items.length - 1, 1)[0];
    }
    shift() {
      return this.splice(0, 1)[0];
    }
    unshift(...values) {
      this.splice(0, 0, ...values);
    }
    splice(at, count, ...values) {
      const removed = this.items.splice(at, count, ...values);
      const replaced = Math.min(removed.length, values.length);
      for (let i = 0; i < replaced; i++) this.say("arrayset", at + i, this.word(values[i]));
      if (removed.length > replaced) this.say("remove", at + replaced, removed.length - replaced);
      for (let i = replaced; i < values.length; i++) this.say("insert", at + i, this.word(values[i]));
      return removed;
    }
    move(from, to) {
      this.items.splice(to, 0, ...this.items.splice(from, 1));
      this.say("move", from, to);
    }
    reverse() {
      this.items.reverse();
      this.say("reverse");
    }
    sort(compare) {
      const order = this.items.map((_, i) => i).sort((a, b) => compare(this.items[a], this.items[b]));
      this.permute(order);
    }
    permute(order) {
      this.items = order.map((i) => this.items[i]);
      this.say("permute", order.join(","));
    }
    clear() {
      this.items.length = 0;
      this.say("clear");
    }
    forEach(fn) {
      this.items.forEach(fn);
    }
    json = () => this.items.map(json);
  }
  function ArraySchema(...values) {
    const list = new List();
    list.items = values;
    return new Proxy(list, {
      get: (target, key) => {
        if (key === "$raw") return target;
        if (typeof key === "string" && /^\d+$/.test(key)) return target.items[key];
        const value = target[key];
        return typeof value === "function" ? value.bind(target) : value;
      },
      set: (target, key, value) => {
        if (typeof key === "string" && /^\d+$/.test(key)) target.put(Number(key), value);
        else target[key] = value;
        return true;
      },
    });
  }

  function json(value) {
    return is_object(value) ? raw(value).json() : value;
  }

  const own_specs = new Map();
  const fields_of = (name) => {
    if (own_specs.has(name)) return own_specs.get(name);
    const [, fields, parent] = types.find((type) => type[0] === name);
    const specs = parent ? [...fields_of(parent)] : [];
    for (const [field, type] of Object.entries(fields)) {
      const [kind, child] = typeof type === "string" ? [type, undefined] : Object.entries(type)[0];
      const named = types.some((other) => other[0] === child);
      specs.push({ name: field, kind, child: kind === "ref" ? undefined : named ? "ref" : child, type: named ? child : undefined });
    }
    own_specs.set(name, specs);
    return specs;
  };

  /* In the order given: what a field names, and a parent, comes before. */
  for (const [name, fields, parent] of types) {
    const all = fields_of(name);
    driver.say(`type ${name} ${parent ?? "-"}`);
    for (const spec of all.slice(all.length - Object.keys(fields).length))
      driver.say(`field ${name} ${spec.name} ${field_words(spec)} ${views[name]?.[spec.name] ?? 0}`);
    classes[name] = class {
      static $name = name;
      constructor() {
        Object.defineProperty(this, "$values", { value: new Map() });
        Object.defineProperty(this, "$id", { value: next_id++ });
        driver.say(`new ${this.$id} ${name}`);
      }
      drop() {
        driver.say(`drop ${this.$id}`);
      }
      json() {
        const out = {};
        for (const spec of all) if (this.$values.has(spec.name)) out[spec.name] = json(this.$values.get(spec.name));
        return out;
      }
    };
    all.forEach((spec, index) => {
      Object.defineProperty(classes[name].prototype, spec.name, {
        get() {
          return this.$values.get(spec.name);
        },
        set(value) {
          if (value === undefined || value === null) this.$values.delete(spec.name);
          else this.$values.set(spec.name, value);
          driver.say(`set ${this.$id} ${index} ${word(spec, value)}`);
        },
      });
    });
  }
  return {
    classes,
    lib: { MapSchema, ArraySchema, SetSchema, CollectionSchema },
    json,
  };
}
