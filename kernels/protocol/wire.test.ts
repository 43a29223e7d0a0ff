/** Signing, framing and what is refused. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { ReplayGuard } from "./replay";
import { decode, encode, JsonText, type Message, makeHeader, Signer } from "./wire";

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

test("a message is taken once, whatever else came in between", () => {
  const replays = new ReplayGuard();
  const frames = encode(message, signer);
  assert.equal(decode(frames, signer, replays).header.msg_id, message.header.msg_id);
  decode(encode({ ...message, header: makeHeader("x_request", "s1") }, signer), signer, replays);
  assert.throws(() => decode(frames, signer, replays), /expected a new message/);
});

test("a forged message does not use up the signature that it shows", () => {
  const replays = new ReplayGuard();
  const forged = encode(message, signer);
  forged[6] = Buffer.from("{}");
  assert.throws(() => decode(forged, signer, replays), /expected a valid signature/);
  assert.equal(decode(encode(message, signer), signer, replays).header.msg_id, message.header.msg_id);
});

test("the newest signatures are remembered, and no more than twice as many", () => {
  const replays = new ReplayGuard({ size: 3 });
  const add = (text: string) => replays.isNew(Buffer.from(text));
  assert.deepEqual(["a", "b", "c", "d"].map(add), [true, true, true, true]);
  assert.deepEqual(["b", "c", "d"].map(add), [false, false, false]);
  assert.deepEqual(["e", "f", "g", "a"].map(add), [true, true, true, true]);
});

test("bytes that are no UTF-8 and text that is no JSON are refused", () => {
  const unsigned = new Signer("");
  for (const content of [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), Buffer.from("{not json")]) {
    const frames = encode(message, unsigned);
    frames[6] = content;
    assert.throws(() => decode(frames, unsigned), /expected JSON in UTF-8/);
  }
});

test("a header that goes back with each reply keeps only what is plain in it", () => {
  const header = { ...message.header, note: "n", nested: { a: [[[]]] } };
  const decoded = decode(encode({ ...message, header }, signer), signer);
  assert.deepEqual(decoded.header, { ...message.header, note: "n" });
});

test("content that is JSON text already goes out as it is", () => {
  const frames = encode({ ...message, content: new JsonText('{"a": 1}') }, signer);
  assert.equal(frames[6].toString(), '{"a": 1}');
  assert.deepEqual(decode(frames, signer).content, { a: 1 });
});
