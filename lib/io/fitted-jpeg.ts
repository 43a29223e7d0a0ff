/** JPEG files decoded and fitted by the calling thread itself: for threads that do nothing else. */
import "sharp"; // whose libvips reads headers, and decodes where no TensorFlow is loaded
import { compiledAddon } from "../tensor/kernels";
import { fitPicture, type PictureGeometry } from "./fit-picture";

interface Decoder {
  /** native/jpeg.h has what it does. */
  decodeJpeg(
    bytes: Uint8Array,
    count: number,
    out: Uint8Array,
    room: number,
  ): { width: number; height: number; error: string };
}

let decoder: Decoder | undefined;
/** Used again: to touch fresh memory costs a third of the decoding. */
let scratch = new Uint8Array(0);
/** Bytes of it that are kept from one picture to the next. */
const KEPT = 64 << 20;

/**
 * What `fitPicture(await decodePicture(bytes), geometry)` gives, to the bit, for the JPEG files that most are: upright and of three components. undefined for any
 * other picture, and for a damaged one, of which `decodePicture` says what is wrong.
 */
export function fittedJpeg(bytes: Uint8Array, geometry: PictureGeometry): Uint8Array | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  decoder ??= compiledAddon() as Decoder;
  const decode = () => decoder!.decodeJpeg(bytes, bytes.length, scratch, scratch.length);
  let { width, height, error } = decode();
  const room = width * height * 3;
  if (room > scratch.length && error === "") {
    scratch = new Uint8Array(room);
    ({ width, height, error } = decode());
  }
  const data = scratch.subarray(0, room);
  if (scratch.length > KEPT) scratch = new Uint8Array(0);
  if (room === 0 || error !== "") return undefined;
  const fitted = fitPicture({ data, width, height }, geometry);
  return fitted === data ? fitted.slice() : fitted;
}
