/** Contrastive training of a CLIP: one step after another, each a function of the state, the seed and its number. */
import { createHash } from "node:crypto";
import { Adam, disposeAll, Muon, type NamedTensors, Random, type Tensor, tf, unitRows } from "../tensor";
import { type AugmentOptions, augment } from "./augment";
import { type ClipConfig, patchCount } from "./config";
import { contrastiveTerms } from "./contrastive";
import type { Clip } from "./model";
import { initialParameters } from "./parameters";
import { normaliseUnit, type PreprocessorConfig } from "./preprocess";
import { embedTokens } from "./text";
import type { ClipTokenizer } from "./tokenizer";
import { type BatchOptions, type ContrastiveData, caption, drawBatch } from "./training-data";
import { embedPatches, toPatches } from "./vision";

export interface TrainingOptions {
  /** Steps in all; the learning rate's cosine ends there. */
  steps: number;
  seed: number;
  batch: BatchOptions;
  augmentation: AugmentOptions;
  /** Highest learning rate, of AdamW. */
  learningRate: number;
  /** The blocks' matrices learn by Muon at this many times the learning rate; 0: by AdamW like the rest. */
  muonRate: number;
  /** Steps of linear warm-up. */
  warmUpSteps: number;
  /** AdamW's decay of matrices, a share of the learning rate a step. */
  weightDecay: number;
  /** Gradients are scaled down to this global norm. */
  maxGradientNorm: number;
  /** Share of the patches that a training view keeps (FLIP), until `allPatchesFrom`. */
  keptPatchShare: number;
  /** From this share of the steps on, views keep all patches. */
  allPatchesFrom: number;
  /** Decay of the averaged weights that are evaluated and saved. */
  averageDecay: number;
  /** Weights of the loss's terms. */
  weights: { pictureToText: number; textToPicture: number; pictureToPicture: number; pictureToLabel: number };
  /** Every so many steps the texts of all concepts are embedded anew, as further negatives. */
  bankEvery: number;
}

export interface StepMetrics {
  /** Steps done, this one included. */
  step: number;
  /** Weighted sum of the terms, nats. */
  loss: number;
  pictureToText: number;
  textToPicture: number;
  pictureToPicture: number;
  pictureToLabel: number;
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
  /** Pictures in the batch. */
  pictures: number;
}

/** All that the next step depends on; tensors by name, owned by whoever asked for it. */
export interface TrainerState {
  step: number;
  tensors: NamedTensors;
}

const TERMS = ["pictureToText", "textToPicture", "pictureToPicture", "pictureToLabel"] as const;
const MAX_LOGIT_SCALE = Math.log(100); // as in CLIP

export class ClipTrainer {
  private readonly adam: Adam;
  private readonly muon: Muon;
  private average: NamedTensors;
  private bank: Tensor;
  private readonly bankConcepts: Map<number, number>;
  private readonly names: string[];

  constructor(
    readonly config: ClipConfig,
    private readonly data: ContrastiveData,
    private readonly tokenizer: ClipTokenizer,
    private readonly preprocessor: PreprocessorConfig,
    readonly options: TrainingOptions,
    /** A model to go on from; it stays the caller's. Without one, parameters are drawn. */
    private readonly start?: Pick<Clip, "parameters" | "hash">,
  ) {
    const initial = start
      ? Object.fromEntries(Object.entries(start.parameters).map(([name, tensor]) => [name, tensor.clone()]))
      : initialParameters(config, new Random(`parameters/${options.seed}`));
    this.names = Object.keys(initial);
    const { weightDecay } = options;
    const hidden = (name: string) => options.muonRate > 0 && /\.layers\..*(proj|fc\d)\.weight$/.test(name);
    const only = (wanted: (name: string) => boolean) =>
      Object.fromEntries(Object.entries(initial).filter(([name]) => wanted(name)));
    this.muon = new Muon(only(hidden), { weightDecay });
    this.adam = new Adam(
      only((name) => !hidden(name)),
      { beta2: 0.98, weightDecay },
    );
    this.average = initial;
    const common = data.concepts.flatMap(({ rare }, i) => (rare ? [] : [i]));
    this.bankConcepts = new Map(common.map((concept, row) => [concept, row]));
    this.bank = tf.zeros([common.length, config.projection_dim]);
  }

