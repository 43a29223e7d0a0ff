import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { expectNoLeak, Random, tf } from "../tensor";
import {
  type ActivationRowOptions,
  activationRowShape,
  activationRows,
  asHookPoint,
  Clip,
  type ClipTokenizer,
  parseClipConfig,
  preprocessorConfig,
  readClipParameters,
  runWithCache,
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

type Wanted = Pick<ActivationRowOptions, "hookPoint" | "tokens">;
const CLASS: Wanted = { hookPoint: "blocks.1.hook_resid_post", tokens: "class" };

async function collect(clip: Clip, from: number, wanted = CLASS): Promise<number[]> {
  const rows: number[] = [];
  const options = { ...wanted, pictures: PICTURES, views: 3, seed: 1, batch: 2, read };
  for await (const block of activationRows(clip, options, from)) rows.push(...block);
  return rows;
}

const cases: [Wanted, number, number][] = [
  [CLASS, 1, 32],
  [{ hookPoint: "blocks.0.mlp.hook_post", tokens: "patches" }, 4, 64],
  [{ hookPoint: "blocks.2.attn.hook_z", tokens: "all" }, 5, 32],
  [{ hookPoint: "blocks.2.attn.hook_pattern", tokens: "all" }, 5, 10],
  [{ hookPoint: "hook_post_head_pre_normalize", tokens: "all" }, 1, 16],
];

for (const [wanted, perPicture, width] of cases) {
  test(`rows of ${wanted.tokens} at ${wanted.hookPoint} are those of a run with a cache, from any row on`, async () => {
    const clip = await tinyClip();
    await expectNoLeak(async () => {
      const rows = await collect(clip, 0, wanted);
      assert.deepEqual(activationRowShape(clip, wanted), { perPicture, width });
      const perView = PICTURES * perPicture * width;
      assert.equal(rows.length, 3 * perView);
      const point = asHookPoint(wanted.hookPoint, clip.config);
      const pictures = await read([0, 1, 2, 3, 4]);
      const { [point]: value } = await runWithCache(clip, { pictures }, { hooks: [point], tokens: "all" });
      const byToken = point.endsWith("pattern") ? value.transpose([0, 2, 1, 3]) : value;
      const flat = byToken.reshape([PICTURES, -1, width]);
      const tokens = (await flat.array()) as unknown as number[][][];
      const kept = tokens.map((picture) => picture.slice(wanted.tokens === "patches" ? 1 : 0)); // without the class token
      const expected = kept.flatMap((picture) => picture.slice(0, perPicture).flat());
      for (const [i, number] of expected.entries()) {
        assert.ok(Math.abs(number - rows[i]) < 1e-5, `${number}, ${rows[i]}`);
      }
      assert.notDeepEqual(
        rows.slice(perView, 2 * perView),
        rows.slice(0, perView),
        "the second view is another",
      );
      for (const from of [1, perPicture, 5 * perPicture + 1, 14 * perPicture]) {
        assert.deepEqual(await collect(clip, from, wanted), rows.slice(from * width));
      }
      tf.dispose([value, byToken, flat]);
    });
    clip.dispose();
  });
}

test("a hook point that is none is refused with the nearest, and so are tokens that pictures have not", async () => {
  const clip = await tinyClip();
  await assert.rejects(
    collect(clip, 0, { ...CLASS, hookPoint: "blocks.3.hook_resid_post" }),
    /expected a name in the vision tower of 3 blocks, got "blocks\.3\.hook_resid_post" \(do: blocks\.\d\.hook_resid_post\)/,
  );
  await assert.rejects(
    collect(clip, 0, { ...CLASS, tokens: "end" }),
    /expected tokens class, patches, all of the vision tower, got "end"/,
  );
});
