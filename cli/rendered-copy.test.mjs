import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { forgetMachine, stamp, untruths } from "./rendered-copy.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const notebook = (change = () => {}) => {
  const cell = (source, execution_count, text) => ({
    cell_type: "code",
    metadata: {},
    source: [source],
    execution_count,
    outputs: [{ output_type: "stream", name: "stdout", text: [text] }],
  });
  const made = {
    metadata: {},
    cells: [
      { cell_type: "markdown", metadata: {}, source: ["# A title"] },
      cell("const a = 1;", 1, "one, 1/2 of it, https://example.org/home/page"),
      cell("a", 2, "two"),
    ],
  };
  stamp(made, "1.2.3");
  change(made);
  return made;
};

test("every committed notebook is a true rendered copy of its own code", () => {
  const folder = join(root, "notebooks");
  const names = readdirSync(folder).filter((name) => /^\d\d-.*\.ipynb$/.test(name));
  assert.ok(names.length >= 8, `${names}`);
  const wrong = names.flatMap((name) =>
    untruths(JSON.parse(readFileSync(join(folder, name), "utf8")), version).map((line) => `${name}: ${line}`),
  );
  assert.deepEqual(wrong, [], `do: npx vitrine run NOTEBOOK --keep\n${wrong.join("\n")}`);
});

test("prose may change, and what an execution notes of its machine goes", () => {
  assert.deepEqual(untruths(notebook(), "1.2.3"), []);
  const reworded = notebook(({ cells }) => {
    cells[0].source = ["# Another"];
  });
  assert.deepEqual(untruths(reworded, "1.2.3"), []);
  const executed = notebook((made) => {
    made.metadata.papermill = { input_path: "/somewhere" };
    made.cells[1].metadata.papermill = { duration: 1 };
  });
  assert.deepEqual(untruths(executed, "1.2.3"), ["it has papermill's metadata of one execution"]);
  forgetMachine(executed);
  assert.deepEqual(executed, notebook());
});

test("each untruth is found and named", () => {
  const cases = [
    [
      ({ cells }) => cells[2].outputs.push({ output_type: "error", ename: "TypeError", evalue: "no" }),
      /^code cell 2 ended in TypeError: no$/,
    ],
    [
      ({ cells }) => {
        cells[1].execution_count = 3;
      },
      /^code cell 1 was executed as number 3, not 1$/,
    ],
    [
      ({ cells }) => {
        cells[2].execution_count = null;
      },
      /^code cell 2 was executed as number none, not 2$/,
    ],
    [
      ({ cells }) => {
        cells[2].outputs[0].text = ["saved to /home/someone/figure.svg"];
      },
      /^it names a path of a machine: \/home\/someone$/,
    ],
    [
      ({ cells }) => {
        cells[2].outputs[0] = { output_type: "display_data", data: { "text/html": '<a href="/tmp/x">' } };
      },
      /\/tmp\/x$/,
    ],
    [
      ({ cells }) => {
        cells[2].outputs[0].text = ["C:\\Users\\me"];
      },
      /C:\\/,
    ],
    [
      ({ cells }) => {
        cells[1].source = ["const a = 2;"];
      },
      /^its code was changed after it was executed$/,
    ],
    [
      ({ metadata }) => {
        delete metadata.vitrine;
      },
      /^nothing says which code was executed$/,
    ],
    [
      ({ metadata }) => {
        metadata.vitrine.version = "1.2.2";
      },
      /^it was executed with version 1\.2\.2, the project is at 1\.2\.3$/,
    ],
  ];
  for (const [change, wanted] of cases) {
    const found = untruths(notebook(change), "1.2.3");
    assert.equal(found.length, 1, `${wanted}: ${found}`);
    assert.match(found[0], wanted);
  }
  const picture = notebook(({ cells }) => {
    cells[2].outputs[0] = { output_type: "display_data", data: { "image/png": "AAA /tmp/AAAA" } };
  });
  assert.deepEqual(untruths(picture, "1.2.3"), []);
});
