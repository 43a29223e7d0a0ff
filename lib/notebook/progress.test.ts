import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type DisplayHook, installDisplayHook, type MimeBundle, type MimeMetadata } from "./display";
import { liveCurves } from "./live-curves";
import { stopPictures } from "./pictures";
import { formatDuration, progress } from "./progress";
import { show } from "./show";

interface Sent {
  kind: "display" | "update";
  id?: string;
  bundle: MimeBundle;
  metadata?: MimeMetadata;
}

let restore = () => {};
afterEach(() => {
  restore();
  stopPictures();
});

function fakeKernel(): { sent: Sent[]; held: Promise<unknown>[] } {
  const sent: Sent[] = [];
  const held: Promise<unknown>[] = [];
  const hook: DisplayHook = {
    display: (bundle, metadata, id) => sent.push({ kind: "display", id, bundle, metadata }),
    update: (id, bundle, metadata) => sent.push({ kind: "update", id, bundle, metadata }),
    clear: () => {},
    hold: (promise) => held.push(promise),
  };
  restore = installDisplayHook(hook);
  return { sent, held };
}

/** A clock that stands until it is set. */
function fakeClock(): { now: number; read: () => number } {
  const clock = { now: 1000, read: () => clock.now };
  return clock;
}

const text = ({ bundle }: Sent) => String(bundle["text/plain"]);

test("in a notebook one display is updated at most four times a second and ends with the time taken", () => {
  const { sent } = fakeKernel();
  const clock = fakeClock();
  const bar = progress({ total: 100, label: "training", clock: clock.read });
  for (let step = 1; step <= 100; step++) {
    clock.now += 20;
    bar.update(step, { loss: 1 / step });
  }
  bar.finish();
  // 2 s of steps: one display, then an update every 260 ms (13 steps), and the end.
  assert.deepEqual(
    sent.map(({ kind }) => kind),
    ["display", ...Array<string>(7).fill("update"), "update"],
  );
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  assert.match(
    text(sent[1]),
    /^training █+░+ 14% · 14 of 100 steps · 50 steps\/s · 0:02 left · loss 0\.07143$/,
  );
  assert.match(
    text(sent[sent.length - 1]),
    /100% · 100 of 100 steps · 50 steps\/s · took 0:02 · loss 0\.01$/,
  );
});

test("a resumed run counts its earlier steps for the bar and not for the rate", () => {
  const { sent } = fakeKernel();
  const clock = fakeClock();
  const bar = progress({ total: 1000, start: 500, label: "training", clock: clock.read });
  clock.now += 10_000;
  bar.update(600);
  assert.match(text(sent[0]), /60% · 600 of 1,000 steps · 10 steps\/s · 0:40 left/);
});

test("a loop over a collection shows a bar of its length and ends green; of a stream the count is shown", async () => {
  const { sent } = fakeKernel();
  const clock = fakeClock();
  const seen: number[] = [];
  for (const item of progress([7, 8, 9], { label: "items", unit: "items", clock: clock.read })) {
    seen.push(item);
    clock.now += 1000;
  }
  assert.deepEqual(seen, [7, 8, 9]);
  assert.match(text(sent[0]), /^items ░+ 0% · 0 of 3 items$/);
  assert.match(text(sent[1]), /33% · 1 of 3 items · 1 items\/s · 0:02 left$/);
  assert.match(text(sent[sent.length - 1]), /100% · 3 of 3 items · 1 items\/s · took 0:03$/);
  sent.length = 0;
  async function* stream() {
    yield* "abc";
  }
  let joined = "";
  for await (const letter of progress(stream(), { label: "stream", unit: "letters", clock: clock.read })) {
    joined += letter;
    clock.now += 500;
  }
  assert.equal(joined, "abc");
  assert.equal(text(sent[sent.length - 1]), "stream 3 letters · 2 letters/s · took 0:02");
  assert.deepEqual([...progress(new Set(), { label: "none" })], []);
});

