/* What JavaScript sees of the kernels that train SAEs; the rest is in module.cc. */
#include "arguments.h"
#include "update.h"

namespace {

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

} // namespace

void addSaeFunctions(napi_env env, napi_value exports) {
  const auto add = [&](const char *name, napi_callback callback) { addFunction(env, exports, name, callback); };
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
}
