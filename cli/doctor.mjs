/** `npx vitrine doctor`: what was found on this machine and in this clone, a line each, with what to do about it. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { findBrowser } from "./browser.mjs";
import { jupyterEnvironment } from "./jupyter.mjs";
import { shown } from "./setup/paths.mjs";
import {
  findCompiler,
  findDevice,
  findNpm,
  findPython,
  freeMB,
  nodeProblem,
} from "./setup/prerequisites.mjs";
import { allSteps, isDone } from "./setup/setup.mjs";
import { readStamp } from "./setup/stamp.mjs";

/**
 * @typedef {object} Finding
 * @property {"ok" | "warn" | "FAIL"} state FAIL: something required does not work
 * @property {string} name
 * @property {string} text what was found
 * @property {string} [todo] what to do
 */

/** @param {string[]} _argv @param {import("./setup/paths.mjs").Paths} paths */
export async function run(_argv, paths) {
  const colours = process.stdout.isTTY ? { ok: "\x1b[32m", warn: "\x1b[33m", FAIL: "\x1b[31m" } : {};
  let failed = 0;
  for (const look of [
    node,
    npm,
    python,
    compiler,
    machine,
    disk,
    gpu,
    steps,
    tensorflowBuild,
    venv,
    kernel,
    data,
    models,
    browser,
  ]) {
    for (const { state, name, text, todo } of [look(paths)].flat()) {
      if (state === "FAIL") failed++;
      const mark = `${colours[state] ?? ""}${state.padEnd(4)}${colours[state] ? "\x1b[0m" : ""}`;
      console.log(`${mark}  ${name.padEnd(18)}${text}${todo ? ` (${todo})` : ""}`);
    }
  }
  console.log(
    failed === 0
      ? "doctor: all that is required works"
      : `doctor: ${failed} required ${failed === 1 ? "thing does" : "things do"} not work`,
  );
  return failed === 0 ? 0 : 1;
}

const finding = (state, name, text, todo) => ({ state, name, text, todo });

/** A prerequisite's own line, cut to what doctor shows: "set-up: expected … (do this)". */
function missing(name, problem) {
  return finding("FAIL", name, problem.replace(/^set-up: /, ""));
}

function node() {
  const problem = nodeProblem();
  return problem
    ? missing("Node", problem)
    : finding("ok", "Node", `${process.versions.node} (${process.platform} ${process.arch})`);
}

function npm() {
  const found = findNpm();
  return found.problem ? missing("npm", found.problem) : finding("ok", "npm", found.version);
}

function python() {
  const found = findPython();
  return found.problem
    ? missing("Python", found.problem)
    : finding("ok", "Python", `${found.version}, with venv`);
}

function compiler() {
  const found = findCompiler();
  return found.problem
    ? missing("C++ compiler", found.problem)
    : finding("ok", "C++ compiler", found.version);
}

function machine() {
  const model = cpus()[0]?.model.trim() || "unknown processor";
  const gb = (bytes) => (bytes / 2 ** 30).toFixed(1);
  return [
    finding("ok", "processor", `${availableParallelism()} cores, ${model}`),
    finding(
      totalmem() < 4 * 2 ** 30 ? "warn" : "ok",
      "memory",
      `${gb(freemem())} of ${gb(totalmem())} GiB free`,
    ),
  ];
}

function disk(paths) {
  const free = freeMB(paths.root);
  const pending = allSteps(paths).filter((step) => !isDone(step));
  const needed = pending.reduce((sum, step) => sum + step.needsMB, 0);
  const text = `${(free / 1024).toFixed(1)} GiB free`;
  if (free < needed)
    return finding("FAIL", "disk", text, `the set-up needs ${needed} MB more: free some space`);
  return finding(
    free < 2048 ? "warn" : "ok",
    "disk",
    text,
    free < 2048 ? "activation caches may not fit" : undefined,
  );
}

function gpu() {
  if (process.env.VITRINE_DEVICE)
    return finding("ok", "GPU", `VITRINE_DEVICE=${process.env.VITRINE_DEVICE} decides`);
  return finding("ok", "GPU", findDevice() === "gpu" ? "NVIDIA, in use" : "none; TensorFlow runs on the CPU");
}

function steps(paths) {
  const left = allSteps(paths).filter((step) => !isDone(step));
  if (left.length === 0) return finding("ok", "set-up", "complete");
  return finding(
    "FAIL",
    "set-up",
    `not done: ${left.map((step) => step.title).join(", ")}`,
    "do: npx vitrine setup",
  );
}

