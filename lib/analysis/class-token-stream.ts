/** Class tokens straight from CLIP for training without a store: every pass sees the pictures in a new order and a new view. */
import { activationRowShape, activationRows, type Clip } from "../clip";
import { type Dataset, readPictures } from "../datasets";
import type { ActivationProducer } from "../sae";
import { Random } from "../tensor";

export interface ClassTokenStreamOptions {
  clip: Clip;
  dataset: Dataset;
  /** As `blocks.4.hook_resid_post`. */
  hookPoint: string;
  /** Numbers of the pictures. */
  pictures: Uint32Array;
  /** Order and augmented views follow from it. */
  seed: number;
  /** Passes after which views come again: the first is the pictures themselves. Default: never. */
  views?: number;
}

/** Rows for `trainSae`: pass 0 has the pictures as they are, pass v the gently augmented view v of each, in an order of its own. */
export function classTokenStream(options: ClassTokenStreamOptions): ActivationProducer {
  const { clip, dataset, hookPoint, pictures, seed, views = Number.POSITIVE_INFINITY } = options;
  const { width } = activationRowShape(clip, { hookPoint, tokens: "class" });
  const P = pictures.length;
  return {
    rows: P,
    width,
    contentHash: `stream:${clip.hash}:${dataset.hash}:${hookPoint}:${P}:${views}:${seed}`,
    produce(pass, from) {
      const view = pass % views;
      const order = new Random(seed).fork(`pass-${pass}`).permutation(P);
      const read = async (indices: readonly number[]) => {
        const wanted = indices.map((index) => pictures[order[index]]);
        return await readPictures(dataset, wanted, clip.preprocessor);
      };
      const rows = {
        hookPoint,
        tokens: "class" as const,
        pictures: P,
        views: view + 1,
        seed: seed + pass,
        read,
      };
      return activationRows(clip, rows, view * P + from);
    },
  };
}
