#include "resample.h"

#include <algorithm>
#include <cstring>
#include <vector>
#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

constexpr int PRECISION = 22;
constexpr int32_t HALF = 1 << (PRECISION - 1);
/* Rows that one pass along rows works on together: their sums stay in registers, and one weight serves all. */
constexpr int TOGETHER = 8;
/* Bytes that one pass along columns works on. */
constexpr int WIDE = 64;

typedef uint8_t Bytes __attribute__((vector_size(8)));
typedef int32_t Sums __attribute__((vector_size(32)));

uint8_t toByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> PRECISION, 0, 255)); }

/* Two pixels, and two bytes behind them that count for nothing. */
inline Sums pixelsAt(const uint8_t *at) {
#ifdef __AVX2__
  // GCC 12 makes scalar code of the conversion below.
  return (Sums)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(at)));
#else
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return __builtin_convertvector(bytes, Sums);
#endif
}

/* The sums of both pixels of a pair together, as three bytes at `out`; `wide`: a fourth may be written. */
inline void storePixel(Sums sums, uint8_t *out, bool wide) {
#ifdef __AVX2__
  if (wide) {
    const __m256i pairs = (__m256i)sums, seconds = _mm256_permutevar8x32_epi32(pairs, _mm256_setr_epi32(3, 4, 5, 5, 5, 5, 5, 5));
    const __m128i sum = _mm_srai_epi32(_mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_castsi256_si128(seconds)), PRECISION);
    const __m128i narrow = _mm_packs_epi32(sum, sum), bytes = _mm_packus_epi16(narrow, narrow);
    const int32_t four = _mm_cvtsi128_si32(bytes);
    std::memcpy(out, &four, sizeof four);
    return;
  }
#endif
  for (int c = 0; c < 3; c++) out[c] = toByte(sums[c] + sums[c + 3]);
}

template <int ROWS>
void alongRows(const uint8_t *const *inputs, int64_t left, int64_t columns, const Axis &axis, uint8_t *out) {
  for (int64_t x = 0; x < columns; x++) {
    const int64_t i = left + x, count = axis.count[i], from = 3 * axis.first[i];
    const int32_t *weights = axis.weights + i * axis.taps;
    Sums sums[ROWS];
    for (int r = 0; r < ROWS; r++) sums[r] = Sums{HALF, HALF, HALF};
    for (int64_t k = 0; k < count; k += 2) {
      const int32_t one = weights[k], two = k + 1 < count ? weights[k + 1] : 0;
      const Sums both{one, one, one, two, two, two};
      for (int r = 0; r < ROWS; r++) sums[r] += pixelsAt(inputs[r] + from + 3 * k) * both;
    }
    /* The byte behind a row's last pixel is another row's, and written already. */
    for (int r = 0; r < ROWS; r++) storePixel(sums[r], out + (r * columns + x) * 3, x + 1 < columns);
  }
}

} // namespace

void resampleAlongRows(const uint8_t *data, int64_t stride, int64_t rows, int64_t left, int64_t columns, const Axis &axis, uint8_t *out) {
  if (rows == 0) return;
  // What is behind the last pixel of all is not ours to read: the last two rows, which may be a pixel wide, are read from a copy with room behind it.
  const int64_t copied = std::min<int64_t>(rows, 2), whole = rows - copied;
  std::vector<uint8_t> last(copied * stride + sizeof(Bytes), 0);
  std::copy(data + whole * stride, data + rows * stride, last.begin());
  const uint8_t *inputs[TOGETHER];
  const auto input = [&](int64_t row) { return row < whole ? data + row * stride : last.data() + (row - whole) * stride; };
  int64_t row = 0;
  for (; row + TOGETHER <= rows; row += TOGETHER) {
    for (int r = 0; r < TOGETHER; r++) inputs[r] = input(row + r);
    alongRows<TOGETHER>(inputs, left, columns, axis, out + row * columns * 3);
  }
  for (; row < rows; row++) {
    inputs[0] = input(row);
    alongRows<1>(inputs, left, columns, axis, out + row * columns * 3);
  }
}

void resampleAlongColumns(const uint8_t *data, int64_t firstRow, int64_t length, int64_t top, int64_t rows, const Axis &axis, uint8_t *out) {
  for (int64_t y = 0; y < rows; y++) {
    const int32_t *weights = axis.weights + (top + y) * axis.taps;
    const int64_t count = axis.count[top + y];
    const uint8_t *input = data + (axis.first[top + y] - firstRow) * length;
    uint8_t *output = out + y * length;
    int64_t i = 0;
    for (; i + WIDE <= length; i += WIDE) {
      int32_t sums[WIDE];
      for (int j = 0; j < WIDE; j++) sums[j] = HALF;
      for (int64_t k = 0; k < count; k++) {
        const uint8_t *from = input + k * length + i;
        for (int j = 0; j < WIDE; j++) sums[j] += from[j] * weights[k];
      }
      for (int j = 0; j < WIDE; j++) output[i + j] = toByte(sums[j]);
    }
    for (; i < length; i++) {
      int32_t sum = HALF;
      for (int64_t k = 0; k < count; k++) sum += input[k * length + i] * weights[k];
      output[i] = toByte(sum);
    }
  }
}
