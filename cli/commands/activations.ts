/** `npx vitrine activations`: computes a model's activations on a data set into a folder that training streams from (--help). */
import { parseArgs } from "node:util";
import { collectActivations } from "../../lib/analysis";
import { activationRowShape, loadClip, type TokenChoice } from "../../lib/clip";
import { openDataset } from "../../lib/datasets";
import type { ActivationProgress, RowDtype } from "../../lib/io";

const USAGE = `npx vitrine activations --hook NAME [options]

  --model NAME     as loadClip takes it: emoji-clip (default), a folder, or a model of the hub as openai/clip-vit-large-patch14
  --data NAME      emoji (default), a folder of pictures or of shards, or a pattern as "train-{000..146}.tar"
  --hook NAME      a hook point of the vision tower, as blocks.4.hook_resid_post
  --tokens WHICH   class, patches or all (default class)
  --dtype TYPE     float32 or float16 (default float32)
  --pictures N     the first N pictures only
  --views N        views of each picture: itself and N - 1 gently augmented ones (default 1)
  --seed N         the augmented views follow from it (default 42)
  --out FOLDER     where to (default: .vitrine/activations, under the hash of all it depends on)

Stopped by Ctrl-C, it goes on at the last whole shard when it is run again.`;

export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      model: { type: "string", default: "emoji-clip" },
      data: { type: "string", default: "emoji" },
      hook: { type: "string" },
      tokens: { type: "string", default: "class" },
      dtype: { type: "string", default: "float32" },
      pictures: { type: "string" },
      views: { type: "string", default: "1" },
      seed: { type: "string", default: "42" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const hookPoint = values.hook;
  if (hookPoint === undefined) {
    throw new Error("activations: expected --hook NAME, got none (do: npx vitrine activations --help)");
  }
  const dtype = oneOf<RowDtype>("--dtype", values.dtype, ["float32", "float16"]);
  const tokens = oneOf<TokenChoice>("--tokens", values.tokens, ["class", "patches", "all"]);
  const clip = await loadClip(values.model);
  let skipped = 0;
  const dataset = await openDataset(values.data, {
    geometry: clip.preprocessor,
    onCorrupt: (_, reason) => {
      skipped++;
      console.error(`skipped (white in its place): ${reason}`);
    },
  });
  const pictures = values.pictures === undefined ? dataset.size : whole("--pictures", values.pictures);
  const { perPicture, width } = activationRowShape(clip, { hookPoint, tokens });
  console.log(`${values.model} on ${pictures} pictures of ${values.data}: ${hookPoint}, ${tokens} tokens`);
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped"));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    const activations = await collectActivations({
      clip,
      dataset,
      hookPoint,
      tokens,
      dtype,
      pictures,
      views: whole("--views", values.views),
      seed: whole("--seed", values.seed),
      folder: values.out,
      onProgress: reporter(perPicture),
      signal: stop.signal,
    });
    const megabytes = (activations.rows * width * (dtype === "float16" ? 2 : 4)) / 1e6;
    console.log(
      `${activations.rows} rows of ${width}, ${dtype}, ${megabytes.toFixed(0)} MB: ${activations.dir}`,
    );
    if (skipped > 0)
      console.log(`${skipped} pictures could not be read: their rows are those of a white one`);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.log("stopped; run it again to go on");
    return 130;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    clip.dispose();
  }
}

/** A line every few seconds: how far, how fast, how long still, how much memory. */
function reporter(perPicture: number): (progress: ActivationProgress) => void {
  const start = performance.now();
  let first: number | undefined;
  let told = start;
  return ({ done, total, cached }) => {
    first ??= done;
    const now = performance.now();
    if (cached) console.log("all rows were there already");
    if (cached || (now - told < 3000 && done < total)) return;
    told = now;
    const perSecond = (done - first) / ((now - start) / 1000);
    const left = perSecond > 0 ? `${Math.ceil((total - done) / perSecond)} s left` : "";
    const rate = `${(perSecond / perPicture).toFixed(1)} pictures/s`;
    const memory = `${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`;
    const share = `${((100 * done) / total).toFixed(1)}%`;
    console.log(`${share.padStart(6)}  ${done} of ${total} rows  ${rate}  ${left}  memory ${memory}`);
  };
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  if ((choices as readonly string[]).includes(value)) return value as T;
  throw new Error(`activations: expected ${name} to be one of ${choices.join(", ")}, got "${value}"`);
}

function whole(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`activations: expected ${name} to be a whole number above 0, got "${value}"`);
}
