/** The post's architecture at inference: a ReLU encoder and a linear decoder (Bricken et al., 2023; Fry, 2024). */
import { type NamedTensors, type Tensor, tf } from "../tensor";
import type { StandardConfig } from "./config";
import { matMul, relu } from "./matmul";

/** SAELens's names of the weights, and their shapes. */
export function standardShapes({ dIn, dSae }: StandardConfig): Record<string, number[]> {
  return { WEnc: [dIn, dSae], bEnc: [dSae], WDec: [dSae, dIn], bDec: [dIn] };
}

/** f = relu((x - bDec) WEnc + bEnc). x [B, D] -> [B, F]. The caller owns the result. */
export function standardEncode(
  { applyBDecToInput }: StandardConfig,
  { WEnc, bEnc, bDec }: NamedTensors,
  x: Tensor,
): Tensor {
  return tf.tidy(() => {
    const centred = applyBDecToInput ? x.sub(bDec) : x;
    const product = matMul(centred, WEnc);
    const pre = product.add(bEnc);
    product.dispose();
    return relu(pre);
  });
}

/** x̂ = f WDec + bDec. f [B, F] -> [B, D]. The caller owns the result. */
export function standardDecode(_: StandardConfig, { WDec, bDec }: NamedTensors, f: Tensor): Tensor {
  return tf.tidy(() => matMul(f, WDec).add(bDec));
}
