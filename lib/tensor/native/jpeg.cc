#include "jpeg.h"

#ifdef __linux__
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace {

/* The library of that name that this process has loaded, or null. */
void *loaded(const char *name) {
  std::pair<const char *, std::string> search{name, ""};
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *out) {
        auto *const search = static_cast<std::pair<const char *, std::string> *>(out);
        if (!info->dlpi_name || !std::strstr(info->dlpi_name, search->first)) return 0;
        search->second = info->dlpi_name;
        return 1;
      },
      &search);
  return search.second.empty() ? nullptr : dlopen(search.second.c_str(), RTLD_LAZY | RTLD_NOLOAD);
}

template <typename Function> bool look(void *library, const char *name, Function &function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function;
}

typedef void Image;
typedef void Region;

/* Of libvips's C interface, which has kept these since 8.10. */
struct Vips {
  int (*load)(const void *bytes, size_t count, Image **out, ...);
  int (*width)(const Image *);
  int (*height)(const Image *);
  int (*bands)(const Image *);
  int (*format)(const Image *);
  int (*orientation)(Image *);
  Region *(*region)(Image *);
  uint8_t *(*fetch)(Region *, int left, int top, int width, int height, size_t *count);
  void (*unref)(void *);
  void (*free)(void *);
  const char *(*error)();
  void (*clearError)();
  bool complete = false;

  Vips() {
    void *const library = loaded("libvips-cpp.");
    if (!library) return;
    complete = true;
    const auto find = [&](auto &function, const char *name) { complete = look(library, name, function) && complete; };
    find(load, "vips_jpegload_buffer");
    find(width, "vips_image_get_width");
    find(height, "vips_image_get_height");
    find(bands, "vips_image_get_bands");
    find(format, "vips_image_get_format");
    find(orientation, "vips_image_get_orientation");
    find(region, "vips_region_new");
    find(fetch, "vips_region_fetch");
    find(unref, "g_object_unref");
    find(free, "g_free");
    find(error, "vips_error_buffer");
    find(clearError, "vips_error_clear");
  }
};

constexpr int SEQUENTIAL = 1, FAIL_ON_ERROR = 2, BYTES = 0; /* VipsAccess, VipsFailOn, VipsBandFormat */
/* Lines at a time: what a JPEG decodes together. */
constexpr int LINES = 16;

/* Of TensorFlow's C interface, which is stable. */
class TensorFlow {
public:
  TensorFlow() {
    void *const library = loaded("libtensorflow_cc.so");
    if (!library) return;
    complete_ = true;
    const auto find = [&](auto &function, const char *name) { complete_ = look(library, name, function) && complete_; };
    find(newStatus_, "TF_NewStatus");
    find(deleteStatus_, "TF_DeleteStatus");
    find(code_, "TF_GetCode");
    find(allocate_, "TF_AllocateTensor");
    find(data_, "TF_TensorData");
    find(dimension_, "TF_Dim");
    find(deleteTensor_, "TF_DeleteTensor");
    find(initString_, "TF_StringInit");
    find(assignView_, "TF_StringAssignView");
    find(newHandle_, "TFE_NewTensorHandle");
    find(resolve_, "TFE_TensorHandleResolve");
    find(deleteHandle_, "TFE_DeleteTensorHandle");
    find(newOp_, "TFE_NewOp");
    find(addInput_, "TFE_OpAddInput");
    find(setInt_, "TFE_OpSetAttrInt");
    find(setString_, "TFE_OpSetAttrString");
    find(execute_, "TFE_Execute");
    find(deleteOp_, "TFE_DeleteOp");
    void *(*newOptions)() = nullptr, *(*newContext)(const void *, void *) = nullptr;
    void (*configure)(void *, const void *, size_t, void *) = nullptr, (*deleteOptions)(void *) = nullptr;
    find(newOptions, "TFE_NewContextOptions");
    find(configure, "TFE_ContextOptionsSetConfig");
    find(newContext, "TFE_NewContext");
    find(deleteOptions, "TFE_DeleteContextOptions");
    if (!complete_) return;
    void *const status = newStatus_(), *const options = newOptions();
    /* A ConfigProto: device_count { "GPU": 0 }. */
    configure(options, "\x0a\x07\x0a\x03GPU\x10\x00", 9, status);
    context_ = newContext(options, status);
    complete_ = code_(status) == 0 && context_;
    deleteOptions(options);
    deleteStatus_(status);
  }

