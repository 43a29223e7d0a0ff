/** Tensors whose numbers are made when somebody asks for them, and whose memory can be let go of again: for weights that exist in another form already. */
import { nativeBackend, type Tensor, tf } from "./backend";

/** An entry of tfjs-node's table of tensors: `values` are numbers that TensorFlow has not yet, `id` what it knows them by. */
class LazyEntry {
  readonly dtype: number;
  refCount = 1;
  id = -1;
  /** tfjs asks twice in a row; nobody else keeps the numbers. */
  private made?: WeakRef<Float32Array>;

  constructor(
    readonly shape: number[],
    private readonly make: () => Float32Array,
  ) {
    this.dtype = nativeBackend().binding.TF_FLOAT;
  }

  get values(): Float32Array | null {
    if (this.id >= 0) return null;
    let values = this.made?.deref();
    if (!values) {
      values = this.make();
      this.made = new WeakRef(values);
    }
    return values;
  }

  /** tfjs writes null once TensorFlow has the numbers. */
  set values(_: Float32Array | null) {
    this.made = undefined;
  }
}

/** By dataId. */
const entries = new WeakMap<object, LazyEntry>();

/** A float32 tensor of `shape` whose numbers `make` gives, each time that they are needed and not there. The caller disposes it. */
export function lazyTensor(shape: readonly number[], make: () => Float32Array): Tensor {
  const dataId = {};
  const entry = new LazyEntry([...shape], make);
  entries.set(dataId, entry);
  nativeBackend().tensorMap.set(dataId, entry);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: entry.shape, dtype: "float32" });
}

/** Frees the memory of a lazy tensor until it is needed again; leaves other tensors alone. */
export function letGo(tensor: Tensor): void {
  const entry = entries.get(tensor.dataId);
  if (!entry || entry.id < 0 || !nativeBackend().tensorMap.has(tensor.dataId)) return;
  nativeBackend().binding.deleteTensor(entry.id);
  entry.id = -1;
}

/** Whether a tensor's numbers may still be asked for: by itself, or by a clone that shares them. */
export function isHeld(tensor: Tensor): boolean {
  return nativeBackend().tensorMap.has(tensor.dataId);
}
