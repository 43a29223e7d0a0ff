#include "update.h"

namespace {

/* to += factor · from; count is a multiple of LANES. */
void add(float *to, float factor, const float *from, int64_t count) {
  const Vec by = broadcast(factor);
  for (int64_t i = 0; i < count; i += LANES) store(to + i, load(to + i) + by * load(from + i));
}

Rows &upstreamOf(const Part &part, int64_t feature) {
  size_t i = 0;
  while (i + 1 < part.upstream.size() && feature >= part.upstream[i].until) i++;
  return *part.upstream[i].gradient;
}

} // namespace

Update::Room Update::roomOf(int worker) {
  const int64_t packed = packedA(BLOCK, std::max(D(), x->B)), columns = BLOCK * x->paddedB(), gradient = BLOCK * stride();
  float *at = scratch_[worker].atLeast(packed + columns + 2 * gradient + stride() + (isTwofold() ? columns : 0));
  float *const weights = at + packed + columns + 2 * gradient;
  return {at, at + packed, at + packed + columns, at + packed + columns + gradient, weights, weights + stride()};
}

double Update::run(const Gradients *only) {
  const int64_t F = main.active->F, width = D();
  scratch_.resize(std::max<size_t>(scratch_.size(), threadCount()));
  taken_.assign(F, 0);
  touched_.assign(F, 0);
  std::vector<std::pair<const Part *, int64_t>> extraBlocks;
  for (const Part &extra : extras) {
    for (int32_t id : extra.active->ids) taken_[id] = 1;
    for (int64_t number = 0; number < extra.active->blockCount(); number++) extraBlocks.emplace_back(&extra, number);
  }
  const int64_t first = extraBlocks.size(), tasks = first + main.active->blockCount();
  squares_.assign(tasks, 0);
  std::memset(partial_.atLeast(tasks * stride()), 0, tasks * stride() * sizeof(float));
  const bool keep = only || options.clip > 0;
  kept_ = {};
  if (only) kept_ = *only;
  else if (keep) kept_ = {keptEncoder_.atLeast(F * (width + 1)), keptDecoder_.atLeast(F * width), nullptr};

  packWhatIsNeeded(main);
  for (const Part &extra : extras) packWhatIsNeeded(extra);
  if (isTwofold()) {
    if (twofold.gateUpstream) packWhatIsNeeded({main.active, {{main.active->F, twofold.gateUpstream}}});
    if (twofold.revival) x->sums();
    std::fill(twofold.first, twofold.first + F, 0.0f);
    if (twofold.second) std::fill(twofold.second, twofold.second + F, 0.0f);
  }
  parallel(tasks, [&](int64_t task, int worker) {
    if (isTwofold()) twofoldBlock(task, task, worker);
    else if (task < first) extraBlock(*extraBlocks[task].first, extraBlocks[task].second, task, worker);
    else mainBlock(task - first, task, worker);
  });

  std::vector<float> biasOut(width);
  double squares = finishBias(tasks, biasOut.data());
  for (double one : squares_) squares += one;
  if (isTwofold()) squares += dot(twofold.first, twofold.first, F) + (twofold.second ? dot(twofold.second, twofold.second, F) : 0);
  if (only) {
    std::copy(biasOut.begin(), biasOut.end(), only->bias);
    return std::sqrt(squares);
  }
  double scale = 1;
  if (keep) {
    /* PyTorch's clip_grad_norm_. */
    scale = std::min(1.0, options.clip / (std::sqrt(squares) + 1e-6));
    parallel(main.active->blockCount(), [&](int64_t number, int) {
      for (int64_t f = number * BLOCK; f < number * BLOCK + main.active->blockSize(number); f++) {
        if (touched_[f]) stepRow(f, kept_.encoder + f * (width + 1), keptDecoder(f), static_cast<float>(scale));
        else stepRow(f, nullptr, nullptr, 1);
      }
    });
  }
  adamStep(bias, biasOut.data(), static_cast<float>(scale), width, step);
  return keep ? std::sqrt(squares) : 0;
}

/* Operands are packed at first use, which must not be by two threads. */
void Update::packWhatIsNeeded(const Part &part) {
  for (const Block &block : part.active->blocks) {
    if (!block.dense) continue;
    for (const Upstream &one : part.upstream) one.gradient->panels(), one.gradient->panelsTransposed();
    x->panels();
    return;
  }
}