test("a loop that is left early says so, one whose source fails too, and both let go of their source", () => {
  const { sent } = fakeKernel();
  const { read } = fakeClock();
  let closed = 0;
  function* source(failsAt: number) {
    try {
      for (let i = 0; ; i++) {
        if (i === failsAt) throw new Error("broken");
        yield i;
      }
    } finally {
      closed += 1;
    }
  }
  const last = () => sent[sent.length - 1];
  for (const i of progress(source(-1), { label: "left", total: 10, clock: read })) if (i === 3) break;
  assert.match(text(last()), /30% · 3 of 10 steps · stopped after 0:00$/);
  assert.match(String(last().bundle["text/html"]), /--jp-warn-color1/);
  assert.throws(() => [...progress(source(2), { label: "bad", total: 10, clock: read })], /broken/);
  assert.match(text(last()), /20% · 2 of 10 steps · failed after 0:00$/);
  assert.match(String(last().bundle["text/html"]), /--jp-error-color1/);
  assert.equal(closed, 2);
});

test("loops inside of a loop share one line, and a loop after it has its own", () => {
  const { sent } = fakeKernel();
  const { read } = fakeClock();
  for (const _ of progress([1, 2, 3], { label: "epochs", clock: read }))
    for (const _ of progress([1, 2], { label: "batches", clock: read }));
  const shown = sent.filter(({ kind }) => kind === "display").map((one) => text(one).split(" ")[0]);
  assert.deepEqual(shown, ["epochs", "batches"]);
  const [, batches] = sent.filter(({ kind }) => kind === "display");
  assert.equal(sent.filter(({ id, kind }) => id === batches.id && kind === "update").length, 5);
  for (const _ of progress([1], { label: "batches", clock: read }));
  assert.equal(sent.filter(({ kind }) => kind === "display").length, 3);
});

test("the bar's HTML cannot be broken by a label or a value", () => {
  const { sent } = fakeKernel();
  progress({ total: 2, label: "<b>x", clock: fakeClock().read }).update(1, { name: "<script>" });
  const html = String(sent[0].bundle["text/html"]);
  assert.ok(html.includes("&lt;b&gt;x") && html.includes("&lt;script&gt;") && !html.includes("<script>"));
});

test("outside a notebook a file gets a line every five seconds, a terminal one line rewritten", () => {
  for (const isTTY of [false, true]) {
    const clock = fakeClock();
    const lines: string[] = [];
    const stream = { isTTY, write: (line: string) => lines.push(line) };
    const bar = progress({ total: 120, label: "rendering", unit: "pictures", clock: clock.read, stream });
    for (let i = 1; i <= 120; i++) {
      clock.now += 100;
      bar.update(i);
    }
    bar.finish();
    assert.equal(lines.length, isTTY ? 121 : 4);
    assert.equal(
      lines.every((line) => line.startsWith(isTTY ? "\r\u001b[2K" : "rendering")),
      true,
    );
    assert.match(lines[lines.length - 1], /120 of 120 pictures · 10 pictures\/s · took 0:12\n$/);
  }
});

test("durations read as minutes and seconds, from an hour on with hours", () => {
  assert.deepEqual([0.4, 75, 3675].map(formatDuration), ["0:00", "1:15", "1:01:15"]);
});

const panels = [
  { y: { title: "loss", unit: "nats" }, series: ["mse", "l1"] },
  { y: { title: "L0", unit: "features per token" }, series: ["l0"] },
];

test("live curves update one figure once a second without a picture, and finish with one", async () => {
  const { sent, held } = fakeKernel();
  const clock = fakeClock();
  const curves = liveCurves({ title: "Training", panels, clock: clock.read });
  for (let step = 1; step <= 300; step++) {
    clock.now += 10;
    curves.push(step, { mse: 1 / step, l1: 2 / step, l0: step });
  }
  const types = () => sent.map(({ kind, bundle }) => `${kind} ${Object.keys(bundle).sort().join(" ")}`);
  const live = "text/html text/plain";
  assert.deepEqual(types(), [`display ${live}`, `update ${live}`, `update ${live}`]);
  await curves.finish();
  assert.equal(types()[3], "update application/vnd.plotly.v1+json image/jpeg text/plain");
  assert.deepEqual(sent[3].metadata, { "image/jpeg": { width: 800 } });
  assert.equal(held.length, 1);
});

