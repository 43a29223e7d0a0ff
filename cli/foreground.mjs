/** Child processes that own the terminal (JupyterLab, a command, the tests): signals and exit codes. */
import { spawn } from "node:child_process";

/**
 * Runs a program on our terminal to its end; Ctrl-C reaches it directly, other signals are passed on.
 * @returns {Promise<number>} its exit code, 128 + signal where one ended it
 */
export function runInForeground(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  const pass = (signal) => child.kill(signal);
  const wait = () => {};
  process.on("SIGINT", wait).on("SIGTERM", pass).on("SIGHUP", pass);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", wait).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(code ?? { SIGINT: 130, SIGKILL: 137, SIGABRT: 134, SIGSEGV: 139 }[signal] ?? 143);
    });
  });
}
