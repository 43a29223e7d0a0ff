/** How alike many directions are: cosines of pairs, and how much of them one direction holds. Keys: N vectors, D width. */
import type { ActivationSource } from "../sae";
import { Random, rawOps, type Tensor, tf, unitRows } from "../tensor";

export interface PairOptions {
  /** Pairs that are drawn. Default 20,000. */
  pairs?: number;
  /** Default 42. */
  seed?: number;
}

/**
 * Cosines of randomly drawn pairs of rows, one of `a` [N, D] and one of `b` [M, D]; with one argument of two different rows of it.
 * Float32Array [pairs].
 */
export async function pairCosines(
  a: Tensor,
  b: Tensor = a,
  { pairs = 20_000, seed = 42 }: PairOptions = {},
): Promise<Float32Array> {
  const [n, m] = [a.shape[0], b.shape[0]];
  if (n < (a === b ? 2 : 1) || m < 1) {
    throw new Error(`pairCosines: expected rows to pair, got ${n} and ${m} (do: choose a larger group)`);
  }
  const random = new Random(seed).fork("pairs");
  const [left, right] = [new Int32Array(pairs), new Int32Array(pairs)];
  for (let i = 0; i < pairs; i++) {
    left[i] = random.int(n);
    right[i] = random.int(a === b ? m - 1 : m);
    if (a === b && right[i] >= left[i]) right[i]++;
  }
  const cosines = tf.tidy(() => {
    const rows = (x: Tensor, indices: Int32Array) =>
      unitRows(tf.gather(x as Tensor & { rank: 2 }, tf.tensor1d(indices, "int32")));
    return rows(a, left).mul(rows(b, right)).sum(-1); // [pairs]
  });
  const values = await cosines.data<"float32">();
  cosines.dispose();
  return values;
}

export interface Spectrum {
  /** Shares of Σ‖u‖² along each principal direction, falling, Σ = 1 [min(N, D)]. */
  shares: Float64Array;
  /** (Σλ)² / Σλ²: about how many directions the vectors need; 1 when they are all one up to sign. */
  effectiveDimensions: number;
  /** ‖mean of the unit vectors‖²: the mean cosine of all pairs, each vector with itself included. */
  meanCosine: number;
}

/**
 * The spectrum of the unit vectors along the rows of `vectors` [N, D]: eigenvalues of UᵀU / N, not centred, since the question is
 * whether they are one direction. For N random directions each share is about 1 / min(N, D).
 */
export async function directionSpectrum(vectors: Tensor): Promise<Spectrum> {
  const [n, width] = vectors.shape;
  const [values, mean] = tf.tidy(() => {
    const unit = unitRows(vectors);
    const gram = n < width ? tf.matMul(unit, unit, false, true) : tf.matMul(unit, unit, true, false);
    const [eigenvalues] = rawOps(
      "SelfAdjointEigV2",
      [gram],
      { compute_v: false, T: { dtype: "float32" } },
      2,
    );
    return [eigenvalues, unit.mean(0)];
  }) as unknown as [Tensor, Tensor];
  const rising = Float64Array.from(await values.data<"float32">(), (value) => Math.max(0, value));
  const meanOfSource = await mean.data<"float32">();
  tf.dispose([values, mean]);
  const shares = rising.reverse().map((value) => value / n);
  const squares = shares.reduce((sum, share) => sum + share * share, 0);
  return {
    shares,
    effectiveDimensions: 1 / squares,
    meanCosine: meanOfSource.reduce((sum, value) => sum + value * value, 0),
  };
}

/** The mean of a source's rows [D], read a few at a time and summed in float64. */
export async function meanOfSource(source: ActivationSource, batchSize = 4096): Promise<Float32Array> {
  const { rows, width } = source;
  const sums = new Float64Array(width);
  for (let from = 0; from < rows; from += batchSize) {
    const count = Math.min(batchSize, rows - from);
    const batch = new Float32Array(count * width);
    await source.gather(
      Uint32Array.from({ length: count }, (_, i) => from + i),
      batch,
    );
    for (let i = 0; i < batch.length; i++) sums[i % width] += batch[i];
  }
  return Float32Array.from(sums, (sum) => sum / rows);
}
