/** What the training commands share: their command line, Ctrl-C as a signal, a line now and then while activations are collected. */
import { readFile } from "node:fs/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { ActivationProgress } from "../lib/io";

type Options = NonNullable<ParseArgsConfig["options"]>;

const COMMON = {
  parameter: { type: "string", short: "p", multiple: true, default: [] as string[] },
  run: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/**
 * Reads `COMMAND FILE.json [-p NAME=VALUE]... [--run FOLDER]` and what `more` options there are: the file's name and JSON,
 * and the options' values. Undefined after --help, which prints `usage`.
 */
export async function readJobFile<More extends Options>(
  command: string,
  argv: string[],
  usage: string,
  more: More,
) {
  const options = { ...COMMON, ...more };
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options });
  const { help } = values as { help?: boolean };
  if (help) {
    console.log(usage);
    return undefined;
  }
  if (positionals.length !== 1) {
    throw new Error(
      `${command}: expected one JSON file, got ${positionals.join(" ") || "none"} (do: npx vitrine ${command} --help)`,
    );
  }
  const [path] = positionals;
  const text = await readFile(path, "utf8");
  try {
    return { path, json: JSON.parse(text) as unknown, values };
  } catch (error) {
    throw new Error(`${path}: expected JSON, got "${error instanceof Error ? error.message : error}"`);
  }
}

/** Aborted by Ctrl-C or a termination, once; a second one ends the process. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stop.abort(new Error("stopped")));
  }
  return stop.signal;
}

/** Prints how far collecting is, every few seconds. */
export function collectingLine(): (progress: ActivationProgress) => void {
  let told = performance.now();
  return ({ done, total, cached }) => {
    const now = performance.now();
    if (cached || (now - told < 5000 && done < total)) return;
    told = now;
    console.log(`activations: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`);
  };
}
