/*
 * Backwards through the rules whose features have parameters of their own: JumpReLU's thresholds, the magnitudes of gated
 * features. Their gradients go to `first` and `second` [F]; the caller takes the step with them.
 */
#pragma once
#include "active.h"

/* One feature's entries, in rising order of rows; row is null where entry e is row e. */
struct Entries {
  int64_t count;
  const float *f, *pre;
  const int32_t *row;
};

/* What one feature's entries add up to, beside what each adds to its row of the encoder. */
struct Pushed {
  float bias = 0;  /* the gradient of the encoder's bias */
  float reach = 0; /* what reaches the encoder's product, and so bDec, over the batch */
  float along = 0; /* of the decoder's gradient, the part along its row, times that row's norm */
};

struct Twofold {
  Rule rule = Rule::relu;
  float *first = nullptr, *second = nullptr;

  /* jumpRelu. first: the thresholds' gradient. H is the step function, K = [|pre - threshold| < bandwidth / 2] / bandwidth its estimate's. */
  const float *threshold = nullptr; /* [F] */
  float bandwidth = 1;
  bool toInput = false; /* whether the estimate's gradient goes to pre-activations too */
  float tanhWeight = 0, tanhScale = 0; /* the penalty: tanhWeight / tanhScale * sum of tanh(tanhScale * f * norm) */
  const float *norms = nullptr; /* [F], the decoder rows', where they weight penalties; null: ones */
  const float *rowPenalty = nullptr; /* [B], dLoss/dH of every feature on a row, or null */
  const float *revival = nullptr; /* [F], the weight of relu(threshold - pre), 0 for the living; or null */
  const float *shortfalls = nullptr; /* [F], the sum of relu(threshold - pre) over the batch, with revival */

  /* gated. first, second: the gradients of rMag and bMag. f = relu(slope * u + bMag) where pre = u + bGate > 0. */
  const float *slope = nullptr, *bMag = nullptr; /* [F] */
  Rows *gateUpstream = nullptr; /* the gradient of the loss with respect to what the gates reconstruct */
  float gateSparsity = 0; /* dLoss/dpre of an open gate beside that, times the norm */
  bool gatesMoveDecoder = false;

  float normOf(int64_t feature) const { return norms ? norms[feature] : 1; }
  float revivalOf(int64_t feature) const { return revival ? revival[feature] : 0; }

  /* df: for each entry its dLoss/df through the decoder (viaGates: the same of the gates' reconstruction), then what its x adds to the encoder. */
  Pushed push(int64_t feature, int64_t B, const Entries &entries, float *df, const float *viaGates) const;

private:
  Pushed pushJump(int64_t feature, int64_t B, const Entries &entries, float *df) const;
  Pushed pushGated(int64_t feature, const Entries &entries, float *df, const float *viaGates) const;
};
