/** Failures that a person can mend: one line that says what was expected, what was found and what to do. */

/** A foreseeable failure: its message is shown as it is, without a stack trace. */
export class SetupFailure extends Error {
  name = "SetupFailure";
}

const noDisk = /ENOSPC|No space left on device|disk quota exceeded|EDQUOT/i;
const noNetwork =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|network (request|connectivity)|Temporary failure in name resolution|Name or service not known|Failed to establish a new connection|Network is unreachable|NewConnectionError|NameResolutionError|Max retries exceeded|Read timed out|ReadTimeout|ProxyError|getaddrinfo/i;
const noise =
  /^(npm (warn|notice)|npm error (A complete log|code|errno|syscall|Log files)|WARNING:|\[notice\]|\s*$)/i;

/**
 * The one line for a child that ended badly.
 * @param {object} options
 * @param {string} options.where the step, as a person knows it ("npm packages")
 * @param {string} options.command what ran ("npm ci")
 * @param {number | string} options.code exit code or signal
 * @param {string} options.output the last part of what it printed
 * @param {string} options.log path of the whole output, relative to the clone
 * @param {number} [options.needsMB] free disk that the step needs
 */
export function describeFailure({ where, command, code, output, log, needsMB = 0 }) {
  if (noDisk.test(output)) return diskFailure(where, needsMB);
  if (noNetwork.test(output)) {
    return new SetupFailure(
      `set-up: ${where}: expected to reach the package registry, got no answer (check the network or proxy, then run the same command again; log: ${log})`,
    );
  }
  const lines = output.split(/\r?\n/).filter((line) => !noise.test(line));
  // npm tells the reason first, pip, compilers and Python last.
  const told =
    lines.find((line) => /^npm error \S/.test(line)) ??
    lines.findLast((line) => /\berror\b/i.test(line)) ??
    lines.at(-1) ??
    "no output";
  return new SetupFailure(
    `set-up: ${where}: expected "${command}" to end with 0, got ${code}: ${told.trim().slice(0, 200)} (log: ${log})`,
  );
}

/** The line for a full disk. */
export function diskFailure(where, needsMB, freeMB = 0) {
  const needed = needsMB > 0 ? `${needsMB} MB of free disk` : "free disk";
  return new SetupFailure(
    `set-up: ${where}: expected ${needed}, found ${freeMB > 0 ? `${freeMB} MB` : "the disk full"} (free some space, then run the same command again)`,
  );
}

/** True for an error of this process's own file writes that means a full disk. */
export function isDiskFull(error) {
  return error?.code === "ENOSPC" || error?.code === "EDQUOT";
}
