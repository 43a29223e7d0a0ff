/** Set-up step: the kernelspec `vitrine` and the papermill plugin, installed into `.venv` only. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runLogged } from "./child.mjs";
import { SetupFailure } from "./failure.mjs";
import { hashFiles, writeAtomically } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function kernelspec(paths) {
  const step = {
    id: "kernelspec",
    title: "TypeScript kernel",
    expectation: "",
    needs: [],
    needsMB: 1,
    after: ["python-packages"],
    stamp: join(paths.kernelspec, ".vitrine-kernelspec.json"),
    inputs: () => ({
      node: process.execPath,
      root: paths.root,
      files: hashFiles([paths.kernelspecTemplate, paths.papermillPlugin]),
    }),
    outputs: () => [join(paths.kernelspec, "kernel.json")],
    async run(context) {
      const template = join(paths.kernelspecTemplate, "kernel.json");
      if (!existsSync(template)) {
        throw new SetupFailure(
          "set-up: expected kernels/kernelspec/kernel.json, found none (is the clone complete? git status)",
        );
      }
      if (existsSync(join(paths.papermillPlugin, "pyproject.toml"))) await installPlugin(context, step);
      const partial = `${paths.kernelspec}.partial`;
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(dirname(partial), { recursive: true });
      cpSync(paths.kernelspecTemplate, partial, { recursive: true });
      writeAtomically(join(partial, "kernel.json"), fillTemplate(readFileSync(template, "utf8"), paths.root));
      rmSync(paths.kernelspec, { recursive: true, force: true });
      renameSync(partial, paths.kernelspec);
      return {};
    },
  };
  return step;
}

/** kernel.json with `{node}` and `{root}` replaced by this Node and this clone. */
export function fillTemplate(text, root, node = process.execPath) {
  const fill = (value) => {
    if (typeof value === "string") return value.replaceAll("{node}", node).replaceAll("{root}", root);
    if (Array.isArray(value)) return value.map(fill);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
    }
    return value;
  };
  return `${JSON.stringify(fill(JSON.parse(text)), null, 2)}\n`;
}

/** Builds from a copy, because setuptools writes beside what it builds; needs no network. */
async function installPlugin(context, step) {
  const { paths } = context;
  const copy = join(paths.venv, "papermill-plugin");
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(paths.papermillPlugin)) {
    if (!/^(__pycache__|build|.*\.egg-info)$/.test(name)) {
      cpSync(join(paths.papermillPlugin, name), join(copy, name), { recursive: true });
    }
  }
  const install = ["install", "--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall", copy];
  await runLogged(context, { step, command: paths.python, args: ["-m", "pip", ...install], name: "python" });
  rmSync(copy, { recursive: true, force: true });
}
