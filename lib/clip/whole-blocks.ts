/**
 * Blocks that nobody looks into: each runs as one kernel, which has the weights in a form of its own. Of a model that was loaded that is the only form: its
 * tensors are made of it where somebody looks inside after all, and let go of when the block runs as a whole again.
 */
import {
  disposeAll,
  isHeld,
  lazyTensor,
  letGo,
  type NamedTensors,
  type Tensor,
  TOWER_BLOCK_PARTS,
  type TowerBlockPart,
  type TowerBlockWeights,
  TowerKernel,
  tf,
} from "../tensor";
import type { TowerConfig } from "./config";
import type { Tower } from "./hook-points";

/** Hugging Face's names of the kernel's parts. */
const NAMES: Record<TowerBlockPart, string> = {
  norm1: "layer_norm1.weight",
  norm1Bias: "layer_norm1.bias",
  q: "self_attn.q_proj.weight",
  qBias: "self_attn.q_proj.bias",
  k: "self_attn.k_proj.weight",
  kBias: "self_attn.k_proj.bias",
  v: "self_attn.v_proj.weight",
  vBias: "self_attn.v_proj.bias",
  out: "self_attn.out_proj.weight",
  outBias: "self_attn.out_proj.bias",
  norm2: "layer_norm2.weight",
  norm2Bias: "layer_norm2.bias",
  fc1: "mlp.fc1.weight",
  fc1Bias: "mlp.fc1.bias",
  fc2: "mlp.fc2.weight",
  fc2Bias: "mlp.fc2.bias",
};

interface Kernels {
  kernel: TowerKernel;
  /** Blocks whose weights it has. */
  blocks: Set<number>;
}

/** By the record of parameters: whoever changes parameters makes a new record. */
const kernels = new WeakMap<NamedTensors, Partial<Record<Tower, Kernels>>>();

/** Runs blocks `from` to `to` (exclusive). x [B, T, D] -> [B, T, D], owned by the caller; x stays as it is. */
export function runBlocks(
  x: Tensor,
  parameters: NamedTensors,
  tower: Tower,
  config: TowerConfig,
  { from, to, causal }: { from: number; to: number; causal: boolean },
): Tensor {
  const [batch, tokens] = x.shape as [number, number, number];
  const { kernel, blocks } = kernelsOf(parameters, tower, config);
  // What dataSync gives may be the tensor's own memory.
  const stream = (x.dataSync() as Float32Array).slice();
  for (let layer = from; layer < to; layer++) {
    if (!blocks.has(layer)) {
      kernel.setBlock(layer, blockWeights(parameters, tower, layer));
      blocks.add(layer);
    }
    for (const part of TOWER_BLOCK_PARTS) letGo(parameters[nameOf(tower, layer, part)]);
    kernel.run(layer, stream, batch, tokens, causal);
  }
  return tf.tensor(stream, x.shape);
}

function kernelsOf(parameters: NamedTensors, tower: Tower, config: TowerConfig): Kernels {
  const both = kernels.get(parameters) ?? {};
  kernels.set(parameters, both);
  const there = both[tower];
  if (there) return there;
  const kernel = new TowerKernel({
    width: config.hidden_size,
    heads: config.num_attention_heads,
    hidden: config.intermediate_size,
    epsilon: config.layer_norm_eps,
    exactGelu: config.hidden_act === "gelu",
  });
  const made = { kernel, blocks: new Set<number>() };
  both[tower] = made;
  return made;
}

/** The name of a part in a checkpoint. */
function nameOf(tower: Tower, layer: number, part: TowerBlockPart): string {
  return `${tower}_model.encoder.layers.${layer}.${NAMES[part]}`;
}

function blockWeights(parameters: NamedTensors, tower: Tower, layer: number): TowerBlockWeights {
  return Object.fromEntries(
    TOWER_BLOCK_PARTS.map((part) => [part, parameters[nameOf(tower, layer, part)].dataSync()]),
  ) as TowerBlockWeights;
}

/** Names of a block's parameters, all of which `addBlock` wants. */
export function blockNames(tower: Tower, layer: number): string[] {
  return TOWER_BLOCK_PARTS.map((part) => nameOf(tower, layer, part));
}

/**
 * Puts a block into `parameters`: the numbers into the kernel, `values` being the caller's own again, and for each name of `blockNames` a tensor of
 * `shapes` that takes no memory until it is used.
 */
export function addBlock(
  parameters: NamedTensors,
  tower: Tower,
  config: TowerConfig,
  layer: number,
  values: ReadonlyMap<string, Float32Array>,
  shapes: ReadonlyMap<string, number[]>,
): void {
  const { kernel, blocks } = kernelsOf(parameters, tower, config);
  const weights = TOWER_BLOCK_PARTS.map((part) => [part, values.get(nameOf(tower, layer, part))]);
  kernel.setBlock(layer, Object.fromEntries(weights) as TowerBlockWeights);
  blocks.add(layer);
  for (const part of TOWER_BLOCK_PARTS) {
    const name = nameOf(tower, layer, part);
    parameters[name] = lazyTensor(shapes.get(name) as number[], () => kernel.part(layer, part));
  }
}

/** Disposes parameters, and frees the kernels' weights at once where no clone of a parameter needs them. */
export function disposeParameters(parameters: NamedTensors): void {
  disposeAll(parameters);
  for (const { kernel } of Object.values(kernels.get(parameters) ?? {}))
    if (!Object.values(parameters).some(isHeld)) kernel.dispose();
  kernels.delete(parameters);
}
