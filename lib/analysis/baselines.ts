/** What an SAE has to beat with as many active directions: principal components, k-means, random directions. Keys: N rows, D width, F atoms, K active. */
import type { ActivationSource } from "../sae";
import { Random, rawOp, rawOps, type Tensor, type Tensor2D, tf, topK, unitRows } from "../tensor";
import { Reconstruction, type ReconstructionResult } from "./reconstruction";

/** Reconstructs rows from at most `l0` of its directions. Call `dispose` when done. */
export interface Baseline {
  name: string;
  /** Directions that a row may use, K. */
  l0: number;
  /** Directions there are. */
  atoms: number;
  /** x [B, D] -> [B, D]. The caller owns the result. */
  reconstruct(x: Tensor): Tensor;
  dispose(): void;
}

/** Mean [D] and principal components of rows, a row each, falling by variance [D, D]. The caller disposes them. */
export interface PrincipalComponents {
  mean: Tensor;
  components: Tensor;
  /** Variance along each, falling [D]. */
  variances: Float32Array;
}

/** Eigenvectors of the covariance of rows [N, D]. */
export function principalComponents(rows: Tensor): PrincipalComponents {
  const [N, D] = rows.shape;
  const [mean, components, values] = tf.tidy(() => {
    const centre = rows.mean(0);
    const centred = rows.sub(centre) as Tensor2D;
    const covariance = tf.matMul(centred, centred, true, false).div(N);
    const attrs = { compute_v: true, T: { dtype: "float32" as const } };
    const [rising, columns] = rawOps("SelfAdjointEigV2", [covariance], attrs, 2);
    return [centre, columns.transpose().reverse(0), rising.reverse()];
  }) as unknown as Tensor[];
  const variances = values.dataSync<"float32">().slice(0, D);
  values.dispose();
  return { mean, components, variances };
}

/**
 * The projection onto `l0` principal components: the first ones for every row ("first"), or each row's own choice of those
 * with its largest coefficients ("largest"), which is the best that an orthogonal dictionary can do.
 */
export function pcaBaseline(
  { mean, components }: PrincipalComponents,
  l0: number,
  choice: "first" | "largest" = "first",
): Baseline {
  const D = components.shape[0];
  const [centre, directions] = [mean.clone(), components.clone()] as [Tensor, Tensor2D];
  return {
    name: choice === "first" ? `PCA, first ${l0}` : `PCA, each row's ${l0} largest`,
    l0,
    atoms: D,
    reconstruct: (x) =>
      tf.tidy(() => {
        const coefficients = tf.matMul(x.sub(centre) as Tensor2D, directions, false, true); // [B, D]
        const weights = choice === "first" ? firstOnes(D, l0) : largest(coefficients, l0);
        return tf.matMul(coefficients.mul(weights) as Tensor2D, directions).add(centre);
      }),
    dispose: () => tf.dispose([centre, directions]),
  };
}

/** How `dictionaryBaseline` and `kMeans` are seeded and bounded. */
export interface KMeansOptions {
  /** Lloyd's iterations. Default 10. */
  iterations?: number;
  /** First centres are rows drawn with it. Default 42. */
  seed?: number;
  signal?: AbortSignal;
}

/** Rows whose distances to all centres are held at once. */
const BLOCK = 4096;

/**
 * Lloyd's algorithm: `atoms` centres of rows [N, D], started from random rows; an empty cluster gets a random row again.
 * [F, D]; the caller disposes it.
 */
