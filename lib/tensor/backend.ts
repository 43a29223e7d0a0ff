/** The one place where TensorFlow is loaded: quiet, native, and the same for everybody in the process. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import util from "node:util";
import type * as TensorFlow from "@tensorflow/tfjs-node-gpu";

process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";

// tfjs-node 4.22 calls these two; Node 23 removed them.
const legacyUtil = util as unknown as Record<string, unknown>;
legacyUtil.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
legacyUtil.isArray ??= Array.isArray;

/** The TensorFlow namespace of tfjs, on the native backend. */
export const tf = loadTensorFlow();

export type Tensor = TensorFlow.Tensor;
export type Tensor1D = TensorFlow.Tensor1D;
export type Tensor2D = TensorFlow.Tensor2D;
export type Tensor3D = TensorFlow.Tensor3D;
export type Tensor4D = TensorFlow.Tensor4D;
export type Scalar = TensorFlow.Scalar;
export type NamedTensors = Record<string, Tensor>;

/** What of tfjs-node's backend is used here; tfjs does not export its type. */
export interface NativeBackend {
  binding: Record<string, number> & { TF_Version: string; deleteTensor(id: number): void };
  /** What it knows of each tensor, by dataId. */
  tensorMap: { set(dataId: object, entry: object): void; has(dataId: object): boolean };
  isUsingGpuDevice: boolean;
  executeSingleOutput(name: string, attrs: readonly OpAttr[], inputs: readonly Tensor[]): Tensor;
  executeMultipleOutputs(
    name: string,
    attrs: readonly OpAttr[],
    inputs: readonly Tensor[],
    numOutputs: number,
  ): Tensor[];
}

/** One attribute of a raw op in the binding's own form. */
export interface OpAttr {
  name: string;
  type: number;
  value: unknown;
}

/** The native backend object. */
export function nativeBackend(): NativeBackend {
  return tf.backend() as unknown as NativeBackend;
}

/** What runs the tensors: TensorFlow's own version and "gpu" or "cpu". */
export function tensorflowBuild(): { version: string; device: "cpu" | "gpu" } {
  const { binding, isUsingGpuDevice } = nativeBackend();
  return { version: binding.TF_Version, device: isUsingGpuDevice ? "gpu" : "cpu" };
}

function loadTensorFlow(): typeof TensorFlow {
  const stderr = stderrSwitch();
  stderr?.hush();
  try {
    return require("@tensorflow/tfjs-node-gpu") as typeof TensorFlow;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(
      `lib/tensor: expected the compiled TensorFlow addon, got "${reason}" (do: npx vitrine setup)`,
    );
  } finally {
    stderr?.unhush();
  }
}

/** The small addon of native/hush.c; without it TensorFlow loads all the same, with two lines of log. */
function stderrSwitch(): { hush(): void; unhush(): void } | undefined {
  const beside = join(
    dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json")),
    "lib/napi-v8/hush.node",
  );
  return existsSync(beside) ? require(beside) : undefined;
}
