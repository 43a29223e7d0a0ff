/* Sums over activations that only some losses need. */
#include "activation.h"
#include "active.h"

void Active::sumGates(float *out) const {
  const int64_t width = roundUp(B, NR);
  parallel(blockCount(), [&](int64_t number, int) {
    const Block &block = blocks[number];
    for (int64_t i = 0; i < blockSize(number); i++)
      out[number * BLOCK + i] = block.dense ? sumOf(block.preMatrix.get() + i * width, B) : sumOf(block.pre.data() + block.start[i], block.start[i + 1] - block.start[i]);
  });
}

void Active::countRows(float *out) const {
  const int64_t width = roundUp(B, NR);
  std::fill(out, out + B, 0.0f);
  for (int64_t number = 0; number < blockCount(); number++) {
    const Block &block = blocks[number];
    if (!block.dense) {
      for (size_t e = 0; e < block.row.size(); e++) out[block.row[e]] += block.value[e] != 0;
      continue;
    }
    for (int64_t i = 0; i < blockSize(number); i++) {
      const float *const f = block.matrix.get() + i * width;
      for (int64_t b = 0; b < B; b++) out[b] += f[b] != 0;
    }
  }
}

/* Σ_B (threshold - pre) needs the rows' sum alone; what exceeds the threshold is then taken out again. */
void Active::shortfalls(Rows &x, const Encoder &encoder, const float *threshold, const int32_t *chosen, int64_t count, float *out) const {
  const float *const inputs = x.sums();
  const int64_t width = roundUp(B, NR);
  parallel((count + BLOCK - 1) / BLOCK, [&](int64_t task, int) {
    for (int64_t at = task * BLOCK; at < std::min(count, (task + 1) * BLOCK); at++) {
      const int64_t feature = chosen[at], i = feature % BLOCK;
      const Block &block = blocks[feature / BLOCK];
      const float *const weights = encoder.weights + feature * encoder.stride;
      double total = static_cast<double>(B) * (threshold[feature] - weights[x.D]);
      for (int64_t d = 0; d < x.D; d++) total -= static_cast<double>(weights[d]) * inputs[d];
      const float *const f = block.dense ? block.matrix.get() + i * width : block.value.data() + block.start[i];
      const int64_t length = block.dense ? B : block.start[i + 1] - block.start[i];
      for (int64_t e = 0; e < length; e++)
        if (f[e] > 0) total += f[e] - threshold[feature];
      out[feature] = static_cast<float>(total);
    }
  });
}

double Active::saturation(float scale, const float *norms) const {
  const int64_t width = roundUp(B, NR);
  std::vector<double> sums(blockCount(), 0);
  parallel(blockCount(), [&](int64_t number, int) {
    const Block &block = blocks[number];
    for (int64_t i = 0; i < blockSize(number); i++) {
      const float *const f = block.dense ? block.matrix.get() + i * width : block.value.data() + block.start[i];
      const int64_t length = block.dense ? B : block.start[i + 1] - block.start[i];
      const float by = norms ? scale * norms[number * BLOCK + i] : scale;
      Vec total{};
      for (int64_t e = 0; e < length; e += LANES) {
        Vec values{};
        std::memcpy(&values, f + e, std::min<int64_t>(LANES, length - e) * sizeof(float));
        total += tanhOf(values * by);
      }
      sums[number] += sum(total);
    }
  });
  double all = 0;
  for (double one : sums) all += one;
  return all;
}
