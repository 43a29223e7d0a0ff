/*
 * The k best scores of each row, or k of the whole batch, out of candidates that come block by block. A bound below which
 * nothing can be among them rises with every round, so that later blocks yield few candidates. Equal scores: the lower
 * feature wins (then the lower row). The outcome does not depend on the order in which blocks were computed.
 */
#pragma once
#include "active.h"

class TopK {
public:
  TopK(Active &active, const Selection &selection);
  /* [B]: a score must be greater than its row's to be a candidate. */
  const std::vector<float> &bound() const { return bound_; }
  /* Takes in the candidates of blocks [first, last) and raises the bounds. */
  void narrow(int64_t first, int64_t last);
  /* Drops from the blocks' lists whatever is not among the best. */
  void keep();

private:
  struct Candidate {
    float score;
    int32_t feature, row;
  };
  static bool before(const Candidate &a, const Candidate &b);
  static void cut(std::vector<Candidate> &best, size_t k);

  Active &active_;
  const Selection &selection_;
  const bool wholeBatch_;
  /* Best candidates so far: a list for each row, or one for all. */
  std::vector<std::vector<Candidate>> best_;
  std::vector<float> bound_;

  float gain(int64_t feature) const { return selection_.gain ? selection_.gain[active_.id(feature)] : 1; }
};
