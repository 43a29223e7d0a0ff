/** `npx vitrine pull MODEL [--revision R]`: fetches a CLIP of the Hugging Face hub into its cache, going on where it was cut. */
import { parseArgs } from "node:util";
import { filesToPull } from "../../lib/clip";
import { type PullProgress, pullFromHub } from "../../lib/io";

export async function run(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { revision: { type: "string" } },
  });
  if (positionals.length !== 1) {
    console.error(
      "usage: npx vitrine pull MODEL [--revision R], as: npx vitrine pull openai/clip-vit-large-patch14",
    );
    return 2;
  }
  const [model] = positionals;
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const show = progressLine();
  try {
    const folder = await pullFromHub(model, (files) => filesToPull(files, model), {
      revision: values.revision,
      onProgress: show,
      signal: controller.signal,
    });
    show(undefined);
    console.log(folder);
    return 0;
  } catch (error) {
    show(undefined);
    if (!controller.signal.aborted) throw error;
    console.error("pull: stopped (do: run it again, it goes on from there)");
    return 130;
  }
}

/** Draws one line on a terminal, and elsewhere a line every five seconds; undefined ends it. */
function progressLine(): (progress: PullProgress | undefined) => void {
  const live = process.stderr.isTTY;
  let last = performance.now();
  let drawn = false;
  return (progress) => {
    if (!progress) {
      if (drawn && live) process.stderr.write("\n");
      return;
    }
    const now = performance.now();
    if (now - last < (live ? 100 : 5000) && progress.done < progress.total) return;
    last = now;
    drawn = true;
    const { file, done, total, rate, eta } = progress;
    const mb = (bytes: number) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
    const text =
      `${mb(done)} of ${mb(total)} MB` +
      (eta === null ? "" : `, ${mb(rate)} MB/s, ${Math.ceil(eta)} s left`) +
      `, ${file}`;
    process.stderr.write(live ? `\r\x1b[2K${text}` : `${text}\n`);
  };
}
