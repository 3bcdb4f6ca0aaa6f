// What a run of the benchmark prints: medians, ratios with quartiles, latencies, as Markdown.

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

export function print(rows) {
  const measured = rows.filter((row) => row.rounds.length);
  const lines = measured.flatMap((row) => row.measures.map((measure) => reduce(row, measure)));
  return [...figures(lines), ...comparisons(lines), "", ...latencies(measured)].join("\n");
}
