/*
 * One feature's gradients after another, each used at once for its step of Adam, so that no gradient of the size of the
 * weights exists unless it is asked for, or its norm is needed before any step can be taken.
 */
#pragma once
#include "active.h"
#include "adam.h"
#include "twofold.h"

/* dx̂ [B, D] for the features below `until` (and not below the previous one's): all of them get it in most architectures. */
struct Upstream {
  int64_t until;
  Rows *gradient;
};

/* Activations with what the loss wants of their reconstruction. */
struct Part {
  Active *active = nullptr;
  std::vector<Upstream> upstream;
};

struct UpdateOptions {
  /* dLoss/df beside what comes through the decoder, for features that fire: sparsity · sparsityGain[feature] (or 1). */
  float sparsity = 0;
  /* The decoder rows' norms where the penalty is weighted by them; its gradient goes to the decoder too. */
  const float *sparsityGain = nullptr;
  /* [F], Σ_B f; needed with sparsityGain. */
  const float *sums = nullptr;
  /* Whether bDec is taken from the encoder's input. */
  bool centred = true;
  bool removeParallel = false;
  bool unitRows = false;
  /* The gradients' largest norm over all parameters; 0: no limit. */
  double clip = 0;
};

/* Where gradients go instead of a step: [F, D + 1], [F, D], [D]. */
struct Gradients {
  float *encoder = nullptr, *decoder = nullptr, *bias = nullptr;
};

class Update {
public:
  /* encoder [F, D+1], decoder [F, D] and bias [D]; biasGradient [D] is what reaches bDec other than through the encoder. */
  Moments encoder, decoder, bias;
  const float *biasGradient = nullptr;
  Rows *x = nullptr;
  Part main;
  /* Of some features each, none of them in two. */
  std::vector<Part> extras;
  UpdateOptions options;
  /* Where the main part's rule is twofold; then there are no extras, and one upstream. */
  Twofold twofold;
  AdamStep step{};

  /* Takes the step, or writes the gradients to `only`. Gives back the gradients' norm where that was computed, else 0. */
  double run(const Gradients *only);

private:
  struct Room {
    float *packed, *upstream, *encoder, *decoder, *weights, *gates;
  };
  struct Row {
    int64_t feature;
    float *encoder, *decoder;
    bool any;
    /* Of twofold rules. */
    Pushed pushed = {};
  };
  std::vector<Buffer> scratch_;
  Buffer partial_, keptEncoder_, keptDecoder_;
  std::vector<char> taken_, touched_;
  std::vector<double> squares_;
  Gradients kept_;

  int64_t D() const { return x->D; }
  bool isTwofold() const { return twofold.rule != Rule::relu; }
  int64_t stride() const { return x->paddedD() + LANES; }
  Room roomOf(int worker);
  void packWhatIsNeeded(const Part &part);
  void extraBlock(const Part &extra, int64_t number, int64_t task, int worker);
  void mainBlock(int64_t number, int64_t task, int worker);
  void matrixBlock(Active &active, int64_t number, Rows &upstream, float sparsity, const Room &room);
  bool addEntries(int64_t feature, const Part &part, int64_t local, float sparsity, const Row &row, const float *weights);
  void twofoldBlock(int64_t number, int64_t task, int worker);
  void twofoldMatrix(int64_t number, int64_t task, const Room &room);
  void twofoldLists(int64_t number, int64_t task, const Room &room);
  void finishTwofold(const Row &row, const float *weights, int64_t task);
  void finishRow(const Row &row, const float *weights, int64_t task);
  float *keptDecoder(int64_t feature) const;
  void stepRow(int64_t feature, const float *encoderGradient, const float *decoderGradient, float scale);
  double finishBias(int64_t tasks, float *out);
};
