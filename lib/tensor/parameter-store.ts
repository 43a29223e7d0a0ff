/** What a trainer asks of whatever holds its parameters and their optimiser's state. */
import type { NamedTensors, Tensor } from "./backend";

/** Everything that the next step depends on but the step's number. */
export interface StoredParameters<T> {
  values: Record<string, T>;
  first: Record<string, T>;
  second: Record<string, T>;
}

/** Parameters by name with Adam's moments: `Adam` holds them in TensorFlow, `HostAdam` in plain memory. */
export interface ParameterStore {
  /** Steps taken; Adam's bias correction depends on it. */
  step: number;
  /** The parameters now, owned by the caller. */
  read(): NamedTensors;
  /** One parameter now, owned by the caller. */
  value(name: string): Tensor;
  /** One step with learning rate `lr`. `gradients` has a tensor for every parameter and stays the caller's. */
  apply(gradients: NamedTensors, lr: number): void;
  /** Replaces one parameter, for constraints that act after a step. */
  assign(name: string, value: Tensor): void;
  /** Parameters and both moments, owned by the caller. */
  state(): StoredParameters<Tensor>;
  /** Puts back what `state` gave; copies. */
  restore(step: number, state: StoredParameters<Tensor>): void;
  dispose(): void;
}
