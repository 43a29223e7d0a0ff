/** What all architectures with one linear encoder and one linear decoder share at inference. */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import { matMul } from "./matmul";

/** Every inference config has these. */
export interface LinearConfig {
  /** Width D of the activations. */
  dIn: number;
  /** Number F of features. */
  dSae: number;
  /** Whether bDec is taken from the input before encoding. */
  applyBDecToInput: boolean;
}

/** Names and shapes of the four common weights. */
export function linearShapes({ dIn, dSae }: LinearConfig): Record<string, number[]> {
  return { WEnc: [dIn, dSae], bEnc: [dSae], WDec: [dSae, dIn], bDec: [dIn] };
}

/** x - bDec, or x. x [B, D] -> [B, D]. The caller owns the result. */
export function centred({ applyBDecToInput }: LinearConfig, bDec: Tensor, x: Tensor): Tensor {
  return applyBDecToInput ? x.sub(bDec) : x.clone();
}

/** (x - bDec) WEnc + bEnc. x [B, D] -> [B, F]. The caller owns the result. */
export function preActivations(config: LinearConfig, { WEnc, bEnc, bDec }: NamedTensors, x: Tensor): Tensor {
  return tf.tidy(() => {
    const product = matMul(centred(config, bDec, x), WEnc);
    const pre = product.add(bEnc);
    product.dispose();
    return pre;
  });
}

/** f WDec + bDec. f [B, F] -> [B, D]. The caller owns the result. */
export function decodeLinear({ WDec, bDec }: NamedTensors, f: Tensor): Tensor {
  return tf.tidy(() => matMul(f, WDec).add(bDec));
}