  /* RGB rows into `out`; false where it will not, for whatever reason. */
  bool decode(const uint8_t *bytes, int64_t count, int64_t width, int64_t height, uint8_t *out) const {
    if (!complete_) return false;
    void *const status = newStatus_();
    void *const text = allocate_(STRING, nullptr, 0, STRING_BYTES);
    initString_(data_(text));
    assignView_(data_(text), reinterpret_cast<const char *>(bytes), count);
    void *const input = newHandle_(text, status), *const op = newOp_(context_, "DecodeJpeg", status);
    void *output = nullptr, *picture = nullptr;
    int outputs = 1;
    if (code_(status) == 0) addInput_(op, input, status);
    if (code_(status) == 0) {
      setInt_(op, "channels", 3);
      setString_(op, "dct_method", ACCURATE, sizeof ACCURATE - 1);
      execute_(op, &output, &outputs, status);
    }
    if (code_(status) == 0) picture = resolve_(output, status);
    const bool good = picture && dimension_(picture, 0) == height && dimension_(picture, 1) == width && dimension_(picture, 2) == 3;
    if (good) std::memcpy(out, data_(picture), width * height * 3);
    if (picture) deleteTensor_(picture);
    if (output) deleteHandle_(output);
    if (op) deleteOp_(op);
    if (input) deleteHandle_(input);
    deleteTensor_(text);
    deleteStatus_(status);
    return good;
  }

private:
  static constexpr int STRING = 7; /* TF_DataType */
  static constexpr size_t STRING_BYTES = 24; /* sizeof(TF_TString) */
  static constexpr char ACCURATE[] = "INTEGER_ACCURATE"; /* libjpeg's own choice */

  bool complete_ = false;
  void *context_ = nullptr;
  void *(*newStatus_)();
  void (*deleteStatus_)(void *);
  int (*code_)(const void *);
  void *(*allocate_)(int type, const int64_t *dimensions, int count, size_t bytes);
  void *(*data_)(const void *);
  int64_t (*dimension_)(const void *, int);
  void (*deleteTensor_)(void *);
  void (*initString_)(void *);
  void (*assignView_)(void *, const char *, size_t);
  void *(*newHandle_)(const void *, void *status);
  void *(*resolve_)(void *, void *status);
  void (*deleteHandle_)(void *);
  void *(*newOp_)(void *context, const char *, void *status);
  void (*addInput_)(void *, void *, void *status);
  void (*setInt_)(void *, const char *, int64_t);
  void (*setString_)(void *, const char *, const void *, size_t);
  void (*execute_)(void *, void **, int *, void *status);
  void (*deleteOp_)(void *);
};

} // namespace

JpegResult decodeJpeg(const uint8_t *bytes, int64_t count, uint8_t *out, int64_t room) {
  static const Vips vips;
  JpegResult result;
  if (!vips.complete) return result;
  const auto failed = [&] {
    result.error = vips.error();
    if (result.error.empty()) result.error = "a damaged JPEG";
    vips.clearError();
    return result;
  };
  Image *image = nullptr;
  if (vips.load(bytes, count, &image, "access", SEQUENTIAL, "fail_on", FAIL_ON_ERROR, static_cast<void *>(nullptr)) != 0) return failed();
  if (vips.orientation(image) != 1 || vips.format(image) != BYTES || vips.bands(image) != 3) {
    vips.unref(image);
    return result;
  }
  result.width = vips.width(image), result.height = vips.height(image);
  const int64_t stride = result.width * 3;
  bool good = true;
  static const TensorFlow tensorflow;
  if (stride * result.height <= room && !tensorflow.decode(bytes, count, result.width, result.height, out)) {
    Region *const region = vips.region(image);
    for (int64_t top = 0; good && top < result.height; top += LINES) {
      const int64_t lines = std::min<int64_t>(LINES, result.height - top);
      size_t size = 0;
      uint8_t *const some = vips.fetch(region, 0, static_cast<int>(top), static_cast<int>(result.width), static_cast<int>(lines), &size);
      good = some && size == static_cast<size_t>(stride * lines);
      if (good) std::memcpy(out + stride * top, some, size);
      if (some) vips.free(some);
    }
    vips.unref(region);
  }
  vips.unref(image);
  return good ? result : failed();
}

#else

JpegResult decodeJpeg(const uint8_t *, int64_t, uint8_t *, int64_t) { return {}; }

#endif
