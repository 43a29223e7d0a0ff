/** The form of CLIP's tokenizer.json around a vocabulary: the same normaliser, splitting and special tokens as Hugging Face's CLIPTokenizer. */

/** CLIP's split into words: contractions, runs of letters, single digits, runs of other signs. */
export const WORD_PATTERN =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
export const START_OF_TEXT = "<|startoftext|>";
export const END_OF_TEXT = "<|endoftext|>";

/** `vocabulary` has token -> number with both special tokens in it, `merges` a pair an entry, the most frequent first. */
export function tokenizerJson(vocabulary: Record<string, number>, merges: readonly string[]): object {
  const special = (content: string) => ({
    id: vocabulary[content],
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [special(START_OF_TEXT), special(END_OF_TEXT)],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: WORD_PATTERN }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [END_OF_TEXT, vocabulary[END_OF_TEXT]],
      cls: [START_OF_TEXT, vocabulary[START_OF_TEXT]],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: END_OF_TEXT,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabulary,
      merges,
    },
  };
}

/**
 * The tokenizer.json of a CLIP whose repository has only the older files: a parsed vocab.json (token -> number) and the text of a merges.txt (a pair
 * a line). `where` is the former's path, for errors. Throws when it has no special tokens.
 */
export function tokenizerJsonOfParts(vocab: object, merges: string, where: string): object {
  const vocabulary = vocab as Record<string, number>;
  for (const token of [START_OF_TEXT, END_OF_TEXT]) {
    if (typeof vocabulary[token] !== "number")
      throw new Error(`${where}: expected the token ${token}, got none (do: choose a CLIP's vocabulary)`);
  }
  const lines = merges.split(/\r?\n/);
  const pairs = lines.filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  return tokenizerJson(vocabulary, pairs);
}
