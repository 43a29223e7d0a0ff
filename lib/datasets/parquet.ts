/** Pictures inside of parquet files as Hugging Face's datasets stores them: a column of {bytes, path}, labels as numbers, captions as text. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import type { LabelColumn } from "./dataset";
import type { PictureSource } from "./decode-pool";
import { labelColumn, StoredDataset, type StoredOptions } from "./stored-dataset";

/** Row groups whose pictures stay in memory: an order within one group at a time needs one, its neighbour and what is read ahead. */
const GROUPS_KEPT = 3;

interface ParquetFile {
  path: string;
  file: AsyncBuffer;
  metadata: FileMetaData;
}

interface Group {
  parquet: ParquetFile;
  /** Rows in its file. */
  rowStart: number;
  rowEnd: number;
  /** Number of its first picture in the set. */
  first: number;
}

/** What a column of the "huggingface" metadata says it is. */
type Feature = { _type?: string; dtype?: string; names?: string[] };

/** Opens the rows of all files, one after the other. Throws when they have no column of pictures. */
export async function openParquet(
  paths: readonly string[],
  options: StoredOptions = {},
): Promise<StoredDataset> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import("hyparquet");
  const files: ParquetFile[] = [];
  for (const path of paths) {
    const file = await asyncBufferFromFile(path);
    files.push({ path, file, metadata: await parquetMetadataAsync(file) });
  }
  const columns = chooseColumns(files[0]);
  const groups: Group[] = [];
  let size = 0;
  for (const parquet of files) {
    let rowStart = 0;
    for (const group of parquet.metadata.row_groups) {
      const rows = Number(group.num_rows);
      groups.push({ parquet, rowStart, rowEnd: rowStart + rows, first: size });
      rowStart += rows;
      size += rows;
    }
  }
  const texts = await readColumns(files, columns);
  const pictures = new GroupCache(groups, columns.picture);
  const prints = paths.map((path) => `${basename(path)} ${statSync(path).size} ${statSync(path).mtimeMs}`);
  return new StoredDataset(
    {
      name: basename(paths[0]).replace(/(-\d+-of-\d+)?\.parquet$/, ""),
      size,
      fingerprint: [...prints, ...texts.labels.class.names].join("\n"),
      id: (i) => {
        const { parquet, rowStart, first } = groupOf(groups, i);
        return `${basename(parquet.path)}/${rowStart + i - first}`;
      },
      caption: (i) => texts.captions[i] ?? "",
      labels: texts.labels,
      source: (i) => pictures.source(i),
      blocks: groups.map(({ first, rowStart, rowEnd }) => ({ first, count: rowEnd - rowStart })),
    },
    options,
  );
}

interface Columns {
  picture: string;
  caption?: string;
  labels: { name: string; names?: string[] }[];
}

function chooseColumns({ path, metadata }: ParquetFile): Columns {
  const info = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  const features = (info ? JSON.parse(info).info?.features : undefined) as
    | Record<string, Feature>
    | undefined;
  const { children } = schemaOf(metadata);
  const names = children.map(({ name }) => name);
  const picture =
    names.find((name) => features?.[name]?._type === "Image") ??
    children.find(({ parts }) => parts.includes("bytes"))?.name ??
    names.find((name) => ["image", "img", "jpg", "png"].includes(name));
  if (picture === undefined) {
    throw new Error(`${path}: expected a column of pictures ({bytes, path}), got ${names.join(", ")}`);
  }
  const caption = ["caption", "text", "sentence", "prompt"].find((name) => names.includes(name));
  const labels = names.flatMap((name) => {
    const feature = features?.[name];
    if (feature?._type === "ClassLabel") return [{ name, names: feature.names }];
    return /^(fine_|coarse_)?(label|class|cls)$/.test(name) ? [{ name }] : [];
  });
  return { picture, caption, labels };
}

