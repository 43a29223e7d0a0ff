/**
 * `npm run bench -- clip [batches] [rounds] [whole]`: the class token after block 22 of a ViT-L/14 with random weights, float32, from normalised
 * pixels: pictures a second here, in Hugging Face transformers (PyTorch) and in onnxruntime-node, in turns. A run during which other processes took more than a
 * twentieth of the processors does not count where there are others, and is tried again up to as many times as there are rounds.
 * `whole` adds transformers as its users mostly call it, with all 24 blocks. Transformers runs where VITRINE_REFERENCE_PYTHON names a Python that has it, which also makes the model once.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { benchPackages } from "../../bench/packages";
import { Peer } from "../../bench/peer";
import { median } from "../../bench/statistics";
import { cacheFolder } from "../io";
import { type Tensor, tf } from "../tensor";
import { loadClip } from "./model";
import { runWithCache } from "./run";

const SCRIPT = join(__dirname, "fixtures", "bench.py");
const ONNX_SCRIPT = join(__dirname, "fixtures", "bench_onnx.mjs");
/** Any will do: no text is read. */
const TOKENIZER = join(__dirname, "..", "..", "data", "emoji-clip", "tokenizer.json");
const POINT = "blocks.22.hook_resid_post";
/** Share of the processors that others may take during a run that counts. */
const QUIET = 0.05;
const GIGAFLOP = (() => {
  const [T, D] = [257, 1024];
  const block = 2 * T * D * D * 12 + 4 * T * T * D;
  const last = 2 * T * D * D * 2 + 2 * D * D * 10 + 4 * T * D; // keys and values of all tokens, the rest of one
  return (22 * block + last + 2 * 256 * 588 * D) / 1e9;
})();

interface Result {
  seconds: number;
  /** The first picture's row [1024]. */
  row: ArrayLike<number>;
  /** Largest resident memory so far, bytes. */
  peak: number;
  /** Processor time that it took, seconds. */
  cpu: number;
}

type Engine = (batch: number) => Promise<Result>;

