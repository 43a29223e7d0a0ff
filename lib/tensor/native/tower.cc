#include "tower.h"

#include <cmath>
#include <stdexcept>

#include "activation.h"
#include "gemm.h"

namespace {

/* Columns of a product before their bias is added: what was just written is still at hand. */
constexpr int64_t COLUMNS = 8 * NR;

/*
 * Numbers from one row of work memory to the next. Rows a multiple of a kilobyte apart fall on few places of the first-level cache, where the 14 that a tile or
 * a packing touches at a time would put each other out.
 */
int64_t spread(int64_t columns) { return columns % 256 == 0 ? columns + LANES : columns; }

/* W [N, K] as the right operand Wᵀ, packed. */
void packWeights(const float *weights, int64_t N, int64_t K, Buffer &out) {
  float *const to = out.atLeast(packedB(K, N));
  const int64_t columns = roundUp(N, NR);
  parallel(columns / NR, [&](int64_t panel, int) {
    const int64_t n = panel * NR;
    for (int64_t k0 = 0; k0 < K; k0 += KC) {
      const int64_t kc = std::min<int64_t>(KC, K - k0);
      packPanelTransposed(weights + n * K + k0, K, kc, N - n, to + k0 * columns + n * kc);
    }
  });
}

/* Rows [first, first + rows) of what `packWeights` packed. */
void unpackWeights(const float *packed, int64_t N, int64_t K, int64_t first, int64_t rows, float *out) {
  const int64_t columns = roundUp(N, NR);
  parallel((rows + NR - 1) / NR, [&](int64_t task, int) {
    for (int64_t row = task * NR; row < std::min(rows, (task + 1) * NR); row++) {
      const int64_t n = first + row, panel = n / NR * NR;
      for (int64_t k0 = 0; k0 < K; k0 += KC) {
        const int64_t kc = std::min<int64_t>(KC, K - k0);
        const float *const from = packed + k0 * columns + panel * kc + (n - panel);
        float *const to = out + row * K + k0;
        for (int64_t k = 0; k < kc; k++) to[k] = from[k * NR];
      }
    }
  });
}

/* A vector, with zeros up to whole panels. */
void copyPadded(const float *from, int64_t count, Buffer &out) {
  float *const to = out.atLeast(roundUp(count, NR));
  std::memcpy(to, from, count * sizeof(float));
  std::memset(to + count, 0, (roundUp(count, NR) - count) * sizeof(float));
}

/* x [count] += a + b */
void addInto(float *x, const float *a, const float *b, int64_t count) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) store(x + i, load(x + i) + (load(a + i) + load(b + i)));
  for (; i < count; i++) x[i] += a[i] + b[i];
}

/* One query a lane: the column of scores [T, NR] becomes e^(score - largest); its sums go to `sums`. */
void exponentials(float *scores, int64_t T, float *sums) {
  for (int64_t n = 0; n < NR; n += LANES) {
    Vec largest = load(scores + n);
    for (int64_t t = 1; t < T; t++) {
      const Vec s = load(scores + t * NR + n);
      largest = s > largest ? s : largest;
    }
    Vec total{};
    for (int64_t t = 0; t < T; t++) {
      const Vec e = expOf(load(scores + t * NR + n) - largest);
      store(scores + t * NR + n, e);
      total += e;
    }
    store(sums + n, total);
  }
}

} // namespace

Tower::Tower(int64_t width, int64_t heads, int64_t hidden, float epsilon, bool exactGelu)
    : width(width), heads(heads), hidden(hidden), epsilon_(epsilon), exactGelu_(exactGelu) {}

void Tower::setBlock(int64_t layer, const BlockWeights &w) {
  while (static_cast<int64_t>(blocks_.size()) <= layer) blocks_.emplace_back();
  Block &block = blocks_[layer];
  const int64_t D = width;
  /* One product gives queries, keys and values. */
  Buffer joined, joinedBias;
  float *const rows = joined.atLeast(3 * D * D), *const biases = joinedBias.atLeast(3 * D);
  const float *const weights[] = {w.q, w.k, w.v}, *const bias[] = {w.qBias, w.kBias, w.vBias};
  for (int i = 0; i < 3; i++) {
    std::memcpy(rows + i * D * D, weights[i], D * D * sizeof(float));
    std::memcpy(biases + i * D, bias[i], D * sizeof(float));
  }
  packWeights(rows, 3 * D, D, block.qkv);
  packWeights(w.out, D, D, block.out);
  packWeights(w.fc1, hidden, D, block.fc1);
  packWeights(w.fc2, D, hidden, block.fc2);
  copyPadded(biases, 3 * D, block.qkvBias);
  copyPadded(w.outBias, D, block.outBias);
  copyPadded(w.fc1Bias, hidden, block.fc1Bias);
  copyPadded(w.fc2Bias, D, block.fc2Bias);
  copyPadded(w.norm1, D, block.norm1);
  copyPadded(w.norm1Bias, D, block.norm1Bias);
  copyPadded(w.norm2, D, block.norm2);
  copyPadded(w.norm2Bias, D, block.norm2Bias);
}

