/**
 * `npm run bench -- activations [gigabytes] [rounds]`: how fast a store streams shuffled rows, beside plain reading of its files. Both start with
 * the files out of the system's page cache, where `dd` can put them out; it says so where it cannot.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../tensor";
import { openActivations, openOrComputeActivations } from "./activation-store";

const WIDTH = 1024;
const BATCH = 1024;

async function plain(dir: string, files: readonly string[]): Promise<number> {
  const buffer = new Uint8Array(4 << 20);
  let bytes = 0;
  for (const name of files) {
    const file = await open(join(dir, name), "r");
    for (let read = 1; read > 0; bytes += read) read = (await file.read(buffer, 0, buffer.length)).bytesRead;
    await file.close();
  }
  return bytes;
}

async function shuffled(dir: string): Promise<number> {
  const store = await openActivations(dir, { verify: false });
  const order = store.order(new Random(1));
  const batch = new Float32Array(BATCH * WIDTH);
  for (let at = 0; at + BATCH <= store.rows; at += BATCH) {
    await store.gather(order.rows(at, at + BATCH), batch);
  }
  return store.rows * WIDTH * 4;
}

function dropCache(dir: string, files: readonly string[]): boolean {
  try {
    for (const name of files) {
      execFileSync("dd", [`if=${join(dir, name)}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
    }
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const [gigabytes, rounds] = [2, 3].map((standard, i) => Number(process.argv[2 + i] ?? standard));
  const rows = Math.round((gigabytes * 1e9) / (4 * WIDTH));
  const folder = mkdtempSync(join(tmpdir(), "vitrine-store-"));
  try {
    const noise = Float32Array.from({ length: 1 << 22 }, (_, i) => Math.sin(i));
    const { dir } = await openOrComputeActivations({
      key: { bench: gigabytes },
      rows,
      width: WIDTH,
      folder,
      async *compute() {
        for (let row = 0; row < rows; row += 4096)
          yield noise.subarray(0, Math.min(4096, rows - row) * WIDTH);
      },
    });
    const files = readdirSync(dir).filter((name) => name.endsWith(".safetensors"));
    console.log(`${rows} rows of ${WIDTH}, float32, ${files.length} shards in a temporary folder`);
    const engines = { "plain reading": () => plain(dir, files), "shuffled rows": () => shuffled(dir) };
    for (const [name, run] of Object.entries(engines)) {
      const speeds: number[] = [];
      let cold = true;
      for (let round = 0; round < rounds; round++) {
        cold = dropCache(dir, files) && cold;
        const start = performance.now();
        const bytes = await run();
        speeds.push(bytes / 1e3 / (performance.now() - start));
      }
      const sorted = speeds.sort((a, b) => a - b);
      const memory = process.memoryUsage.rss() / 1e6;
      console.log(
        `${name.padEnd(15)} ${sorted[rounds >> 1].toFixed(0)} MB/s (${sorted[0].toFixed(0)} to ${sorted[rounds - 1].toFixed(0)})${cold ? "" : ", out of the page cache"}, memory ${memory.toFixed(0)} MB`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
