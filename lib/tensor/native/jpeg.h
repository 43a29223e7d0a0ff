/* JPEG files decoded by the calling thread, through the libjpeg-turbo of TensorFlow, or that of the libvips that sharp brings. */
#pragma once
#include <cstdint>
#include <string>

struct JpegResult {
  /* 0 for a picture that is not for this function: turned, not of three components, or no libvips is loaded that has what it takes. */
  int64_t width = 0, height = 0;
  /* What is wrong with the file, or nothing. */
  std::string error;
};

/*
 * Decodes an upright JPEG of three components, strictly, to RGB rows in `out`, if it fits `room` bytes. The same bytes as sharp's own pipeline gives, without
 * its threads and hand-overs, which cost two thirds of the decoding once more. TensorFlow's takes half of the time of libvips's; it is there where lib/tensor
 * is. What it refuses libvips is asked for.
 */
JpegResult decodeJpeg(const uint8_t *bytes, int64_t count, uint8_t *out, int64_t room);
