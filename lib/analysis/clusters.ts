/** Two groups of features, the dense cluster and the ultra-low-density one: by the post's thresholds, or found from the data. */

/** What a feature is placed by; NaN or -Infinity where it is not defined (dead features). */
export interface ClusterPoints {
  /** log10 of the share of rows on which each feature fires [F]. */
  log10Density: ArrayLike<number>;
  /** log10 of the mean of each feature's top activations [F]. */
  log10MeanTop: ArrayLike<number>;
}

/** Which cluster a feature belongs to. */
export type Cluster = "dense" | "ultraLow" | "dead";

export interface DenseThresholds {
  /** log10 density above which a feature is dense. Default -4 (Fry, 2024, over 524,288 pictures). */
  log10Density?: number;
  /** log10 mean top activation above which a feature is dense. Default -0.7 (Fry, 2024). */
  log10MeanTop?: number;
}

/**
 * The post's split: dense where log10 density > -4, log10 mean top-20 activation > -0.7 and the label entropy is defined
 * (Fry, 2024: 1,221 of 65,536 features). `labelEntropy` [F] is NaN where it is not; without it only the first two count.
 */
export function clustersByThreshold(
  { log10Density, log10MeanTop }: ClusterPoints,
  { log10Density: density = -4, log10MeanTop: strength = -0.7 }: DenseThresholds = {},
  labelEntropy?: ArrayLike<number>,
): Cluster[] {
  return Array.from({ length: log10Density.length }, (_, f) => {
    if (!isPoint(log10Density[f], log10MeanTop[f])) return "dead";
    const defined = !labelEntropy || !Number.isNaN(labelEntropy[f]);
    return log10Density[f] > density && log10MeanTop[f] > strength && defined ? "dense" : "ultraLow";
  });
}

/** One bell of a mixture: its share of the points, mean [2] and covariance [xx, xy, yy]. */
export interface Bell {
  weight: number;
  mean: [number, number];
  covariance: [number, number, number];
}

export interface MixtureResult {
  /** Falling mean activation: the first is the dense one. */
  bells: [Bell, Bell];
  clusters: Cluster[];
  /** How probable it is that each feature belongs to the dense bell [F]; NaN for a dead one. */
  denseProbability: Float64Array;
  /** Mean log-likelihood of a point, in nats. */
  logLikelihood: number;
  /** Bayesian information criterion of one bell less that of two (Schwarz, 1978): above 10, two are strongly preferred. */
  bicGain: number;
  /**
   * Distance of the means along the line between them over the root mean square of the two spreads along it (Ashman, Bird and Zepf,
   * 1994): above 2 the two are cleanly separated.
   */
  separation: number;
}

/**
 * A mixture of two Gaussians with full covariances, fitted by expectation and maximisation to the living features' points. Starts from
 * the points above and below the middle of the second coordinate's range. Throws with fewer than ten points.
 */
export function clustersByMixture(
  { log10Density, log10MeanTop }: ClusterPoints,
  { maxIterations = 500, tolerance = 1e-9 }: { maxIterations?: number; tolerance?: number } = {},
): MixtureResult {
  const living: number[] = [];
  for (let f = 0; f < log10Density.length; f++) if (isPoint(log10Density[f], log10MeanTop[f])) living.push(f);
  const n = living.length;
  if (n < 10)
    throw new Error(`clustersByMixture: expected ten living features or more, got ${n} (do: train longer)`);
  const xs = Float64Array.from(living, (f) => log10Density[f]);
  const ys = Float64Array.from(living, (f) => log10MeanTop[f]);

  const all = bellOf(xs, ys, new Float64Array(n).fill(1));
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const y of ys) [low, high] = [Math.min(low, y), Math.max(high, y)];
  // Not the halves themselves: a side may hold one point, and a bell needs a spread.
  const dense = ys.map((y) => (y > (low + high) / 2 ? 0.95 : 0.05));
  let bells = bellsOf(xs, ys, dense);
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const before = logLikelihood;
    logLikelihood = expect(xs, ys, bells, dense);
    if (logLikelihood - before < tolerance) break;
    bells = bellsOf(xs, ys, dense);
  }
  if (bells[0].mean[1] < bells[1].mean[1]) {
    bells = [bells[1], bells[0]];
    for (let i = 0; i < n; i++) dense[i] = 1 - dense[i];
  }
  let alone = 0;
  const logAll = logDensityOf(all);
  for (let i = 0; i < n; i++) alone += logAll(xs[i], ys[i]);

  const denseProbability = new Float64Array(log10Density.length).fill(Number.NaN);
  living.forEach((f, i) => {
    denseProbability[f] = dense[i];
  });
  // Free parameters: five of one bell, eleven of two.
  const bicGain = 5 * Math.log(n) - 2 * alone - (11 * Math.log(n) - 2 * n * logLikelihood);
  return {
    bells,
    clusters: Array.from(denseProbability, (p) =>
      Number.isNaN(p) ? "dead" : p > 0.5 ? "dense" : "ultraLow",
    ),
    denseProbability,
    logLikelihood,
    bicGain,
    separation: separationOf(bells),
  };
}

