/** How Emoji-CLIP is made: its architecture, what it learns from, and how it is scored. */
import {
  Clip,
  type ClipConfig,
  ClipTokenizer,
  type ContrastiveData,
  embedPatches,
  embedTokens,
  type PreprocessorConfig,
  preprocessorConfig,
  STRONG_AUGMENTATION,
  type TrainingOptions,
  trainTokenizer,
  zeroShotAccuracy,
} from "../../lib/clip";
import { type EmojiDataset, PICTURE_SIZE } from "../../lib/datasets";
import { type NamedTensors, Random, type Tensor, tf, unitRows } from "../../lib/tensor";

const IMAGE_SIZE = 48;
const MERGES = 2500;
const CONTEXT_LENGTH = 16;

/** How it is trained; README.md says what was tried, and how the weights that are here came about. */
export const EMOJI_TRAINING: TrainingOptions = {
  steps: 4000,
  seed: 42,
  batch: { concepts: 160, picturesPerConcept: 3, rareShare: 0.1, mixShare: 0.2 },
  augmentation: STRONG_AUGMENTATION,
  learningRate: 1e-3,
  muonRate: 1,
  warmUpSteps: 200,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  keptPatchShare: 0.5,
  allPatchesFrom: 0.8,
  averageDecay: 0.998,
  weights: { pictureToText: 0.5, textToPicture: 0.5, pictureToPicture: 0.5, pictureToLabel: 0.2 },
  bankEvery: 25,
};

/** The prompt of the subgroups. */
export const PROMPT = (label: string) => `an emoji of ${label}`;

/** The prompts of a base name; its embedding is the mean of theirs, as CLIP's own prompt ensembles are made. */
export const NAME_PROMPTS: readonly ((name: string) => string)[] = [(name) => name, PROMPT];

/** A subgroup's key as words: "face-smiling" -> "face smiling". */
export const subgroupWords = (key: string) => key.replace(/-/g, " ");

/** Everything about the model but its weights. */
export interface EmojiClipDesign {
  config: ClipConfig;
  tokenizerJson: object;
  tokenizer: ClipTokenizer;
  preprocessor: PreprocessorConfig;
}

/** The architecture, and a vocabulary learned from the training pictures' names. */
export function designEmojiClip(data: ContrastiveData): EmojiClipDesign {
  const texts = [
    ...data.concepts.flatMap(({ name, keywords }) => [name, name, ...keywords]),
    ...data.labelTexts,
    "an emoji of a picture of a drawing of a photo of the",
  ];
  const tokenizerJson = trainTokenizer(texts, MERGES);
  const vocabulary = Object.keys((tokenizerJson as { model: { vocab: object } }).model.vocab).length;
  const tower = { layer_norm_eps: 1e-5, hidden_act: "quick_gelu" as const };
  const config: ClipConfig = {
    projection_dim: 192,
    logit_scale_init_value: 2.6592,
    vision_config: {
      ...tower,
      hidden_size: 192,
      intermediate_size: 768,
      num_hidden_layers: 6,
      num_attention_heads: 3,
      image_size: IMAGE_SIZE,
      patch_size: 8,
      num_channels: 3,
    },
    text_config: {
      ...tower,
      hidden_size: 128,
      intermediate_size: 512,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      vocab_size: vocabulary,
      max_position_embeddings: CONTEXT_LENGTH,
      bos_token_id: vocabulary - 2,
      eos_token_id: vocabulary - 1,
    },
  };
  return {
    config,
    tokenizerJson,
    tokenizer: new ClipTokenizer(tokenizerJson, config.text_config),
    preprocessor: preprocessorConfig(IMAGE_SIZE),
  };
}

