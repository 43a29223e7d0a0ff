/** Set-up step: tfjs-node's addon, compiled against the TensorFlow in `.venv/tensorflow` (one compiler call). */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { runLogged } from "./child.mjs";
import { findCompiler } from "./prerequisites.mjs";
import { readStamp } from "./stamp.mjs";
import { tensorflowLibraries } from "./tensorflow.mjs";

const flags = ["-O2", "-std=c++17", "-shared", "-fPIC", "-DNAPI_VERSION=8"];

/** @param {import("./paths.mjs").Paths} paths */
export function addon(paths) {
  const step = {
    id: "addon",
    title: "TensorFlow addon",
    expectation: "compiling, 10 to 30 s",
    needs: ["compiler"],
    needsMB: 1,
    after: ["npm-packages", "tensorflow"],
    stamp: join(dirname(paths.addon), ".vitrine-addon.json"),
    inputs: () => ({
      tensorflow: readStamp(join(paths.tensorflow, ".vitrine-tensorflow.json"))?.inputs ?? null,
      tfjs: packageVersion(paths.tfjs),
      headers: packageVersion(paths.nodeApiHeaders),
      flags,
      cxx: process.env.CXX ?? null,
    }),
    outputs: () => [paths.addon],
    async run(context) {
      const compiler = findCompiler();
      const folder = dirname(paths.addon);
      mkdirSync(folder, { recursive: true });
      // Left by a set-up that was ended in the middle of it.
      for (const name of readdirSync(folder)) if (name.includes(".tmp.")) rmSync(join(folder, name));
      const temporary = join(folder, `tfjs_binding.${process.pid}.tmp.node`);
      await runLogged(context, {
        step,
        command: compiler.command,
        args: [...compiler.args, ...compilerArguments(paths, temporary)],
      });
      const probe = `process.env.TF_CPP_MIN_LOG_LEVEL="3";console.log("TensorFlow", require(${JSON.stringify(temporary)}).TF_Version)`;
      await runLogged(context, { step, command: process.execPath, args: ["-e", probe], name: "node" });
      renameSync(temporary, paths.addon);
      return { compiler: compiler.version };
    },
  };
  return step;
}

/** The compiler's arguments; the addon finds TensorFlow relative to itself, so the clone can be moved. */
export function compilerArguments(paths, output) {
  const mac = process.platform === "darwin";
  const fromAddon = relative(dirname(output), paths.tensorflow);
  return [
    ...flags,
    ...[
      "-I",
      join(paths.nodeApiHeaders, "include"),
      "-I",
      join(paths.tensorflow, "include"),
      "-I",
      paths.tfjs,
    ],
    join(paths.tfjs, "binding", "tfjs_backend.cc"),
    join(paths.tfjs, "binding", "tfjs_binding.cc"),
    ...tensorflowLibraries.map((library) => join(paths.tensorflow, library)),
    `-Wl,-rpath,${mac ? "@loader_path" : "$ORIGIN"}/${fromAddon}`,
    ...(mac ? ["-undefined", "dynamic_lookup"] : []),
    ...["-o", output],
  ];
}

function packageVersion(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  } catch {
    return null;
  }
}
