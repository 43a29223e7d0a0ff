/* What JavaScript sees of the kernels: plain functions over typed arrays. ../kernels.ts has their types and checks. */
#include "arguments.h"
#include "gather.h"
#include "jpeg.h"
#include "patches.h"
#include "resample.h"
#include "tower.h"
#include "update.h"

#include <algorithm>
#include <vector>

namespace {

napi_value setThreadsOf(napi_env, const Arguments &args) {
  setThreads(static_cast<int>(args.number(args[0])));
  return nullptr;
}

/* (width, heads, hidden, epsilon, exactGelu) -> tower */
napi_value createTower(napi_env env, const Arguments &args) {
  const auto whole = [&](int i) { return static_cast<int64_t>(args.number(args[i])); };
  auto *tower = new Tower(whole(0), whole(1), whole(2), static_cast<float>(args.number(args[3])), args.flag(args[4]));
  napi_value out;
  const auto free = [](napi_env env, void *data, void *) {
    auto *const tower = static_cast<Tower *>(data);
    int64_t now;
    napi_adjust_external_memory(env, -tower->bytes(), &now);
    delete tower;
  };
  napi_create_external(env, tower, free, nullptr, &out);
  return out;
}

/* (tower, layer, {norm1, norm1Bias, q, qBias, k, kBias, v, vBias, out, outBias, norm2, norm2Bias, fc1, fc1Bias, fc2, fc2Bias}) */
napi_value setTowerBlock(napi_env env, const Arguments &args) {
  auto *tower = args.handle<Tower>(args[0]);
  const int64_t before = tower->bytes();
  const double D = static_cast<double>(tower->width), F = static_cast<double>(tower->hidden);
  const auto get = [&](const char *name, double size) { return args.floats(args.field(args[2], name), size); };
  tower->setBlock(static_cast<int64_t>(args.number(args[1])),
                  {get("norm1", D), get("norm1Bias", D), get("q", D * D), get("qBias", D), get("k", D * D), get("kBias", D), get("v", D * D),
                   get("vBias", D), get("out", D * D), get("outBias", D), get("norm2", D), get("norm2Bias", D), get("fc1", F * D),
                   get("fc1Bias", F), get("fc2", F * D), get("fc2Bias", D)});
  int64_t now; // tells the garbage collector what hangs on the handle
  napi_adjust_external_memory(env, tower->bytes() - before, &now);
  return nullptr;
}

/* (tower, layer, part, out): one part of a block, by its number in setTowerBlock's order, as it was set */
napi_value copyTowerPart(napi_env, const Arguments &args) {
  auto *tower = args.handle<Tower>(args[0]);
  const int part = static_cast<int>(args.number(args[2]));
  tower->copyPart(static_cast<int64_t>(args.number(args[1])), part, args.floats(args[3], static_cast<double>(tower->partSize(part))));
  return nullptr;
}

/* (tower, layer, x [B, T, D], B, T, causal): x becomes the block's output */
napi_value runTowerBlock(napi_env, const Arguments &args) {
  auto *tower = args.handle<Tower>(args[0]);
  const double B = args.number(args[3]), T = args.number(args[4]);
  float *x = args.floats(args[2], B * T * static_cast<double>(tower->width));
  tower->run(static_cast<int64_t>(args.number(args[1])), x, static_cast<int64_t>(B), static_cast<int64_t>(T), args.flag(args[5]));
  return nullptr;
}

/* (count) -> Float32Array of zeros */
napi_value allocate(napi_env env, const Arguments &args) {
  const int64_t count = static_cast<int64_t>(args.number(args[0])), bytes = count * sizeof(float);
  void *memory = allocateBytes(bytes);
  napi_value buffer, out;
  const auto free = [](napi_env env, void *data, void *size) {
    int64_t now;
    napi_adjust_external_memory(env, -reinterpret_cast<intptr_t>(size), &now);
    releaseBytes(data, reinterpret_cast<intptr_t>(size));
  };
  if (napi_create_external_arraybuffer(env, memory, bytes, free, reinterpret_cast<void *>(bytes), &buffer) != napi_ok) {
    releaseBytes(memory, bytes);
    throw std::runtime_error("expected an ArrayBuffer over memory of its own");
  }
  int64_t now;
  napi_adjust_external_memory(env, bytes, &now);
  napi_create_typedarray(env, napi_float32_array, count, buffer, 0, &out);
  return out;
}

/* (array of `allocate`): takes its memory away; the array is then empty. */
napi_value release(napi_env env, const Arguments &args) {
  napi_value buffer;
  if (napi_get_typedarray_info(env, args[0], nullptr, nullptr, nullptr, &buffer, nullptr) != napi_ok || napi_detach_arraybuffer(env, buffer) != napi_ok)
    throw std::invalid_argument("expected an array that was allocated here");
  return nullptr;
}

/* (rows, data [B, D], B, D) */
napi_value setRows(napi_env, const Arguments &args) {
  const double B = args.number(args[2]), D = args.number(args[3]);
  args.handle<Rows>(args[0])->set(args.floats(args[1], B * D), static_cast<int64_t>(B), static_cast<int64_t>(D));
  return nullptr;
}

/* (active, x, encoder [., D+1], ids or null, F, {rule, k, gain, signedValues, threshold, below, slope, shift}, sums [F]) -> {count, least, finite, matrices} */
napi_value encode(napi_env env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  auto *x = args.handle<Rows>(args[1]);
  const double F = args.number(args[4]);
  const auto *ids = args.array<int32_t>(args[3], napi_int32_array, F);
  const double stride = x->D + 1, rows = ids ? ids[static_cast<int64_t>(F) - 1] + 1 : F;
  Selection selection;
  selection.rule = static_cast<Rule>(static_cast<int>(args.number(args.field(args[5], "rule"))));
  selection.k = static_cast<int64_t>(args.number(args.field(args[5], "k")));
  selection.gain = args.floats(args.field(args[5], "gain"), rows);
  selection.signedValues = args.flag(args.field(args[5], "signedValues"));
  const auto ofFeatures = [&](const char *name) { return args.floats(args.field(args[5], name), F); };
  selection.threshold = ofFeatures("threshold"), selection.slope = ofFeatures("slope"), selection.shift = ofFeatures("shift");
  selection.below = static_cast<float>(args.number(args.field(args[5], "below")));
  const bool jumps = selection.rule == Rule::jumpRelu, gates = selection.rule == Rule::gated;
  if (selection.twofold() && (ids || (jumps && !selection.threshold) || (gates && !(selection.slope && selection.shift))))
    throw std::invalid_argument("expected what the rule needs, for all features");
  const Encoder encoder{args.floats(args[2], rows * stride), static_cast<int64_t>(stride)};
  active->encode(*x, encoder, ids, static_cast<int64_t>(F), selection, args.floats(args[6], F));
  napi_value out, finite;
  napi_create_object(env, &out);
  napi_get_boolean(env, active->finite, &finite);
  napi_set_named_property(env, out, "count", numberValue(env, static_cast<double>(active->count)));
  napi_set_named_property(env, out, "least", numberValue(env, active->least));
  int64_t matrices = 0;
  for (const Block &block : active->blocks) matrices += block.dense;
  napi_set_named_property(env, out, "finite", finite);
  napi_set_named_property(env, out, "matrices", numberValue(env, static_cast<double>(matrices) / active->blocks.size()));
  return out;
}

/* (active, decoder [., D], D, first, last, out [B, D]) */
napi_value decode(napi_env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  const double D = args.number(args[2]);
  active->decode(args.floats(args[1], active->F * D), static_cast<int64_t>(D), static_cast<int64_t>(args.number(args[3])),
                 static_cast<int64_t>(args.number(args[4])), args.floats(args[5], active->B * D));
  return nullptr;
}

/* (active, first, last) -> how many entries; or (active, first, last, start [last - first + 1], rows, values), which it fills */
napi_value entries(napi_env env, const Arguments &args) {
  const auto *active = args.handle<Active>(args[0]);
  const int64_t first = static_cast<int64_t>(args.number(args[1])), last = static_cast<int64_t>(args.number(args[2]));
  if (first < 0 || first > last || last > active->F) throw std::invalid_argument("expected features that were encoded");
  const int64_t count = active->entries(first, last, nullptr, nullptr, nullptr);
  if (!args.absent(args[3])) {
    active->entries(first, last, args.array<int32_t>(args[3], napi_int32_array, static_cast<double>(last - first + 1)),
                    args.array<int32_t>(args[4], napi_int32_array, static_cast<double>(count)), args.floats(args[5], static_cast<double>(count)));
  }
  return numberValue(env, static_cast<double>(count));
}

/* (active, decoder [F, D], D, out [B, D]) */
napi_value decodeGates(napi_env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  const double D = args.number(args[2]);
  active->decodeGates(args.floats(args[1], active->F * D), static_cast<int64_t>(D), args.floats(args[3], active->B * D));
  return nullptr;
}

/* (active, out [F]) */
napi_value sumGates(napi_env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  active->sumGates(args.floats(args[1], active->F));
  return nullptr;
}

/* (active, out [B]) */
napi_value countRows(napi_env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  active->countRows(args.floats(args[1], active->B));
  return nullptr;
}

/* (active, scale, norms [F] or null) -> the sum of tanh */
napi_value saturation(napi_env env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  return numberValue(env, active->saturation(static_cast<float>(args.number(args[1])), args.floats(args[2], active->F)));
}

/* (active, x, encoder [F, D+1], threshold [F], chosen, count, out [F]) */
napi_value shortfalls(napi_env, const Arguments &args) {
  auto *active = args.handle<Active>(args[0]);
  auto *x = args.handle<Rows>(args[1]);
  const double stride = x->D + 1, F = active->F, count = args.number(args[5]);
  const Encoder encoder{args.floats(args[2], F * stride), static_cast<int64_t>(stride)};
  active->shortfalls(*x, encoder, args.floats(args[3], F), args.array<int32_t>(args[4], napi_int32_array, count), static_cast<int64_t>(count),
                     args.floats(args[6], F));
  return nullptr;
}

Moments momentsOf(const Arguments &args, napi_value value, double size) {
  return {args.floats(args.field(value, "value"), size), args.floats(args.field(value, "first"), size), args.floats(args.field(value, "second"), size)};
}

AdamStep adamOf(const Arguments &args, napi_value value) {
  const auto number = [&](const char *name) { return static_cast<float>(args.number(args.field(value, name))); };
  return {number("alpha"), number("beta1"), number("beta2"), number("epsilon"), number("decay")};
}

/* {active, upstream: [{until, gradient}]} */
Part partOf(napi_env env, const Arguments &args, napi_value value) {
  Part part;
  part.active = args.handle<Active>(args.field(value, "active"));
  const napi_value list = args.field(value, "upstream");
  uint32_t length = 0;
  napi_get_array_length(env, list, &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value one;
    napi_get_element(env, list, i, &one);
    part.upstream.push_back({static_cast<int64_t>(args.number(args.field(one, "until"))), args.handle<Rows>(args.field(one, "gradient"))});
  }
  return part;
}

/* {rule, first, second, ...} as twofold.h has it; absent where the rule is none of these. */
Twofold twofoldOf(const Arguments &args, napi_value value, double B, double F) {
  Twofold out;
  if (args.absent(value)) return out;
  const auto field = [&](const char *name) { return args.field(value, name); };
  const auto number = [&](const char *name) { return static_cast<float>(args.number(field(name))); };
  out.rule = static_cast<Rule>(static_cast<int>(args.number(field("rule"))));
  out.first = args.floats(field("first"), F), out.second = args.floats(field("second"), F);
  out.norms = args.floats(field("norms"), F);
  if (out.rule == Rule::gated) {
    out.slope = args.floats(field("slope"), F), out.bMag = args.floats(field("bMag"), F);
    out.gateUpstream = args.handle<Rows>(field("gateUpstream"));
    out.gateSparsity = number("gateSparsity");
    out.gatesMoveDecoder = args.flag(field("gatesMoveDecoder"));
    return out;
  }
  out.threshold = args.floats(field("threshold"), F);
  out.bandwidth = number("bandwidth"), out.tanhWeight = number("tanhWeight"), out.tanhScale = number("tanhScale");
  out.toInput = args.flag(field("toInput"));
  out.rowPenalty = args.floats(field("rowPenalty"), B);
  out.revival = args.floats(field("revival"), F), out.shortfalls = args.floats(field("shortfalls"), F);
  return out;
}

/* (update, {x, encoder, decoder, bias, biasGradient, main, extras, twofold, options, adam, gradients}) -> the gradients' norm or 0 */
napi_value update(napi_env env, const Arguments &args) {
  auto *update = args.handle<Update>(args[0]);
  const auto field = [&](const char *name) { return args.field(args[1], name); };
  update->x = args.handle<Rows>(field("x"));
  update->main = partOf(env, args, field("main"));
  const napi_value extras = field("extras");
  uint32_t count = 0;
  napi_get_array_length(env, extras, &count);
  update->extras.clear();
  for (uint32_t i = 0; i < count; i++) {
    napi_value one;
    napi_get_element(env, extras, i, &one);
    update->extras.push_back(partOf(env, args, one));
  }
  const double D = update->x->D, F = update->main.active->F;
  update->twofold = twofoldOf(args, field("twofold"), static_cast<double>(update->x->B), F);
  update->biasGradient = args.floats(field("biasGradient"), D);
  const napi_value options = field("options");
  update->options.sparsity = static_cast<float>(args.number(args.field(options, "sparsity")));
  update->options.sparsityGain = args.floats(args.field(options, "sparsityGain"), F);
  update->options.sums = args.floats(args.field(options, "sums"), F);
  update->options.centred = args.flag(args.field(options, "centred"));
  update->options.removeParallel = args.flag(args.field(options, "removeParallel"));
  update->options.unitRows = args.flag(args.field(options, "unitRows"));
  update->options.clip = args.number(args.field(options, "clip"));
  if (args.absent(field("gradients"))) {
    update->encoder = momentsOf(args, field("encoder"), F * (D + 1));
    update->decoder = momentsOf(args, field("decoder"), F * D);
    update->bias = momentsOf(args, field("bias"), D);
    update->step = adamOf(args, field("adam"));
    return numberValue(env, update->run(nullptr));
  }
  update->encoder = {args.floats(args.field(field("encoder"), "value"), F * (D + 1)), nullptr, nullptr};
  update->decoder = {args.floats(args.field(field("decoder"), "value"), F * D), nullptr, nullptr};
  const napi_value out = field("gradients");
  const Gradients gradients{args.floats(args.field(out, "encoder"), F * (D + 1)), args.floats(args.field(out, "decoder"), F * D), args.floats(args.field(out, "bDec"), D)};
  return numberValue(env, update->run(&gradients));
}

/* ({value, first, second}, gradient, count, adam) */
napi_value adam(napi_env, const Arguments &args) {
  const double size = args.number(args[2]);
  const Moments moments = momentsOf(args, args[0], size);
  const float *gradient = args.floats(args[1], size);
  const AdamStep step = adamOf(args, args[3]);
  constexpr int64_t PART = 1 << 16;
  const int64_t count = static_cast<int64_t>(size);
  parallel((count + PART - 1) / PART, [&](int64_t task, int) {
    const int64_t first = task * PART;
    adamStep(moments.at(first), gradient + first, 1, std::min(PART, count - first), step);
  });
  return nullptr;
}

/* (matrix [rows, width], rows, width, out [rows]) */
napi_value rowNorms(napi_env, const Arguments &args) {
  const int64_t rows = static_cast<int64_t>(args.number(args[1])), width = static_cast<int64_t>(args.number(args[2]));
  const float *matrix = args.floats(args[0], static_cast<double>(rows) * width);
  float *out = args.floats(args[3], rows);
  parallel((rows + 255) / 256, [&](int64_t task, int) {
    for (int64_t i = task * 256; i < std::min(rows, (task + 1) * 256); i++)
      out[i] = std::sqrt(dot(matrix + i * width, matrix + i * width, width));
  });
  return nullptr;
}

/* {first, count, weights, taps} with output pixels up to `end` */
Axis axisOf(const Arguments &args, napi_value value, double end) {
  const double taps = args.number(args.field(value, "taps"));
  const auto whole = [&](const char *name, double size) { return args.array<int32_t>(args.field(value, name), napi_int32_array, size); };
  return {whole("first", end), whole("count", end), whole("weights", end * taps), static_cast<int64_t>(taps)};
}

/* (data, stride, rows, left, columns, axis, out [rows, columns, 3]) */
napi_value resampleRows(napi_env, const Arguments &args) {
  const double stride = args.number(args[1]), rows = args.number(args[2]), left = args.number(args[3]), columns = args.number(args[4]);
  const Axis axis = axisOf(args, args[5], left + columns);
  for (int64_t i = static_cast<int64_t>(left); i < static_cast<int64_t>(left + columns); i++)
    if (axis.first[i] < 0 || axis.count[i] > axis.taps || 3 * (axis.first[i] + axis.count[i]) > stride) throw std::invalid_argument("expected pixels inside of the row");
  resampleAlongRows(args.array<uint8_t>(args[0], napi_uint8_array, stride * rows), static_cast<int64_t>(stride), static_cast<int64_t>(rows),
                    static_cast<int64_t>(left), static_cast<int64_t>(columns), axis, args.array<uint8_t>(args[6], napi_uint8_array, rows * columns * 3));
  return nullptr;
}

/* (data [., length], firstRow, length, top, rows, axis, out [rows, length]) */
napi_value resampleColumns(napi_env, const Arguments &args) {
  const double firstRow = args.number(args[1]), length = args.number(args[2]), top = args.number(args[3]), rows = args.number(args[4]);
  const Axis axis = axisOf(args, args[5], top + rows);
  int64_t end = 0;
  for (int64_t i = static_cast<int64_t>(top); i < static_cast<int64_t>(top + rows); i++) {
    if (axis.first[i] < firstRow || axis.count[i] > axis.taps) throw std::invalid_argument("expected rows from the first one on");
    end = std::max<int64_t>(end, axis.first[i] + axis.count[i]);
  }
  resampleAlongColumns(args.array<uint8_t>(args[0], napi_uint8_array, (end - firstRow) * length), static_cast<int64_t>(firstRow),
                       static_cast<int64_t>(length), static_cast<int64_t>(top), static_cast<int64_t>(rows), axis,
                       args.array<uint8_t>(args[6], napi_uint8_array, rows * length));
  return nullptr;
}

/* ([block, …], slot [n], row [n], n, width, half, out [n, width]): the blocks are bytes of whole rows */
napi_value gatherRowsOf(napi_env env, const Arguments &args) {
  const double n = args.number(args[3]), width = args.number(args[4]);
  const bool half = args.flag(args[5]);
  const auto *slot = args.array<uint32_t>(args[1], napi_uint32_array, n), *row = args.array<uint32_t>(args[2], napi_uint32_array, n);
  uint32_t count = 0;
  napi_get_array_length(env, args[0], &count);
  std::vector<uint32_t> rows(count, 0); /* that each block must have */
  for (int64_t i = 0; i < static_cast<int64_t>(n); i++)
    if (slot[i] < count) rows[slot[i]] = std::max(rows[slot[i]], row[i] + 1);
  std::vector<const uint8_t *> blocks;
  for (uint32_t i = 0; i < count; i++) {
    napi_value block;
    napi_get_element(env, args[0], i, &block);
    blocks.push_back(args.array<uint8_t>(block, napi_uint8_array, rows[i] * width * (half ? 2 : 4)));
  }
  gatherRows(blocks.data(), count, slot, row, static_cast<int64_t>(n), static_cast<int64_t>(width), half, args.floats(args[6], n * width));
  return nullptr;
}

/* (pictures [B, height, width, 3] bytes, B, height, width, side, P, table [768], out [B, side * side, 3, P, P]) */
napi_value cutPatchesOf(napi_env, const Arguments &args) {
  const double B = args.number(args[1]), height = args.number(args[2]), width = args.number(args[3]), side = args.number(args[4]), P = args.number(args[5]);
  if (side * P > std::min(height, width)) throw std::invalid_argument("expected patches inside of the picture");
  const double bytes = height * width * 3, floats = side * side * 3 * P * P;
  const auto *pictures = args.array<uint8_t>(args[0], napi_uint8_array, B * bytes);
  const float *table = args.floats(args[6], 768);
  float *out = args.floats(args[7], B * floats);
  for (int64_t i = 0; i < static_cast<int64_t>(B); i++)
    cutPatches(pictures + i * static_cast<int64_t>(bytes), static_cast<int64_t>(width), static_cast<int64_t>(side), static_cast<int64_t>(P), table, out + i * static_cast<int64_t>(floats));
  return nullptr;
}

/* (bytes, count, out, room) -> {width, height, error}: see jpeg.h */
napi_value decodeJpegOf(napi_env env, const Arguments &args) {
  const double count = args.number(args[1]), room = args.number(args[3]);
  const auto *bytes = args.array<uint8_t>(args[0], napi_uint8_array, count);
  const JpegResult result = decodeJpeg(bytes, static_cast<int64_t>(count), args.array<uint8_t>(args[2], napi_uint8_array, room), static_cast<int64_t>(room));
  napi_value out, error;
  napi_create_object(env, &out);
  napi_create_string_utf8(env, result.error.c_str(), NAPI_AUTO_LENGTH, &error);
  napi_set_named_property(env, out, "width", numberValue(env, static_cast<double>(result.width)));
  napi_set_named_property(env, out, "height", numberValue(env, static_cast<double>(result.height)));
  napi_set_named_property(env, out, "error", error);
  return out;
}

} // namespace

