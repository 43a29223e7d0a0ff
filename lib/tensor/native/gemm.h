/*
 * Matrix products out of packed operands: C [M, N] (+)= A [M, K] B [K, N], each by one thread.
 *
 * A packed operand lies in slabs of KC along K, each slab in panels of MR rows (A) or NR columns (B), each panel K-major.
 * Both are padded with zeros to whole panels, and C must have room for whole tiles: there are no edges.
 * Every number of C is summed over K in rising order, whichever thread computes it: results do not depend on their number.
 */
#pragma once
#include <algorithm>

#include "pool.h"
#include "vec.h"

#if defined(__AVX512F__)
constexpr int MR = 14, NV = 2; /* 28 of 32 registers accumulate */
#elif defined(__AVX__)
constexpr int MR = 6, NV = 2;
#else
constexpr int MR = 8, NV = 2;
#endif
constexpr int NR = NV * LANES;
constexpr int KC = 256; /* a panel of B, KC x NR floats, stays in the first-level cache */

/* Floats that a packed A of M rows or a packed B of N columns takes. */
static inline int64_t packedA(int64_t M, int64_t K) { return roundUp(M, MR) * K; }
static inline int64_t packedB(int64_t K, int64_t N) { return roundUp(N, NR) * K; }

/* A from rows: row m is at(m), `rowOf` says where. */
template <typename RowOf>
static inline void packEach(const RowOf &rowOf, int64_t M, int64_t K, float *out) {
  for (int64_t k0 = 0; k0 < K; k0 += KC) {
    const int64_t kc = std::min<int64_t>(KC, K - k0);
    for (int64_t m0 = 0; m0 < M; m0 += MR) {
      const int rows = static_cast<int>(std::min<int64_t>(MR, M - m0));
      const float *from[MR];
      for (int i = 0; i < MR; i++) from[i] = rowOf(m0 + (i < rows ? i : 0)) + k0;
      for (int64_t k = 0; k < kc; k++, out += MR)
        for (int i = 0; i < MR; i++) out[i] = i < rows ? from[i][k] : 0;
    }
  }
}

/* A from rows: a[m * stride + k]. */
static inline void packRows(const float *a, int64_t stride, int64_t M, int64_t K, float *out) {
  packEach([=](int64_t m) { return a + m * stride; }, M, K, out);
}

/* A from some rows: a[ids[m] * stride + k]. */
static inline void packRowsAt(const float *a, int64_t stride, const int32_t *ids, int64_t M, int64_t K, float *out) {
  packEach([=](int64_t m) { return a + ids[m] * stride; }, M, K, out);
}

/* A from its transpose: the numbers of term k are at columnOf(k). */
template <typename ColumnOf>
static inline void packEachColumn(const ColumnOf &columnOf, int64_t M, int64_t K, float *out) {
  for (int64_t k0 = 0; k0 < K; k0 += KC) {
    const int64_t kc = std::min<int64_t>(KC, K - k0);
    for (int64_t m0 = 0; m0 < M; m0 += MR) {
      const int rows = static_cast<int>(std::min<int64_t>(MR, M - m0));
      for (int64_t k = 0; k < kc; k++, out += MR) {
        const float *const from = columnOf(k0 + k) + m0;
        for (int i = 0; i < rows; i++) out[i] = from[i];
        for (int i = rows; i < MR; i++) out[i] = 0;
      }
    }
  }
}

/* A from its transpose: a[k * stride + m]. */
static inline void packColumns(const float *a, int64_t stride, int64_t M, int64_t K, float *out) {
  packEachColumn([=](int64_t k) { return a + k * stride; }, M, K, out);
}

/* Columns [n0, n0 + NR) of one slab of B from rows: b[k * stride + n]. */
static inline void packPanel(const float *b, int64_t stride, int64_t kc, int64_t columns, float *out) {
  const int n = static_cast<int>(std::min<int64_t>(NR, columns));
  for (int64_t k = 0; k < kc; k++, out += NR) {
    std::memcpy(out, b + k * stride, n * sizeof(float));
    for (int i = n; i < NR; i++) out[i] = 0;
  }
}

