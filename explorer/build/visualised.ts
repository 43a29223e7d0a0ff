/** Pictures made for chosen features by gradient ascent, kept. */
import { featureKey, type Study, visualiseFeature } from "../../lib/analysis";
import type { RgbPicture } from "../../lib/io";
import { type KeptOptions, keptColumns } from "./kept-columns";

/** By feature; each takes a few hundred runs of the model forth and back. Throws for a feature that the SAE does not have. */
export async function visualisedFeatures(
  { clip, sae, originals }: Pick<Study, "clip" | "sae" | "originals">,
  features: readonly number[],
  {
    hookPoint,
    steps,
    ...kept
  }: { hookPoint: string; steps?: number } & Pick<
    KeptOptions<{ pixels: Uint8Array }>,
    "cache" | "onProgress" | "signal"
  >,
): Promise<Map<number, RgbPicture>> {
  const side = clip.config.vision_config.image_size;
  const made = new Map<number, RgbPicture>();
  for (const feature of features) {
    const columns = { pixels: new Uint8Array(side * side * 3) };
    const key = await featureKey(sae, originals, "explorer-visualised/1", hookPoint, feature, steps);
    const compute = async () => {
      const { picture } = await visualiseFeature({
        ...{ clip, sae, hookPoint, feature, steps, signal: kept.signal },
        onStep: ({ step }) => kept.onProgress?.(`picture for feature ${feature}`, step, steps ?? 200),
      });
      columns.pixels.set(picture.data);
    };
    await keptColumns({ ...kept, stage: "visualised", key, columns, rows: 1, size: 1, compute });
    made.set(feature, { data: columns.pixels, width: side, height: side });
  }
  return made;
}
