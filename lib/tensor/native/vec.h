/* The processor's vectors by the compiler's own vector types, so that one source serves x64 and arm64. */
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4; /* NEON, SSE; the compiler splits it up where there is less */
#endif

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float LooseVec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* No alignment is asked for: where the address is aligned this costs nothing. */
static inline Vec load(const float *from) { return *reinterpret_cast<const LooseVec *>(from); }
static inline void store(float *to, Vec value) { *reinterpret_cast<LooseVec *>(to) = value; }
/* Less zero, which changes no number: zero plus -0 would be 0, so that a compiler has to add, in the middle of every product. */
static inline Vec broadcast(float value) { return value - Vec{}; }

/* The lanes' sum, always in the same order. */
static inline float sum(Vec v) {
  float total = 0;
  for (int i = 0; i < LANES; i++) total += v[i];
  return total;
}

/* Σ a b, in a fixed order. */
static inline float dot(const float *a, const float *b, int64_t count) {
  Vec sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES)
    for (int j = 0; j < 4; j++) sums[j] += load(a + i + j * LANES) * load(b + i + j * LANES);
  for (; i + LANES <= count; i += LANES) sums[0] += load(a + i) * load(b + i);
  float total = sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < count; i++) total += a[i] * b[i];
  return total;
}

/* Σ a, in a fixed order. */
static inline float sumOf(const float *a, int64_t count) {
  Vec sums{};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) sums += load(a + i);
  float total = sum(sums);
  for (; i < count; i++) total += a[i];
  return total;
}

static inline int64_t roundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
