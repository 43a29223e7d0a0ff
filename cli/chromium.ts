/** The browser in which tests and benchmarks open pages. */
import { type Browser, chromium } from "playwright-core";

/** Why a test that needs it is skipped. */
export const NO_CHROMIUM =
  "no Chromium found (install chromium, or set VITRINE_CHROMIUM to a browser's path)";

/** Headless, and drawing on the processor; undefined where there is none. The caller closes it. */
export async function launchChromium(): Promise<Browser | undefined> {
  const { findBrowser } = await import("./browser.mjs");
  const executablePath = findBrowser();
  if (!executablePath) return undefined;
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"], timeout: 60_000 });
}
