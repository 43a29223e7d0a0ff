/** `npx vitrine prepare-emoji`: renders the emoji pictures (goes on where it stopped; --verify checks every byte). */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
// Not through the index: other data sets need TensorFlow, which the set-up may still be making.
import { EMOJI_DIR, type EmojiProgress, prepareEmoji } from "../../lib/datasets/emoji-prepare";

/** Milliseconds between progress lines: on a terminal, and elsewhere (logs). */
const TERMINAL_INTERVAL = 100;
const LOG_INTERVAL = 5000;

/** Runs the command. Returns the exit code: 0, or 130 if interrupted (what is finished stays). */
export async function run(argv: string[]): Promise<number> {
  const { verify, dir } = readArguments(argv);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const line = new ProgressLine();
  let stage: EmojiProgress["stage"] | null = null;
  try {
    const summary = await prepareEmoji({
      dir,
      verify,
      signal: stop.signal,
      onProgress: (progress) => {
        line.show(describe(progress), progress.stage !== stage);
        stage = progress.stage;
      },
    });
    line.end();
    const unjoined = summary.styles.reduce((sum, style) => sum + style.unjoined, 0);
    console.log(
      `prepare-emoji: ${stage === null ? "already complete" : "complete"}: ${summary.size} pictures in ` +
        `${summary.styles.length} styles (${unjoined} without an emoji of their own), ${summary.classes} classes, ` +
        `${summary.heldOut} held out, ${summary.excluded} excluded`,
    );
    return 0;
  } catch (error) {
    line.end();
    if (!stop.signal.aborted) throw error;
    console.error("prepare-emoji: stopped; finished shards are kept, the same command goes on from there");
    return 130;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function readArguments(argv: string[]): { verify: boolean; dir: string } {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { verify: { type: "boolean", default: false }, dir: { type: "string", default: EMOJI_DIR } },
    });
    return { verify: values.verify, dir: resolve(values.dir) };
  } catch {
    throw new Error(
      `prepare-emoji: expected [--verify] [--dir FOLDER], got ${argv.join(" ")} (leave the rest out)`,
    );
  }
}

function describe({ stage, done, total, rate, etaSeconds }: EmojiProgress): string {
  if (stage === "index") return `prepare-emoji: names and split of ${total} pictures`;
  const eta = Number.isFinite(etaSeconds) ? `, ${Math.ceil(etaSeconds)} s left` : "";
  const percent = Math.floor((100 * done) / total);
  return `prepare-emoji: ${done} of ${total} pictures (${percent}%), ${Math.round(rate)} a second${eta}`;
}

/** One line that is redrawn on a terminal, and a plain line now and then elsewhere; always on stderr. */
class ProgressLine {
  readonly #live = Boolean(process.stderr.isTTY) && !process.env.CI;
  #shownAt = Number.NEGATIVE_INFINITY;

  show(text: string, now: boolean): void {
    const interval = this.#live ? TERMINAL_INTERVAL : LOG_INTERVAL;
    if (!now && performance.now() - this.#shownAt < interval) return;
    this.#shownAt = performance.now();
    const width = Math.max(20, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(this.#live ? `\r\x1b[2K${text.slice(0, width)}` : `${text}\n`);
  }

  end(): void {
    if (this.#live) process.stderr.write("\r\x1b[2K");
  }
}
