/** The process that makes static pictures (started by pictures.ts): Plotly and sharp stay off the kernel's own thread. */
import sharp, { type Sharp } from "sharp";
import { encodeSheet } from "../io/images";
import type { GridRequest, PictureAnswer, PictureRequest, RawPicture } from "./pictures";
import { type PlotlyDom, startPlotly } from "./plotly-dom";
import { stillFigure } from "./still-figure";

/** Text colour of image grids. */
const INK = "#2b3037";
const GREY = "#6b7280";

let plotly: PlotlyDom | undefined;

process.on("message", (request: PictureRequest) => {
  answer(request).then(
    (result) => send({ id: request.id, ...result }),
    (error: unknown) =>
      send({ id: request.id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

function send(message: PictureAnswer): void {
  process.send?.(message);
}

async function answer(request: PictureRequest): Promise<Omit<PictureAnswer, "id">> {
  switch (request.kind) {
    case "figure": {
      plotly ??= startPlotly();
      const { width, height } = request.figure.layout;
      const still = stillFigure(request.figure, request.scale);
      const svg = await plotly.toSvg(still, width, height);
      if (request.format === "svg") return { bytes: Buffer.from(svg) };
      const background = still.layout.paper_bgcolor;
      const image = sharp(Buffer.from(svg), { density: 72 * request.scale }).flatten({ background });
      // A palette suits flat colours and text; a JPEG needs full chroma for coloured lines and small signs.
      const encoded =
        request.format === "png"
          ? image.png({ palette: true, colours: 128, effort: 7 })
          : image.jpeg({ quality: 86, chromaSubsampling: "4:4:4", mozjpeg: true });
      return { bytes: await encoded.toBuffer(), svg: request.withSvg ? svg : undefined };
    }
    case "sheet":
      return { bytes: await encodeSheet(request.tiles, request) };
    case "raw":
      return { bytes: await encode(request.picture, request.width, request.height) };
    case "grid":
      return { bytes: await composeGrid(request) };
  }
}

function pixels({ data, width, height, channels = 3 }: RawPicture): Sharp {
  return sharp(Buffer.from(data.buffer, data.byteOffset, data.byteLength), {
    raw: { width, height, channels },
  });
}

/** PNG of a picture at the given size: whole multiples keep their pixels sharp, anything else is interpolated. */
function encode(picture: RawPicture, width: number, height: number): Promise<Buffer> {
  const whole = width % picture.width === 0 && height % picture.height === 0;
  return pixels(picture)
    .resize(width, height, { fit: "fill", kernel: whole ? "nearest" : "lanczos3" })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** Pictures on white at their places, then one layer of text over them; PNG or JPEG, whichever is smaller. */
async function composeGrid({ width, height, scale, pictures, texts }: GridRequest): Promise<Buffer> {
  const layers = await Promise.all(
    pictures.map(async ({ picture, left, top, size }) => ({
      input: await pixels(picture)
        .resize(size * scale, size * scale, { fit: "contain", background: "#fff", kernel: "cubic" })
        .png()
        .toBuffer(),
      left: left * scale,
      top: top * scale,
    })),
  );
  const lines = texts.map(({ text, x, y, size, weight = 400, grey, note }) => {
    const after = note ? `<tspan dx="8" font-weight="400" fill="${GREY}">${escapeXml(note)}</tspan>` : "";
    const attributes = `font-size="${size}" font-weight="${weight}" fill="${grey ? GREY : INK}"`;
    return `<text x="${x}" y="${y}" ${attributes}>${escapeXml(text)}${after}</text>`;
  });
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="Inter, sans-serif">${lines.join("")}</svg>`;
  const text = await sharp(Buffer.from(overlay), { density: 72 * scale })
    .png()
    .toBuffer();
  const grid = sharp({
    create: { width: width * scale, height: height * scale, channels: 3, background: "#fff" },
  }).composite([...layers, { input: text, left: 0, top: 0 }]);
  // Drawings are smaller with a palette, photographs as JPEG (whose halved colour is that of pictures shown at twice their size).
  const [png, jpeg] = await Promise.all([
    grid.clone().png({ palette: true, colours: 256, effort: 7 }).toBuffer(),
    grid.clone().jpeg({ quality: 84, mozjpeg: true }).toBuffer(),
  ]);
  return jpeg.length < png.length ? jpeg : png;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
