/* Exponentials and what CLIP's MLPs are bent by, a vector at a time, to about float32's precision. */
#pragma once
#include "vec.h"

typedef int32_t IntVec __attribute__((vector_size(LANES * 4)));

/* e^x for x from -87 to 88, what is beyond taken as the bound: n ln 2 + r, and a polynomial of r (Cephes, expf). */
static inline Vec expOf(Vec x) {
  const Vec low = broadcast(-87.0f), high = broadcast(88.0f), magic = broadcast(12582912.0f);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const Vec n = (x * 1.44269504088896341f + magic) - magic;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Vec y = p * r * r + r + 1.0f;
  const IntVec power = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return y * (Vec)power;
}

/* x sigmoid(1.702 x) */
static inline Vec quickGelu(Vec x) { return x / (expOf(x * -1.702f) + 1.0f); }

/* x Φ(x), erf to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
static inline Vec exactGelu(Vec x) {
  const Vec zero{};
  const Vec scaled = x * 0.70710678118654752f;
  const Vec z = scaled < zero ? -scaled : scaled;
  const Vec t = 1.0f / (z * 0.3275911f + 1.0f);
  Vec p = broadcast(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Vec tail = p * t * expOf(-(z * z)); /* 1 - erf z */
  const Vec share = x < zero ? tail : 2.0f - tail;
  return x * 0.5f * share;
}

/* tanh x: near 0 by its series, where the difference below would cancel. */
static inline Vec tanhOf(Vec x) {
  const Vec square = x * x;
  const Vec near = x * (1.0f - square * (0.333333333f - square * 0.133333333f));
  return square < broadcast(0.01f) ? near : 1.0f - 2.0f / (expOf(x * 2.0f) + 1.0f);
}
