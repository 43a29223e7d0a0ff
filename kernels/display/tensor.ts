/** A tfjs tensor in a few lines: data type, shape, first values and statistics; never a hundred thousand numbers. */
import type { MimeBundle } from "../executor/contract";
import { previewOf, sampleSize, statisticsOf } from "./statistics";

/** What of a tensor is used here; the kernel loads no TensorFlow of its own. */
interface TensorLike {
  dtype: string;
  shape: number[];
  size: number;
  isDisposed: boolean;
  dataSync(): ArrayLike<number | string>;
  /** tfjs's chained ops, where they are registered. */
  reshape?(shape: number[]): TensorLike;
  stridedSlice?(begin: number[], end: number[], strides: number[]): TensorLike;
  dispose?(): void;
}

/** Undefined for what is no tensor. Reads the tensor's values, of a large one a sample; disposes nothing but what it makes. */
export function describeTensor(value: unknown): MimeBundle | undefined {
  if (!isTensor(value)) return undefined;
  const head = `Tensor ${value.dtype} [${value.shape.join(", ")}]`;
  if (value.isDisposed) return { "text/plain": `${head} (disposed)` };
  const { values, every } = read(value);
  const lines = [`${head}: ${previewOf(every === 1 ? values : firstOf(value, values), value.size)}`];
  if (value.dtype === "float32" || value.dtype === "int32") {
    const statistics = statisticsOf(values as ArrayLike<number>);
    if (statistics) lines.push(every === 1 ? statistics : `${statistics} (of one value in ${every})`);
  } else if (value.dtype === "bool") {
    lines.push(`${Array.from(values, Number).reduce((sum, x) => sum + x, 0)} true`);
  }
  return { "text/plain": lines.join("\n") };
}

/** A large tensor's values would take as much memory again. */
function read(tensor: TensorLike): { values: ArrayLike<number | string>; every: number } {
  const every = Math.ceil(tensor.size / sampleSize);
  const sample = every === 1 ? undefined : slice(tensor, tensor.size, every);
  return sample ? { values: sample, every } : { values: tensor.dataSync(), every: 1 };
}

function firstOf(tensor: TensorLike, sample: ArrayLike<number | string>): ArrayLike<number | string> {
  return slice(tensor, 8, 1) ?? sample;
}

/** Undefined where tfjs's chained ops are not registered. */
function slice(tensor: TensorLike, end: number, every: number): ArrayLike<number | string> | undefined {
  const flat = tensor.reshape?.([tensor.size]);
  const sliced = flat?.stridedSlice?.([0], [end], [every]);
  const values = sliced?.dataSync();
  sliced?.dispose?.();
  flat?.dispose?.();
  return values;
}

function isTensor(value: unknown): value is TensorLike {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, dataSync, dataId } = value as Record<string, unknown>;
  return (
    typeof dtype === "string" &&
    Array.isArray(shape) &&
    typeof dataSync === "function" &&
    dataId !== undefined
  );
}
