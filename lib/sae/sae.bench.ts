/**
 * Seconds a training step beside SAELens's own trainer (PyTorch on the CPU, fused Adam) where VITRINE_REFERENCE_PYTHON
 * names a Python that has it: same recipe, sizes, start and sparsity on both sides, each side in a process of its own. They
 * take turns step by step, so that a machine that is slow for a while is so for both; ratios are those of neighbouring
 * steps. Arguments choose cases: those whose name has every word, e.g. `npm run bench -- sae 65536 topk`.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Peer } from "../../bench/peer";
import { median, spread } from "../../bench/statistics";
import {
  Active,
  adamInPlace,
  collectGarbage,
  disposeAll,
  HostAdam,
  hostFloats,
  Random,
  Rows,
} from "../tensor";
import { trainingOf } from "./architectures";
import { resolveTrainingConfig, type SaeTrainingOptions } from "./config";

const [D, B, K, TURNS] = [1024, 1024, 32, 7];

interface Case {
  name: string;
  kind: "standard" | "topk" | "jumprelu" | "gated";
  F: number;
  /** Start of the encoder's bias: pre-activations have mean `bias` and deviation 1, and so decide L0. */
  bias: number;
  /** Encoder-sized products that a step cannot do without. */
  products: number;
}

const CASES: Case[] = [16384, 65536].flatMap((F) => {
  const [few, many] = F === 16384 ? [-2.78, -2.09] : [-3.2, -2.61];
  const standard = { kind: "standard", F } as const;
  const topk = { kind: "topk", F, bias: 0, products: 1 } as const;
  return [
    { ...standard, name: `standard ${F} dense`, bias: 0, products: 5 },
    { ...standard, name: `standard ${F} L0 45`, bias: few, products: 1 },
    { ...standard, name: `standard ${F} L0 300`, bias: many, products: 1 },
    // With SAELens's sparse tensors PyTorch 2.13 has no backward pass on the CPU.
    { ...topk, name: `topk ${F} k ${K}` },
    { ...standard, name: `jumprelu ${F} L0 45`, kind: "jumprelu", bias: few, products: 1 },
    { ...standard, name: `gated ${F} L0 45`, kind: "gated", bias: few, products: 1 },
  ];
});

/** What a side says when it is ready, which it is after two steps that are not counted. */
interface Ready {
  l0: number;
  peakGB: number;
}

/** One turn of a side; ours with what bounds a step at that moment: one product, and Adam's passes over all parameters. */
interface Turn {
  seconds: number;
  product?: number;
  adam?: number;
}

/** Our side: says `Ready`, then a `Turn` for each line of the standard input. */
async function ours({ kind, F, bias }: Case): Promise<void> {
  const recipe = {
    dSae: F,
    batchSize: B,
    decoderNorm: "free",
    decoderInitNorm: 1,
    encoderInit: "decoder-transpose",
    gradientClip: 1,
    reconstructionLoss: "squared-error",
  } as const;
  const options: SaeTrainingOptions = {
    standard: { architecture: "standard", l1Coefficient: 1e-3, ghostGradients: false, ...recipe } as const,
    topk: { architecture: "topk", k: K, ...recipe } as const,
    jumprelu: { architecture: "jumprelu", sparsityPenalty: "tanh", l0Coefficient: 1e-3, ...recipe } as const,
    gated: { architecture: "gated", l1Coefficient: 1e-3, auxDecoder: "shared", ...recipe } as const,
  }[kind];
  const config = resolveTrainingConfig(options, D);
  const form = trainingOf(config);
  const step = form.fused?.();
  if (!step) throw new Error(`sae.bench: expected a fused step of ${kind}, got none`);
  const start = form.start(config, new Float32Array(D), new Random(0));
  const store = new HostAdam(start);
  disposeAll(start);
  await collectGarbage(); // as `trainSaes` does
  const encoder = store.slot("encoder");
  for (let j = 0; j < F; j++) encoder.value[j * (D + 1) + D] = bias;
  const context = { config, dead: new Int32Array(0), measure: false, sparsityWeight: 1, learningRate: 1e-6 };
  const take = (seed: number, measure = false) => {
    const x = batch(seed);
    return timed(() => step.take(store, x, { ...context, measure }));
  };
  const { value } = take(0, true);
  take(1);
  const peakGB = (process.resourceUsage().maxRSS * 1024) / 1e9;
  say({ l0: value.measured?.l0 ?? Number.NaN, peakGB });

  // A product of which nothing is kept; then Adam over both matrices, gradients read from memory as after clipping.
  const [rows, active, sums] = [new Rows().set(batch(0), B, D), new Active(), new Float32Array(F)];
  const nothing = { rule: "jumpRelu", threshold: new Float32Array(F).fill(1e9) } as const;
  const gradient = hostFloats(F * (D + 1)).fill(1e-9);
  let seed = 2;
  for await (const _ of createInterface({ input: process.stdin })) {
    const { seconds } = take(seed++);
    const product = timed(() => active.encode(rows, encoder.value, F, nothing, sums)).seconds;
    const step = store.nextStep(1e-6);
    const adam = timed(() => {
      adamInPlace(encoder, gradient, step);
      adamInPlace(store.slot("decoder"), gradient.subarray(0, F * D), step);
    }).seconds;
    say({ seconds, product, adam });
  }
}