function tensorflowBuild(paths) {
  const name = "TensorFlow";
  if (!existsSync(paths.addon)) return finding("FAIL", name, "addon not compiled", "do: npx vitrine setup");
  const probe = `const b=require(${JSON.stringify(paths.addon)});console.log(b.TF_Version)`;
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" };
  const run = spawnSync(process.execPath, ["-e", probe], { encoding: "utf8", env, timeout: 60000 });
  if (run.status !== 0) {
    const reason = run.stderr.split("\n").find((line) => /Error:/.test(line)) ?? `exit code ${run.status}`;
    return finding(
      "FAIL",
      name,
      `does not load: ${reason.trim()}`,
      `do: rm ${shown(paths.root, paths.addon)} && npx vitrine setup`,
    );
  }
  const stamp = readStamp(join(dirname(paths.addon), ".vitrine-addon.json"));
  const device = stamp?.inputs.tensorflow?.device ?? "unknown device";
  return finding(
    "ok",
    name,
    `${run.stdout.trim()}, loads, ${device} build, compiled by ${stamp?.notes.compiler ?? "hand"}`,
  );
}

const pythonProbe = `import importlib.metadata as m, json
print(json.dumps({n: next(iter(d.version for d in m.distributions(name=n)), None) for n in ${JSON.stringify(["jupyterlab", "papermill", "nbconvert", "plotly", "pytest"])}}))`;

function venv(paths) {
  const name = "Python packages";
  if (!existsSync(paths.python)) return finding("FAIL", name, "no .venv", "do: npx vitrine setup");
  const run = spawnSync(paths.python, ["-c", pythonProbe], {
    encoding: "utf8",
    env: jupyterEnvironment(paths),
    timeout: 60000,
  });
  if (run.status !== 0)
    return finding("FAIL", name, ".venv does not run", "do: rm -r .venv && npx vitrine setup");
  const versions = Object.entries(JSON.parse(run.stdout));
  const absent = versions.filter(([, version]) => version === null).map(([name]) => name);
  if (absent.length > 0)
    return finding("FAIL", name, `without ${absent.join(", ")}`, "do: rm -r .venv && npx vitrine setup");
  return finding("ok", name, versions.map(([name, version]) => `${name} ${version}`).join(", "));
}

function kernel(paths) {
  const file = join(paths.kernelspec, "kernel.json");
  if (!existsSync(file))
    return finding("FAIL", "kernel", "kernelspec not installed", "do: npx vitrine setup");
  const spec = JSON.parse(readFileSync(file, "utf8"));
  const gone = spec.argv.filter((word) => word.startsWith("/") && !existsSync(word));
  if (gone.length > 0) return finding("FAIL", "kernel", `${gone[0]} is not there`, "do: npx vitrine setup");
  return finding("ok", "kernel", `${spec.display_name}, installed in ${shown(paths.root, paths.kernelspec)}`);
}

function data(paths) {
  if (!existsSync(paths.emoji)) return finding("FAIL", "data", "emoji not prepared", "do: npx vitrine setup");
  const size = readdirSync(paths.emoji).reduce(
    (sum, name) => sum + statSync(join(paths.emoji, name)).size,
    0,
  );
  // The preparation writes its manifest last.
  const summary = readStamp(join(paths.emoji, "manifest.json"))?.summary;
  if (!summary) return finding("FAIL", "data", "emoji half prepared", "do: npx vitrine setup");
  return finding("ok", "data", `emoji: ${summary.size.toLocaleString("en")} pictures, ${megabytes(size)}`);
}

function models(paths) {
  const name = "models";
  if (!existsSync(paths.clipWeights))
    return finding("warn", name, "no Emoji-CLIP weights", "do: npx vitrine train-clip");
  const { curve = [] } = readStamp(join(dirname(paths.clipWeights), "training.json")) ?? {};
  const { heldOutTop1, heldOutTop5 } = curve[curve.length - 1] ?? {};
  const [top1, top5] = [heldOutTop1, heldOutTop5].map((share) => `${(100 * share).toFixed(1)}%`);
  const scored =
    typeof heldOutTop1 === "number"
      ? `; held-out top-1 ${top1}, top-5 ${top5} as its training ended (now: npx vitrine score-clip)`
      : "";
  return finding("ok", name, `Emoji-CLIP, ${megabytes(statSync(paths.clipWeights).size)}${scored}`);
}

function browser() {
  const path = findBrowser();
  if (path) return finding("ok", "browser for tests", path);
  return finding(
    "warn",
    "browser for tests",
    "none: the JupyterLab test is skipped",
    "apt-get install chromium, or set VITRINE_CHROMIUM",
  );
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
