/* Rows out of blocks of the disk, as float32. */
#pragma once
#include <cstdint>

/* Row row[i] of blocks[slot[i]], `width` numbers, becomes out[i]; slots >= blockCount are left out. half: the blocks hold half floats. */
void gatherRows(const uint8_t *const *blocks, uint32_t blockCount, const uint32_t *slot, const uint32_t *row, int64_t n, int64_t width, bool half, float *out);

/* Tells the system that these bytes of a file are read next, so that it fetches all of them at once and not piece by piece. */
void announceRead(int file, int64_t offset, int64_t bytes);
