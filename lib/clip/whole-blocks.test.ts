import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSafetensors } from "../io";
import {
  disposeAll,
  expectNoLeak,
  frozen,
  Random,
  setKernelThreads,
  type Tensor,
  TOWER_BLOCK_PARTS,
  type TowerBlockWeights,
  TowerKernel,
  tf,
} from "../tensor";
import {
  initialParameters,
  loadClip,
  parseClipConfig,
  pixelGradient,
  runTapped,
  runWithHooks,
  textTower,
  toPatches,
  visionTower,
} from ".";
import { openParityCase, parityInput } from "./parity";

const FIXTURES = join(__dirname, "fixtures");
const DATA = join(__dirname, "..", "..", "data");
const byOps = { ...frozen, wholeBlocks: false };

for (const { name } of readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
)) {
  test(`blocks as kernels agree with blocks as ops and with Hugging Face on ${name}`, async () => {
    await expectNoLeak(async () => {
      const parity = await openParityCase(join(FIXTURES, name));
      const { clip, expected } = parity;
      const { config, parameters } = clip;
      const patches = toPatches(expected.pixels, config.vision_config);
      const tokens = (parityInput(parity, "text") as { tokens: { ids: Int32Array; length: number } }).tokens;
      const read = [
        "blocks.0.hook_resid_post",
        "blocks.1.hook_resid_pre",
        "blocks.1.hook_resid_post",
      ] as const;
      for (const tower of ["vision", "text"] as const) {
        const run = (ops: typeof frozen) =>
          runTapped({ read, toEnd: true }, (tap) =>
            tower === "vision"
              ? visionTower(patches, parameters, config, { tap, ops })
              : textTower(tokens, parameters, config, { tap, ops }),
          );
        const [fast, slow] = [run(frozen), run(byOps)];
        for (const point of read) {
          close(fast.cache[point], slow.cache[point], `${tower}/${point} of the ops`);
          close(fast.cache[point], expected[`${tower}/${point}`], `${tower}/${point} of Hugging Face`);
        }
        close(fast.embedding!, slow.embedding!, `${tower}'s embedding`);
        disposeAll(fast.cache);
        disposeAll(slow.cache);
        tf.dispose([fast.embedding!, slow.embedding!]);
      }
      patches.dispose();
      parity.dispose();
    });
  });
}

const SHAPES = [
  {
    hidden_size: 80,
    intermediate_size: 300,
    num_attention_heads: 5,
    hidden_act: "gelu",
    grid: 6,
    pictures: 3,
  },
  {
    hidden_size: 36,
    intermediate_size: 40,
    num_attention_heads: 3,
    hidden_act: "quick_gelu",
    grid: 17,
    pictures: 2,
  },
  {
    hidden_size: 320,
    intermediate_size: 1300,
    num_attention_heads: 1,
    hidden_act: "quick_gelu",
    grid: 3,
    pictures: 1,
  },
];

for (const { grid, pictures, ...shape } of SHAPES) {
  const { hidden_size, intermediate_size, num_attention_heads } = shape;
  test(`widths and lengths that fill no panel: ${hidden_size}, ${intermediate_size}, ${num_attention_heads} heads, ${grid ** 2} patches`, async () => {
    const config = parseClipConfig(
      {
        projection_dim: 8,
        logit_scale_init_value: 1,
        vision_config: { ...shape, num_hidden_layers: 2, image_size: 2 * grid, patch_size: 2 },
        text_config: {
          hidden_size: 8,
          intermediate_size: 8,
          num_hidden_layers: 1,
          num_attention_heads: 1,
          vocab_size: 8,
        },
      },
      "test",
    );
    await expectNoLeak(() => {
      const parameters = initialParameters(config, new Random(1));
      for (const [key, old] of Object.entries(parameters)) {
        // Fresh biases are zero and gains one, which would hide mistakes.
        parameters[key] = tf.tidy(() => old.add(new Random(key).normalTensor(old.shape, 0, 0.1)));
        old.dispose();
      }
      const pixels = new Random(2).normalTensor([pictures, 2 * grid, 2 * grid, 3]);
      const patches = toPatches(pixels, config.vision_config);
      const point = "blocks.1.hook_resid_post";
      const run = (ops: typeof frozen) =>
        runTapped({ read: [point] }, (tap) => visionTower(patches, parameters, config, { tap, ops })).cache[
          point
        ];
      const [fast, slow] = [run(frozen), run(byOps)];
      close(fast, slow, "the stream");
      setKernelThreads(1);
      const alone = run(frozen);
      setKernelThreads(3);
      const three = run(frozen);
      assert.deepEqual(alone.dataSync(), fast.dataSync(), "one thread gives the same bits");
      assert.deepEqual(three.dataSync(), fast.dataSync(), "three threads give the same bits");
      tf.dispose([fast, slow, alone, three, pixels, patches]);
      disposeAll(parameters);
    });
  });
}

