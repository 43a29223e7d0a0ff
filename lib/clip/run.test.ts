import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { disposeAll, expectNoLeak, frozen, type Tensor, type TransformerOps, tf } from "../tensor";
import {
  asHookPoint,
  type HookPoint,
  hookPoints,
  hookPointWidth,
  pixelGradient,
  runTapped,
  runWithCache,
  runWithHooks,
  toPatches,
  visionTower,
} from ".";
import { openParityCase, type ParityCase, parityInput } from "./parity";

let parity: ParityCase;
before(async () => {
  parity = await openParityCase(join(__dirname, "fixtures", "tiny"));
});
after(() => parity.dispose());

const LAST = "blocks.2.hook_resid_post";
const T = 5;

/** Frozen ops, one by one, that note how often each is called and on how many rows. */
function countingOps() {
  const calls: string[] = [];
  const ops: TransformerOps = {
    ...frozen,
    wholeBlocks: false,
    linear(x, weight, bias) {
      calls.push(`linear ${x.shape[0]}x${x.shape[1]} -> ${weight.shape[0]}`);
      return frozen.linear(x, weight, bias);
    },
    attention(query, key, value, options) {
      calls.push(`attention ${query.shape[1]}`);
      return frozen.attention(query, key, value, options);
    },
  };
  return { ops, calls };
}

function callsFor(read: HookPoint[], tokens: "class" | "all"): string[] {
  const { clip, expected } = parity;
  const { ops, calls } = countingOps();
  const patches = toPatches(expected.pixels, clip.config.vision_config);
  const { cache } = runTapped({ read, tokens }, (tap) =>
    visionTower(patches, clip.parameters, clip.config, { tap, ops }),
  );
  disposeAll(cache);
  patches.dispose();
  return calls;
}

test("a run stops after the last value that is asked for", () => {
  const block = [
    ...Array.from({ length: 3 }, () => "linear 15x32 -> 32"),
    "attention 5",
    "linear 15x32 -> 32",
    "linear 15x32 -> 64",
    "linear 15x64 -> 32",
  ];
  assert.deepEqual(callsFor(["hook_ln_pre"], "all"), []);
  assert.deepEqual(callsFor(["blocks.0.hook_resid_post"], "all"), block);
  assert.deepEqual(callsFor(["blocks.1.hook_resid_pre"], "all"), block);
  assert.deepEqual(callsFor(["blocks.0.attn.hook_v"], "all"), block.slice(0, 3));
  assert.deepEqual(callsFor(["blocks.0.attn.hook_pattern"], "all"), block.slice(0, 4));
  assert.deepEqual(callsFor(["blocks.0.hook_resid_mid"], "all"), block.slice(0, 5));
  assert.deepEqual(callsFor(["blocks.0.mlp.hook_post", "hook_embed"], "all"), block.slice(0, 6));
});

test("of the last block only the class token's row is computed when nothing else is asked for", () => {
  const calls = callsFor(["blocks.0.hook_resid_post", "blocks.1.mlp.hook_post"], "class");
  assert.deepEqual(calls.slice(7), [
    "linear 3x32 -> 32", // queries
    "linear 15x32 -> 32", // keys
    "linear 15x32 -> 32", // values
    "attention 1",
    "linear 3x32 -> 32",
    "linear 3x32 -> 64",
  ]);
});

test("the class token, the patches and the end of the text are the rows that they are of all tokens", async () => {
  const { clip } = parity;
  const input = parityInput(parity, "vision");
  const points = hookPoints(clip.config);
  await expectNoLeak(async () => {
    const all = await runWithCache(clip, input, { hooks: points });
    const one = await runWithCache(clip, input, { hooks: points, tokens: "class" });
    const rest = await runWithCache(clip, input, { hooks: points, tokens: "patches" });
    for (const point of points) {
      if (point === "hook_ln_final" || point === "hook_post_head_pre_normalize") continue;
      const axis = /scores|pattern/.test(point) ? 2 : 1;
      tf.tidy(() => {
        const [head, tail] = tf.split(all[point], [1, T - 1], axis);
        close(one[point], head.squeeze([axis]), `${point}, class`);
        close(rest[point], tail, `${point}, patches`);
      });
      assert.equal(
        one[point].size / 3,
        hookPointWidth(point, clip.config),
        `numbers of one token at ${point}`,
      );
    }
    for (const cache of [all, one, rest]) disposeAll(cache);

    const tokens = parityInput(parity, "text");
    const hooks = ["blocks.1.attn.hook_q", "blocks.2.attn.hook_pattern", LAST] as const;
    const whole = await runWithCache(clip, tokens, { hooks });
    const ends = await runWithCache(clip, tokens, { hooks, tokens: "end" });
    for (const [row, end] of [8, 5, 3, 6].entries()) {
      tf.tidy(() => {
        close(
          ends[LAST].gather([row]),
          whole[LAST].gather([row]).gather([end], 1).squeeze([1]),
          "the stream",
        );
        const pattern = whole["blocks.2.attn.hook_pattern"].gather([row]).gather([end], 2).squeeze([2]);
        close(ends["blocks.2.attn.hook_pattern"].gather([row]), pattern, "the pattern");
      });
    }
    disposeAll(whole);
    disposeAll(ends);
  });
});

