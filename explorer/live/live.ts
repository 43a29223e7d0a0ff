/** The computing behind a live page: pictures to features, features to answers, words to features. Keys: B pictures, D width, F features, C label names, P embedding width. */
import { createHash } from "node:crypto";
import {
  type CollectOptions,
  collectClassTokens,
  patchHeatmaps,
  replaceClassToken,
  type Study,
  strongestFirst,
  type TopExamples,
} from "../../lib/analysis";
import {
  asHookPoint,
  type Clip,
  classEmbeddings,
  type HookPoint,
  patchCount,
  runWithCache,
  runWithHooks,
} from "../../lib/clip";
import { type Dataset, readPictures } from "../../lib/datasets";
import { decodePicture, encodePng, fitPicture, fittedSize, type RgbPicture } from "../../lib/io";
import type { ActivationSource, Sae } from "../../lib/sae";
import { type Tensor, type Tensor2D, tf, topK, unitRows } from "../../lib/tensor";
import { LIMITS, type LiveHeatmaps, type LivePicture, type LiveSearch } from "../format/live-format";

/** Pictures whose later requests are answered; each takes what its pixels take. */
const REMEMBERED = 32;
/** Strongest pictures of a feature that a search compares. */
const COMPARED = 16;

export interface LiveOptions {
  hookPoint: string;
  /** Text whose embedding stands for a label, {} for its name. */
  prompt: string;
  /** Rows of the data set by the page's picture numbers. */
  rows: ArrayLike<number>;
}

type LiveStudy = Pick<Study, "clip" | "sae" | "pictures" | "labels"> & {
  statistics: Pick<Study["statistics"], "top">;
};

/** What a study can be asked while the page is open. Clip and SAE stay the caller's; `dispose` frees what was made of them. */
export class LiveModels {
  private readonly seen = new Map<string, RgbPicture>();

  private constructor(
    private readonly clip: Clip,
    private readonly sae: Sae,
    private readonly pictures: Dataset,
    private readonly hookPoint: HookPoint,
    private readonly prompt: string,
    private readonly rows: ArrayLike<number>,
    /** Unit rows [C, P]. */
    private readonly texts: Tensor,
    /** Mean of the unit embeddings of each feature's strongest pictures [F, P]. */
    private readonly means: Tensor2D,
    /** exp(logit_scale) */
    private readonly scale: number,
  ) {}

  /** Embeds the label names, which is cached on disk, and warms the model up. `embeddings`: `pictureEmbeddings` of the study's pictures. */
  static async open(
    { clip, sae, pictures, labels, statistics }: LiveStudy,
    embeddings: ActivationSource,
    { hookPoint, prompt, rows }: LiveOptions,
  ): Promise<LiveModels> {
    const point = asHookPoint(hookPoint, clip.config);
    const means = await meanEmbeddings(statistics.top, embeddings);
    const names = labels.names.map((name) => name.replace(/[-_]/g, " "));
    const texts = await classEmbeddings(clip, names, { templates: [prompt] });
    const scale = Math.exp((await clip.parameters.logit_scale.data())[0]);
    const live = new LiveModels(clip, sae, pictures, point, prompt, rows, texts, means, scale);
    const { height, width } = fittedSize(clip.preprocessor);
    await live.probabilities({ data: new Uint8Array(height * width * 3), width, height, fitted: true });
    return live;
  }

  /** Looks at a picture file. Throws when it is none. */
  async upload(file: Uint8Array): Promise<LivePicture> {
    const picture = await decodePicture(file, { maxPixels: LIMITS.picturePixels });
    return await this.look(picture);
  }

  /** Looks at the page's picture of that number. */
  async pick(picture: number): Promise<LivePicture> {
    if (!(Number.isInteger(picture) && picture >= 0 && picture < this.rows.length)) {
      throw new Error(`picture: expected a number from 0 to ${this.rows.length - 1}, got ${picture}`);
    }
    const [shown] = await readPictures(this.pictures, [this.rows[picture]], this.clip.preprocessor);
    return await this.look(shown);
  }

  private async look(given: RgbPicture): Promise<LivePicture> {
    const { clip, sae } = this;
    const { height, width } = fittedSize(clip.preprocessor);
    const picture = { data: fitPicture(given, clip.preprocessor), width, height, fitted: true };
    const id = createHash("sha256").update(picture.data).digest("hex").slice(0, 32);
    this.remember(id, picture);
    let f = new Float32Array();
    const original = await this.probabilities(picture, (x) => {
      const encoded = sae.encode(x);
      f = encoded.dataSync<"float32">().slice();
      encoded.dispose();
      return x.clone();
    });
    const png = await encodePng({ ...picture, channels: 3 });
    return {
      id,
      image: `data:image/png;base64,${png.toString("base64")}`,
      active: f.reduce((count, value) => count + Number(value > 0), 0),
      features: strongestFirst(f, LIMITS.features),
      original,
      spliced: await this.probabilities(picture, (x) => sae.reconstruct(x)),
    };
  }

