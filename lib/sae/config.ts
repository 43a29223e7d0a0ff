/** Every architecture's configs as tagged unions, and how a person's options become a checked config. */
import { createHash } from "node:crypto";
import {
  type BatchTopkTrainingConfig,
  batchTopkDefaults,
  checkBatchTopk,
  checkMatryoshka,
  type MatryoshkaTrainingConfig,
  matryoshkaDefaults,
} from "./batchtopk";
import { checkGated, type GatedConfig, type GatedTrainingConfig, gatedDefaults } from "./gated";
import {
  checkJumprelu,
  type JumpreluConfig,
  type JumpreluTrainingConfig,
  jumpreluDefaults,
} from "./jumprelu";
import { check, checkCommon, type OptionsOf, type TrainingSize } from "./options";
import {
  checkStandard,
  type StandardConfig,
  type StandardTrainingConfig,
  standardDefaults,
} from "./standard";
import { checkTopk, type TopkConfig, type TopkTrainingConfig, topkDefaults } from "./topk";

/** Every inference form there is. */
export type SaeConfig = StandardConfig | TopkConfig | JumpreluConfig | GatedConfig;
export type Architecture = SaeConfig["architecture"];

/** Every training form there is, with all defaults filled in: what a run's config.json holds. */
export type SaeTrainingConfig =
  | StandardTrainingConfig
  | TopkTrainingConfig
  | BatchTopkTrainingConfig
  | MatryoshkaTrainingConfig
  | JumpreluTrainingConfig
  | GatedTrainingConfig;
export type TrainingArchitecture = SaeTrainingConfig["architecture"];

/** The config that a tag stands for. */
export type TrainingConfigOf<A extends TrainingArchitecture> = Extract<
  SaeTrainingConfig,
  { architecture: A }
>;

/** What a person asks for. */
export type SaeTrainingOptions = {
  [A in TrainingArchitecture]: OptionsOf<TrainingConfigOf<A>>;
}[TrainingArchitecture];

/** How an architecture fills in its defaults, checks its own fields, and what it becomes when it is finished. */
interface Kind<Config extends SaeTrainingConfig> {
  defaults(size: TrainingSize): Config;
  check(config: Config): void;
  finished(config: Config): SaeConfig;
}

const KINDS: { [A in TrainingArchitecture]: Kind<TrainingConfigOf<A>> } = {
  standard: {
    defaults: standardDefaults,
    check: checkStandard,
    finished: (config) => ({ architecture: "standard", ...linear(config) }),
  },
  topk: {
    defaults: topkDefaults,
    check: checkTopk,
    // The decoder's norms are folded into the encoder, so that nothing is left to rescale by.
    finished: (config) => ({
      architecture: "topk",
      ...linear(config),
      k: config.k,
      rescaleActsByDecoderNorm: false,
    }),
  },
  batchtopk: {
    defaults: batchTopkDefaults,
    check: checkBatchTopk,
    finished: (config) => ({ architecture: "jumprelu", ...linear(config) }),
  },
  matryoshka_batchtopk: {
    defaults: matryoshkaDefaults,
    check: checkMatryoshka,
    finished: (config) => ({ architecture: "jumprelu", ...linear(config) }),
  },
  jumprelu: {
    defaults: jumpreluDefaults,
    check: checkJumprelu,
    finished: (config) => ({ architecture: "jumprelu", ...linear(config) }),
  },
  gated: {
    defaults: gatedDefaults,
    check: checkGated,
    finished: (config) => ({ architecture: "gated", ...linear(config) }),
  },
};

/** The architectures that can be trained. */
export const TRAINING_ARCHITECTURES = Object.keys(KINDS) as readonly TrainingArchitecture[];

/**
 * Fills in the defaults for activations of width `dIn`. Throws on an option that is not the architecture's and on a
 * value that cannot be meant.
 */
export function resolveTrainingConfig<Options extends SaeTrainingOptions>(
  options: Options,
  dIn: number,
): TrainingConfigOf<Options["architecture"]> {
  const kind = kindOf(options.architecture);
  const { expansionFactor = 16, ...given } = options;
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const size: TrainingSize = {
    dIn,
    dSae: options.dSae ?? Math.round(expansionFactor * dIn),
    steps: options.steps ?? 2560,
    batchSize: options.batchSize ?? 1024,
  };
  const defaults = kind.defaults(size);
  for (const name of Object.keys(chosen)) {
    const known = Object.keys(defaults).filter((field) => field !== "dIn");
    check(known.includes(name), "every option", `one of ${known.join(", ")}, expansionFactor`, name);
  }
  const config = { ...defaults, ...chosen } as SaeTrainingConfig;
  checkCommon(config);
  kind.check(config);
  return config as TrainingConfigOf<Options["architecture"]>;
}

/** A short hexadecimal name of a run: the same config on the same data gives the same name. */
export function trainingConfigHash(config: SaeTrainingConfig, dataHash = ""): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([sorted, dataHash]))
    .digest("hex")
    .slice(0, 16);
}

/** The inference form of what a training config trains. */
export function saeConfigOf(config: SaeTrainingConfig): SaeConfig {
  return kindOf(config.architecture).finished(config);
}

function kindOf(architecture: string): Kind<SaeTrainingConfig> {
  const names = TRAINING_ARCHITECTURES.map((name) => `"${name}"`).join(" or ");
  check(Object.hasOwn(KINDS, architecture), "architecture", names, architecture);
  return KINDS[architecture as TrainingArchitecture] as Kind<SaeTrainingConfig>;
}

function linear({ dIn, dSae, applyBDecToInput }: SaeTrainingConfig) {
  return { dIn, dSae, applyBDecToInput };
}
