/* What JavaScript sees of the kernels: plain functions over typed arrays. ../kernels.ts has their types and checks. */
#include "arguments.h"
#include "gather.h"
#include "jpeg.h"
#include "patches.h"
#include "resample.h"
#include "tower.h"

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

/* (tower): frees what it holds, at once */
napi_value clearTower(napi_env env, const Arguments &args) {
  auto *tower = args.handle<Tower>(args[0]);
  int64_t now;
  napi_adjust_external_memory(env, -tower->bytes(), &now);
  tower->clear();
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

/* module-sae.cc */
void addSaeFunctions(napi_env env, napi_value exports);

NAPI_MODULE_INIT() {
  const auto add = [&](const char *name, napi_callback callback) { addFunction(env, exports, name, callback); };
  add("setThreads", guarded<setThreadsOf>);
  add("allocate", guarded<allocate>);
  add("release", guarded<release>);
  add("createTower", guarded<createTower>);
  add("setTowerBlock", guarded<setTowerBlock>);
  add("clearTower", guarded<clearTower>);
  add("copyTowerPart", guarded<copyTowerPart>);
  add("runTowerBlock", guarded<runTowerBlock>);
  add("gatherRows", guarded<gatherRowsOf>);
  add("cutPatches", guarded<cutPatchesOf>);
  add("decodeJpeg", guarded<decodeJpegOf>);
  add("resampleRows", guarded<resampleRows>);
  add("resampleColumns", guarded<resampleColumns>);
  addSaeFunctions(env, exports);
  return exports;
}
