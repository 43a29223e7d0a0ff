import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { float16ToFloat32, float32ToFloat16, readSafetensors, type StoredTensor, writeSafetensors } from ".";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-safetensors-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const tensors = () =>
  new Map<string, StoredTensor>([
    [
      "a.weight",
      { dtype: "F32", shape: [2, 2], data: Float32Array.of(1, -2.5, 3e-9, Number.POSITIVE_INFINITY) },
    ],
    ["ids", { dtype: "I32", shape: [3], data: Int32Array.of(-1, 0, 7) }],
    ["half", { dtype: "F16", shape: [2], data: Float32Array.of(0.5, -2) }],
    ["scalar", { dtype: "F32", shape: [], data: Float32Array.of(4) }],
  ]);

test("what was written is what is read, with metadata, and no temporary file stays", async () => {
  const path = join(folder, "round.safetensors");
  await writeSafetensors(path, tensors(), { note: "é" });
  const { tensors: read, metadata } = await readSafetensors(path);
  assert.deepEqual(read, tensors());
  assert.deepEqual(metadata, { note: "é" });
  assert.deepEqual(await readdir(folder), ["round.safetensors"]);
  const some = await readSafetensors(path, (name) => name === "ids");
  assert.deepEqual([...some.tensors.keys()], ["ids"]);
});

test("a file cut short, and one that is no safetensors file, are named in the error", async () => {
  const path = join(folder, "cut.safetensors");
  await writeSafetensors(path, tensors());
  await truncate(path, (await stat(path)).size - 3);
  await assert.rejects(readSafetensors(path), /cut\.safetensors: expected .* got a file cut short/);
  const other = join(folder, "other.safetensors");
  await writeFile(other, "PK this is something else altogether");
  await assert.rejects(readSafetensors(other), /other\.safetensors: expected a safetensors header/);
});

test("data that do not fill their shape are refused before anything is written", async () => {
  const path = join(folder, "wrong.safetensors");
  const wrong = new Map<string, StoredTensor>([
    ["x", { dtype: "F32", shape: [3], data: new Float32Array(2) }],
  ]);
  await assert.rejects(writeSafetensors(path, wrong), /expected 3 numbers for "x"/);
  await assert.rejects(readSafetensors(path), /ENOENT/);
});

test("half floats round to nearest even, keep subnormals, and overflow to infinity", () => {
  const cases: [number, number][] = [
    [0, 0],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ];
  const bits = float32ToFloat16(Float32Array.from(cases, ([value]) => value));
  assert.deepEqual(
    [...bits],
    cases.map(([, expected]) => expected),
  );
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((b) => (b & 0x7fff) <= 0x7c00);
  assert.deepEqual(float32ToFloat16(float16ToFloat32(all)), all);
});