function isPoint(x: number, y: number): boolean {
  // -10 stands for a dead feature in SAELens's log10 density.
  return Number.isFinite(x) && Number.isFinite(y) && x > -10;
}

function bellsOf(xs: Float64Array, ys: Float64Array, dense: Float64Array): [Bell, Bell] {
  return [
    bellOf(xs, ys, dense),
    bellOf(
      xs,
      ys,
      dense.map((p) => 1 - p),
    ),
  ];
}

/** The weighted mean and covariance; a spread below 1e-3 of a decade is taken as that, so that no bell falls onto a point. */
function bellOf(xs: Float64Array, ys: Float64Array, weights: Float64Array): Bell {
  let total = 0;
  const mean: [number, number] = [0, 0];
  for (let i = 0; i < xs.length; i++) {
    total += weights[i];
    mean[0] += weights[i] * xs[i];
    mean[1] += weights[i] * ys[i];
  }
  total = Math.max(total, Number.MIN_VALUE);
  mean[0] /= total;
  mean[1] /= total;
  const covariance: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < xs.length; i++) {
    const [dx, dy] = [xs[i] - mean[0], ys[i] - mean[1]];
    covariance[0] += (weights[i] * dx * dx) / total;
    covariance[1] += (weights[i] * dx * dy) / total;
    covariance[2] += (weights[i] * dy * dy) / total;
  }
  covariance[0] += 1e-6;
  covariance[2] += 1e-6;
  return { weight: total / xs.length, mean, covariance };
}

/** Sets `dense` to the first bell's responsibilities; returns the mean log-likelihood. */
function expect(xs: Float64Array, ys: Float64Array, bells: [Bell, Bell], dense: Float64Array): number {
  const [logA, logB] = bells.map(logDensityOf);
  const [priorA, priorB] = bells.map(({ weight }) => Math.log(weight));
  let sum = 0;
  for (let i = 0; i < xs.length; i++) {
    const a = priorA + logA(xs[i], ys[i]);
    const b = priorB + logB(xs[i], ys[i]);
    const top = Math.max(a, b);
    const both = top + Math.log(Math.exp(a - top) + Math.exp(b - top));
    dense[i] = Math.exp(a - both);
    sum += both;
  }
  return sum / xs.length;
}

function logDensityOf({ mean, covariance: [xx, xy, yy] }: Bell): (x: number, y: number) => number {
  const determinant = xx * yy - xy * xy;
  const constant = -Math.log(2 * Math.PI) - 0.5 * Math.log(determinant);
  return (x, y) => {
    const [dx, dy] = [x - mean[0], y - mean[1]];
    return constant - (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / (2 * determinant);
  };
}

function separationOf([a, b]: [Bell, Bell]): number {
  const [dx, dy] = [a.mean[0] - b.mean[0], a.mean[1] - b.mean[1]];
  const distance = Math.hypot(dx, dy);
  if (distance === 0) return 0;
  const [ux, uy] = [dx / distance, dy / distance];
  const along = ({ covariance: [xx, xy, yy] }: Bell) => ux * ux * xx + 2 * ux * uy * xy + uy * uy * yy;
  return distance / Math.sqrt((along(a) + along(b)) / 2);
}
