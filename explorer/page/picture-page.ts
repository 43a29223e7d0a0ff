/** One picture, dropped in or one of the page's: live, all that the model makes of it; from a folder, the features that have it among their strongest. */

import { LIMITS, type LivePicture } from "../format/live-format";
import { captionOf, unpackRecord } from "../format/page-format";
import { APPEARANCE_CHUNK, APPEARANCE_COLUMNS, type Appearances } from "../format/picture-format";
import { type PageData, readRecord } from "./data";
import { element, number } from "./dom";
import { featureLink } from "./feature-link";
import { ask, isLive, LIVE_COMMAND, messageOf, newest } from "./live";
import { livePicture } from "./live-picture";
import { picturePicker } from "./picture-picker";
import { pictureTile } from "./picture-tile";
import type { State } from "./state";
import type { ShownView } from "./view";

export function picturePage(
  place: HTMLElement,
  data: PageData,
  change: (part: Partial<State>) => void,
): ShownView {
  place.classList.add("sheet");
  const told = element("p", { class: "told", role: "status" });
  const result = element("div");
  const open = (feature: number) => change({ view: "features", feature });
  let shown: number | undefined;
  const latest = newest(0);
  const tell = (text: string, ...found: HTMLElement[]) => {
    told.textContent = text;
    result.replaceChildren(...found);
  };
  /** Shows what is found; whatever is still computed for an earlier picture is given up. */
  const look = (find: (signal: AbortSignal) => Promise<HTMLElement | undefined>) => {
    told.textContent = "Looking …";
    latest(
      async (signal) => {
        const found = await find(signal);
        if (!signal.aborted) tell("", ...(found ? [found] : []));
      },
      (error) => tell(messageOf(error)),
    );
  };
  const upload = (file: Blob) => {
    // The address says nothing of a picture that is not the page's.
    shown = undefined;
    change({ picture: undefined });
    look(async (signal) => {
      if (file.size > LIMITS.pictureBytes) {
        const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
        throw new Error(
          `picture: expected at most ${megabytes(LIMITS.pictureBytes)}, got ${megabytes(file.size)}`,
        );
      }
      const answer = await ask<LivePicture>("picture", { method: "POST", body: file, signal });
      return livePicture(data, answer, "your picture", open, signal);
    });
  };
  place.append(
    element("div", { class: "head" }, element("h2", {}, "One picture")),
    isLive
      ? dropZone(place, upload)
      : element(
          "p",
          { class: "note" },
          "Your own pictures, heatmaps and what the model says need the live server: ",
          element("code", {}, LIVE_COMMAND),
          ". Without it this page knows which features have a picture among their strongest.",
        ),
    picturePicker(data, (picture) => change({ picture })),
    told,
    result,
  );
  return {
    show({ picture }) {
      if (shown === picture) return;
      shown = picture;
      look(async (signal) => {
        if (picture === undefined) return undefined;
        if (!isLive) return await strongIn(data, picture, open);
        const answer = await ask<LivePicture>(`picture?picture=${picture}`, { method: "POST", signal });
        return livePicture(data, answer, captionOf(data.pictures, picture), open, signal);
      });
    },
  };
}

/** A picture comes by a drop anywhere on the view, from the clipboard, or from the file dialog. */
function dropZone(place: HTMLElement, upload: (file: Blob) => void): HTMLElement {
  const input = element("input", { type: "file", accept: "image/*", class: "visually-hidden", id: "file" });
  input.addEventListener("change", () => {
    if (input.files?.[0]) upload(input.files[0]);
    // So that the same file can be chosen again.
    input.value = "";
  });
  const zone = element(
    "div",
    { class: "drop" },
    input,
    element("label", { for: "file", class: "button" }, "Choose a picture"),
    element("span", {}, "or drop it here, or paste it"),
  );
  const pictureIn = (transfer: DataTransfer | null) =>
    [...(transfer?.files ?? [])].find(({ type }) => type === "" || type.startsWith("image/"));
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  place.addEventListener("dragleave", () => zone.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const file = pictureIn(event.dataTransfer);
    if (file) upload(file);
  });
  window.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (file && !place.hidden) upload(file);
  });
  return zone;
}

/** Without a server: the features that have the picture among their strongest. */
async function strongIn(
  data: PageData,
  picture: number,
  open: (feature: number) => void,
): Promise<HTMLElement> {
  const { manifest, pictures } = data;
  const file = await readRecord(`appearances-${Math.floor(picture / APPEARANCE_CHUNK)}`);
  const { starts, features, activations } = unpackRecord<Appearances>(file, APPEARANCE_COLUMNS);
  const at = picture % APPEARANCE_CHUNK;
  const list = element("ul", { class: "neighbours" });
  for (let i = starts[at]; i < starts[at + 1]; i++) {
    const value = element("span", { class: "value" }, number(activations[i]));
    const link = featureLink(data, features[i], open);
    link.append(value);
    list.append(element("li", {}, link));
  }
  const label = pictures.label[picture] < 0 ? "no label" : manifest.labelNames[pictures.label[picture]];
  const caption = captionOf(pictures, picture);
  return element(
    "div",
    { class: "one-picture" },
    element(
      "figure",
      {},
      pictureTile(picture, 192, caption, manifest),
      element("figcaption", {}, caption, element("small", {}, label)),
    ),
    element(
      "section",
      {},
      element("h3", {}, "Features that have it among their strongest", element("small", {}, "activation")),
      list,
    ),
  );
}
