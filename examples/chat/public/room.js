/* One room as this page knows it: messages in order, what is still on its way, and what was missed.
 *
 * No DOM and no socket in here. Invariants:
 *   - `messages` is sorted by id and holds each id once, however often the server sent it;
 *   - `offset` is an id up to which nothing is missing. It advances only while `synced`, because a live
 *     message can overtake the replay of the ones before it.
 */

const KEPT = 800;

export class Room {
  constructor(name) {
    this.name = name;
    this.messages = [];
    this.ids = new Set();
    this.pending = [];          /* { clientOffset, text, at, state: "sending" | "failed", error } */
    this.synced = false;
    this.offset = null;         /* null: no history yet */
    this.highest = 0;           /* highest id the server sent, synced or not */
    this.early = [];            /* what was broadcast before the replay was complete */
    this.more = false;          /* older messages exist on the server */
    this.readTo = null;         /* id of the last message read; null: not known yet */
    this.divider = null;        /* the "new" line stands above the first message after this id */
    this.people = new Map();    /* id -> name */
    this.typing = new Map();    /* id -> { name, until } */
    this.draft = "";
  }

  get lastId() {
    return this.messages.at(-1)?.id ?? 0;
  }

  /* Stores one message. Returns false if it was here already. */
  add(message) {
    this.pending = this.pending.filter((p) => !message.mine || p.clientOffset !== message.clientOffset);
    if (this.ids.has(message.id)) return false;
    this.ids.add(message.id);
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1].id > message.id) at--;
    this.messages.splice(at, 0, message);
    return true;
  }

  /* A message the server broadcast. */
  receive(message) {
    this.highest = Math.max(this.highest, message.id);
    if (this.synced) this.offset = Math.max(this.offset ?? 0, this.highest);
    else this.early.push(message);
    return this.add(message);
  }

  /* The connection ended: what comes next may leave a gap until the replay has closed it. */
  lost() {
    this.synced = false;
    this.early = [];
    this.typing.clear();
  }

  /* One batch of history: everything after our offset, or (fresh) the newest page of the room. */
  replay({ messages, fresh, more, done }) {
    if (fresh) {
      this.messages = [];
      this.ids.clear();
      this.highest = 0;
      this.more = more === true;
    }
    for (const message of fresh ? [...messages, ...this.early] : messages) {
      this.highest = Math.max(this.highest, message.id);
      this.add(message);
    }
    if (done) {
      this.synced = true;
      this.early = [];
      this.offset = fresh ? this.highest : Math.max(this.offset ?? 0, this.highest);
      this.readTo ??= this.lastId;
      if (fresh) this.readTo = Math.min(this.readTo, this.lastId);
    }
  }

  /* A page of older messages. */
  prepend(messages, more) {
    messages.forEach((m) => this.add(m));
    this.more = more;
  }

  unread() {
    if (this.readTo === null) return 0;
    let n = 0;
    for (let i = this.messages.length - 1; i >= 0 && this.messages[i].id > this.readTo; i--)
      if (!this.messages[i].mine) n++;
    return n;
  }

  /* Forgets the oldest messages of a long conversation; the server has them. */
  trim() {
    if (this.messages.length <= KEPT * 1.25) return;
    for (const m of this.messages.splice(0, this.messages.length - KEPT)) this.ids.delete(m.id);
    this.more = true;
  }

  /* Names of those typing right now, after dropping those who stopped without saying so. */
  typists(now) {
    for (const [id, t] of this.typing) if (t.until <= now) this.typing.delete(id);
    return [...this.typing.values()].map((t) => t.name);
  }
}
