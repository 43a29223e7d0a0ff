/** What the clusters are called: a mixture of two bells splits every SAE's features in two, and not every SAE has the post's cluster. */
import { CLUSTERS, type FeatureColumns } from "../format/page-format";

/** Share of pictures below which the post's cluster fires, of most of its features. */
const ULTRA_LOW = 1e-3;

/** Names of the rows of `CLUSTERS`. */
export function clusterNames({ cluster, density }: Pick<FeatureColumns, "cluster" | "density">): string[] {
  const row = CLUSTERS.indexOf("weaker");
  const weaker = density.filter((_, feature) => cluster[feature] === row);
  const rare = weaker.filter((share) => share < ULTRA_LOW).length;
  return rare > weaker.length / 2
    ? ["never fires", "ultra-low density", "dense"]
    : ["never fires", "weaker half", "stronger half"];
}
