/* f W: matrix blocks as products, lists entry by entry; each number summed over features in one fixed order. */
#include "active.h"

namespace {

/* Times KC features whose packed weights are held at once. */
constexpr int64_t GROUP = 4;

} // namespace

/* sum is [slabs, paddedB up to whole tiles, SLAB]: the columns of a slab lie together, so that a task's part stays in its cache. */
void Active::decode(const float *decoder, int64_t D, int64_t firstFeature, int64_t lastFeature, float *out, bool gates) {
  makeRoom();
  const int64_t slabs = (D + SLAB - 1) / SLAB, height = roundUp(B, MR);
  float *const sum = sum_.atLeast(slabs * height * SLAB);
  parallel(slabs, [&](int64_t slab, int) { std::memset(sum + slab * height * SLAB, 0, height * SLAB * sizeof(float)); });
  decodeDense(decoder, D, firstFeature, lastFeature, sum, gates);
  parallel(slabs, [&](int64_t slab, int) {
    float *part = sum + slab * height * SLAB;
    decodeSlab(decoder, D, slab, firstFeature, lastFeature, part, gates);
    const int64_t first = slab * SLAB, columns = std::min<int64_t>(SLAB, D - first);
    for (int64_t b = 0; b < B; b++) std::memcpy(out + b * D + first, part + b * SLAB, columns * sizeof(float));
  });
}

void Active::decodeDense(const float *decoder, int64_t D, int64_t firstFeature, int64_t lastFeature, float *sum, bool gates) {
  const int64_t slabs = (D + SLAB - 1) / SLAB, columns = slabs * SLAB, height = roundUp(B, MR), width = roundUp(B, NR);
  /* Rows of the blocks' matrices and of the decoder that belong together. */
  std::vector<const float *> activations, weights;
  for (int64_t number = 0; number < blockCount(); number++) {
    if (!blocks[number].dense || number * BLOCK < firstFeature || number * BLOCK >= lastFeature) continue;
    const float *const matrix = (gates ? blocks[number].preMatrix : blocks[number].matrix).get();
    for (int64_t i = 0; i < blockSize(number); i++) {
      activations.push_back(matrix + i * width);
      weights.push_back(decoder + id(number * BLOCK + i) * D);
    }
  }
  const int64_t features = static_cast<int64_t>(weights.size());
  for (int64_t first = 0; first < features; first += GROUP * KC) {
    const int64_t terms = std::min<int64_t>(GROUP * KC, features - first), parts = (terms + KC - 1) / KC;
    float *const packed = packed_.atLeast(GROUP * KC * columns);
    parallel(parts * slabs, [&](int64_t task, int) {
      const int64_t k0 = task / slabs * KC, slab = task % slabs, kc = std::min<int64_t>(KC, terms - k0);
      for (int64_t n = slab * SLAB; n < (slab + 1) * SLAB; n += NR)
        for (int64_t k = 0; k < kc; k++)
          packPanel(weights[first + k0 + k] + n, D, 1, std::max<int64_t>(0, D - n), packed + k0 * columns + n * kc + k * NR);
    });
    overChunks(B, [&](int64_t b, int64_t rows, int worker) {
      float *const left = scratch_[worker].atLeast(packedA(CHUNK_TILES * MR, KC));
      for (int64_t k0 = 0; k0 < terms; k0 += KC) {
        const int64_t kc = std::min<int64_t>(KC, terms - k0);
        packEachColumn([&](int64_t k) { return activations[first + k0 + k] + b; }, rows, kc, left);
        for (int64_t slab = 0; slab < slabs; slab++)
          multiplyColumns(left, rows, kc, packed + k0 * columns, columns, slab * SLAB, (slab + 1) * SLAB, sum + (slab * height + b) * SLAB, SLAB, true);
      }
    });
  }
}

void Active::decodeSlab(const float *decoder, int64_t D, int64_t slab, int64_t firstFeature, int64_t lastFeature, float *sum, bool gates) const {
  constexpr int VECTORS = SLAB / LANES;
  const int64_t first = slab * SLAB, columns = std::min<int64_t>(SLAB, D - first);
  alignas(64) float part[SLAB] = {};
  for (int64_t number = firstFeature / BLOCK; number < blockCount() && number * BLOCK < lastFeature; number++) {
    const Block &block = blocks[number];
    if (block.dense) continue;
    const std::vector<float> &values = gates ? block.pre : block.value;
    const int64_t size = std::min(blockSize(number), lastFeature - number * BLOCK);
    for (int64_t i = std::max<int64_t>(0, firstFeature - number * BLOCK); i < size; i++) {
      const int32_t from = block.start[i], to = block.start[i + 1];
      if (from == to) continue;
      const float *weights = decoder + id(number * BLOCK + i) * D + first;
      if (columns < SLAB) weights = static_cast<const float *>(std::memcpy(part, weights, columns * sizeof(float)));
      Vec row[VECTORS];
      for (int j = 0; j < VECTORS; j++) row[j] = load(weights + j * LANES);
      for (int32_t e = from; e < to; e++) {
        float *const at = sum + block.row[e] * static_cast<int64_t>(SLAB);
        const Vec value = broadcast(values[e]);
        for (int j = 0; j < VECTORS; j++) store(at + j * LANES, load(at + j * LANES) + value * row[j]);
      }
    }
  }
}
