/** One request to the hub: redirects followed by hand, so that the token stays with the endpoint; refusals as clear errors. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HubSettings } from "./settings";

const MOST_REDIRECTS = 8;
const MOST_TRIES = 5;

export interface HubRequest {
  settings: HubSettings;
  /** `org/name`, for errors. */
  id: string;
  revision: string;
  signal?: AbortSignal;
  /** First pause between tries, milliseconds; it doubles. Default 500. */
  pause?: number;
}

/** Final: asking again at once would not help. */
export class HubError extends Error {}

/** The hub cannot be reached at all. */
export class HubUnreachable extends HubError {}

/**
 * Asks until there is an answer: servers that are busy (429, 5xx) or out of reach are asked again a few times. Answers 2xx and 416 are returned, all
 * others thrown. The token goes to the endpoint's own origin alone.
 */
export async function hubRequest(
  address: string,
  request: HubRequest,
  headers: Record<string, string> = {},
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const pause = (request.pause ?? 500) * 2 ** (attempt - 1);
    let response: Response;
    try {
      response = await follow(address, request, headers);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof HubError) throw error;
      if (attempt < MOST_TRIES) {
        await sleep(pause, undefined, { signal: request.signal });
        continue;
      }
      throw new HubUnreachable(
        `${request.id}: expected an answer of ${new URL(address).origin}, got ${reasonOf(error)} (do: check the network and HF_ENDPOINT)`,
      );
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const busy = response.status === 429 || response.status >= 500;
    if (!busy || attempt >= MOST_TRIES) throw refusal(response, request);
    const asked = Number(response.headers.get("retry-after") ?? Number.NaN) * 1000;
    await sleep(Math.min(Number.isFinite(asked) ? asked : pause, 60_000), undefined, {
      signal: request.signal,
    });
  }
}

async function follow(
  address: string,
  { settings, id, signal }: HubRequest,
  headers: Record<string, string>,
): Promise<Response> {
  const home = new URL(settings.endpoint).origin;
  let at = new URL(address);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const own = at.origin === home && settings.token;
    const response = await fetch(at, {
      headers: {
        "user-agent": "vitrine",
        ...headers,
        ...(own ? { authorization: `Bearer ${settings.token}` } : {}),
      },
      redirect: "manual",
      signal,
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !location) return response;
    await response.body?.cancel();
    const next = new URL(location, at);
    if (at.protocol === "https:" && next.protocol !== "https:") {
      throw new HubError(`${id}: expected a redirect to https, got ${next.origin} (do: check HF_ENDPOINT)`);
    }
    at = next;
  }
  throw new HubError(`${id}: expected at most ${MOST_REDIRECTS} redirects, got more (do: check HF_ENDPOINT)`);
}

/** What a refusal means and what to do about it. */
function refusal(response: Response, { settings, id, revision }: HubRequest): HubError {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  const page = `${settings.endpoint}/${id}`;
  if (code === "GatedRepo" || status === 403) {
    return new HubError(
      `${id}: expected to be let in, got ${status}: the model is gated (do: accept its conditions at ${page}, then set HF_TOKEN)`,
    );
  }
  if (code === "RevisionNotFound")
    return new HubError(`${id}: expected a revision "${revision}", got none (do: look at ${page}/tree/main)`);
  if (code === "RepoNotFound" || status === 401 || status === 404) {
    const token = settings.token ? "the token that was sent may not see it" : "set HF_TOKEN if it is private";
    return new HubError(
      `${id}: expected a model on ${settings.endpoint}, got ${status} (do: check its name; ${token})`,
    );
  }
  if (status === 429)
    return new HubError(
      `${id}: expected an answer, got 429: too many requests (do: wait some minutes, or set HF_TOKEN)`,
    );
  return new HubError(
    `${id}: expected an answer of ${settings.endpoint}, got ${status} (do: try again later)`,
  );
}

/** The innermost reason of a failed fetch, which says "fetch failed" itself. */
export function reasonOf(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause) at = at.cause;
  const code = (at as NodeJS.ErrnoException)?.code;
  return code ?? (at instanceof Error ? at.message : String(at));
}
