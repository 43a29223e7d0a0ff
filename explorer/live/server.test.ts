import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Api, type PageServer, Refusal, servePage } from "./server";

const root = mkdtempSync(join(tmpdir(), "explorer-server-"));
const page = join(root, "page");
let server: PageServer;

before(async () => {
  mkdirSync(join(page, "data"), { recursive: true });
  writeFileSync(join(page, "index.html"), "<p>the page</p>");
  writeFileSync(join(page, "data", "manifest.js"), "vitrine()");
  writeFileSync(join(page, "secret.txt"), "not a page's kind of file");
  writeFileSync(join(root, "outside.html"), "outside");
  symlinkSync(join(root, "outside.html"), join(page, "link.html"));
  server = await servePage(page);
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

/** Answers as the page's own would; `defects` breaks. */
const api: Api = ({ method, path, query, body }) => {
  if (path === "echo" && method === "POST") return body(8).then((bytes) => ({ got: bytes.toString("utf8") }));
  if (path === "refuses") return Promise.reject(new Refusal(400, "refuses: expected a, got b (do: c)"));
  if (path === "told") return Promise.reject(new Error(`told: expected a, got ${query.get("got")}`));
  if (path === "defects") return Promise.reject(new Error("/secret/path broke"));
  return undefined;
};

/** Asks for a path as it stands: fetch would tidy the dots away. */
function ask(
  path: string,
  options: { method?: string; host?: string; origin?: string; body?: string; to?: PageServer } = {},
) {
  const { hostname, port } = new URL((options.to ?? server).url);
  return new Promise<{ status: number; body: string; type: string }>((resolve, reject) => {
    const { host = `${hostname}:${port}`, origin } = options;
    const headers = { host, ...(origin && { origin }) };
    request({ hostname, port, path, method: options.method ?? "GET", headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, type: response.headers["content-type"] ?? "" }),
      );
    })
      .on("error", reject)
      .end(options.body);
  });
}

test("the page is served on loopback under its token, and to nobody without it", async () => {
  const { hostname, pathname } = new URL(server.url);
  assert.equal(hostname, "127.0.0.1");
  assert.match(pathname, /^\/[\w-]{32}\/$/);
  assert.deepEqual(await ask(pathname), {
    status: 200,
    body: "<p>the page</p>",
    type: "text/html; charset=utf-8",
  });
  const data = await ask(`${pathname}data/manifest.js?again`);
  assert.deepEqual([data.status, data.body], [200, "vitrine()"]);
  assert.deepEqual(await ask(pathname, { method: "HEAD" }), {
    status: 200,
    body: "",
    type: "text/html; charset=utf-8",
  });
  for (const path of [
    "/",
    "/index.html",
    `/${"x".repeat(32)}/index.html`,
    `${pathname.slice(0, -2)}/index.html`,
  ]) {
    assert.equal((await ask(path)).status, 403, path);
  }
});

test("paths out of the folder, links out of it, other kinds of file and nonsense are not found", async () => {
  const { pathname } = new URL(server.url);
  for (const path of [
    "../outside.html",
    "%2e%2e/outside.html",
    "..%2foutside.html",
    "data/../../outside.html",
    "link.html",
    "secret.txt",
    "none.html",
    "data",
    "index.html/x.html",
    "%00.html",
    "%zz.html",
  ]) {
    const { status, body } = await ask(pathname + path);
    assert.deepEqual([status, body], [404, "no such file\n"], path);
  }
});

test("other methods and other names of the machine are refused", async () => {
  const { pathname } = new URL(server.url);
  assert.equal((await ask(pathname, { method: "POST" })).status, 405);
  assert.equal((await ask(pathname, { host: "attacker.example:80" })).status, 421);
});

test("a port that is taken is said to be", async () => {
  const port = Number(new URL(server.url).port);
  await assert.rejects(servePage(page, { port }), /explore: expected a free port, got \d+/);
});

test("the page's own requests are answered as JSON, errors too, and defects tell nothing", async (t) => {
  const live = await servePage(page, { api: [api] });
  t.after(() => live.close());
  const { pathname, origin } = new URL(live.url);
  const asked = async (path: string, options: Parameters<typeof ask>[1] = {}) => {
    const { status, body, type } = await ask(`${pathname}api/${path}`, { to: live, ...options });
    assert.equal(type, "application/json");
    return [status, JSON.parse(body) as object];
  };
  assert.deepEqual(await asked("echo", { method: "POST", body: "12345678" }), [200, { got: "12345678" }]);
  assert.deepEqual(await asked("echo", { method: "POST", body: "1", origin }), [200, { got: "1" }]);
  const long = await asked("echo", { method: "POST", body: "x".repeat(3_000_000) });
  assert.deepEqual(long, [413, { error: "echo: expected at most 8 bytes, got more" }]);
  assert.deepEqual(await asked("refuses"), [400, { error: "refuses: expected a, got b (do: c)" }]);
  assert.deepEqual(await asked("told?got=%3Cb%3E"), [422, { error: "told: expected a, got <b>" }]);
  assert.equal((await asked("none"))[0], 404);
  const complaint = t.mock.method(console, "error", () => {});
  const [status, record] = await asked("defects");
  assert.equal(status, 500);
  assert.ok(!JSON.stringify(record).includes("secret"));
  assert.equal(complaint.mock.callCount(), 1);
  // Neither without the token nor from another site.
  assert.equal((await ask("/api/echo", { to: live, method: "POST" })).status, 403);
  const foreign = { to: live, method: "POST", body: "1", origin: "http://attacker.example" };
  assert.equal((await ask(`${pathname}api/echo`, foreign)).status, 403);
});

test("a live page says so to its scripts, others do not, and only a framed one may be held in a frame", async (t) => {
  writeFileSync(join(page, "index.html"), "<head><title>x</title></head>");
  const live = await servePage(page, { api: [api], framed: true });
  t.after(() => live.close());
  const marked = await fetch(live.url);
  assert.equal(await marked.text(), '<head><meta name="vitrine-live" content="yes"><title>x</title></head>');
  assert.match(
    marked.headers.get("content-security-policy") ?? "",
    /^frame-ancestors http:\/\/127\.0\.0\.1:\*/,
  );
  const plain = await fetch(server.url);
  assert.equal(await plain.text(), "<head><title>x</title></head>");
  assert.equal(plain.headers.get("x-frame-options"), "SAMEORIGIN");
  assert.equal((await fetch(`${server.url}api/echo`)).status, 404);
});
