/** Seeded random numbers: the same seed gives the same bits, in JavaScript and in tensors. */
import { type Tensor, tf } from "./backend";
import { rawOp } from "./raw";

/** All there is to a generator: four unsigned 32-bit words, safe to keep in JSON. */
export type RandomState = readonly [number, number, number, number];

/**
 * A generator of the xoshiro128** family (Blackman and Vigna, 2018; public domain), seeded through a
 * 32-bit finaliser. Tensors come from TensorFlow's stateless Philox ops, keyed by two draws.
 */
export class Random {
  private words: Uint32Array;

  constructor(seed: number | string) {
    this.words = new Uint32Array(4);
    let hash = hashLabel(typeof seed === "number" ? `#${seed}` : seed);
    for (let i = 0; i < 4; i++) {
      hash = finalise(hash + 0x9e3779b9);
      this.words[i] = hash;
    }
  }

  static fromState(state: RandomState): Random {
    const random = new Random(0);
    random.words.set(state);
    return random;
  }

  state(): RandomState {
    return [...this.words] as unknown as RandomState;
  }

  /** An independent generator that depends on this one's present state and `label`; this one is not advanced. */
  fork(label: string): Random {
    return new Random(`${this.words.join(",")}/${label}`);
  }

  /** An unsigned 32-bit word. */
  word(): number {
    const s = this.words;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992;
  }

  /** Standard normal (Box and Muller, the cosine half). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number in [0, n). */
  int(n: number): number {
    if (!(Number.isInteger(n) && n > 0)) throw new Error(`Random.int: expected a whole n > 0, got ${n}`);
    return Math.floor(this.uniform() * n);
  }

  /** Shuffles in place (Fisher and Yates) and returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** The numbers 0 … n-1 in random order. */
  permutation(n: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }

  /** float32 tensor, uniform in [min, max). The caller owns it. */
  uniformTensor(shape: readonly number[], min = 0, max = 1): Tensor {
    return tf.tidy(() => {
      const unit = this.stateless("StatelessRandomUniform", shape);
      return min === 0 && max === 1 ? unit : unit.mul(max - min).add(min);
    });
  }

  /** float32 tensor of normal numbers. The caller owns it. */
  normalTensor(shape: readonly number[], mean = 0, standardDeviation = 1): Tensor {
    return tf.tidy(() => this.stateless("StatelessRandomNormal", shape).mul(standardDeviation).add(mean));
  }

  private stateless(op: string, shape: readonly number[]): Tensor {
    const key = tf.tensor1d(Int32Array.of(this.word(), this.word()), "int32");
    return rawOp(op, [tf.tensor1d([...shape], "int32"), key], {
      dtype: { dtype: "float32" },
      T: { dtype: "int32" },
      Tseed: { dtype: "int32" },
    });
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function hashLabel(label: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function finalise(word: number): number {
  let x = word >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
