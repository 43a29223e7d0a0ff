/** A round of the guessing game as a card: a blurred picture, choices to click, and what is revealed then. Works without a kernel. */
import { DISPLAY, type Displayable } from "./display";
import { makePicture, type RawPicture } from "./pictures";
import { escapeHtml } from "./table";

export interface GuessCardOptions {
  picture: RawPicture;
  /** What may be guessed. */
  choices: readonly string[];
  /** Number of the right one among `choices`. */
  truth: number;
  /** What another guesser chose, told after the reveal. */
  machine?: number;
  /** Side of the picture in pixels. Default 160. */
  side?: number;
}

/** A card whose choices open when they are clicked: right or wrong, and the picture itself. */
export function guessCard({ picture, choices, truth, machine, side = 160 }: GuessCardOptions): Displayable {
  if (!(Number.isInteger(truth) && truth >= 0 && truth < choices.length)) {
    throw new Error(`guessCard: expected truth to be one of ${choices.length} choices, got ${truth}`);
  }
  return {
    [DISPLAY]: async () => {
      const png = async (shown: RawPicture) => {
        const { bytes } = await makePicture({ kind: "raw", picture: shown, width: side, height: side });
        return `data:image/png;base64,${bytes.toString("base64")}`;
      };
      const [clear, hidden] = [await png(picture), await png(blurred(picture))];
      const image = (source: string, alt: string) =>
        `<img src="${source}" width="${side}" height="${side}" alt="${alt}">`;
      const told =
        machine === undefined ? "" : `<br>The machine guessed <b>${escapeHtml(choices[machine])}</b>.`;
      const options = choices.map((choice, i) => {
        const verdict = i === truth ? "Right" : `No: it is <b>${escapeHtml(choices[truth])}</b>`;
        const revealed = `${image(clear, escapeHtml(choices[truth]))}<br>${verdict}.${told}`;
        return `<details><summary style="cursor:pointer;padding:2px 0">${escapeHtml(choice)}</summary><div style="padding:4px 18px">${revealed}</div></details>`;
      });
      const right = `<div><div>What is it? Click a guess.</div>${options.join("")}</div>`;
      return {
        "text/html": `<div style="display:flex;gap:20px;align-items:flex-start">${image(hidden, "a blurred picture")}${right}</div>`,
        "text/plain": `a blurred picture: ${choices.join(", ")}?`,
      };
    },
  };
}

/** Means over boxes of an eighth of the side, twice, so that only blotches of colour are left. */
function blurred({ data, width, height, channels = 3 }: RawPicture): RawPicture {
  const reach = Math.max(1, Math.round(width / 8));
  let from = Float32Array.from(data);
  for (let pass = 0; pass < 2; pass++) {
    for (const [step, length, lines, between] of [
      [channels, width, height, width * channels],
      [width * channels, height, width, channels],
    ]) {
      const to = new Float32Array(from.length);
      for (let line = 0; line < lines; line++) {
        for (let c = 0; c < channels; c++) {
          const start = line * between + c;
          for (let i = 0; i < length; i++) {
            const [low, high] = [Math.max(0, i - reach), Math.min(length - 1, i + reach)];
            let sum = 0;
            for (let j = low; j <= high; j++) sum += from[start + j * step];
            to[start + i * step] = sum / (high - low + 1);
          }
        }
      }
      from = to;
    }
  }
  return { data: Uint8ClampedArray.from(from), width, height, channels };
}
