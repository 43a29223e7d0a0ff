/* Which features fire on which rows of a batch, and how strongly: found once a step, used by the decoder and backwards. */
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "rows.h"

/*
 * Features a block: whole panels of an encoder product, whose [BLOCK, B] result stays in the second-level cache, and as many terms at a time of a dense decoder's
 * sums, which are read and written once a block.
 */
constexpr int BLOCK = 112 / MR * MR;

/* A block is kept as a matrix from this share of firing entries on: about where its products become faster than lists. */
constexpr double DENSE_FROM = 1.0 / 12;

/* How pre-activations become activations. */
enum class Rule {
  relu = 0,      /* f = max(pre, 0) */
  topK = 1,      /* the k largest scores of each row; of these the positive, or all of them */
  batchTopK = 2, /* the k largest positive scores of the whole batch */
  exponential = 3, /* f = exp(pre), everywhere */
  jumpRelu = 4,    /* f = pre where pre > threshold; entries are kept from a little below it, where the threshold still learns */
  gated = 5,       /* f = max(0, slope * pre + shift) where pre > 0 */
};

struct Selection {
  Rule rule = Rule::relu;
  int64_t k = 0;
  /* The score of a pre-activation is gain[feature] * pre; without it, pre. */
  const float *gain = nullptr;
  /* topK: keeps chosen numbers that are not positive. */
  bool signedValues = false;
  /* jumpRelu: [F], and how far below it entries are kept. */
  const float *threshold = nullptr;
  float below = 0;
  /* gated: [F] each. */
  const float *slope = nullptr, *shift = nullptr;

  /* Whether f is not what an entry is found by, so that both are kept. */
  bool twofold() const { return rule == Rule::jumpRelu || rule == Rule::gated; }
  /* f of a pre-activation that has an entry. */
  float activation(int64_t feature, float pre) const {
    if (rule == Rule::jumpRelu) return pre > threshold[feature] ? pre : 0;
    return rule == Rule::gated && pre > 0 ? std::max(0.0f, slope[feature] * pre + shift[feature]) : 0;
  }
};

/* One block's features, either as lists or as a matrix. */
struct Block {
  bool dense = false;
  /* Entries of feature i are [start[i], start[i + 1]), in rising order of rows. */
  std::vector<int32_t> start, row;
  std::vector<float> value;
  /* [BLOCK, paddedB]; zeros where nothing fires. */
  Buffer matrix;
  /* Of twofold rules: the pre-activations (gated: the positive ones, else 0) in the same places. */
  std::vector<float> pre;
  Buffer preMatrix;
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

  /* Fills this from x [B, D]; ids [F] or null for all features (twofold rules: null). sums [F]: each feature's sum over the batch. */
  void encode(Rows &x, const Encoder &encoder, const int32_t *ids, int64_t F, const Selection &selection, float *sums);

  /* out [B, D] = f W over features [first, last), for W [., D] with rows by `id`. A block that is a matrix counts as a whole. */
  void decode(const float *decoder, int64_t D, int64_t first, int64_t last, float *out) { decode(decoder, D, first, last, out, false); }

  /* The same with the pre-activations of a gated encoding in the place of f: what its gates alone reconstruct. */
  void decodeGates(const float *decoder, int64_t D, float *out) { decode(decoder, D, 0, F, out, true); }

  /* out [F]: each feature's sum over the batch of its gates' pre-activations. */
  void sumGates(float *out) const;

  /* out [B]: on each row, how many features fire. */
  void countRows(float *out) const;

  /* out [F]: for the features `chosen` [count], jumpRelu's, the sum over the batch of relu(threshold - pre); x is what was encoded. */
  void shortfalls(Rows &x, const Encoder &encoder, const float *threshold, const int32_t *chosen, int64_t count, float *out) const;

  /* The sum of tanh(scale * norms[feature] * f) over everything; without norms, of tanh(scale * f). */
  double saturation(float scale, const float *norms) const;

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
  void decode(const float *decoder, int64_t D, int64_t first, int64_t last, float *out, bool gates);
  void decodeDense(const float *decoder, int64_t D, int64_t first, int64_t last, float *sum, bool gates);
  void decodeSlab(const float *decoder, int64_t D, int64_t slab, int64_t first, int64_t last, float *sum, bool gates) const;
  void keepBoth(int64_t number, int64_t i, const float *pre, const Selection &selection);
  void summarise(int64_t number, const Selection &selection, float *sums);
  void finish();
  void makeRoom();
};
