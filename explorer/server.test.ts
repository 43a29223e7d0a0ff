import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type PageServer, servePage } from "./server";

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

/** Asks for a path as it stands: fetch would tidy the dots away. */
function ask(path: string, options: { method?: string; host?: string } = {}) {
  const { hostname, port } = new URL(server.url);
  return new Promise<{ status: number; body: string; type: string }>((resolve, reject) => {
    const headers = { host: options.host ?? `${hostname}:${port}` };
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
      .end();
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
