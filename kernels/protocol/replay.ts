/** Remembers signatures, so that a recorded message that is sent again is not obeyed again. */

export interface ReplayGuardOptions {
  /** So many of the newest signatures are known for certain; as many as Jupyter's own clients keep, 65,536. */
  size?: number;
}

export class ReplayGuard {
  readonly #size: number;
  /** Two generations: forgetting the older one whole is cheap and keeps the memory bounded. */
  #newer = new Set<string>();
  #older = new Set<string>();

  constructor({ size = 65_536 }: ReplayGuardOptions = {}) {
    this.#size = size;
  }

  /** Whether this signature comes for the first time; it is known from then on. */
  isNew(signature: Buffer): boolean {
    const text = signature.toString("latin1");
    if (this.#newer.has(text) || this.#older.has(text)) return false;
    if (this.#newer.size >= this.#size) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(text);
    return true;
  }
}
