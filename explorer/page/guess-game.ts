/** Guess the picture from what fires on it: a blurred picture, the activations, the pictures of the five strongest features; ten rounds against a machine. */

import { captionOf, unpackRecord } from "../format/page-format";
import { GAME_COLUMNS, type Game } from "../format/picture-format";
import { type PageData, readRecord } from "./data";
import { element, number } from "./dom";
import { linkTo } from "./feature-link";
import { pictureTile } from "./picture-tile";
import { shuffled } from "./shuffled";
import type { State } from "./state";
import { stemPlot } from "./stem-plot";
import type { ShownView } from "./view";

const ROUNDS = 10;
/** Strongest features whose pictures are shown, and pictures of each. */
const [FEATURES, PICTURES] = [5, 10];

export function guessGame(
  place: HTMLElement,
  data: PageData,
  change: (part: Partial<State>) => void,
): ShownView {
  place.classList.add("sheet");
  const loading = readRecord("game").then((record) => unpackRecord<Game>(record, GAME_COLUMNS));
  let shown: number | undefined;
  window.addEventListener("keydown", (event) => {
    if (place.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    place.querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  });
  return {
    show({ game: seed = 1 }) {
      if (shown === seed) return;
      shown = seed;
      loading.then(
        (game) => {
          if (shown === seed) new Play(place, data, game, seed, change).round();
        },
        () =>
          place.replaceChildren(
            element("p", {}, "This page has no game: it needs labels of two pictures or more."),
          ),
      );
    },
  };
}

/** One game of ten rounds. */
class Play {
  private readonly order: number[];
  private played = 0;
  private readonly won = { person: 0, machine: 0 };

  constructor(
    private readonly place: HTMLElement,
    private readonly data: PageData,
    private readonly game: Game,
    private readonly seed: number,
    private readonly change: (part: Partial<State>) => void,
  ) {
    this.order = shuffled(game.pictures.length, seed).slice(0, ROUNDS);
  }

  /** Shows the next round, or how it ended. */
  round(): void {
    if (this.played === this.order.length) this.end();
    else this.ask(this.order[this.played]);
  }

  private ask(round: number): void {
    const { game, data } = this;
    const [from, to] = [game.starts[round], game.starts[round + 1]];
    const picture = game.pictures[round];
    const hidden = element(
      "div",
      { class: "hidden-picture", role: "img", "aria-label": "a blurred picture" },
      pictureTile(picture, 192, "", data.manifest),
    );
    const buttons = element("div", { class: "choices", role: "group", "aria-label": "What is it?" });
    const verdict = element("p", { class: "verdict", "aria-live": "polite" });
    const first = round * game.choicesPerRound;
    const choices = game.choices.subarray(first, first + game.choicesPerRound);
    choices.forEach((label, i) => {
      const onclick = () => this.reveal(round, label, hidden, buttons, verdict);
      const name = element("span", {}, nameOf(data, label));
      const button = { type: "button", onclick, "data-label": label, "data-key": i + 1 };
      buttons.append(element("button", button, element("kbd", {}, String(i + 1)), name));
    });
    const grids = element("div", { class: "grids" });
    for (let i = from; i < Math.min(to, from + FEATURES); i++) grids.append(this.grid(i, picture));
    const [features, activations] = [game.features.subarray(from, to), game.activations.subarray(from, to)];
    this.place.replaceChildren(
      element(
        "div",
        { class: "head" },
        element("h2", {}, "Guess the picture"),
        element(
          "span",
          { class: "count" },
          `Round ${this.played + 1} of ${this.order.length} · ${this.score()}`,
        ),
      ),
      element(
        "div",
        { class: "question" },
        hidden,
        element("div", {}, element("h3", {}, "What is it?"), buttons, verdict),
        element(
          "figure",
          {},
          element("figcaption", {}, `All ${to - from} features that fire on it`),
          stemPlot(features, activations, data.manifest.features),
        ),
      ),
      element(
        "h3",
        {},
        "The five that fire most",
        element("small", {}, "and other pictures on which they are strong"),
      ),
      grids,
    );
  }

  private score(): string {
    return `you ${this.won.person}, the machine ${this.won.machine}, chance ${(this.played * this.game.chance).toFixed(2)}`;
  }

  private grid(at: number, without: number): HTMLElement {
    const { data, game } = this;
    const feature = game.features[at];
    const tiles = element("div", { class: "tiles" });
    const { chunk, top } = data.manifest;
    data.chunk(Math.floor(feature / chunk)).then(({ pictures }) => {
      const local = feature % chunk;
      const others = pictures
        .subarray(local * top, (local + 1) * top)
        .filter((picture) => picture >= 0 && picture !== without);
      for (const picture of others.subarray(0, PICTURES))
        tiles.append(pictureTile(picture, 56, captionOf(data.pictures, picture), data.manifest));
    });
    const open = (chosen: number) => this.change({ view: "features", feature: chosen });
    // Without its label and first picture: they may be the answer.
    const link = linkTo(
      feature,
      open,
      element(
        "span",
        { class: "name" },
        element("b", {}, `Feature ${feature}`),
        element("span", {}, `activation ${number(game.activations[at])}`),
      ),
    );
    return element("div", { class: "grid-row" }, link, tiles);
  }

  private reveal(
    round: number,
    guess: number,
    hidden: HTMLElement,
    buttons: HTMLElement,
    verdict: HTMLElement,
  ): void {
    const { game, data } = this;
    const [truth, machine] = [game.truths[round], game.guesses[round]];
    const caption = captionOf(data.pictures, game.pictures[round]);
    this.played++;
    this.won.person += Number(guess === truth);
    this.won.machine += Number(machine === truth);
    hidden.classList.add("revealed");
    hidden.setAttribute("aria-label", caption);
    for (const button of buttons.querySelectorAll("button")) {
      button.disabled = true;
      const label = Number(button.dataset.label);
      if (label === truth) button.classList.add("right");
      else if (label === guess) button.classList.add("wrong");
    }
    const next = element(
      "button",
      { type: "button", class: "next", "data-key": "n", onclick: () => this.round() },
      this.played < this.order.length ? "Next" : "How it ended",
    );
    const right = guess === truth ? "Right" : "No";
    verdict.replaceChildren(
      element("b", {}, `${right}: ${caption}, ${nameOf(data, truth)}.`),
      ` The machine guessed ${machine === truth ? "right" : nameOf(data, machine)}. `,
      next,
    );
    const count = this.place.querySelector(".count");
    if (count) count.textContent = `Round ${this.played} of ${this.order.length} · ${this.score()}`;
    next.focus({ preventScroll: true });
  }

  private end(): void {
    const { game, won, order, seed } = this;
    const rounds = game.pictures.length;
    const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
    const row = (who: string, score: string, note: string) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, who),
        element("td", {}, score),
        element("td", {}, note),
      );
    const again = element(
      "button",
      { type: "button", "data-key": "n", onclick: () => this.change({ game: seed + 1 }) },
      "Play again",
    );
    this.place.replaceChildren(
      element("div", { class: "head" }, element("h2", {}, "How it ended")),
      element(
        "table",
        { class: "scores" },
        element("tr", {}, element("th", {}, "who"), element("th", {}, "rounds won"), element("th", {}, "")),
        row("you", `${won.person} of ${order.length}`, ""),
        row(
          "the machine",
          `${won.machine} of ${order.length}`,
          `${percent(game.accuracy)} ± ${percent(game.error)} over ${rounds} rounds (± standard error)`,
        ),
        row("chance", `${(order.length * game.chance).toFixed(1)} of ${order.length}`, percent(game.chance)),
      ),
      element(
        "p",
        {},
        "The machine compares what fires with what fires on average on the other pictures of each label, and takes the nearest (cosine).",
      ),
      again,
    );
    again.focus({ preventScroll: true });
  }
}

function nameOf({ manifest }: PageData, label: number): string {
  return manifest.labelNames[label].replace(/[-_]/g, " ");
}