  /** Occlusion heatmaps of a picture's strongest features, some fifty runs of the model whatever its number of patches. */
  async heatmaps(id: string, signal?: AbortSignal): Promise<LiveHeatmaps> {
    const { clip, sae, hookPoint } = this;
    const picture = this.recall(id);
    const features = strongestFirst(await this.activations(picture), LIMITS.features).map(
      (one) => one.feature,
    );
    const patches = patchCount(clip.config.vision_config);
    const side = Math.round(Math.sqrt(patches));
    const window = Math.min(side, Math.max(2, Math.round(side / 4)));
    const maps = await patchHeatmaps(picture, {
      ...{ clip, sae, hookPoint, features, signal },
      window,
      stride: Math.max(1, Math.floor(window / 2)),
      // A large model takes a second for each picture, and asks after each run whether somebody still waits.
      batchSize: Math.max(1, Math.round(1024 / patches)),
    });
    return { side, drops: maps.map(({ drops }) => Array.from(drops, rounded)) };
  }

  /**
   * Zero-shot probabilities with feature activations multiplied by factors. The class token x becomes x + decode(f') - decode(f), so that what the SAE does not
   * explain stays as it is and factors of 1 change nothing.
   */
  async edit(id: string, factors: ReadonlyMap<number, number>): Promise<number[]> {
    const { sae } = this;
    const multipliers = new Float32Array(sae.config.dSae).fill(1);
    for (const [feature, factor] of factors) multipliers[feature] = factor;
    return await this.probabilities(this.recall(id), (x) => {
      const f = sae.encode(x);
      return x.add(sae.decode(f.mul(tf.tensor2d(multipliers, [1, multipliers.length])))).sub(sae.decode(f));
    });
  }

  /** Features by the mean cosine of their strongest pictures with the words. */
  async search(words: string): Promise<LiveSearch> {
    const text = this.prompt.replaceAll("{}", words);
    const embedded = (await this.clip.embedTexts([text])) as Tensor2D; // [1, P]
    const best = tf.tidy(() =>
      topK(tf.matMul(embedded, this.means, false, true), Math.min(LIMITS.found, this.means.shape[0])),
    );
    const [features, similarities] = [
      await best.indices.data<"int32">(),
      await best.values.data<"float32">(),
    ];
    tf.dispose([embedded, best.indices, best.values]);
    return { text, features: [...features], similarities: Array.from(similarities, rounded) };
  }

  /** F */
  get features(): number {
    return this.sae.config.dSae;
  }

  dispose(): void {
    tf.dispose([this.texts, this.means]);
    this.seen.clear();
  }

  /** Feature activations [F]. */
  private async activations(picture: RgbPicture): Promise<Float32Array> {
    const { clip, sae, hookPoint } = this;
    const cache = await runWithCache(clip, { pictures: [picture] }, { hooks: [hookPoint], tokens: "class" });
    const f = sae.encode(cache[hookPoint]);
    const values = await f.data<"float32">();
    tf.dispose([cache[hookPoint], f]);
    return values;
  }

  private remember(id: string, picture: RgbPicture): void {
    // Put in anew, so that the first of the map is the one that was longest not looked at.
    this.seen.delete(id);
    this.seen.set(id, picture);
    if (this.seen.size > REMEMBERED) this.seen.delete([...this.seen.keys()][0]);
  }

  private recall(id: string): RgbPicture {
    const picture = this.seen.get(id);
    if (!picture) {
      throw new Error(`picture: expected one of the last ${REMEMBERED}, got another (do: choose it again)`);
    }
    this.remember(id, picture);
    return picture;
  }

  /** Softmax over the label names [C], with the class token [1, D] replaced where `replacement` is given. */
  private async probabilities(picture: RgbPicture, replacement?: (x: Tensor) => Tensor): Promise<number[]> {
    const hooks = replacement ? { [this.hookPoint]: replaceClassToken(replacement) } : {};
    const { embedding } = await runWithHooks(this.clip, { pictures: [picture] }, { hooks });
    const shares = tf.tidy(() =>
      tf.softmax(
        tf.matMul(unitRows(embedding) as Tensor2D, this.texts as Tensor2D, false, true).mul(this.scale),
      ),
    );
    const values = Array.from(await shares.data<"float32">(), rounded);
    tf.dispose([embedding, shares]);
    return values;
  }
}

/** Embeddings of all pictures, not normalised [N, P]: computed once, then read from disk. */
export function pictureEmbeddings(
  { clip, pictures }: Pick<Study, "clip" | "pictures">,
  { onProgress, signal }: Pick<CollectOptions, "onProgress" | "signal"> = {},
): Promise<ActivationSource> {
  const hookPoint = "hook_post_head_pre_normalize";
  return collectClassTokens({ clip, dataset: pictures, hookPoint, views: 1, seed: 0, onProgress, signal });
}

/** Mean of the unit embeddings of each feature's strongest pictures, zeros for a dead one [F, P]. `embeddings` [N, P] are not normalised. */
export async function meanEmbeddings(top: TopExamples, embeddings: ActivationSource): Promise<Tensor2D> {
  const { width } = embeddings;
  const means = new Float32Array(top.dSae * width);
  const rows = new Float32Array(COMPARED * width);
  for (let feature = 0; feature < top.dSae; feature++) {
    const best = top.feature(feature).rows.subarray(0, COMPARED);
    if (best.length === 0) continue;
    await embeddings.gather(Uint32Array.from(best), rows);
    for (let i = 0; i < best.length; i++) {
      const row = rows.subarray(i * width, (i + 1) * width);
      const share = 1 / (Math.hypot(...row) * best.length);
      for (let p = 0; p < width; p++) means[feature * width + p] += row[p] * share;
    }
  }
  return tf.tensor2d(means, [top.dSae, width]);
}

/** Six digits: enough for a bar, short as text. */
const rounded = (value: number): number => Number(value.toPrecision(6));
