#include "patches.h"

void cutPatches(const uint8_t *picture, int64_t width, int64_t side, int64_t P, const float *table, float *out) {
  for (int64_t patch = 0; patch < side * side; patch++)
    for (int64_t y = 0; y < P; y++) {
      const uint8_t *const from = picture + ((patch / side * P + y) * width + patch % side * P) * 3;
      float *const to = out + (patch * 3 * P + y) * P;
      for (int64_t x = 0; x < P; x++)
        for (int64_t c = 0; c < 3; c++) to[c * P * P + x] = table[c * 256 + from[x * 3 + c]];
    }
}
