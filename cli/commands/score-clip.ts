/** `npx vitrine score-clip`: measures Emoji-CLIP on its held-out pictures, or any model on any data set (--model, --data, --help). */
import { parseArgs } from "node:util";
import { NAME_PROMPTS, PROMPT, picturesOf, subgroupWords } from "../../data/emoji-clip/recipe";
import {
  type Clip,
  classEmbeddings,
  contrastiveLoss,
  IMAGENET_TEMPLATES,
  loadClip,
  PHOTO_TEMPLATE,
  SEVEN_TEMPLATES,
  type ZeroShotAccuracy,
  zeroShotAccuracy,
  zeroShotCrossEntropy,
} from "../../lib/clip";
import { type Dataset, openDataset, openEmoji, readPictures } from "../../lib/datasets";
import { Random, type Tensor, tf } from "../../lib/tensor";

const USAGE = `npx vitrine score-clip                the embedded Emoji-CLIP on its held-out pictures, by prompt and by style
npx vitrine score-clip --model NAME --data NAME [options]

  --prompt TEXT    a class's text, {} for its name; several are averaged (default "a photo of a {}.")
  --ensemble N     OpenAI's 80 templates for ImageNet, or the 7 that do as well, instead of --prompt
  --pictures N     a random N of the pictures (default: all)
  --batch N        pairs of picture and caption a batch of the contrastive loss (default 256)
  --seed N         chooses and orders the pictures (default 42)`;

export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      model: { type: "string" },
      data: { type: "string" },
      prompt: { type: "string", multiple: true },
      ensemble: { type: "string" },
      pictures: { type: "string" },
      batch: { type: "string", default: "256" },
      seed: { type: "string", default: "42" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) console.log(USAGE);
  else if (values.model === undefined && values.data === undefined) await scoreEmoji();
  else {
    const clip = await loadClip(values.model ?? "emoji-clip");
    const dataset = await openDataset(values.data ?? "emoji", { geometry: clip.preprocessor });
    const wanted = values.pictures === undefined ? dataset.size : whole("--pictures", values.pictures);
    const order = new Random(whole("--seed", values.seed)).permutation(dataset.size).subarray(0, wanted);
    const templates = chooseTemplates(values.prompt, values.ensemble);
    await score(clip, dataset, order, templates, whole("--batch", values.batch));
    clip.dispose();
  }
  return 0;
}

async function score(
  clip: Clip,
  dataset: Dataset,
  order: Uint32Array,
  templates: readonly string[],
  batch: number,
): Promise<void> {
  const labelled = order.filter((i) => dataset.labels.class.index[i] >= 0);
  console.log(`${labelled.length} pictures of ${dataset.name} among ${dataset.classNames.length} classes`);
  const classes = await classEmbeddings(clip, dataset.classNames, { templates, onProgress: tellSeldom() });
  const pictures = await embedAll(clip, dataset, labelled);
  const labels = Int32Array.from(labelled, (i) => dataset.labels.class.index[i]);
  const texts = await clip.embedTexts([...labelled].map((i) => dataset.record(i).caption));
  const { logit_scale: logitScale } = clip.parameters;
  const accuracy = zeroShotAccuracy(pictures, classes, labels);
  const prompts = templates.map((template) => `"${template}"`).join(" + ");
  print(templates.length > 3 ? `mean of ${templates.length} prompts` : prompts, accuracy);
  console.log(`mean over classes of their top-1               ${(100 * accuracy.meanPerClass).toFixed(1)}%`);
  const entropy = zeroShotCrossEntropy(pictures, classes, labels, logitScale);
  console.log(`cross entropy with logit_scale                 ${entropy.toFixed(3)} nats`);
  const { loss, batchSize, batches } = contrastiveLoss(pictures, texts, {
    logitScale,
    batchSize: Math.min(batch, labelled.length),
  });
  console.log(
    `contrastive loss with logit_scale              ${loss.toFixed(3)} nats, of ${batches} batches of ${batchSize} pairs (chance ${Math.log(batchSize).toFixed(3)})`,
  );
  tf.dispose([classes, pictures, texts]);
}

