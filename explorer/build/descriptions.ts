/** The columns of the automatic descriptions: what is known of pictures in words goes in, a tested description of each feature comes out. */
import { createHash } from "node:crypto";
import { type Descriptions, describeFeatures, type Study, scoreDescriptions } from "../../lib/analysis";
import type { Dataset } from "../../lib/datasets";
import type { ActivationSource } from "../../lib/sae";
import type { FeatureColumns } from "../format/page-format";
import { type KeptOptions, keptColumns } from "./kept-columns";

/** Kinds of label that say how a picture is drawn, not what it shows. */
const NOT_CONTENT = ["style", "split"];
const AT_ONCE = 16;
/** Words that say nothing about a picture, if no other is beside them. */
const STOP_WORDS = new Set(
  `a about above after all an and any are as at be been being below between both but by can did do does during each few for from had has have having he her here hers him
  his how if in into is it its itself more most no nor not of off on once only or other our out over own same she should so some such than that the their them then there
  these they this those through to too under until up very was we were what when where which while who whom why will with you your`.split(
    /\s+/,
  ),
);

export type DescriptionColumns = Pick<
  FeatureColumns,
  "description" | "descriptionScore" | "descriptionShuffled" | "descriptionTexts"
>;

export interface DescribeOptions
  extends Pick<KeptOptions<Record<string, Float32Array>>, "key" | "cache" | "onProgress" | "signal"> {
  hookPoint: string;
  /** Text of a description for CLIP, {} for it. */
  prompt: string;
  /** Embeddings of all pictures [N, P]. */
  embeddings: ActivationSource;
  /** Features that are tested, those that fire most often; testing runs the model some 16 times a feature. */
  tested: number;
}

/** Describes every feature and tests the descriptions of those that fire most often. */
export async function describedFeatures(
  {
    clip,
    sae,
    pictures,
    originals,
    statistics,
  }: Pick<Study, "clip" | "sae" | "pictures" | "originals" | "statistics">,
  { hookPoint, prompt, embeddings, tested, ...kept }: DescribeOptions,
): Promise<DescriptionColumns> {
  const { onProgress = () => {}, signal } = kept;
  const known = new Map<number, string[]>();
  const textsOf = (row: number) => {
    const texts = known.get(row) ?? pictureWords(pictures, row);
    known.set(row, texts);
    return texts;
  };
  const { top } = statistics;
  const descriptions = await describeFeatures({
    ...{ clip, top, textsOf, embeddings, prompt, signal },
    onProgress: (done, total) => onProgress("descriptions", done, total),
  });
  const { featureDensity } = statistics.density.result();
  const features = [...featureDensity.keys()]
    .filter((feature) => descriptions.description[feature] >= 0)
    .sort((a, b) => featureDensity[b] - featureDensity[a] || a - b)
    .slice(0, tested);
  const columns = {
    score: new Float32Array(sae.config.dSae).fill(Number.NaN),
    shuffled: new Float32Array(sae.config.dSae).fill(Number.NaN),
  };
  const compute = async (from: number, to: number) => {
    const chosen = features.slice(from, to);
    const scores = await scoreDescriptions({
      ...{ clip, sae, pictures, top, hookPoint, descriptions, activations: originals },
      features: chosen,
      signal,
    });
    for (const feature of chosen) {
      columns.score[feature] = scores.score[feature];
      columns.shuffled[feature] = scores.shuffled[feature];
    }
  };
  const work = { stage: "tests of descriptions", columns, rows: features.length, size: AT_ONCE, compute };
  // Scores are of these descriptions alone.
  const key = kept.key && keyOf(kept.key, descriptions);
  await keptColumns({ ...kept, key, ...work });
  return {
    description: descriptions.description,
    descriptionScore: columns.score,
    descriptionShuffled: columns.shuffled,
    descriptionTexts: descriptions.texts,
  };
}

function keyOf(key: string, { texts, description }: Descriptions): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([key, texts]))
    .update(description);
  return hash.digest("hex").slice(0, 16);
}

/** What is known of a picture in words, in lower case: its caption, the words of it, its labels, its keywords where the set has them; none of stop words alone. */
export function pictureWords(pictures: Pick<Dataset, "record">, row: number): string[] {
  const { caption, labels, ...others } = pictures.record(row);
  const { keywords = [] } = others as { keywords?: readonly string[] };
  const named = Object.entries(labels).flatMap(([kind, name]) =>
    name === null || NOT_CONTENT.includes(kind) ? [] : [name.replace(/[-_]/g, " ")],
  );
  const words = caption.match(/[\p{L}\p{N}]{3,}/gu) ?? [];
  const texts = [caption, ...words, ...named, ...keywords].map((text) => text.toLowerCase());
  return [...new Set(texts)].filter((text) =>
    (text.match(/[\p{L}\p{N}]+/gu) ?? [text]).some((word) => !STOP_WORDS.has(word)),
  );
}
