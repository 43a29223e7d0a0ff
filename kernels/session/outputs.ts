/** What cells show while they run, or after their end: each goes to the request that started the cell. */
import type { Output, Shown, ShownJson } from "../executor";
import { type Json, JsonText } from "../protocol";
import type { Parent, Publisher } from "./publisher";

/** Of what is printed before the first cell, and by timers of cells that are long gone. */
const noParent: Parent = {};
/** Requests of so many of the newest cells are known. */
const keptCells = 1_000;

export class Outputs {
  readonly #publisher: Publisher;
  /** Which request a cell's output answers; kept, because a cell can print after its end. */
  readonly #parents = new Map<number, Parent>();

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  /** Before a cell runs: what it shows answers `parent`. */
  remember(cellId: number, parent: Parent): void {
    this.#parents.set(cellId, parent);
    if (this.#parents.size > keptCells) this.#parents.delete(this.#parents.keys().next().value as number);
  }

  parentOf(cellId: number): Parent {
    return this.#parents.get(cellId) ?? noParent;
  }

  show(output: Output<ShownJson>): void {
    const parent = this.parentOf(output.cellId);
    if (output.type === "stream") {
      this.#publisher.print({ name: output.name, text: output.text, parent });
    } else if (output.type === "error") {
      this.#publisher.publish("error", { ...output.error }, parent);
    } else if (output.type === "clear") {
      this.#publisher.restartPrints(parent);
      this.#publisher.publish("clear_output", { wait: output.wait }, parent);
    } else {
      const transient = output.displayId === undefined ? {} : { display_id: output.displayId };
      const type = output.update ? "update_display_data" : "display_data";
      this.#publisher.publish(type, withFields(output.shown, { transient }), parent);
    }
  }
}

const decoder = new TextDecoder();

export function readShown(shown: ShownJson): Shown {
  return JSON.parse(decoder.decode(shown)) as Shown;
}

/** Adds fields to shown JSON without reading it: it may be large. */
export function withFields(shown: ShownJson, fields: Json): JsonText {
  return new JsonText(`${JSON.stringify(fields).slice(0, -1)},`, shown.subarray(1));
}
