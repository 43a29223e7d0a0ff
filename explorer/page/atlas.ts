/** The atlas: a plane of features, near where their decoder vectors are near, tiled with the picture that stands for each part. Drag, wheel and keys move it. */
import type { PageData } from "./data";
import { fileUrl } from "./data";
import { element, oncePerFrame } from "./dom";
import { dotLayer } from "./dots";
import { paints } from "./scale";
import { DEEPEST_ZOOM, type State } from "./state";
import type { ShownView } from "./view";

/** A tile is at least so many CSS pixels across; the next level begins at twice that. */
const TILE = 44;
/** Sheets of pictures held decoded: 160 MB. */
const SHEETS = 96;
/** Pixels of tiles held at the size that is shown: 64 MB, twice the largest screen. */
const COPIED = 16e6;
const WHOLE = { x: 0.5, y: 0.5, zoom: 1 };

export function atlasView(
  place: HTMLElement,
  { manifest, columns }: PageData,
  change: (part: Partial<State>) => void,
): ShownView {
  const canvas = element("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": `Atlas of ${manifest.features} features by UMAP of their decoder vectors. Arrows move, plus and minus zoom, 0 shows all, Enter opens the feature in the middle.`,
    "aria-describedby": "atlas-told",
  });
  const told = element("p", { id: "atlas-told", class: "told", role: "status" });
  const zoomButton = (text: string, label: string, by: number) =>
    element("button", { type: "button", "aria-label": label, title: label, onclick: () => zoomAt(by) }, text);
  place.classList.add("atlas");
  place.append(
    canvas,
    element(
      "div",
      { class: "atlas-bar" },
      zoomButton("+", "Zoom in (+)", 1.5),
      zoomButton("−", "Zoom out (−)", 1 / 1.5),
      element("button", { type: "button", title: "Show all (0)", onclick: () => move(WHOLE) }, "All"),
      told,
    ),
  );
  const placed = Int32Array.from(columns.atlasX.keys()).filter((f) => !Number.isNaN(columns.atlasX[f]));
  let view = WHOLE;
  let [width, height] = [0, 0];
  /** Features drawn as tiles by cell of the level that is shown. */
  let tiles: { feature: number; left: number; top: number; size: number }[] = [];
  let middle = -1;
  let dots = dotLayer(1, 1);
  const quiet = () => paints([getComputedStyle(document.documentElement).getPropertyValue("--quiet")])[0];
  let paint = quiet();

  const side = () => Math.min(width, height) * view.zoom;
  const across = (x: number) => width / 2 + (x - view.x) * side();
  const down = (y: number) => height / 2 + (y - view.y) * side();

  const sheets = sheetCache(manifest.sprite, () => drawSoon());
  const draw = () => {
    const ratio = window.devicePixelRatio;
    const context = canvas.getContext("2d");
    if (!context || width === 0) return;
    const [pixelsAcross, pixelsDown] = [Math.round(width * ratio), Math.round(height * ratio)];
    // A canvas that is given a size, be it the one it has, gets new memory.
    if (canvas.width !== pixelsAcross || canvas.height !== pixelsDown) {
      [canvas.width, canvas.height] = [pixelsAcross, pixelsDown];
      dots = dotLayer(pixelsAcross, pixelsDown);
    }
    dots.clear();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const whole = side();
    const level = Math.max(0, Math.floor(Math.log2(whole / TILE)));
    const cells = 2 ** level;
    const size = whole / cells;
    // Tiles stand on whole pixels, in the same pattern wherever the plane is moved.
    const [originX, originY] = [across(0), down(0)].map((at) => Math.round(at * ratio) / ratio);
    const cellAt = (value: number) =>
      Math.round(Math.min(cells - 1, Math.floor(value * cells)) * size * ratio) / ratio;
    tiles = [];
    const { atlasX, atlasY, atlasLevel } = columns;
    for (let i = 0; i < placed.length; i++) {
      const feature = placed[i];
      const x = atlasX[feature];
      const y = atlasY[feature];
      const px = originX + x * whole;
      const py = originY + y * whole;
      if (px < -size || py < -size || px > width + size || py > height + size) continue;
      if (atlasLevel[feature] > level) {
        dots.dot(px * ratio, py * ratio, Math.round(2 * ratio), paint);
        continue;
      }
      tiles.push({ feature, left: originX + cellAt(x), top: originY + cellAt(y), size });
    }
    context.putImageData(dots.image, 0, 0);
    const edge = Math.round((size - 2) * ratio);
    sheets.begin(edge);
    for (const { feature, left, top } of tiles)
      sheets.draw(context, columns.picture[feature], left + 1, top + 1, edge / ratio);
    middle = nearest(width / 2, height / 2);
    const chosen = tiles.find(({ feature }) => feature === middle);
    if (chosen && document.activeElement === canvas) {
      context.strokeStyle = style.getPropertyValue("--accent");
      context.lineWidth = 3;
      context.strokeRect(chosen.left + 1, chosen.top + 1, size - 2, size - 2);
    }
    say(middle);
  };
  const drawSoon = oncePerFrame(() => draw());
  const say = (feature: number) => {
    const text = feature < 0 ? "" : columns.descriptionTexts[columns.description[feature]];
    const label = feature < 0 ? "" : manifest.labelNames[columns.label[feature]];
    const words = feature < 0 ? "" : `Feature ${feature}: ${text ?? label ?? ""}`;
    if (told.textContent !== words) told.textContent = words;
  };
  /** The tile under a point, or else the nearest one within two tiles; -1 without. */
  const nearest = (px: number, py: number) => {
    let [best, distance] = [-1, Number.POSITIVE_INFINITY];
    for (const { feature, left, top, size } of tiles) {
      const away = Math.max(Math.abs(left + size / 2 - px), Math.abs(top + size / 2 - py)) / size;
      if (away < Math.min(distance, 2.5)) [best, distance] = [feature, away];
    }
    return best;
  };
  const move = (to: typeof view) => {
    const clamp = (value: number) => Math.min(1, Math.max(0, value));
    view = { x: clamp(to.x), y: clamp(to.y), zoom: Math.min(DEEPEST_ZOOM, Math.max(1, to.zoom)) };
    drawSoon();
    rest();
  };
  let timer = 0;
  /** The address follows when the movement has come to rest. */
  const rest = () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ atlas: view }), 250);
  };
  /** Zooms so that the point under (px, py) stays where it is. */
  const zoomAt = (by: number, px = width / 2, py = height / 2) => {
    const zoom = Math.min(DEEPEST_ZOOM, Math.max(1, view.zoom * by));
    const [x, y] = [view.x + (px - width / 2) / side(), view.y + (py - height / 2) / side()];
    const next = Math.min(width, height) * zoom;
    move({ x: x - (px - width / 2) / next, y: y - (py - height / 2) / next, zoom });
  };
  const open = (feature: number) => {
    if (feature < 0) return;
    clearTimeout(timer);
    change({ view: "features", feature, atlas: view });
  };

  const pointers = new Map<number, { x: number; y: number }>();
  let dragged = 0;
  canvas.addEventListener("pointerdown", ({ pointerId, offsetX, offsetY }) => {
    canvas.setPointerCapture(pointerId);
    if (pointers.size === 0) dragged = 0;
    pointers.set(pointerId, { x: offsetX, y: offsetY });
  });
  canvas.addEventListener("pointermove", ({ pointerId, offsetX, offsetY }) => {
    const from = pointers.get(pointerId);
    if (!from) return say(nearest(offsetX, offsetY));
    const other = [...pointers].find(([id]) => id !== pointerId)?.[1];
    dragged += Math.abs(offsetX - from.x) + Math.abs(offsetY - from.y);
    pointers.set(pointerId, { x: offsetX, y: offsetY });
    if (other) {
      const apart = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y);
      const by = apart({ x: offsetX, y: offsetY }) / Math.max(1, apart(from));
      return zoomAt(by, (offsetX + other.x) / 2, (offsetY + other.y) / 2);
    }
    move({ ...view, x: view.x - (offsetX - from.x) / side(), y: view.y - (offsetY - from.y) / side() });
  });
  const end = ({ pointerId }: PointerEvent) => pointers.delete(pointerId);
  canvas.addEventListener("pointerup", (event) => {
    end(event);
    if (dragged < 6 && pointers.size === 0) open(nearest(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    },
    { passive: false },
  );
  canvas.addEventListener("focus", drawSoon);
  canvas.addEventListener("blur", drawSoon);
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 80 / side();
    const keys: Record<string, () => void> = {
      ArrowLeft: () => move({ ...view, x: view.x - step }),
      ArrowRight: () => move({ ...view, x: view.x + step }),
      ArrowUp: () => move({ ...view, y: view.y - step }),
      ArrowDown: () => move({ ...view, y: view.y + step }),
      "+": () => zoomAt(1.5),
      "=": () => zoomAt(1.5),
      "-": () => zoomAt(1 / 1.5),
      "0": () => move(WHOLE),
      Enter: () => open(middle),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  new ResizeObserver(() => {
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    drawSoon();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    paint = quiet();
    drawSoon();
  });
  return {
    show(state) {
      view = state.atlas ?? WHOLE;
      drawSoon();
    },
  };
}

/**
 * Sheets of pictures by number, loaded when one is first asked for; those that were not used for longest are let go. While the plane is moved and not zoomed, tiles are
 * copies of the size that is shown: scaling each anew would be most of a frame.
 */
function sheetCache({ columns, tile }: PageData["manifest"]["sprite"], loaded: () => void) {
  const sheets = new Map<number, HTMLImageElement>();
  const copies = new Map<number, HTMLCanvasElement>();
  let [pixels, isSteady] = [0, false];
  return {
    /** Before a frame: edge of its tiles, device pixels. */
    begin(edge: number) {
      isSteady = edge === pixels;
      pixels = edge;
      if (!isSteady) copies.clear();
    },
    /** A picture with its corner at (left, top), `size` across, in the context's units. */
    draw(context: CanvasRenderingContext2D, picture: number, left: number, top: number, size: number) {
      if (picture < 0) return;
      const copy = copies.get(picture);
      if (copy) return void context.drawImage(copy, left, top, size, size);
      const number = Math.floor(picture / columns ** 2);
      let sheet = sheets.get(number);
      if (sheet) sheets.delete(number);
      else {
        sheet = new Image();
        sheet.onload = loaded;
        sheet.src = fileUrl(`sprites/${number}.webp`);
      }
      sheets.set(number, sheet);
      if (sheets.size > SHEETS) sheets.delete(sheets.keys().next().value as number);
      if (!sheet.complete || sheet.naturalWidth === 0) return;
      const place = picture % columns ** 2;
      // Half a pixel less at each side: smoothing would let the neighbours in.
      const [x, y] = [tile * (place % columns) + 0.5, tile * Math.floor(place / columns) + 0.5];
      if (!isSteady) return void context.drawImage(sheet, x, y, tile - 1, tile - 1, left, top, size, size);
      const made = document.createElement("canvas");
      made.width = made.height = pixels;
      made.getContext("2d")?.drawImage(sheet, x, y, tile - 1, tile - 1, 0, 0, pixels, pixels);
      context.drawImage(made, left, top, size, size);
      copies.set(picture, made);
      if (copies.size * pixels ** 2 > COPIED) copies.delete(copies.keys().next().value as number);
    },
  };
}
