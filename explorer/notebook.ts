/** `explore(sae)` in a cell: the page inline, with live computing behind it, for as long as the kernel lives. */
import { createHash } from "node:crypto";
import { cacheFolder } from "../lib/io";
import { cellSignal, type Displayable, inlineFrame, stages } from "../lib/notebook";
import type { Sae } from "../lib/sae";
import { isPage, writeFrontEnd } from "./build/build-page";
import {
  type ExploreOptions,
  type ExplorerStudy,
  makePage,
  openForPage,
  type StudyParts,
  serveLive,
} from "./explore";
import { FORMAT_VERSION } from "./format/page-format";

export interface InlineExploreOptions extends Omit<ExploreOptions, "onProgress" | "signal"> {
  /** Where the page is kept. Default: `.vitrine/pages` in the project, under the hash of all it depends on. */
  folder?: string;
  /** Strongest pictures of each feature that get a heatmap, and features whose descriptions are tested; each takes minutes. Default 0. */
  heatmaps?: number;
  tested?: number;
  /** Height in CSS pixels. Default 760. */
  height?: number;
}

export type InlineExplorer = Displayable & {
  /** The page's folder, which can be opened and sent without the notebook. */
  folder: string;
  /** Ends the server; running `explore` on the same page again does so as well, and so does the kernel's end. */
  close(): Promise<void>;
};

/** Servers of this kernel by the folder they serve; on globalThis, so that an edited module finds those of its predecessor. */
const SERVERS = Symbol.for("Vitrine.explorers");
const scope = globalThis as { [SERVERS]?: Map<string, () => Promise<void>> };

/**
 * Shows the explorer of an SAE (or of a study, whose model it then shares; or of an SAE by its name, as "emoji-sae") in the cell: what `npx vitrine explore --serve` shows, from a server
 * inside of the kernel. The page is built once and kept. Where no kernel shows it, as in an exported notebook, the output is a sentence. A notebook that `npx vitrine run` executes builds and serves nothing.
 */
export async function explore(
  of: Sae | string | StudyParts,
  { folder: wanted, height = 760, heatmaps = 0, tested = 0, ...options }: InlineExploreOptions = {},
): Promise<InlineExplorer> {
  const command = `npx vitrine explore${typeof of === "string" ? ` ${of}` : " <its folder>"} --serve`;
  const otherwise = `The explorer of this SAE's features shows here while the notebook's kernel runs: run this cell, or ${command}`;
  const units = ["nearest features", "features that fire together", "logit lens", "descriptions", "features"];
  const report = stages({
    ...Object.fromEntries(units.map((stage) => [stage, "features"])),
    ...{ neurons: "features", atlas: "steps" },
  });
  const told = {
    signal: cellSignal(),
    onProgress: (stage: string, done: number, total: number) => report(stage, { done, total, cached: false }),
  };
  // Executed from start to end nobody looks at this kernel's page: its output is kept, and the kernel ends.
  if (process.env.VITRINE_EXECUTES) {
    return { ...inlineFrame({ otherwise }), folder: "", close: async () => {} };
  }
  const study = await openForPage(of, { ...options, ...told });
  try {
    const folder = wanted ?? cacheFolder("pages", await pageHash(study, heatmaps, tested));
    if (wanted === undefined && isPage(folder)) await writeFrontEnd(folder);
    else await makePage(folder, study, { heatmaps, tested, ...told });
    const servers = scope[SERVERS] ?? new Map<string, () => Promise<void>>();
    scope[SERVERS] = servers;
    await servers.get(folder)?.();
    const server = await serveLive(folder, study, { framed: true, ...told });
    const close = async () => {
      if (servers.get(folder) === close) servers.delete(folder);
      await server.close();
      study.dispose();
    };
    servers.set(folder, close);
    const frame = inlineFrame({
      url: server.url,
      title: `Features of ${study.about.title}`,
      height,
      otherwise,
    });
    return { ...frame, folder, close };
  } catch (error) {
    study.dispose();
    throw error;
  }
}

/** Of all that the page's data depend on. */
async function pageHash(
  { sae, originals, statistics, about }: ExplorerStudy,
  ...sizes: number[]
): Promise<string> {
  const what = [FORMAT_VERSION, sae.config, originals.contentHash, statistics.top.k, about, sizes];
  const hash = createHash("sha256").update(JSON.stringify(what));
  for (const name of Object.keys(sae.weights).sort()) {
    const values = await sae.weights[name].data<"float32">();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