/** The training split: a concept for each name; skin-tone variants and unjoined icons are the rare ones. */
export async function emojiContrastiveData(emoji: EmojiDataset): Promise<ContrastiveData> {
  const concepts = new Map<number, ContrastiveData["concepts"][number]>();
  for (const i of emoji.indices("train")) {
    const { name, keywords } = emoji.record(i);
    const label = emoji.subgroupIndex[i];
    const concept = concepts.get(emoji.nameIndex[i]) ?? {
      name,
      keywords: [...keywords],
      pictures: [],
      label,
      rare: emoji.isBase[i] === 0,
    };
    concept.pictures.push(i);
    concepts.set(emoji.nameIndex[i], concept);
  }
  return {
    hash: emoji.hash,
    pictures: await emoji.allPictures(),
    side: PICTURE_SIZE,
    concepts: [...concepts.values()],
    labelTexts: emoji.subgroupNames.map((key) => PROMPT(subgroupWords(key))),
  };
}

/** Scores of one set of parameters; accuracies are shares of pictures. */
export interface EmojiClipScores extends Record<string, number> {
  /** Held-out (name, style) pairs among all base names. */
  heldOutTop1: number;
  heldOutTop5: number;
  /** A seeded sample of training pictures among all base names. */
  trainTop1: number;
  trainTop5: number;
  /** Held-out pictures among the subgroups. */
  heldOutSubgroupTop1: number;
}

const TRAIN_SAMPLE = 1500;

/** Prepares the pictures once and returns what scores parameters. */
export async function emojiScorer(
  emoji: EmojiDataset,
  design: EmojiClipDesign,
): Promise<(parameters: NamedTensors) => Promise<EmojiClipScores>> {
  const { config, tokenizer, preprocessor } = design;
  const heldOut = [...emoji.indices("heldOut")];
  const train = [...emoji.indices("train")].filter((i) => emoji.isBase[i] && emoji.classIndex[i] >= 0);
  const sample = [...new Random("train sample").permutation(train.length).subarray(0, TRAIN_SAMPLE)].map(
    (i) => train[i],
  );
  const reader = new Clip(config, {}, tokenizer, preprocessor);
  const heldOutPatches = await reader.patches(await picturesOf(emoji, heldOut));
  const samplePatches = await reader.patches(await picturesOf(emoji, sample));
  const classTokens = NAME_PROMPTS.map((prompt) => tokenizer.batch(emoji.classNames.map(prompt)));
  const subgroupTokens = tokenizer.batch(emoji.subgroupNames.map((key) => PROMPT(subgroupWords(key))));
  const labels = (column: Int32Array, rows: readonly number[]) => Int32Array.from(rows, (i) => column[i]);

  return async (parameters) => {
    const scores = {} as EmojiClipScores;
    tf.tidy(() => {
      const prompted = classTokens.map((tokens) => unitRows(embedTokens(tokens, parameters, config)));
      const classes = unitRows(tf.addN(prompted));
      const subgroups = unitRows(embedTokens(subgroupTokens, parameters, config));
      const embed = (patches: Tensor) => unitRows(embedPatches(patches, parameters, config));
      const [held, seen] = [embed(heldOutPatches), embed(samplePatches)];
      const byName = zeroShotAccuracy(held, classes, labels(emoji.classIndex, heldOut));
      const bySample = zeroShotAccuracy(seen, classes, labels(emoji.classIndex, sample));
      const bySubgroup = zeroShotAccuracy(held, subgroups, labels(emoji.subgroupIndex, heldOut));
      Object.assign(scores, {
        heldOutTop1: byName.top1,
        heldOutTop5: byName.top5,
        trainTop1: bySample.top1,
        trainTop5: bySample.top5,
        heldOutSubgroupTop1: bySubgroup.top1,
      });
    });
    return scores;
  };
}

/** Pictures by number, in the form that `Clip` takes. */
export async function picturesOf(emoji: EmojiDataset, rows: readonly number[]) {
  const bytes = await emoji.pictures(rows);
  const size = PICTURE_SIZE * PICTURE_SIZE * 3;
  return rows.map((_, i) => ({
    data: bytes.subarray(i * size, (i + 1) * size),
    width: PICTURE_SIZE,
    height: PICTURE_SIZE,
  }));
}