/* Features that have an extra part: that part's product or entries, then the main part's entries. */
void Update::extraBlock(const Part &extra, int64_t number, int64_t task, int worker) {
  Active &active = *extra.active;
  const Room room = roomOf(worker);
  const bool dense = active.blocks[number].dense;
  if (dense) matrixBlock(active, number, *extra.upstream[0].gradient, 0, room);
  for (int64_t i = 0; i < active.blockSize(number); i++) {
    const int64_t local = number * BLOCK + i, feature = active.id(local);
    const Row row{feature, room.encoder + i * stride(), room.decoder + i * stride(), true};
    std::memcpy(room.weights, decoder.value + feature * D(), D() * sizeof(float));
    std::memset(room.weights + D(), 0, (stride() - D()) * sizeof(float));
    bool any = dense;
    if (!dense) {
      std::memset(row.encoder, 0, stride() * sizeof(float));
      std::memset(row.decoder, 0, stride() * sizeof(float));
      any = addEntries(feature, extra, local, 0, row, room.weights);
    }
    const float gain = options.sparsityGain ? options.sparsityGain[feature] : 1;
    any |= addEntries(feature, main, feature, options.sparsity * gain, row, room.weights);
    finishRow({feature, row.encoder, row.decoder, any}, room.weights, task);
  }
}

void Update::mainBlock(int64_t number, int64_t task, int worker) {
  Active &active = *main.active;
  const Room room = roomOf(worker);
  const int64_t first = number * BLOCK, size = active.blockSize(number);
  Rows &upstream = upstreamOf(main, first);
  const bool dense = active.blocks[number].dense && &upstream == &upstreamOf(main, first + size - 1);
  if (dense) matrixBlock(active, number, upstream, options.sparsity, room);
  for (int64_t i = 0; i < size; i++) {
    const int64_t feature = first + i;
    if (taken_[feature]) continue;
    const int64_t offset = dense ? i * stride() : 0;
    const Row row{feature, room.encoder + offset, room.decoder + offset, true};
    const Block &block = active.blocks[number];
    if (!block.dense && block.start[i] == block.start[i + 1]) {
      finishRow({feature, row.encoder, row.decoder, false}, nullptr, task);
      continue;
    }
    std::memcpy(room.weights, decoder.value + feature * D(), D() * sizeof(float));
    std::memset(room.weights + D(), 0, (stride() - D()) * sizeof(float));
    bool any = true;
    if (!dense) {
      std::memset(row.encoder, 0, stride() * sizeof(float));
      std::memset(row.decoder, 0, stride() * sizeof(float));
      const float gain = options.sparsityGain ? options.sparsityGain[feature] : 1;
      any = addEntries(feature, main, feature, options.sparsity * gain, row, room.weights);
    }
    finishRow({feature, row.encoder, row.decoder, any}, room.weights, task);
  }
}

/* Both gradients of all features of a block that is a matrix, by three products. */
void Update::matrixBlock(Active &active, int64_t number, Rows &upstream, float sparsity, const Room &room) {
  const int64_t first = number * BLOCK, size = active.blockSize(number), width = x->paddedB(), B = x->B;
  const float *const matrix = active.blocks[number].matrix.get();
  if (active.ids.empty()) packRows(decoder.value + first * D(), D(), size, D(), room.packed);
  else packRowsAt(decoder.value, D(), active.ids.data() + first, size, D(), room.packed);
  multiply(room.packed, upstream.panelsTransposed(), size, B, D(), room.upstream, width, false);
  std::vector<float> biases(size);
  for (int64_t i = 0; i < size; i++) {
    float *const df = room.upstream + i * width;
    const float *const f = matrix + i * width;
    const float gain = sparsity == 0 ? 0 : sparsity * (options.sparsityGain ? options.sparsityGain[active.id(first + i)] : 1);
    if (active.rule == Rule::exponential) for (int64_t b = 0; b < B; b++) df[b] *= f[b];
    else for (int64_t b = 0; b < B; b++) df[b] = f[b] > 0 ? df[b] + gain : 0;
    biases[i] = sumOf(df, B);
  }
  packRows(room.upstream, width, size, B, room.packed);
  multiply(room.packed, x->panels(), size, D(), B, room.encoder, stride(), false);
  for (int64_t i = 0; i < size; i++) room.encoder[i * stride() + D()] = biases[i];
  packRows(matrix, width, size, B, room.packed);
  multiply(room.packed, upstream.panels(), size, D(), B, room.decoder, stride(), false);
}

