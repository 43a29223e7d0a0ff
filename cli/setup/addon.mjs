/** Set-up step: tfjs-node's addon, compiled against the TensorFlow in `.venv/tensorflow`, and the small one that keeps its log quiet. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { runLogged } from "./child.mjs";
import { findCompiler } from "./prerequisites.mjs";
import { hashFiles, readStamp } from "./stamp.mjs";
import { tensorflowLibraries } from "./tensorflow.mjs";

const linkToNode = process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : [];
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
      hush: hashFiles([paths.hushSource]),
      cxx: process.env.CXX ?? null,
    }),
    outputs: () => [paths.addon, paths.hush],
    async run(context) {
      const compiler = findCompiler();
      const folder = dirname(paths.addon);
      mkdirSync(folder, { recursive: true });
      // Left by a set-up that was ended in the middle of it.
      for (const name of readdirSync(folder)) if (name.includes(".tmp.")) rmSync(join(folder, name));
      const build = async (output, makeArguments, probe) => {
        const temporary = join(folder, `${basename(output, ".node")}.${process.pid}.tmp.node`);
        await runLogged(context, {
          step,
          command: compiler.command,
          args: [...compiler.args, ...makeArguments(paths, temporary)],
        });
        // Loaded once before it counts; a rename leaves processes alone that have the old one loaded.
        const script = `process.env.TF_CPP_MIN_LOG_LEVEL="3";console.log(require(${JSON.stringify(temporary)}).${probe})`;
        await runLogged(context, { step, command: process.execPath, args: ["-e", script], name: "node" });
        renameSync(temporary, output);
      };
      await build(paths.addon, compilerArguments, "TF_Version");
      await build(paths.hush, hushArguments, "hush.name");
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
    ...linkToNode,
    ...["-o", output],
  ];
}

/** The same for lib/tensor/native/hush.c, which is C. */
export function hushArguments(paths, output) {
  const include = join(paths.nodeApiHeaders, "include");
  return [
    "-x",
    "c",
    "-O2",
    "-shared",
    "-fPIC",
    "-DNAPI_VERSION=8",
    "-I",
    include,
    paths.hushSource,
    ...linkToNode,
    "-o",
    output,
  ];
}

function packageVersion(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  } catch {
    return null;
  }
}
