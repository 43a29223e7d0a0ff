/** The page's data: files are scripts that call `vitrine(name, record)`, because a page on file:// may load scripts but not read files. */
import {
  CHUNK_COLUMNS,
  FEATURE_COLUMNS,
  type FeatureChunk,
  type FeatureColumns,
  FORMAT_VERSION,
  type Manifest,
  type Neurons,
  type PictureColumns,
  unpackRecord,
} from "../format";

declare global {
  interface Window {
    vitrine: (name: string, record: object) => void;
    /** Of a single file: its records, and its pictures as data URLs by their paths. */
    vitrineFile?: { records: Record<string, object>; files: Record<string, string> };
  }
}

const received = new Map<string, object>();
const single = window.vitrineFile;
window.vitrine = (name, record) => received.set(name, record);

/** What is read at the start, and the chunks, read when a feature is opened. */
export interface PageData {
  manifest: Manifest;
  columns: FeatureColumns;
  pictures: PictureColumns;
  chunk(index: number): Promise<FeatureChunk>;
  neurons(): Promise<Neurons>;
}

/** Where a file of the page's folder is. */
export function fileUrl(path: string): string {
  return single?.files[path] ?? path;
}

/** Throws when a file is missing or of another version. */
export async function loadData(): Promise<PageData> {
  const manifest = (await readRecord("manifest")) as Manifest;
  if (manifest.version !== FORMAT_VERSION) {
    throw new Error(
      `data/manifest.js: expected version ${FORMAT_VERSION}, got ${manifest.version} (do: build the page again)`,
    );
  }
  const [columns, pictures] = await Promise.all([readRecord("columns"), readRecord("pictures")]);
  const chunks = new Map<number, Promise<FeatureChunk>>();
  let neurons: Promise<Neurons> | undefined;
  return {
    manifest,
    columns: unpackRecord<FeatureColumns>(columns, FEATURE_COLUMNS),
    pictures: unpackRecord<PictureColumns>(pictures, ["label", "row"]),
    chunk(index) {
      const loading = chunks.get(index) ?? readChunk(index);
      chunks.set(index, loading);
      return loading;
    },
    neurons() {
      neurons ??= readRecord("neurons").then((record) => unpackRecord<Neurons>(record, ["vectors"]));
      return neurons;
    },
  };
}

async function readChunk(index: number): Promise<FeatureChunk> {
  return unpackRecord<FeatureChunk>(await readRecord(`features-${index}`), CHUNK_COLUMNS);
}

/** A data file's record as it is written; `unpackRecord` makes its columns arrays. Throws when there is none. */
export function readRecord(name: string): Promise<object> {
  if (single) {
    const record = single.records[name];
    return record
      ? Promise.resolve(record)
      : Promise.reject(new Error(`${name}: expected in this file, got none (do: ask for the whole page)`));
  }
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `data/${name}.js`;
    script.onload = () => {
      const record = received.get(name);
      received.delete(name);
      script.remove();
      if (record) resolve(record);
      else
        reject(new Error(`${script.src}: expected a record "${name}", got none (do: build the page again)`));
    };
    script.onerror = () =>
      reject(new Error(`data/${name}.js: expected beside the page, got none (do: copy the whole folder)`));
    document.head.append(script);
  });
}