test("replacing any value by itself changes nothing, and by zeros it changes the embedding", async () => {
  const { clip, expected } = parity;
  await expectNoLeak(async () => {
    for (const tower of ["vision", "text"] as const) {
      const input = parityInput(parity, tower);
      const reference = expected[`${tower}/hook_post_head_pre_normalize`];
      for (const point of hookPoints(clip.config, tower)) {
        const same = await runWithHooks(clip, input, { hooks: { [point]: (value: Tensor) => value } });
        close(same.embedding, reference, `${tower}/${point} left alone`);
        const copied = await runWithHooks(clip, input, {
          hooks: { [point]: (value: Tensor) => value.mul(1) },
        });
        close(copied.embedding, reference, `${tower}/${point} copied`);
        const zero = await runWithHooks(clip, input, { hooks: { [point]: tf.zerosLike } });
        const moved = tf.tidy(() => zero.embedding.sub(reference).abs().max().dataSync()[0]);
        assert.ok(moved > 1e-3, `${tower}/${point}: zeros moved the embedding by ${moved}`);
        tf.dispose([same.embedding, copied.embedding, zero.embedding]);
      }
    }
  });
});

test("what is read after replacing is the replacement, and a tensor of the caller's survives as one", async () => {
  const { clip } = parity;
  const steer = tf.ones([3, T, 32]);
  await expectNoLeak(async () => {
    const { cache, embedding } = await runWithHooks(clip, parityInput(parity, "vision"), {
      hooks: { "blocks.1.hook_resid_post": () => steer },
      cache: ["blocks.1.hook_resid_post", "blocks.2.hook_resid_pre"],
    });
    close(cache["blocks.1.hook_resid_post"], steer, "what was put in");
    close(cache["blocks.2.hook_resid_pre"], steer, "what the next block gets");
    const rows = tf.tidy(() => embedding.arraySync() as number[][]);
    assert.deepEqual(rows[0], rows[1], "all pictures look alike once their streams are the same");
    disposeAll(cache);
    embedding.dispose();
  });
  assert.equal(steer.isDisposed, false);
  steer.dispose();
});

test("a run that fails leaves nothing behind", async () => {
  const { clip } = parity;
  await expectNoLeak(async () => {
    const run = (hook: (value: Tensor) => Tensor) =>
      runWithHooks(clip, parityInput(parity, "vision"), {
        hooks: { "blocks.1.hook_resid_mid": hook },
        cache: ["blocks.0.hook_resid_post"],
      });
    await assert.rejects(
      run((value) => value.slice([0, 0, 0], [1, 1, 1])),
      /blocks\.1\.hook_resid_mid: expected a replacement of shape \[3,5,32\], got \[1,1,1\]/,
    );
    await assert.rejects(
      run(() => {
        throw new Error("by the hook");
      }),
      /by the hook/,
    );
  });
});

test("names that are none are refused with the nearest, in types and at run time", async () => {
  const { clip } = parity;
  const wrong: [string, RegExp][] = [
    ["blocks.1.hook_residual_post", /\(do: blocks\.1\.hook_resid_post\)/],
    ["blocks.1.mlp.post", /\(do: blocks\.1\.mlp\.hook_post\)/],
    ["hook_lnpre", /\(do: hook_ln_pre\)/],
  ];
  for (const [name, message] of wrong) assert.throws(() => asHookPoint(name, clip.config), message);
  assert.throws(() => asHookPoint("hook_ln_pre", clip.config, "text"), /in the text tower/);
  const input = parityInput(parity, "vision");
  // @ts-expect-error a misspelt name is no hook point
  await assert.rejects(runWithCache(clip, input, { hooks: ["blocks.0.hook_rsid_pre"] }), /hook_resid_pre/);
  await assert.rejects(
    runWithCache(clip, input, { hooks: [LAST], tokens: "end" }),
    /expected tokens class, patches, all/,
  );
});

test("an objective that is no scalar, or does not depend on the picture, is refused without a leak", async () => {
  const { clip, expected } = parity;
  await expectNoLeak(() => {
    const gradient = (objective: (values: Record<typeof LAST, Tensor>) => Tensor) =>
      pixelGradient(clip, expected.pixels, { hooks: [LAST], objective });
    assert.throws(
      () => gradient((values) => values[LAST].sum([1, 2])),
      /expected a scalar objective, got \[3\]/,
    );
    assert.throws(() => gradient(() => tf.scalar(1)), /does not depend|Cannot compute gradient/);
  });
});

test("a gradient goes through a replacement", async () => {
  const { clip, expected } = parity;
  await expectNoLeak(() => {
    const options = {
      hooks: [LAST],
      objective: (values: Record<typeof LAST, Tensor>) => values[LAST].sum(),
    } as const;
    const plain = pixelGradient(clip, expected.pixels, options);
    const cut = pixelGradient(clip, expected.pixels, {
      ...options,
      replace: { hook_full_embed: (value) => value.mul(0) },
    });
    const largest = (tensor: Tensor) => tf.tidy(() => tensor.abs().max().dataSync()[0]);
    assert.ok(largest(plain.gradient) > 1e-4);
    assert.equal(largest(cut.gradient), 0);
    tf.dispose([plain.gradient, cut.gradient]);
  });
});

function close(got: Tensor, expected: Tensor, what: string): void {
  assert.deepEqual(got.shape, expected.shape, what);
  const difference = tf.tidy(() => got.sub(expected).abs().max().dataSync()[0]);
  const size = tf.tidy(() => expected.abs().max().dataSync()[0]);
  assert.ok(difference <= 1e-5 * Math.max(1, size), `${what}: off by ${difference} at a size of ${size}`);
}
