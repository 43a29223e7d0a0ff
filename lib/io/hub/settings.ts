/** Where the Hugging Face hub and its cache on disk are: the environment variables of Python's huggingface_hub. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface HubSettings {
  /** Address of the hub, without a slash at its end: HF_ENDPOINT. */
  endpoint: string;
  /** Folder of `models--org--name`: HF_HUB_CACHE, or `hub` in HF_HOME. */
  cache: string;
  /** Sent to the endpoint and to nobody else: HF_TOKEN, or what `hf auth login` wrote. */
  token?: string;
  /** HF_HUB_OFFLINE: never ask the network. */
  offline: boolean;
}

/** As Python's huggingface_hub reads them. */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const home =
    path(env.HF_HOME) ?? join(path(env.XDG_CACHE_HOME) ?? join(homedir(), ".cache"), "huggingface");
  const cache = path(env.HF_HUB_CACHE) ?? path(env.HUGGINGFACE_HUB_CACHE) ?? join(home, "hub");
  const endpoint = (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  if (!URL.canParse(endpoint))
    throw new Error(`HF_ENDPOINT: expected an address as https://huggingface.co, got "${endpoint}"`);
  const implicit = !isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN);
  const named = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN ?? "").trim();
  const token = implicit ? named || storedToken(path(env.HF_TOKEN_PATH) ?? join(home, "token")) : undefined;
  return {
    endpoint,
    cache,
    ...(token && { token }),
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
  };
}

function isTrue(value = ""): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());
}

/** A path of the environment with its ~ resolved; nothing for an empty one. */
function path(value?: string): string | undefined {
  return value ? value.replace(/^~(?=\/|$)/, homedir()) : undefined;
}

function storedToken(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch {
    return undefined; // nobody has logged in
  }
}
