// What a run of the benchmark prints: medians, ratios with quartiles, latencies, as Markdown.

const BEGIN = "<!-- bench -->", END = "<!-- end of bench -->";

export function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const where = (sorted.length - 1) * share, low = Math.floor(where);
    return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (where - low);
  };
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) };
}

// Four digits say all that such a measurement knows.
function plain(n, digits = 0) {
  const rounded = digits || n < 1000 ? n : Number(n.toPrecision(4));
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
const times = (n) => (n < 10 ? n.toFixed(2) : n.toFixed(1));
const line = (cells) => `| ${cells.join(" | ")} |`;
const head = (cells) => [line(cells), line(cells.map(() => "---"))];

// One line of the figures' table: a measure of a row, reduced to medians per contestant, and to its ratios.
function reduce(row, measure) {
  const columns = Object.fromEntries(row.contestants.map((name) => [name, row.rounds.filter((r) => r[name]).map((r) => measure.of(r[name]))]));
  const median = (name) => (columns[name]?.length ? quartiles(columns[name]).median : NaN);
  const ratios = measure.wanted.map(([ours, theirs, least]) => {
    const values = row.rounds.filter((r) => r[ours] && r[theirs]).map((r) => measure.ratio(measure.of(r[ours]), measure.of(r[theirs])));
    return { ours, theirs, least, ...(values.length ? quartiles(values) : { median: NaN }) };
  });
  const limits = (measure.most ?? []).map(([ours, most]) => ({ ours, most, median: median(ours) }));
  return { name: measure.what ?? row.name, measure, family: row.family, contestants: row.contestants, count: row.rounds.length, median, ratios, limits };
}

function figures(lines) {
  const out = [];
  for (const family of new Set(lines.map((l) => l.family))) {
    const columns = Object.keys(family);
    out.push(...head(["", ...columns.map((name) => (name === "C" || name === "Lua" ? `Atrium, ${name}` : name)), "rounds"]));
    for (const l of lines.filter((x) => x.family === family))
      out.push(line([`${l.name} (${l.measure.unit})`, ...columns.map((name) => (l.contestants.includes(name) ? plain(l.median(name), l.measure.digits) : "")), l.count]));
    out.push("");
  }
  return out;
}

function comparisons(lines) {
  const out = head(["", "", "median", "quartiles", "wanted", ""]);
  const verdict = (met) => (met ? "yes" : "no");
  for (const l of lines) {
    for (const { ours, most, median } of l.limits)
      out.push(line([l.name, `${ours}, ${l.measure.unit}`, plain(median, l.measure.digits), "", `at most ${plain(most)}`, verdict(median <= most)]));
    for (const { ours, theirs, least, q1, median, q3 } of l.ratios)
      out.push(line([l.name, `${ours} to ${theirs}`, `${times(median)}x`, q1 === undefined ? "" : `${times(q1)} to ${times(q3)}`,
        least ? `${least}x` : "", least ? verdict(median >= least) : ""]));
  }
  return out;
}

function latencies(rows) {
  const out = head(["latency, p50 / p99 in us, closed loop", "contestants"]);
  for (const row of rows.filter((r) => !r.fresh)) {
    const of = (name, share) => quartiles(row.rounds.filter((r) => r[name]).map((r) => r[name].latencyUs[share])).median;
    const cells = row.contestants.filter((name) => row.rounds.some((r) => r[name]));
    out.push(line([row.name, cells.map((name) => `${name} ${plain(of(name, "p50"))} / ${plain(of(name, "p99"))}`).join(", ")]));
  }
  return out;
}

const linesOf = (rows) => rows.flatMap((row) => row.measures.map((measure) => reduce(row, measure)));

export function print(rows) {
  const measured = rows.filter((row) => row.rounds.length);
  const lines = linesOf(measured);
  return [...figures(lines), ...comparisons(lines), "", ...latencies(measured)].join("\n");
}

// The table of the README: the Lua application beside socket.io on Node and on Bun.
export function summary(rows) {
  const measured = rows.filter((row) => row.rounds.length && row.contestants.includes("Node"));
  const out = head(["", "Atrium, Lua", "socket.io on Node", "ratio", "socket.io on Bun", "ratio"]);
  for (const { name, measure, median } of linesOf(measured)) {
    const to = (other) => `${times(measure.ratio(median("Lua"), median(other)))}x`;
    const figure = (who) => plain(median(who), measure.digits);
    out.push(line([`${name} (${measure.unit})`, figure("Lua"), figure("Node"), to("Node"), figure("bun-engine"), to("bun-engine")]));
  }
  return out.join("\n");
}

// Puts a text between the two marks of a page.
export function insert(page, text) {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`the page has no ${BEGIN} and ${END}`);
  return `${page.slice(0, before + BEGIN.length)}\n\n${text}\n\n${page.slice(after)}`;
}
