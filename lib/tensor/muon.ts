/** Muon: momentum whose step is orthogonalised, for the hidden matrices of a transformer. */
import { type NamedTensors, type Tensor, tf } from "./backend";
import { disposeAll } from "./ownership";

export interface MuonOptions {
  /** Decay of the momentum, which is Nesterov's. Default 0.95. */
  momentum?: number;
  /** Decoupled weight decay, a share of lr a step. Default 0. */
  weightDecay?: number;
  /** Root mean square of a step's entries at lr 1. Default 0.2, that of Adam's usual steps, so that both can share lr. */
  stepSize?: number;
}

const SWEEPS = 5;
const [A, B, C] = [3.4445, -4.775, 2.0315];

/**
 * Jordan et al. (2024), "Muon", with the step size of Liu et al. (2025, arXiv:2502.16982). Holds the parameters and their
 * momentum, matrices of one shape in one stack. Not for embeddings, gains, biases or a model's last layer: those are Adam's.
 */
export class Muon {
  private readonly stacks: { names: string[]; values: Tensor; momentum: Tensor }[] = [];
  private readonly options: Required<MuonOptions>;

  /** Copies `parameters`, matrices all of them, which stay the caller's. */
  constructor(parameters: NamedTensors, options: MuonOptions = {}) {
    this.options = {
      momentum: options.momentum ?? 0.95,
      weightDecay: options.weightDecay ?? 0,
      stepSize: options.stepSize ?? 0.2,
    };
    const shapes = new Map<string, string[]>();
    for (const [name, { shape }] of Object.entries(parameters)) {
      if (shape.length !== 2) throw new Error(`Muon: expected a matrix for "${name}", got [${shape}]`);
      shapes.set(`${shape}`, [...(shapes.get(`${shape}`) ?? []), name]);
    }
    for (const names of shapes.values()) {
      const values = tf.stack(names.map((name) => parameters[name]));
      this.stacks.push({ names, values, momentum: tf.zerosLike(values) });
    }
  }

  /** The parameters now, owned by the caller. */
  read(): NamedTensors {
    return unstacked(this.stacks.map(({ names, values }) => [names, values]));
  }

  /** One step with learning rate `lr`. `gradients` has a tensor for every parameter and stays the caller's. */
  apply(gradients: NamedTensors, lr: number): void {
    const { momentum: decay, weightDecay, stepSize } = this.options;
    for (const stack of this.stacks) {
      const [values, momentum] = tf.tidy(() => {
        const gradient = tf.stack(
          stack.names.map((name) => {
            if (!gradients[name]) throw new Error(`Muon.apply: expected a gradient for "${name}", got none`);
            return gradients[name];
          }),
        );
        const next = stack.momentum.mul(decay).add(gradient);
        const direction = orthogonalise(gradient.add(next.mul(decay)));
        const [, rows, columns] = stack.values.shape;
        const size = lr * stepSize * Math.sqrt(Math.max(rows, columns));
        return [stack.values.mul(1 - lr * weightDecay).sub(direction.mul(size)), next];
      }) as unknown as [Tensor, Tensor];
      disposeAll({ values: stack.values, momentum: stack.momentum });
      Object.assign(stack, { values, momentum });
    }
  }

  /** Everything that the next step depends on. The caller owns it. */
  state(): { values: NamedTensors; momentum: NamedTensors } {
    return {
      values: this.read(),
      momentum: unstacked(this.stacks.map(({ names, momentum }) => [names, momentum])),
    };
  }

  /** Puts back what `state` gave; copies. */
  restore(state: { values: NamedTensors; momentum: NamedTensors }): void {
    for (const stack of this.stacks) {
      const stacked = (part: "values" | "momentum") =>
        tf.stack(
          stack.names.map((name) => {
            if (!state[part][name]) throw new Error(`Muon.restore: expected ${part} of "${name}", got none`);
            return state[part][name];
          }),
        );
      const [values, momentum] = [stacked("values"), stacked("momentum")];
      disposeAll({ values: stack.values, momentum: stack.momentum });
      Object.assign(stack, { values, momentum });
    }
  }

  dispose(): void {
    for (const { values, momentum } of this.stacks) disposeAll({ values, momentum });
    this.stacks.length = 0;
  }
}

/**
 * The nearest orthogonal matrix U Vᵀ of each x = U S Vᵀ, about: singular values end between 0.7 and 1.2 (Newton-Schulz
 * with quintic steps). x [N, R, C] -> [N, R, C], owned by the caller.
 */
export function orthogonalise(x: Tensor): Tensor {
  return tf.tidy(() => {
    const [, rows, columns] = x.shape;
    const tall = rows > columns;
    let y = tall ? x.transpose([0, 2, 1]) : x;
    y = y.div(y.square().sum([1, 2], true).sqrt().add(1e-7));
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const square = tf.matMul(y, y, false, true);
      y = y.mul(A).add(tf.matMul(square.mul(B).add(tf.matMul(square, square).mul(C)), y));
    }
    return tall ? y.transpose([0, 2, 1]) : y;
  });
}

function unstacked(stacks: [readonly string[], Tensor][]): NamedTensors {
  const out: NamedTensors = {};
  for (const [names, stack] of stacks) {
    tf.unstack(stack).forEach((tensor, i) => {
      out[names[i]] = tensor;
    });
  }
  return out;
}
