/* Rows out of blocks of the disk, as float32. */
#pragma once
#include <cstdint>

/* Row row[i] of blocks[slot[i]], `width` numbers, becomes out[i]; slots >= blockCount are left out. half: the blocks hold half floats. */
void gatherRows(const uint8_t *const *blocks, uint32_t blockCount, const uint32_t *slot, const uint32_t *row, int64_t n, int64_t width, bool half, float *out);
