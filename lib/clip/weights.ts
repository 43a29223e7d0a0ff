/** A CLIP's parameters out of safetensors files: one at a time straight into TensorFlow, names and shapes asserted both ways. */
import { ShardedSafetensors } from "../io";
import { disposeAll, type NamedTensors, rawOp, tf } from "../tensor";
import type { ClipConfig } from "./config";
import { parameterShapes } from "./parameters";

/** What checkpoints hold beside the parameters, and why it is not read. */
const KNOWN_EXTRAS: Record<string, string> = {
  "text_model.embeddings.position_ids": "0, 1, 2, …: a buffer that transformers saved before 4.31",
  "vision_model.embeddings.position_ids": "0, 1, 2, …: a buffer that transformers saved before 4.31",
};

/**
 * The parameters of a model.safetensors or of a model.safetensors.index.json with its shards, as float32. Throws when one is missing, left over or
 * of another shape than `config` says. Memory at most: the parameters and the largest one once more. The caller disposes them.
 */
export async function readClipParameters(path: string, config: ClipConfig): Promise<NamedTensors> {
  const file = await ShardedSafetensors.open(path);
  const parameters: NamedTensors = {};
  try {
    const shapes = parameterShapes(config);
    checkNames(file, shapes);
    const sizes = [...shapes.values()].map((shape) => shape.reduce((a, b) => a * b, 1));
    // One buffer for all, so that no JavaScript copy of the weights ever exists. TensorFlow keeps an array's own memory when it is aligned for
    // vector instructions and copies it at once when it is not: four bytes on, it never is.
    const staging = new Float32Array(new ArrayBuffer(4 * (Math.max(...sizes) + 1)), 4);
    let at = 0;
    for (const [name, shape] of shapes) {
      const values = staging.subarray(0, sizes[at++]);
      await file.readFloat32(name, values);
      parameters[name] = tf.tensor(values, shape);
      // tfjs would keep the array until the tensor's first use; any op makes it hand the values over now.
      rawOp("Identity", [parameters[name]], { T: { dtype: "float32" } }).dispose();
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
