/**
 * `npm run bench -- explorer [emoji|wide|browser|live]`: without a word, all four.
 * emoji: time and size of the shipped SAE's page, what takes long being kept from before or computed now. wide: the same for a synthetic SAE of 65,536 features over
 * 100,000 pictures. browser: both pages in headless Chromium, from a new profile to a feature's pictures (as root the system's file cache is dropped before), frames a
 * second while the list scrolls, a selection is drawn on the map, and the atlas moves. live: an uploaded picture to its ranked features. Pages are in `.vitrine/bench/`.
 */
import { writeFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { spread } from "../../bench/statistics";
import { launchChromium, NO_CHROMIUM } from "../../cli/chromium";
import { cacheFolder } from "../../lib/io";
import { makePage, openForPage } from "../explore";
import { benchUpload } from "./live-bench";
import { WIDE_FEATURES, WIDE_PICTURES, wideStudy } from "./wide-study";

const EMOJI = cacheFolder("bench", "explorer-emoji");
const WIDE = cacheFolder("bench", "explorer-wide");
const OPENINGS = 5;
const FRAMES = 180;

async function main([part]: string[]): Promise<void> {
  const parts: Record<string, () => Promise<void>> = { emoji, wide, browser, live: () => benchUpload() };
  if (part !== undefined && !Object.hasOwn(parts, part)) {
    throw new Error(`bench: expected ${Object.keys(parts).join(", ")} or nothing, got "${part}"`);
  }
  for (const name of part === undefined ? Object.keys(parts) : [part]) await parts[name]();
}

async function emoji(): Promise<void> {
  const study = await openForPage("emoji-sae");
  await timed("Emoji-CLIP, the shipped SAE", EMOJI, (onProgress) => makePage(EMOJI, study, { onProgress }));
  study.dispose();
}

async function wide(): Promise<void> {
  const start = performance.now();
  const { study, embeddings } = await wideStudy();
  console.log(
    `synthetic, ${WIDE_FEATURES} features, ${WIDE_PICTURES} pictures: statistics in ${seconds(start)} s`,
  );
  // Heatmaps and tests are the model's time, not the page's.
  const options = { heatmaps: 0, tested: 0, embeddings };
  await timed("its page", WIDE, (onProgress) => makePage(WIDE, study, { ...options, onProgress }));
  study.dispose();
}

/** Prints how long each stage took, all of it, and how large the folder is then. */
async function timed(
  name: string,
  folder: string,
  make: (onProgress: (stage: string, done: number, total: number) => void) => Promise<unknown>,
): Promise<void> {
  const start = performance.now();
  const stages = new Map<string, number>();
  let last = start;
  await make((stage) => {
    const now = performance.now();
    stages.set(stage, (stages.get(stage) ?? 0) + now - last);
    last = now;
  });
  console.log(`${name}: built in ${seconds(start)} s, ${((await bytesUnder(folder)) / 1e6).toFixed(1)} MB`);
  for (const [stage, took] of stages) {
    if (took >= 500) console.log(`  ${stage.padEnd(30)}${(took / 1000).toFixed(1)} s`);
  }
}

async function browser(): Promise<void> {
  const launch = async () => {
    const own = await launchChromium();
    if (!own) throw new Error(`bench: ${NO_CHROMIUM}`);
    return own;
  };
  for (const [name, folder, feature] of [
    ["Emoji-CLIP", EMOJI, 1234],
    ["65,536 features", WIDE, 54_321],
  ] as const) {
    const index = pathToFileURL(join(folder, "index.html")).href;
    const times: number[] = [];
    let cold = false;
    for (let i = 0; i < OPENINGS; i++) {
      const own = await launch();
      cold = dropFileCache();
      times.push(await openFeature(own, `${index}#feature=${feature}`));
      await own.close();
    }
    console.log(
      `${name}: to a feature page with its pictures, new profile, files ${cold ? "from disk" : "as the system has them"}: ${spread(times, 0)} ms`,
    );
    const own = await launch();
    const page = await own.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(index);
    await page.locator(".row").first().waitFor();
    await rest(1000);
    for (const step of [96, 400])
      console.log(
        `  scrolling the list, ${step} pixels a frame: ${frames(await page.evaluate<number[]>(scroll(step)))}`,
      );
    console.log(`  drawing a selection: ${frames(await page.evaluate<number[]>(BRUSH))}`);
    console.log(`  listing what it holds: ${(await selection(page)).toFixed(0)} ms`);
    await page.goto(`${index}#view=atlas&atlas=0.5,0.5,4`);
    await page.locator(".atlas canvas").waitFor();
    await rest(1000);
    console.log(`  moving the atlas: ${frames(await page.evaluate<number[]>(PAN))}`);
    await own.close();
  }
}

/** Milliseconds until feature page and its first pictures are drawn. */
async function openFeature(of: Browser, address: string): Promise<number> {
  const page = await of.newPage({ viewport: { width: 1280, height: 900 } });
  const start = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  await page.locator("#feature .pictures .tile img").nth(15).waitFor();
  await page.evaluate(
    'Promise.all([...document.querySelectorAll("#feature .pictures img")].slice(0, 16).map((image) => image.decode()))',
  );
  return performance.now() - start;
}

/** Runs one step a frame and gives the times between frames, ms. */
const loop = (begin: string, step: string) => `new Promise((resolve) => {
  ${begin}
  const times = [];
  let last = performance.now();
  const frame = (now) => {
    times.push(now - last);
    last = now;
    if (times.length > ${FRAMES}) return resolve(times.slice(1));
    const i = times.length;
    ${step}
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})`;
/** By 96 pixels every row has its picture; by 400 the list flies, and shows them when it rests. */
const scroll = (step: number) =>
  loop('const list = document.querySelector(".list");', `list.scrollTop += ${step};`);
const pointer = (selector: string) => `const canvas = document.querySelector("${selector}");
  canvas.setPointerCapture = () => {};
  const box = canvas.getBoundingClientRect();
  const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: box.left + x, clientY: box.top + y }));`;
const BRUSH = loop(
  `${pointer("#map canvas")} send("pointerdown", 80, 40);`,
  'send("pointermove", 80 + i * 4, 40 + i * 2);',
);
const PAN = loop(
  `${pointer(".atlas canvas")} send("pointerdown", 600, 400);`,
  'send("pointermove", 600 + 300 * Math.sin(i / 20), 400 + 200 * Math.cos(i / 20));',
);

/** Milliseconds from the end of a selection on the map to the list of what it holds. */
function selection(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    ${pointer("#map canvas")}
    const start = performance.now();
    send("pointerdown", 80, 40);
    send("pointermove", 700, 300);
    send("pointerup", 700, 300);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  })`);
}

/** Whether the system let its copies of files go; only root may ask that. */
function dropFileCache(): boolean {
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

function frames(times: readonly number[]): string {
  const total = times.reduce((sum, time) => sum + time, 0);
  return `${((1000 * times.length) / total).toFixed(0)} frames/s over ${times.length} frames, the slowest ${Math.max(...times).toFixed(0)} ms`;
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

async function bytesUnder(folder: string): Promise<number> {
  const found = await Promise.all(
    (await readdir(folder, { recursive: true })).map((name) => stat(join(folder, name))),
  );
  return found.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

main(process.argv.slice(2));
