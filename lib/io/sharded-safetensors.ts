/** The weights of a model over one safetensors file or several with an index, behind one set of names. Format: Hugging Face's model.safetensors.index.json. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type SafetensorsDtype, SafetensorsReader } from "./safetensors";

export class ShardedSafetensors {
  private constructor(
    readonly path: string,
    private readonly readers: readonly SafetensorsReader[],
    private readonly holder: ReadonlyMap<string, SafetensorsReader>,
  ) {}

  /** `path` is a .safetensors file or a .safetensors.index.json. Throws when index and files do not hold the same names. */
  static async open(path: string): Promise<ShardedSafetensors> {
    const place = path.endsWith(".json") ? await readIndex(path) : undefined;
    const readers: SafetensorsReader[] = [];
    try {
      const files = place ? [...new Set(place.values())].sort() : [path];
      for (const file of files) readers.push(await SafetensorsReader.open(file));
      const holder = new Map<string, SafetensorsReader>();
      for (const reader of readers) {
        for (const name of reader.entries.keys()) {
          if (place && place.get(name) !== reader.path)
            throw new Error(`${path}: expected "${name}" in ${place.get(name)}, got it in ${reader.path}`);
          holder.set(name, reader);
        }
      }
      for (const [name, file] of place ?? []) {
        if (!holder.has(name)) throw new Error(`${file}: expected a tensor "${name}" by ${path}, got none`);
      }
      return new ShardedSafetensors(path, readers, holder);
    } catch (error) {
      for (const reader of readers) await reader.close();
      throw error;
    }
  }

  /** The files that hold the tensors. */
  get files(): string[] {
    return this.readers.map((reader) => reader.path);
  }

  get names(): string[] {
    return [...this.holder.keys()];
  }

  /** What the file says of a tensor, or undefined when there is none of that name. */
  entry(name: string): { dtype: SafetensorsDtype; shape: readonly number[] } | undefined {
    return this.holder.get(name)?.entries.get(name);
  }

  /** As `SafetensorsReader.readFloat32`. */
  async readFloat32(name: string, into: Float32Array): Promise<void> {
    const reader = this.holder.get(name);
    if (!reader) throw new Error(`${this.path}: expected a tensor "${name}", got none`);
    await reader.readFloat32(name, into);
  }

  async close(): Promise<void> {
    for (const reader of this.readers) await reader.close();
  }
}

/** Name -> path of the file that holds it. */
async function readIndex(path: string): Promise<Map<string, string>> {
  let map: unknown;
  try {
    map = (JSON.parse(await readFile(path, "utf8")) as { weight_map?: unknown }).weight_map;
  } catch (error) {
    throw new Error(
      `${path}: expected an index in JSON, got ${error instanceof Error ? error.message : error}`,
    );
  }
  if (typeof map !== "object" || map === null)
    throw new Error(`${path}: expected a weight_map from names to files, got ${JSON.stringify(map)}`);
  return new Map(
    Object.entries(map).map(([name, file]) => {
      if (typeof file !== "string" || !/^[\w][\w.-]*\.safetensors$/.test(file))
        throw new Error(
          `${path}: expected "${name}" in a .safetensors file beside it, got ${JSON.stringify(file)}`,
        );
      return [name, join(dirname(path), file)];
    }),
  );
}
