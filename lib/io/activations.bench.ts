/**
 * `npm run bench -- activations [gigabytes] [rounds] [float32|float16]`: how fast a store streams shuffled rows, in turns with plain reading of its files
 * by one thread into one buffer, and by four at a time as the store reads. First from the disk, the files put out of the system's page cache, where `dd` can do
 * that; then from the page cache, where memory is all that is read.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spread } from "../../bench/statistics";
import { Random } from "../tensor";
import { openActivations, openOrComputeActivations } from "./activation-store";
import type { RowDtype } from "./row-blocks";

const WIDTH = 1024;
const BATCH = 1024;
const PIECE = 4 << 20;

async function plain(dir: string, files: readonly string[]): Promise<number> {
  const buffer = new Uint8Array(PIECE);
  let bytes = 0;
  for (const name of files) {
    const file = await open(join(dir, name), "r");
    for (let read = 1; read > 0; bytes += read) read = (await file.read(buffer, 0, PIECE)).bytesRead;
    await file.close();
  }
  return bytes;
}

async function fourAtATime(dir: string, files: readonly string[]): Promise<number> {
  const rest = [...files];
  const readers = Array.from({ length: 4 }, async () => {
    let bytes = 0;
    for (let name = rest.shift(); name; name = rest.shift()) bytes += await plain(dir, [name]);
    return bytes;
  });
  return (await Promise.all(readers)).reduce((a, b) => a + b, 0);
}

async function shuffled(dir: string): Promise<number> {
  const store = await openActivations(dir, { verify: false });
  const order = store.order(new Random(1));
  const batch = new Float32Array(BATCH * WIDTH);
  for (let at = 0; at + BATCH <= store.rows; at += BATCH) {
    await store.gather(order.rows(at, at + BATCH), batch);
  }
  return sizeOf(dir);
}

function sizeOf(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

/** Puts the files out of the page cache, once they are on the disk. */
function dropCache(dir: string, files: readonly string[]): boolean {
  try {
    const paths = files.map((name) => join(dir, name));
    execFileSync("sync", paths);
    for (const path of paths)
      execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const [gigabytes, rounds] = [2, 3].map((standard, i) => Number(process.argv[2 + i] ?? standard));
  const dtype = (process.argv[4] ?? "float32") as RowDtype;
  const rows = Math.round((gigabytes * 1e9) / ((dtype === "float32" ? 4 : 2) * WIDTH));
  const folder = mkdtempSync(join(tmpdir(), "vitrine-store-"));
  try {
    const noise = Float32Array.from({ length: 1 << 22 }, (_, i) => Math.sin(i));
    const { dir } = await openOrComputeActivations({
      key: { bench: gigabytes },
      rows,
      width: WIDTH,
      dtype,
      folder,
      async *compute() {
        for (let row = 0; row < rows; row += 4096)
          yield noise.subarray(0, Math.min(4096, rows - row) * WIDTH);
      },
    });
    const files = readdirSync(dir).filter((name) => name.endsWith(".safetensors"));
    console.log(`${rows} rows of ${WIDTH}, ${dtype}, ${files.length} shards in a temporary folder`);
    const engines = {
      "plain reading": () => plain(dir, files),
      "  four at a time": () => fourAtATime(dir, files),
      "shuffled rows": () => shuffled(dir),
    };
    for (const from of ["disk", "page cache"]) {
      const speeds = Object.keys(engines).map((): number[] => []);
      let dropped = true;
      for (let round = 0; round < rounds; round++) {
        for (const [i, run] of Object.values(engines).entries()) {
          if (from === "disk") dropped = dropCache(dir, files) && dropped;
          const start = performance.now();
          const bytes = await run();
          speeds[i].push(bytes / 1e3 / (performance.now() - start));
        }
      }
      console.log(
        from === "disk" && !dropped ? "disk: its page cache could not be dropped" : `from the ${from}`,
      );
      for (const [i, name] of Object.keys(engines).entries()) {
        const ratio = speeds[i].map((speed, round) => speed / speeds[0][round]);
        console.log(
          `  ${name.padEnd(18)} ${spread(speeds[i], 0)} MB/s${i === 0 ? "" : `, ${spread(ratio, 2)} times plain reading`}`,
        );
      }
    }
    console.log(`memory ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
