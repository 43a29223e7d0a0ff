import assert from "node:assert/strict";
import { test } from "node:test";
import { expectNoLeak, Random, tf } from "../tensor";
import type { SaeConfig } from "./config";
import { Sae } from "./sae";
import { SparseEncoder } from "./sparse-encoder";

/** More features than are listed at once, a multiple of nothing. */
const [B, D, F] = [75, 37, 2501];

function example(config: Partial<SaeConfig>): { sae: Sae; x: Float32Array } {
  const random = new Random("sparse");
  const weights = {
    WEnc: random.normalTensor([D, F], 0, D ** -0.5),
    bEnc: random.normalTensor([F], -1, 2),
    WDec: random.normalTensor([F, D]),
    bDec: random.normalTensor([D]),
  };
  const full = { dIn: D, dSae: F, applyBDecToInput: true, ...config } as SaeConfig;
  return { sae: new Sae(full, weights), x: Float32Array.from({ length: B * D }, () => random.normal()) };
}

for (const config of [
  { architecture: "standard" },
  { architecture: "standard", applyBDecToInput: false },
  { architecture: "topk", k: 20, rescaleActsByDecoderNorm: true },
  { architecture: "topk", k: 20, rescaleActsByDecoderNorm: false },
] as Partial<SaeConfig>[]) {
  test(`lists are what is not zero in the matrix: ${JSON.stringify(config)}`, async () => {
    await expectNoLeak(() => {
      const { sae, x } = example(config);
      const encoder = SparseEncoder.of(sae);
      assert.ok(encoder);
      for (const rows of [B, 10]) {
        const given = tf.tensor2d(x.subarray(0, rows * D), [rows, D]);
        const f = sae.encode(given);
        const expected = f.dataSync<"float32">();
        tf.dispose([given, f]);
        const listed = new Float32Array(rows * F);
        for (const { first, start, rows: at, values } of encoder.encode(x.subarray(0, rows * D), rows))
          for (let i = 0; i + 1 < start.length; i++)
            for (let e = start[i]; e < start[i + 1]; e++) listed[at[e] * F + first + i] = values[e];
        assert.ok(listed.some((value) => value > 0));
        listed.forEach((value, at) => {
          assert.ok(Math.abs(value - expected[at]) < 1e-4, `${at}: ${value}, expected ${expected[at]}`);
        });
      }
      encoder.dispose();
      sae.dispose();
    });
  });
}

test("rows that are not finite are refused, and architectures that it does not know", () => {
  const { sae, x } = example({ architecture: "standard" });
  const encoder = SparseEncoder.of(sae);
  x[40] = Number.NaN;
  assert.throws(() => [...(encoder?.encode(x, B) ?? [])], /expected finite rows and weights/);
  encoder?.dispose();
  const { WEnc, bEnc, WDec, bDec } = sae.weights;
  const threshold = tf.zeros([F]);
  const config = { architecture: "jumprelu" as const, dIn: D, dSae: F, applyBDecToInput: true };
  assert.equal(SparseEncoder.of(new Sae(config, { WEnc, bEnc, WDec, bDec, threshold })), undefined);
  tf.dispose([WEnc, bEnc, WDec, bDec, threshold]);
});
