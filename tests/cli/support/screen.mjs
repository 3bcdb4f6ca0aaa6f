// A program in a terminal: screen.py, driven from a test.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export function terminal(t, columns, rows, command, options = {}) {
  const child = spawn("python3", ["tests/cli/support/screen.py", String(columns), String(rows), ...command], { stdio: ["pipe", "pipe", "inherit"], ...options });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.after(() => child.stdin.end());
  const order = (text) => child.stdin.write(`${text}\n`);
  return {
    keys: (text) => order(`keys ${text}`),
    size: (c, r) => order(`size ${c} ${r}`),
    signal: (name) => order(`signal ${name}`),
    // What is to be seen now.
    async screen() {
      order("screen");
      const answer = await answers.next();
      if (answer.done) throw new Error("the terminal has ended");
      const seen = JSON.parse(answer.value);
      return { ...seen, text: seen.lines.join("\n") };
    },
  };
}