const ENSEMBLES: Record<string, readonly string[]> = { 80: IMAGENET_TEMPLATES, 7: SEVEN_TEMPLATES };

function chooseTemplates(prompts: readonly string[] | undefined, ensemble: string | undefined) {
  if (ensemble === undefined) return prompts ?? [PHOTO_TEMPLATE];
  if (prompts !== undefined || !(ensemble in ENSEMBLES)) {
    const got = prompts === undefined ? `"${ensemble}"` : "--prompt beside it";
    throw new Error(
      `score-clip: expected --ensemble ${Object.keys(ENSEMBLES).join(" or ")} alone, got ${got}`,
    );
  }
  return ENSEMBLES[ensemble];
}

/** A line every few seconds. */
function tellSeldom(): (done: number) => void {
  let told = performance.now();
  return (done) => {
    if (performance.now() - told < 5000) return;
    told = performance.now();
    console.log(`  ${done} classes embedded`);
  };
}

/** Unit-norm embeddings, a block of pictures in memory at a time. */
async function embedAll(clip: Clip, dataset: Dataset, indices: Uint32Array): Promise<Tensor> {
  const parts: Tensor[] = [];
  for (let from = 0; from < indices.length; from += 256) {
    const some = indices.subarray(from, from + 256);
    parts.push(await clip.embedPictures(await readPictures(dataset, some, clip.preprocessor)));
  }
  const all = tf.concat(parts, 0);
  tf.dispose(parts);
  return all;
}

function whole(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`score-clip: expected ${name} to be a whole number above 0, got "${value}"`);
}

function print(what: string, { top1, top5, count }: ZeroShotAccuracy): void {
  console.log(
    `${what.padEnd(48)} top-1 ${(100 * top1).toFixed(1).padStart(5)}%  top-5 ${(100 * top5).toFixed(1).padStart(5)}%  of ${count}`,
  );
}

async function scoreEmoji(): Promise<void> {
  const clip = await loadClip("emoji-clip");
  const emoji = await openEmoji();
  const rows = [...emoji.indices("heldOut")];
  const pictures = await clip.embedPictures(await picturesOf(emoji, rows));
  const labels = Int32Array.from(rows, (i) => emoji.classIndex[i]);

  console.log(`held-out pictures among ${emoji.classNames.length} base names`);
  const templates = NAME_PROMPTS.map((prompt) => prompt("{}"));
  for (const template of templates) {
    const prompted = await classEmbeddings(clip, emoji.classNames, { templates: [template] });
    print(`  "${template.replace("{}", "{name}")}"`, zeroShotAccuracy(pictures, prompted, labels));
    prompted.dispose();
  }
  const classes = await classEmbeddings(clip, emoji.classNames, { templates });
  print("  mean of both prompts", zeroShotAccuracy(pictures, classes, labels));
  for (const [style, name] of emoji.styleNames.entries()) {
    const of = rows.flatMap((i, row) => (emoji.styleIndex[i] === style ? [row] : []));
    const some = pictures.gather(tf.tensor1d(of, "int32"));
    print(
      `    of them ${name}`,
      zeroShotAccuracy(
        some,
        classes,
        Int32Array.from(of, (row) => labels[row]),
      ),
    );
  }
  const subgroups = await classEmbeddings(clip, emoji.subgroupNames.map(subgroupWords), {
    templates: [PROMPT("{}")],
  });
  const subgroupLabels = Int32Array.from(rows, (i) => emoji.subgroupIndex[i]);
  console.log(`the same pictures among ${emoji.subgroupNames.length} subgroups`);
  print(`  "${PROMPT("{label}")}"`, zeroShotAccuracy(pictures, subgroups, subgroupLabels));
}
