/** `npx vitrine score-clip`: measures the embedded Emoji-CLIP anew on the held-out pictures, by prompt and by style. */
import { NAME_PROMPTS, PROMPT, picturesOf, subgroupWords } from "../../data/emoji-clip/recipe";
import { loadClip, type ZeroShotAccuracy, zeroShotAccuracy } from "../../lib/clip";
import { openEmoji } from "../../lib/datasets";
import { type Tensor, tf, unitRows } from "../../lib/tensor";

export async function run(): Promise<number> {
  const clip = await loadClip("emoji-clip");
  const emoji = await openEmoji();
  const rows = [...emoji.indices("heldOut")];
  const pictures = await clip.embedPictures(await picturesOf(emoji, rows));
  const labels = Int32Array.from(rows, (i) => emoji.classIndex[i]);
  const print = (what: string, { top1, top5, count }: ZeroShotAccuracy) =>
    console.log(
      `${what.padEnd(48)} top-1 ${(100 * top1).toFixed(1).padStart(5)}%  top-5 ${(100 * top5).toFixed(1).padStart(5)}%  of ${count}`,
    );

  console.log(`held-out pictures among ${emoji.classNames.length} base names`);
  const prompted: Tensor[] = [];
  for (const prompt of NAME_PROMPTS) {
    prompted.push(await clip.embedTexts(emoji.classNames.map(prompt)));
    print(`  "${prompt("{name}")}"`, zeroShotAccuracy(pictures, prompted[prompted.length - 1], labels));
  }
  const classes = tf.tidy(() => unitRows(tf.addN(prompted)));
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
  const subgroups = await clip.embedTexts(emoji.subgroupNames.map((key) => PROMPT(subgroupWords(key))));
  const subgroupLabels = Int32Array.from(rows, (i) => emoji.subgroupIndex[i]);
  console.log(`the same pictures among ${emoji.subgroupNames.length} subgroups`);
  print(`  "${PROMPT("{label}")}"`, zeroShotAccuracy(pictures, subgroups, subgroupLabels));
  return 0;
}
