/** safetensors files: a JSON header, then little-endian tensors back to back. Format: huggingface/safetensors. */
import { type FileHandle, open } from "node:fs/promises";
import { writeFileAtomic } from "./atomic";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./half-floats";

export type SafetensorsDtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "U32" | "U8" | "BOOL";
type NumberArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array | BigInt64Array;

/** One tensor in memory. F16 and BF16 are widened to float32 on reading; `dtype` says what the file holds. */
export interface StoredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  data: NumberArray;
}

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
}

interface HeaderEntry {
  dtype: SafetensorsDtype;
  shape: number[];
  data_offsets: [number, number];
}

const BYTES: Record<SafetensorsDtype, number> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  U8: 1,
  BOOL: 1,
};

/** Reads a file, or of it only the tensors that `wanted` accepts. Throws when the file breaks the format. */
export async function readSafetensors(
  path: string,
  wanted: (name: string) => boolean = () => true,
): Promise<SafetensorsFile> {
  const reader = await SafetensorsReader.open(path);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of reader.entries.keys()) if (wanted(name)) tensors.set(name, await reader.read(name));
    return { tensors, metadata: reader.metadata };
  } finally {
    await reader.close();
  }
}

/** Bytes of half floats that are read at a time. */
const PIECE = 1 << 22;

/** An open file: its tensors are read one at a time, each from its own place, so that nothing is in memory twice. */
export class SafetensorsReader {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly dataStart: number,
    /** By name, in the order of the header. */
    readonly entries: ReadonlyMap<string, Readonly<Pick<HeaderEntry, "dtype" | "shape" | "data_offsets">>>,
    readonly metadata: Record<string, string>,
  ) {}

  /** Reads the header. Throws when the file breaks the format. */
  static async open(path: string): Promise<SafetensorsReader> {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const { entries, metadata, dataStart } = await readHeader(file, size, path);
      return new SafetensorsReader(path, file, dataStart, new Map(Object.entries(entries)), metadata);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** One tensor, whole. */
  async read(name: string): Promise<StoredTensor> {
    const { dtype, shape, data_offsets } = this.entry(name);
    const bytes = new Uint8Array(data_offsets[1] - data_offsets[0]);
    await readFully(this.file, bytes, this.dataStart + data_offsets[0], this.path);
    return { dtype, shape, data: decode(dtype, bytes) };
  }

  /** Reads an F32, F16 or BF16 tensor as float32 into the start of `into`, which may be larger. Throws on other dtypes. */
  async readFloat32(name: string, into: Float32Array): Promise<void> {
    const { dtype, data_offsets } = this.entry(name);
    const [start, end] = data_offsets.map((offset) => this.dataStart + offset);
    if (dtype === "F32") {
      await readFully(this.file, new Uint8Array(into.buffer, into.byteOffset, end - start), start, this.path);
      return;
    }
    if (dtype !== "F16" && dtype !== "BF16")
      throw new Error(`${this.path}: expected "${name}" as F32, F16 or BF16, got ${dtype}`);
    const piece = new Uint8Array(Math.min(PIECE, end - start));
    for (let at = start; at < end; at += piece.length) {
      const some = piece.subarray(0, Math.min(piece.length, end - at));
      await readFully(this.file, some, at, this.path);
      const bits = new Uint16Array(piece.buffer, 0, some.length / 2);
      into.set(dtype === "F16" ? float16ToFloat32(bits) : bfloat16ToFloat32(bits), (at - start) / 2);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private entry(name: string) {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`${this.path}: expected a tensor "${name}", got none`);
    return entry;
  }
}

/** Writes a file whole or not at all. F16 and BF16 take float32 data and round to nearest even. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const count = shape.reduce((a, b) => a * b, 1);
    if (data.length !== count) {
      throw new Error(`${path}: expected ${count} numbers for "${name}" [${shape}], got ${data.length}`);
    }
    const bytes = encode(dtype, data, name);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  let json = JSON.stringify(header);
  json = json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 + json.length - Buffer.byteLength(json));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  await writeFileAtomic(path, [prefix, Buffer.from(json), ...parts]);
}

async function readHeader(file: FileHandle, size: number, path: string) {
  if (size < 8) throw new Error(`${path}: expected a safetensors file, got ${size} bytes`);
  const prefix = new Uint8Array(8);
  await readFully(file, prefix, 0, path);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > size - 8 || length > 100e6) {
    throw new Error(`${path}: expected a safetensors header within ${size} bytes, got a length of ${length}`);
  }
  const json = new Uint8Array(length);
  await readFully(file, json, 8, path);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder().decode(json));
  } catch {
    throw new Error(
      `${path}: expected a JSON header, got something else (do: fetch or write the file again)`,
    );
  }
  const { __metadata__: metadata = {}, ...rest } = header;
  const entries = rest as Record<string, HeaderEntry>;
  const dataStart = 8 + length;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    if (!(dtype in BYTES)) throw new Error(`${path}: expected a known dtype for "${name}", got ${dtype}`);
    const expected = shape.reduce((a, b) => a * b, BYTES[dtype]);
    const got = data_offsets[1] - data_offsets[0];
    if (expected !== got) throw new Error(`${path}: expected ${expected} bytes for "${name}", got ${got}`);
    if (dataStart + data_offsets[1] > size) {
      throw new Error(
        `${path}: expected "${name}" within ${size} bytes, got a file cut short (do: fetch it again)`,
      );
    }
  }
  return { entries, metadata: metadata as Record<string, string>, dataStart };
}

async function readFully(file: FileHandle, into: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, Math.min(into.length - done, 1 << 30), position + done);
    if (bytesRead === 0)
      throw new Error(`${path}: expected ${into.length} bytes at ${position}, got ${done}`);
    done += bytesRead;
  }
}

function decode(dtype: SafetensorsDtype, bytes: Uint8Array): NumberArray {
  const { buffer } = bytes;
  switch (dtype) {
    case "F64":
      return new Float64Array(buffer);
    case "I64":
      return new BigInt64Array(buffer);
    case "F32":
      return new Float32Array(buffer);
    case "I32":
      return new Int32Array(buffer);
    case "U32":
      return new Uint32Array(buffer);
    case "F16":
      return float16ToFloat32(new Uint16Array(buffer));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(buffer));
    case "U8":
    case "BOOL":
      return bytes;
  }
}

function encode(dtype: SafetensorsDtype, data: NumberArray, name: string): Uint8Array {
  if (dtype === "F16" || dtype === "BF16") {
    if (!(data instanceof Float32Array)) throw new Error(`${name}: expected float32 numbers for ${dtype}`);
    return new Uint8Array((dtype === "F16" ? float32ToFloat16(data) : float32ToBfloat16(data)).buffer);
  }
  if (data.BYTES_PER_ELEMENT !== BYTES[dtype]) {
    throw new Error(
      `${name}: expected ${BYTES[dtype]} bytes a number for ${dtype}, got ${data.BYTES_PER_ELEMENT}`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
