/** `npx vitrine explore`: makes an SAE's features a page that opens from a folder, without a server (--serve, --help). */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makePage, openForPage, serveLive } from "../../explorer/explore";
import { stopSignal } from "../training-command";

const USAGE = `npx vitrine explore [SAE] [options]

  SAE              "emoji-sae" (default), a folder in SAELens's format, or org/name/folder of the hub
  --out FOLDER     where the page goes (default page/); open its index.html
  --serve          serves the page on this machine when it is built, with live computing behind it (Ctrl-C ends it)
  --port N         of --serve (default: any that is free)
  --model NAME     the model the SAE is of, and
  --data NAME      the pictures it is shown, and
  --hook NAME      where it reads, as blocks.4.hook_resid_post (defaults: what the SAE's cfg.json says)
  --label KIND     what entropies and names are about (default: subgroup of emoji, else class)
  --heatmaps N     strongest pictures of each feature with a heatmap (default 16; 0 is faster)
  --tested N       features whose description is tested by ablation (default 4096; 0 is faster)
  --visualise 1,2  features that a picture is made for by gradient ascent (some 20 s each)
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
      heatmaps: { type: "string", default: "16" },
      visualise: { type: "string" },
      tested: { type: "string", default: "4096" },
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
  const [heatmaps, tested] = [values.heatmaps, values.tested].map(Number);
  if (![heatmaps, tested].every((count) => Number.isInteger(count) && count >= 0)) {
    throw new Error(
      `explore: expected whole numbers as --heatmaps and --tested, got ${values.heatmaps} and ${values.tested}`,
    );
  }
  const visualise = values.visualise?.split(",").map(Number) ?? [];
  const [where = "emoji-sae"] = positionals;
  const folder = resolve(values.out);
  const signal = stopSignal();
  const told = { onProgress: progressLines(), signal };
  const { model, data: dataset, hook: hookPoint, label, prompt } = values;
  try {
    const study = await openForPage(where, { model, dataset, hookPoint, label, prompt, ...told });
    const manifest = await makePage(folder, study, { heatmaps, tested, visualise, ...told });
    const size = (await bytesUnder(folder)) / 1e6;
    console.log(
      `explore: ${manifest.features.toLocaleString("en")} features, ${manifest.pictures.toLocaleString("en")} pictures, ${size.toFixed(1)} MB: ${join(folder, "index.html")}`,
    );
    if (values.serve) {
      const server = await serveLive(folder, study, { port, ...told });
      console.log(`explore: ${server.url} (Ctrl-C ends it)`);
      if (!signal.aborted)
        await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      await server.close();
    }
    study.dispose();
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.error("explore: stopped; what was computed is kept, the same command goes on from there");
    return 130;
  }
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
