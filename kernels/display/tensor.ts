/** A tfjs tensor in a few lines: data type, shape, first values and statistics; never a hundred thousand numbers. */
import type { MimeBundle } from "../executor/contract";

/** What of a tensor is used here; the kernel loads no TensorFlow of its own. */
interface TensorLike {
  dtype: string;
  shape: number[];
  size: number;
  isDisposed: boolean;
  dataSync(): ArrayLike<number | string>;
}

const previewCount = 8;

/** Undefined for what is no tensor. Reads the tensor's values; disposes nothing. */
export function describeTensor(value: unknown): MimeBundle | undefined {
  if (!isTensor(value)) return undefined;
  const head = `Tensor ${value.dtype} [${value.shape.join(", ")}]`;
  if (value.isDisposed) return { "text/plain": `${head} (disposed)` };
  const data = value.dataSync();
  const preview = Array.from({ length: Math.min(previewCount, data.length) }, (_, i) => format(data[i]));
  const more = data.length > previewCount ? ", …" : "";
  const lines = [`${head}: ${preview.join(", ")}${more}`];
  if (value.dtype === "float32" || value.dtype === "int32")
    lines.push(...statistics(data as ArrayLike<number>));
  return { "text/plain": lines.join("\n") };
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

/** Minimum, mean, maximum and population standard deviation over the finite values. */
function statistics(data: ArrayLike<number>): string[] {
  let [count, mean, squares, min, max] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i];
    if (!Number.isFinite(x)) continue;
    count += 1;
    const delta = x - mean;
    mean += delta / count;
    squares += delta * (x - mean);
    if (x < min) min = x;
    if (x > max) max = x;
  }
  if (count < 2) return [];
  const odd = data.length - count;
  const note = odd > 0 ? `, ${odd} not finite` : "";
  const deviation = Math.sqrt(squares / count);
  return [`min ${format(min)}, mean ${format(mean)}, max ${format(max)}, std ${format(deviation)}${note}`];
}

function format(value: number | string): string {
  return typeof value === "number" ? String(Number(value.toPrecision(5))) : JSON.stringify(value);
}
