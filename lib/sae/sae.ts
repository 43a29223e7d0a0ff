/** A sparse autoencoder ready for use, whatever its architecture. */
import { disposeAll, type NamedTensors, type Tensor, type Tensor2D } from "../tensor";
import { inferenceOf } from "./architectures";
import type { SaeConfig } from "./config";

/** What SAELens keeps beside the weights, in its own names; further keys are kept as they are. */
export type SaeMetadata = Record<string, unknown> & {
  model_name?: string;
  hook_name?: string;
  dataset_path?: string;
};

/**
 * Weights with the functions they define. Owns its weights: `dispose` frees them.
 * Keys: B batch, D `config.dIn`, F `config.dSae`.
 */
export class Sae {
  /** Takes over `weights`. Throws when a weight is missing, unknown or of another shape. */
  constructor(
    readonly config: SaeConfig,
    readonly weights: NamedTensors,
    readonly metadata: SaeMetadata = {},
  ) {
    const shapes = inferenceOf(config).shapes(config);
    for (const [name, shape] of Object.entries(shapes)) {
      const got = weights[name]?.shape;
      if (got?.join() !== shape.join()) {
        throw new Error(`Sae: expected ${name} [${shape}], got ${got ? `[${got}]` : "none"}`);
      }
    }
    for (const name of Object.keys(weights)) {
      if (!(name in shapes))
        throw new Error(`Sae: expected ${Object.keys(shapes).join(", ")}, got also ${name}`);
    }
  }

  /** Feature activations f of x [B, D] -> [B, F]. The caller owns the result. */
  encode(x: Tensor): Tensor2D {
    this.expectWidth(x, this.config.dIn, "encode");
    return inferenceOf(this.config).encode(this.config, this.weights, x) as Tensor2D;
  }

  /** The reconstruction of f [B, F] -> [B, D]. The caller owns the result. */
  decode(f: Tensor): Tensor2D {
    this.expectWidth(f, this.config.dSae, "decode");
    return inferenceOf(this.config).decode(this.config, this.weights, f) as Tensor2D;
  }

  /** decode(encode(x)). The caller owns the result. */
  reconstruct(x: Tensor): Tensor2D {
    const f = this.encode(x);
    const out = this.decode(f);
    f.dispose();
    return out;
  }

  dispose(): void {
    disposeAll(this.weights);
  }

  private expectWidth(x: Tensor, width: number, where: string): void {
    if (x.rank !== 2 || x.shape[1] !== width) {
      throw new Error(`Sae.${where}: expected [B, ${width}], got [${x.shape}]`);
    }
  }
}
