/** Where the files of a tar archive lie in it, found by its headers alone (POSIX.1-2001 ustar and pax; GNU's long names), without reading what is between. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface TarMember {
  name: string;
  /** Of its contents in the archive. */
  offset: number;
  length: number;
}

const BLOCK = 512;
/** Read at a time: small files lie close together, large ones are jumped over. */
const WINDOW = 1 << 14;

export class TarReader {
  private readonly file: number;
  readonly size: number;
  private window = new Uint8Array(0);
  private windowAt = 0;

  constructor(readonly path: string) {
    this.file = openSync(path, "r");
    this.size = fstatSync(this.file).size;
  }

  close(): void {
    closeSync(this.file);
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < this.windowAt || offset + length > this.windowAt + this.window.length) {
      const bytes = new Uint8Array(Math.max(length, Math.min(WINDOW, this.size - offset)));
      let done = 0;
      for (let got = -1; done < bytes.length && got !== 0; done += got)
        got = readSync(this.file, bytes, done, bytes.length - done, offset + done);
      if (done < length)
        throw this.error(`${length} bytes at ${offset}`, `a file that ends after ${this.size}`);
      this.window = bytes;
      this.windowAt = offset;
    }
    const from = offset - this.windowAt;
    return this.window.subarray(from, from + length);
  }

  /** Plain files in their order. Throws when a header is damaged or the archive is cut short. */
  *members(): Generator<TarMember> {
    let longName: string | undefined;
    let pax: Record<string, string> = {};
    // Zero blocks end an archive; some writers leave them out.
    for (let at = 0; at !== this.size; ) {
      if (at + BLOCK > this.size)
        throw this.error(`a tar header at ${at}`, `a file that ends after ${this.size}`);
      const header = this.read(at, BLOCK).slice();
      if (header.every((byte) => byte === 0)) return;
      this.check(header, at);
      const type = String.fromCharCode(header[156] || 48);
      const offset = at + BLOCK;
      const length = "size" in pax ? Number(pax.size) : number(header, 124, 12);
      if (offset + length > this.size)
        throw this.error(`${length} bytes at ${offset}`, `a file that ends after ${this.size}`);
      at = offset + Math.ceil(length / BLOCK) * BLOCK;
      if (type === "L") longName = text(this.read(offset, length), 0, length);
      else if (type === "x") pax = { ...pax, ...paxRecords(this.read(offset, length)) };
      else if (type !== "g" && type !== "K") {
        const prefix = text(header, 257, 6) === "ustar" ? text(header, 345, 155) : "";
        const plain = text(header, 0, 100);
        const name = pax.path ?? longName ?? (prefix ? `${prefix}/${plain}` : plain);
        [longName, pax] = [undefined, {}];
        if (type === "0" || type === "7") yield { name, offset, length };
      }
    }
  }

  private check(header: Uint8Array, at: number): void {
    let sum = 0;
    for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i];
    if (sum !== number(header, 148, 8)) throw this.error(`a tar header at ${at}`, "another checksum");
  }

  private error(expected: string, got: string): Error {
    return new Error(`${this.path}: expected ${expected}, got ${got} (do: fetch the file again)`);
  }
}

function text(bytes: Uint8Array, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString("utf8");
}

/** Octal digits, or GNU's binary form for sizes above 8 GiB. */
function number(bytes: Uint8Array, from: number, length: number): number {
  if ((bytes[from] & 0x80) === 0) return Number.parseInt(text(bytes, from, length).trim() || "0", 8);
  let value = bytes[from] & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + bytes[from + i];
  return value;
}

/** Records "LENGTH key=value\n", the length counting all of it. */
function paxRecords(bytes: Uint8Array): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(Buffer.from(bytes.subarray(at, space)).toString());
    if (space < 0 || !(length > 0)) break;
    const [key, ...value] = Buffer.from(bytes.subarray(space + 1, at + length - 1))
      .toString("utf8")
      .split("=");
    records[key] = value.join("=");
    at += length;
  }
  return records;
}
