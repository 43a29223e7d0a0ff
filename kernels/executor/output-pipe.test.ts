/** Prints and messages from one thread to another: whole, in order, in bounded memory. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { FromExecutor, ShownJson } from "./contract";
import { joinCharacters } from "./output";
import { OutputReceiver, OutputSender, type Parcel } from "./output-pipe";

const memory = () => new SharedArrayBuffer(64 + 2 ** 17);
const print = (text: string, name: "stdout" | "stderr" = "stdout", cellId = 1): FromExecutor => ({
  type: "stream",
  cellId,
  name,
  text,
});

/** Both ends in one thread; parcels are delivered when the test says so. */
function pipe() {
  const shared = memory();
  const parcels: Parcel[] = [];
  const received: FromExecutor<ShownJson>[] = [];
  const sender = new OutputSender(shared, (parcel) => parcels.push(parcel));
  const receiver = new OutputReceiver({ memory: shared, receive: (message) => received.push(message) });
  return { sender, receiver, parcels, received };
}

test("prints of a loop are one announcement, and come before the message that followed them", () => {
  const { sender, receiver, parcels, received } = pipe();
  sender.post(print("a"));
  sender.post(print("b"));
  sender.post(print("c", "stderr"));
  sender.post({ type: "pong" });
  sender.post(print("d"));
  assert.equal(parcels.length, 2);
  receiver.accept(parcels[1]);
  const told = received.map((message) =>
    message.type === "stream" ? `${message.name}:${message.text}` : message.type,
  );
  assert.deepEqual(told, ["stdout:ab", "stderr:c", "pong"]);
});

test("text is read a moment after its announcement, and announced again after that", async () => {
  const { sender, receiver, parcels, received } = pipe();
  sender.post(print("first"));
  receiver.accept(parcels[0]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(received, [print("first")]);
  sender.post(print("second"));
  assert.equal(parcels.length, 2);
});

test("text of a cell that was stopped before it could announce it is found with the next message", async () => {
  const { sender, receiver, parcels, received } = pipe();
  sender.post(print("announced, but the announcement was lost"));
  parcels.splice(0);
  sender.post({ type: "pong" });
  sender.post(print("more"));
  receiver.accept(parcels[0]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(received.at(-1), print("more"));
});

test("characters of every width cross the end of the memory many times", () => {
  const { sender, receiver, parcels, received } = pipe();
  const texts = Array.from({ length: 3_000 }, (_, i) => `${"aé漢🦊".repeat((i * 7) % 40)}${i}`);
  for (const text of texts) {
    sender.post(print(text));
    sender.post({ type: "pong" });
    for (const parcel of parcels.splice(0)) receiver.accept(parcel);
  }
  const got = received.flatMap((message) => (message.type === "stream" ? [message.text] : []));
  assert.deepEqual(got, texts);
});

test("a text larger than the memory comes whole from a thread that waits for its reader, astral characters and all", async () => {
  const shared = memory();
  const worker = new Worker(
    `const path = require("node:path");
     const { parentPort, workerData } = require("node:worker_threads");
     require(path.join(workerData.kernels, "start", "loader.js")).useTypeScript(path.dirname(workerData.kernels));
     const { OutputSender } = require(path.join(workerData.kernels, "executor", "output-pipe.ts"));
     const sender = new OutputSender(workerData.shared, (parcel) => parentPort.postMessage(parcel));
     sender.post({ type: "stream", cellId: 1, name: "stdout", text: "x" + "🦊".repeat(500_000) });
     for (let i = 0; i < 50_000; i++) sender.post({ type: "stream", cellId: 2, name: "stderr", text: i + "\\n" });
     sender.post({ type: "pong" });`,
    { eval: true, workerData: { shared, kernels: path.resolve(__dirname, "..") } },
  );
  const texts = { stdout: "", stderr: "" };
  await new Promise<void>((resolve, reject) => {
    const receiver = new OutputReceiver({
      memory: shared,
      receive: (message) => {
        if (message.type === "stream") texts[message.name] += message.text;
        else resolve();
      },
    });
    worker.on("message", (parcel: Parcel) => receiver.accept(parcel));
    worker.on("error", reject);
  });
  assert.equal(texts.stdout, `x${"🦊".repeat(500_000)}`);
  assert.equal(texts.stderr, Array.from({ length: 50_000 }, (_, i) => `${i}\n`).join(""));
  await worker.terminate();
});

test("shown things and results cross as JSON text", () => {
  const { sender, receiver, parcels, received } = pipe();
  const shown = { data: { "text/plain": "x" }, metadata: { m: 1 } };
  sender.post({ type: "display", cellId: 1, shown, displayId: undefined, update: false });
  sender.post({ type: "done", cellId: 1, outcome: { status: "ok", result: shown, liveNames: [] } });
  for (const parcel of parcels) receiver.accept(parcel);
  const [display, done] = received;
  assert.ok(display.type === "display" && done.type === "done" && done.outcome.status === "ok");
  const expected = new TextEncoder().encode(JSON.stringify(shown));
  assert.deepEqual([display.shown, done.outcome.result], [expected, expected]);
});

test("characters written in two pieces are put together, as bytes and as UTF-16 units", () => {
  const join = joinCharacters();
  const bytes = Buffer.from("🦊");
  assert.deepEqual([join(bytes.subarray(0, 2), "utf8"), join(bytes.subarray(2), "utf8")], ["", "🦊"]);
  assert.deepEqual([join("a\ud83e", "utf8"), join("\udd8ab", "utf8")], ["a", "🦊b"]);
  assert.equal(join("4142", "hex"), "AB");
});
