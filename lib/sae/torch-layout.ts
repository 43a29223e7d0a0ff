/** SAEs of other projects in safetensors, where reading them is only renaming: weights as PyTorch's linear layers hold them. */
import { readSafetensors, type StoredTensor } from "../io";
import type { SaeConfig } from "./config";
import { refusePickled } from "./pickled";
import { Sae, type SaeMetadata } from "./sae";
import { weightsOf } from "./saelens";

/**
 * Names in the files of other projects → ours. sparsify (`sae.safetensors`) has encoder.weight, encoder.bias, W_dec and b_dec; dictionary_learning's state
 * dictionaries have encoder.weight, decoder.weight, and `bias` or `b_dec`, gated ones `gate_bias`, `mag_bias` and `r_mag`.
 */
const NAMES: Readonly<Record<string, string>> = {
  "encoder.weight": "WEnc",
  W_enc: "WEnc",
  "encoder.bias": "bEnc",
  b_enc: "bEnc",
  "decoder.weight": "WDec",
  W_dec: "WDec",
  "decoder.bias": "bDec",
  decoder_bias: "bDec",
  bias: "bDec",
  b_dec: "bDec",
  threshold: "threshold",
  gate_bias: "bGate",
  b_gate: "bGate",
  mag_bias: "bMag",
  b_mag: "bMag",
  r_mag: "rMag",
};

/** Buffers that are no weights. */
const IGNORED = ["k"];

/**
 * Reads one safetensors file. Matrices are turned round where their shape says so; a square one is a linear layer's
 * (`….weight` [out, in]) or ours by its name. `config` says what the file does not: architecture, k. The caller owns the SAE.
 */
export async function loadTorchLayout(
  path: string,
  config: SaeConfig,
  metadata: SaeMetadata = {},
): Promise<Sae> {
  refusePickled(path, []);
  const { tensors } = await readSafetensors(path, (name) => !IGNORED.includes(name));
  const { dIn: D, dSae: F } = config;
  const renamed = new Map<string, StoredTensor>();
  for (const [name, stored] of tensors) {
    const ours = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
    if (!ours || renamed.has(ours)) {
      throw new Error(`${path}: expected ${Object.keys(NAMES).join(", ")}, each once, got "${name}"`);
    }
    const linear = name.endsWith(".weight");
    if (ours === "WEnc") renamed.set(ours, turned(stored, [D, F], linear));
    else if (ours === "WDec") renamed.set(ours, turned(stored, [F, D], linear));
    else if (ours === "threshold" && stored.data.length === 1) {
      const data = new Float32Array(F).fill(Number(stored.data[0]));
      renamed.set(ours, { dtype: "F32", shape: [F], data });
    } else renamed.set(ours, stored);
  }
  if (config.architecture === "topk") renamed.delete("threshold"); // kept beside, but not used by their TopK
  return new Sae(config, weightsOf(config, renamed, {}, path), metadata);
}

/** `stored` in `shape`, transposed if it has the other one, or if it is square and a linear layer's. */
function turned(stored: StoredTensor, shape: [number, number], linear: boolean): StoredTensor {
  const [rows, columns] = shape;
  const square = rows === columns;
  if (stored.shape.join() !== [columns, rows].join() || (square && !linear)) return stored;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) data[j * columns + i] = Number(stored.data[i * rows + j]);
  }
  return { dtype: "F32", shape, data };
}
