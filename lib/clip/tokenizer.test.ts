import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ClipTokenizer, trainTokenizer } from ".";
import { tokenizerJsonOfParts } from "./tokenizer-json";

const TEXTS = ["grinning face", "grinning cat", "cat face", "flag: Germany", "a face, a face, a face"];

function build(limit = 16) {
  const json = trainTokenizer(TEXTS, 60);
  const { vocab } = (json as { model: { vocab: Record<string, number> } }).model;
  const words = Object.fromEntries(Object.entries(vocab).map(([token, id]) => [id, token]));
  const end = vocab["<|endoftext|>"];
  return {
    json,
    words,
    end,
    tokenizer: new ClipTokenizer(json, { max_position_embeddings: limit, eos_token_id: end }),
  };
}

test("frequent words become single tokens between the two special ones", () => {
  const { tokenizer, words } = build();
  const tokens = tokenizer.encode("Grinning  FACE").map((id) => words[id]);
  assert.deepEqual(tokens, ["<|startoftext|>", "grinning</w>", "face</w>", "<|endoftext|>"]);
});

test("unknown letters fall back to bytes rather than to an unknown token", () => {
  const { tokenizer, end } = build();
  const ids = tokenizer.encode("é");
  assert.equal(ids.length, 4); // two bytes of UTF-8
  assert.equal(ids.filter((id) => id === end).length, 1);
});

test("a text longer than the context is cut and still ends with end-of-text", () => {
  const { tokenizer, end } = build(5);
  const ids = tokenizer.encode("a face, a face, a face");
  assert.equal(ids.length, 5);
  assert.equal(ids[4], end);
});

test("a batch is padded to its longest row with end-of-text, and the same texts give the same vocabulary", () => {
  const { json, tokenizer, end } = build();
  const { ids, length } = tokenizer.batch(["face", "grinning cat"]);
  assert.equal(length, 4);
  assert.deepEqual([...ids.subarray(2, 4)], [end, end]);
  assert.deepEqual(trainTokenizer(TEXTS, 60), json);
});

interface Parity {
  tokenizer: { model: { vocab: Record<string, number> } };
  merges: string[];
  /** A string and Hugging Face's numbers for it. */
  rows: [string, number[]][];
  /** Those that are longer than 20, cut. */
  cut: [string, number[]][];
}
const parity = JSON.parse(
  gunzipSync(readFileSync(join(__dirname, "fixtures", "tokenizer-parity.json.gz"))).toString("utf8"),
) as Parity;

test("thousands of strings have the numbers that Hugging Face gives them, from either form of the files", () => {
  const { tokenizer: json, merges, rows, cut } = parity;
  assert.ok(rows.length > 4000 && cut.length > 20);
  const { vocab } = json.model;
  const parts = tokenizerJsonOfParts(vocab, `#version: 0.2\n${merges.join("\n")}\n`, "vocab.json");
  for (const form of [json, parts]) {
    const unlimited = new ClipTokenizer(form, { max_position_embeddings: 10_000, eos_token_id: 2 });
    const wrong = rows.filter(([text, ids]) => unlimited.encode(text).join() !== ids.join());
    assert.deepEqual(
      wrong.slice(0, 5).map(([text, ids]) => [JSON.stringify(text), unlimited.encode(text), ids]),
      [],
      `${wrong.length} of ${rows.length} differ`,
    );
    const limited = new ClipTokenizer(form, { max_position_embeddings: 20, eos_token_id: 2 });
    for (const [text, ids] of cut) assert.deepEqual(limited.encode(text), ids);
  }
});
