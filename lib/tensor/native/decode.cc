/* f W: matrix blocks as products, lists entry by entry; each number summed over features in one fixed order. */
#include "active.h"

namespace {

/* Matrix blocks whose packed weights are held at once. */
constexpr int64_t GROUP = 8;

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
  std::vector<int64_t> dense;
  for (int64_t number = 0; number < blockCount(); number++)
    if (blocks[number].dense && number * BLOCK >= firstFeature && number * BLOCK < lastFeature) dense.push_back(number);
  const int64_t slabs = (D + SLAB - 1) / SLAB, height = roundUp(B, MR), width = roundUp(B, NR);
  const int64_t chunks = (B + BLOCK - 1) / BLOCK;
  for (size_t first = 0; first < dense.size(); first += GROUP) {
    const int64_t members = std::min<int64_t>(GROUP, dense.size() - first);
    const int64_t room = slabs * SLAB * BLOCK;
    float *const packed = packed_.atLeast(GROUP * room);
    parallel(members * slabs, [&](int64_t task, int) {
      const int64_t member = task / slabs, slab = task % slabs, number = dense[first + member], size = blockSize(number);
      for (int64_t n = slab * SLAB; n < (slab + 1) * SLAB; n += NR) {
        float *to = packed + member * room + n * BLOCK;
        for (int64_t i = 0; i < size; i++, to += NR)
          packPanel(decoder + id(number * BLOCK + i) * D + n, D, 1, std::max<int64_t>(0, D - n), to);
      }
    });
    parallel(chunks, [&](int64_t chunk, int worker) {
      const int64_t b = chunk * BLOCK, rows = std::min<int64_t>(BLOCK, B - b);
      float *const left = scratch_[worker].atLeast(packedA(BLOCK, BLOCK));
      for (int64_t member = 0; member < members; member++) {
        const int64_t number = dense[first + member], size = blockSize(number);
        packColumns((gates ? blocks[number].preMatrix : blocks[number].matrix).get() + b, width, rows, size, left);
        for (int64_t n = 0; n < roundUp(D, NR); n += NR)
          multiply(left, packed + member * room + n * BLOCK, rows, NR, size,
                   sum + (n / SLAB * height + b) * SLAB + n % SLAB, SLAB, true);
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
