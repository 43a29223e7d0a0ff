/** `npx vitrine explore`: makes an SAE's features a page that opens from a folder, without a server (--serve, --help). */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildPage } from "../../explorer/build-page";
import { measureFeatures } from "../../explorer/measure";
import { servePage } from "../../explorer/server";
import { openStudy } from "../../lib/analysis";
import { readSaeSettings } from "../../lib/sae";
import { stopSignal } from "../training-lines";

const USAGE = `npx vitrine explore [SAE] [options]

  SAE              "emoji-sae" (default), a folder in SAELens's format, or org/name/folder of the hub
  --out FOLDER     where the page goes (default page/); open its index.html
  --serve          serves the page on this machine when it is built (Ctrl-C ends it)
  --port N         of --serve (default: any that is free)
  --model NAME     the model the SAE is of, and
  --data NAME      the pictures it is shown, and
  --hook NAME      where it reads, as blocks.4.hook_resid_post (defaults: what the SAE's cfg.json says)
  --label KIND     what entropies and names are about (default: subgroup of emoji, else class)
  --prompt TEXT    text of a label for the logit lens, {} for its name (default: "an emoji of {}", else "a photo of a {}")`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      out: { type: "string", default: "page" },
      serve: { type: "boolean", default: false },
      port: { type: "string", default: "0" },
      model: { type: "string" },
      data: { type: "string" },
      hook: { type: "string" },
      label: { type: "string" },
      prompt: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (positionals.length > 1) {
    throw new Error(
      `explore: expected one SAE, got ${positionals.join(" ")} (do: npx vitrine explore --help)`,
    );
  }
  const port = Number(values.port);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536)) {
    throw new Error(`explore: expected --port from 0 to 65535, got "${values.port}"`);
  }
  const [where = "emoji-sae"] = positionals;
  const { metadata, config } = await readSaeSettings(where);
  const model = values.model ?? known(metadata.model_name, "--model");
  const dataset = values.data ?? known(metadata.dataset_path, "--data");
  const hookPoint = values.hook ?? known(metadata.hook_name, "--hook");
  const label = values.label ?? (dataset === "emoji" ? "subgroup" : "class");
  const prompt = values.prompt ?? (dataset === "emoji" ? "an emoji of {}" : "a photo of a {}");
  const signal = stopSignal();
  const onProgress = progressLines();
  const folder = resolve(values.out);
  try {
    const study = await openStudy(
      { model, dataset, hookPoint, label, viewsPerPicture: 1, seed: 42, sae: where },
      {
        signal,
        onProgress: (stage, { done, total, cached }) => {
          if (!cached) onProgress(stage, done, total);
        },
      },
    );
    const { sae, clip, statistics, pictures, labels } = study;
    const top = Math.min(20, statistics.top.k);
    const features = await measureFeatures(study, { hookPoint, prompt, top, onProgress, signal });
    sae.dispose();
    clip.dispose();
    const about = {
      title: publicName(where),
      model: publicName(model),
      hookPoint,
      architecture: config.architecture,
      label,
      prompt,
    };
    const manifest = await buildPage(folder, { features, pictures, labels, about }, { onProgress, signal });
    const size = (await bytesUnder(folder)) / 1e6;
    console.log(
      `explore: ${manifest.features.toLocaleString("en")} features, ${manifest.pictures.toLocaleString("en")} pictures, ${size.toFixed(1)} MB: ${join(folder, "index.html")}`,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    console.error(
      "explore: stopped; activations and statistics are kept, the same command makes the page from them",
    );
    return 130;
  }
  if (!values.serve) return 0;
  const server = await servePage(folder, { port });
  console.log(`explore: ${server.url} (Ctrl-C ends it)`);
  if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
  await server.close();
  return 0;
}

/** A folder's own name: the page goes to others, whom this machine's paths do not concern. */
function publicName(where: string): string {
  return existsSync(where) ? basename(resolve(where)) : where;
}

function known(value: string | undefined, option: string): string {
  if (value) return value;
  throw new Error(`explore: expected ${option}, because the SAE's cfg.json does not say, got none`);
}

/** A line when a stage begins and every few seconds. */
function progressLines(): (stage: string, done: number, total: number) => void {
  let last = { stage: "", told: 0 };
  return (stage, done, total) => {
    const now = performance.now();
    if (stage === last.stage && now - last.told < 5000) return;
    last = { stage, told: now };
    console.log(`${stage}: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`);
  };
}

async function bytesUnder(folder: string): Promise<number> {
  const found = await Promise.all(
    (await readdir(folder, { recursive: true })).map((name) => stat(join(folder, name))),
  );
  return found.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}
