import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { type HubSettings, hubSettings, type PullOptions, type PullProgress, pullFromHub } from ".";
import { COMMIT, gitHash, LocalHub } from "./local-hub";
import { findCached } from "./pull";

const LARGE = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 31) ^ (i >> 7));
const SMALL = Buffer.from('{"model_type": "clip"}\n');
const LARGE_HASH = createHash("sha256").update(LARGE).digest("hex");
const everything = (files: readonly string[]) => [...files];

let hub: LocalHub;
let cache = "";
before(async () => {
  const files = {
    "config.json": { data: SMALL, lfs: false },
    "model.safetensors": { data: LARGE, lfs: true },
  };
  hub = await new LocalHub({ "org/clip": files, "org/closed": files }, ["org/closed"]).start();
});
after(() => hub.stop());
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "vitrine-hub-"));
  hub.seen.length = 0;
  Object.assign(hub.mischief, { cuts: 0, ranges: true, corrupt: false, refusals: { status: 200, count: 0 } });
});
afterEach(() => rm(cache, { recursive: true, force: true }));

function options(more: Partial<HubSettings> = {}, rest: PullOptions = {}): PullOptions {
  return { settings: { endpoint: hub.endpoint, cache, offline: false, ...more }, pause: 1, ...rest };
}
const inRepo = (...parts: string[]) => join(cache, "models--org--clip", ...parts);

test("a model arrives in the layout of the Hugging Face cache, and is found there without the network", async () => {
  const reports: PullProgress[] = [];
  const folder = await pullFromHub(
    "org/clip",
    everything,
    options({}, { onProgress: (at) => reports.push(at) }),
  );
  assert.equal(folder, inRepo("snapshots", COMMIT));
  assert.deepEqual(new Uint8Array(await readFile(join(folder, "model.safetensors"))), LARGE);
  assert.deepEqual(await readFile(inRepo("blobs", gitHash(SMALL))), SMALL);
  assert.ok(lstatSync(join(folder, "model.safetensors")).isSymbolicLink());
  assert.ok(existsSync(inRepo("blobs", LARGE_HASH)));
  assert.equal(readFileSync(inRepo("refs", "main"), "utf8"), COMMIT);
  const last = reports[reports.length - 1];
  assert.deepEqual(
    [last.done, last.total, last.eta],
    [LARGE.length + SMALL.length, LARGE.length + SMALL.length, 0],
  );
  assert.ok(last.rate > 0);

  hub.seen.length = 0;
  assert.equal(findCached("org/clip", everything, options()), folder);
  assert.equal(findCached("org/clip", everything, options({}, { revision: "refs/pr/7" })), undefined);
  await pullFromHub("org/clip", everything, options({}, { revision: "refs/pr/7" }));
  assert.ok(
    hub.seen.every(({ path }) => path.startsWith("/api/")),
    "what is there is not fetched again",
  );
  assert.equal(findCached("org/clip", everything, options({}, { revision: "refs/pr/7" })), folder);
});

test("the token goes to the hub and never to the server that it redirects to", async () => {
  await pullFromHub("org/closed", everything, options({ token: "hf_good" }));
  const by = (server: string) => hub.seen.filter((request) => request.server === server);
  assert.ok(
    by("hub").length >= 4 && by("hub").every(({ authorization }) => authorization === "Bearer hf_good"),
  );
  assert.equal(by("store").length, 1);
  assert.ok(by("store").every(({ authorization }) => authorization === undefined));
});

