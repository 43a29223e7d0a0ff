/** From features with their strongest pictures to pictures with the features that they are strong in. */
import type { FeatureChunk } from "../format/page-format";
import type { Appearances } from "../format/picture-format";

/** Of pictures `from` to `to`. `details` are of all F features, their pictures numbered as the page does. */
export function appearancesOf(
  { pictures, activations }: Pick<FeatureChunk, "pictures" | "activations">,
  top: number,
  from: number,
  to: number,
): Appearances {
  const found: number[] = [];
  for (let place = 0; place < pictures.length; place++) {
    if (pictures[place] >= from && pictures[place] < to) found.push(place);
  }
  found.sort((a, b) => pictures[a] - pictures[b] || activations[b] - activations[a] || a - b);
  const starts = new Int32Array(to - from + 1);
  for (const place of found) starts[pictures[place] - from + 1]++;
  for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
  return {
    starts,
    features: Int32Array.from(found, (place) => Math.floor(place / top)),
    activations: Float32Array.from(found, (place) => activations[place]),
  };
}
