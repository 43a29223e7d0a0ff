import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { expectNoLeak, Random, type Tensor, tf } from "../tensor";
import {
  Clip,
  type ClipTokenizer,
  classTokenRows,
  parseClipConfig,
  preprocessorConfig,
  readClipParameters,
  visionResidual,
} from ".";

const FOLDER = join(__dirname, "fixtures", "tiny");
const SIDE = 20;
const PICTURES = 5;

function read(indices: readonly number[]) {
  return Promise.resolve(
    indices.map((i) => {
      const random = new Random(`picture/${i}`);
      const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.int(256));
      return { data, width: SIDE, height: SIDE };
    }),
  );
}

async function tinyClip(): Promise<Clip> {
  const config = parseClipConfig(JSON.parse(readFileSync(join(FOLDER, "config.json"), "utf8")), "tiny");
  const parameters = await readClipParameters(join(FOLDER, "model.safetensors"), config);
  return new Clip(config, parameters, undefined as unknown as ClipTokenizer, preprocessorConfig(16));
}

async function collect(clip: Clip, from: number, hookPoint = "blocks.1.hook_resid_post"): Promise<number[]> {
  const rows: number[] = [];
  const options = { hookPoint, pictures: PICTURES, views: 3, seed: 1, batch: 2, read };
  for await (const block of classTokenRows(clip, options, from)) rows.push(...block);
  return rows;
}

test("the first view's rows are the class token at the hook point of the whole tower", async () => {
  const clip = await tinyClip();
  await expectNoLeak(async () => {
    const rows = await collect(clip, 0);
    assert.equal(rows.length, 3 * PICTURES * 32);
    const patches = await clip.patches(await read([0, 1, 2, 3, 4]));
    const seen: number[] = [];
    const hook = (point: string, value: Tensor) => {
      if (point === "blocks.1.hook_resid_post") {
        seen.push(...tf.tidy(() => value.slice([0, 0, 0], [-1, 1, -1]).dataSync()));
      }
      return value;
    };
    tf.dispose(tf.tidy(() => visionResidual(patches, clip.parameters, clip.config.vision_config, { hook })));
    patches.dispose();
    for (const [i, value] of seen.entries())
      assert.ok(Math.abs(value - rows[i]) < 1e-4, `${value}, ${rows[i]}`);
    const second = rows.slice(PICTURES * 32, 2 * PICTURES * 32);
    assert.notDeepEqual(second, rows.slice(0, PICTURES * 32), "the second view differs from the first");
  });
});

test("starting at any row gives the rows that starting at 0 gives", async () => {
  const clip = await tinyClip();
  const all = await collect(clip, 0);
  for (const from of [1, 5, 8, 14]) assert.deepEqual(await collect(clip, from), all.slice(from * 32));
});

test("a hook point that is none is refused", async () => {
  const clip = await tinyClip();
  await assert.rejects(
    collect(clip, 0, "blocks.3.hook_resid_post"),
    /expected blocks\.N\.hook_resid_post with N from 0 to 2/,
  );
});