  /** Names all that a run depends on beside the code: a checkpoint of one fingerprint is refused by any other. */
  get fingerprint(): string {
    const { hash, concepts, labelTexts } = this.data;
    const texts = createHash("sha256")
      .update(JSON.stringify([concepts, labelTexts]))
      .digest("hex");
    const { config, options, tokenizer, start } = this;
    return JSON.stringify({
      config,
      options,
      pictures: hash,
      texts,
      tokenizer: tokenizer.hash,
      start: start?.hash,
    });
  }

  /** Steps done. */
  get step(): number {
    return this.adam.step;
  }

  /** Takes one step. Throws when the loss is not a number; the parameters are then those of before the step. */
  trainStep(): StepMetrics {
    const { options } = this;
    const number = this.adam.step;
    const random = new Random(`views/${options.seed}/${number}`);
    const batch = drawBatch(this.data, number, options.seed, options.batch);
    const pictures = batch.conceptOf.length;
    const parameters = this.parameters();
    if (number % options.bankEvery === 0) this.refreshBank(parameters);

    const terms: number[] = [];
    let [loss, gradientNorm] = [Number.NaN, Number.NaN];
    const gradients = tf.tidy((): NamedTensors => {
      const patches = this.views(batch.pixels, pictures, random);
      const keptPatches = this.keptPatches(pictures, random);
      const tokens = this.tokenizer.batch([...batch.captions, ...this.data.labelTexts]);
      const inBatch = new Float32Array(this.bankConcepts.size);
      for (const concept of batch.concepts) {
        const row = this.bankConcepts.get(concept);
        if (row !== undefined) inBatch[row] = 1;
      }
      const lossOf = (...tensors: Tensor[]) => {
        const current = Object.fromEntries(this.names.map((name, i) => [name, tensors[i]]));
        const texts = unitRows(embedTokens(tokens, current, this.config));
        const [captions, labels] = tf.split(texts, [batch.captions.length, this.data.labelTexts.length]);
        const found = contrastiveTerms({
          pictures: unitRows(embedPatches(patches, current, this.config, { keptPatches })),
          texts: captions,
          conceptOf: batch.conceptOf,
          logitScale: current.logit_scale,
          bank: { embeddings: this.bank, inBatch },
          labels: { embeddings: labels, labelOf: batch.labelOf },
        });
        terms.push(...TERMS.map((term) => found[term].dataSync()[0]));
        return tf.addN(TERMS.map((term) => found[term].mul(options.weights[term]))).asScalar();
      };
      const { value, grads } = tf.valueAndGrads(lossOf)(this.names.map((name) => parameters[name]));
      const norm = tf.addN(grads.map((gradient) => gradient.square().sum())).sqrt();
      loss = value.dataSync()[0];
      gradientNorm = norm.dataSync()[0];
      const factor = Math.min(1, options.maxGradientNorm / (gradientNorm + 1e-6));
      return Object.fromEntries(
        this.names.map((name, i) => [name, factor < 1 ? grads[i].mul(factor) : grads[i]]),
      );
    });
    disposeAll(parameters);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      disposeAll(gradients);
      throw new Error(
        `train-clip: expected a finite loss at step ${number + 1}, got ${loss} (do: lower the learning rate and resume)`,
      );
    }
    const learningRate = learningRateAt(number, options);
    this.adam.apply(gradients, learningRate);
    this.muon.apply(gradients, learningRate * options.muonRate);
    disposeAll(gradients);
    this.limitLogitScale();
    this.updateAverage();
    const named = Object.fromEntries(TERMS.map((term, i) => [term, terms[i]])) as Pick<
      StepMetrics,
      (typeof TERMS)[number]
    >;
    return { step: this.adam.step, loss, ...named, learningRate, gradientNorm, pictures };
  }

  /** The averaged parameters, which stay this object's: use them before the next step. */
  averaged(): NamedTensors {
    return this.average;
  }

  /** For a checkpoint. The caller disposes the tensors. */
  state(): TrainerState {
    const tensors: NamedTensors = { bank: this.bank.clone() };
    const parts = { adam: this.adam.state(), muon: this.muon.state() };
    for (const [optimiser, state] of Object.entries(parts)) {
      for (const [part, record] of Object.entries(state)) {
        for (const [name, tensor] of Object.entries(record as NamedTensors)) {
          tensors[`${optimiser}/${part}/${name}`] = tensor;
        }
      }
    }
    for (const name of this.names) tensors[`average/${name}`] = this.average[name].clone();
    return { step: this.adam.step, tensors };
  }

  /** Goes on from what `state` gave; copies. */
  restore({ step, tensors }: TrainerState): void {
    const part = (label: string): NamedTensors =>
      Object.fromEntries(
        Object.entries(tensors).flatMap(([name, tensor]) =>
          name.startsWith(`${label}/`) ? [[name.slice(label.length + 1), tensor]] : [],
        ),
      );
    this.adam.restore(step, {
      values: part("adam/values"),
      first: part("adam/first"),
      second: part("adam/second"),
    });
    this.muon.restore({ values: part("muon/values"), momentum: part("muon/momentum") });
    disposeAll(this.average);
    this.average = Object.fromEntries(this.names.map((name) => [name, tensors[`average/${name}`].clone()]));
    this.bank.dispose();
    this.bank = tensors.bank.clone();
  }

  dispose(): void {
    this.adam.dispose();
    this.muon.dispose();
    disposeAll(this.average);
    this.bank.dispose();
  }

  private parameters(): NamedTensors {
    return { ...this.adam.read(), ...this.muon.read() };
  }

  private views(pixels: Float32Array, count: number, random: Random): Tensor {
    const { side } = this.data;
    const { vision_config: vision } = this.config;
    return tf.tidy(() => {
      const whole = tf.tensor4d(pixels, [count, side, side, 3]);
      const views = augment(whole, vision.image_size, this.options.augmentation, random);
      return toPatches(normaliseUnit(views, this.preprocessor), vision);
    });
  }

  private keptPatches(pictures: number, random: Random): Int32Array | undefined {
    const { keptPatchShare, allPatchesFrom, steps } = this.options;
    if (keptPatchShare >= 1 || this.adam.step >= allPatchesFrom * steps) return undefined;
    const all = patchCount(this.config.vision_config);
    const kept = Math.max(1, Math.round(all * keptPatchShare));
    const out = new Int32Array(pictures * kept);
    for (let i = 0; i < pictures; i++) out.set(random.permutation(all).subarray(0, kept), i * kept);
    return out;
  }

  /** The bank's texts are drawn like the batch's captions, so that the form of a text never tells a negative. */
  private refreshBank(parameters: NamedTensors): void {
    const random = new Random(`bank/${this.options.seed}/${this.adam.step}`);
    const texts = [...this.bankConcepts.keys()].map((concept) =>
      caption(this.data.concepts[concept], random),
    );
    const fresh = tf.tidy(() => unitRows(embedTokens(this.tokenizer.batch(texts), parameters, this.config)));
    this.bank.dispose();
    this.bank = fresh;
  }

  private limitLogitScale(): void {
    tf.tidy(() => {
      this.adam.assign("logit_scale", this.adam.value("logit_scale").clipByValue(0, MAX_LOGIT_SCALE));
    });
  }

  /** An exponential average whose decay grows from nothing, so that the start does not linger in it. */
  private updateAverage(): void {
    const { step } = this.adam;
    const decay = Math.min(this.options.averageDecay, (1 + step) / (10 + step));
    const current = this.parameters();
    for (const name of this.names) {
      const next = tf.tidy(() => this.average[name].mul(decay).add(current[name].mul(1 - decay)));
      this.average[name].dispose();
      this.average[name] = next;
    }
    disposeAll(current);
  }
}

/** Linear warm-up, then a cosine to zero. `step` counts from 0. */
export function learningRateAt(step: number, { steps, warmUpSteps, learningRate }: TrainingOptions): number {
  if (step < warmUpSteps) return (learningRate * (step + 1)) / warmUpSteps;
  const progress = (step - warmUpSteps) / Math.max(1, steps - warmUpSteps);
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