NAPI_MODULE_INIT() {
  const auto add = [&](const char *name, napi_callback callback) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  };
  add("setThreads", guarded<setThreadsOf>);
  add("allocate", guarded<allocate>);
  add("release", guarded<release>);
  add("clearRows", guarded<clear<Rows>>);
  add("clearActive", guarded<clear<Active>>);
  add("clearUpdate", guarded<clear<Update>>);
  add("createRows", guarded<create<Rows>>);
  add("createActive", guarded<create<Active>>);
  add("createUpdate", guarded<create<Update>>);
  add("setRows", guarded<setRows>);
  add("encode", guarded<encode>);
  add("decode", guarded<decode>);
  add("entries", guarded<entries>);
  add("decodeGates", guarded<decodeGates>);
  add("sumGates", guarded<sumGates>);
  add("countRows", guarded<countRows>);
  add("saturation", guarded<saturation>);
  add("shortfalls", guarded<shortfalls>);
  add("update", guarded<update>);
  add("adam", guarded<adam>);
  add("rowNorms", guarded<rowNorms>);
  add("createTower", guarded<createTower>);
  add("setTowerBlock", guarded<setTowerBlock>);
  add("copyTowerPart", guarded<copyTowerPart>);
  add("runTowerBlock", guarded<runTowerBlock>);
  add("gatherRows", guarded<gatherRowsOf>);
  add("cutPatches", guarded<cutPatchesOf>);
  add("decodeJpeg", guarded<decodeJpegOf>);
  add("resampleRows", guarded<resampleRows>);
  add("resampleColumns", guarded<resampleColumns>);
  return exports;
}
