import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "./setup/paths.mjs";

/** A clone as it is after `git clone`, as far as the command line and the set-up look at it: nothing installed. */
let clone;
before(() => {
  clone = realpathSync(mkdtempSync(join(tmpdir(), "vitrine-clone-")));
  for (const folder of ["cli", "kernels", join("lib", "tensor", "native")]) {
    cpSync(join(root, folder), join(clone, folder), { recursive: true });
  }
  cpSync(join(root, "package.json"), join(clone, "package.json"));
  cpSync(join(root, "package-lock.json"), join(clone, "package-lock.json"));
});
after(() => rmSync(clone, { recursive: true, force: true }));

/** Runs the clone's command with a PATH of these programs only: name -> path or shell script. */
function vitrine(args, programs = {}) {
  const bin = mkdtempSync(join(clone, "bin-"));
  for (const [name, what] of Object.entries(programs)) {
    if (what.startsWith("/")) symlinkSync(what, join(bin, name));
    else writeFileSync(join(bin, name), `#!/bin/sh\n${what}\n`, { mode: 0o755 });
  }
  const env = { PATH: bin, HOME: clone };
  return spawnSync(process.execPath, [join(clone, "cli", "vitrine.mjs"), ...args], { encoding: "utf8", env });
}

const sh = "/bin/sh";
const npm = "echo 11.0.0";
const python = "printf '3.12.1\\n/usr/bin/python3\\nvenv\\n'";
const compiler = "echo 'g++ 12'";

test("an unknown command is one line and exit code 2", () => {
  const { status, stderr, stdout } = vitrine(["polish"]);
  assert.equal(status, 2);
  assert.equal(stderr, 'vitrine: expected a command, got "polish" (do: npx vitrine help)\n');
  assert.equal(stdout, "");
});

test("help lists each command of the folder with its own first line", () => {
  mkdirSync(join(clone, "cli", "commands"), { recursive: true });
  writeFileSync(
    join(clone, "cli", "commands", "dust.ts"),
    "/** `npx vitrine dust`: wipes the glass.\n * More. */\n",
  );
  const { status, stdout } = vitrine(["help"]);
  assert.equal(status, 0);
  assert.match(stdout, /^ {2}dust +wipes the glass$/m);
  assert.match(stdout, /^ {2}doctor +say what was found/m);
});

test("a missing compiler is one line that says what to install, and exit code 1", () => {
  const { status, stderr } = vitrine(["setup"], { sh, npm, python3: python });
  assert.equal(status, 1);
  assert.equal(
    stderr,
    "set-up: expected a C++ compiler, found none (install one: apt-get install g++ / xcode-select --install)\n",
  );
});

test("a missing Python is one line, and so is one of the wrong version", () => {
  const none = vitrine(["setup"], { sh, npm, "g++": compiler });
  assert.equal(none.status, 1);
  assert.match(none.stderr, /^set-up: expected Python 3\.10 to 3\.13, found none \(install one: [^\n]*\)\n$/);
  const old = vitrine(["setup"], {
    sh,
    npm,
    "g++": compiler,
    python3: python.replace("3.12.1", "3.9.18"),
    python: python.replace("3.12.1", "3.14.0"),
  });
  assert.equal(old.status, 1);
  assert.match(
    old.stderr,
    /^set-up: expected Python 3\.10 to 3\.13, found only 3\.9\.18, 3\.14\.0 \([^\n]*\)\n$/,
  );
});

test("a Python without venv is told apart from no Python", () => {
  const { status, stderr } = vitrine(["setup"], {
    sh,
    npm,
    "g++": compiler,
    python3: python.replace("\\nvenv", "\\nnone"),
  });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^set-up: expected Python with venv and ensurepip, found python3 \(3\.12\.1\) without \(install it: apt-get install python3\.12-venv\)\n$/,
  );
});

test("everything that is missing is told at once, a line each", () => {
  const { status, stderr } = vitrine(["setup"]);
  assert.equal(status, 1);
  assert.deepEqual(
    stderr
      .trim()
      .split("\n")
      .map((line) => /expected (a C\+\+|Python|npm)/.exec(line)?.[1]),
    ["Python", "a C++", "npm"],
  );
});

test("no network is one line that names the registry and the log", () => {
  const failing = `[ "$1" = --version ] && echo 11.0.0 && exit 0
echo 'npm error code EAI_AGAIN' >&2; echo 'npm error syscall getaddrinfo' >&2; exit 1`;
  const { status, stderr } = vitrine(["setup"], { sh, npm: failing, python3: python, "g++": compiler });
  assert.equal(status, 1);
  assert.equal(
    stderr
      .split("\n")
      .filter((line) => !/…$/.test(line))
      .join("\n"),
    "set-up: npm packages: expected to reach the package registry, got no answer (check the network or proxy, then run the same command again; log: .vitrine/logs/npm-packages.log)\n",
  );
});

test("doctor works on a fresh clone: it fails, and says what to do", () => {
  const { status, stdout, stderr } = vitrine(["doctor"], { sh, npm, python3: python, "g++": compiler });
  assert.equal(stderr, "");
  assert.equal(status, 1);
  assert.match(stdout, /^ok {4}C\+\+ compiler +g\+\+ 12$/m);
  assert.match(stdout, /^FAIL {2}set-up +not done: npm packages, .* \(do: npx vitrine setup\)$/m);
  assert.match(stdout, /^FAIL {2}TensorFlow +addon not compiled/m);
});

test("a port that is in use is one line, before any set-up", async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const { status, stderr } = vitrine(["start", "--port", String(port)]);
  server.close();
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`^start: expected port ${port} to be free, found it in use \\(do: .*\\)\\n$`),
  );
});

test("npm test for a path without tests is an error", () => {
  const { status, stderr } = vitrine(["test", "lib/nothing"]);
  assert.equal(status, 1);
  assert.match(stderr, /^test: expected tests under lib\/nothing, found none/);
});

test("a benchmark that is not there is an error", () => {
  const { status, stderr } = vitrine(["bench", "nothing"]);
  assert.equal(status, 1);
  assert.equal(stderr, "bench: expected one nothing.bench.ts, found none (do: npm run bench)\n");
});
