/** Set-up step: `.venv` with JupyterLab, papermill, nbconvert, plotly's renderer and what they need, all pinned. */
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment, runLogged } from "./child.mjs";
import { findPython } from "./prerequisites.mjs";
import { hashFiles, writeAtomically } from "./stamp.mjs";

/** @param {import("./paths.mjs").Paths} paths */
export function pythonPackages(paths) {
  const step = {
    id: "python-packages",
    title: "Python packages",
    expectation: "JupyterLab, papermill and some 100 more, 70 MB to download",
    needs: ["python"],
    needsMB: 600,
    after: [],
    stamp: join(paths.venv, ".vitrine-python.json"),
    // A virtual environment holds absolute paths and its Python's version: a moved clone or a changed Python means a new one.
    inputs: () => ({
      requirements: hashFiles([paths.requirements, paths.labSettings]),
      root: paths.root,
      python: existsSync(paths.python) ? realpathSync(paths.python) : null,
    }),
    outputs: () => [paths.python],
    async run(context) {
      const python = findPython();
      // pip leaves half a package where it was ended, so an unfinished environment is made anew; TensorFlow beside it stays.
      mkdirSync(paths.venv, { recursive: true });
      for (const name of readdirSync(paths.venv)) {
        if (!/^(tensorflow|downloads)/.test(name))
          rmSync(join(paths.venv, name), { recursive: true, force: true });
      }
      await runLogged(context, {
        step,
        command: python.executable,
        args: ["-m", "venv", paths.venv],
        name: "python",
      });
      // /tmp may be small: pip unpacks inside of the clone.
      const temporary = join(paths.venv, "tmp");
      mkdirSync(temporary, { recursive: true });
      const install = ["-m", "pip", "install", "--no-deps", "--requirement", paths.requirements];
      await runLogged(context, {
        step,
        command: paths.python,
        args: install,
        name: "python",
        env: cleanEnvironment({ TMPDIR: temporary }),
        onLine: (line) => context.progress.detail(step.title, line.split(/[ (]/).slice(0, 2).join(" ")),
      });
      rmSync(temporary, { recursive: true, force: true });
      const settings = join(paths.venv, "share", "jupyter", "lab", "settings", "overrides.json");
      writeAtomically(settings, readFileSync(paths.labSettings, "utf8"));
      return { python: python.version };
    },
  };
  return step;
}
