/** What a live server makes of a picture: features with heatmaps and factors, and the zero-shot head's answers. */
import type { LiveEdit, LiveHeatmaps, LivePicture } from "../format/live-format";
import type { PageData } from "./data";
import { element, number } from "./dom";
import { featureLink } from "./feature-link";
import { heatmap } from "./feature-pictures";
import { ask, messageOf, newest } from "./live";
import { probabilityBars } from "./probability-bars";

/** CSS pixels of the picture, at most. */
const SIDE = 256;
/** Features in the list. */
const LISTED = 24;
/** Milliseconds that a slider must rest. */
const REST = 60;

/** `signal` is aborted when another picture takes this one's place. */
export function livePicture(
  data: PageData,
  picture: LivePicture,
  caption: string,
  open: (feature: number) => void,
  signal: AbortSignal,
): HTMLElement {
  const features = picture.features.slice(0, LISTED);
  const answers = element("div");
  const told = element("p", { class: "told", role: "status" });
  const draw = (edited?: number[]) =>
    answers.replaceChildren(
      probabilityBars(data.manifest.labelNames, [
        { name: "the model", values: picture.original },
        { name: "with the SAE", values: picture.spliced },
        ...(edited ? [{ name: "with your factors", values: edited }] : []),
      ]),
    );
  draw();

  const factors = new Map<number, number>();
  const latest = newest(REST);
  const change = () => {
    reset.hidden = factors.size === 0;
    latest(
      async (signal) => {
        if (factors.size === 0) return draw();
        const body = JSON.stringify({ factors: [...factors] });
        const edit = await ask<LiveEdit>(`edit?id=${picture.id}`, { method: "POST", body, signal });
        told.textContent = "";
        draw(edit.probabilities);
      },
      (error) => {
        told.textContent = messageOf(error);
      },
    );
  };
  const map = seenPicture(picture, caption, signal);
  const most = picture.features[0]?.activation ?? 1;
  const sliders: HTMLInputElement[] = [];
  const rows = features.map(({ feature, activation }, i) => {
    const bar = element("i");
    bar.style.width = `${(100 * activation) / most}%`;
    const factor = element("output", { class: "value" }, "×1.0");
    const slider = element("input", {
      type: "range",
      ...{ min: 0, max: 3, step: 0.1, value: 1 },
      "aria-label": `Factor of feature ${feature}`,
      oninput: () => {
        const value = Number(slider.value);
        factor.textContent = `×${value.toFixed(1)}`;
        if (value === 1) factors.delete(feature);
        else factors.set(feature, value);
        change();
      },
    });
    sliders.push(slider);
    const see = () => map.show(i);
    return element(
      "li",
      { onmouseenter: see, onfocusin: see, "data-feature": feature },
      featureLink(data, feature, open),
      element("div", { class: "meter" }, element("div", {}, bar), element("span", {}, number(activation))),
      slider,
      factor,
    );
  });
  const reset = element(
    "button",
    {
      type: "button",
      class: "reset",
      hidden: true,
      onclick: () => {
        for (const slider of sliders) {
          slider.value = "1";
          slider.dispatchEvent(new Event("input"));
        }
      },
    },
    "All ×1",
  );
  const rest = picture.active - features.length;
  return element(
    "div",
    { class: "one-picture live" },
    element(
      "section",
      { class: "whole" },
      map.place,
      element(
        "h3",
        {},
        "What the zero-shot head says",
        element("small", {}, `probability of “${data.manifest.prompt.replace("{}", "…")}”, %`),
      ),
      answers,
      told,
    ),
    element(
      "section",
      { class: "firing" },
      element(
        "h3",
        {},
        `${picture.active} features fire`,
        element("small", {}, "activation (units), and a factor for it: ×0 ablates, above ×1 amplifies"),
        reset,
      ),
      element("ol", {}, ...rows),
      rest > 0 ? element("p", { class: "note" }, `and ${rest} weaker ones`) : undefined,
    ),
  );
}

/** The picture with the heatmap of one feature over it. */
function seenPicture({ id, image, features }: LivePicture, caption: string, signal: AbortSignal) {
  const seen = element(
    "div",
    { class: "seen" },
    element("img", { src: image, alt: caption, width: SIDE, height: SIDE }),
  );
  const told = element("p", { class: "heat-told" }, "Point at a feature to see where it fires.");
  let maps: LiveHeatmaps | undefined;
  let wanted: number | undefined;
  const draw = () => {
    if (wanted === undefined || !maps) return;
    const { feature, activation } = features[wanted];
    const shares = maps.drops[wanted].map((drop) => Math.min(1, Math.max(0, drop / activation)));
    const most = Math.max(...shares);
    // Clearest where most is lost, however little that is: the numbers say how much.
    const veil = heatmap(
      Uint8Array.from(shares, (share) => (most > 0 ? Math.round((255 * share) / most) : 0)),
      maps.side,
    );
    seen.querySelector("canvas")?.remove();
    seen.append(veil);
    told.textContent = `Feature ${feature}: activation lost when a place is covered, dark 0% to clear ${Math.round(100 * most)}%`;
  };
  ask<LiveHeatmaps>(`heatmaps?id=${id}`, { method: "POST", signal }).then(
    (found) => {
      maps = found;
      draw();
    },
    (error) => {
      told.textContent = messageOf(error);
    },
  );
  const place = element(
    "figure",
    {},
    seen,
    element("figcaption", {}, caption, element("small", {}, "as the model sees it"), told),
  );
  return {
    place,
    show(i: number) {
      wanted = i;
      if (!maps) told.textContent = "Looking where it fires …";
      draw();
    },
  };
}
