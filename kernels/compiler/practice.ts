/**
 * Runs the compiler on made-up cells while nobody waits, until V8 has made machine code of what every cell needs: the snapshot
 * keeps none, and a notebook's first cells would take twice as long as later ones.
 */

/** No request for so long, in ms, is a pause. */
const pauseMs = 100;
/** How often each text is compiled; then a cell takes as long as after some 25 real ones. */
const rounds = 12;

/** Of the kinds that notebooks are full of. */
const texts = [
  "const first = 1 + 1; first",
  "interface Row { width: number; name?: string }\nconst row: Row = { width: 2 }; row",
  "function double(value: number) { return 2 * value; }",
  'import * as tf from "@tensorflow/tfjs";\nconst mean = tf.tensor1d([1, 2]).mul(3).mean(); mean.dispose();',
];

export class Practice {
  readonly #compile: (text: string) => void;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;

  /** @param compile leaves no trace of the text */
  constructor(compile: (text: string) => void) {
    this.#compile = compile;
  }

  /** A request has been answered. */
  touch(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#next);
    if (this.#done < rounds * texts.length) this.#timer = setTimeout(() => this.#go(), pauseMs);
  }

  /** One text, then whatever request has come meanwhile. */
  #go(): void {
    try {
      this.#compile(texts[this.#done % texts.length]);
    } catch {
      return; // What is wrong, a tsconfig.json for instance, is told in the cell that meets it.
    }
    this.#done += 1;
    if (this.#done < rounds * texts.length) this.#next = setImmediate(() => this.#go());
  }
}
