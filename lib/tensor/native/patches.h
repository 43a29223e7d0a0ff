/* From bytes of a fitted picture to what a vision tower looks at, in one pass. */
#pragma once
#include <cstdint>

/*
 * A picture [height, width, 3] of bytes -> [side * side, 3, P, P], patch by patch, each in the order channel, row, column; rows and columns behind the last
 * whole patch are left out. table [3, 256]: what each byte of each channel becomes.
 */
void cutPatches(const uint8_t *picture, int64_t width, int64_t side, int64_t P, const float *table, float *out);