test("a loaded model's weights come back to the bit for who looks inside, before and after blocks run whole", async () => {
  const clip = await loadClip("emoji-clip");
  const { tensors } = await readSafetensors(join(DATA, "emoji-clip", "model.safetensors"));
  const names = ["self_attn.q_proj.bias", "self_attn.v_proj.weight", "mlp.fc1.weight", "mlp.fc2.weight"].map(
    (part) => `vision_model.encoder.layers.3.${part}`,
  );
  const pixels = new Random(5).normalTensor([2, 48, 48, 3]);
  const hooks = ["blocks.3.mlp.hook_post"] as const;
  const gradient = () =>
    pixelGradient(clip, pixels, { hooks, objective: (v) => v["blocks.3.mlp.hook_post"].square().mean() });
  const { part } = TowerKernel.prototype;
  let made = 0;
  TowerKernel.prototype.part = function (...args) {
    made++;
    return part.apply(this, args);
  };
  await expectNoLeak(async () => {
    const first = gradient();
    assert.equal(
      made,
      4 * 16 - 2,
      "all parts of four blocks but the last layer of the MLP, which nobody asked for",
    );
    for (let round = 0; round < 2; round++) {
      made = 0;
      for (const name of names) {
        const read = tf.tidy(() => clip.parameters[name].add(0).dataSync());
        assert.deepEqual(read, tensors.get(name)?.data, name);
        assert.deepEqual(clip.parameters[name].dataSync(), read, name);
      }
      assert.equal(made, round === 0 ? 1 : names.length, "they stay until the block runs as a whole");
      const { embedding } = await runWithHooks(clip, { pixels }, { hooks: {} });
      embedding.dispose();
    }
    const again = gradient();
    assert.deepEqual(again.gradient.dataSync(), first.gradient.dataSync());
    tf.dispose([first.gradient, again.gradient]);
  });
  TowerKernel.prototype.part = part;
  pixels.dispose();
  clip.dispose();
});

test("a disposed model's weights are freed, but for those of a clone that is left", async () => {
  const name = "text_model.encoder.layers.1.mlp.fc2.weight";
  const { dispose } = TowerKernel.prototype;
  let freed = 0;
  TowerKernel.prototype.dispose = function () {
    freed++;
    dispose.call(this);
  };
  await expectNoLeak(async () => {
    const [first, second] = [await loadClip("emoji-clip"), await loadClip("emoji-clip")];
    const clone = first.parameters[name].clone();
    first.dispose();
    const wanted = second.parameters[name].dataSync();
    assert.deepEqual(clone.dataSync(), wanted);
    clone.dispose();
    freed = 0;
    second.dispose();
    assert.equal(freed, 2, "one kernel a tower");
  });
  TowerKernel.prototype.dispose = dispose;
});

test("a kernel gives each part of a block as it was set, whatever its size", () => {
  for (const [width, hidden] of [
    [80, 300],
    [36, 40],
    [320, 1300],
  ]) {
    const kernel = new TowerKernel({ width, heads: 1, hidden, epsilon: 1e-5, exactGelu: false });
    const random = new Random(width);
    const sizes = { fc1: hidden * width, fc2: hidden * width, fc1Bias: hidden } as Record<string, number>;
    const weights = Object.fromEntries(
      TOWER_BLOCK_PARTS.map((part) => {
        const size = sizes[part] ?? (/norm|Bias/.test(part) ? width : width * width);
        return [part, Float32Array.from({ length: size }, () => random.uniform())];
      }),
    ) as TowerBlockWeights;
    kernel.setBlock(1, weights);
    for (const part of TOWER_BLOCK_PARTS) assert.deepEqual(kernel.part(1, part), weights[part], part);
  }
});

function close(got: Tensor, expected: Tensor, what: string): void {
  assert.deepEqual(got.shape, expected.shape, what);
  const [difference, rms] = tf.tidy(() =>
    tf.stack([got.sub(expected).abs().max(), expected.square().mean().sqrt()]).dataSync(),
  );
  assert.ok(difference <= 2e-5 * rms, `${what}: off by ${difference / rms} of its size`);
}
