/** Notices that the process which started the kernel is gone: a kernel whose Jupyter was killed must not live for ever. */

/** How often to look, in ms. */
const intervalMs = 1_000;

/**
 * Calls `gone` once. Watches nothing unless Jupyter asked for it: it sets JPY_PARENT_PID to its own process.
 * (JPY_INTERRUPT_EVENT, its other variable, is a handle that only Windows has.)
 */
export function onParentGone(gone: () => void): void {
  const asked = Number(process.env.JPY_PARENT_PID);
  if (!asked) return;
  // Usually one and the same; with a launcher in between, the end of either is the end of the session.
  const parent = process.ppid;
  const watchAsked = asked !== parent && isAlive(asked);
  // Adopted before the first look: Jupyter died while the kernel was starting.
  const isAdopted = parent === 1 && asked !== 1;
  const timer = setInterval(() => {
    if (!isAdopted && process.ppid === parent && (!watchAsked || isAlive(asked))) return;
    clearInterval(timer);
    gone();
  }, intervalMs);
  timer.unref();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
