/** `npm test`: the set-up, then every test of the TypeScript and of the Python side, or those under the named paths. */
import { runInForeground } from "./foreground.mjs";
import { jupyterEnvironment } from "./jupyter.mjs";
import { SetupFailure } from "./setup/failure.mjs";
import { setUp } from "./setup/setup.mjs";
import { findFiles } from "./test-files.mjs";
import { typescriptLoader } from "./typescript.mjs";

/** @param {string[]} argv paths, and options for Node's test runner @param {import("./setup/paths.mjs").Paths} paths */
export async function run(argv, paths) {
  const options = argv.filter((word) => word.startsWith("-"));
  const only = argv.filter((word) => !word.startsWith("-"));
  const typescript = findFiles(paths.root, /\.test\.(ts|mjs)$/, only);
  const python = findFiles(paths.root, /^test_.*\.py$/, only);
  expectTests(typescript, python, only);
  await setUp({ paths });
  const env = jupyterEnvironment(paths);
  const codes = [];
  if (typescript.length > 0) {
    const runner = ["--test", "--test-concurrency=2", "--test-reporter=spec", ...options, ...typescript];
    codes.push(
      await runInForeground(process.execPath, [...typescriptLoader(paths), ...runner], {
        cwd: paths.root,
        env,
      }),
    );
  }
  if (python.length > 0) {
    const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", ...python];
    codes.push(
      await runInForeground(paths.python, pytest, {
        cwd: paths.root,
        env: { ...env, PYTHONDONTWRITEBYTECODE: "1" },
      }),
    );
  }
  return codes.find((code) => code !== 0) ?? 0;
}

/** No test at all is a failure: without a path on either side, with paths on both. */
export function expectTests(typescript, python, only) {
  if (only.length > 0) {
    if (typescript.length + python.length > 0) return;
    throw new SetupFailure(
      `test: expected tests under ${only.join(", ")}, found none (do: npm test -- lib/sae)`,
    );
  }
  const missing = typescript.length === 0 ? "*.test.ts" : python.length === 0 ? "test_*.py" : null;
  if (missing)
    throw new SetupFailure(`test: expected ${missing} files, found none (is the clone complete? git status)`);
}
