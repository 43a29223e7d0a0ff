import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../lib/tensor";
import { atlas, cellOf, DEEPEST, NO_CELL } from "./atlas";
import { atlasOrder } from "./atlas-order";

const [F, K] = [90, 6];

/** Three groups of thirty features whose neighbours are in their own group; the last feature has no importance. */
function groups() {
  const random = new Random(3);
  const neighbours = new Int32Array(F * K);
  const cosines = new Float32Array(F * K);
  for (let feature = 0; feature < F; feature++) {
    const first = feature - (feature % 30);
    const others = random.shuffle(
      Array.from({ length: 30 }, (_, i) => first + i).filter((f) => f !== feature),
    );
    for (let i = 0; i < K; i++) {
      neighbours[feature * K + i] = others[i];
      cosines[feature * K + i] = 0.9 - i / 100;
    }
  }
  const importance = Float64Array.from({ length: F }, (_, f) => (f === F - 1 ? 0 : ((f * 37) % 89) + 1));
  return { neighbours, cosines, k: K, importance };
}

test("neighbours are near, groups apart, the same every time, and a dead feature has no place", async () => {
  const { x, y, level } = await atlas(groups());
  const apart = (a: number, b: number) => Math.hypot(x[a] - x[b], y[a] - y[b]);
  let [within, between, pairs, crossings] = [0, 0, 0, 0];
  for (let a = 0; a < F - 1; a++) {
    assert.ok(x[a] >= 0 && x[a] < 1 && y[a] >= 0 && y[a] < 1);
    for (let b = 0; b < a; b++) {
      const same = Math.floor(a / 30) === Math.floor(b / 30);
      if (same) [within, pairs] = [within + apart(a, b), pairs + 1];
      else [between, crossings] = [between + apart(a, b), crossings + 1];
    }
  }
  assert.ok(within / pairs < 0.5 * (between / crossings), `${within / pairs}, ${between / crossings}`);
  assert.ok(Number.isNaN(x[F - 1]) && level[F - 1] === NO_CELL);
  const again = await atlas(groups());
  assert.deepEqual([again.x, again.y, again.level], [x, y, level]);
});

test("at every zoom each cell that holds features has one that stands for it, its most important", async () => {
  const given = groups();
  const { x, y, level } = await atlas(given);
  for (let zoom = 0; zoom <= DEEPEST; zoom++) {
    const best = new Map<number, number>();
    const standing = new Map<number, number>();
    for (let feature = 0; feature < F - 1; feature++) {
      const cell = cellOf(x[feature], y[feature], zoom);
      const before = best.get(cell);
      if (before === undefined || given.importance[feature] > given.importance[before])
        best.set(cell, feature);
      if (level[feature] > zoom) continue;
      assert.ok(!standing.has(cell), `two features for cell ${cell} at zoom ${zoom}`);
      standing.set(cell, feature);
    }
    assert.deepEqual([...standing].sort(), [...best].sort());
  }
});

test("the order goes from far to near, and along the plane within a level", () => {
  const x = Float32Array.of(0.1, 0.9, 0.1, 0.9, 0.12, Number.NaN);
  const y = Float32Array.of(0.1, 0.9, 0.9, 0.1, 0.12, Number.NaN);
  const level = Uint8Array.of(2, 2, 2, 1, 2, NO_CELL);
  assert.deepEqual([...atlasOrder({ x, y, level })], [3, 0, 4, 2, 1, 5]);
});

test("few features are placed without neighbours enough, and none at all is an empty atlas", async () => {
  const few = { neighbours: Int32Array.of(1, 0), cosines: Float32Array.of(0.5, 0.5), k: 1 };
  const { x, level } = await atlas({ ...few, importance: [1, 2] });
  assert.ok(x.every((value) => value >= 0 && value < 1));
  assert.equal(level[1], 0);
  const none = await atlas({ ...few, importance: [0, 0] });
  assert.ok(none.x.every(Number.isNaN));
});
