/** Data sets by name: what a notebook's parameter `dataset` may say. */
import type { Dataset } from "./dataset";
import { openEmoji } from "./emoji";

const DATASETS: Record<string, () => Promise<Dataset>> = { emoji: () => openEmoji() };

/** Opens the data set `name`. Throws, listing the names, when there is none. */
export async function openDataset(name: string): Promise<Dataset> {
  const open = DATASETS[name];
  if (!open)
    throw new Error(`openDataset: expected one of ${Object.keys(DATASETS).join(", ")}, got "${name}"`);
  return await open();
}
