/* What JavaScript sees of the kernels: plain functions over typed arrays. ../kernels.ts has their types and checks. */
#include <node_api.h>

#include <stdexcept>
#include <string>

#include "update.h"

namespace {

/* Arguments of one call, and the errors that reading them may throw. */
class Arguments {
public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) { napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr); }

  napi_value operator[](size_t i) const { return values_[i]; }

  double number(napi_value value) const {
    double out;
    if (napi_get_value_double(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a number");
    return out;
  }

  bool flag(napi_value value) const {
    bool out;
    if (napi_get_value_bool(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a boolean");
    return out;
  }

  bool absent(napi_value value) const {
    napi_valuetype type;
    napi_typeof(env_, value, &type);
    return type == napi_undefined || type == napi_null;
  }

  napi_value field(napi_value object, const char *name) const {
    napi_value out;
    if (napi_get_named_property(env_, object, name, &out) != napi_ok) throw std::invalid_argument(std::string("expected ") + name);
    return out;
  }

  /* The numbers of a typed array; null for an absent one. */
  template <typename T> T *array(napi_value value, napi_typedarray_type wanted, double atLeast) const {
    if (absent(value)) return nullptr;
    napi_typedarray_type type;
    size_t length;
    void *data;
    if (napi_get_typedarray_info(env_, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != wanted || length < atLeast)
      throw std::invalid_argument("expected a typed array of " + std::to_string(static_cast<int64_t>(atLeast)) + " numbers");
    return static_cast<T *>(data);
  }
  float *floats(napi_value value, double atLeast) const { return array<float>(value, napi_float32_array, atLeast); }

  template <typename T> T *handle(napi_value value) const {
    void *out;
    if (napi_get_value_external(env_, value, &out) != napi_ok) throw std::invalid_argument("expected a handle");
    return static_cast<T *>(out);
  }

private:
  napi_env env_;
  size_t count_ = 16;
  napi_value values_[16];
};

napi_value numberValue(napi_env env, double number) {
  napi_value out;
  napi_create_double(env, number, &out);
  return out;
}

/* Turns C++'s exceptions into JavaScript's. */
template <napi_value (*BODY)(napi_env, const Arguments &)> napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return BODY(env, Arguments(env, info));
  } catch (const std::bad_alloc &) {
    napi_throw_error(env, nullptr, "kernels: expected enough memory, got none left");
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, (std::string("internal: kernels: ") + error.what()).c_str());
  }
  return nullptr;
}

/* A C++ object that JavaScript's garbage collector frees. */
template <typename T> napi_value create(napi_env env, const Arguments &) {
  napi_value out;
  napi_create_external(env, new T, [](napi_env, void *data, void *) { delete static_cast<T *>(data); }, nullptr, &out);
  return out;
}

napi_value setThreadsOf(napi_env, const Arguments &args) {
  setThreads(static_cast<int>(args.number(args[0])));
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

/* (rows, data [B, D], B, D) */
napi_value setRows(napi_env, const Arguments &args) {
  const double B = args.number(args[2]), D = args.number(args[3]);
  args.handle<Rows>(args[0])->set(args.floats(args[1], B * D), static_cast<int64_t>(B), static_cast<int64_t>(D));
  return nullptr;
}

/* (active, x, encoder [., D+1], ids or null, F, {rule, k, gain, signedValues}, sums [F]) -> {count, least, finite, matrices} */
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

/* (update, {x, encoder, decoder, bias, biasGradient, main, extras, options, adam, gradients}) -> the gradients' norm or 0 */
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

NAPI_MODULE_INIT() {
  const auto add = [&](const char *name, napi_callback callback) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  };
  add("setThreads", guarded<setThreadsOf>);
  add("allocate", guarded<allocate>);
  add("createRows", guarded<create<Rows>>);
  add("createActive", guarded<create<Active>>);
  add("createUpdate", guarded<create<Update>>);
  add("setRows", guarded<setRows>);
  add("encode", guarded<encode>);
  add("decode", guarded<decode>);
  add("update", guarded<update>);
  add("adam", guarded<adam>);
  add("rowNorms", guarded<rowNorms>);
  return exports;
}