/* Adds one feature's entries to its gradients; false when it has none. */
bool Update::addEntries(int64_t feature, const Part &part, int64_t local, float sparsity, const Row &row, const float *weights) {
  const Active &active = *part.active;
  const Block &block = active.blocks[local / BLOCK];
  const int64_t i = local % BLOCK, width = x->paddedD();
  const Rows &upstream = upstreamOf(part, feature);
  float biasGradient = 0;
  const auto entry = [&](int64_t b, float value) {
    const float *const gradient = upstream.rows() + b * width;
    const float df = dot(gradient, weights, width) + sparsity;
    add(row.decoder, value, gradient, width);
    add(row.encoder, df, x->rows() + b * width, width);
    biasGradient += df;
  };
  bool any = false;
  if (block.dense) {
    const float *const f = block.matrix.get() + i * x->paddedB();
    for (int64_t b = 0; b < x->B; b++) if (f[b] > 0) entry(b, f[b]), any = true;
  } else {
    for (int32_t e = block.start[i]; e < block.start[i + 1]; e++) entry(block.row[e], block.value[e]), any = true;
  }
  row.encoder[D()] += biasGradient;
  return any;
}

void Update::twofoldBlock(int64_t number, int64_t task, int worker) {
  const Room room = roomOf(worker);
  if (main.active->blocks[number].dense) twofoldMatrix(number, task, room);
  else twofoldLists(number, task, room);
}

void Update::twofoldMatrix(int64_t number, int64_t task, const Room &room) {
  const int64_t first = number * BLOCK, size = main.active->blockSize(number), width = x->paddedB(), B = x->B;
  const Block &block = main.active->blocks[number];
  Rows &upstream = *main.upstream[0].gradient, *gates = twofold.gateUpstream;
  packRows(decoder.value + first * D(), D(), size, D(), room.packed);
  multiply(room.packed, upstream.panelsTransposed(), size, B, D(), room.upstream, width, false);
  if (gates) multiply(room.packed, gates->panelsTransposed(), size, B, D(), room.gates, width, false);
  std::vector<Pushed> pushed(size);
  for (int64_t i = 0; i < size; i++) {
    const Entries entries{B, block.matrix.get() + i * width, block.preMatrix.get() + i * width, nullptr};
    pushed[i] = twofold.push(first + i, B, entries, room.upstream + i * width, room.gates + i * width);
  }
  packRows(room.upstream, width, size, B, room.packed);
  multiply(room.packed, x->panels(), size, D(), B, room.encoder, stride(), false);
  packRows(block.matrix.get(), width, size, B, room.packed);
  multiply(room.packed, upstream.panels(), size, D(), B, room.decoder, stride(), false);
  if (gates && twofold.gatesMoveDecoder) {
    packRows(block.preMatrix.get(), width, size, B, room.packed);
    multiply(room.packed, gates->panels(), size, D(), B, room.decoder, stride(), true);
  }
  for (int64_t i = 0; i < size; i++) {
    const int64_t feature = first + i;
    const Row row{feature, room.encoder + i * stride(), room.decoder + i * stride(), true, pushed[i]};
    std::memcpy(room.weights, decoder.value + feature * D(), D() * sizeof(float));
    std::memset(room.weights + D(), 0, (stride() - D()) * sizeof(float));
    finishTwofold(row, room.weights, task);
  }
}

void Update::twofoldLists(int64_t number, int64_t task, const Room &room) {
  const int64_t width = x->paddedD();
  const Block &block = main.active->blocks[number];
  const Rows &upstream = *main.upstream[0].gradient, *gates = twofold.gateUpstream;
  for (int64_t i = 0; i < main.active->blockSize(number); i++) {
    const int64_t feature = number * BLOCK + i, from = block.start[i], count = block.start[i + 1] - from;
    Row row{feature, room.encoder, room.decoder, count > 0 || twofold.revivalOf(feature) != 0};
    if (!row.any) {
      finishRow(row, nullptr, task);
      continue;
    }
    std::memcpy(room.weights, decoder.value + feature * D(), D() * sizeof(float));
    std::memset(room.weights + D(), 0, (stride() - D()) * sizeof(float));
    std::memset(row.encoder, 0, stride() * sizeof(float));
    std::memset(row.decoder, 0, stride() * sizeof(float));
    const Entries entries{count, block.value.data() + from, block.pre.data() + from, block.row.data() + from};
    for (int64_t e = 0; e < count; e++) {
      const int64_t at = entries.row[e] * width;
      const float *const gradient = upstream.rows() + at;
      room.upstream[e] = dot(gradient, room.weights, width);
      if (entries.f[e] != 0) add(row.decoder, entries.f[e], gradient, width);
      if (!gates) continue;
      room.gates[e] = dot(gates->rows() + at, room.weights, width);
      if (twofold.gatesMoveDecoder) add(row.decoder, entries.pre[e], gates->rows() + at, width);
    }
    row.pushed = twofold.push(feature, x->B, entries, room.upstream, room.gates);
    for (int64_t e = 0; e < count; e++)
      if (room.upstream[e] != 0) add(row.encoder, room.upstream[e], x->rows() + entries.row[e] * width, width);
    finishTwofold(row, room.weights, task);
  }
}

