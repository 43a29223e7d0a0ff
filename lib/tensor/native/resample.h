/* One axis of Pillow's resampling: sums of bytes with weights of 22 bits behind the point, rounded and cut to bytes. */
#pragma once
#include <cstdint>

/* Which input pixels make each output pixel, and with what weights: `taps` places for each. */
struct Axis {
  const int32_t *first, *count, *weights;
  int64_t taps;
};

/* RGB rows of `stride` bytes, `rows` of them -> [rows, columns, 3]: output pixels `left` and on of the axis along rows. */
void resampleAlongRows(const uint8_t *data, int64_t stride, int64_t rows, int64_t left, int64_t columns, const Axis &axis, uint8_t *out);

/* [., length] bytes, the first row being input row `firstRow` -> [rows, length]: output rows `top` and on of the axis along columns. */
void resampleAlongColumns(const uint8_t *data, int64_t firstRow, int64_t length, int64_t top, int64_t rows, const Axis &axis, uint8_t *out);
