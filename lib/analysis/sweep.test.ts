import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memorySource } from "../sae";
import { splitAtRandom, splitOf, splitRows } from "./held-out";
import { checkJob, withSettings } from "./job";
import { paretoFront, planSweep } from "./sweep";

const base = { architecture: "topk", steps: 10 } as const;

describe("sweeps", () => {
  test("a grid has every combination once, named by what differs", () => {
    const members = planSweep(base, { grid: { k: [8, 16], learningRate: [1e-3, 2e-3] } });
    assert.deepEqual(
      members.map(({ name }) => name),
      [
        "k=8,learningRate=0.001",
        "k=8,learningRate=0.002",
        "k=16,learningRate=0.001",
        "k=16,learningRate=0.002",
      ],
    );
    assert.deepEqual(members[2].options, { ...base, k: 16, learningRate: 1e-3 });
  });

  test("random draws keep to their ranges, depend on the seed, and more trials keep the first ones", () => {
    const random = { learningRate: { log: [1e-4, 1e-2] as [number, number] }, k: [8, 16, 32] };
    const plan = (trials: number, seed: number) => planSweep(base, { random, trials, seed });
    const rates = plan(200, 1).map(({ options }) => options.learningRate as number);
    assert.ok(rates.every((rate) => rate >= 1e-4 && rate <= 1e-2));
    const below = rates.filter((rate) => rate < 1e-3).length / rates.length;
    assert.ok(below > 0.35 && below < 0.65, `half of the draws in either decade, got ${below}`);
    assert.deepEqual(plan(5, 1), plan(200, 1).slice(0, 5));
    assert.notDeepEqual(plan(5, 2), plan(5, 1));
  });

  test("the front has what no other point beats in both", () => {
    const points = [
      { name: "a", l0: 10, fvu: 0.5 },
      { name: "b", l0: 20, fvu: 0.6 },
      { name: "c", l0: 30, fvu: 0.2 },
      { name: "d", l0: 30, fvu: 0.3 },
      { name: "e", l0: 5, fvu: Number.NaN },
    ];
    assert.deepEqual(
      paretoFront(points).map(({ name }) => name),
      ["a", "c"],
    );
  });

  test("what cannot be meant is refused", () => {
    assert.throws(() => planSweep(base, { grid: {} }), /expected options to vary/);
    assert.throws(() => planSweep(base, { grid: { k: 3 as never } }), /expected a list of values for k/);
    const random = { k: { log: [0, 3] as [number, number] } };
    assert.throws(() => planSweep(base, { random, trials: 2 }), /expected a list, .* for k/);
  });
});

describe("jobs", () => {
  test("settings go to the job, the SAE or where their dots say", () => {
    const job = checkJob({ sae: { architecture: "topk" } }, "job.json");
    const changed = withSettings(job, [
      "lr=1e-3",
      "k=16",
      "views=2",
      "watch.patience=5",
      "seed=7",
      "model=other/model",
    ]);
    assert.deepEqual(changed, {
      model: "other/model",
      views: 2,
      seed: 7,
      sae: { architecture: "topk", learningRate: 1e-3, k: 16, seed: 7 },
      watch: { patience: 5 },
    });
    assert.deepEqual(job, { sae: { architecture: "topk" } });
    assert.throws(() => withSettings(job, ["k"]), /expected -p NAME=VALUE, got "k"/);
    assert.throws(
      () => checkJob({ sae: { architecture: "relu" } }, "job.json"),
      /job.json: expected sae.architecture standard/,
    );
    assert.throws(() => checkJob({ sae: base, epochs: 3 }, "job.json"), /got also epochs/);
  });
});

describe("held-out rows", () => {
  test("no picture is in both parts, whatever the view", () => {
    const [P, views] = [40, 3];
    const split = splitAtRandom(P, 0.25, 1);
    const data = Float32Array.from({ length: views * P }, (_, row) => row % P);
    const { train, heldOut } = splitRows(memorySource(data, 1, "rows"), P, split);
    const all = (source: typeof train) => {
      const rows = new Float32Array(source.rows);
      source.gather(
        Uint32Array.from({ length: source.rows }, (_, i) => i),
        rows,
      );
      return rows;
    };
    assert.equal(train.rows, views * 30);
    assert.equal(heldOut.rows, 10);
    const held = new Set(all(heldOut));
    assert.ok(all(train).every((picture) => !held.has(picture)));
    assert.notEqual(train.contentHash, heldOut.contentHash);
  });

  test("a data set's own split is taken", () => {
    const splits = ["train", "heldOut", "excluded", "train"];
    const record = (i: number) => ({ id: String(i), caption: "", labels: {}, split: splits[i] });
    const split = splitOf({ size: 4, record });
    assert.deepEqual([[...split.train], [...split.heldOut]], [[0, 3], [1]]);
  });
});
