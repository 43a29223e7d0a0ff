/** Signing, framing and what is refused. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { decode, encode, type Message, makeHeader, Signer } from "./wire";

const signer = new Signer("secret");
const message: Message = {
  identities: [Buffer.from("front end")],
  header: makeHeader("execute_request", "s1"),
  parentHeader: {},
  metadata: { a: 1 },
  content: { code: "'🦊'" },
  buffers: [Buffer.from([1, 2, 3])],
};

test("a message comes back as it was sent, buffers and routing included", () => {
  assert.deepEqual(decode(encode(message, signer), signer), message);
});

test("the signature is the HMAC of the four JSON frames in hexadecimal", () => {
  const frames = encode(message, signer);
  const expected = createHmac("sha256", "secret")
    .update(Buffer.concat(frames.slice(3, 7)))
    .digest("hex");
  assert.equal(frames[2].toString(), expected);
});

test("an empty key turns signing off", () => {
  const unsigned = new Signer("");
  assert.equal(encode(message, unsigned)[2].length, 0);
  assert.deepEqual(decode(encode(message, unsigned), unsigned), message);
});

test("a changed frame, another key and a cut signature are refused without naming the key", () => {
  const changed = encode(message, signer);
  changed[6] = Buffer.from('{"code":"process.exit()"}');
  const cut = encode(message, signer);
  cut[2] = cut[2].subarray(0, 10);
  for (const frames of [changed, cut, encode(message, new Signer("other"))]) {
    assert.throws(
      () => decode(frames, signer),
      ({ message: text }: Error) => /expected a valid signature/.test(text) && !text.includes("secret"),
    );
  }
});

test("the signature is looked at before anything is parsed", () => {
  const frames = encode(message, signer);
  frames[6] = Buffer.from("{not json");
  assert.throws(() => decode(frames, signer), /signature/);
});

test("missing frames, values that are no objects and headers without a type are refused", () => {
  const none = Buffer.from("<IDS|MSG>");
  assert.throws(() => decode([Buffer.from("x")], signer), /<IDS\|MSG>/);
  assert.throws(() => decode([none, Buffer.alloc(0), Buffer.from("{}")], signer), /4 JSON frames/);
  const unsigned = new Signer("");
  const parts = (header: string) => [
    none,
    Buffer.alloc(0),
    ...[header, "{}", "{}", "{}"].map((x) => Buffer.from(x)),
  ];
  assert.throws(() => decode(parts("[1]"), unsigned), /JSON object/);
  assert.throws(() => decode(parts('{"msg_id":"1"}'), unsigned), /msg_type/);
});
