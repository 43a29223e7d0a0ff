#include "gather.h"

#include <algorithm>
#include <cstring>
#ifdef __F16C__
#include <immintrin.h>
#endif

namespace {

float widened(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  uint32_t bits = rest << 13;
  float value;
  if (rest >= 0x7c00) bits |= 0x7f800000; /* infinite or none */
  std::memcpy(&value, &bits, sizeof value);
  if (rest < 0x7c00) value *= 0x1p112f; /* from one exponent's bias to the other's */
  std::memcpy(&bits, &value, sizeof value);
  bits |= sign;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

void widen(const uint16_t *from, int64_t count, float *to) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i))));
#endif
  for (; i < count; i++) to[i] = widened(from[i]);
}

} // namespace

void gatherRows(const uint8_t *const *blocks, uint32_t blockCount, const uint32_t *slot, const uint32_t *row, int64_t n, int64_t width, bool half, float *out) {
  const int64_t bytes = width * (half ? 2 : 4);
  /* Rows lie far from each other: the next ones are called for while one is copied. */
  constexpr int64_t AHEAD = 4;
  for (int64_t i = 0; i < n; i++) {
    if (i + AHEAD < n && slot[i + AHEAD] < blockCount)
      for (int64_t at = 0; at < bytes && at < 4096; at += 64) __builtin_prefetch(blocks[slot[i + AHEAD]] + row[i + AHEAD] * bytes + at);
    if (slot[i] >= blockCount) continue;
    const uint8_t *const from = blocks[slot[i]] + row[i] * bytes;
    if (half) widen(reinterpret_cast<const uint16_t *>(from), width, out + i * width);
    else std::memcpy(out + i * width, from, bytes);
  }
}
