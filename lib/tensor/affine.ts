/** Differentiable bilinear sampling of pictures on moved grids. */
import { type Tensor, tf } from "./backend";

/** Where a picture of S pixels a side is looked at: rotation in radians about its centre, zoom, shift in pixels. */
export interface View {
  rotation: number;
  /** Above 1 things get larger. */
  zoom: number;
  shift: readonly [right: number, down: number];
}

/**
 * Views of one picture, zero outside of it. picture [1, S, S, C] -> [views, S, S, C]. Differentiable in the picture; the caller owns the result.
 */
export function viewsOf(picture: Tensor, views: readonly View[]): Tensor {
  const [, side, , channels] = picture.shape as [number, number, number, number];
  const pixels = side * side;
  const centre = (side - 1) / 2;
  // Four neighbours of each place, their numbers and weights; a neighbour outside has weight 0.
  const indices = Array.from({ length: 4 }, () => new Int32Array(views.length * pixels));
  const weights = Array.from({ length: 4 }, () => new Float32Array(views.length * pixels));
  views.forEach(({ rotation, zoom, shift }, v) => {
    const [cos, sin] = [Math.cos(rotation) / zoom, Math.sin(rotation) / zoom];
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const [right, down] = [column - centre - shift[0], row - centre - shift[1]];
        const x = cos * right + sin * down + centre;
        const y = -sin * right + cos * down + centre;
        const [left, top] = [Math.floor(x), Math.floor(y)];
        const at = v * pixels + row * side + column;
        for (let corner = 0; corner < 4; corner++) {
          const [cx, cy] = [left + (corner & 1), top + (corner >> 1)];
          if (cx < 0 || cy < 0 || cx >= side || cy >= side) continue;
          indices[corner][at] = cy * side + cx;
          weights[corner][at] = (1 - Math.abs(x - cx)) * (1 - Math.abs(y - cy));
        }
      }
    }
  });
  return tf.tidy(() => {
    const rows = picture.reshape([pixels, channels]);
    const corners = indices.map((numbers, corner) =>
      rows.gather(tf.tensor1d(numbers, "int32")).mul(tf.tensor2d(weights[corner], [numbers.length, 1])),
    );
    return tf.addN(corners).reshape([views.length, side, side, channels]);
  });
}
