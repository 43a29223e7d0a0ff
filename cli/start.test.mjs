import assert from "node:assert/strict";
import { test } from "node:test";
import { jupyterEnvironment, labArguments } from "./jupyter.mjs";
import { pathsUnder } from "./setup/paths.mjs";
import { readOptions } from "./start.mjs";

test("a headless run takes a notebook's name and parameters as they are", () => {
  const options = readOptions([
    "--headless",
    "notebooks/02-cluster.ipynb",
    "-p",
    "steps",
    "100",
    "-p",
    "note",
    "a b",
  ]);
  assert.equal(options.headless, true);
  assert.equal(options.notebook, "02-cluster");
  assert.deepEqual(options.parameters, [
    ["steps", "100"],
    ["note", "a b"],
  ]);
});

test("options that make no sense are refused with the usage", () => {
  for (const argv of [
    ["--port"],
    ["--port", "0"],
    ["--port=70000"],
    ["--bowser"],
    ["-p", "a"],
    ["-p", "a", "1"],
  ]) {
    assert.throws(() => readOptions(argv), /^SetupFailure: start: expected npm start -- /, argv.join(" "));
  }
});

test("JupyterLab listens on loopback only and keeps its token", () => {
  const paths = pathsUnder("/clone");
  const args = labArguments(paths, { port: 8899, browser: false, open: "notebooks" });
  assert.ok(args.includes("--ServerApp.ip=127.0.0.1"));
  assert.ok(args.includes("--ServerApp.port=8899") && args.includes("--ServerApp.port_retries=0"));
  assert.ok(args.includes("--no-browser"));
  assert.equal(args.filter((word) => /token|password|disable_check_xsrf/i.test(word)).length, 0);
});

test("Jupyter keeps its files under the clone whatever the person's environment says", () => {
  process.env.JUPYTER_PATH = "/elsewhere";
  try {
    const env = jupyterEnvironment(pathsUnder("/clone"));
    assert.equal(env.JUPYTER_PATH, undefined);
    const places = Object.entries(env).filter(([name]) => /^(JUPYTER.*_DIR|IPYTHONDIR)$/.test(name));
    assert.equal(places.length, 6);
    for (const [name, place] of places) assert.ok(place.startsWith("/clone/.vitrine/"), `${name}=${place}`);
  } finally {
    delete process.env.JUPYTER_PATH;
  }
});
