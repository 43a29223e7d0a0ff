/** All features as points: log10 density across, log10 mean activation up, coloured by label entropy. Click opens, dragging selects. */
import type { PageData } from "./data";
import { byId, element } from "./dom";
import { dotLayer } from "./dots";
import { colour, GRADIENT, paints, range, ticks } from "./scale";
import type { Box, State } from "./state";

const MARGIN = { left: 60, right: 12, top: 10, bottom: 38 };
/** Colours of the scale, from 0 to 1. */
const SCALE = Array.from({ length: 256 }, (_, i) => colour(i / 255));
/** How far from a point a click still means it, CSS pixels. */
const REACH = 14;

export interface FeatureMap {
  show(state: State, order: Int32Array): void;
}

export function featureMap(
  { manifest, columns }: PageData,
  change: (part: Partial<State>) => void,
): FeatureMap {
  const canvas = element("canvas", {
    role: "img",
    "aria-label": `Map of ${manifest.features} features: log10 density against log10 mean activation, coloured by label entropy. The list beside it has the same features.`,
  });
  const [low, high] = range(columns.entropy, 0);
  const gradient = element("i");
  gradient.style.background = GRADIENT;
  const legend = element(
    "div",
    { class: "legend" },
    "label entropy (nats)",
    element("span", {}, low.toFixed(1)),
    gradient,
    element("span", {}, high.toFixed(1)),
  );
  byId("map").append(legend, canvas);
  const xs = columns.density.map(Math.log10);
  const ys = columns.meanActivation.map(Math.log10);
  const [bounds, points] = [{ x: range(xs), y: range(ys) }, document.createElement("canvas")];
  let state: State | undefined;
  let order: Int32Array = new Int32Array();
  let [width, height] = [0, 0];
  const across = (x: number) =>
    MARGIN.left + ((x - bounds.x[0]) / (bounds.x[1] - bounds.x[0])) * (width - MARGIN.left - MARGIN.right);
  const up = (y: number) =>
    height -
    MARGIN.bottom -
    ((y - bounds.y[0]) / (bounds.y[1] - bounds.y[0])) * (height - MARGIN.top - MARGIN.bottom);
  const valueX = (px: number) =>
    bounds.x[0] + ((px - MARGIN.left) / (width - MARGIN.left - MARGIN.right)) * (bounds.x[1] - bounds.x[0]);
  const valueY = (px: number) =>
    bounds.y[0] +
    ((height - MARGIN.bottom - px) / (height - MARGIN.top - MARGIN.bottom)) * (bounds.y[1] - bounds.y[0]);

  /** Axes and points, drawn when the list or the size changes; selection and the open feature are drawn over a copy of it. */
  const drawPoints = () => {
    const context = prepare(points);
    const style = getComputedStyle(document.documentElement);
    const [text, line] = [style.getPropertyValue("--quiet"), style.getPropertyValue("--line")];
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    for (const x of ticks(bounds.x, Math.max(2, Math.floor(width / 90)))) {
      context.fillStyle = line;
      context.fillRect(Math.round(across(x)), MARGIN.top, 1, height - MARGIN.top - MARGIN.bottom);
      context.fillStyle = text;
      context.fillText(String(x).replace("-", "−"), across(x), height - MARGIN.bottom + 15);
    }
    context.textAlign = "right";
    for (const y of ticks(bounds.y, Math.max(2, Math.floor(height / 60)))) {
      context.fillStyle = line;
      context.fillRect(MARGIN.left, Math.round(up(y)), width - MARGIN.left - MARGIN.right, 1);
      context.fillStyle = text;
      context.fillText(String(y).replace("-", "−"), MARGIN.left - 6, up(y) + 4);
    }
    context.fillStyle = text;
    context.textAlign = "center";
    context.fillText(
      "log₁₀ density (share of pictures)",
      (MARGIN.left + width - MARGIN.right) / 2,
      height - 6,
    );
    context.save();
    context.translate(12, (MARGIN.top + height - MARGIN.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("log₁₀ mean activation (units)", 0, 0);
    context.restore();
    context.drawImage(dots(line, text), 0, 0, width, height);
  };
  const dots = (line: string, text: string) => {
    const ratio = window.devicePixelRatio;
    const side = Math.round((manifest.features > 20_000 ? 2 : 3) * ratio);
    const layer = document.createElement("canvas");
    [layer.width, layer.height] = [points.width, points.height];
    const drawn = dotLayer(layer.width, layer.height);
    const dot = (feature: number, paint: number) =>
      drawn.dot(across(xs[feature]) * ratio, up(ys[feature]) * ratio, side, paint);
    const { entropy } = columns;
    const [grey, quiet, ...scale] = paints([line, text, ...SCALE]);
    if (order.length < manifest.features)
      for (let feature = 0; feature < manifest.features; feature++) dot(feature, grey);
    for (const feature of order) {
      const share = (entropy[feature] - low) / (high - low);
      dot(feature, Number.isNaN(share) ? quiet : scale[Math.round(share * (scale.length - 1))]);
    }
    layer.getContext("2d")?.putImageData(drawn.image, 0, 0);
    return layer;
  };
  const prepare = (target: HTMLCanvasElement) => {
    const ratio = window.devicePixelRatio;
    [target.width, target.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = target.getContext("2d");
    if (!context) throw new Error("internal: no two-dimensional canvas");
    context.scale(ratio, ratio);
    return context;
  };
  const draw = (box = state?.box) => {
    const context = prepare(canvas);
    if (width === 0) return;
    context.drawImage(points, 0, 0, width, height);
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.lineWidth = 2;
    if (box) {
      context.save();
      context.beginPath();
      context.rect(
        MARGIN.left,
        MARGIN.top,
        width - MARGIN.left - MARGIN.right,
        height - MARGIN.top - MARGIN.bottom,
      );
      context.clip();
      context.strokeRect(
        across(box.left),
        up(box.top),
        across(box.right) - across(box.left),
        up(box.bottom) - up(box.top),
      );
      context.restore();
    }
    if (state?.feature !== undefined && Number.isFinite(xs[state.feature])) {
      context.beginPath();
      context.arc(across(xs[state.feature]), up(ys[state.feature]), 7, 0, 2 * Math.PI);
      context.stroke();
    }
  };
  const resize = () => {
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    drawPoints();
    draw();
  };
  new ResizeObserver(resize).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", resize);

  const nearest = (px: number, py: number) => {
    let [best, distance] = [-1, REACH ** 2];
    for (const feature of order) {
      const squared = (across(xs[feature]) - px) ** 2 + (up(ys[feature]) - py) ** 2;
      if (squared < distance) [best, distance] = [feature, squared];
    }
    return best;
  };
  let from: { x: number; y: number } | undefined;
  const boxTo = (x: number, y: number): Box => ({
    left: valueX(Math.min(from?.x ?? x, x)),
    right: valueX(Math.max(from?.x ?? x, x)),
    bottom: valueY(Math.max(from?.y ?? y, y)),
    top: valueY(Math.min(from?.y ?? y, y)),
  });
  canvas.addEventListener("pointerdown", (event) => {
    from = { x: event.offsetX, y: event.offsetY };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    if (from) draw(boxTo(offsetX, offsetY));
    else canvas.style.cursor = nearest(offsetX, offsetY) >= 0 ? "pointer" : "crosshair";
  });
  canvas.addEventListener("pointerup", ({ offsetX, offsetY }) => {
    if (!from) return;
    const box = boxTo(offsetX, offsetY);
    const isDrag = Math.abs(offsetX - from.x) > 5 && Math.abs(offsetY - from.y) > 5;
    from = undefined;
    if (isDrag) return change({ box });
    const feature = nearest(offsetX, offsetY);
    draw();
    if (feature >= 0) change({ feature });
  });
  canvas.addEventListener("pointercancel", () => {
    from = undefined;
    draw();
  });
  return {
    show(next, nextOrder) {
      const changed = order !== nextOrder;
      [state, order] = [next, nextOrder];
      if (changed && width > 0) drawPoints();
      draw();
    },
  };
}