Tower::Place Tower::placeOf(int part) const {
  const int64_t D = width, F = hidden;
  switch (part) {
  case 0: return {&Block::norm1, 0, D, 0, D};
  case 1: return {&Block::norm1Bias, 0, D, 0, D};
  case 2: return {&Block::qkv, 0, D, D, 3 * D};
  case 3: return {&Block::qkvBias, 0, D, 0, 3 * D};
  case 4: return {&Block::qkv, D, D, D, 3 * D};
  case 5: return {&Block::qkvBias, D, D, 0, 3 * D};
  case 6: return {&Block::qkv, 2 * D, D, D, 3 * D};
  case 7: return {&Block::qkvBias, 2 * D, D, 0, 3 * D};
  case 8: return {&Block::out, 0, D, D, D};
  case 9: return {&Block::outBias, 0, D, 0, D};
  case 10: return {&Block::norm2, 0, D, 0, D};
  case 11: return {&Block::norm2Bias, 0, D, 0, D};
  case 12: return {&Block::fc1, 0, F, D, F};
  case 13: return {&Block::fc1Bias, 0, F, 0, F};
  case 14: return {&Block::fc2, 0, D, F, D};
  case 15: return {&Block::fc2Bias, 0, D, 0, D};
  }
  throw std::invalid_argument("expected a part of a block");
}

int64_t Tower::partSize(int part) const {
  const Place place = placeOf(part);
  return place.rows * std::max<int64_t>(1, place.K);
}

void Tower::copyPart(int64_t layer, int part, float *out) const {
  if (layer < 0 || layer >= static_cast<int64_t>(blocks_.size())) throw std::invalid_argument("expected a block that was set");
  const Place place = placeOf(part);
  const float *const from = (blocks_[layer].*place.in).get();
  if (place.K == 0) std::memcpy(out, from + place.first, place.rows * sizeof(float));
  else unpackWeights(from, place.allRows, place.K, place.first, place.rows, out);
}

void Tower::clear() {
  blocks_.clear();
  work_.clear();
  qkv_.clear();
  z_.clear();
}

int64_t Tower::bytes() const {
  int64_t floats = 0;
  for (int part = 0; part < PARTS; part++) floats += partSize(part);
  return static_cast<int64_t>(blocks_.size()) * floats * static_cast<int64_t>(sizeof(float));
}

void Tower::run(int64_t layer, float *x, int64_t B, int64_t T, bool causal) {
  if (layer < 0 || layer >= static_cast<int64_t>(blocks_.size())) throw std::invalid_argument("expected a block that was set");
  const Block &block = blocks_[layer];
  const int64_t rows = B * T;
  while (static_cast<int64_t>(work_.size()) < threadCount()) work_.emplace_back();
  qkv_.atLeast(roundUp(rows, MR) * spread(roundUp(3 * width, NR)));
  z_.atLeast(rows * spread(width));
  overChunks(rows, [&](int64_t first, int64_t count, int worker) { projectQueriesKeysValues(block, x, first, count, work_[worker]); });
  parallel(B * heads, [&](int64_t i, int worker) { attend(i / heads, i % heads, T, causal, work_[worker]); });
  overChunks(rows, [&](int64_t first, int64_t count, int worker) { finish(block, x, first, count, work_[worker]); });
}

/* Layer norm of `count` rows, packed as a left operand. */
const float *Tower::normalised(const float *x, int64_t count, const float *gain, const float *bias, Work &work) {
  const int64_t D = width, stride = spread(D);
  float *const rows = work.rows.atLeast(count * stride), *const packed = work.packed.atLeast(packedA(count, D));
  for (int64_t row = 0; row < count; row++) {
    const float *const from = x + row * D;
    float *const to = rows + row * stride;
    const float mean = sumOf(from, D) / D;
    for (int64_t i = 0; i < D; i++) to[i] = from[i] - mean;
    const float inverse = 1.0f / std::sqrt(dot(to, to, D) / D + epsilon_);
    for (int64_t i = 0; i < D; i++) to[i] = to[i] * inverse * gain[i] + bias[i];
  }
  packRows(rows, stride, count, D, packed);
  return packed;
}

