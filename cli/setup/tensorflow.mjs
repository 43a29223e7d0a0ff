/** Set-up step: TensorFlow's C library and headers, taken out of the PyPI wheel into `.venv/tensorflow`. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join, relative } from "node:path";
import { cleanEnvironment, runLogged } from "./child.mjs";
import { SetupFailure } from "./failure.mjs";
import { findDevice } from "./prerequisites.mjs";

/** The one TensorFlow version of the project. */
export const tensorflowVersion = "2.21.0";

/** The libraries' file names on this platform. */
export const tensorflowLibraries =
  process.platform === "darwin"
    ? ["libtensorflow_cc.2.dylib", "libtensorflow_framework.2.dylib"]
    : ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

/** Which PyPI package brings it: the small CPU build exists for Linux on x64 only. */
export function tensorflowPackage(device) {
  const small = process.platform === "linux" && process.arch === "x64" && device === "cpu";
  return small ? "tensorflow-cpu" : "tensorflow";
}

/** @param {import("./paths.mjs").Paths} paths */
export function tensorflow(paths) {
  const device = findDevice();
  const name = tensorflowPackage(device);
  const downloads = join(paths.venv, "downloads");
  const step = {
    id: "tensorflow",
    title: "TensorFlow",
    expectation: device === "gpu" ? "GPU build, some 3 GB to download" : "270 MB to download",
    needs: ["python", "glibc"],
    needsMB: device === "gpu" ? 9000 : 1500,
    after: ["python-packages"],
    stamp: join(paths.tensorflow, ".vitrine-tensorflow.json"),
    inputs: () => ({
      name,
      version: tensorflowVersion,
      device,
      platform: process.platform,
      arch: process.arch,
      layout: 1,
    }),
    outputs: () => tensorflowLibraries.map((library) => join(paths.tensorflow, library)),
    async run(context) {
      const pip = (...args) =>
        runLogged(context, {
          step,
          command: paths.python,
          args: ["-m", "pip", ...args],
          name: "python",
          env: cleanEnvironment({ TMPDIR: downloads }),
          onLine: (line) => showDownload(context.progress, step.title, line),
        });
      mkdirSync(downloads, { recursive: true });
      const wanted = `${name}==${tensorflowVersion}`;
      await pip(
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--progress-bar=raw",
        "--dest",
        downloads,
        wanted,
      );
      const wheel = readdirSync(downloads).find((file) =>
        file.startsWith(`${name.replace("-", "_")}-${tensorflowVersion}`),
      );
      if (!wheel)
        throw new SetupFailure(
          `set-up: internal: no wheel of ${wanted} in ${relative(paths.root, downloads)}`,
        );
      const partial = `${paths.tensorflow}.partial`;
      rmSync(partial, { recursive: true, force: true });
      context.progress.detail(step.title, "unpacking");
      await runLogged(context, {
        step,
        command: paths.python,
        args: [join(paths.root, "cli", "setup", "unpack_tensorflow.py"), join(downloads, wheel), partial],
        name: "python",
      });
      if (device === "gpu") await addCuda(pip, partial);
      const old = `${paths.tensorflow}.old`;
      rmSync(old, { recursive: true, force: true });
      if (existsSync(paths.tensorflow)) renameSync(paths.tensorflow, old);
      renameSync(partial, paths.tensorflow);
      rmSync(old, { recursive: true, force: true });
      rmSync(downloads, { recursive: true, force: true });
      return {};
    },
  };
  return step;
}

/** NVIDIA's libraries as the wheel's own `and-cuda` list names them, linked beside TensorFlow's, which looks there. */
async function addCuda(pip, folder) {
  const metadata = readFileSync(join(folder, "METADATA"), "utf8");
  const wanted = [...metadata.matchAll(/^Requires-Dist: *([^;]+);.*extra == ['"]and-cuda['"]/gm)].map(
    (match) => match[1].replaceAll(/[()\s]/g, ""),
  );
  if (wanted.length === 0)
    throw new SetupFailure("set-up: internal: the TensorFlow wheel names no and-cuda packages");
  await pip("install", "--no-deps", "--only-binary=:all:", "--target", folder, ...wanted);
  const nvidia = join(folder, "nvidia");
  for (const part of readdirSync(nvidia)) {
    const libraries = join(nvidia, part, "lib");
    if (!existsSync(libraries) || !statSync(libraries).isDirectory()) continue;
    for (const file of readdirSync(libraries)) {
      const link = join(folder, file);
      if (file.includes(".so") && !existsSync(link))
        symlinkSync(relative(folder, join(libraries, file)), link);
    }
  }
}

/** pip's raw progress lines ("Progress 1048576 of 274877906") as megabytes. */
function showDownload(progress, title, line) {
  const match = /^Progress (\d+) of (\d+)/.exec(line);
  if (match) progress.detail(title, `${Math.round(match[1] / 1e6)} of ${Math.round(match[2] / 1e6)} MB`);
}
