#include "top_k.h"

#include <cmath>
#include <limits>

TopK::TopK(Active &active, const Selection &selection)
    : active_(active), selection_(selection), wholeBatch_(selection.rule == Rule::batchTopK),
      best_(wholeBatch_ ? 1 : active.B),
      /* What is not positive fires neither way, unless its sign is to be kept. */
      bound_(active.B, selection.signedValues && !wholeBatch_ ? -std::numeric_limits<float>::infinity() : 0) {}

bool TopK::before(const Candidate &a, const Candidate &b) {
  if (a.score != b.score) return a.score > b.score;
  return a.feature != b.feature ? a.feature < b.feature : a.row < b.row;
}

/* Leaves the k best, the last of them at the end. */
void TopK::cut(std::vector<Candidate> &best, size_t k) {
  if (best.size() < k) return;
  std::nth_element(best.begin(), best.begin() + (k - 1), best.end(), before);
  best.resize(k);
}

void TopK::narrow(int64_t first, int64_t last) {
  const size_t k = static_cast<size_t>(selection_.k);
  const auto each = [&](int64_t from, int64_t to, const auto &take) {
    for (int64_t number = first; number < last; number++) {
      const Block &block = active_.blocks[number];
      for (int64_t i = 0; i < active_.blockSize(number); i++) {
        const int32_t feature = static_cast<int32_t>(number * BLOCK + i);
        const auto begin = block.row.begin() + block.start[i], end = block.row.begin() + block.start[i + 1];
        for (auto at = std::lower_bound(begin, end, from); at != end && *at < to; ++at)
          take(Candidate{block.value[at - block.row.begin()] * gain(feature), feature, *at});
      }
    }
  };
  if (wholeBatch_) {
    each(0, active_.B, [&](const Candidate &one) { best_[0].push_back(one); });
    cut(best_[0], k);
    if (best_[0].size() == k) std::fill(bound_.begin(), bound_.end(), best_[0].back().score);
    return;
  }
  const int64_t tasks = std::min<int64_t>(active_.B, 2 * threadCount());
  parallel(tasks, [&](int64_t task, int) {
    const int64_t from = task * active_.B / tasks, to = (task + 1) * active_.B / tasks;
    each(from, to, [&](const Candidate &one) { best_[one.row].push_back(one); });
    for (int64_t b = from; b < to; b++) {
      cut(best_[b], k);
      if (best_[b].size() == k) bound_[b] = best_[b].back().score;
    }
  });
}

void TopK::keep() {
  parallel(active_.blockCount(), [&](int64_t number, int) {
    Block &block = active_.blocks[number];
    int32_t kept = 0, next = 0;
    for (int64_t i = 0; i < active_.blockSize(number); i++) {
      const int32_t feature = static_cast<int32_t>(number * BLOCK + i), end = block.start[i + 1];
      for (; next < end; next++) {
        const int32_t row = block.row[next];
        const float value = block.value[next];
        const auto &best = best_[wholeBatch_ ? 0 : row];
        const bool full = best.size() == static_cast<size_t>(selection_.k);
        if (full && before(best.back(), Candidate{value * gain(feature), feature, row})) continue;
        block.row[kept] = row;
        block.value[kept++] = value;
      }
      block.start[i + 1] = kept;
    }
    block.row.resize(kept), block.value.resize(kept);
  });
}
