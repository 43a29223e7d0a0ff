/**
 * CLIP's tokenizer as Hugging Face's Rust code runs it, to the number. The JavaScript port of that library differs where JavaScript does: capital sigma at a
 * word's end, which characters are spaces, special tokens in capitals.
 */
import { tokenizerJson } from "./tokenizer-json";

/** Unicode's White_Space, which is what Rust's \s means; JavaScript's has U+FEFF more and U+0085 less. */
const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE}]+`, "gu");
/** CLIP's split into words. */
const WORDS = new RegExp(
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${SPACE}\\p{L}\\p{N}]+`,
  "gu",
);
/** GPT-2's, to which the byte-level step cuts each word again: it takes the name of a special token apart. */
const PARTS = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+`,
  "gu",
);
const END_OF_WORD = "</w>";
/** Words that are remembered with their numbers. */
const MOST_WORDS = 65_536;

interface TokenizerJson {
  added_tokens?: { id: number; content: string }[];
  model?: { type?: string; vocab?: Record<string, number>; merges?: (string | [string, string])[] };
}

/** Letters that stand for the 256 bytes: itself where one can see it, else one from U+0100 on. */
export const BYTE_LETTERS: readonly string[] = byteLetters();

export class ClipBpe {
  private readonly ranks = new Map<string, number>();
  private readonly words = new Map<string, number[]>();
  private readonly special: RegExp;
  private readonly specialIds: Map<string, number>;
  private readonly start: number;
  private readonly end: number;

  private constructor(
    private readonly vocab: ReadonlyMap<string, number>,
    merges: readonly string[],
    added: readonly { id: number; content: string }[],
    ends: { start: string; end: string },
  ) {
    merges.forEach((pair, rank) => {
      this.ranks.set(pair, rank);
    });
    this.specialIds = new Map(added.map(({ id, content }) => [content, id]));
    const escaped = added.map(({ content }) => content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.special = new RegExp(`(${escaped.join("|")})`, "u");
    this.start = this.specialIds.get(ends.start) as number;
    this.end = this.specialIds.get(ends.end) as number;
  }

  /** For a tokenizer.json in CLIP's own form; undefined for one that normalises, splits or joins in another way. */
  static of(json: object): ClipBpe | undefined {
    const { added_tokens: added = [], model } = json as TokenizerJson;
    if (model?.type !== "BPE" || !model.vocab || !model.merges) return undefined;
    const [start, end] = ["<|startoftext|>", "<|endoftext|>"];
    if (![start, end].every((token) => added.some(({ content }) => content === token))) return undefined;
    const expected = tokenizerJson(model.vocab, []);
    if (steps(json) !== steps(expected)) return undefined;
    const merges = model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
    return new ClipBpe(new Map(Object.entries(model.vocab)), merges, added, { start, end });
  }

  /** Token numbers between both special tokens. */
  encode(text: string): number[] {
    const ids = [this.start];
    for (const piece of text.split(this.special)) {
      const special = this.specialIds.get(piece);
      if (special !== undefined) ids.push(special);
      else
        for (const word of normalise(piece).match(WORDS) ?? [])
          for (const part of word.match(PARTS) ?? []) ids.push(...this.word(part));
    }
    ids.push(this.end);
    return ids;
  }

  private word(word: string): number[] {
    const known = this.words.get(word);
    if (known) return known;
    let letters = Array.from(Buffer.from(word, "utf8"), (byte) => BYTE_LETTERS[byte]);
    letters[letters.length - 1] += END_OF_WORD;
    // The merge that was learned first goes first, everywhere from the left.
    while (letters.length > 1) {
      let [best, pair] = [Number.POSITIVE_INFINITY, ""];
      for (let i = 0; i + 1 < letters.length; i++) {
        const candidate = `${letters[i]} ${letters[i + 1]}`;
        const rank = this.ranks.get(candidate) ?? Number.POSITIVE_INFINITY;
        if (rank < best) [best, pair] = [rank, candidate];
      }
      if (pair === "") break;
      const merged: string[] = [];
      for (let i = 0; i < letters.length; i++) {
        if (i + 1 < letters.length && `${letters[i]} ${letters[i + 1]}` === pair)
          merged.push(letters[i] + letters[++i]);
        else merged.push(letters[i]);
      }
      letters = merged;
    }
    const ids = letters.map((token) => this.vocab.get(token) ?? this.end); // <|endoftext|> is the unknown token as well
    if (this.words.size < MOST_WORDS) this.words.set(word, ids);
    return ids;
  }
}

/** NFC, any spaces as one, and small letters one character at a time: Rust knows no final sigma here. */
function normalise(text: string): string {
  const plain = text.normalize("NFC").replace(SPACES, " ");
  return Array.from(plain, (character) => character.toLowerCase()).join("");
}

/** What a tokenizer.json does to a text, without vocabulary, in the form that all of its versions share. */
function steps(json: object): string {
  const { normalizer, pre_tokenizer, post_processor, model } = json as Record<
    string,
    Record<string, unknown> | null
  >;
  const split = (pre_tokenizer?.pretokenizers as Record<string, unknown>[] | undefined)?.map(
    ({ type, pattern, behavior, invert, add_prefix_space, use_regex = true }) =>
      type === "Split" ? [type, pattern, behavior, invert] : [type, add_prefix_space, use_regex],
  );
  const { type, sep, cls } = post_processor ?? {};
  const joins = [
    model?.continuing_subword_prefix ?? "",
    model?.end_of_word_suffix,
    model?.byte_fallback ?? false,
  ];
  return JSON.stringify([normalizer, split, type, sep, cls, joins]);
}

function byteLetters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    return String.fromCodePoint(visible ? byte : next++);
  });
}
