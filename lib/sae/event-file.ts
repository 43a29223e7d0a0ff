/** TensorBoard's event files: scalars as protocol buffers in TFRecord frames, which the stock TensorBoard reads. */
import { appendFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Added to a masked checksum (TensorFlow, `crc32c.h`). */
const MASK_DELTA = 0xa282ead8;

/** One event file of a folder; older ones of the folder are deleted, as it starts with all that is known. */
export class EventFile {
  readonly path: string;
  private readonly startedAt: number;

  constructor(folder: string, now = Date.now()) {
    this.startedAt = now / 1000;
    for (const name of readdirSync(folder)) {
      if (name.startsWith("events.out.tfevents.")) rmSync(join(folder, name));
    }
    this.path = join(folder, `events.out.tfevents.${Math.floor(this.startedAt)}.vitrine`);
    const version = Buffer.concat([double(1, this.startedAt), text(3, "brain.Event:2")]);
    appendFileSync(this.path, frame(version));
  }

  /** Adds the numbers of one step; `seconds` since the start is its time. Numbers that are not finite are left out. */
  add(step: number, values: Readonly<Record<string, number>>, seconds: number): void {
    const summary = Object.entries(values)
      .filter(([, value]) => Number.isFinite(value))
      // Summary.Value: tag 1, simple_value 2. TensorBoard groups tags by what is before a slash.
      .map(([tag, value]) => message(1, Buffer.concat([text(1, tag.replace(".", "/")), float(2, value)])));
    const event = Buffer.concat([
      double(1, this.startedAt + seconds),
      varintField(2, step),
      message(5, Buffer.concat(summary)),
    ]);
    appendFileSync(this.path, frame(event));
  }
}

/** Length, its checksum, the bytes, their checksum (TFRecord). */
function frame(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, checksum(length), data, checksum(data)]);
}

function checksum(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0);
  return out;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli), as an unsigned number. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

const key = (field: number, wire: number) => varint(field * 8 + wire);
const varintField = (field: number, value: number) => Buffer.concat([key(field, 0), varint(value)]);
const message = (field: number, data: Buffer) => Buffer.concat([key(field, 2), varint(data.length), data]);
const text = (field: number, value: string) => message(field, Buffer.from(value));

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, 5), data]);
}
