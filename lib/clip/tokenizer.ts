/** Text to tokens through a Hugging Face tokenizer.json: one of CLIP's own form here, any other by Hugging Face's library. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Tokenizer } from "@huggingface/tokenizers";
import { ClipBpe } from "./clip-bpe";
import type { TextConfig } from "./config";
import type { TokenBatch } from "./text";
import { tokenizerJsonOfParts } from "./tokenizer-json";

/** What turns texts into a `TokenBatch`. */
export class ClipTokenizer {
  private readonly tokenizer: { ids(text: string): number[] };
  /** SHA-256 of the tokenizer.json: another vocabulary is another model. */
  readonly hash: string;

  /** `json` is a parsed tokenizer.json, `config` says where the tower's limits are. */
  constructor(
    json: object,
    private readonly config: Pick<TextConfig, "max_position_embeddings" | "eos_token_id">,
  ) {
    const own = ClipBpe.of(json);
    const other = own ? undefined : new Tokenizer(json, {});
    this.tokenizer = { ids: (text) => own?.encode(text) ?? (other as Tokenizer).encode(text).ids };
    this.hash = createHash("sha256").update(JSON.stringify(json)).digest("hex");
  }

  /** Reads a tokenizer.json, or a vocab.json and a merges.txt. */
  static async open(
    paths: readonly string[],
    config: Pick<TextConfig, "max_position_embeddings" | "eos_token_id">,
  ): Promise<ClipTokenizer> {
    const [first, second] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    let json: object;
    try {
      json = JSON.parse(first);
    } catch {
      throw new Error(`${paths[0]}: expected JSON, got something else (do: fetch the file again)`);
    }
    if (second === undefined) return new ClipTokenizer(json, config);
    return new ClipTokenizer(tokenizerJsonOfParts(json, second, paths[0]), config);
  }

  /** One row of token numbers with both special tokens, cut to the context length (end-of-text is kept). */
  encode(text: string): number[] {
    const { max_position_embeddings: limit } = this.config;
    const ids = this.tokenizer.ids(text);
    return ids.length <= limit ? ids : [...ids.slice(0, limit - 1), ids[ids.length - 1]];
  }

  /**
   * A batch padded to its own longest row: causal attention and pooling at end-of-text make what follows it
   * irrelevant, so nothing is gained by the full context length. Pads with end-of-text, as CLIP's tokenizer does.
   */
  batch(texts: readonly string[]): TokenBatch {
    return padRows(texts.map((text) => this.encode(text)));
  }
}

/** Rows of token numbers as one batch, each padded with its own last token. */
export function padRows(rows: readonly (readonly number[])[]): TokenBatch {
  if (rows.length === 0) throw new Error("padRows: expected at least one text, got none");
  const length = Math.max(...rows.map((row) => row.length));
  const ids = new Int32Array(rows.length * length);
  rows.forEach((row, i) => {
    ids.set(row, i * length);
    ids.fill(row[row.length - 1], i * length + row.length, (i + 1) * length);
  });
  return { ids, length };
}
