#include "jpeg.h"

#ifdef __linux__
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace {

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
    std::string path;
    dl_iterate_phdr(
        [](dl_phdr_info *info, size_t, void *out) {
          if (!info->dlpi_name || !std::strstr(info->dlpi_name, "libvips-cpp.")) return 0;
          *static_cast<std::string *>(out) = info->dlpi_name;
          return 1;
        },
        &path);
    void *const library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return;
    complete = true;
    const auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      complete = complete && function;
    };
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
  if (stride * result.height <= room) {
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
