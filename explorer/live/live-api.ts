/** The requests of a live page: what is asked, its bounds, and one thing computed at a time. */

import { LIMITS } from "../format/live-format";
import type { LiveModels } from "./live";
import { type Api, type ApiRequest, Refusal } from "./server";

/** Requests that may wait for the one that is computed. */
const WAITING = 8;
/** Factors of activations: what lies outside says nothing about the model any more. */
const LARGEST_FACTOR = 100;

/** `api` answers `picture`, `heatmaps`, `edit` and `search` (live-format.ts); `idle` waits until nothing is computed any more. */
export function liveApi(live: LiveModels): { api: Api; idle: () => Promise<unknown> } {
  const { compute, idle } = oneAtATime(WAITING);
  const routes: Record<string, (request: ApiRequest) => Promise<object>> = {
    "POST picture": async ({ query, body, signal }) => {
      const number = query.get("picture");
      if (number !== null) return await compute(() => live.pick(Number(number)), signal);
      const file = await body(LIMITS.pictureBytes);
      return await compute(() => live.upload(file), signal);
    },
    "POST heatmaps": ({ query, signal }) =>
      compute(() => live.heatmaps(query.get("id") ?? "", signal), signal),
    "POST edit": async ({ query, body, signal }) => {
      const factors = readFactors(await body(LIMITS.editBytes), live.features);
      const edit = async () => ({ probabilities: await live.edit(query.get("id") ?? "", factors) });
      return await compute(edit, signal);
    },
    "GET search": async ({ query, signal }) => {
      const words = (query.get("text") ?? "").trim();
      if (words === "" || words.length > LIMITS.words)
        throw new Refusal(400, `search: expected 1 to ${LIMITS.words} characters, got ${words.length}`);
      return await compute(() => live.search(words), signal);
    },
  };
  const api: Api = (request) => {
    const route = `${request.method} ${request.path}`;
    return Object.hasOwn(routes, route) ? routes[route](request) : undefined;
  };
  return { api, idle };
}

/** `{"factors": [[feature, factor], …]}`. Throws a Refusal for anything else. */
function readFactors(body: Buffer, features: number): Map<number, number> {
  const refuse = (got: string) =>
    new Refusal(
      400,
      `edit: expected {"factors": [[feature below ${features}, factor from 0 to ${LARGEST_FACTOR}], …]}, got ${got}`,
    );
  let factors: unknown;
  try {
    factors = (JSON.parse(body.toString("utf8")) as { factors?: unknown } | null)?.factors;
  } catch {
    throw refuse("no JSON");
  }
  if (!Array.isArray(factors)) throw refuse("no list of factors");
  for (const pair of factors) {
    const [feature, factor] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    const isFeature = Number.isInteger(feature) && feature >= 0 && feature < features;
    const isFactor = typeof factor === "number" && factor >= 0 && factor <= LARGEST_FACTOR;
    if (!isFeature || !isFactor) throw refuse(JSON.stringify(pair).slice(0, 80));
  }
  return new Map(factors as [number, number][]);
}

/** Runs tasks in the order in which they come, one at a time; those that nobody waits for any more are left out, and more than `most` waiting are refused. */
function oneAtATime(most: number) {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const compute = async <T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (waiting > most) {
      throw new Refusal(503, `api: expected at most ${most} requests waiting, got one more (do: try again)`);
    }
    waiting++;
    const turn = last.then(() => {
      signal.throwIfAborted();
      return task();
    });
    last = turn.catch(() => {}).finally(() => waiting--);
    return await turn;
  };
  return { compute, idle: () => last };
}
