/**
 * Seconds a training step beside SAELens's own trainer (PyTorch on the CPU, fused Adam) where VITRINE_REFERENCE_PYTHON
 * names a Python that has it: same recipe, sizes, start and sparsity on both sides, each side in processes of its own,
 * alternating. Arguments choose cases: those whose name has every word, e.g. `npm run bench -- sae 65536 topk`.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Active, adamInPlace, disposeAll, HostAdam, hostFloats, Random, Rows } from "../tensor";
import { trainingOf } from "./architectures";
import { resolveTrainingConfig, type SaeTrainingOptions } from "./config";

const [D, B, K, ROUNDS] = [1024, 1024, 32, 2];

interface Case {
  name: string;
  kind: "standard" | "topk" | "jumprelu" | "gated";
  F: number;
  /** Start of the encoder's bias: pre-activations have mean `bias` and deviation 1, and so decide L0. */
  bias: number;
  /** Encoder-sized products that a step cannot do without. */
  products: number;
  /** Whether SAELens keeps its activations as a sparse tensor. */
  sparse: boolean;
}

const CASES: Case[] = [16384, 65536].flatMap((F) => {
  const [few, many] = F === 16384 ? [-2.78, -2.09] : [-3.2, -2.61];
  const standard = { kind: "standard", F, sparse: false } as const;
  const topk = { kind: "topk", F, bias: 0, products: 1 } as const;
  return [
    { ...standard, name: `standard ${F} dense`, bias: 0, products: 5 },
    { ...standard, name: `standard ${F} L0 45`, bias: few, products: 1 },
    { ...standard, name: `standard ${F} L0 300`, bias: many, products: 1 },
    { ...topk, name: `topk ${F} k ${K}`, sparse: false },
    { ...topk, name: `topk ${F} k ${K} (SAELens: sparse tensors)`, sparse: true },
    { ...standard, name: `jumprelu ${F} L0 45`, kind: "jumprelu", bias: few, products: 1 },
    { ...standard, name: `gated ${F} L0 45`, kind: "gated", bias: few, products: 1 },
  ];
});

/** One side's outcome of one process. */
interface Outcome {
  seconds: number[];
  l0: number;
  peakGB: number;
}

/** Ours, with what bounds a step on this machine: one product, and Adam's passes over all parameters. */
interface OwnOutcome extends Outcome {
  product: number;
  adam: number;
}

function ours({ kind, F, bias }: Case): OwnOutcome {
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
  const encoder = store.slot("encoder");
  for (let j = 0; j < F; j++) encoder.value[j * (D + 1) + D] = bias;
  const context = { config, dead: new Int32Array(0), measure: false, sparsityWeight: 1, learningRate: 1e-6 };
  const take = (seed: number, measure = false) => {
    const x = batch(seed);
    return timed(() => step.take(store, x, { ...context, measure }));
  };
  const { value } = take(0, true);
  take(1);
  const seconds = Array.from({ length: 6 }, (_, i) => take(2 + i).seconds);
  const peakGB = (process.resourceUsage().maxRSS * 1024) / 1e9;

  // A product of which nothing fires; then Adam over both matrices, gradients read from memory as after clipping.
  for (let j = 0; j < F; j++) encoder.value[j * (D + 1) + D] = -1e9;
  const [rows, active, sums] = [new Rows().set(batch(0), B, D), new Active(), new Float32Array(F)];
  const product = median(
    Array.from({ length: 4 }, () =>
      timed(() => active.encode(rows, encoder.value, F, { rule: "relu" }, sums)),
    ).map(({ seconds }) => seconds),
  );
  const gradient = hostFloats(F * (D + 1)).fill(1e-9);
  const adam = store.nextStep(1e-6);
  const passes = Array.from({ length: 4 }, () =>
    timed(() => {
      adamInPlace(encoder, gradient, adam);
      adamInPlace(store.slot("decoder"), gradient.subarray(0, F * D), adam);
    }),
  );
  const l0 = value.measured?.l0 ?? Number.NaN;
  return { seconds, l0, peakGB, product, adam: median(passes.map((pass) => pass.seconds)) };
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

function saelens(python: string, { kind, F, bias, sparse }: Case): Outcome {
  const script = join(__dirname, "fixtures", "bench_saelens.py");
  const input = JSON.stringify({ kind, F, bias, sparse, D, B, k: K, steps: F > 20000 ? 3 : 5 });
  const output = execFileSync(python, [script, input], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Outcome;
}

/** The same in a process of its own, so that its peak memory is its own. */
function oursApart({ name }: Case): OwnOutcome {
  const argv = [...process.execArgv, process.argv[1], "--measure", name];
  const output = execFileSync(process.execPath, argv, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output) as OwnOutcome;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

const median = (values: readonly number[]) => quantile(values, 0.5);

function spread(outcomes: readonly Outcome[]): string {
  const seconds = outcomes.flatMap((outcome) => outcome.seconds);
  const [least, middle, most] = [0, 0.5, 1].map((share) => quantile(seconds, share).toFixed(3));
  const peak = Math.max(...outcomes.map(({ peakGB }) => peakGB));
  return `${middle} s (${least} to ${most}, ${seconds.length} steps), L0 ${outcomes[0].l0.toFixed(0)}, peak ${peak.toFixed(2)} GB`;
}

function compare(one: Case, python: string | undefined): void {
  const [own, theirs]: [OwnOutcome[], Outcome[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    own.push(oursApart(one));
    if (python) theirs.push(saelens(python, one));
  }
  const middle = (outcomes: Outcome[]) => median(outcomes.flatMap(({ seconds }) => seconds));
  const mine = middle(own);
  const [product, adam] = [median(own.map((each) => each.product)), median(own.map((each) => each.adam))];
  const limit = one.products * product + adam;
  const gflops = (2 * B * D * one.F) / product / 1e9;
  const parametersGB = (4 * (2 * one.F * D + one.F + D)) / 1e9;
  console.log(`\n${one.name}`);
  console.log(`  Vitrine  ${spread(own)}; 4 x parameters + 1 GB is ${(4 * parametersGB + 1).toFixed(2)} GB`);
  console.log(
    `  limit    ${limit.toFixed(3)} s = ${one.products} x product ${product.toFixed(3)} (${gflops.toFixed(0)} GFLOP/s) + Adam ${adam.toFixed(3)} (${((7 * parametersGB) / adam).toFixed(0)} GB/s); the step takes ${(mine / limit).toFixed(2)} times that`,
  );
  if (theirs.length === 0) return;
  console.log(`  SAELens  ${spread(theirs)}`);
  const ratios = own.map((_, i) => median(theirs[i].seconds) / median(own[i].seconds));
  console.log(
    `  SAELens / Vitrine ${(middle(theirs) / mine).toFixed(2)} (rounds: ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")})`,
  );
}

function main(words: string[]): void {
  if (words[0] === "--measure") {
    const one = CASES.find(({ name }) => name === words[1]);
    if (!one) throw new Error(`sae.bench: expected a case, got ${words[1]}`);
    console.log(JSON.stringify(ours(one)));
    return;
  }
  const chosen = CASES.filter(({ name }) => words.every((word) => name.split(" ").includes(word)));
  const python = process.env.VITRINE_REFERENCE_PYTHON;
  console.log(`one training step, D ${D}, batch ${B}, float32; SAELens's recipe with gradients clipped`);
  if (!python) console.log("SAELens: not measured (set VITRINE_REFERENCE_PYTHON to a Python with sae-lens)");
  for (const one of chosen) compare(one, python);
}

main(process.argv.slice(2));
