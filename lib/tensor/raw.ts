/** Raw TensorFlow ops, for what tfjs wraps slowly or not at all. */
import { nativeBackend, type OpAttr, type Tensor, tf } from "./backend";

/** An attribute's value; a type attribute is `{ dtype }`. Numbers are integers unless given as `{ float }`. */
export type Attr = number | boolean | string | { dtype: AttrDtype } | { float: number } | { shape: number[] };
export type AttrDtype = "float32" | "int32" | "bool" | "uint8" | "int64";

/**
 * Runs the TensorFlow op `name` eagerly and returns its only output, owned by the caller.
 * Not differentiable: wrap it in `tf.customGrad`. Throws what TensorFlow reports.
 */
export function rawOp(name: string, inputs: readonly Tensor[], attrs: Record<string, Attr> = {}): Tensor {
  return nativeBackend().executeSingleOutput(name, encodeAttrs(attrs), inputs);
}

/** As `rawOp`, for an op with several outputs. */
export function rawOps(
  name: string,
  inputs: readonly Tensor[],
  attrs: Record<string, Attr>,
  numOutputs: number,
): Tensor[] {
  return nativeBackend().executeMultipleOutputs(name, encodeAttrs(attrs), inputs, numOutputs);
}

/**
 * The k largest entries of each row, in falling order. `x` [..., N] -> values and int32 indices [..., K].
 */
export function topK(x: Tensor, k: number): { values: Tensor; indices: Tensor } {
  const [values, indices] = tf.tidy(() =>
    rawOps("TopKV2", [x, tf.scalar(k, "int32")], { T: { dtype: "float32" }, sorted: true }, 2),
  );
  return { values, indices };
}

function encodeAttrs(attrs: Record<string, Attr>): OpAttr[] {
  const { binding } = nativeBackend();
  return Object.entries(attrs).map(([name, value]): OpAttr => {
    if (typeof value === "boolean") return { name, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === "string") return { name, type: binding.TF_ATTR_STRING, value };
    if (typeof value === "number") return { name, type: binding.TF_ATTR_INT, value };
    if ("float" in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
    if ("shape" in value) return { name, type: binding.TF_ATTR_SHAPE, value: value.shape };
    return { name, type: binding.TF_ATTR_TYPE, value: dtypeNumber(value.dtype) };
  });
}

function dtypeNumber(dtype: AttrDtype): number {
  const { binding } = nativeBackend();
  const numbers: Record<AttrDtype, number> = {
    float32: binding.TF_FLOAT,
    int32: binding.TF_INT32,
    bool: binding.TF_BOOL,
    uint8: binding.TF_UINT8,
    int64: binding.TF_INT64,
  };
  return numbers[dtype];
}
