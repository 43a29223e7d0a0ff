/** Child processes of the set-up: logged to a file, known to the lock, ended with it, failures told in one line. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describeFailure, SetupFailure } from "./failure.mjs";
import { shown } from "./paths.mjs";

/** The environment without what would lead pip, Python or npm out of the clone. */
export function cleanEnvironment(extra = {}) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (
      /^(npm_(package|lifecycle|command)|PYTHON(HOME|PATH|STARTUP)$|VIRTUAL_ENV$|PIP_(TARGET|PREFIX|USER)$)/.test(
        name,
      )
    )
      delete env[name];
  }
  return { ...env, PIP_NO_INPUT: "1", PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONUNBUFFERED: "1", ...extra };
}

/**
 * Runs a program to its end; throws a SetupFailure when it does not end with 0.
 * @param {object} context the set-up's context (paths, lock, signal)
 * @param {object} options
 * @param {{ id: string, title: string, needsMB?: number }} options.step whose work it is
 * @param {string} options.command
 * @param {string[]} options.args
 * @param {string} [options.name] how the command is called in messages
 * @param {Record<string, string>} [options.env]
 * @param {(line: string) => void} [options.onLine] sees each line of output
 * @returns {Promise<string>} the last 20,000 characters that it printed
 */
export function runLogged(context, { step, command, args, name = command, env, onLine = () => {} }) {
  const { paths, lock, signal } = context;
  mkdirSync(paths.logs, { recursive: true });
  const logPath = join(paths.logs, `${step.id}.log`);
  const log = openSync(logPath, "a");
  writeSync(log, `\n$ ${[name, ...args].join(" ")}\n`);
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C reaches the set-up alone, which ends the whole group.
    const child = spawn(command, args, {
      cwd: paths.root,
      env: env ?? cleanEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    let logFailed = false;
    const end = () => endGroup(child);
    signal?.addEventListener("abort", end);
    const settle = (settled) => {
      signal?.removeEventListener("abort", end);
      if (child.pid) lock?.removeChild(child.pid);
      closeSync(log);
      settled();
    };
    if (child.pid) lock?.addChild(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        try {
          writeSync(log, text);
        } catch {
          logFailed = true;
        }
        output = (output + text).slice(-20000);
        for (const line of text.split(/[\r\n]+/)) if (line.trim()) onLine(line);
      });
    }
    child.on("error", (error) =>
      settle(() =>
        reject(new SetupFailure(`set-up: ${step.title}: expected to run "${name}", got ${error.message}`)),
      ),
    );
    child.on("close", (code, killed) =>
      settle(() => {
        if (signal?.aborted) reject(signal.reason);
        else if (code === 0) resolve(output);
        else
          reject(
            describeFailure({
              where: step.title,
              command: [name, ...args.slice(0, 2)].join(" "),
              code: code ?? killed,
              output: logFailed ? `${output}\nENOSPC` : output,
              log: shown(paths.root, logPath),
              needsMB: step.needsMB,
            }),
          );
      }),
    );
  });
}

function endGroup(child) {
  const send = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // it ended by itself
    }
  };
  send("SIGTERM");
  setTimeout(() => send("SIGKILL"), 3000).unref();
}
