/** Asks the server behind the page, where there is one. */
import { LIVE_MARK, type LiveError } from "../format/live-format";

/** Whether a live server gave this page out; a folder, or any other server, computes nothing. */
export const isLive = document.querySelector(`meta[name="${LIVE_MARK}"]`) !== null;

/** What is said in the place of what needs the server. */
export const LIVE_COMMAND = "npx vitrine explore --serve";

/** The server's answer. Throws its own words when it refuses, and the signal's reason when it is aborted. */
export async function ask<T extends object>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`api/${path}`, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Error(
      `The server does not answer any more. Start it again (${LIVE_COMMAND}, or the notebook's cell)`,
    );
  }
  const answer = (await response.json()) as T | LiveError;
  if (!response.ok) throw new Error((answer as LiveError).error);
  return answer as T;
}

/** Runs only the newest of what it is given: an earlier one that still goes on is aborted, and one that has not begun is left out. */
export function newest(delayMs: number) {
  let stop = new AbortController();
  let timer = 0;
  return (task: (signal: AbortSignal) => Promise<void>, fail: (error: unknown) => void): void => {
    stop.abort();
    clearTimeout(timer);
    stop = new AbortController();
    const { signal } = stop;
    timer = setTimeout(() => {
      task(signal).catch((error) => {
        if (!signal.aborted) fail(error);
      });
    }, delayMs);
  };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
