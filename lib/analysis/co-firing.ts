/** Which features fire on the same rows, in bounded memory. */
import { setImmediate as yieldToEvents } from "node:timers/promises";
import { mix } from "./activation-spread";

/** Firings held: 128 MB. A million rows with 32 features each fit. */
const FIRINGS = 2 ** 25;

/** Fewer common rows say nothing. */
const FEWEST = 2;

export interface CoFiringFeatures {
  /** Features that fire together with each one most, nearest first [F·k]; -1 where there are no more. */
  features: Int32Array;
  /** Rows on which both fire over rows on which either does (Jaccard, 1901) [F·k]. */
  shares: Float32Array;
}

/**
 * Keeps which features fire on each row, for as many rows as fit: those whose hash is below 2³²/2ʲ, with the smallest j at which all firings fit. So the rows kept
 * are a fair sample that depends on nothing but the rows.
 */
export class CoFiring {
  private rows: number[] = [];
  /** Where each row's features begin, and where the last one's end. */
  private starts: number[] = [0];
  private features: Int32Array = new Int32Array(1024);
  private halvings = 0;

  /** `capacity`: firings held at most. */
  constructor(
    readonly dSae: number,
    readonly capacity = FIRINGS,
  ) {}

  /** Rows that are kept. */
  get kept(): number {
    return this.rows.length;
  }

  /** Takes in a row and the features that fire on it. */
  add(row: number, features: ArrayLike<number>): void {
    if (features.length > this.capacity) {
      throw new Error(`CoFiring: expected rows of at most ${this.capacity} firings, got ${features.length}`);
    }
    if (!this.isKept(row)) return;
    const at = this.starts[this.rows.length];
    if (at + features.length > this.features.length) {
      const grown = new Int32Array(
        Math.min(this.capacity, Math.max(2 * at, at + features.length)) + features.length,
      );
      grown.set(this.features.subarray(0, at));
      this.features = grown;
    }
    this.features.set(features, at);
    this.rows.push(row);
    this.starts.push(at + features.length);
    while (this.starts[this.rows.length] > this.capacity) this.halve();
  }

  /** Takes in what another one has seen; their rows must be different ones. */
  merge(other: CoFiring): void {
    while (this.halvings < other.halvings) this.halve();
    other.rows.forEach((row, i) => {
      this.add(row, other.features.subarray(other.starts[i], other.starts[i + 1]));
    });
  }

  /** For each feature the `k` others that share most rows with it; yields to events on the way. */
  async nearest(
    k: number,
    onProgress: (done: number, total: number) => void = () => {},
  ): Promise<CoFiringFeatures> {
    const { dSae, starts } = this;
    const result = { features: new Int32Array(dSae * k).fill(-1), shares: new Float32Array(dSae * k) };
    const { offsets, rowsOf } = this.byFeature();
    const common = new Int32Array(dSae);
    for (let feature = 0; feature < dSae; feature++) {
      const touched: number[] = [];
      for (let at = offsets[feature]; at < offsets[feature + 1]; at++) {
        for (let place = starts[rowsOf[at]]; place < starts[rowsOf[at] + 1]; place++) {
          const other = this.features[place];
          if (common[other]++ === 0 && other !== feature) touched.push(other);
        }
      }
      const own = offsets[feature + 1] - offsets[feature];
      const best: { other: number; share: number }[] = [];
      for (const other of touched) {
        const both = common[other];
        const share = both / (own + offsets[other + 1] - offsets[other] - both);
        const last = best[k - 1];
        if (both < FEWEST || (last && (share < last.share || (share === last.share && other > last.other))))
          continue;
        best.push({ other, share });
        best.sort((a, b) => b.share - a.share || a.other - b.other);
        if (best.length > k) best.pop();
      }
      best.forEach(({ other, share }, i) => {
        result.features[feature * k + i] = other;
        result.shares[feature * k + i] = share;
      });
      for (const other of touched) common[other] = 0;
      common[feature] = 0;
      if (feature % 256 === 255 || feature === dSae - 1) {
        onProgress(feature + 1, dSae);
        await yieldToEvents();
      }
    }
    return result;
  }

  /** All there is to it, to be kept in a file. */
  state(): {
    capacity: number;
    halvings: number;
    rows: Int32Array;
    starts: Int32Array;
    features: Int32Array;
  } {
    const { capacity, halvings, rows, starts } = this;
    const features = this.features.slice(0, starts[rows.length]);
    return { capacity, halvings, rows: Int32Array.from(rows), starts: Int32Array.from(starts), features };
  }

  static fromState(dSae: number, state: ReturnType<CoFiring["state"]>): CoFiring {
    const made = new CoFiring(dSae, state.capacity);
    made.halvings = state.halvings;
    made.rows = [...state.rows];
    made.starts = [...state.starts];
    made.features = state.features;
    return made;
  }

  private isKept(row: number): boolean {
    return mix(row, 0) < 2 ** (32 - this.halvings);
  }

  /** Lets go of the rows that are not in the next smaller sample. */
  private halve(): void {
    this.halvings++;
    const [rows, starts] = [this.rows, this.starts];
    [this.rows, this.starts] = [[], [0]];
    let end = 0;
    rows.forEach((row, i) => {
      if (!this.isKept(row)) return;
      this.features.copyWithin(end, starts[i], starts[i + 1]);
      end += starts[i + 1] - starts[i];
      this.rows.push(row);
      this.starts.push(end);
    });
  }

  /** The kept rows of each feature: places `offsets[f]` to `offsets[f + 1]` of `rowsOf`. */
  private byFeature(): { offsets: Int32Array; rowsOf: Int32Array } {
    const total = this.starts[this.rows.length];
    const offsets = new Int32Array(this.dSae + 1);
    for (let place = 0; place < total; place++) offsets[this.features[place] + 1]++;
    for (let feature = 0; feature < this.dSae; feature++) offsets[feature + 1] += offsets[feature];
    const rowsOf = new Int32Array(total);
    const next = offsets.slice();
    for (let row = 0; row < this.rows.length; row++) {
      for (let place = this.starts[row]; place < this.starts[row + 1]; place++)
        rowsOf[next[this.features[place]]++] = row;
    }
    return { offsets, rowsOf };
  }
}
