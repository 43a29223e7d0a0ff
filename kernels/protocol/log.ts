/** The kernel's own log: standard error of the process, which Jupyter's server shows. Never a cell's output. */
import { writeSync } from "node:fs";

/** More lines than this in one minute are counted, not written: a stranger cannot fill the log. */
const linesPerMinute = 20;

let minute = 0;
let written = 0;
let unwritten = 0;

export function log(line: string): void {
  const now = Math.floor(Date.now() / 60_000);
  if (now !== minute) {
    if (unwritten > 0) write(`protocol: ${unwritten} more lines were not logged`);
    [minute, written, unwritten] = [now, 0, 0];
  }
  if (written === linesPerMinute) {
    unwritten += 1;
    return;
  }
  written += 1;
  write(line);
}

function write(line: string): void {
  try {
    writeSync(2, `${line.slice(0, 4_000)}\n`);
  } catch {
    // Nobody listens, or not fast enough: the log must not hold up the kernel.
  }
}
