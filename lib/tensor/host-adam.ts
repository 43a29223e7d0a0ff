/** Adam over parameters in plain memory, where kernels can work on them without a copy. */
import type { AdamOptions } from "./adam";
import { type NamedTensors, type Tensor, tf } from "./backend";
import { type AdamStep, adamInPlace, type HostSlot, hostFloats, releaseFloats } from "./kernels";
import type { ParameterStore, StoredParameters } from "./parameter-store";

const PARTS = { values: "value", first: "first", second: "second" } as const;

/** The same steps as `Adam`, without weight decay. */
export class HostAdam implements ParameterStore {
  step = 0;
  private readonly slots = new Map<string, HostSlot & { shape: readonly number[] }>();
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;

  /** Copies `parameters`, which stay the caller's. */
  constructor(parameters: NamedTensors, options: Pick<AdamOptions, "beta1" | "beta2" | "epsilon"> = {}) {
    this.beta1 = options.beta1 ?? 0.9;
    this.beta2 = options.beta2 ?? 0.999;
    this.epsilon = options.epsilon ?? 1e-8;
    for (const [name, { size, shape }] of Object.entries(parameters)) {
      this.slots.set(name, {
        shape: [...shape],
        value: hostFloats(size),
        first: hostFloats(size),
        second: hostFloats(size),
      });
      this.assign(name, parameters[name]);
    }
  }

  /** The memory itself of one parameter and its moments: what is written there is its new value. */
  slot(name: string): HostSlot & { shape: readonly number[] } {
    const slot = this.slots.get(name);
    if (!slot)
      throw new Error(`HostAdam: expected one of ${[...this.slots.keys()].join(", ")}, got "${name}"`);
    return slot;
  }

  /** Counts one step and gives its numbers, for a kernel that takes the step itself. */
  nextStep(lr: number): AdamStep {
    this.step++;
    const { beta1, beta2, epsilon, step } = this;
    const second = Math.sqrt(1 - beta2 ** step);
    const alpha = (lr * second) / (1 - beta1 ** step);
    return { alpha, beta1, beta2, epsilon: epsilon * second, decay: 1 };
  }

  read(): NamedTensors {
    return Object.fromEntries([...this.slots.keys()].map((name) => [name, this.value(name)]));
  }

  value(name: string): Tensor {
    const { value, shape } = this.slot(name);
    return tensorOf(value, shape);
  }

  apply(gradients: NamedTensors, lr: number): void {
    const step = this.nextStep(lr);
    for (const [name, slot] of this.slots) {
      if (!gradients[name]) throw new Error(`HostAdam.apply: expected a gradient for "${name}", got none`);
      adamInPlace(slot, gradients[name].dataSync() as Float32Array, step);
    }
  }

  assign(name: string, value: Tensor): void {
    copy(value, this.slot(name).value);
  }

  state(): StoredParameters<Tensor> {
    const out: StoredParameters<Tensor> = { values: {}, first: {}, second: {} };
    for (const [name, slot] of this.slots) {
      for (const [part, key] of Object.entries(PARTS) as [keyof typeof PARTS, keyof HostSlot][]) {
        out[part][name] = tensorOf(slot[key], slot.shape);
      }
    }
    return out;
  }

  restore(step: number, state: StoredParameters<Tensor>): void {
    this.step = step;
    for (const [name, slot] of this.slots) {
      for (const [part, key] of Object.entries(PARTS) as [keyof typeof PARTS, keyof HostSlot][]) {
        const stored = state[part][name];
        if (!stored) throw new Error(`HostAdam.restore: expected ${part} of "${name}", got none`);
        copy(stored, slot[key]);
      }
    }
  }

  /** Frees the memory; arrays of `slot` are empty from then on. */
  dispose(): void {
    for (const slot of this.slots.values()) {
      for (const key of Object.values(PARTS)) releaseFloats(slot[key]);
    }
    this.slots.clear();
  }
}

/** A tensor of its own: TensorFlow may go on reading memory that it is given, and this memory changes. */
function tensorOf(data: Float32Array, shape: readonly number[]): Tensor {
  return tf.tensor(data.slice(), [...shape]);
}

function copy(from: Tensor, to: Float32Array): void {
  if (from.size !== to.length)
    throw new Error(`HostAdam: expected a tensor of ${to.length} numbers, got [${from.shape}]`);
  to.set(from.dataSync() as Float32Array);
}
