/** The page's own pictures to choose from: some at random, or those whose caption or label has the words. */
import { captionOf } from "../format/page-format";
import type { PageData } from "./data";
import { element } from "./dom";
import { pictureTile } from "./picture-tile";
import { shuffled } from "./shuffled";

const SHOWN = 24;

export function picturePicker(data: PageData, pick: (picture: number) => void): HTMLElement {
  const { manifest, pictures } = data;
  const count = pictures.caption.length;
  const tiles = element("div", { class: "tiles", role: "group", "aria-label": "Pictures of this page" });
  const words = element("input", {
    type: "search",
    placeholder: "words of a caption",
    "aria-label": "Words of a caption",
  });
  let seed = 1;
  const draw = () => {
    const wanted = words.value.trim().toLowerCase();
    const matches = (picture: number) =>
      captionOf(pictures, picture).toLowerCase().includes(wanted) ||
      (pictures.label[picture] >= 0 &&
        manifest.labelNames[pictures.label[picture]].toLowerCase().includes(wanted));
    const chosen: number[] = [];
    for (const picture of shuffled(count, seed)) {
      if (matches(picture)) chosen.push(picture);
      if (chosen.length === SHOWN) break;
    }
    tiles.replaceChildren(
      ...chosen.map((picture) => {
        const caption = captionOf(pictures, picture);
        const onclick = () => pick(picture);
        return element(
          "button",
          { type: "button", class: "tile-button", title: caption, onclick },
          pictureTile(picture, 48, caption, manifest),
        );
      }),
    );
    if (chosen.length === 0) tiles.append(element("p", {}, "No picture of this page has these words."));
  };
  words.addEventListener("input", draw);
  const others = element(
    "button",
    {
      type: "button",
      onclick: () => {
        seed++;
        draw();
      },
    },
    "Others",
  );
  draw();
  return element("div", { class: "picker" }, element("div", { class: "line" }, words, others), tiles);
}
