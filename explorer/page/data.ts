/** The page's data: files are scripts that call `vitrine(name, record)`, because a page on file:// may load scripts but not read files. */
import {
  CHUNK_COLUMNS,
  FEATURE_COLUMNS,
  type FeatureChunk,
  type FeatureColumns,
  FORMAT_VERSION,
  type Manifest,
  type Neurons,
  PICTURE_COLUMNS,
  type PictureColumns,
  unpackRecord,
} from "../format/page-format";

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

/** What is read at the start, and what is read when a feature is opened. */
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

/** Throws when a file is missing or of another version. What the feature that is `opened` first needs is asked for with the rest. */
export async function loadData(opened: (manifest: Manifest) => number | undefined): Promise<PageData> {
  const manifest = (await readRecord("manifest")) as Manifest;
  if (manifest.version !== FORMAT_VERSION) {
    throw new Error(
      `data/manifest.js: expected version ${FORMAT_VERSION}, got ${manifest.version} (do: build the page again)`,
    );
  }
  const chunks = new Map<number, Promise<FeatureChunk>>();
  let neurons: Promise<Neurons> | undefined;
  const details: Pick<PageData, "chunk" | "neurons"> = {
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
  const always = Promise.all([readRecord("columns"), readRecord("pictures")]);
  const feature = opened(manifest);
  // What fails here fails again, and is told, where the feature is drawn.
  if (feature !== undefined && isHeld(manifest, feature))
    await Promise.allSettled([details.chunk(Math.floor(feature / manifest.chunk)), details.neurons()]);
  const [columns, pictures] = await always;
  return {
    manifest,
    columns: unpackRecord<FeatureColumns>(columns, FEATURE_COLUMNS),
    pictures: unpackRecord<PictureColumns>(pictures, PICTURE_COLUMNS),
    ...details,
  };
}

/** Whether the page has all of a feature: a single file has of most only the columns. */
export function isHeld({ shared }: Pick<Manifest, "shared">, feature: number): boolean {
  return shared === undefined || shared.includes(feature);
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
