/** One picture out of a sprite. */
import type { Manifest } from "../format/page-format";
import { fileUrl } from "./data";
import { element } from "./dom";

/** Picture `picture` at `size` CSS pixels; loaded when it comes into view. */
export function pictureTile(
  picture: number,
  size: number,
  caption: string,
  { sprite }: Pick<Manifest, "sprite">,
): HTMLElement {
  const frame = element("span", { class: "tile" });
  frame.style.width = frame.style.height = `${size}px`;
  if (picture < 0) return frame;
  const { columns } = sprite;
  const [sheet, place] = [Math.floor(picture / columns ** 2), picture % columns ** 2];
  const image = element("img", { alt: caption, loading: "lazy", decoding: "async", draggable: "false" });
  image.style.width = image.style.height = `${size * columns}px`;
  image.style.left = `${-size * (place % columns)}px`;
  image.style.top = `${-size * Math.floor(place / columns)}px`;
  image.src = fileUrl(`sprites/${sheet}.webp`);
  frame.append(image);
  return frame;
}