/** The model as a user loads it, with its text tower. */
async function vitrine(folder: string): Promise<Engine> {
  const start = performance.now();
  const clip = await loadClip(folder);
  const seconds = (performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS * 1024;
  console.log(
    `loadClip: ${seconds.toFixed(1)} s, peak ${gigabytes(peak)} for weights of ${gigabytes(weightsOf(folder))}`,
  );
  return async (batch) => {
    const values = Float32Array.from({ length: batch * 224 * 224 * 3 }, (_, i) => Math.sin(i * 0.37) * 1.7);
    const [start, before] = [performance.now(), process.cpuUsage()];
    const pixels = tf.tensor4d(values, [batch, 224, 224, 3]);
    const cache = await runWithCache(clip, { pixels }, { hooks: [POINT], tokens: "class" });
    const rows = cache[POINT].dataSync();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    tf.dispose([pixels, cache[POINT]]);
    const peak = process.resourceUsage().maxRSS * 1024;
    return { seconds, row: rows.subarray(0, 1024), peak, cpu: (user + system) / 1e6 };
  };
}

function weightsOf(folder: string): number {
  return statSync(join(folder, "model.safetensors")).size;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** A process that waits for batch sizes. */
async function peer(executable: string, argv: readonly string[], peers: Peer[]): Promise<Engine> {
  const one = new Peer(executable, argv);
  peers.push(one);
  await one.hear();
  return (batch) => one.ask(String(batch));
}

/** A dense product as large as a block's: what the machine's matrix units give through TensorFlow. */
function productSpeed(): number {
  const [M, K, N] = [4112, 1024, 4096];
  const [a, b] = [tf.ones([M, K]), tf.ones([K, N])] as [Tensor, Tensor];
  const seconds = Array.from({ length: 8 }, () => {
    const start = performance.now();
    tf.matMul(a, b).dispose();
    return (performance.now() - start) / 1000;
  });
  tf.dispose([a, b]);
  return (2 * M * K * N) / 1e9 / median(seconds.slice(2));
}

async function main(): Promise<void> {
  const batches = (process.argv[2] ?? "8,16,32").split(",").map(Number);
  const rounds = Number(process.argv[3] ?? 3);
  const executable = process.env.VITRINE_REFERENCE_PYTHON;
  const folder = cacheFolder("bench", "clip-vit-l-14");
  if (!existsSync(join(folder, "block-22.onnx"))) {
    if (!executable) {
      throw new Error(
        "clip.bench: expected VITRINE_REFERENCE_PYTHON, which makes the model, got none (do: set it)",
      );
    }
    execFileSync(executable, [SCRIPT, "prepare", folder], { stdio: ["ignore", "ignore", "ignore"] });
    copyFileSync(TOKENIZER, join(folder, "tokenizer.json"));
  }
  const peers: Peer[] = [];
  try {
    const engines: Record<string, Engine> = { Vitrine: await vitrine(folder) };
    if (executable) {
      engines["transformers, 23 blocks"] = await peer(executable, [SCRIPT, "hf", folder], peers);
      if (process.argv[4] === "whole") {
        engines["transformers, all 24"] = await peer(executable, [SCRIPT, "hf-whole", folder], peers);
      }
    }
    const packages = benchPackages("onnxruntime", { "onnxruntime-node": "1.30.0" });
    engines["onnxruntime-node"] = await peer(process.execPath, [ONNX_SCRIPT, packages, folder], peers);
    console.log(`${cpus()[0].model}, ${cpus().length} threads; ${GIGAFLOP.toFixed(1)} GFLOP a picture`);
    console.log(`a product [4112, 1024] x [1024, 4096] by TensorFlow: ${productSpeed().toFixed(0)} GFLOP/s`);
    for (const batch of batches) await compare(engines, batch, rounds);
  } finally {
    for (const one of peers) one.end();
  }
}

/** Seconds that all processors together have been busy with anything. */
function busySeconds(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) / 1000;
}

async function compare(engines: Record<string, Engine>, batch: number, rounds: number): Promise<void> {
  const names = Object.keys(engines);
  const runs: Record<string, { rate: number; others: number }[]> = {};
  const last: Record<string, Result> = {};
  const enough = (name: string) => runs[name].filter(({ others }) => others < QUIET).length >= rounds;
  for (const name of names) {
    runs[name] = [];
    await engines[name](1); // warm
  }
  for (let round = 0; round < 2 * rounds && !names.every(enough); round++) {
    for (const name of names) {
      const before = busySeconds();
      last[name] = await engines[name](batch);
      const { seconds, cpu } = last[name];
      const others = Math.max(0, busySeconds() - before - cpu) / (seconds * cpus().length);
      runs[name].push({ rate: batch / seconds, others });
      process.stderr.write(
        `  ${name} ${(batch / seconds).toFixed(3)} pictures/s, others took ${(100 * others).toFixed(0)}%\n`,
      );
    }
  }
  console.log(`\nbatch ${batch}; pictures/s`);
  const rates = Object.fromEntries(
    names.map((name) => {
      const quiet = runs[name].filter(({ others }) => others < QUIET);
      return [name, (quiet.length > 0 ? quiet : runs[name]).map(({ rate }) => rate)];
    }),
  );
  const [mine] = names;
  for (const name of names) {
    const [speeds, ours] = [rates[name], rates[mine]];
    const spread = `${Math.min(...speeds).toFixed(2)} to ${Math.max(...speeds).toFixed(2)}`;
    const ratios = [Math.min(...ours) / Math.max(...speeds), Math.max(...ours) / Math.min(...speeds)];
    const ratio =
      name === mine
        ? `${(median(speeds) * GIGAFLOP).toFixed(0)} GFLOP/s`
        : `Vitrine is ${(median(ours) / median(speeds)).toFixed(2)} times as fast (${ratios.map((r) => r.toFixed(2)).join(" to ")})`;
    const off = Math.max(...Array.from(last[name].row, (value, i) => Math.abs(value - last[mine].row[i])));
    const undisturbed = runs[name].filter(({ others }) => others < QUIET).length;
    console.log(
      `  ${name.padEnd(24)} ${median(speeds).toFixed(2)} (${spread}; ${undisturbed} of ${runs[name].length} runs undisturbed)  peak ${gigabytes(last[name].peak)}  ${ratio}${name === mine ? "" : `, rows differ by ${off.toExponential(1)}`}`,
    );
  }
}

main();
