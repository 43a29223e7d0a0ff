import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crc32c, EventFile } from "./event-file";

const root = mkdtempSync(join(tmpdir(), "events-"));
after(() => rmSync(root, { recursive: true, force: true }));
const PYTHON = process.env.VITRINE_REFERENCE_PYTHON;

test("checksums equal the published ones of CRC-32C", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
});

test("records are framed: length, its checksum, the event, its checksum", () => {
  const file = new EventFile(root, 1_700_000_000_000);
  file.add(300, { loss: 0.5, "losses.mse": 2, broken: Number.NaN }, 1.5);
  const bytes = readFileSync(file.path);
  const unmask = (masked: number) => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  const events: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(unmask(bytes.readUInt32LE(at + 8)), crc32c(bytes.subarray(at, at + 8)));
    const event = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(unmask(bytes.readUInt32LE(at + 12 + length)), crc32c(event));
    events.push(event);
    at += 16 + length;
  }
  assert.equal(events.length, 2);
  assert.ok(events[0].includes("brain.Event:2"));
  assert.equal(events[1].readDoubleLE(1), 1_700_000_001.5);
  assert.ok(events[1].includes("losses/mse") && !events[1].includes("broken"));
});

test("a new file takes the place of an older one", () => {
  new EventFile(root, 1_700_000_100_000);
  assert.deepEqual(readdirSync(root), ["events.out.tfevents.1700000100.vitrine"]);
});

const skip = PYTHON ? false : "set VITRINE_REFERENCE_PYTHON to a Python with TensorBoard";
test("TensorBoard itself reads the scalars", { skip, timeout: 120_000 }, () => {
  const file = new EventFile(root);
  for (const step of [1, 200, 100_000]) file.add(step, { loss: 1 / step, "heldOut.fvu": step / 2 }, step);
  const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]); events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))`;
  const printed = execFileSync(PYTHON as string, ["-c", program, root], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.deepEqual(JSON.parse(printed.trim().split("\n").pop() as string), {
    loss: [1, 200, 100_000].map((step) => [step, Math.fround(1 / step)]),
    "heldOut/fvu": [1, 200, 100_000].map((step) => [step, step / 2]),
  });
});