test("a connection that is cut is taken up where it stopped, also by the next run", async () => {
  Object.assign(hub.mischief, { cuts: 2, cutAfter: 200_000 });
  await pullFromHub("org/clip", everything, options());
  const ranges = hub.seen.flatMap(({ server, range = "" }) => (server === "store" ? [range] : []));
  assert.equal(ranges.length, 3);
  assert.match(ranges[1], /^bytes=\d+-$/);
  assert.ok(Number(/\d+/.exec(ranges[2])?.[0]) > Number(/\d+/.exec(ranges[1])?.[0]));

  // An earlier process left a part.
  await rm(inRepo("snapshots"), { recursive: true });
  await rm(inRepo("blobs", LARGE_HASH));
  await writeFile(inRepo("blobs", `${LARGE_HASH}.incomplete`), LARGE.subarray(0, 450_000));
  hub.seen.length = 0;
  const reports: PullProgress[] = [];
  const folder = await pullFromHub(
    "org/clip",
    everything,
    options({}, { onProgress: (at) => reports.push(at) }),
  );
  assert.equal(hub.seen.find(({ server }) => server === "store")?.range, "bytes=450000-");
  assert.deepEqual(new Uint8Array(await readFile(join(folder, "model.safetensors"))), LARGE);
  assert.ok(
    reports.some(({ done, rate }) => done >= 450_000 && rate === 0),
    "what was there counts as done, not as speed",
  );
});

test("a server without ranges, or a part that is too long, means a new start", async () => {
  await mkdir(inRepo("blobs"), { recursive: true });
  const part = inRepo("blobs", `${LARGE_HASH}.incomplete`);
  await writeFile(part, LARGE.subarray(0, 1000));
  hub.mischief.ranges = false;
  const first = await pullFromHub("org/clip", everything, options());
  assert.deepEqual(new Uint8Array(await readFile(join(first, "model.safetensors"))), LARGE);
  await rm(inRepo("blobs", LARGE_HASH));
  await writeFile(part, LARGE);
  await truncate(part, LARGE.length + 5);
  const again = await pullFromHub("org/clip", everything, options());
  assert.deepEqual(new Uint8Array(await readFile(join(again, "model.safetensors"))), LARGE);
});

test("connections that bring nothing end with the advice to run it again, and the part stays", async () => {
  Object.assign(hub.mischief, { cuts: 1, cutAfter: 100_000 });
  const stop = async () => await pullFromHub("org/clip", everything, options());
  const before = hub.mischief.cuts;
  assert.equal(before, 1);
  // After the first 100,000 bytes all further connections are cut at once.
  const cutting = setInterval(() => Object.assign(hub.mischief, { cuts: 100, cutAfter: 0 }), 1);
  try {
    await assert.rejects(
      stop(),
      /org\/clip\/model\.safetensors: expected 600000 bytes, got \d+: .*run it again/,
    );
  } finally {
    clearInterval(cutting);
  }
  assert.ok(existsSync(inRepo("blobs", `${LARGE_HASH}.incomplete`)));
  assert.ok(!existsSync(inRepo("refs", "main")));
});

test("contents with another checksum are thrown away", async () => {
  hub.mischief.corrupt = true;
  await assert.rejects(
    pullFromHub("org/clip", everything, options()),
    /expected the checksum [0-9a-f]{64}, got [0-9a-f]{64}/,
  );
  assert.ok(
    !existsSync(inRepo("blobs", LARGE_HASH)) && !existsSync(inRepo("blobs", `${LARGE_HASH}.incomplete`)),
  );
});

