import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expectNoLeak, tf } from "../tensor";
import { embedPatches, toPatches } from ".";
import { comparePoints, openParityCase, worst } from "./parity";

const FIXTURES = join(__dirname, "fixtures");
const python = process.env.VITRINE_REFERENCE_PYTHON;

async function assertParity(folder: string): Promise<void> {
  await expectNoLeak(async () => {
    const parity = await openParityCase(folder);
    const { hookPoints, logits, gradients } = await comparePoints(parity);
    parity.dispose();
    for (const { what, relative } of hookPoints) {
      assert.ok(relative <= 1e-4, `${what} is off by ${relative} of its root mean square`);
    }
    assert.ok(logits.error <= 1e-3, `logits are off by ${logits.error}`);
    const gradient = worst(gradients);
    assert.ok(gradient.relative <= 1e-3, `${gradient.what} is off by ${gradient.relative} of its size`);
  });
}

for (const { name } of readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
)) {
  test(`every hook point, the logits and the picture's gradients agree with Hugging Face on ${name}`, async () => {
    await assertParity(join(FIXTURES, name));
  });
}

test("so they do in the shapes of B/32, B/16, L/14, L/14-336 and H/14 at small width", {
  skip: !python && "VITRINE_REFERENCE_PYTHON is not set",
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-parity-"));
  try {
    const script = join(FIXTURES, "make.py");
    execFileSync(python!, [script, "--shapes", "--out", folder], { stdio: ["ignore", "pipe", "pipe"] });
    const names = readdirSync(folder);
    assert.equal(names.length, 5);
    for (const name of names) {
      await assertParity(join(folder, name)).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("looking at all patches through keptPatches gives what looking at all of them plainly gives", async () => {
  const parity = await openParityCase(join(FIXTURES, "tiny"));
  const { clip, expected } = parity;
  await expectNoLeak(() => {
    tf.tidy(() => {
      const patches = toPatches(expected.pixels, clip.config.vision_config);
      const keptPatches = Int32Array.from([0, 1, 2, 3, 3, 2, 1, 0, 1, 0, 3, 2]); // order does not matter
      const some = embedPatches(patches, clip.parameters, clip.config, { keptPatches });
      const all = embedPatches(patches, clip.parameters, clip.config);
      const difference = some.sub(all).abs().max().dataSync()[0];
      assert.ok(difference < 1e-5, `embeddings are off by ${difference}`);
    });
  });
  parity.dispose();
});
