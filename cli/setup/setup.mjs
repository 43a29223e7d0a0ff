/** The set-up: runs the steps that are not done, those that do not depend on each other at the same time. */
import { mkdirSync, rmSync } from "node:fs";
import { addon } from "./addon.mjs";
import { compiler } from "./compiler.mjs";
import { emoji } from "./emoji.mjs";
import { diskFailure, isDiskFull, SetupFailure } from "./failure.mjs";
import { kernels } from "./kernels.mjs";
import { kernelspec } from "./kernelspec.mjs";
import { takeLock } from "./lock.mjs";
import { npmPackages } from "./npm-packages.mjs";
import { pathsUnder, root } from "./paths.mjs";
import { checkPrerequisites } from "./prerequisites.mjs";
import { Progress, seconds } from "./progress.mjs";
import { pythonPackages } from "./python-packages.mjs";
import { stampMatches, writeStamp } from "./stamp.mjs";
import { tensorflow } from "./tensorflow.mjs";

/**
 * @typedef {object} Step
 * @property {string} id log file's name
 * @property {string} title as a person knows it
 * @property {string} expectation what to expect of it, shown when it starts
 * @property {string[]} needs of "npm", "python", "compiler", "glibc"
 * @property {number} needsMB free disk, roughly
 * @property {string[]} after ids of the steps that come first
 * @property {string} stamp the stamp's path: inside of what the step makes, so that both go together
 * @property {() => object} inputs what the result depends on
 * @property {() => string[]} outputs what has to exist
 * @property {() => boolean} [adopt] accepts a result that somebody else made
 * @property {(context: object) => Promise<object>} run makes the result; returns notes for the stamp
 */

/** All steps, in the order of a person's reading. @returns {Step[]} */
export function allSteps(paths) {
  return [npmPackages, pythonPackages, tensorflow, addon, kernels, compiler, kernelspec, emoji].map((make) =>
    make(paths),
  );
}

/** True when the step's result is there and was made from today's inputs. */
export function isDone(step) {
  return stampMatches(step.stamp, step.inputs(), step.outputs()) || Boolean(step.adopt?.());
}

/**
 * Brings the clone to a working state; returns at once when it is.
 * @param {object} [options]
 * @param {import("./paths.mjs").Paths} [options.paths]
 * @param {Step[]} [options.steps]
 * @param {Progress} [options.progress]
 * @returns {Promise<string[]>} the ids of the steps that ran
 */
export async function setUp(options = {}) {
  const paths = options.paths ?? pathsUnder(root);
  const steps = options.steps ?? allSteps(paths);
  if (steps.every(isDone)) return [];
  const progress = options.progress ?? new Progress();
  const stop = new AbortController();
  const onSignal = (name) =>
    stop.abort(new SetupFailure(`set-up: stopped by ${name} (the same command goes on from here)`));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  let lock = null;
  try {
    mkdirSync(paths.state, { recursive: true });
    lock = await takeLock(paths.setupLock, (pid) =>
      progress.line(`set-up: another set-up is at work here (process ${pid}); waiting for it`),
    );
    const pending = pendingSteps(steps);
    checkPrerequisites(paths, pending);
    const since = Date.now();
    const ran = await runSteps(steps, { paths, lock, progress, signal: stop.signal }, stop);
    if (ran.length > 0) progress.line(`set-up: ready after ${seconds(Date.now() - since)}`);
    return ran;
  } catch (error) {
    if (isDiskFull(error)) throw diskFailure("files", 0);
    throw error;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onSignal);
    progress.stop();
    lock?.release();
  }
}

/** The steps to be done, with all that come after them (their inputs will have changed). */
export function pendingSteps(steps) {
  const pending = new Set();
  for (let size = -1; size !== pending.size; ) {
    size = pending.size;
    for (const step of steps) {
      if (step.after.some((id) => pending.has(id)) || !isDone(step)) pending.add(step.id);
    }
  }
  return steps.filter((step) => pending.has(step.id));
}

/** Runs each step when those before it are done; the first failure stops the others. */
async function runSteps(steps, context, stop) {
  const ran = [];
  const running = new Map();
  const start = (step) => {
    if (!running.has(step.id)) running.set(step.id, runStep(step));
    return running.get(step.id);
  };
  const runStep = async (step) => {
    await Promise.all(step.after.map((id) => start(steps.find((other) => other.id === id))));
    context.signal.throwIfAborted();
    if (isDone(step)) return;
    context.progress.start(step.title, step.expectation);
    try {
      rmSync(step.stamp, { force: true });
      const notes = await step.run(context);
      writeStamp(step.stamp, step.inputs(), notes);
    } catch (error) {
      if (!context.signal.aborted) stop.abort(error);
      throw error;
    }
    context.progress.done(step.title);
    ran.push(step.id);
  };
  await Promise.allSettled(steps.map(start));
  context.signal.throwIfAborted();
  await Promise.all(running.values());
  return ran;
}
