/** A CLIP's parameters out of safetensors files: blocks straight into their kernels, the rest into TensorFlow, names and shapes asserted both ways. */
import { ShardedSafetensors } from "../io";
import { disposeAll, type NamedTensors, rawOp, tf } from "../tensor";
import type { ClipConfig } from "./config";
import { towerConfig } from "./hook-points";
import { parameterShapes } from "./parameters";
import { addBlock, blockNames } from "./whole-blocks";

/** What checkpoints hold beside the parameters, and why it is not read. */
const KNOWN_EXTRAS: Record<string, string> = {
  "text_model.embeddings.position_ids": "0, 1, 2, …: a buffer that transformers saved before 4.31",
  "vision_model.embeddings.position_ids": "0, 1, 2, …: a buffer that transformers saved before 4.31",
};

/**
 * The parameters of a model.safetensors or of a model.safetensors.index.json with its shards, as float32. Throws when one is missing, left over or
 * of another shape than `config` says. Memory at most: the parameters and the largest block once more. The caller disposes them.
 */
export async function readClipParameters(path: string, config: ClipConfig): Promise<NamedTensors> {
  const file = await ShardedSafetensors.open(path);
  const parameters: NamedTensors = {};
  try {
    const shapes = parameterShapes(config);
    checkNames(file, shapes);
    const sizeOf = (name: string) => (shapes.get(name) as number[]).reduce((a, b) => a * b, 1);
    const blocks = (["vision", "text"] as const).flatMap((tower) =>
      Array.from({ length: towerConfig(config, tower).num_hidden_layers }, (_, layer) => ({
        tower,
        layer,
        names: blockNames(tower, layer),
      })),
    );
    const inBlocks = new Set(blocks.flatMap(({ names }) => names));
    const others = [...shapes.keys()].filter((name) => !inBlocks.has(name));
    const groups = [...others.map((name) => [name]), ...blocks.map(({ names }) => names)];
    const largest = Math.max(...groups.map((names) => names.reduce((sum, name) => sum + sizeOf(name), 0)));
    // One buffer for all, so that no JavaScript copy of the weights ever exists. TensorFlow keeps an array's own memory when it is aligned for
    // vector instructions and copies it at once when it is not: four bytes on, it never is.
    const staging = new Float32Array(new ArrayBuffer(4 * (largest + 1)), 4);
    for (const name of others) {
      const values = staging.subarray(0, sizeOf(name));
      await file.readFloat32(name, values);
      parameters[name] = tf.tensor(values, shapes.get(name));
      // tfjs would keep the array until the tensor's first use; any op makes it hand the values over now.
      rawOp("Identity", [parameters[name]], { T: { dtype: "float32" } }).dispose();
    }
    for (const { tower, layer, names } of blocks) {
      const values = new Map<string, Float32Array>();
      let at = 0;
      for (const name of names) {
        const some = staging.subarray(at, at + sizeOf(name));
        await file.readFloat32(name, some);
        values.set(name, some);
        at += some.length;
      }
      addBlock(parameters, tower, towerConfig(config, tower), layer, values, shapes);
    }
    return parameters;
  } catch (error) {
    disposeAll(parameters);
    throw error;
  } finally {
    await file.close();
  }
}

function checkNames(file: ShardedSafetensors, shapes: ReadonlyMap<string, number[]>): void {
  const { path } = file;
  for (const name of file.names) {
    if (!shapes.has(name) && !(name in KNOWN_EXTRAS))
      throw new Error(`${path}: expected no tensor "${name}" by the config, got one`);
  }
  for (const [name, shape] of shapes) {
    const entry = file.entry(name);
    if (!entry) throw new Error(`${path}: expected a tensor "${name}" [${shape}], got none`);
    if (entry.shape.join() !== shape.join())
      throw new Error(`${path}: expected "${name}" [${shape}], got [${entry.shape}]`);
  }
}
