/* A pre-norm transformer's blocks over plain memory: what CLIP's towers run where nobody looks inside. */
#pragma once
#include <vector>

#include "pool.h"

/* One block's weights, linear ones [out, in]. */
struct BlockWeights {
  const float *norm1, *norm1Bias;
  const float *q, *qBias, *k, *kBias, *v, *vBias, *out, *outBias;
  const float *norm2, *norm2Bias;
  const float *fc1, *fc1Bias, *fc2, *fc2Bias;
};

class Tower {
public:
  /* exactGelu: x Φ(x); otherwise x sigmoid(1.702 x). */
  Tower(int64_t width, int64_t heads, int64_t hidden, float epsilon, bool exactGelu);

  /* Copies the weights into the layout of the products. */
  void setBlock(int64_t layer, const BlockWeights &weights);

  /* Numbers of one part of a block, by its place in BlockWeights' order as the addon's callers know it: see PARTS. */
  int64_t partSize(int part) const;
  /* One part of a block as it was set. */
  void copyPart(int64_t layer, int part, float *out) const;
  /* Lets go of all weights and work memory. */
  void clear();
  /* What the weights take, bytes. */
  int64_t bytes() const;
  /* norm1, norm1Bias, q, qBias, k, kBias, v, vBias, out, outBias, norm2, norm2Bias, fc1, fc1Bias, fc2, fc2Bias */
  static constexpr int PARTS = 16;

  /* x [B, T, width] becomes the block's output. causal: no token sees a later one. */
  void run(int64_t layer, float *x, int64_t B, int64_t T, bool causal);

  const int64_t width, heads, hidden;

private:
  /* Packed by gemm.h, biases padded to whole panels. */
  struct Block {
    Buffer norm1, norm1Bias, qkv, qkvBias, out, outBias, norm2, norm2Bias, fc1, fc1Bias, fc2, fc2Bias;
  };
  /* Where a part lies: rows from `first` on of a packed [., K], or numbers from `first` on of a vector (K = 0). */
  struct Place {
    Buffer Block::*in;
    int64_t first, rows, K, allRows;
  };
  Place placeOf(int part) const;
  /* One thread's memory. */
  struct Work {
    Buffer rows, packed, part, packedPart, sum, keys, values, queries, scores, mixed;
  };

  void projectQueriesKeysValues(const Block &block, const float *x, int64_t first, int64_t count, Work &work);
  void attend(int64_t picture, int64_t head, int64_t T, bool causal, Work &work);
  void finish(const Block &block, float *x, int64_t first, int64_t count, Work &work);
  const float *normalised(const float *x, int64_t count, const float *gain, const float *bias, Work &work);

  const float epsilon_;
  const bool exactGelu_;
  std::vector<Block> blocks_;
  std::vector<Work> work_;
  Buffer qkv_, z_;
};
