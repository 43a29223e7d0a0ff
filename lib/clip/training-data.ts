/** What contrastive training learns from, and how a step's batch is drawn from it. */
import { Random } from "../tensor";

/** Pictures with the concept each one shows; several pictures may share a concept. */
export interface ContrastiveData {
  /** Identifies pictures and split. */
  hash: string;
  /** RGB bytes of all pictures, [N, side, side, 3]. */
  pictures: Uint8Array;
  side: number;
  concepts: Concept[];
  /** Texts of the broader labels that `Concept.label` numbers. */
  labelTexts: string[];
}

export interface Concept {
  name: string;
  /** Further words for it, the most telling first. */
  keywords: string[];
  /** Numbers of its pictures. */
  pictures: number[];
  /** Number of its broader label, -1 for none. */
  label: number;
  /** Concepts with `rare` are drawn less often (see `rareShare`), for variants such as skin tones. */
  rare: boolean;
}

export interface BatchOptions {
  /** Different concepts in a batch. */
  concepts: number;
  /** Pictures of each, fewer where there are not so many. */
  picturesPerConcept: number;
  /** Share of a batch's concepts that are rare ones. */
  rareShare: number;
  /** Share of pictures that are mixed with another of their concept. */
  mixShare: number;
}

export interface Batch {
  /** The batch's concepts, numbers into `ContrastiveData.concepts` [U]. */
  concepts: number[];
  captions: string[];
  /** Which of the U concepts each picture shows [B]. */
  conceptOf: Int32Array;
  labelOf: Int32Array;
  /** Pixels 0 … 1, [B, side, side, 3]. */
  pixels: Float32Array;
}

/**
 * The batch of step `step`: a function of the data, the seed and the step alone, so that training resumes exactly.
 * An epoch shows every common concept at most once, in an order of its own; those that do not fill a last batch wait for
 * the next.
 */
export function drawBatch(data: ContrastiveData, step: number, seed: number, options: BatchOptions): Batch {
  const random = new Random(`batch/${seed}/${step}`);
  const common = data.concepts.flatMap(({ rare }, i) => (rare ? [] : [i]));
  const rare = data.concepts.flatMap(({ rare }, i) => (rare ? [i] : []));
  const rareCount = rare.length > 0 ? Math.round(options.concepts * options.rareShare) : 0;
  const concepts = [
    ...fromEpochs(common, step, options.concepts - rareCount, `common/${seed}`),
    ...fromEpochs(rare, step, rareCount, `rare/${seed}`),
  ];
  const chosen: { picture: number; mixed?: number; concept: number }[] = [];
  concepts.forEach((concept, row) => {
    const pool = random.shuffle([...data.concepts[concept].pictures]);
    for (const picture of pool.slice(0, options.picturesPerConcept)) {
      const mixed = random.uniform() < options.mixShare ? pool[random.int(pool.length)] : undefined;
      chosen.push({ picture, mixed, concept: row });
    }
  });
  const size = data.side * data.side * 3;
  const pixels = new Float32Array(chosen.length * size);
  chosen.forEach(({ picture, mixed = picture }, i) => {
    const weight = (mixed === picture ? 1 : 0.3 + 0.7 * random.uniform()) / 255;
    const rest = 1 / 255 - weight;
    const [a, b, to] = [picture * size, mixed * size, i * size];
    for (let j = 0; j < size; j++)
      pixels[to + j] = weight * data.pictures[a + j] + rest * data.pictures[b + j];
  });
  return {
    concepts,
    captions: concepts.map((concept) => caption(data.concepts[concept], random)),
    conceptOf: Int32Array.from(chosen, ({ concept }) => concept),
    labelOf: Int32Array.from(chosen, ({ concept }) => data.concepts[concepts[concept]].label),
    pixels,
  };
}

/** Entries number step·count … of the endless sequence of shuffled epochs, without repeats inside a batch. */
function fromEpochs(items: readonly number[], step: number, count: number, label: string): number[] {
  if (count > items.length)
    throw new Error(`drawBatch: expected at least ${count} concepts, got ${items.length}`);
  const batches = Math.floor(items.length / Math.max(count, 1));
  const order = new Random(`${label}/${Math.floor(step / batches)}`).permutation(items.length);
  const start = (step % batches) * count;
  return [...order.subarray(start, start + count)].map((i) => items[i]);
}

const TEMPLATES = ["{}", "{}", "an emoji of {}", "an emoji of {}", "a picture of {}", "a drawing of {}"];

/** One of several ways to say a concept. */
export function caption({ name, keywords }: Concept, random: Random): string {
  let words = name;
  if (keywords.length > 0 && random.uniform() < 0.25) {
    const picked = random.shuffle([...keywords]).slice(0, 1 + random.int(2));
    words = `${name}, ${picked.join(", ")}`;
  }
  return TEMPLATES[random.int(TEMPLATES.length)].replace("{}", words);
}
