/* The conversation on screen: a keyed list that is brought in line with a room, and the reading position.
 *
 * Rules: a reader at the end stays at the end; a reader anywhere else is never moved; a message keeps
 * its element from "sending" to "sent", so nothing flickers and nothing is announced twice.
 */
import { colourOf, dayKey, dayText, fillText, fullTime, initials, plural, timeText } from "./text.js";

const $ = (id) => document.getElementById(id);
const END = 48;                     /* within this many pixels of the end counts as the end */
const GROUP = 5 * 60 * 1000;        /* messages this close together share one name and picture */
const STATES = {
  sending: ["i-clock", "Sending"],
  sent: ["i-check", "Sent"],
  failed: ["i-alert", "Not sent"],
};

export class Log {
  /* actions: { earlier(), retry(clientOffset), discard(clientOffset), read() } */
  constructor(actions) {
    this.box = $("log");
    this.list = $("messages");
    this.nodes = new Map();
    this.room = null;
    this.stick = true;
    this.actions = actions;

    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    $("jump").addEventListener("click", () => {
      this.toEnd();
      this.box.focus({ preventScroll: true });
    });
    $("earlier-button").addEventListener("click", () => actions.earlier());
    this.list.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) actions[action](event.target.closest(".msg").dataset.offset);
    });
    const resized = new ResizeObserver(() => this.stick && this.#pin());
    resized.observe(this.box);
    resized.observe(this.list);
  }

  get atEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < END;
  }

  /* Shows another room; its first unread message, if any, is where reading goes on. */
  open(room) {
    this.room = room;
    this.nodes.clear();
    this.box.setAttribute("aria-busy", "true");     /* a switch is not news: do not read it all out */
    this.list.replaceChildren();
    this.stick = true;
    this.render();
    const divider = this.list.querySelector(".divider.new");
    if (divider && this.box.scrollHeight > this.box.clientHeight) {
      this.box.scrollTop = divider.offsetTop - 24;
      this.stick = this.atEnd;
    }
    setTimeout(() => this.box.setAttribute("aria-busy", "false"), 100);
  }

  render() {
    if (!this.room) return;
    const anchor = this.stick ? null : this.#anchor();
    this.#sync(this.#items());
    this.#edges();
    if (this.stick) this.#pin();
    else if (anchor?.node.isConnected)
      this.box.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    this.#jump();
  }

  toEnd() {
    this.stick = true;
    this.#pin();
    this.actions.read();
    this.#jump();
  }

  #pin() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  #scrolled() {
    const before = this.stick;
    this.stick = this.atEnd;
    if (this.stick && !before) this.actions.read();
    this.#jump();
  }

  /* The first message in view: it stays where it is while others come and go. */
  #anchor() {
    const top = this.box.getBoundingClientRect().top;
    for (const node of this.list.children) {
      const r = node.getBoundingClientRect();
      if (r.bottom > top) return { node, top: r.top };
    }
    return null;
  }

  #jump() {
    const n = this.room?.unread() ?? 0;
    const far = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight > this.box.clientHeight;
    const show = !this.stick && (n > 0 || far);
    $("jump").hidden = !show;
    $("jump").classList.toggle("news", n > 0);
    if (show) $("jump-text").textContent = n > 0 ? plural(n, "new message", "new messages") : "Latest messages";
  }

  /* What stands in the list: days, the "new" line and messages, each with a key that lasts. */
  #items() {
    const { messages, pending, divider } = this.room;
    const items = [];
    let day = null, previous = null, marked = divider === null;

    for (const m of messages) {
      const itsDay = dayKey(m.at);
      if (itsDay !== day) items.push({ key: `day ${itsDay}`, kind: "day", text: dayText(m.at) });
      if (!marked && m.id > divider && !m.mine) {
        items.push({ key: "new", kind: "new", text: "New" });
        marked = true;
        previous = null;
      }
      const follows = previous && itsDay === day && previous.user === m.user && previous.name === m.name &&
                      m.at - previous.at < GROUP;
      if (follows) items.at(-1).last = false;
      items.push({
        key: m.mine && m.clientOffset ? `own ${m.clientOffset}` : `id ${m.id}`, kind: "message", message: m,
        first: !follows, last: true, state: m.mine ? "sent" : null,
      });
      day = itsDay;
      previous = m;
    }
    for (const p of pending) {
      const itsDay = dayKey(p.at);
      if (itsDay !== day) items.push({ key: `day ${itsDay}`, kind: "day", text: dayText(p.at) });
      const follows = previous?.mine && itsDay === day;
      if (follows) items.at(-1).last = false;
      const message = { ...p, mine: true };
      items.push({ key: `own ${p.clientOffset}`, kind: "message", message, first: !follows, last: true, state: p.state });
      day = itsDay;
      previous = message;
    }
    return items;
  }

  /* Keyed update: moves, adds and removes as few elements as possible. */
  #sync(items) {
    const wanted = new Set(items.map((i) => i.key));
    for (const [key, node] of this.nodes) {
      if (wanted.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
    }
    let next = this.list.firstChild;
    for (const item of items) {
      let node = this.nodes.get(item.key);
      if (!node) this.nodes.set(item.key, (node = this.#make(item)));
      this.#update(node, item);
      if (node === next) next = next.nextSibling;
      else this.list.insertBefore(node, next);
    }
  }

  #make(item) {
    if (item.kind === "message") return $("t-message").content.firstElementChild.cloneNode(true);
    const node = document.createElement("li");
    const label = document.createElement("span");
    node.className = `divider ${item.kind}`;
    node.append(label);
    return node;
  }

  #update(node, item) {
    if (item.kind !== "message") {
      if (node.firstChild.textContent !== item.text) node.firstChild.textContent = item.text;
      return;
    }
    const { message: m, state } = item;
    const shown = `${item.first} ${item.last} ${state} ${m.at} ${m.error ?? ""}`;
    if (node.dataset.shown === shown) return;
    const isNew = !node.dataset.shown;
    node.dataset.shown = shown;
    node.classList.toggle("mine", m.mine === true);
    node.classList.toggle("first", item.first);
    node.classList.toggle("last", item.last);
    node.classList.toggle("is-failed", state === "failed");
    if (m.clientOffset) node.dataset.offset = m.clientOffset;

    if (isNew) {
      fillText(node.querySelector(".text"), m.text);
      node.querySelector(".who bdi").textContent = m.mine ? "You" : m.name;
    }
    if (!m.mine) {
      const avatar = node.querySelector(".avatar");
      avatar.textContent = initials(m.name);
      node.classList.add(colourOf(m.user));
    }
    const time = node.querySelector("time");
    time.dateTime = new Date(m.at).toISOString();
    time.title = fullTime(m.at);
    time.textContent = timeText(m.at);
    this.#state(node, state, m.error);
  }

  #state(node, state, error) {
    const mark = node.querySelector(".state"), failed = node.querySelector(".failed");
    mark.hidden = !state;
    if (state) {
      mark.dataset.state = state;
      mark.querySelector("use").setAttribute("href", `#${STATES[state][0]}`);
      mark.querySelector(".sr").textContent = STATES[state][1];
    }
    failed.hidden = state !== "failed";
    failed.querySelector(".failed-text").textContent = state === "failed" ? `Not sent. ${error ?? ""}` : "";
  }

  /* Above the first message: a way further back, or where the room began. Without any: why it is empty. */
  #edges() {
    const { room } = this;
    const empty = !room.messages.length && !room.pending.length;
    $("earlier-button").hidden = !room.more || empty;
    $("start-note").hidden = room.more || empty || !room.synced;
    $("start-note").textContent = `This is where #${room.name} begins`;
    $("blank").hidden = !empty;
    if (!empty) return;
    $("blank-title").textContent = room.synced ? "Nobody has spoken yet" : "Fetching the conversation…";
    $("blank-text").textContent = room.synced ? `Be the first to say something in #${room.name}.` : "";
  }
}
