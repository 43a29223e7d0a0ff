/** Trains a byte-pair vocabulary (Sennrich et al., 2016) and writes it in the form of CLIP's own tokenizer.json. */

import { BYTE_LETTERS } from "./clip-bpe";
import { END_OF_TEXT, START_OF_TEXT, tokenizerJson, WORD_PATTERN } from "./tokenizer-json";

/**
 * A tokenizer.json with 512 byte tokens, at most `merges` merges learned from `texts`, and the two special tokens
 * last, so that end-of-text is the largest number. The same texts give the same file.
 */
export function trainTokenizer(texts: Iterable<string>, merges: number): object {
  const alphabet = BYTE_ORDER.map((byte) => BYTE_LETTERS[byte]);
  const words = countWords(texts, alphabet);
  const vocabulary = new Map<string, number>();
  for (const suffix of ["", "</w>"]) {
    for (const letter of alphabet) vocabulary.set(letter + suffix, vocabulary.size);
  }
  const rules: [string, string][] = [];
  while (rules.length < merges) {
    const best = mostFrequentPair(words);
    if (!best) break;
    rules.push(best);
    vocabulary.set(best[0] + best[1], vocabulary.size);
    for (const word of words) mergePair(word.pieces, best);
  }
  const start = vocabulary.size;
  vocabulary.set(START_OF_TEXT, start).set(END_OF_TEXT, start + 1);
  return tokenizerJson(
    Object.fromEntries(vocabulary),
    rules.map((pair) => pair.join(" ")),
  );
}

interface Word {
  pieces: string[];
  count: number;
}

function countWords(texts: Iterable<string>, alphabet: readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.normalize("NFC").toLowerCase().matchAll(new RegExp(WORD_PATTERN, "gu"))) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => {
      const pieces = [...Buffer.from(word)].map((byte) => alphabet[BYTE_ORDER.indexOf(byte)]);
      pieces[pieces.length - 1] += "</w>";
      return { pieces, count };
    });
}

/** The pair that occurs most often, at least twice; among equals the first in code-unit order. */
function mostFrequentPair(words: readonly Word[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 0; i + 1 < pieces.length; i++) {
      const pair = `${pieces[i]} ${pieces[i + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let most = 1;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && best !== undefined && pair < best)) {
      best = pair;
      most = count;
    }
  }
  return best?.split(" ") as [string, string] | undefined;
}

function mergePair(pieces: string[], [left, right]: readonly [string, string]): void {
  for (let i = 0; i + 1 < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) pieces.splice(i, 2, left + right);
  }
}

const BYTE_ORDER: readonly number[] = byteOrder();

/** Bytes that print as themselves first, then the rest: GPT-2's order, which CLIP's vocabulary follows. */
function byteOrder(): number[] {
  const visible: number[] = [];
  for (let b = 0; b < 256; b++) if ((b >= 33 && b <= 126) || (b >= 161 && b !== 173)) visible.push(b);
  const hidden = Array.from({ length: 256 }, (_, b) => b).filter((b) => !visible.includes(b));
  return [...visible, ...hidden];
}