export async function kMeans(
  rows: Tensor,
  atoms: number,
  { iterations = 10, seed = 42, signal }: KMeansOptions = {},
): Promise<Tensor> {
  const [N, D] = rows.shape;
  if (atoms > N) throw new Error(`kMeans: expected at most ${N} centres for as many rows, got ${atoms}`);
  const random = new Random(seed).fork("k-means");
  const drawn = Int32Array.from(random.permutation(N).subarray(0, atoms));
  let centres = tf.tidy(() => tf.gather(rows as Tensor2D, tf.tensor1d(drawn, "int32")));
  const data = await rows.data<"float32">();
  for (let iteration = 0; iteration < iterations; iteration++) {
    signal?.throwIfAborted();
    const nearest = await nearestCentres(rows, centres);
    const sums = new Float64Array(atoms * D);
    const counts = new Float64Array(atoms);
    for (let row = 0; row < N; row++) {
      const cluster = nearest[row];
      counts[cluster]++;
      for (let d = 0; d < D; d++) sums[cluster * D + d] += data[row * D + d];
    }
    const moved = new Float32Array(atoms * D);
    for (let cluster = 0; cluster < atoms; cluster++) {
      const again = counts[cluster] === 0 ? random.int(N) : -1;
      for (let d = 0; d < D; d++) {
        moved[cluster * D + d] = again >= 0 ? data[again * D + d] : sums[cluster * D + d] / counts[cluster];
      }
    }
    centres.dispose();
    centres = tf.tensor2d(moved, [atoms, D]);
  }
  return centres;
}

/** Each row is its nearest centre: k-means as it is, of L0 1. `centres` [F, D] stay the caller's. */
export function nearestCentreBaseline(centres: Tensor): Baseline {
  const own = centres.clone() as Tensor2D;
  return {
    name: "k-means, nearest centre",
    l0: 1,
    atoms: own.shape[0],
    reconstruct: (x) => tf.tidy(() => tf.gather(own, distances(x, own).argMin(1))),
    dispose: () => own.dispose(),
  };
}

/**
 * Any directions as a dictionary: rows are coded by matching pursuit (Mallat and Zhang, 1993), `l0` times the direction that
 * has most of what is left, with either sign, about `mean` [D]. `directions` [F, D] need not be of unit length and stay the
 * caller's.
 */
export function dictionaryBaseline(name: string, directions: Tensor, mean: Tensor, l0: number): Baseline {
  const atoms = unitRows(directions) as Tensor2D;
  const centre = mean.clone();
  return {
    name,
    l0,
    atoms: atoms.shape[0],
    reconstruct: (x) => {
      let rest = x.sub(centre) as Tensor2D;
      for (let i = 0; i < l0; i++) {
        const next = tf.tidy(() => {
          const products = tf.matMul(rest, atoms, false, true); // [B, F]
          const best = products.abs().argMax(1);
          const chosen = tf.gather(atoms, best); // [B, D]
          return rest.sub(chosen.mul(rest.mul(chosen).sum(1, true))) as Tensor2D;
        });
        rest.dispose();
        rest = next;
      }
      const out = x.sub(rest);
      rest.dispose();
      return out;
    },
    dispose: () => tf.dispose([atoms, centre]),
  };
}

/** Rows that a readout is fitted on at once. */
const FIT_BLOCK = 2048;

/**
 * Any directions read as an SAE reads its own: z = the `l0` largest of relu((x - mean) · direction) in one look, and the linear map back
 * that is best on `rows`, by ridge regression (λ a thousandth of the mean of z's squares). `directions` [F, D] and `mean` [D] stay the caller's.
 */
