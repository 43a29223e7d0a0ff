/** Matrix products and ReLU as single TensorFlow ops, without tfjs's reshapes to three dimensions. */
import { rawOp, type Tensor } from "../tensor";

const FLOAT = { T: { dtype: "float32" } } as const;

/** a b, either transposed first: [M, K] [K, N] -> [M, N]. The caller owns the result. */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  return rawOp("MatMul", [a, b], { ...FLOAT, transpose_a: transposeA, transpose_b: transposeB });
}

/** max(x, 0) elementwise. The caller owns the result. */
export function relu(x: Tensor): Tensor {
  return rawOp("Relu", [x], FLOAT);
}

/** `gradient` where `output`, a ReLU's, is positive, else 0. The caller owns the result. */
export function reluGrad(gradient: Tensor, output: Tensor): Tensor {
  return rawOp("ReluGrad", [gradient, output], FLOAT);
}

/** `table` [N, …] with rows `updates` [n, …] added at `rows` (int32 [n]). The caller owns the result. */
export function addRows(table: Tensor, rows: Tensor, updates: Tensor): Tensor {
  const indices = rows.reshape([-1, 1]);
  const out = rawOp("TensorScatterAdd", [table, indices, updates], {
    ...FLOAT,
    Tindices: { dtype: "int32" },
  });
  indices.dispose();
  return out;
}
