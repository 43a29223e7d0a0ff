/* The encoder's product, block by block, and what of it fires. */
#include <cmath>
#include <utility>

#include "activation.h"
#include "active.h"
#include "top_k.h"

namespace {

/* A worker's room for one block: the packed weights and their product. */
struct Room {
  float *packed, *product;
};

Room roomOf(Buffer &buffer, int64_t D, int64_t width) {
  float *start = buffer.atLeast(packedA(BLOCK, D) + BLOCK * width);
  return {start, start + packedA(BLOCK, D)};
}

/* pre [size, width] = W x + b for the block's features. */
void product(const Active &active, int64_t block, Rows &x, const float *panels, const Encoder &encoder, const Room &room) {
  const int64_t size = active.blockSize(block), first = block * BLOCK;
  if (active.ids.empty()) packRows(encoder.weights + first * encoder.stride, encoder.stride, size, x.D, room.packed);
  else packRowsAt(encoder.weights, encoder.stride, active.ids.data() + first, size, x.D, room.packed);
  multiply(room.packed, panels, size, x.B, x.D, room.product, x.paddedB(), false);
}

/* Adds the bias to one feature's pre-activations; false when one of them is not a number. */
bool addBias(float *pre, int64_t count, float bias) {
  Vec check{};
  int64_t b = 0;
  for (; b + LANES <= count; b += LANES) {
    const Vec value = load(pre + b) + bias;
    store(pre + b, value);
    check += value * 0.0f;
  }
  float rest = sum(check);
  for (; b < count; b++) rest += (pre[b] += bias) * 0.0f;
  return rest == 0;
}

/* Rows that are `chosen` go to the end of the block's lists. */
template <typename Chosen> void collect(Block &block, const float *pre, int64_t B, const Chosen &chosen) {
  for (int64_t b0 = 0; b0 < B; b0 += 64) {
    const int64_t end = std::min<int64_t>(B, b0 + 64);
    bool any = false;
    for (int64_t b = b0; b < end; b++) any |= chosen(b);
    if (!any) continue;
    for (int64_t b = b0; b < end; b++) {
      if (chosen(b)) {
        block.row.push_back(static_cast<int32_t>(b));
        block.value.push_back(pre[b]);
      }
    }
  }
}

int64_t countAbove(const float *pre, int64_t B, float bound) {
  int32_t count = 0;
  for (int64_t b = 0; b < B; b++) count += pre[b] > bound;
  return count;
}

/* What a pre-activation must exceed to have an entry, where that does not depend on the others. */
float boundOf(const Selection &selection, int64_t feature) {
  return selection.rule == Rule::jumpRelu ? selection.threshold[feature] - selection.below : 0;
}

} // namespace

void Active::encodeBlocks(int64_t first, int64_t last, Rows &x, const Encoder &encoder, const Selection &selection, const std::vector<float> &bounds, float *sums) {
  const float *panels = x.panelsTransposed();
  const int64_t width = x.paddedB();
  std::vector<char> finiteBlocks(last - first, 1);
  parallel(last - first, [&](int64_t task, int worker) {
    const int64_t number = first + task, size = blockSize(number);
    Block &block = blocks[number];
    const Room room = roomOf(scratch_[worker], x.D, width);
    product(*this, number, x, panels, encoder, room);
    const bool fixed = selection.rule == Rule::relu || selection.twofold();
    int64_t firing = 0;
    for (int64_t i = 0; i < size; i++) {
      float *pre = room.product + i * width;
      if (!addBias(pre, B, encoder.weights[id(number * BLOCK + i) * encoder.stride + x.D])) finiteBlocks[task] = 0;
      if (fixed) firing += countAbove(pre, B, boundOf(selection, number * BLOCK + i));
    }
    block.row.clear(), block.value.clear(), block.pre.clear();
    block.start.assign(1, 0);
    block.dense = selection.rule == Rule::exponential || (fixed && firing >= DENSE_FROM * size * B);
    if (block.dense) {
      float *matrix = block.matrix.atLeast(BLOCK * width);
      for (int64_t i = 0; i < size; i++) {
        const float *pre = room.product + i * width;
        float *to = matrix + i * width;
        if (selection.twofold()) keepBoth(number, i, pre, selection);
        else if (selection.rule == Rule::relu) for (int64_t b = 0; b < B; b++) to[b] = pre[b] > 0 ? pre[b] : 0;
        else for (int64_t b = 0; b < B; b += LANES) store(to + b, expOf(load(pre + b))); /* width is whole vectors */
        std::fill(to + B, to + width, 0.0f);
      }
      if (sums) summarise(number, selection, sums);
      return;
    }
    for (int64_t i = 0; i < size; i++) {
      const float *const pre = room.product + i * width;
      if (selection.twofold()) {
        const float bound = boundOf(selection, number * BLOCK + i);
        collect(block, pre, B, [=](int64_t b) { return pre[b] > bound; });
        for (size_t e = block.pre.size(); e < block.value.size(); e++) {
          block.pre.push_back(block.value[e]);
          block.value[e] = selection.activation(number * BLOCK + i, block.pre[e]);
        }
      } else {
        const float gain = selection.gain ? selection.gain[id(number * BLOCK + i)] : 1;
        collect(block, pre, B, [=, at = bounds.data()](int64_t b) { return pre[b] * gain > at[b]; });
      }
      block.start.push_back(static_cast<int32_t>(block.row.size()));
    }
    if (sums) summarise(number, selection, sums);
  });
  for (char one : finiteBlocks) finite = finite && one;
}

