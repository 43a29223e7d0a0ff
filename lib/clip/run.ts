/** Runs of a tower with its inside open: read values at hook points, replace them, and no more computing than that needs. */

import type { RgbPicture } from "../io";
import { frozen, type NamedTensors, type Tensor, tf } from "../tensor";
import { asHookPoint, type HookPoint, type TokenChoice, type Tower } from "./hook-points";
import type { Clip } from "./model";
import { type HookFunctions, Tap, type TapOptions } from "./tap";
import { type TokenBatch, textTower } from "./text";
import { toPatches, visionTower } from "./vision";

/**
 * What a tower is run on, which also says which tower: pictures; normalised pixels [B, S, S, 3]; patches [B, N, 3·P·P];
 * texts; or token numbers. Tensors stay the caller's.
 */
export type ClipInput =
  | { pictures: readonly RgbPicture[] }
  | { pixels: Tensor }
  | { patches: Tensor }
  | { texts: readonly string[] }
  | { tokens: TokenBatch };

/** Values by hook point, owned by the caller. */
export type Cache<P extends HookPoint = HookPoint> = Record<P, Tensor>;

export interface CacheOptions<P extends HookPoint> {
  /** What to read. */
  hooks: readonly P[];
  /**
   * Which tokens: "class" (pictures) and "end" (texts) give values without the token axis, "patches" (pictures) leaves out the class
   * token, "all" (the default) keeps all. Of scores and patterns it chooses the queries. Pooled values have no tokens.
   */
  tokens?: TokenChoice;
}

export interface HookOptions<P extends HookPoint> {
  /**
   * Functions by hook point: each gets the value and gives what goes on in its place, of the same shape: the value itself or
   * another tensor. What it makes is disposed by the run; what it is given it must leave alone. It must be synchronous.
   */
  hooks: HookFunctions;
  /** What to read, after replacing. Default: nothing. */
  cache?: readonly P[];
  /** Which tokens of what is read, as in `CacheOptions`. */
  tokens?: TokenChoice;
}

/**
 * Reads the values at `hooks`. Runs no further than to the last of them, and of the last block computes only the class token's row when
 * `tokens` is "class". Throws on a name that is no hook point. The caller disposes the values.
 */
export async function runWithCache<const P extends HookPoint>(
  clip: Clip,
  input: ClipInput,
  { hooks, tokens }: CacheOptions<P>,
): Promise<Cache<P>> {
  const { cache } = await runTower(clip, input, { read: hooks, tokens });
  return cache as Cache<P>;
}

/** Runs to the embedding, not normalised [B, P], with values replaced on the way. The caller disposes what is returned. */
export async function runWithHooks<const P extends HookPoint = never>(
  clip: Clip,
  input: ClipInput,
  { hooks, cache: read = [], tokens }: HookOptions<P>,
): Promise<{ embedding: Tensor; cache: Cache<P> }> {
  const { embedding, cache } = await runTower(clip, input, { read, tokens, replace: hooks, toEnd: true });
  return { embedding: embedding!, cache: cache as Cache<P> };
}

async function runTower(
  clip: Clip,
  input: ClipInput,
  options: TapOptions,
): Promise<{ embedding: Tensor | undefined; cache: NamedTensors }> {
  const tower = towerOf(input);
  checkTap(clip, tower, options);
  if (tower === "text") {
    const tokens =
      "tokens" in input ? input.tokens : clip.tokenizer.batch((input as { texts: string[] }).texts);
    return runTapped(options, (tap) => textTower(tokens, clip.parameters, clip.config, { tap, ops: frozen }));
  }
  const patches = await patchesOf(clip, input);
  try {
    return runTapped(options, (tap) =>
      visionTower(patches, clip.parameters, clip.config, { tap, ops: frozen }),
    );
  } finally {
    if (!("patches" in input)) patches.dispose();
  }
}

/** Runs `forward` with a tap; nothing is left behind when it throws. */
export function runTapped(
  options: TapOptions,
  forward: (tap: Tap) => Tensor | undefined,
): { embedding: Tensor | undefined; cache: NamedTensors } {
  const tap = new Tap(options);
  try {
    const embedding = tf.tidy(() => forward(tap));
    return { embedding, cache: Object.fromEntries(tap.values) };
  } catch (error) {
    tf.dispose([...tap.values.values()]);
    throw error;
  }
}

/** Throws on names and token choices that the tower has not. */
export function checkTap(
  clip: Clip,
  tower: Tower,
  { read = [], replace = {}, tokens = "all" }: TapOptions,
): void {
  for (const point of [...read, ...Object.keys(replace)]) asHookPoint(point, clip.config, tower);
  const choices: readonly TokenChoice[] = tower === "vision" ? ["class", "patches", "all"] : ["end", "all"];
  if (!choices.includes(tokens)) {
    throw new Error(
      `hook point: expected tokens ${choices.join(", ")} of the ${tower} tower, got "${tokens}"`,
    );
  }
}

function towerOf(input: ClipInput): Tower {
  return "texts" in input || "tokens" in input ? "text" : "vision";
}

/** The input as patches; the caller owns them unless they were the input. */
async function patchesOf(clip: Clip, input: ClipInput): Promise<Tensor> {
  if ("pictures" in input) return await clip.patches(input.pictures);
  if ("patches" in input) return input.patches;
  const { pixels } = input as { pixels: Tensor };
  const { image_size } = clip.config.vision_config;
  if (pixels.shape.slice(1).join() !== `${image_size},${image_size},3`) {
    throw new Error(
      `hook point: expected pixels [B, ${image_size}, ${image_size}, 3], got [${pixels.shape}]`,
    );
  }
  return toPatches(pixels, clip.config.vision_config);
}
