/** What has to be on the machine beforehand: Node, npm, Python with venv, a C++ compiler, glibc, free disk. */
import { spawnSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { diskFailure, SetupFailure } from "./failure.mjs";

/** The oldest Node that works (package.json's `engines` says the same). */
export const oldestNode = [20, 9];
const pythonNames = ["python3.13", "python3.12", "python3.11", "python3.10", "python3", "python"];
const pythonProbe =
  "import sys\nprint('%d.%d.%d' % sys.version_info[:3])\nprint(sys.executable)\ntry:\n import venv, ensurepip\n print('venv')\nexcept ImportError:\n print('none')";

/** Null when this Node will do, else the line that says so. */
export function nodeProblem(version = process.versions.node) {
  const [major, minor] = version.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return null;
  return `set-up: expected Node ${oldestNode.join(".")} or newer, found ${version} (install one: nodejs.org, or your system's package)`;
}

/**
 * The first Python 3.10-3.13 on the PATH that can make a virtual environment (VITRINE_PYTHON names another).
 * @returns {{ executable: string, version: string } | { problem: string }}
 */
export function findPython(env = process.env) {
  const rejected = [];
  for (const name of env.VITRINE_PYTHON ? [env.VITRINE_PYTHON] : pythonNames) {
    const probe = spawnSync(name, ["-c", pythonProbe], { encoding: "utf8", env, timeout: 20000 });
    if (probe.status !== 0) continue;
    const [version, executable, venv] = probe.stdout.trim().split(/\r?\n/);
    const [major, minor] = version.split(".").map(Number);
    if (major !== 3 || minor < 10 || minor > 13) rejected.push({ version, name });
    else if (venv !== "venv") rejected.push({ version, name, noVenv: `python${major}.${minor}-venv` });
    else return { executable, version };
  }
  const noVenv = rejected.find((candidate) => candidate.noVenv);
  if (noVenv) {
    return {
      problem: `set-up: expected Python with venv and ensurepip, found ${noVenv.name} (${noVenv.version}) without (install it: apt-get install ${noVenv.noVenv})`,
    };
  }
  const found =
    rejected.length > 0 ? `only ${[...new Set(rejected.map((one) => one.version))].join(", ")}` : "none";
  return {
    problem: `set-up: expected Python 3.10 to 3.13, found ${found} (install one: apt-get install python3 python3-venv / brew install python@3.13)`,
  };
}

/**
 * The C++ compiler: CXX when set, else the first of g++, clang++, c++ that runs.
 * @returns {{ command: string, args: string[], version: string } | { problem: string }}
 */
export function findCompiler(env = process.env) {
  const candidates = env.CXX ? [env.CXX.trim().split(/\s+/)] : [["g++"], ["clang++"], ["c++"]];
  for (const [command, ...args] of candidates) {
    const probe = spawnSync(command, [...args, "--version"], { encoding: "utf8", env, timeout: 20000 });
    if (probe.status === 0) return { command, args, version: probe.stdout.split("\n")[0].trim() };
  }
  const found = env.CXX ? `a CXX that does not run (${env.CXX})` : "none";
  return {
    problem: `set-up: expected a C++ compiler, found ${found} (install one: apt-get install g++ / xcode-select --install)`,
  };
}

/**
 * How to run npm: the one that runs this process, else the one beside Node or on the PATH.
 * @returns {{ command: string, args: string[], version: string } | { problem: string }}
 */
export function findNpm(env = process.env) {
  const candidates = [];
  if (env.npm_execpath && /^np[mx]-cli\.js$/.test(basename(env.npm_execpath))) {
    candidates.push([process.execPath, join(dirname(env.npm_execpath), "npm-cli.js")]);
  }
  candidates.push(["npm"]);
  for (const [command, ...args] of candidates) {
    const probe = spawnSync(command, [...args, "--version"], { encoding: "utf8", env, timeout: 20000 });
    if (probe.status === 0) return { command, args, version: probe.stdout.trim() };
  }
  return {
    problem: "set-up: expected npm, found none (install one: it comes with Node, or apt-get install npm)",
  };
}

/** Whether TensorFlow is to be the GPU build: VITRINE_DEVICE=gpu or cpu decides, else an NVIDIA driver that answers. */
export function findDevice(env = process.env) {
  if (env.VITRINE_DEVICE === "gpu" || env.VITRINE_DEVICE === "cpu") return env.VITRINE_DEVICE;
  if (process.platform !== "linux" || process.arch !== "x64") return "cpu";
  if (!(env.PATH ?? "").split(":").some((folder) => folder && existsSync(join(folder, "nvidia-smi"))))
    return "cpu";
  const probe = spawnSync("nvidia-smi", ["-L"], { encoding: "utf8", env, timeout: 20000 });
  return probe.status === 0 && /GPU 0/.test(probe.stdout) ? "gpu" : "cpu";
}

/** Free disk at a path in MB. */
export function freeMB(path) {
  const { bavail, bsize } = statfsSync(path);
  return Math.floor((bavail * bsize) / 2 ** 20);
}

/**
 * Throws one SetupFailure with a line for each thing that the given steps need and the machine lacks.
 * @param {{ root: string }} paths
 * @param {{ needs: string[], needsMB: number }[]} steps the steps that are still to be done
 */
export function checkPrerequisites(paths, steps, env = process.env) {
  const needed = new Set(steps.flatMap((step) => step.needs));
  const found = {
    python: needed.has("python") ? findPython(env) : null,
    compiler: needed.has("compiler") ? findCompiler(env) : null,
    npm: needed.has("npm") ? findNpm(env) : null,
  };
  const problems = Object.values(found).flatMap((one) => (one?.problem ? [one.problem] : []));
  if (needed.has("glibc") && usesMusl()) {
    problems.push(
      "set-up: expected a Linux with glibc, found musl (use Debian, Ubuntu, Fedora …: TensorFlow has no build for musl)",
    );
  }
  const disk = steps.reduce((sum, step) => sum + step.needsMB, 0);
  const free = freeMB(paths.root);
  if (free < disk) problems.push(diskFailure(steps.map((step) => step.title).join(", "), disk, free).message);
  if (problems.length > 0) throw new SetupFailure(problems.join("\n"));
  return found;
}

function usesMusl() {
  if (process.platform !== "linux") return false;
  process.report.excludeNetwork = true;
  return !process.report.getReport().header.glibcVersionRuntime;
}
