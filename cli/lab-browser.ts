/** JupyterLab as `npm start` starts it, in a real browser, for the tests that meet it as a person does. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

export const ROOT = resolve(__dirname, "..");
export const MINUTE = 60_000;

const browserArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class LabBrowser {
  readonly #lab: ChildProcess;
  readonly #port: number;
  readonly #token: string;
  readonly #browser: BrowserContext;
  readonly #profile: string;
  readonly #copies: string[] = [];

  private constructor(
    lab: ChildProcess,
    port: number,
    token: string,
    browser: BrowserContext,
    profile: string,
  ) {
    this.#lab = lab;
    this.#port = port;
    this.#token = token;
    this.#browser = browser;
    this.#profile = profile;
  }

  /** Undefined where there is no browser. */
  static async start(): Promise<LabBrowser | undefined> {
    const { findBrowser } = await import("./browser.mjs");
    const executablePath = findBrowser();
    if (!executablePath) return undefined;
    const port = await freePort();
    const profile = await mkdtemp(join(tmpdir(), "vitrine-browser-"));
    const words = ["cli/vitrine.mjs", "start", "--no-browser", "--port", String(port)];
    const lab = spawn(process.execPath, words, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    try {
      const token = await tokenOf(lab);
      const browser = await chromium.launchPersistentContext(profile, {
        executablePath,
        headless: true,
        viewport: { width: 1400, height: 1000 },
        args: browserArguments,
      });
      return new LabBrowser(lab, port, token, browser, profile);
    } catch (error) {
      lab.kill("SIGTERM");
      await rm(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** Shows a notebook on a page of its own, its kernel ready, and uses it; a failure leaves a picture in .vitrine/logs. */
  async show(title: string, notebook: object, use: (page: Page) => Promise<void>): Promise<void> {
    // A copy, because JupyterLab saves what it runs; in notebooks/, because cells import "../lib".
    const name = `jupyterlab-test-${title}-${process.pid}.ipynb`;
    const copy = join(ROOT, "notebooks", name);
    this.#copies.push(copy);
    await writeFile(copy, JSON.stringify(notebook));
    const page = await this.#browser.newPage();
    try {
      const place = `lab/workspaces/${title}/tree/notebooks/${name}`;
      await page.goto(`http://127.0.0.1:${this.#port}/${place}?reset&token=${this.#token}`);
      await page.waitForSelector(".jp-Notebook .jp-CodeCell", { timeout: 2 * MINUTE });
      await page.getByText("TypeScript (Vitrine) | Idle").waitFor({ timeout: 2 * MINUTE });
      await use(page);
    } catch (error) {
      await page.screenshot({ path: join(ROOT, ".vitrine", "logs", `jupyterlab-${title}.png`) });
      throw error;
    } finally {
      await page.close();
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#lab.kill("SIGTERM");
    await new Promise((done) =>
      this.#lab.exitCode === null ? this.#lab.once("exit", done) : done(undefined),
    );
    for (const copy of this.#copies) await rm(copy, { force: true });
    await rm(this.#profile, { recursive: true, force: true });
  }
}

/** Run > Run All Cells. */
export async function runAll(page: Page): Promise<void> {
  await page.click('.lm-MenuBar-itemLabel:has-text("Run")');
  await page.click('.lm-Menu-itemLabel:text-is("Run All Cells")');
}

/** A notebook of these cells. */
export function notebookOf(...sources: string[]): object {
  const cells = sources.map((source, i) => ({
    cell_type: "code",
    id: `cell-${i}`,
    source,
    metadata: {},
    outputs: [],
    execution_count: null,
  }));
  const kernelspec = { name: "vitrine", display_name: "TypeScript (Vitrine)", language: "typescript" };
  return { cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 };
}

/** The token in the address that the server prints. */
function tokenOf(lab: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let printed = "";
    const timer = setTimeout(() => failed(new Error(`no address within 3 minutes:\n${printed}`)), 3 * MINUTE);
    const read = (part: Buffer) => {
      printed += part;
      const token = /127\.0\.0\.1:\d+\/lab\S*[?&]token=([0-9a-f]+)/.exec(printed)?.[1];
      if (!token) return;
      clearTimeout(timer);
      found(token);
    };
    lab.stdout?.on("data", read);
    lab.stderr?.on("data", read);
    lab.once("exit", (code) => failed(new Error(`JupyterLab ended with ${code}:\n${printed}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => found(typeof address === "object" && address ? address.port : 0));
    });
  });
}