test("the running drawing has a line a curve in its colour, names, ticks, and no markup from a title", () => {
  const { sent } = fakeKernel();
  const curves = liveCurves({
    title: "Run <script>1</script>",
    panels,
    clock: fakeClock().read,
    intervalMs: 0,
  });
  for (let step = 1; step <= 20; step++) curves.push(step, { mse: 100 / step, l1: 50, l0: step });
  const html = String(sent[sent.length - 1].bundle["text/html"]);
  const lines = [...html.matchAll(/<polyline points="([^"]*)"[^>]*stroke="(#\w+)"/g)];
  assert.deepEqual(
    lines.map((line) => line[2]),
    curves.figure().data.map((trace) => (trace.type === "scatter" ? trace.line?.color : undefined)),
  );
  const points = lines[0][1].split(" ").map((point) => point.split(",").map(Number));
  assert.equal(points.length, 20);
  assert.ok(points[0][1] < points[19][1] && points[0][0] < points[19][0], "a falling loss does not fall");
  assert.match(html, /<tspan fill="#3b82d6" font-weight="700">mse<\/tspan>/);
  for (const word of [">L0 (features per token)<", ">training step (batches)<", ">100<", ">10<"])
    assert.ok(html.includes(word), word);
  assert.equal(html.includes("<script"), false);
});

test("long curves are thinned to means that keep the curve's level, and the figure says of how many", () => {
  restore = installDisplayHook(undefined);
  const curves = liveCurves({ title: "Training", panels, maxPoints: 100 });
  for (let step = 1; step <= 10_001; step++) curves.push(step, { mse: step, l1: step % 2 });
  const figure = curves.figure();
  const [mse, l1, l0] = figure.data;
  assert.ok(mse.type === "scatter" && l1.type === "scatter" && l0.type === "scatter");
  assert.ok(Array.isArray(mse.x) && mse.x.length > 50 && mse.x.length <= 100);
  // Means of the identity over the same steps are the identity, and of alternating 0 and 1 one half.
  assert.deepEqual(mse.x, mse.y);
  assert.ok(Array.isArray(l1.y) && l1.y.slice(0, -1).every((v) => v === 0.5));
  assert.deepEqual(l0.x, []);
  assert.equal(figure.layout.title?.subtitle?.text, "each point is the mean of 128");
});

test("values of an unknown name are refused", () => {
  assert.throws(() => liveCurves({ title: "t", panels }).push(1, { mes: 1 }), /among mse, l1, l0, got "mes"/);
});

test("a figure is shown at once and gets its picture when drawn; several things keep their order", async () => {
  const { sent, held } = fakeKernel();
  const curves = liveCurves({ title: "Training", panels });
  curves.push(1, { mse: 1, l0: 3 });
  sent.length = 0;
  const shown = show(curves.figure(), "words", { columns: ["a"], values: [[1]] });
  assert.deepEqual(
    sent.map(({ kind, bundle }) => [kind, Object.keys(bundle)[0]]),
    [
      ["display", "application/vnd.plotly.v1+json"],
      ["display", "text/plain"],
      ["display", "text/html"],
    ],
  );
  assert.equal(held[0], shown);
  await shown;
  assert.equal(sent.length, 4);
  assert.equal(sent[3].id, sent[0].id);
  assert.equal(Buffer.from(String(sent[3].bundle["image/jpeg"]), "base64").toString("hex", 0, 3), "ffd8ff");
  assert.match(text(sent[0]), /^Training\n {2}mse: 1 points/);
});
