/** `npx vitrine train`: trains an SAE as CONFIG.json describes; the same command goes on with a stopped run (--help). */
import { checkJob, evaluateSae, heldOutEvaluation, openJob, withSettings } from "../../lib/analysis";
import { defaultRunFolder, RunFolder, saveSparsity, type TrainingMetrics, trainSae } from "../../lib/sae";
import { collectingLine, readJobFile, stopSignal } from "../training-command";

const USAGE = `npx vitrine train CONFIG.json [-p NAME=VALUE]... [options]

  -p NAME=VALUE    sets a field of the file: -p lr=1e-3 -p k=16 -p views=2 -p watch.patience=5
  --run FOLDER     run folder (default: .vitrine/runs, under the hash of all it depends on)
  --restart        starts over even where the folder holds a run
  --tensorboard    writes TensorBoard event files into the run folder too

CONFIG.json: {"model": "emoji-clip", "dataset": "emoji", "hookPoint": "blocks.4.hook_resid_post", "views": 4, "stream": false, "seed": 42,
  "sae": {"architecture": "topk", "k": 32, "steps": 3000}, "watch": {"evaluateEvery": 500, "checkpointEvery": 500}}
Only "sae" with its architecture is needed. lib/sae/README.md has all options and the run folder.
Stopped by Ctrl-C, or killed, it goes on to the same bits when it is run again.`;

/** What `sae.steps` is without being said. */
const DEFAULT_STEPS = 2560;

export async function run(argv: string[]): Promise<number> {
  const given = await readJobFile("train", argv, USAGE, {
    restart: { type: "boolean", default: false },
    tensorboard: { type: "boolean", default: false },
  });
  if (!given) return 0;
  const { path, json, values } = given;
  const job = withSettings(checkJob(json, path), values.parameter);
  const signal = stopSignal();
  try {
    const open = await openJob(job, { onProgress: collectingLine(), signal });
    const { train, heldOut, metadata } = open;
    const runFolder = values.run ?? defaultRunFolder(job.sae, train);
    console.log(`run folder: ${runFolder}`);
    const { sae, metrics, config, step } = await trainSae(train, job.sae, {
      metricsEvery: 100,
      ...job.watch,
      tensorboard: values.tensorboard || job.watch?.tensorboard,
      runFolder,
      restart: values.restart,
      evaluate: heldOutEvaluation(heldOut),
      onMetrics: (record) => console.log(describe(record, job.sae.steps ?? DEFAULT_STEPS)),
      metadata,
      signal,
    });
    const evaluation = await evaluateSae(sae, heldOut, { topK: 1 });
    await saveSparsity(new RunFolder(runFolder).saePath, evaluation.featureDensity);
    const { fvu, l0, deadFeatures } = evaluation;
    console.log(
      `step ${step} of ${metrics[metrics.length - 1]?.step ?? 0}: held-out FVU ${fvu.toFixed(4)} at L0 ${l0.toFixed(1)}; ${deadFeatures} of ${config.dSae} features silent on ${heldOut.rows} held-out rows`,
    );
    sae.dispose();
    open.clip.dispose();
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.log("train: stopped; the same command goes on from here");
    return 130;
  }
}

function describe(record: TrainingMetrics, steps: number): string {
  const { step, loss, l0, fvu, deadFeatures, tokensPerSecond, heldOut, seconds } = record;
  const at = `step ${String(step).padStart(String(steps).length)}/${steps}`;
  const left = Math.round(((steps - step) * seconds) / step);
  const numbers = `loss ${loss.toPrecision(4)}  L0 ${l0.toFixed(1)}  FVU ${fvu.toFixed(4)}  dead ${deadFeatures}`;
  const rate = `${Math.round(tokensPerSecond).toLocaleString("en")} rows/s, about ${left} s left`;
  const held = heldOut ? `  held-out FVU ${heldOut.fvu.toFixed(4)} at L0 ${heldOut.l0.toFixed(1)}` : "";
  return `${at}  ${numbers}  ${rate}${held}`;
}
