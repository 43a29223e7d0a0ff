/** A tensor with a fixed place in memory that raw ops such as Adam update in place. */
import { type Tensor, tf } from "./backend";
import { rawOp, rawOps } from "./raw";

let serial = 0;

/** A float32 resource variable. Call `dispose` when done: TensorFlow keeps its memory until then. */
export class Variable {
  readonly shape: readonly number[];
  /** TensorFlow's handle, an input of the `Resource…` ops. */
  readonly handle: Tensor;

  /** Copies `initial`, which stays the caller's. */
  constructor(initial: Tensor) {
    this.shape = initial.shape.slice();
    this.handle = tf.keep(
      rawOp("VarHandleOp", [], {
        dtype: { dtype: "float32" },
        shape: { shape: initial.shape },
        shared_name: `vitrine-${serial++}`,
      }),
    );
    this.assign(initial);
  }

  /** Replaces the value. `value` must have the variable's shape. */
  assign(value: Tensor): void {
    // The copy keeps the variable from sharing memory with a tensor that others may still read.
    tf.tidy(() =>
      rawOps("AssignVariableOp", [this.handle, value.add(0)], { dtype: { dtype: "float32" } }, 0),
    );
  }

  /** The value now; a later in-place update does not change the tensor that was returned. */
  read(): Tensor {
    return rawOp("ReadVariableOp", [this.handle], { dtype: { dtype: "float32" } });
  }

  dispose(): void {
    rawOps("DestroyResourceOp", [this.handle], { ignore_lookup_error: true }, 0);
    this.handle.dispose();
  }
}
