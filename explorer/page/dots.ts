/** Points drawn pixel by pixel: a call of the canvas for each of 65,536 would take ten times as long. */

export interface DotLayer {
  /** A square of `side` device pixels around (x, y), device pixels; nothing where it is not wholly inside, or where a coordinate is no number. */
  dot(x: number, y: number, side: number, paint: number): void;
  clear(): void;
  readonly image: ImageData;
}

/** A transparent layer of `width` x `height` device pixels; paints are of `paints` in scale.ts. */
export function dotLayer(width: number, height: number): DotLayer {
  const pixels = new Uint32Array(width * height);
  return {
    dot(x, y, side, paint) {
      const left = Math.round(x - side / 2);
      const top = Math.round(y - side / 2);
      // Comparisons with what is not a number are false.
      if (!(left >= 0 && top >= 0 && left + side <= width && top + side <= height)) return;
      for (let row = top; row < top + side; row++)
        for (let at = row * width + left, end = at + side; at < end; at++) pixels[at] = paint;
    },
    clear: () => pixels.fill(0),
    image: new ImageData(new Uint8ClampedArray(pixels.buffer), width, height),
  };
}
