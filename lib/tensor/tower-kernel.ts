/** The kernel of native/tower.cc: transformer blocks that run as a whole, over plain memory. */
import { hostFloats, kernelAddon } from "./kernels";

type Handle = { readonly handle: unique symbol };

interface Native {
  createTower(width: number, heads: number, hidden: number, epsilon: number, exactGelu: boolean): Handle;
  setTowerBlock(tower: Handle, layer: number, weights: TowerBlockWeights): void;
  clearTower(tower: Handle): void;
  copyTowerPart(tower: Handle, layer: number, part: number, out: Float32Array): void;
  runTowerBlock(tower: Handle, layer: number, x: Float32Array, B: number, T: number, causal: boolean): void;
}

export interface TowerKernelOptions {
  /** D. */
  width: number;
  heads: number;
  /** Width of the MLP's hidden layer, M. */
  hidden: number;
  /** Of the layer norms. */
  epsilon: number;
  /** x · Φ(x); otherwise x · sigmoid(1.702 x). */
  exactGelu: boolean;
}

/** One block's weights: vectors, and linear weights [out, in] row by row. */
export type TowerBlockWeights = Record<TowerBlockPart, Float32Array>;
export type TowerBlockPart = (typeof TOWER_BLOCK_PARTS)[number];

export const TOWER_BLOCK_PARTS = [
  ...(["norm1", "norm1Bias", "q", "qBias", "k", "kBias", "v", "vBias", "out", "outBias"] as const),
  ...(["norm2", "norm2Bias", "fc1", "fc1Bias", "fc2", "fc2Bias"] as const),
] as const;

/** Holds copies of its blocks' weights, laid out for the products, until it is disposed or garbage. */
export class TowerKernel {
  private readonly handle: Handle;

  constructor(readonly options: TowerKernelOptions) {
    const { width, heads, hidden, epsilon, exactGelu } = options;
    this.handle = addon().createTower(width, heads, hidden, epsilon, exactGelu);
  }

  /** Copies block `layer`'s weights. Throws on one of another size. */
  setBlock(layer: number, weights: TowerBlockWeights): void {
    addon().setTowerBlock(this.handle, layer, weights);
  }

  /** One part of block `layer` as it was set, in memory of its own. */
  part(layer: number, part: TowerBlockPart): Float32Array {
    const { width, hidden } = this.options;
    const bias = part.startsWith("norm") || part.endsWith("Bias");
    const rows = part.startsWith("fc1") ? hidden : width;
    const out = hostFloats(bias ? rows : rows * (part === "fc2" ? hidden : width));
    addon().copyTowerPart(this.handle, layer, TOWER_BLOCK_PARTS.indexOf(part), out);
    return out;
  }

  /** Replaces x [B·T·D] by block `layer`'s output. causal: no token sees a later one. */
  run(layer: number, x: Float32Array, B: number, T: number, causal: boolean): void {
    addon().runTowerBlock(this.handle, layer, x, B, T, causal);
  }

  /** Frees the weights; blocks can be set anew. */
  dispose(): void {
    addon().clearTower(this.handle);
  }
}

function addon(): Native {
  return kernelAddon() as Native;
}
