/** Set-up step: the kernels of lib/tensor/native, one small addon compiled for this machine's processor. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { runLogged } from "./child.mjs";
import { findCompiler } from "./prerequisites.mjs";
import { hashFiles } from "./stamp.mjs";

// What runs here is compiled here, so it may use all of this processor's instructions.
const native = process.arch === "arm64" ? "-mcpu=native" : "-march=native";
const flags = ["-O3", native, "-std=c++17", "-fno-math-errno", "-shared", "-fPIC", "-pthread"];
const linkToNode = process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : [];

/** @param {import("./paths.mjs").Paths} paths */
export function kernels(paths) {
  const step = {
    id: "kernels",
    title: "kernels",
    expectation: "compiling, 10 to 30 s",
    needs: ["compiler"],
    needsMB: 1,
    after: ["npm-packages"],
    stamp: join(dirname(paths.kernels), ".vitrine-kernels.json"),
    inputs: () => ({
      sources: hashFiles([paths.kernelSources]),
      flags,
      processor: processor(),
      cxx: process.env.CXX ?? null,
    }),
    outputs: () => [paths.kernels],
    async run(context) {
      const compiler = findCompiler();
      const folder = dirname(paths.kernels);
      mkdirSync(folder, { recursive: true });
      // Left by a set-up that was ended in the middle of it.
      for (const name of readdirSync(folder)) if (name.includes(".tmp.")) rmSync(join(folder, name));
      const temporary = join(folder, `kernels.${process.pid}.tmp.node`);
      await runLogged(context, {
        step,
        command: compiler.command,
        args: [...compiler.args, ...kernelArguments(paths, temporary)],
      });
      // Used once before it counts; a rename leaves processes alone that have the old one loaded.
      const script = `const k=require(${JSON.stringify(temporary)});k.allocate(1);console.log(Object.keys(k).length)`;
      await runLogged(context, { step, command: process.execPath, args: ["-e", script], name: "node" });
      renameSync(temporary, paths.kernels);
      return { compiler: compiler.version };
    },
  };
  return step;
}

/** The compiler's arguments: every C++ file of the folder in one call. */
export function kernelArguments(paths, output) {
  const sources = readdirSync(paths.kernelSources).filter((name) => name.endsWith(".cc"));
  return [
    ...flags,
    "-DNAPI_VERSION=8",
    "-I",
    join(paths.nodeApiHeaders, "include"),
    ...sources.sort().map((name) => join(paths.kernelSources, name)),
    ...linkToNode,
    ...["-o", output],
  ];
}

/** Names the instructions that this processor has: a clone that moves to another one compiles again. */
function processor() {
  try {
    const flags = readFileSync("/proc/cpuinfo", "utf8").match(/^(?:flags|Features)\s*:\s*(.*)$/m);
    if (flags) return flags[1].split(" ").sort().join(" ");
  } catch {
    // Not Linux: the model's name has to do.
  }
  return cpus()[0]?.model ?? null;
}