function say(message: Ready | Turn): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function batch(seed: number): Float32Array {
  const tensor = new Random(`batch-${seed}`).normalTensor([B, D]);
  const data = tensor.dataSync().slice() as Float32Array;
  tensor.dispose();
  return data;
}

function timed<T>(body: () => T): { value: T; seconds: number } {
  const start = performance.now();
  const value = body();
  return { value, seconds: (performance.now() - start) / 1000 };
}

function ourSide({ name }: Case): Peer {
  return new Peer(process.execPath, [...process.execArgv, process.argv[1], "--measure", name]);
}

function theirSide(python: string, { kind, F, bias }: Case): Peer {
  const script = join(__dirname, "fixtures", "bench_saelens.py");
  return new Peer(python, ["-W", "ignore", script, JSON.stringify({ kind, F, bias, D, B, k: K })]);
}

async function compare(one: Case, python: string | undefined): Promise<void> {
  const own = ourSide(one);
  const ready = await own.hear<Ready>();
  const their = python ? theirSide(python, one) : undefined;
  const theirReady = await their?.hear<Ready>();
  const [mine, theirs]: [Required<Turn>[], number[]] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    mine.push(await own.ask<Required<Turn>>());
    if (their) theirs.push((await their.ask<Turn>()).seconds);
  }
  own.end();
  their?.end();
  const seconds = mine.map((turn) => turn.seconds);
  const limits = mine.map(({ product, adam }) => one.products * product + adam);
  const [product, adam] = [median(mine.map((turn) => turn.product)), median(mine.map((turn) => turn.adam))];
  const gflops = (2 * B * D * one.F) / product / 1e9;
  const parametersGB = (4 * (2 * one.F * D + one.F + D)) / 1e9;
  const bound = `4 x parameters + 1 GB is ${(4 * parametersGB + 1).toFixed(2)} GB`;
  const about = ({ l0, peakGB }: Ready) => `L0 ${l0.toFixed(0)}, peak ${peakGB.toFixed(2)} GB`;
  console.log(`\n${one.name}`);
  console.log(`  Vitrine  ${spread(seconds, 3)} s, ${about(ready)}; ${bound}`);
  console.log(
    `  limit    ${median(limits).toFixed(3)} s = ${one.products} x product ${product.toFixed(3)} (${gflops.toFixed(0)} GFLOP/s) + Adam ${adam.toFixed(3)} (${((7 * parametersGB) / adam).toFixed(0)} GB/s); the step takes ${median(seconds.map((time, i) => time / limits[i])).toFixed(2)} times that`,
  );
  if (!theirReady) return;
  console.log(`  SAELens  ${spread(theirs, 3)} s, ${about(theirReady)}`);
  const ratios = theirs.map((time, i) => time / seconds[i]);
  console.log(`  SAELens / Vitrine ${spread(ratios, 2)}`);
}

async function main(words: string[]): Promise<void> {
  if (words[0] === "--measure") {
    const one = CASES.find(({ name }) => name === words[1]);
    if (!one) throw new Error(`sae.bench: expected a case, got ${words[1]}`);
    return ours(one);
  }
  const chosen = CASES.filter(({ name }) => words.every((word) => name.split(" ").includes(word)));
  const python = process.env.VITRINE_REFERENCE_PYTHON;
  console.log(
    `one training step, D ${D}, batch ${B}, float32; SAELens's recipe with gradients clipped; median (least to most) of ${TURNS} turns`,
  );
  if (!python) console.log("SAELens: not measured (set VITRINE_REFERENCE_PYTHON to a Python with sae-lens)");
  for (const one of chosen) await compare(one, python);
}

main(process.argv.slice(2));