test("refusals say what to do: gated, unknown, without that revision, too many requests, out of reach", async () => {
  const pull = (id: string, more: Partial<HubSettings> = {}, rest: PullOptions = {}) =>
    pullFromHub(id, everything, options(more, rest));
  await assert.rejects(
    pull("org/closed"),
    /org\/closed: .*got 401: the model is gated \(do: accept its conditions at .*set HF_TOKEN/,
  );
  await assert.rejects(pull("org/closed", { token: "hf_bad" }), /got 403: the model is gated/);
  await assert.rejects(
    pull("org/none"),
    /org\/none: expected a model on .*, got 401 \(do: check its name; set HF_TOKEN/,
  );
  await assert.rejects(pull("org/clip", {}, { revision: "v9" }), /expected a revision "v9", got none/);
  await assert.rejects(pull("org/clip", { offline: true }), /expected the network, got HF_HUB_OFFLINE/);
  await assert.rejects(pull("../clip"), /expected a model as org\/name, got "\.\.\/clip"/);
  hub.mischief.refusals = { status: 429, count: 2, headers: { "retry-after": "0" } };
  await pull("org/clip");
  hub.mischief.refusals = { status: 429, count: 99, headers: { "retry-after": "0" } };
  await assert.rejects(pull("org/clip"), /got 429: too many requests/);
  hub.mischief.refusals.count = 0;
  await assert.rejects(
    pull("org/clip", { endpoint: "http://127.0.0.1:9" }),
    /expected an answer of http:\/\/127\.0\.0\.1:9, got .*check the network and HF_ENDPOINT/,
  );
});

test("a pull can be stopped, and the part it had is kept", async () => {
  Object.assign(hub.mischief, { cuts: 1, cutAfter: 100_000 });
  const controller = new AbortController();
  const onProgress = ({ done }: PullProgress) => done > 50_000 && controller.abort();
  await assert.rejects(
    pullFromHub("org/clip", everything, options({}, { signal: controller.signal, onProgress })),
    {
      name: "AbortError",
    },
  );
  assert.ok(lstatSync(inRepo("blobs", `${LARGE_HASH}.incomplete`)).size > 50_000);
});

test("settings come from the variables and the token file of Python's huggingface_hub", async () => {
  await writeFile(join(cache, "token"), "hf_stored\n");
  const given = (env: NodeJS.ProcessEnv) => hubSettings(env);
  assert.deepEqual(given({ HF_HOME: cache, HF_ENDPOINT: "https://mirror.example/" }), {
    endpoint: "https://mirror.example",
    cache: join(cache, "hub"),
    token: "hf_stored",
    offline: false,
  });
  assert.equal(given({ HF_HOME: cache, HF_HUB_CACHE: "/elsewhere" }).cache, "/elsewhere");
  assert.equal(given({ HF_HOME: cache, HF_TOKEN: "hf_named" }).token, "hf_named");
  assert.equal(given({ HF_HOME: cache, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }).token, undefined);
  assert.equal(given({ XDG_CACHE_HOME: "/x" }).cache, "/x/huggingface/hub");
  assert.equal(given({ HF_HUB_OFFLINE: "1" }).offline, true);
  assert.equal(given({ HF_HUB_OFFLINE: "0" }).offline, false);
  assert.throws(() => given({ HF_ENDPOINT: "mirror" }), /HF_ENDPOINT: expected an address/);
});

test("a partial snapshot, as Python leaves one after the tokenizer alone, does not count as the model", async () => {
  await pullFromHub("org/clip", () => ["config.json"], options());
  const both = (files: readonly string[]) => {
    if (!files.includes("model.safetensors")) throw new Error("no weights");
    return [...files];
  };
  assert.equal(findCached("org/clip", both, options()), undefined);
  await symlink("../../blobs/gone", inRepo("snapshots", COMMIT, "model.safetensors"));
  assert.equal(findCached("org/clip", both, options()), undefined, "a link to nothing is nothing");
  const folder = await pullFromHub("org/clip", both, options());
  assert.equal(findCached("org/clip", both, options()), folder);
});

const python = process.env.VITRINE_REFERENCE_PYTHON;
test("Python's huggingface_hub finds what was fetched here", {
  skip: !python && "VITRINE_REFERENCE_PYTHON is not set",
}, async () => {
  const folder = await pullFromHub("org/clip", everything, options());
  const script =
    "from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir; print(hf_hub_download('org/clip', 'model.safetensors'));" +
    "print(snapshot_download('org/clip')); print(len(scan_cache_dir().warnings), [r.repo_id for r in scan_cache_dir().repos])";
  const env = { ...process.env, HF_HUB_CACHE: cache, HF_HUB_OFFLINE: "1" };
  const lines = execFileSync(python as string, ["-c", script], { env, encoding: "utf8" })
    .trim()
    .split("\n");
  assert.deepEqual(lines, [join(folder, "model.safetensors"), folder, "0 ['org/clip']"]);
});