void Active::encode(Rows &x, const Encoder &encoder, const int32_t *chosen, int64_t features, const Selection &selection, float *sums) {
  B = x.B, F = features, rule = selection.rule;
  ids.assign(chosen, chosen ? chosen + features : chosen);
  finite = true;
  blocks.resize(blockCount());
  summaries_.assign(blockCount(), {});
  makeRoom();
  if (rule == Rule::topK || rule == Rule::batchTopK) {
    TopK best(*this, selection);
    /* The first rounds are short: until k features are seen, everything is a candidate. */
    for (int64_t first = 0, round = 4; first < blockCount(); round *= 2) {
      const int64_t last = std::min(blockCount(), first + round);
      encodeBlocks(first, last, x, encoder, selection, best.bound(), nullptr);
      best.narrow(first, last);
      first = last;
    }
    best.keep();
    parallel(blockCount(), [&](int64_t number, int) { summarise(number, selection, sums); });
  } else {
    encodeBlocks(0, blockCount(), x, encoder, selection, std::vector<float>(B, 0), sums);
  }
  finish();
}

/* One feature of a block that is a matrix, by a twofold rule. */
void Active::keepBoth(int64_t number, int64_t i, const float *pre, const Selection &selection) {
  const int64_t width = roundUp(B, NR);
  float *const to = blocks[number].matrix.get() + i * width;
  float *const before = blocks[number].preMatrix.atLeast(BLOCK * width) + i * width;
  if (selection.rule == Rule::jumpRelu) {
    const float threshold = selection.threshold[number * BLOCK + i];
    for (int64_t b = 0; b < B; b++) before[b] = pre[b], to[b] = pre[b] > threshold ? pre[b] : 0;
  } else {
    const float slope = selection.slope[number * BLOCK + i], shift = selection.shift[number * BLOCK + i];
    for (int64_t b = 0; b < B; b++) {
      const float magnitude = slope * pre[b] + shift;
      before[b] = pre[b] > 0 ? pre[b] : 0;
      to[b] = pre[b] > 0 && magnitude > 0 ? magnitude : 0;
    }
  }
  std::fill(before + B, before + width, 0.0f);
}

void Active::makeRoom() { scratch_.resize(std::max<size_t>(scratch_.size(), threadCount())); }

/* How many of the values are not 0, and the least that is positive. */
static std::pair<int64_t, float> firingOf(const float *values, int64_t count) {
  const Vec none = broadcast(INFINITY);
  Vec lowest = none;
  decltype(lowest > lowest) firing{};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const Vec value = load(values + i), positive = value > 0 ? value : none;
    firing -= value != 0; /* true is -1 */
    lowest = positive < lowest ? positive : lowest;
  }
  int64_t number = 0;
  float least = INFINITY;
  for (int lane = 0; lane < LANES; lane++) number += firing[lane], least = std::min(least, lowest[lane]);
  for (; i < count; i++) {
    number += values[i] != 0;
    if (values[i] > 0) least = std::min(least, values[i]);
  }
  return {number, least};
}

/* Sums, counts and the least positive score of one block. */
void Active::summarise(int64_t number, const Selection &selection, float *sums) {
  const Block &block = blocks[number];
  const int64_t width = roundUp(B, NR);
  Summary summary;
  for (int64_t i = 0; i < blockSize(number); i++) {
    const float *values = block.dense ? block.matrix.get() + i * width : block.value.data() + block.start[i];
    const int64_t length = block.dense ? B : block.start[i + 1] - block.start[i];
    const auto [firing, lowest] = firingOf(values, length);
    summary.count += firing;
    summary.least = std::min(summary.least, lowest * (selection.gain ? selection.gain[id(number * BLOCK + i)] : 1));
    sums[number * BLOCK + i] = sumOf(values, length);
  }
  summaries_[number] = summary;
}

int64_t Active::entries(int64_t first, int64_t last, int32_t *start, int32_t *rows, float *values) const {
  const int64_t width = roundUp(B, NR);
  int64_t found = 0;
  const auto take = [&](int64_t row, float value) {
    if (value == 0) return;
    if (rows) rows[found] = static_cast<int32_t>(row), values[found] = value;
    found++;
  };
  for (int64_t feature = first; feature < last; feature++) {
    if (rows) start[feature - first] = static_cast<int32_t>(found);
    const Block &block = blocks[feature / BLOCK];
    const int64_t i = feature % BLOCK;
    if (block.dense) for (int64_t b = 0; b < B; b++) take(b, block.matrix.get()[i * width + b]);
    else for (int32_t e = block.start[i]; e < block.start[i + 1]; e++) take(block.row[e], block.value[e]);
  }
  if (rows) start[last - first] = static_cast<int32_t>(found);
  return found;
}

void Active::finish() {
  count = 0, least = INFINITY;
  for (const Summary &one : summaries_) {
    count += one.count;
    least = std::min(least, one.least);
  }
  if (least == INFINITY) least = 0;
}