export async function readoutBaseline(
  name: string,
  directions: Tensor,
  mean: Tensor,
  l0: number,
  rows: ActivationSource,
): Promise<Baseline> {
  const atoms = unitRows(directions) as Tensor2D;
  const centre = mean.clone();
  const [F, D] = atoms.shape;
  const encode = (x: Tensor) => {
    const products = tf.matMul(x.sub(centre) as Tensor2D, atoms, false, true).relu();
    return products.mul(largest(products, l0)) as Tensor2D;
  };
  let gram = tf.zeros([F, F]);
  let crossed = tf.zeros([F, D]);
  for (let first = 0; first < rows.rows; first += FIT_BLOCK) {
    const count = Math.min(FIT_BLOCK, rows.rows - first);
    const block = new Float32Array(count * D);
    await rows.gather(
      Uint32Array.from({ length: count }, (_, i) => first + i),
      block,
    );
    const [nextGram, nextCrossed] = tf.tidy(() => {
      const x = tf.tensor2d(block, [count, D]);
      const z = encode(x);
      const own = tf.matMul(z, z, true, false);
      return [gram.add(own), crossed.add(tf.matMul(z, x.sub(centre) as Tensor2D, true, false))];
    }) as [Tensor, Tensor];
    tf.dispose([gram, crossed]);
    [gram, crossed] = [nextGram, nextCrossed];
  }
  const decoder = tf.tidy(() => {
    const identity = tf.eye(F);
    const lambda = gram
      .mul(identity)
      .sum()
      .mul(1e-3 / F);
    const factor = rawOp("Cholesky", [gram.add(identity.mul(lambda))], { T: { dtype: "float32" } });
    const solve = (right: Tensor, adjoint: boolean) =>
      rawOp("MatrixTriangularSolve", [factor, right], { lower: true, adjoint, T: { dtype: "float32" } });
    return solve(solve(crossed, false), true) as Tensor2D; // [F, D]
  });
  tf.dispose([gram, crossed]);
  return {
    name,
    l0,
    atoms: F,
    reconstruct: (x) => tf.tidy(() => tf.matMul(encode(x), decoder).add(centre)),
    dispose: () => tf.dispose([atoms, centre, decoder]),
  };
}

/** `atoms` directions uniform on the sphere [F, D]; the caller disposes them. */
export function randomDirections(atoms: number, width: number, seed = 42): Tensor {
  return tf.tidy(() => unitRows(new Random(seed).fork("random-directions").normalTensor([atoms, width])));
}

/** Measures a reconstruction on every row of `source`, in blocks. */
export async function reconstructionOf(
  { reconstruct }: Pick<Baseline, "reconstruct">,
  source: ActivationSource,
  { batchSize = 1024, signal }: { batchSize?: number; signal?: AbortSignal } = {},
): Promise<ReconstructionResult> {
  const result = new Reconstruction(source.width);
  for (let first = 0; first < source.rows; first += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, source.rows - first);
    const rows = new Float32Array(count * source.width);
    await source.gather(
      Uint32Array.from({ length: count }, (_, i) => first + i),
      rows,
    );
    const x = tf.tensor2d(rows, [count, source.width]);
    const xHat = reconstruct(x);
    result.add(rows, await xHat.data<"float32">());
    tf.dispose([x, xHat]);
  }
  return result.result();
}

/** Number of the nearest centre of each row [N]. */
async function nearestCentres(rows: Tensor, centres: Tensor): Promise<Int32Array> {
  const [N, D] = rows.shape;
  const nearest = new Int32Array(N);
  for (let first = 0; first < N; first += BLOCK) {
    const size = Math.min(BLOCK, N - first);
    const best = tf.tidy(() => distances(rows.slice([first, 0], [size, D]), centres).argMin(1));
    nearest.set(await best.data<"int32">(), first);
    best.dispose();
  }
  return nearest;
}

/** Squared distances of rows from centres, less ‖row‖² [B, F]. */
function distances(rows: Tensor, centres: Tensor): Tensor {
  return tf
    .matMul(rows as Tensor2D, centres as Tensor2D, false, true)
    .mul(-2)
    .add(centres.square().sum(1));
}

/** Ones at the first `count` of `size` places. */
function firstOnes(size: number, count: number): Tensor {
  return tf.tensor1d(Float32Array.from({ length: size }, (_, i) => (i < count ? 1 : 0)));
}

/** 1 where a coefficient is among its row's `count` largest in absolute value. [B, D] */
function largest(coefficients: Tensor, count: number): Tensor {
  const [, D = 0] = coefficients.shape;
  if (count >= D) return tf.onesLike(coefficients);
  const size = coefficients.abs();
  const { values } = topK(size, count);
  return size.greaterEqual(values.slice([0, count - 1], [-1, 1])).toFloat();
}
