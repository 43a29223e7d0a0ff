/**
 * `npm run bench -- pan [points]`: frames a second while the study's cluster picture of 65,536 points (or so many) is dragged in headless Chromium, whose WebGL runs on the
 * processor: with the script that moves what is drawn (lib/notebook/smooth-pan.ts), and by Plotly alone.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { quantile } from "../bench/statistics";
import { cacheFolder } from "../lib/io";
import { saveFigure } from "../lib/notebook";
import { featureClusters } from "../lib/plot";
import { Random } from "../lib/tensor";
import { launchChromium, NO_CHROMIUM } from "./chromium";

const SECONDS = 3;
const ROUNDS = 3;

async function main([count = "65536"]: string[]): Promise<void> {
  const folder = cacheFolder("bench", "pan");
  const [moved, plain] = [join(folder, "moved.html"), join(folder, "plain.html")];
  await saveFigure(clusters(Number(count)), moved);
  const page = readFileSync(moved, "utf8");
  writeFileSync(plain, page.replace("if (window.vitrineSmoothPan) return;", "return;"));
  const browser = await launchChromium();
  if (!browser) throw new Error(`bench: ${NO_CHROMIUM}`);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      console.log(`moved: ${await drag(browser, moved)}`);
      console.log(`Plotly alone: ${await drag(browser, plain)}`);
    }
  } finally {
    await browser.close();
  }
}

/** Two clouds, as the study's. */
function clusters(count: number) {
  const random = new Random("pan");
  const isDense = (i: number) => i % 4 === 0;
  const values = (of: (i: number) => number) => Float64Array.from({ length: count }, (_, i) => of(i));
  return featureClusters({
    log10Sparsity: values((i) => (isDense(i) ? -2 : -3.3) + 0.6 * random.normal()),
    log10MeanActivation: values((i) => (isDense(i) ? 0.5 : -0.6) + 0.4 * random.normal()),
    labelEntropy: values((i) => (i % 3 === 0 ? Number.NaN : Math.abs(random.normal()))),
  });
}

/** Counts frames and movements of the axes; as text, because what translates this file would put names into the page that it does not know. */
const watch = `{
  const frames = [];
  let followed = 0;
  const count = () => { frames.push(performance.now()); requestAnimationFrame(count); };
  count();
  document.querySelector(".js-plotly-plot").on("plotly_relayouting", () => followed++);
  window.panned = () => ({ frames, followed });
}`;

/** Drags in circles without a rest; the first frame, in which the points are drawn once, is one of those counted. */
async function drag(browser: Browser, file: string): Promise<string> {
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  try {
    await page.goto(pathToFileURL(file).href);
    await page.evaluate("Plotly.relayout(document.querySelector('.js-plotly-plot'), { dragmode: 'pan' })");
    const area = await page.locator(".nsewdrag").first().boundingBox();
    if (!area) throw new Error("internal: a figure without an area to drag");
    const [x, y] = [area.x + area.width / 2, area.y + area.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.evaluate(watch);
    const until = performance.now() + 1000 * SECONDS;
    for (let i = 0; performance.now() < until; i++) {
      await page.mouse.move(x + 120 * Math.sin(i / 20), y + 80 * Math.cos(i / 15));
    }
    const { frames, followed } = (await page.evaluate("panned()")) as { frames: number[]; followed: number };
    const gaps = frames.slice(1).map((at, i) => at - frames[i]);
    const at = (share: number) => quantile(gaps, share).toFixed(0);
    const seconds = (frames[frames.length - 1] - frames[0]) / 1000;
    return `${(gaps.length / seconds).toFixed(1)} frames/s (a frame: median ${at(0.5)} ms, 95% below ${at(0.95)} ms), ${followed} movements of the axes`;
  } finally {
    await page.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
