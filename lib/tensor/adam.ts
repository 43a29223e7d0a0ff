/** Adam and AdamW over named parameters, updated in place by one TensorFlow op each. */
import { type NamedTensors, type Tensor, tf } from "./backend";
import type { ParameterStore, StoredParameters } from "./parameter-store";
import { rawOps } from "./raw";
import { Variable } from "./variable";

export interface AdamOptions {
  /** Decay of the first moment. Default 0.9 (Kingma and Ba, 2015). */
  beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  beta2?: number;
  /** Added to the root of the second moment. Default 1e-8. */
  epsilon?: number;
  /** Decoupled weight decay (Loshchilov and Hutter, 2019), a share of lr a step. Default 0. */
  weightDecay?: number;
  /** Which parameters decay. Default: those of two dimensions or more. */
  decays?: (name: string, shape: readonly number[]) => boolean;
}

/** Holds the parameters themselves and their moments, so that a checkpoint of it is a checkpoint of all. */
export class Adam implements ParameterStore {
  /** Steps taken; the bias correction depends on it. */
  step = 0;
  private readonly slots = new Map<string, { value: Variable; first: Variable; second: Variable }>();
  private readonly options: Required<AdamOptions>;

  /** Copies `parameters`, which stay the caller's. */
  constructor(parameters: NamedTensors, options: AdamOptions = {}) {
    this.options = {
      beta1: options.beta1 ?? 0.9,
      beta2: options.beta2 ?? 0.999,
      epsilon: options.epsilon ?? 1e-8,
      weightDecay: options.weightDecay ?? 0,
      decays: options.decays ?? ((_, shape) => shape.length >= 2),
    };
    for (const [name, tensor] of Object.entries(parameters)) {
      const zeros = tf.zerosLike(tensor);
      this.slots.set(name, {
        value: new Variable(tensor),
        first: new Variable(zeros),
        second: new Variable(zeros),
      });
      zeros.dispose();
    }
  }

  /** The parameters now, owned by the caller. Dispose them before `apply`: otherwise TensorFlow must copy. */
  read(): NamedTensors {
    const out: NamedTensors = {};
    for (const [name, slot] of this.slots) out[name] = slot.value.read();
    return out;
  }

  /** One parameter now, owned by the caller. */
  value(name: string): Tensor {
    return this.slot(name).value.read();
  }

  /** One step with learning rate `lr`. `gradients` has a tensor for every parameter and stays the caller's. */
  apply(gradients: NamedTensors, lr: number): void {
    this.step++;
    const { beta1, beta2, epsilon, weightDecay, decays } = this.options;
    // TensorFlow adds epsilon to the root of the uncorrected moment; Kingma and Ba, and PyTorch, to that of the corrected.
    const added = epsilon * Math.sqrt(1 - beta2 ** this.step);
    tf.tidy(() => {
      const scalars = [beta1 ** this.step, beta2 ** this.step, lr, beta1, beta2, added].map((x) =>
        tf.scalar(x),
      );
      for (const [name, slot] of this.slots) {
        const gradient = gradients[name];
        if (!gradient) throw new Error(`Adam.apply: expected a gradient for "${name}", got none`);
        if (weightDecay > 0 && decays(name, slot.value.shape)) {
          const shrunk = tf.tidy(() => slot.value.read().mul(1 - lr * weightDecay));
          slot.value.assign(shrunk);
          shrunk.dispose();
        }
        rawOps(
          "ResourceApplyAdam",
          [slot.value.handle, slot.first.handle, slot.second.handle, ...scalars, gradient],
          { T: { dtype: "float32" }, use_locking: false, use_nesterov: false },
          0,
        );
      }
    });
  }

  /** Replaces one parameter, for constraints such as unit norm that act after a step. */
  assign(name: string, value: Tensor): void {
    this.slot(name).value.assign(value);
  }

  /** Everything that the next step depends on but `step`: parameters and both moments. The caller owns it. */
  state(): StoredParameters<Tensor> {
    const out: StoredParameters<Tensor> = { values: {}, first: {}, second: {} };
    for (const [name, slot] of this.slots) {
      out.values[name] = slot.value.read();
      out.first[name] = slot.first.read();
      out.second[name] = slot.second.read();
    }
    return out;
  }

  /** Puts back what `state` gave; copies. */
  restore(step: number, state: StoredParameters<Tensor>): void {
    this.step = step;
    for (const [name, slot] of this.slots) {
      for (const part of ["values", "first", "second"] as const) {
        if (!state[part][name]) throw new Error(`Adam.restore: expected ${part} of "${name}", got none`);
      }
      slot.value.assign(state.values[name]);
      slot.first.assign(state.first[name]);
      slot.second.assign(state.second[name]);
    }
  }

  dispose(): void {
    for (const slot of this.slots.values()) {
      slot.value.dispose();
      slot.first.dispose();
      slot.second.dispose();
    }
    this.slots.clear();
  }

  private slot(name: string): { value: Variable; first: Variable; second: Variable } {
    const slot = this.slots.get(name);
    if (!slot) throw new Error(`Adam: expected one of ${[...this.slots.keys()].join(", ")}, got "${name}"`);
    return slot;
  }
}
