/** Features in the order of the atlas, which pictures are numbered by. */

export interface Atlas {
  /** Places from 0 to 1 [F]; NaN for features without a place. */
  x: Float32Array;
  y: Float32Array;
  /** Zoom from which a feature stands for its cell, of 2^level in a row [F]; 255 for none. */
  level: Uint8Array;
}

/** Order of the features in which those of one level and neighbourhood are together: level, then Morton order. Features without a place come last. */
export function atlasOrder({ x, y, level }: Atlas): Int32Array {
  const code = (feature: number) => {
    let bits = 0;
    for (let i = 11; i >= 0; i--) {
      bits = bits * 4 + 2 * bit(y[feature], i) + bit(x[feature], i);
    }
    return bits;
  };
  const bit = (value: number, i: number) => (Math.min(4095, Math.floor(value * 4096)) >> i) & 1;
  const codes = Float64Array.from(x, (value, feature) => (Number.isNaN(value) ? 0 : code(feature)));
  return Int32Array.from(x.keys()).sort((a, b) => level[a] - level[b] || codes[a] - codes[b] || a - b);
}