/* What is the same whether the block is a matrix or lists. */
void Update::finishTwofold(const Row &row, const float *weights, int64_t task) {
  const float revival = twofold.revivalOf(row.feature);
  if (revival != 0) add(row.encoder, -revival, x->sums(), x->paddedD());
  row.encoder[D()] = row.pushed.bias;
  finishRow(row, weights, task);
}

void Update::finishRow(const Row &row, const float *weights, int64_t task) {
  const int64_t width = D(), feature = row.feature;
  if (row.any) {
    touched_[feature] = 1;
    if (options.sparsityGain)
      add(row.decoder, options.sparsity * options.sums[feature] / options.sparsityGain[feature], weights, x->paddedD());
    if (isTwofold() && twofold.norms) add(row.decoder, row.pushed.along / twofold.norms[feature], weights, x->paddedD());
    if (options.centred) {
      float *const through = partial_.get() + task * stride();
      const float *const encoding = encoder.value + feature * (width + 1);
      const float reach = isTwofold() ? row.pushed.reach : row.encoder[width];
      for (int64_t d = 0; d < width; d++) through[d] += reach * encoding[d];
    }
    if (options.removeParallel) add(row.decoder, -dot(row.decoder, weights, x->paddedD()), weights, x->paddedD());
  }
  if (!kept_.encoder) return stepRow(feature, row.any ? row.encoder : nullptr, row.any ? row.decoder : nullptr, 1);
  float *const encoderOut = kept_.encoder + feature * (width + 1), *const decoderOut = keptDecoder(feature);
  if (row.any) {
    std::memcpy(encoderOut, row.encoder, (width + 1) * sizeof(float));
    std::memcpy(decoderOut, row.decoder, width * sizeof(float));
    squares_[task] += static_cast<double>(dot(row.encoder, row.encoder, width + 1)) + dot(row.decoder, row.decoder, width);
  } else if (kept_.bias) {
    std::memset(encoderOut, 0, (width + 1) * sizeof(float));
    std::memset(decoderOut, 0, width * sizeof(float));
  }
}

/*
 * Where the decoder's gradient of a feature waits: in the place of its activations in a matrix, which nobody needs any more, if they are as
 * many. Those of a feature that also has an extra part may still be read by another thread.
 */
float *Update::keptDecoder(int64_t feature) const {
  const Block &block = main.active->blocks[feature / BLOCK];
  const bool inPlace = !kept_.bias && block.dense && !taken_[feature] && x->paddedB() >= D();
  return inPlace ? block.matrix.get() + feature % BLOCK * x->paddedB() : kept_.decoder + feature * D();
}

void Update::stepRow(int64_t feature, const float *encoderGradient, const float *decoderGradient, float scale) {
  const int64_t width = D();
  adamStep(encoder.at(feature * (width + 1)), encoderGradient, scale, width + 1, step);
  const Moments row = decoder.at(feature * width);
  adamStep(row, decoderGradient, scale, width, step);
  if (!options.unitRows) return;
  const float factor = 1 / std::sqrt(dot(row.value, row.value, width));
  for (int64_t d = 0; d < width; d++) row.value[d] *= factor;
}

/* bDec acts through x̂ and, with the opposite sign, through every pre-activation. Gives back Σ gradient². */
double Update::finishBias(int64_t tasks, float *out) {
  for (int64_t d = 0; d < D(); d++) {
    double through = 0;
    for (int64_t task = 0; task < tasks; task++) through += partial_.get()[task * stride() + d];
    out[d] = static_cast<float>(biasGradient[d] - through);
  }
  return dot(out, out, D());
}
