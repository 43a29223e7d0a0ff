/* A batch of rows [B, D] in all the layouts that the products want it in. */
#pragma once
#include "gemm.h"
#include "pool.h"

/* Columns that one task of a sparse product works on: their rows of a whole batch fit the second-level cache. */
constexpr int SLAB = 8 * LANES;

class Rows {
public:
  int64_t B = 0, D = 0;
  int64_t paddedB() const { return roundUp(B, NR); }
  /* The width with zeros up to whole panels. */
  int64_t paddedD() const { return roundUp(D, NR); }

  /* Copies data [B, D]. */
  void set(const float *data, int64_t B, int64_t D);
  /* [B, paddedD], row after row. */
  const float *rows() const { return rows_.get(); }
  /* As the right operand [K = B, N = paddedD]; packed at the first call after `set`. */
  const float *panels();
  /* As the right operand [K = D, N = B]. */
  const float *panelsTransposed();
  /* [paddedD], the rows' sum; computed at the first call after `set`. */
  const float *sums();

private:
  Buffer rows_, panels_, transposed_, sums_;
  bool havePanels_ = false, haveTransposed_ = false, haveSums_ = false;
};
