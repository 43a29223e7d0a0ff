/* Which features fire on which rows of a batch, and how strongly: found once a step, used by the decoder and backwards. */
#pragma once
#include <cmath>
#include <vector>

#include "rows.h"

/* Features a block: whole panels of an encoder product, whose [BLOCK, B] result stays in the second-level cache. */
constexpr int BLOCK = 8 * MR;

/* A block is kept as a matrix from this share of firing entries on: about where its products become faster than lists. */
constexpr double DENSE_FROM = 1.0 / 12;

/* How pre-activations become activations. */
enum class Rule {
  relu = 0,      /* f = max(pre, 0) */
  topK = 1,      /* the k largest scores of each row; of these the positive, or all of them */
  batchTopK = 2, /* the k largest positive scores of the whole batch */
  exponential = 3, /* f = exp(pre), everywhere */
};

struct Selection {
  Rule rule = Rule::relu;
  int64_t k = 0;
  /* The score of a pre-activation is gain[feature] * pre; without it, pre. */
  const float *gain = nullptr;
  /* topK: keeps chosen numbers that are not positive. */
  bool signedValues = false;
};

/* One block's features, either as lists or as a matrix. */
struct Block {
  bool dense = false;
  /* Entries of feature i are [start[i], start[i + 1]), in rising order of rows. */
  std::vector<int32_t> start, row;
  std::vector<float> value;
  /* [BLOCK, paddedB]; zeros where nothing fires. */
  Buffer matrix;
};

/* W (pre-activations' weights) with rows of `stride` floats: D weights, then the bias. */
struct Encoder {
  const float *weights;
  int64_t stride;
};

class Active {
public:
  int64_t B = 0, F = 0;
  Rule rule = Rule::relu;
  /* Numbers of the features in the weights, rising; empty: feature i is i. */
  std::vector<int32_t> ids;
  std::vector<Block> blocks;
  /* Entries that fire. */
  int64_t count = 0;
  /* Whether every pre-activation was a number. */
  bool finite = true;
  /* The least positive score, or 0 without any. */
  float least = 0;

  int64_t id(int64_t feature) const { return ids.empty() ? feature : ids[feature]; }
  int64_t blockCount() const { return (F + BLOCK - 1) / BLOCK; }
  int64_t blockSize(int64_t block) const { return std::min<int64_t>(BLOCK, F - block * BLOCK); }

  /* Fills this from x [B, D]; ids [F] or null for all features. sums [F]: each feature's sum over the batch. */
  void encode(Rows &x, const Encoder &encoder, const int32_t *ids, int64_t F, const Selection &selection, float *sums);

  /* out [B, D] = f W over features [first, last), for W [., D] with rows by `id`. A block that is a matrix counts as a whole. */
  void decode(const float *decoder, int64_t D, int64_t first, int64_t last, float *out);

  /* Entries of features [first, last) that are not zero, as start [last - first + 1], rows and values; null for rows only counts them. Returns how many. */
  int64_t entries(int64_t first, int64_t last, int32_t *start, int32_t *rows, float *values) const;

private:
  struct Summary {
    int64_t count = 0;
    float least = INFINITY;
  };
  std::vector<Summary> summaries_;
  std::vector<Buffer> scratch_;
  Buffer sum_, packed_;

  void encodeBlocks(int64_t first, int64_t last, Rows &x, const Encoder &encoder, const Selection &selection, const std::vector<float> &bound, float *sums);
  void decodeDense(const float *decoder, int64_t D, int64_t first, int64_t last, float *sum);
  void decodeSlab(const float *decoder, int64_t D, int64_t slab, int64_t first, int64_t last, float *sum) const;
  void summarise(int64_t number, const Selection &selection, float *sums);
  void finish();
  void makeRoom();
};
