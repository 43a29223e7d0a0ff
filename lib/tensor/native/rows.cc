#include "rows.h"

#include <vector>

void Rows::set(const float *data, int64_t newB, int64_t newD) {
  B = newB, D = newD;
  havePanels_ = haveTransposed_ = haveSums_ = false;
  const int64_t width = paddedD();
  float *out = rows_.atLeast(B * width);
  parallel(B, [&](int64_t b, int) {
    std::memcpy(out + b * width, data + b * D, D * sizeof(float));
    std::memset(out + b * width + D, 0, (width - D) * sizeof(float));
  });
}

const float *Rows::panels() {
  if (havePanels_) return panels_.get();
  const int64_t width = paddedD(), slabs = (B + KC - 1) / KC;
  float *out = panels_.atLeast(packedB(B, width));
  parallel(slabs * (width / NR), [&](int64_t task, int) {
    const int64_t k0 = task % slabs * KC, n = task / slabs * NR, kc = std::min<int64_t>(KC, B - k0);
    packPanel(rows() + k0 * width + n, width, kc, NR, out + k0 * width + n * kc);
  });
  havePanels_ = true;
  return out;
}

const float *Rows::panelsTransposed() {
  if (haveTransposed_) return transposed_.get();
  const int64_t width = paddedD(), columns = paddedB(), slabs = (D + KC - 1) / KC;
  float *out = transposed_.atLeast(packedB(D, B));
  parallel(slabs * (columns / NR), [&](int64_t task, int) {
    const int64_t k0 = task % slabs * KC, n = task / slabs * NR, kc = std::min<int64_t>(KC, D - k0);
    packPanelTransposed(rows() + n * width + k0, width, kc, B - n, out + k0 * columns + n * kc);
  });
  haveTransposed_ = true;
  return out;
}

const float *Rows::sums() {
  if (haveSums_) return sums_.get();
  const int64_t width = paddedD();
  std::vector<double> sums(width, 0);
  for (int64_t b = 0; b < B; b++)
    for (int64_t d = 0; d < width; d++) sums[d] += rows()[b * width + d];
  float *const out = sums_.atLeast(width);
  std::copy(sums.begin(), sums.end(), out);
  haveSums_ = true;
  return out;
}
