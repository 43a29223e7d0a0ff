import assert from "node:assert/strict";
import { test } from "node:test";
import { ClipTokenizer, trainTokenizer } from ".";

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