void Tower::projectQueriesKeysValues(const Block &block, const float *x, int64_t first, int64_t count, Work &work) {
  const int64_t D = width, columns = roundUp(3 * D, NR), stride = spread(columns);
  const float *const a = normalised(x + first * D, count, block.norm1.get(), block.norm1Bias.get(), work);
  float *const out = qkv_.get() + first * stride;
  for (int64_t n = 0; n < columns; n += COLUMNS) {
    const int64_t until = std::min(columns, n + COLUMNS);
    multiplyColumns(a, count, D, block.qkv.get(), 3 * D, n, until, out + n, stride);
    for (int64_t row = 0; row < count; row++)
      for (int64_t i = n; i < until; i += LANES) store(out + row * stride + i, load(out + row * stride + i) + load(block.qkvBias.get() + i));
  }
}

/*
 * One head of one picture, NR queries at a time. Scores are computed with a query a column: each column's softmax needs no sums across
 * lanes, and what comes out is the packed right operand of the next product.
 */
void Tower::attend(int64_t picture, int64_t head, int64_t T, bool causal, Work &work) {
  const int64_t D = width, E = D / heads, stride = spread(roundUp(3 * D, NR));
  const float *const q = qkv_.get() + picture * T * stride + head * E, *const k = q + D, *const v = q + 2 * D;
  const float scale = 1.0f / std::sqrt(static_cast<float>(E));
  float *const keys = work.keys.atLeast(packedA(T, E)), *const values = work.values.atLeast(packedA(E, T));
  float *const queries = work.queries.atLeast(packedB(E, NR)), *const scores = work.scores.atLeast(roundUp(T, MR) * NR);
  float *const mixed = work.mixed.atLeast(roundUp(E, MR) * NR);
  packRows(k, stride, T, E, keys);
  packColumns(v, stride, E, T, values);
  for (int64_t first = 0; first < T; first += NR) {
    const int64_t count = std::min<int64_t>(NR, T - first);
    for (int64_t e = 0; e < E; e += KC)
      packPanelTransposed(q + first * stride + e, stride, std::min<int64_t>(KC, E - e), count, queries + e * NR);
    for (int64_t i = 0; i < E * NR; i++) queries[i] *= scale;
    multiply(keys, queries, T, NR, E, scores, NR, false);
    if (causal)
      for (int64_t t = first + 1; t < T; t++)
        for (int64_t i = 0; i < std::min<int64_t>(NR, t - first); i++) scores[t * NR + i] = -1e30f;
    float sums[NR];
    exponentials(scores, T, sums);
    multiply(values, scores, E, NR, T, mixed, NR, false);
    for (int64_t i = 0; i < count; i++) {
      float *const to = z_.get() + (picture * T + first + i) * spread(D) + head * E;
      const float share = 1.0f / sums[i];
      for (int64_t e = 0; e < E; e++) to[e] = mixed[e * NR + i] * share;
    }
  }
}

/* The attention's output and the MLP; of the hidden layer only KC columns exist at a time. */
void Tower::finish(const Block &block, float *x, int64_t first, int64_t count, Work &work) {
  const int64_t D = width, columns = roundUp(D, NR), stride = spread(columns);
  float *const out = work.sum.atLeast(roundUp(count, MR) * stride);
  float *const packed = work.packed.atLeast(packedA(count, D));
  packRows(z_.get() + first * spread(D), spread(D), count, D, packed);
  multiplyColumns(packed, count, D, block.out.get(), D, 0, D, out, stride);
  for (int64_t row = 0; row < count; row++) addInto(x + (first + row) * D, out + row * stride, block.outBias.get(), D);

  const int64_t partStride = spread(KC);
  const float *const a = normalised(x + first * D, count, block.norm2.get(), block.norm2Bias.get(), work);
  float *const part = work.part.atLeast(roundUp(count, MR) * partStride), *const packedPart = work.packedPart.atLeast(packedA(count, KC));
  for (int64_t h = 0; h < hidden; h += KC) {
    const int64_t kc = std::min<int64_t>(KC, hidden - h);
    multiplyColumns(a, count, D, block.fc1.get(), hidden, h, h + kc, part, partStride);
    const float *const bias = block.fc1Bias.get() + h;
    for (int64_t row = 0; row < count; row++)
      for (int64_t i = 0; i < kc; i += LANES) {
        const Vec pre = load(part + row * partStride + i) + load(bias + i);
        store(part + row * partStride + i, exactGelu_ ? exactGelu(pre) : quickGelu(pre));
      }
    packRows(part, partStride, count, kc, packedPart);
    multiplyColumns(packedPart, count, kc, block.fc2.get() + h * columns, D, 0, D, out, stride, h > 0);
  }
  for (int64_t row = 0; row < count; row++) addInto(x + (first + row) * D, out + row * stride, block.fc2Bias.get(), D);
}