/* The same from B's transpose: b[n * stride + k]. */
static inline void packPanelTransposed(const float *b, int64_t stride, int64_t kc, int64_t columns, float *out) {
  const int n = static_cast<int>(std::min<int64_t>(NR, columns));
  for (int64_t k = 0; k < kc; k++, out += NR) {
    for (int i = 0; i < n; i++) out[i] = b[i * stride + k];
    for (int i = n; i < NR; i++) out[i] = 0;
  }
}

/*
 * One tile of C, kept in registers over a slab. With AHEAD it calls for kc / 4 cache lines at `next` meanwhile, a few at a time: a burst of
 * them would hold up the loads that the tile itself needs.
 */
template <bool ACCUMULATE, bool AHEAD = false>
static inline void tile(const float *a, const float *b, int64_t kc, float *c, int64_t stride, const float *next = nullptr) {
  Vec acc[MR][NV];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) acc[i][j] = ACCUMULATE ? load(c + i * stride + j * LANES) : Vec{};
  for (int64_t k = 0; k < kc; k++, a += MR, b += NR) {
    if (AHEAD && k % 4 == 0) __builtin_prefetch(next + 4 * k, 0, 3);
    Vec right[NV];
    for (int j = 0; j < NV; j++) right[j] = load(b + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      const Vec left = broadcast(a[i]);
      for (int j = 0; j < NV; j++) acc[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) store(c + i * stride + j * LANES, acc[i][j]);
}

/*
 * Columns [n0, n1) of A [M, K] B [K, N] into c [roundUp(M, MR), stride], whose first column is n0; with `accumulate` added to c. While a panel of B
 * is at work the next one is called for: B often comes from far away, each panel once for a chunk of rows. (Behind the last one is nothing; calling
 * for that does no harm.)
 */
static inline void multiplyColumns(const float *a, int64_t M, int64_t K, const float *b, int64_t N, int64_t n0, int64_t n1, float *c,
                                   int64_t stride, bool accumulate = false) {
  const int64_t rows = roundUp(M, MR), columns = roundUp(N, NR);
  for (int64_t k0 = 0; k0 < K; k0 += KC) {
    const int64_t kc = std::min<int64_t>(KC, K - k0), after = std::min<int64_t>(KC, K - k0 - kc);
    for (int64_t n = n0; n < n1; n += NR) {
      const float *const panel = b + k0 * columns + n * kc;
      const float *const next = n + NR < n1 || after == 0 ? panel + kc * NR : b + (k0 + KC) * columns + n0 * after;
      for (int64_t m = 0; m < rows; m += MR) {
        const float *const left = a + k0 * rows + m * kc;
        float *const to = c + m * stride + (n - n0);
        const int64_t ahead = m / MR * kc * 4;
        if (ahead < kc * NR) {
          if (accumulate || k0 > 0) tile<true, true>(left, panel, kc, to, stride, next + ahead);
          else tile<false, true>(left, panel, kc, to, stride, next + ahead);
        } else {
          if (accumulate || k0 > 0) tile<true>(left, panel, kc, to, stride);
          else tile<false>(left, panel, kc, to, stride);
        }
      }
    }
  }
}

/* C [roundUp(M, MR), stride >= roundUp(N, NR)] = or += A B. */
static inline void multiply(const float *a, const float *b, int64_t M, int64_t N, int64_t K, float *c, int64_t stride, bool accumulate) {
  multiplyColumns(a, M, K, b, N, 0, roundUp(N, NR), c, stride, accumulate);
}

/* Tiles of rows that one thread takes through a product at a time, about 112 rows: with what they are multiplied by they fit a second-level cache. */
constexpr int64_t CHUNK_TILES = 112 / MR;

/* body(first, count, worker) for chunks of `rows` rows, whole tiles but for the last, as many for each thread. */
template <typename Body> static inline void overChunks(int64_t rows, const Body &body) {
  const int64_t tiles = (rows + MR - 1) / MR;
  const int64_t chunks = std::min(tiles, roundUp((tiles + CHUNK_TILES - 1) / CHUNK_TILES, threadCount()));
  parallel(chunks, [&](int64_t chunk, int worker) {
    const int64_t first = chunk * tiles / chunks * MR, last = std::min(rows, (chunk + 1) * tiles / chunks * MR);
    body(first, last - first, worker);
  });
}
