/** The page's data: files are scripts that call `vitrine(name, record)`, because a page on file:// may load scripts but not read files. */
import {
  type FeatureChunk,
  type FeatureColumns,
  FORMAT_VERSION,
  type Manifest,
  type PictureColumns,
  unpackRecord,
} from "../format";

declare global {
  interface Window {
    vitrine: (name: string, record: object) => void;
  }
}

const received = new Map<string, object>();
window.vitrine = (name, record) => received.set(name, record);

/** What is read at the start, and the chunks, read when a feature is opened. */
export interface PageData {
  manifest: Manifest;
  columns: FeatureColumns;
  pictures: PictureColumns;
  chunk(index: number): Promise<FeatureChunk>;
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
  return {
    manifest,
    columns: unpackRecord<FeatureColumns>(columns, [
      "density",
      "meanActivation",
      "entropy",
      "mlpCosine",
      "label",
      "picture",
    ]),
    pictures: unpackRecord<PictureColumns>(pictures, ["label", "row"]),
    chunk(index) {
      const loading = chunks.get(index) ?? readChunk(index);
      chunks.set(index, loading);
      return loading;
    },
  };
}

async function readChunk(index: number): Promise<FeatureChunk> {
  return unpackRecord<FeatureChunk>(await readRecord(`features-${index}`), [
    "pictures",
    "activations",
    "neighbours",
    "neighbourCosines",
    "lens",
    "lensCosines",
  ]);
}

/** A data file's record as it is written; `unpackRecord` makes its columns arrays. Throws when there is none. */
export function readRecord(name: string): Promise<object> {
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