/** Columns at the top with the names of their parts. */
function schemaOf(metadata: FileMetaData): { children: { name: string; parts: string[] }[] } {
  const [root, ...elements] = metadata.schema;
  const children: { name: string; parts: string[] }[] = [];
  let at = 0;
  const skip = (parts?: string[]) => {
    const { name, num_children = 0 } = elements[at++];
    parts?.push(name);
    for (let child = 0; child < num_children; child++) skip();
  };
  for (let child = 0; child < (root.num_children ?? 0); child++) {
    const { name, num_children = 0 } = elements[at++];
    const parts: string[] = [];
    for (let part = 0; part < num_children; part++) skip(parts);
    children.push({ name, parts });
  }
  return { children };
}

/** Captions and labels of all rows. The first label, or the one called "label", is the class. */
async function readColumns(
  files: readonly ParquetFile[],
  { caption, labels }: Columns,
): Promise<{ captions: string[]; labels: Record<string, LabelColumn> & { class: LabelColumn } }> {
  const wanted = [...labels.map(({ name }) => name), ...(caption ? [caption] : [])];
  const rows: Record<string, unknown>[] = [];
  for (const { file, metadata } of files) {
    const { parquetReadObjects } = await import("hyparquet");
    const { compressors } = await import("hyparquet-compressors");
    if (wanted.length > 0)
      rows.push(...(await parquetReadObjects({ file, metadata, columns: wanted, compressors })));
    else rows.push(...Array.from({ length: Number(metadata.num_rows) }, () => ({})));
  }
  const column = ({ name, names }: Columns["labels"][number]): LabelColumn => {
    const values = rows.map((row) => row[name]);
    if (!names) return labelColumn(values.map((value) => (value == null ? null : String(value))));
    return { names, index: Int32Array.from(values, (value) => (value == null ? -1 : Number(value))) };
  };
  const byName = Object.fromEntries(labels.map((label) => [label.name, column(label)]));
  const none = { names: [], index: new Int32Array(rows.length).fill(-1) };
  return {
    captions: caption ? rows.map((row) => String(row[caption] ?? "")) : [],
    labels: { ...byName, class: byName.class ?? byName.label ?? Object.values(byName)[0] ?? none },
  };
}

function groupOf(groups: readonly Group[], i: number): Group {
  let [low, high] = [0, groups.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (groups[middle].first <= i) low = middle;
    else high = middle - 1;
  }
  return groups[low];
}

/** The pictures' bytes of the row groups that were asked for last. */
class GroupCache {
  private readonly kept = new Map<Group, Promise<(Uint8Array | null)[]>>();

  constructor(
    private readonly groups: readonly Group[],
    private readonly column: string,
  ) {}

  async source(i: number): Promise<PictureSource> {
    const group = groupOf(this.groups, i);
    const reading = this.kept.get(group) ?? this.read(group);
    this.kept.delete(group);
    this.kept.set(group, reading); // the last one to be forgotten
    if (this.kept.size > GROUPS_KEPT) this.kept.delete(this.kept.keys().next().value as Group);
    const bytes = (await reading)[i - group.first];
    if (!bytes) throw new Error(`${basename(group.parquet.path)}/${i}: expected a picture's bytes, got none`);
    return { bytes };
  }

  private async read({ parquet, rowStart, rowEnd }: Group): Promise<(Uint8Array | null)[]> {
    const { parquetReadObjects } = await import("hyparquet");
    const { compressors } = await import("hyparquet-compressors");
    const { file, metadata } = parquet;
    const columns = [this.column];
    // Without utf8: bytes are bytes.
    const rows = await parquetReadObjects({
      file,
      metadata,
      columns,
      rowStart,
      rowEnd,
      compressors,
      utf8: false,
    });
    return rows.map((row) => {
      const value = row[this.column] as Uint8Array | { bytes?: Uint8Array | null } | null;
      return value instanceof Uint8Array ? value : (value?.bytes ?? null);
    });
  }
}
